//! What can be typed, what cannot, and what help says; without a server or a store.

use super::*;

/// Parses a line, split at blanks.
fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn every_verb_of_the_contract_is_understood() {
    for line in [
        "tegami serve",
        "tegami serve --config /etc/tegami/tegami.toml",
        "tegami --config x.toml check --json",
        "tegami check --config x.toml",
        "tegami demo",
        "tegami demo --once --port-offset 1000",
        "tegami account add alice@example.test",
        "tegami account add alice@example.test --name Alice --quota 5GB --password-file -",
        "tegami account add alice@example.test --password-file /run/secrets/alice",
        "tegami account list --json",
        "tegami account show alice@example.test --json",
        "tegami account remove alice@example.test --yes",
        "tegami account password alice@example.test --password-file -",
        "tegami account quota alice@example.test none",
        "tegami account enable alice@example.test",
        "tegami account disable Alice@EXAMPLE.test",
        "tegami alias add info@example.test alice@example.test bob@example.test",
        "tegami alias list --json",
        "tegami alias remove info@example.test",
        "tegami alias remove info@example.test bob@example.test",
        "tegami alias add *@example.test alice@example.test",
        "tegami account forward alice@example.test a@example.org b@example.org --keep",
        "tegami account forward alice@example.test a@example.org --no-keep --disclose",
        "tegami account forward alice@example.test --off",
        "tegami account refer alice@example.test alice@example.org",
        "tegami account refer alice@example.test --off",
        "tegami account vacation alice@example.test --text away --subject Gone --from 2027-08-01 --until open --period 7d",
        "tegami account vacation alice@example.test --json",
        "tegami list add staff@example.test --owner a@example.test --member b@example.org --moderator c@example.test",
        "tegami list set staff@example.test --posting moderated --expansion anyone --joining open --reply-to list",
        "tegami list list --json",
        "tegami list member remove staff@example.test b@example.org",
        "tegami queue list --json",
        "tegami queue list --domain example.org",
        "tegami queue show 7",
        "tegami queue retry 7",
        "tegami queue hold --domain example.org",
        "tegami queue release --all",
        "tegami queue remove 7",
        "tegami queue pause",
        "tegami queue pause example.org",
        "tegami queue resume",
        "tegami route friend@example.org",
        "tegami route info@example.test --from alice@example.test --json",
        "tegami device add scanner --listen 192.168.1.5:2525 --network 192.168.1.40 --network fd00::/8 --sender s@example.test",
        "tegami device list --json",
        "tegami status --json --config x.toml",
        "tegami store export alice@example.test alice.mbox",
        "tegami store export alice@example.test alice --format maildir",
        "tegami store import alice@example.test Maildir --dry-run --folders --skip-malformed",
        "tegami store import alice@example.test inbox --format mboxcl2 --uidls ids --uidl-format %v.%u",
        "tegami store stats --json",
        "tegami store verify --data-dir /backup/tegami --json",
        "tegami store repair --json",
        "tegami explain 550 5.1.1",
        "tegami explain -ERR [IN-USE] --lang ja --json",
        "tegami explain -",
        "tegami healthcheck",
        "tegami completions fish",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    for line in [
        "tegami",
        "tegami account",
        "tegami account add",
        "tegami account add alice",
        "tegami account add alice@exa_mple..test",
        "tegami account add alice@example.test --password secret",
        "tegami account add alice@example.test --quota plenty",
        "tegami account quota alice@example.test",
        "tegami account rename alice@example.test bob@example.test",
        "tegami alias add info@example.test",
        "tegami account forward alice@example.test a@example.org --off",
        "tegami account forward alice@example.test a@example.org --keep --no-keep",
        "tegami account forward alice@example.test a@example.org --keep --disclose",
        "tegami account refer alice@example.test",
        "tegami account refer alice@example.test a@example.org --off",
        "tegami account vacation alice@example.test --until soon",
        "tegami account vacation alice@example.test --text away --off",
        "tegami list add staff@example.test",
        "tegami list set staff@example.test --posting everybody",
        "tegami list set staff@example.test --moderator a@example.test --no-moderators",
        "tegami list member add staff@example.test",
        "tegami device add scanner",
        "tegami device add scanner --listen 2525 --network 192.168.1.40 --sender s@example.test",
        "tegami device add scanner --listen 192.168.1.5:2525 --network office --sender s@example.test",
        "tegami device add scanner --listen 192.168.1.5:2525 --network ::1 --sender s@example.test --password-file x",
        "tegami demo --port-offset 70000",
        "tegami completions klingon",
        "tegami queue",
        "tegami queue show",
        "tegami queue show first",
        "tegami queue retry",
        "tegami queue remove 1 --all",
        "tegami queue list --domain exa_mple..test",
        "tegami route",
        "tegami route alice",
        "tegami store export alice@example.test",
        "tegami store export alice@example.test alice --format eml",
        "tegami explain",
        "tegami explain 550 --lang de",
        "tegami store import alice",
        "tegami store import alice@example.test inbox --format mh",
        "tegami store import alice@example.test inbox --uidl-format %m",
        "tegami --no-such-option serve",
    ] {
        let error = match parse(line) {
            Err(error) => error,
            Ok(cli) => panic!("{line} was understood as {cli:?}"),
        };
        assert!(error.use_stderr(), "{line}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn a_password_on_the_command_line_is_no_option_anywhere() {
    walk(&Cli::command(), &mut |command, path| {
        for argument in command.get_arguments() {
            assert_ne!(argument.get_long(), Some("password"), "{path}");
        }
    });
}

/// Visits a command and everything below it.
fn walk(command: &clap::Command, visit: &mut impl FnMut(&clap::Command, &str)) {
    fn go(command: &clap::Command, path: &str, visit: &mut impl FnMut(&clap::Command, &str)) {
        visit(command, path);
        for below in command.get_subcommands() {
            go(below, &format!("{path} {}", below.get_name()), visit);
        }
    }
    go(command, command.get_name(), visit);
}

#[test]
fn every_command_has_help_with_an_example_that_parses() {
    let mut seen = 0;
    walk(&Cli::command(), &mut |command, path| {
        assert!(command.get_about().is_some(), "{path} says what it does");
        if path == "tegami" {
            return;
        }
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let example = help
            .lines()
            .find_map(|line| line.find(path).map(|at| &line[at..]));
        // The groups `account` and `alias` show one of their verbs.
        let Some(example) = example else {
            panic!("{path} has no example")
        };
        let words = example
            .split(" > ")
            .next()
            .and_then(|line| line.split(" || ").next());
        let words = words.unwrap_or_default();
        assert!(words.starts_with(path), "{path}: {words}");
        if let Err(error) = parse(words) {
            panic!("{words}: {error}");
        }
        seen += 1;
    });
    assert!(seen >= 19, "{seen} commands");
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn an_error_says_what_why_and_what_to_do() {
    let inner = std::io::Error::other("no such device");
    let plain = anyhow::Error::new(inner)
        .context("cannot open x")
        .context("reading the list");
    assert_eq!(
        report::describe(&plain),
        "error: reading the list: cannot open x: no such device"
    );
    let told_twice = anyhow::Error::new(std::io::Error::other("why")).context("what: why");
    assert_eq!(report::describe(&told_twice), "error: what: why");
    let stuck =
        anyhow::Error::new(report::Stuck::new("it is stuck", "pull harder")).context("opening");
    assert_eq!(
        report::describe(&stuck),
        "error: opening: it is stuck\n  try: pull harder"
    );
}

#[test]
fn errors_of_other_crates_get_their_remedies_here() {
    let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let unopened = |doing, path: &str, source| {
        anyhow::Error::new(mailstore::OpenError::Io {
            path: path.into(),
            doing,
            source,
        })
    };
    let absent = std::io::Error::from(std::io::ErrorKind::NotFound);
    for (error, expected) in [
        (
            unopened("making", "/absent/tegami", denied()),
            "error: making /absent/tegami: permission denied\n  try: make data_dir for the user this runs as, \
             or choose another: sudo install -d -m 700 -o $USER /absent/tegami",
        ),
        (
            unopened("opening", "/x/lock", denied()).context("cannot open the store"),
            "error: cannot open the store: opening /x/lock: permission denied\n  try: data_dir and all in it have to \
             belong to the user this runs as, and be writable for that user",
        ),
        (
            unopened(
                "opening",
                "/x/lock",
                std::io::ErrorKind::ReadOnlyFilesystem.into(),
            ),
            "error: opening /x/lock: read-only filesystem or storage medium\n  try: mount it for writing; in a \
             container make it a volume, under systemd name it in ReadWritePaths. If it was writable before, the disk \
             may be failing: see `dmesg`",
        ),
        (
            unopened(
                "opening",
                "/x/lock",
                std::io::ErrorKind::NotADirectory.into(),
            ),
            "error: opening /x/lock: not a directory\n  try: data_dir has to be a directory; choose another, or move \
             away what is there",
        ),
        (
            crate::key_file::KeyFileError::Io {
                path: "/x/secrets.key".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            }
            .into(),
            "error: /x/secrets.key: no storage space\n  try: make room on that disk (`df -h` and `df -i` show what is \
             free), then repeat; the mail that is there is whole",
        ),
        (
            crate::key_file::KeyFileError::Io {
                path: "/x/secrets.key".into(),
                source: denied(),
            }
            .into(),
            "error: /x/secrets.key: permission denied\n  try: data_dir and all in it have to belong to the user this \
             runs as, and be writable for that user",
        ),
        (
            admin::SocketError::Io {
                path: "/x/admin.sock".into(),
                doing: "binding",
                source: denied(),
            }
            .into(),
            "error: /x/admin.sock: binding: permission denied\n  try: data_dir and all in it have to belong to the \
             user this runs as, and be writable for that user",
        ),
        (
            unopened("making", "/absent/a/b", absent),
            "error: making /absent/a/b: entity not found\n  try: make the directory above it first: mkdir -p /absent/a",
        ),
        (
            admin::ClientError::NotAllowed("/x/admin.sock".into()).into(),
            "error: /x/admin.sock belongs to a server of another user\n  try: run this as root or as the user \
             the server runs as",
        ),
        (
            net::tls::CertificateError::Unreadable {
                file: "/x/key.pem".into(),
                source: denied(),
            }
            .into(),
            "error: /x/key.pem: permission denied\n  try: the user the server runs as has to be able to read it",
        ),
    ] {
        assert_eq!(report::describe(&error), expected);
    }
}

#[test]
fn tables_are_plain_columns() {
    let rows = [
        vec!["alice".to_owned(), "5".to_owned()],
        vec!["bo".to_owned(), "1200".to_owned()],
    ];
    let text = table::table(&["NAME", "MESSAGES"], &["MESSAGES"], rows);
    assert_eq!(text, "NAME   MESSAGES\nalice         5\nbo         1200");
    assert_eq!(
        table::pairs([("A", "x".to_owned()), ("Long", "y".to_owned())]),
        "A     x\nLong  y"
    );
    assert_eq!(
        (table::quota(0), table::quota(2_000_000_000)),
        ("none".to_owned(), "2.0 GB".to_owned())
    );
    assert_eq!(table::counted(1, "message"), "1 message");
}
