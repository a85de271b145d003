//! What is said of a reload before it is done, and that it is what the reload then does.

use delivery::list::Settings;

use super::reconcile::{Store, mailbox, reconciled};
use super::*;

/// What reading this file would change, as far as it can be read.
fn compared(office: &Office, store: &Store, file: &str) -> Result<Vec<String>, String> {
    fs::write(office.0.path().join("accounts.toml"), file).unwrap();
    let (declared, stored, wanted) = (office.load()?, store.stored(), Wanted::default());
    compare(&declared, &stored, &domains(), office.0.path(), wanted).map_err(|error| {
        let here = format!("{}/", office.0.path().display());
        error.to_string().replace(&here, "")
    })
}

const TEAM: &str = "[[alias]]\naddress = \"team@example.test\"\nto = [\"bob@far.test\"]\n";

fn staff(members: &[&str]) -> String {
    format!(
        "[[list]]\naddress = \"staff@example.test\"\nowners = [\"alice@example.test\"]\nmembers = {members:?}\n"
    )
}

#[tokio::test]
async fn everything_that_a_reload_would_change_is_said_and_then_nothing() {
    let (office, store) = (Office::new(""), Store::default());
    let bob = account("address = \"bob@example.test\"\npassword_file = \"bob\"");
    let first = alice("aliases = [\"info@example.test\"]") + &bob + TEAM + &staff(&["x@far.test"]);
    let second =
        alice("name = \"Alice\"\nquota = \"1GB\"\nforward = [\"a@far.test\"]\nutf8 = true")
            + &TEAM.replace("bob@", "new@")
            + &staff(&["y@far.test"]).replace("members", "name = \"Staff\"\nmembers");
    let third = alice("");
    for (file, said) in [
        (
            &first,
            &[
                "the account alice@example.test is made",
                "the account bob@example.test is made",
                "the list staff@example.test is made",
                "the alias info@example.test is made and leads to alice@example.test",
                "the alias team@example.test is made and leads to bob@far.test",
            ][..],
        ),
        (
            &second,
            &[
                "the alias info@example.test is removed",
                "the account alice@example.test is changed: password, name, quota, aliases, forward",
                "the account bob@example.test is switched off, as it is declared no more; its mail stays",
                "the list staff@example.test is changed: to it comes y@far.test; off it goes x@far.test; its settings \
                 are others",
                "the alias team@example.test leads to new@far.test",
            ],
        ),
        (
            &third,
            &[
                "the alias team@example.test is removed",
                "the account alice@example.test is changed: name, quota, forward",
                "the list staff@example.test is declared no more and stays as it is",
            ],
        ),
    ] {
        let before = store.stored().accounts;
        assert_eq!(compared(&office, &store, file).unwrap(), said);
        assert_eq!(store.stored().accounts, before, "nothing was changed");
        reconciled(&office, &store, file).await.unwrap();
        assert_eq!(compared(&office, &store, file).unwrap(), [""; 0]);
        // For the second file.
        office.secret("alice", b"another-Wk4r-8tzu", 0o600);
    }
}

#[tokio::test]
async fn what_would_be_refused_and_who_stays_away_is_said() {
    let (office, store) = (Office::new(""), Store::default());
    let file = alice("") + &staff(&["x@far.test"]);
    reconciled(&office, &store, &file).await.unwrap();
    let key = office.0.path().join("declared.key");
    let memory = office.0.path().join("declared.json");
    fs::remove_file(&memory).unwrap();
    let more = alice("") + &staff(&["x@far.test", "y@far.test"]);
    let said = compared(&office, &store, &more).unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    let begin = "not on the list staff@example.test, though declared, stays y@far.test: ";
    assert!(said[0].starts_with(begin), "{said:?}");
    let taken = alice("") + "[[alias]]\naddress = \"staff@example.test\"\nto = [\"x@far.test\"]\n";
    let refused = compared(&office, &store, &taken).unwrap_err();
    assert!(refused.contains("staff@example.test"), "{refused}");
    // Asking leaves no file behind.
    assert!(!memory.exists());
    fs::remove_file(&key).unwrap();
    compared(&office, &store, &more).unwrap();
    assert!(!key.exists());
    let list: Settings = serde_json::from_str(&store.stored().lists[0].settings).unwrap();
    assert_eq!(list.members, [mailbox("x@far.test")]);
}
