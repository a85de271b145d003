//! Aliases, lists, new addresses and vacations of an accounts file: what is read, and what it changes in a store.

use delivery::list::{Joining, Posting, Settings};
use delivery::vacation;
use mailstore::Change;

use super::reconcile::{Store, mailbox, reconciled};
use super::*;

fn alias(address: &str, to: &[&str]) -> String {
    format!("[[alias]]\naddress = {address:?}\nto = {to:?}\n")
}

fn staff(members: &[&str], more: &str) -> String {
    format!(
        "[[list]]\naddress = \"staff@example.test\"\nowners = [\"alice@example.test\"]\nmembers = {members:?}\n{more}\n"
    )
}

impl Store {
    fn list(&self, address: &str) -> Settings {
        let stored = self.stored();
        let list = stored
            .lists
            .iter()
            .find(|list| list.address.key() == address);
        serde_json::from_str(&list.unwrap().settings).unwrap()
    }

    fn members(&self) -> Vec<String> {
        let list = self.list("staff@example.test");
        list.members.iter().map(ToString::to_string).collect()
    }

    fn put_list(&self, list: &Settings) {
        let list = mailstore::StoredList {
            address: list.address.clone(),
            settings: serde_json::to_string(list).unwrap(),
        };
        self.change(mailstore::Change::PutList(list)).unwrap();
    }

    /// As if they had joined and left by mail.
    fn put_members(&self, members: &[&str]) {
        let mut list = self.list("staff@example.test");
        list.members = members.iter().map(|member| mailbox(member)).collect();
        self.put_list(&list);
    }

    fn vacation(&self) -> Option<vacation::Settings> {
        let account = self.account("alice@example.test");
        let text = account.handling.vacation?;
        Some(serde_json::from_str(&text).unwrap())
    }
}

#[test]
fn says_what_is_wrong_with_aliases_lists_and_vacations() {
    bad(
        &(alice("") + &alias("team@foreign.test", &[])),
        &[
            "accounts.toml:6: address: team@foreign.test is in none of the domains of this server",
            "accounts.toml:7: to: name at least one address that mail for this alias goes to",
        ],
    );
    bad(
        &(alice("") + "[[alias]]\nto = [\"alice@example.test\"]\nfor = \"x\""),
        &[
            "accounts.toml:7: unknown key \"alias.for\"",
            "accounts.toml:5: address is missing",
        ],
    );
    bad(
        &(alice("") + &alias("alice@example.test", &["a@far.test"])),
        &["accounts.toml:5: address: alice@example.test is declared at accounts.toml:1 already"],
    );
    bad(
        &(alice("")
            + &staff(&[], "posting = \"all\"").replace("owners = [\"alice@example.test\"]\n", "")),
        &[
            "accounts.toml:8: posting: \"all\" is none of \"anyone\", \"members\", \"authenticated\", \"moderated\"",
            "accounts.toml:5: a list needs an owner, who hears of bounces",
        ],
    );
    bad(
        &(alice("aliases = [\"staff@example.test\"]") + &staff(&[], "")),
        &["accounts.toml:1: aliases: staff@example.test is a list, declared at accounts.toml:5"],
    );
    bad(
        &(alice("") + "[list]\n"),
        &["accounts.toml:5: write [[list]], with two pairs of brackets, above each list"],
    );
    bad(
        &alice("refer = \"a@far.test\"\nforward = [\"b@far.test\"]"),
        &[
            "accounts.toml:4: refer: mail cannot be both refused with a new address and forwarded; keep refer or forward",
        ],
    );
    let way = "write [account.vacation] below the account, and text = \"...\" below that";
    bad(
        &alice("vacation = \"Away\""),
        &[&format!("accounts.toml:4: vacation: {way}")],
    );
    for (section, message) in [
        (
            "text = \" \"",
            "the text of the vacation reply is empty; write what senders should know",
        ),
        (
            "text = \"Away\"\nuntill = 2027-08-14",
            "unknown key \"untill\"; did you mean \"until\"?",
        ),
        (
            "text = \"Away\"\nuntil = \"Friday\"",
            "until: \"Friday\" is no date; write one such as 2027-08-01 or 2027-08-01T12:00:00Z",
        ),
        (
            "text = \"Away\"\nperiod = \"1h\"",
            "the vacation reply may be repeated to one sender once a day at most; choose a longer period",
        ),
        (
            "text = \"Away\"\nfrom = 2027-08-14\nuntil = 2027-08-01",
            "the vacation ends before it begins; check both dates",
        ),
        (
            "text = \"Away\"\naddress = \"bob@example.test\"",
            "address: bob@example.test is neither the address of this account nor one of its aliases",
        ),
    ] {
        bad(
            &alice(&format!("[account.vacation]\n{section}")),
            &[&format!("accounts.toml:4: vacation: {message}")],
        );
    }
}

#[tokio::test]
async fn an_alias_leads_to_many_here_and_elsewhere_until_it_is_not_declared_any_more() {
    let (office, store) = (Office::new(""), Store::default());
    let file = |aliases: &str| alice("aliases = [\"info@example.test\"]") + aliases;
    let team = alias(
        "team@example.test",
        &["alice@example.test", "friend@far.test"],
    );
    let all = alias("*@other.test", &["team@example.test"]);
    let both = file(&format!("{team}{all}"));
    let report = reconciled(&office, &store, &both).await.unwrap();
    assert_eq!(report.aliases_put.len(), 3);
    assert_eq!(
        store.alias("team@example.test").unwrap(),
        ["alice@example.test", "friend@far.test"]
    );
    assert_eq!(store.alias("*@other.test").unwrap(), ["team@example.test"]);
    let again = reconciled(&office, &store, &both).await.unwrap();
    assert_eq!(
        again,
        Report {
            unchanged: 1,
            ..Report::default()
        }
    );
    // Somebody was added by hand, and stays when the file names others; so does what an account declares.
    let mut by_hand = store.stored().aliases;
    for alias in &mut by_hand {
        alias.targets.push(mailbox("hand@far.test"));
        store
            .change(mailstore::Change::PutAlias(alias.clone()))
            .unwrap();
    }
    let other = alias("team@example.test", &["new@far.test"])
        + &alias("info@example.test", &["x@far.test"]);
    reconciled(&office, &store, &file(&other)).await.unwrap();
    assert_eq!(
        store.alias("team@example.test").unwrap(),
        ["hand@far.test", "new@far.test"]
    );
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["alice@example.test", "hand@far.test", "x@far.test"]
    );
    reconciled(&office, &store, &file("")).await.unwrap();
    assert_eq!(store.alias("team@example.test").unwrap(), ["hand@far.test"]);
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["alice@example.test", "hand@far.test"]
    );
}

#[test]
fn aliases_of_the_file_that_lead_in_a_circle_are_told_with_their_line() {
    let wrong = |from: u32, first: &str, way: &str| {
        format!(
            "accounts.toml:{from}: to: mail for {first} would go in a circle ({way}); take one of these aliases out, or let it lead to an account"
        )
    };
    let (x1, x2, x3) = ("x1@example.test", "X2@example.test", "x3@example.test");
    bad(
        &(alice("") + &alias(x1, &[x1])),
        &[&wrong(5, x1, &format!("{x1} to {x1}"))],
    );
    let longer = alias(x1, &["alice@example.test", "x2+new@example.test"])
        + &alias("in@example.test", &[x1])
        + &alias(x2, &[x3])
        + &alias(x3, &[x1]);
    bad(
        &(alice("") + &longer),
        &[&wrong(
            5,
            x1,
            &format!("{x1} to x2+new@example.test to {x3} to {x1}"),
        )],
    );
    // Whoever is an account is an end.
    let ends = alice("forward = [\"x1@example.test\"]") + &alias(x1, &["alice@example.test"]);
    assert!(Office::new(&ends).load().unwrap().warnings.is_empty());
    let kept = ends.replace("forward", "keep = false\nforward");
    assert_eq!(
        Office::new(&kept).load().unwrap().warnings.len(),
        1,
        "{kept}"
    );
}

#[tokio::test]
async fn a_circle_with_an_alias_made_by_hand_leaves_that_alias_out() {
    let office = Office::new("");
    let store = Store::default();
    store
        .change(Change::PutAlias(stored(
            "x2@example.test",
            "x1@example.test",
        )))
        .unwrap();
    let file = alice("") + &alias("x1@example.test", &["x2@example.test"]);
    let report = reconciled(&office, &store, &file).await.unwrap();
    assert_eq!(report.aliases_in_circles, [mailbox("x1@example.test")]);
    assert_eq!(store.alias("x1@example.test"), None);
    // It is made as soon as it leads somewhere.
    store
        .change(Change::RemoveAlias(mailbox("x2@example.test")))
        .unwrap();
    store
        .change(Change::PutAlias(stored(
            "x2@example.test",
            "alice@example.test",
        )))
        .unwrap();
    let report = reconciled(&office, &store, &file).await.unwrap();
    assert!(report.aliases_in_circles.is_empty());
    assert_eq!(store.alias("x1@example.test").unwrap(), ["x2@example.test"]);
}

#[tokio::test]
async fn aliases_of_the_file_can_turn_round() {
    let office = Office::new("");
    let store = Store::default();
    let file = |first: &str, second: &str| {
        alice("") + &alias("x1@example.test", &[first]) + &alias("x2@example.test", &[second])
    };
    let before = file("x2@example.test", "alice@example.test");
    reconciled(&office, &store, &before).await.unwrap();
    let after = file("alice@example.test", "x1@example.test");
    let report = reconciled(&office, &store, &after).await.unwrap();
    assert!(report.aliases_in_circles.is_empty());
    assert_eq!(store.alias("x2@example.test").unwrap(), ["x1@example.test"]);
}

fn stored(address: &str, to: &str) -> Alias {
    Alias {
        address: mailbox(address),
        targets: vec![mailbox(to)],
    }
}

#[tokio::test]
async fn an_alias_that_nothing_is_left_of_is_removed() {
    let (office, store) = (Office::new(""), Store::default());
    let team = alias("team@example.test", &["friend@far.test"]);
    reconciled(&office, &store, &(alice("") + &team))
        .await
        .unwrap();
    let report = reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(report.aliases_removed, [mailbox("team@example.test")]);
    assert_eq!(store.alias("team@example.test"), None);
}

#[tokio::test]
async fn whoever_joins_and_leaves_a_list_in_between_has_the_last_word() {
    let (office, store) = (Office::new(""), Store::default());
    let file = |members: &[&str], more: &str| alice("") + &staff(members, more);
    let two = ["alice@example.test", "friend@far.test"];
    let more = "name = \"Staff\"\nposting = \"anyone\"\njoining = \"open\"";
    let report = reconciled(&office, &store, &file(&two, more))
        .await
        .unwrap();
    assert_eq!(report.lists_put, [mailbox("staff@example.test")]);
    let list = store.list("staff@example.test");
    assert_eq!(
        (list.name.as_str(), list.posting, list.joining),
        ("Staff", Posting::Anyone, Joining::Open)
    );
    assert_eq!(store.members(), two);
    // The friend leaves, and somebody joins.
    store.put_members(&["alice@example.test", "joined@far.test"]);
    let report = reconciled(&office, &store, &file(&two, more))
        .await
        .unwrap();
    assert_eq!(report.lists_put, []);
    assert_eq!(store.members(), ["alice@example.test", "joined@far.test"]);
    // What the file says for the first time is done, and what it says no more is over.
    let others = ["friend@far.test", "new@far.test"];
    reconciled(&office, &store, &file(&others, ""))
        .await
        .unwrap();
    assert_eq!(store.members(), ["joined@far.test", "new@far.test"]);
    assert_eq!(store.list("staff@example.test").joining, Joining::Closed);
    // A list that is taken out of the file stays, which is said once.
    let left = reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(left.lists_left, [mailbox("staff@example.test")]);
    assert_eq!(store.members().len(), 2);
    let again = reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(again.lists_left, []);
}

#[tokio::test]
async fn addresses_are_one_thing_only_and_lead_somewhere() {
    for (more, message) in [
        (
            alias(
                "team@example.test",
                &["nobody@example.test", "alice+x@example.test"],
            ),
            "accounts.toml:5: to: nobody@example.test is neither an account nor an alias nor a list here; correct it, or \
             declare it, too",
        ),
        (
            "forward = [\"nobody@example.test\"]\n".to_owned(),
            "accounts.toml:1: forward: nobody@example.test is neither an account nor an alias nor a list here; correct it, or \
             declare it, too",
        ),
        (
            staff(&["staff-owner@other.test"], ""),
            "accounts.toml:5: members: staff-owner@other.test is neither an account nor an alias nor a list here; correct \
             it, or declare it, too",
        ),
        (
            staff(&[], "") + &alias("staff-owner@example.test", &["alice@example.test"]),
            "accounts.toml:10: address: staff-owner@example.test belongs to the list staff@example.test; choose another, or \
             remove that: tegami list remove staff@example.test",
        ),
        (
            alias("hand@example.test", &["alice@example.test"]),
            "accounts.toml:5: address: hand@example.test is an account already; `tegami account remove hand@example.test` \
             would delete it with its mail",
        ),
    ] {
        let (office, store) = (Office::new(""), Store::default());
        let hand = mailstore::NewAccount::new(mailbox("hand@example.test"));
        store.change(mailstore::Change::AddAccount(hand)).unwrap();
        let error = reconciled(&office, &store, &(alice("") + &more)).await;
        assert_eq!(error.unwrap_err(), message);
        assert_eq!(store.stored().accounts.len(), 1, "nothing was changed");
    }
}

#[tokio::test]
async fn a_new_address_and_a_vacation_end_with_their_declaration_and_stay_when_made_by_hand() {
    let (office, store) = (Office::new(""), Store::default());
    let away = "[account.vacation]\ntext = \"\"\"\nBack soon.\nAlice\n\"\"\"\nsubject = \"Away\"\nuntil = 2027-08-14T12:00:00Z\nperiod = \"3d\"";
    reconciled(&office, &store, &alice(away)).await.unwrap();
    let settings = store.vacation().unwrap();
    assert_eq!(
        (settings.text.as_str(), settings.subject.as_deref()),
        ("Back soon.\nAlice\n", Some("Away"))
    );
    assert_eq!(
        (settings.until, settings.period),
        (Some(1_818_244_800), 3 * 86_400)
    );
    let again = reconciled(&office, &store, &alice(away)).await.unwrap();
    assert_eq!(again.unchanged, 1);
    let moved = "refer = \"alice@new.test\"\nvacation = { text = \"Away\" }";
    reconciled(&office, &store, &alice(moved)).await.unwrap();
    let handling = store.account("alice@example.test").handling;
    assert_eq!(handling.moved, Some(mailbox("alice@new.test")));
    assert_eq!(store.vacation().unwrap().text, "Away");
    reconciled(&office, &store, &alice("")).await.unwrap();
    let handling = store.account("alice@example.test").handling;
    assert_eq!((handling.moved, handling.vacation), (None, None));
    store.edit("alice@example.test", |alice| {
        alice.handling.moved = Some(mailbox("alice@new.test"));
        alice.handling.vacation = Some("{}".to_owned());
    });
    let report = reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(report.unchanged, 1);
}

#[tokio::test]
async fn a_damaged_memory_takes_nothing_away() {
    let (office, store) = (Office::new(""), Store::default());
    let team = alias("team@example.test", &["friend@far.test"]);
    reconciled(&office, &store, &(alice("") + &team))
        .await
        .unwrap();
    fs::write(office.0.path().join("declared.json"), "{\"aliases\":").unwrap();
    reconciled(&office, &store, &alice("")).await.unwrap();
    assert!(store.alias("team@example.test").is_some());
}

#[tokio::test]
async fn where_what_was_declared_is_not_known_any_more_nobody_comes_back_onto_a_list() {
    for lost in [None, Some("{\"lists\":")] {
        let (office, store) = (Office::new(""), Store::default());
        let two = ["bob@far.test", "friend@far.test"];
        let file = |members: &[&str]| alice("") + &staff(members, "");
        reconciled(&office, &store, &file(&two)).await.unwrap();
        // The friend leaves, and a backup without the memory is restored.
        store.put_members(&["bob@far.test"]);
        let memory = office.0.path().join("declared.json");
        match lost {
            None => fs::remove_file(&memory).unwrap(),
            Some(text) => fs::write(&memory, text).unwrap(),
        }
        let more = ["bob@far.test", "friend@far.test", "new@far.test"];
        let report = reconciled(&office, &store, &file(&more)).await.unwrap();
        assert_eq!(store.members(), ["bob@far.test"]);
        let away = ["friend@far.test", "new@far.test"].map(mailbox).to_vec();
        assert_eq!(report.not_joined, [(mailbox("staff@example.test"), away)]);
        // From here on it is known.
        let last = ["bob@far.test", "friend@far.test", "last@far.test"];
        let report = reconciled(&office, &store, &file(&last)).await.unwrap();
        assert_eq!(store.members(), ["bob@far.test", "last@far.test"]);
        assert_eq!(report.not_joined, []);
    }
}

#[tokio::test]
async fn a_reload_without_a_memory_that_is_cut_off_leaves_one_to_go_by() {
    let (office, store) = (Office::new(""), Store::default());
    let file = |more: &str| alice("") + &staff(&["bob@far.test", "friend@far.test"], more);
    reconciled(&office, &store, &file("")).await.unwrap();
    store.put_members(&["bob@far.test"]);
    fs::remove_file(office.0.path().join("declared.json")).unwrap();
    store.fill(true);
    let named = file("name = \"Staff\"");
    reconciled(&office, &store, &named).await.unwrap_err();
    store.fill(false);
    reconciled(&office, &store, &named).await.unwrap();
    assert_eq!(store.list("staff@example.test").name, "Staff");
    assert_eq!(store.members(), ["bob@far.test"]);
}

#[tokio::test]
async fn a_list_made_by_hand_takes_in_whom_the_first_accounts_file_names() {
    let (office, store) = (Office::new(""), Store::default());
    let by_hand = r#"{"address":"staff@example.test","owners":["alice@example.test"]}"#;
    store.put_list(&serde_json::from_str(by_hand).unwrap());
    store.put_members(&["bob@far.test"]);
    let file = alice("") + &staff(&["friend@far.test"], "");
    reconciled(&office, &store, &file).await.unwrap();
    assert_eq!(store.members(), ["bob@far.test", "friend@far.test"]);
}

#[tokio::test]
async fn an_alias_that_was_made_before_the_end_was_written_down_is_known_to_be_declared() {
    let (office, store) = (Office::new(""), Store::default());
    reconciled(&office, &store, &alice("aliases = [\"info@example.test\"]"))
        .await
        .unwrap();
    // The directory takes the aliases, and then no more of the memory.
    let unwritable = office.0.path().join("declared.json.new");
    let team = alias("team@example.test", &["friend@far.test"]);
    reconciled(&office, &store, &(alice("") + &team))
        .await
        .unwrap();
    fs::create_dir(&unwritable).unwrap();
    let other = alias("team@example.test", &["other@far.test"]);
    let error = reconciled(&office, &store, &(alice("") + &other))
        .await
        .unwrap_err();
    assert!(
        error.starts_with("declared.json in the data directory"),
        "{error}"
    );
    assert_eq!(
        store.alias("team@example.test").unwrap(),
        ["friend@far.test"],
        "nothing was changed"
    );
    fs::remove_dir(&unwritable).unwrap();
    reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(store.alias("team@example.test"), None);
}
