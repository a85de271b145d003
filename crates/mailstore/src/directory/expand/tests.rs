//! Where mail goes, as a table: everything an address can lead to.

use address::Mailbox;

use super::super::Directory;
use super::{Expansion, Leads, MOST_PLACES, Unresolvable};
use crate::account::{Alias, Change, ChangeError, NewAccount};
use crate::handling::{Forward, Handling, ListAddress, StoredList};

fn at(local: &str) -> Mailbox {
    let host = if local.contains('@') { "" } else { "@x.test" };
    format!("{local}{host}").parse().unwrap()
}

fn account(name: &str, handling: Handling) -> Change {
    Change::AddAccount(NewAccount {
        handling,
        ..NewAccount::new(at(name))
    })
}

fn plain(name: &str) -> Change {
    account(name, Handling::default())
}

fn alias(name: &str, targets: &[&str]) -> Change {
    Change::PutAlias(Alias {
        address: at(name),
        targets: targets.iter().map(|target| at(target)).collect(),
    })
}

fn list(name: &str) -> Change {
    Change::PutList(StoredList {
        address: at(name),
        settings: "{}".to_owned(),
    })
}

fn forward(name: &str, keep: bool, to: &[&str]) -> Change {
    let forward = Forward {
        to: to.iter().map(|to| at(to)).collect(),
        keep,
        disclosed: false,
    };
    account(
        name,
        Handling {
            forward: Some(forward),
            ..Handling::default()
        },
    )
}

fn changed(directory: &Directory, changes: Vec<Change>) -> Result<Directory, ChangeError> {
    let mut next = directory.clone();
    for decision in directory.decide(changes)? {
        next.apply(&decision);
    }
    Ok(next)
}

/// Everything there is, in one place.
fn town() -> Directory {
    let disabled = NewAccount {
        enabled: false,
        ..NewAccount::new(at("off"))
    };
    let mut sender = NewAccount::new(at("sender"));
    sender.terms.mailbox = false;
    let disclosed = Forward {
        to: vec![at("new@far.test")],
        keep: false,
        disclosed: true,
    };
    let changes = vec![
        plain("alice"),
        plain("bob"),
        Change::AddAccount(disabled),
        Change::AddAccount(sender),
        // Forwards.
        forward("away", false, &["a@far.test"]),
        forward("both", true, &["a@far.test", "bob"]),
        forward("self", false, &["self+copy", "a@far.test"]),
        forward("round", false, &["trip"]),
        forward("trip", false, &["round"]),
        forward("rounds", false, &["circle"]),
        forward("dead", false, &["off"]),
        forward("joins", true, &["staff", "staff-request"]),
        account(
            "told",
            Handling {
                forward: Some(disclosed),
                ..Handling::default()
            },
        ),
        account(
            "moved",
            Handling {
                moved: Some(at("moved@far.test")),
                ..Handling::default()
            },
        ),
        account(
            "beach",
            Handling {
                vacation: Some("{}".to_owned()),
                ..Handling::default()
            },
        ),
        list("staff"),
        // Aliases.
        alias("info", &["alice", "bob", "b@far.test"]),
        alias(
            "all",
            &["info", "bob", "both", "off", "beach", "b@far.test"],
        ),
        alias("circle", &["rounds"]),
        alias("offs", &["off"]),
        alias("senders", &["sender"]),
        alias("left", &["moved"]),
        alias("some", &["moved", "alice"]),
        alias("tells", &["told"]),
        alias("post", &["staff", "Staff-Owner"]),
        alias("away+list", &["alice"]),
        alias("nobody", &["who"]),
        // Another host, where somebody gets all the rest.
        plain("carol@y.test"),
        alias("*@y.test", &["carol@y.test", "rest@y.test", "all@far.test"]),
    ];
    changed(&Directory::default(), changes).unwrap()
}

#[test]
fn who_is_disabled_is_named_whoever_leads_there() {
    let directory = town();
    for from in ["off", "dead", "offs"] {
        assert_eq!(directory.expand(&at(from)), Expansion::Disabled);
        assert_eq!(directory.disabled_behind(&at(from)), [at("off")]);
    }
    assert!(directory.disabled_behind(&at("alice")).is_empty());
}

/// What becomes of mail, in few words: mailboxes, then lists, then what is elsewhere, each with the way to it.
fn told(directory: &Directory, address: &str) -> String {
    let way = |through: &[Mailbox]| {
        let names = through.iter().map(|one| one.local.to_string());
        names.fold(String::new(), |way, name| format!("{way}{name}>"))
    };
    let Leads {
        mailboxes,
        away,
        lists,
        vacations,
        disclosed,
        passed_over,
        accounts: _,
    } = match directory.expand(&at(address)) {
        Expansion::Leads(leads) => leads,
        Expansion::Moved(to) => return format!("moved {to}"),
        Expansion::Disabled => return "disabled".to_owned(),
        Expansion::Unknown => return "unknown".to_owned(),
        Expansion::Unresolvable(why) => return format!("{why:?}"),
    };
    let name = |id| directory.account(id).unwrap().address.local.to_string();
    let mut all = Vec::new();
    for one in mailboxes {
        all.push(format!("{}{}", way(&one.through), name(one.account)));
    }
    for one in lists {
        let what = match one.address {
            ListAddress::Post => String::new(),
            what @ (ListAddress::Request | ListAddress::Bounces | ListAddress::Owner) => {
                format!("/{what:?}")
            }
        };
        all.push(format!("{}[{}{what}]", way(&one.through), one.list.local));
    }
    for one in away {
        assert!(
            !one.through.is_empty(),
            "nobody sends it to {}",
            one.address
        );
        all.push(format!("{}{}", way(&one.through), one.address));
    }
    all.extend(disclosed.map(|to| format!("tell {to}")));
    all.extend(
        vacations
            .into_iter()
            .map(|id| format!("vacation {}", name(id))),
    );
    all.extend(
        passed_over
            .into_iter()
            .map(|(who, _)| format!("not {}", who.local)),
    );
    all.join(", ")
}

#[test]
fn mail_goes_where_it_should() {
    let town = town();
    for (address, expected) in [
        ("alice", "alice"),
        ("ALICE+x", "alice"),
        ("who", "unknown"),
        ("alice@far.test", "unknown"),
        ("off", "disabled"),
        ("offs", "disabled"),
        ("sender", "unknown"),
        ("senders", "unknown"),
        // Forwards, with and without a copy here.
        ("away", "away>a@far.test"),
        ("away+tag", "away>a@far.test"),
        ("away+list", "away+list>alice"),
        ("both", "both, both>bob, both>a@far.test"),
        // One that leads back to itself keeps one copy.
        ("self", "self, self>a@far.test"),
        ("round", "round"),
        ("trip", "trip"),
        ("rounds", "rounds"),
        ("circle", "circle>rounds"),
        ("dead", "disabled"),
        // What is said to senders.
        ("told", "told>new@far.test, tell new@far.test"),
        ("told+x", "told>new@far.test, tell new@far.test"),
        ("tells", "tells>told>new@far.test"),
        ("moved", "moved moved@far.test"),
        ("left", "moved moved@far.test"),
        ("some", "some>alice, not moved"),
        ("beach", "beach, vacation beach"),
        // Lists.
        ("staff", "[staff]"),
        ("STAFF-request", "[staff/Request]"),
        ("staff-bounces", "[staff/Bounces]"),
        ("staff-owner", "[staff/Owner]"),
        ("staff+x", "[staff]"),
        ("staff-admin", "unknown"),
        ("post", "post>[staff], post>[staff/Owner]"),
        ("joins", "joins, joins>[staff], joins>[staff/Request]"),
        // Aliases; everybody once.
        ("info", "info>alice, info>bob, info>b@far.test"),
        (
            "all",
            "all>info>alice, all>info>bob, all>both, all>beach, all>info>b@far.test, \
             all>both>a@far.test, vacation beach",
        ),
        ("nobody", "nobody>who@x.test"),
        // The catch-all is asked last, and does not stand for whom it names.
        ("carol@y.test", "carol"),
        ("carol+x@y.test", "carol"),
        ("any@y.test", "*>carol, *>rest@y.test, *>all@far.test"),
        ("*@y.test", "*>carol, *>rest@y.test, *>all@far.test"),
        // Postmaster is never misspelt.
        ("Postmaster@y.test", "unknown"),
        ("postmaster+x@y.test", "unknown"),
    ] {
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(told(&town, address), expected, "{address}");
    }
}

/// What a pause or a limit is asked of: everybody whose mail it is, whether a copy stays or not.
#[test]
fn accounts_that_only_forward_are_asked_too() {
    let town = town();
    for (address, expected) in [
        ("away", vec!["away"]),
        ("both", vec!["both", "bob"]),
        ("tells", vec!["told"]),
        ("staff", vec![]),
    ] {
        let Expansion::Leads(leads) = town.expand(&at(address)) else {
            panic!("{address}");
        };
        let names = leads.accounts.iter().map(|id| {
            let account = town.account(*id).unwrap();
            account.address.local.to_string()
        });
        assert_eq!(names.collect::<Vec<_>>(), expected, "{address}");
    }
}

/// None of these can be made at once; they come of what is removed later.
#[test]
fn aliases_that_lead_round_in_a_circle_are_told_from_those_that_lead_nowhere() {
    let mut changes = vec![
        plain("end"),
        alias("one", &["end"]),
        alias("*@x.test", &["one"]),
    ];
    // A chain of 16 is followed to its end, and no longer one.
    for number in 0..20 {
        let next = format!("c{}", number + 1);
        changes.push(alias(&format!("c{number}"), &[next.as_str()]));
    }
    changes.push(plain("c20"));
    let town = changed(&Directory::default(), changes).unwrap();
    assert_eq!(told(&town, "one"), "one>end");
    let end = town.by_address(&at("end")).unwrap().id;
    let gone = changed(&town, vec![Change::RemoveAccount(end)]).unwrap();
    // `end` is for the catch-all now, and that leads back.
    assert_eq!(told(&gone, "one"), "Loop");
    assert_eq!(told(&gone, "who"), "*>one>end@x.test");
    assert!(told(&town, "c4").ends_with("c19>c20"));
    assert_eq!(told(&town, "c3"), "Loop");
}

#[test]
fn what_leads_to_too_many_is_not_followed() {
    let mut changes = Vec::new();
    let mut groups = Vec::new();
    for group in 0..11 {
        let name = format!("g{group}");
        let targets: Vec<String> = (0..1_000)
            .map(|one| format!("u{group}.{one}@far.test"))
            .collect();
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        changes.push(alias(&name, &targets));
        groups.push(name);
    }
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    changes.push(alias("most", &groups[..10]));
    changes.push(alias("more", &groups));
    let town = changed(&Directory::default(), changes).unwrap();
    let Expansion::Leads(leads) = town.expand(&at("most")) else {
        panic!("these are not too many");
    };
    assert_eq!(leads.away.len(), MOST_PLACES);
    let expected = Expansion::Unresolvable(Unresolvable::TooMany);
    assert_eq!(town.expand(&at("more")), expected);
}

#[test]
fn what_cannot_be_is_refused() {
    let town = town();
    let one = |name: &str| town.by_address(&at(name)).unwrap().clone();
    let with = |name: &str, change: &dyn Fn(&mut Handling)| {
        let mut account = one(name);
        change(&mut account.handling);
        Change::PutAccount(account)
    };
    let forward = |to: &[&str], keep, disclosed| Forward {
        to: to.iter().map(|to| at(to)).collect(),
        keep,
        disclosed,
    };
    let many: Vec<String> = (0..1_001).map(|one| format!("u{one}@far.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = |octets| "x".repeat(octets);
    let long_name = "n".repeat(57);
    for (change, expected) in [
        (list("alice"), "alice@x.test is already taken"),
        (list("info"), "info@x.test is already taken"),
        (list("staff-owner"), "staff-owner@x.test is already taken"),
        (plain("staff"), "staff@x.test is already taken"),
        (
            plain("Staff-Bounces"),
            "Staff-Bounces@x.test is already taken",
        ),
        (alias("staff", &["alice"]), "staff@x.test is already taken"),
        (
            alias("staff-request", &["alice"]),
            "staff-request@x.test is already taken",
        ),
        (
            list("a+b"),
            "a+b@x.test: an account or list address has no +detail",
        ),
        (list("*"), "*@x.test: only an alias can be a catch-all"),
        (plain("*"), "*@x.test: only an alias can be a catch-all"),
        (
            list(&long_name),
            &format!(
                "{long_name}@x.test leaves no room for the list's other addresses; choose a shorter name"
            ),
        ),
        (
            Change::PutList(StoredList {
                address: at("staff"),
                settings: long((4 << 20) + 1),
            }),
            "the settings of staff@x.test are too long",
        ),
        (
            Change::RemoveList(at("staff-owner")),
            "there is no list staff-owner@x.test",
        ),
        (
            alias("many", &many),
            "many@x.test can lead to 1000 addresses at most",
        ),
        // The catch-all would lead back.
        (alias("far@y.test", &["who@y.test", "*@y.test"]), ""),
        (
            alias("rest@y.test", &["who@y.test"]),
            "the alias rest@y.test would lead back to itself",
        ),
        (
            with("bob", &|of| of.forward = Some(forward(&[], true, false))),
            "the alias or forward of bob@x.test needs at least one address",
        ),
        (
            with("bob", &|of| {
                of.forward = Some(forward(&many[..101], true, false));
            }),
            "bob@x.test can lead to 100 addresses at most",
        ),
        (
            with("bob", &|of| {
                of.forward = Some(forward(&["a@far.test"], true, true));
            }),
            "bob@x.test can tell senders the new address only if it forwards to one address and keeps no copy",
        ),
        (
            with("bob", &|of| {
                of.forward = Some(forward(&["a@far.test", "alice"], false, true));
            }),
            "bob@x.test can tell senders the new address only if it forwards to one address and keeps no copy",
        ),
        (
            with("moved", &|of| {
                of.forward = Some(forward(&["a@far.test"], false, false));
            }),
            "moved@x.test cannot both forward mail and refer senders to another address",
        ),
        (
            with("bob", &|of| of.moved = Some(at("BOB"))),
            "bob@x.test cannot refer senders to itself",
        ),
        (
            with("bob", &|of| of.vacation = Some(long((256 << 10) + 1))),
            "the settings of bob@x.test are too long",
        ),
    ] {
        let refused = changed(&town, vec![change.clone()]);
        let refused = refused.err().map(|error| error.to_string());
        assert_eq!(refused.unwrap_or_default(), expected, "{change:.200?}");
    }
}

/// Whatever one of its addresses is, it is not free for another list, and is again once the list has gone.
#[test]
fn the_addresses_of_a_list_are_its_own_as_long_as_it_is_there() {
    let town = changed(&town(), vec![plain("new-owner")]).unwrap();
    assert!(changed(&town, vec![list("new")]).is_err());
    let gone = changed(&town, vec![Change::RemoveList(at("staff"))]).unwrap();
    for change in [
        plain("staff-owner"),
        alias("staff", &["alice"]),
        list("staff"),
    ] {
        changed(&gone, vec![change]).unwrap();
    }
    // Said again it is another one in the place of the first.
    let again = changed(&town, vec![list("STAFF")]).unwrap();
    assert_eq!(again.lists().len(), 1);
}
