//! Rows: what an accounts file says, and what is said about mistakes in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

mod beside;
mod compare;
mod reconcile;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$Nov5DnZ6b3bCwC9gCqkFjDhbwO3TSzkQfPvpcPTR3kY";

fn domains() -> [Domain; 2] {
    ["example.test", "other.test"].map(|name| Domain::parse(name).unwrap())
}

/// A directory with password files, and an accounts file.
struct Office(tempfile::TempDir);

impl Office {
    fn new(accounts: &str) -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        office.secret("alice", b"vq7-Rmd2-kLw9\n", 0o600);
        office.secret("bob", b"one-Wk4r-8tzu", 0o600);
        fs::write(office.0.path().join("accounts.toml"), accounts).unwrap();
        office
    }

    fn secret(&self, name: &str, octets: &[u8], mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Loads the file; messages lose the directory.
    fn load(&self) -> Result<Declarations, String> {
        let here = format!("{}/", self.0.path().display());
        load(&self.0.path().join("accounts.toml"), &domains())
            .map_err(|error| error.to_string().replace(&here, ""))
    }
}

/// `[[account]]` with these lines below it.
fn account(lines: &str) -> String {
    format!("[[account]]\n{lines}\n")
}

fn alice(more: &str) -> String {
    account(&format!(
        "address = \"alice@example.test\"\npassword_file = \"alice\"\n{more}"
    ))
}

/// The accounts file is refused with exactly these lines.
#[track_caller]
fn bad(file: &str, expected: &[&str]) {
    match Office::new(file).load() {
        Ok(_) => panic!("this loads: {file}"),
        Err(error) => assert_eq!(error.lines().collect::<Vec<_>>(), expected),
    }
}

#[test]
fn reads_all_that_an_account_can_say() {
    let office = Office::new(&alice(
        "name = \"Alice\"\nquota = \"5GB\"\naliases = [\"info@example.test\"]\napop = false",
    ));
    let declarations = office.load().unwrap();
    let [account] = declarations.accounts.as_slice() else {
        panic!("one account")
    };
    assert_eq!(account.address.to_string(), "alice@example.test");
    assert_eq!(account.name, "Alice");
    assert_eq!(account.quota, Some(Octets(5_000_000_000)));
    assert_eq!(
        account
            .aliases
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["info@example.test"]
    );
    assert!(
        matches!(&account.secret, DeclaredSecret::Password(password) if password.expose() == "vq7-Rmd2-kLw9")
    );
    assert_eq!(declarations.warnings, Vec::<String>::new());
}

/// What the password file of these octets says.
#[track_caller]
fn password(octets: &[u8], expected: Result<&str, &str>) {
    let office = Office::new(&alice(""));
    office.secret("alice", octets, 0o600);
    let found = office
        .load()
        .map(|declarations| match &declarations.accounts[0].secret {
            DeclaredSecret::Password(password) => password.expose().to_owned(),
            DeclaredSecret::Hash(_) => panic!("a hash"),
        });
    let expected = expected
        .map(str::to_owned)
        .map_err(|message| format!("accounts.toml:3: password_file: {message}"));
    assert_eq!(found, expected);
}

#[test]
fn a_password_is_the_first_line_of_its_file() {
    password(b"secret\n", Ok("secret"));
    password(b"secret", Ok("secret"));
    password(b"secret\r\n", Ok("secret"));
    password(b" with spaces \n", Ok(" with spaces "));
    password(b"123\n", Ok("123"));
    password(b"first\nsecond\n", Ok("first"));
    password(b"", Err("alice has no password in its first line"));
    password(
        b"\nsecond\n",
        Err("alice has no password in its first line"),
    );
    password(b"\xff\n", Err("cannot read alice: it is not UTF-8 text"));
    password(
        &[b'x'; 20_000],
        Err("cannot read alice: it has more than 16 KiB, so it is something else"),
    );
}

#[test]
fn warns_once_about_password_files_that_others_can_read() {
    let office = Office::new(&alice(""));
    office.secret("alice", b"vq7-Rmd2-kLw9", 0o644);
    let warnings = office.load().unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].ends_with(
            "alice can be read by other users of this machine (mode 0644); chmod 600 it"
        ),
        "{warnings:?}"
    );
}

#[test]
fn warns_once_about_passwords_that_are_easy_to_guess() {
    let both = alice("") + &account("address = \"bob@example.test\"\npassword_file = \"bob\"");
    let office = Office::new(&both);
    let weak = || super::weak(&office.load().unwrap().accounts);
    assert_eq!(weak(), None);
    office.secret("bob", b"bob@example.test", 0o600);
    assert_eq!(
        weak().unwrap(),
        "the password of bob@example.test is easy to guess; a longer one would be safer"
    );
    office.secret("alice", b"12345678", 0o600);
    assert_eq!(
        weak().unwrap(),
        "the passwords of alice@example.test and 1 more are easy to guess; longer ones would be safer"
    );
}

#[test]
fn a_password_file_that_never_ends_is_refused() {
    bad(
        &account("address = \"alice@example.test\"\npassword_file = \"/dev/zero\""),
        &["accounts.toml:3: password_file: cannot read /dev/zero: it is not a regular file"],
    );
    let error = load(Path::new("/dev/zero"), &domains()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/dev/zero: cannot read this file: it is not a regular file"
    );
}

#[test]
fn a_file_without_accounts_is_an_error() {
    let nothing = "accounts.toml: declares no account; to change accounts with `tegami account` instead, remove accounts_file from the configuration";
    bad("", &[nothing]);
    bad("# nothing yet\n", &[nothing]);
    let error = load(Path::new("/absent/accounts.toml"), &domains())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/absent/accounts.toml: cannot read this file: "),
        "{error}"
    );
}

#[test]
fn says_what_is_wrong_and_where() {
    bad(
        &alice("pasword_file = \"x\""),
        &["accounts.toml:4: unknown key \"account.pasword_file\"; did you mean \"password_file\"?"],
    );
    bad(
        "[[account]]\naddress = \"alice@example.test\"\npassword_hash = \"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4\"\napop = true",
        &[
            "accounts.toml:4: apop: a hash cannot be turned back into the password that APOP needs; use password_file",
        ],
    );
    bad(
        &alice("quota = \"lots\""),
        &[
            "accounts.toml:4: quota: \"lots\" is not a size; write \"25MB\", \"64MiB\" or a number of octets",
        ],
    );
    bad(
        &account("address = \"alice@example.test\"\npassword_file = \"absent\""),
        &[
            "accounts.toml:3: password_file: cannot read absent: No such file or directory (os error 2)",
        ],
    );
    bad(
        &account("password_file = \"alice\""),
        &["accounts.toml:1: address is missing"],
    );
    bad(
        &account("address = \"alice@example.test\""),
        &["accounts.toml:1: password_file or password_hash is missing"],
    );
    bad(
        &account("address = \"alice@example.test\"\npassword_file = 1"),
        &["accounts.toml:3: password_file: a string in quotes is wanted here, not a number"],
    );
    bad(
        &alice("password_hash = \"x\""),
        &["accounts.toml:4: password_hash and password_file exclude each other; keep one"],
    );
    bad(
        "[account]\naddress = \"alice@example.test\"",
        &["accounts.toml:1: write [[account]], with two pairs of brackets, above each account"],
    );
    bad(
        "address = \"alice@example.test\"",
        &["accounts.toml:1: unknown key \"address\"; write [[account]] above it"],
    );
    bad(
        "[[acount]]\n",
        &["accounts.toml:1: unknown key \"acount\"; did you mean \"account\"?"],
    );
    bad(
        &alice("aliases = [\"info@foreign.test\"]"),
        &["accounts.toml:4: aliases: info@foreign.test is in none of the domains of this server"],
    );
    bad(
        &alice("aliases = [\"alice@example.test\"]"),
        &[
            "accounts.toml:1: aliases: alice@example.test is an account, declared at accounts.toml:1",
        ],
    );
    bad(
        &format!("{}{}", alice(""), alice("").replace("alice@", "Alice@")),
        &["accounts.toml:5: address: Alice@example.test is declared at accounts.toml:1 already"],
    );
    bad(
        &alice("aliases = [\"elsewhere!alice@example.test\"]"),
        &[
            "accounts.toml:4: aliases: elsewhere!alice@example.test looks like a route, so other servers' mail for it is refused; choose a name without %, ! and @",
        ],
    );
    bad(
        &account("address = \"alice+x@example.test\"\npassword_file = \"alice\""),
        &[
            "accounts.toml:2: address: alice+x@example.test has a +detail, which leads to the address before the + anyway",
        ],
    );
    bad(
        &account("address = \"alice\"\npassword_hash = \"plain\""),
        &[
            "accounts.toml:2: address: \"alice\" is not an address: write the full address, such as alice@example.test",
            "accounts.toml:3: password_hash: not an argon2 hash such as $argon2id$v=19$m=19456,t=2,p=1$...",
        ],
    );
}

#[test]
fn the_example_file_shows_every_key_and_loads() {
    let example = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../config/accounts.toml"
    ))
    .unwrap();
    // What cannot stand beside the rest is shown behind a hash; `vacation` is a section of its own.
    let keys = file::KEYS.into_iter().chain(file::alias::KEYS);
    for key in keys.chain(file::list::KEYS) {
        let line = format!("{key} = ");
        let section = format!("[account.{key}]");
        let shown = |shown: &str| {
            let shown = shown.trim_start_matches("# ");
            shown.starts_with(&line) || shown == section
        };
        assert!(example.lines().any(shown), "{key} is not shown");
    }
    for key in file::vacation::KEYS {
        let line = format!("{key} = ");
        let (_, section) = example.split_once("[account.vacation]").unwrap();
        assert!(
            section
                .lines()
                .any(|shown| shown.trim_start_matches("# ").starts_with(&line)),
            "{key} is not shown"
        );
    }
    let office = Office::new(&example.replace("/run/secrets/alice", "alice"));
    let declarations = office.load().unwrap();
    let [_, bob] = declarations.accounts.as_slice() else {
        panic!("two accounts")
    };
    assert!(
        matches!(&bob.secret, DeclaredSecret::Hash(hash) if hash.verify(&Secret::from("correct horse")))
    );
}

#[test]
fn terms_that_make_no_sense_are_named() {
    bad(
        &alice("login = \"strong\"\nsend_to = [\"two words\"]\nmailbox = \"no\""),
        &[
            "accounts.toml:4: login: \"strong\" is none of \"any\", \"scram\"",
            "accounts.toml:5: send_to: \"two words\" is neither a domain nor an address",
            "accounts.toml:6: mailbox: true or false is wanted here, not a string",
        ],
    );
}

#[test]
fn forwards_that_make_no_sense_are_named() {
    bad(
        &alice("keep = false"),
        &[
            "accounts.toml:4: keep: it says whether a copy of forwarded mail stays, and nothing is forwarded; name \
             addresses in forward, or leave keep out",
        ],
    );
    bad(
        &alice("forward = [\"a@far.test\"]\nmailbox = false"),
        &[
            "accounts.toml:4: forward: nobody can write to an account without a mailbox; take out mailbox = false",
        ],
    );
    let many: Vec<String> = (0..101).map(|one| format!("\"u{one}@far.test\"")).collect();
    bad(
        &alice("aliases = [\"al@example.test\"]\nforward = [\"Al@example.test\"]"),
        &[
            "accounts.toml:5: forward: Al@example.test is an address of this account itself; leave it out, and keep = true keeps a copy",
        ],
    );
    bad(
        &alice(&format!("forward = [{}]", many.join(", "))),
        &[
            "accounts.toml:4: forward: 100 addresses at most; for more people make a list (tegami list add)",
        ],
    );
    bad(
        &alice("forward = [\"nobody\"]\nkeep = \"yes\""),
        &[
            "accounts.toml:4: forward: \"nobody\" is not an address: write the full address, such as alice@example.test",
            "accounts.toml:5: keep: true or false is wanted here, not a string",
        ],
    );
}
