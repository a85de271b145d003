//! Rows: what a file and an environment make, and what is said about mistakes in them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::KEYS;
use super::load::Sources;
use super::*;

mod devices;
mod doors;
mod environment;
mod fetch;
mod holds;
mod reference;
mod relay;
mod web;

/// Loads `file` (if any) and `variables` from a directory of its own; paths in messages lose that directory.
fn load_from(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tegami.toml");
    if let Some(text) = file {
        fs::write(&path, text).unwrap();
    }
    let sources = Sources {
        explicit: file.map(|_| path),
        variables: variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        usual: dir.path().join("absent.toml"),
    };
    sources.load().map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", dir.path().display()), "")
    })
}

/// The configuration of `file`.
#[track_caller]
fn good(file: &str) -> Config {
    load_from(Some(file), &[])
        .unwrap_or_else(|error| panic!("{error}"))
        .config
}

/// The configuration of these variables alone.
#[track_caller]
fn good_variables(variables: &[(&str, &str)]) -> Config {
    load_from(None, variables)
        .unwrap_or_else(|error| panic!("{error}"))
        .config
}

/// `file` is refused with exactly these lines.
#[track_caller]
fn bad(file: &str, lines: &[&str]) {
    match load_from(Some(file), &[]) {
        Ok(_) => panic!("this loads: {file}"),
        Err(error) => assert_eq!(error.lines().collect::<Vec<_>>(), lines),
    }
}

/// The value of one key after loading `file`, as TOML.
#[track_caller]
fn value(file: &str, key: &str, expected: &str) {
    let mut config = good(file);
    assert_eq!(
        (keys::find(key).unwrap().slot)(&mut config).text(),
        expected,
        "{file}"
    );
}

#[test]
fn starts_with_nothing_configured() {
    let loaded = load_from(None, &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.source, None);
    assert_eq!(load_from(Some(""), &[]).unwrap().config, Config::default());
}

#[test]
fn reads_every_kind_of_value_from_a_file() {
    value(
        "hostname = \"Mail.Example.Test\"",
        "hostname",
        "\"mail.example.test\"",
    );
    value(
        "domains = [\"a.test\", \"bücher.test\"]",
        "domains",
        "[\"a.test\", \"xn--bcher-kva.test\"]",
    );
    value("data_dir = \"/srv/mail\"", "data_dir", "\"/srv/mail\"");
    value(
        "listen.smtp = [\"127.0.0.1:0\"]",
        "listen.smtp",
        "[\"127.0.0.1:0\"]",
    );
    value("listen = { smtp = [] }", "listen.smtp", "[]");
    value(
        "[smtp]\nmax_message_size = 1000",
        "smtp.max_message_size",
        "\"1kB\"",
    );
    value(
        "[smtp]\nmax_message_size = \"10MiB\"",
        "smtp.max_message_size",
        "\"10MiB\"",
    );
    value("[smtp]\nmax_recipients = 200", "smtp.max_recipients", "200");
    value(
        "[smtp]\ncommand_timeout = \"1m 30s\"",
        "smtp.command_timeout",
        "\"1m 30s\"",
    );
    value(
        "[smtp]\nvrfy = \"verify\"\nexpn = \"members\"",
        "smtp.expn",
        "\"members\"",
    );
    value(
        "[mailbox]\nover_quota = \"reject\"\nquota = \"0\"",
        "mailbox.quota",
        "\"0\"",
    );
    value(
        "[limits]\nconnect_rate = \"off\"",
        "limits.connect_rate",
        "\"off\"",
    );
    value(
        "[limits]\nexempt = [\"10.0.0.0/8\", \"::1\"]",
        "limits.exempt",
        "[\"10.0.0.0/8\", \"::1/128\"]",
    );
    value(
        "[log]\nlevel = \"warn,net=debug\"\nformat = \"json\"",
        "log.level",
        "\"warn,net=debug\"",
    );
    value(
        "[auth]\nmechanisms = [\"LOGIN\"]",
        "auth.mechanisms",
        "[\"LOGIN\"]",
    );
}

#[test]
fn relative_paths_start_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tegami.toml");
    fs::write(&file, "data_dir = \"data\"\naccounts_file = \"accounts.toml\"\n[tls]\ncertificate = \"a\"\nkey = \"/b\"").unwrap();
    let variables = vec![(
        OsString::from("TEGAMI_ACCOUNTS_FILE"),
        OsString::from("elsewhere.toml"),
    )];
    let sources = Sources {
        explicit: Some(file),
        variables,
        usual: PathBuf::from("absent"),
    };
    let config = sources.load().unwrap().config;
    assert_eq!(config.data_dir, dir.path().join("data"));
    assert_eq!(
        config.tls.files(),
        Some((dir.path().join("a").as_path(), Path::new("/b")))
    );
    assert_eq!(config.accounts_file, Some(PathBuf::from("elsewhere.toml")));
}

#[test]
fn names_line_key_and_the_nearest_key() {
    bad(
        "[smtp]\n\nmax_mesage_size = \"1MB\"",
        &[
            "tegami.toml:3: unknown key \"smtp.max_mesage_size\"; did you mean \"smtp.max_message_size\"?",
        ],
    );
    bad(
        "hostnam = \"a.test\"",
        &["tegami.toml:1: unknown key \"hostnam\"; did you mean \"hostname\"?"],
    );
    bad(
        "vrfy = \"verify\"",
        &["tegami.toml:1: unknown key \"vrfy\"; did you mean \"smtp.vrfy\"?"],
    );
    bad(
        "smtp.quota = \"1GB\"",
        &["tegami.toml:1: unknown key \"smtp.quota\"; did you mean \"mailbox.quota\"?"],
    );
    bad(
        "frobnicate = 1",
        &["tegami.toml:1: unknown key \"frobnicate\""],
    );
    bad(
        "[smpt]\nvrfy = \"verify\"",
        &["tegami.toml:1: unknown section \"smpt\"; did you mean \"smtp\"?"],
    );
    bad(
        "[[smtp]]\nvrfy = \"verify\"",
        &["tegami.toml:1: smtp is a section; write [smtp] and its keys below it"],
    );
    bad(
        "smtp = 25",
        &["tegami.toml:1: smtp is a section; write [smtp] and its keys below it"],
    );
    bad(
        "[hostname]\na = 1",
        &["tegami.toml:1: hostname is a single value, not a section"],
    );
}

#[test]
fn reports_everything_that_is_wrong_at_once_in_the_order_of_the_file() {
    bad(
        "postmaster = \"root@b.test\"\ndomains = [\"a.test\"]\n[smtp]\nvrfy = \"maybe\"\nexpnn = \"off\"\n[listen]\nsmtp = [\"[::]:25\", \"[::]:25\"]",
        &[
            "tegami.toml:1: postmaster: root@b.test is in none of the domains of this server",
            "tegami.toml:4: smtp.vrfy: \"maybe\" is none of \"verify\", \"noncommittal\", \"unimplemented\"",
            "tegami.toml:5: unknown key \"smtp.expnn\"; did you mean \"smtp.expn\"?",
            "tegami.toml:7: listen.smtp: [::]:25 is listed twice",
        ],
    );
}

/// The message about one wrong value.
#[track_caller]
fn wrong(file: &str, message: &str) {
    bad(
        file,
        &[&format!("tegami.toml:{}: {message}", file.lines().count())],
    );
}

#[test]
fn says_what_is_wrong_with_a_value() {
    wrong(
        "hostname = 123",
        "hostname: a string in quotes is wanted here, not a number",
    );
    wrong(
        "domains = \"a.test\"",
        "domains: a list in [brackets] is wanted here, not a string",
    );
    wrong(
        "domains = []",
        "domains: at least one domain is needed, or no mail could be delivered",
    );
    wrong(
        "data_dir = \"\"",
        "data_dir: a path is wanted here, not nothing",
    );
    wrong(
        "[listen]\nsmtp = [\"0.0.0.0\"]",
        "listen.smtp: \"0.0.0.0\" has no port; write \"0.0.0.0:25\" with the port you want",
    );
    wrong(
        "[pop3]\napop = \"yes\"",
        "pop3.apop: true or false is wanted here, not a string",
    );
    wrong(
        "[smtp]\ncommand_timeout = 300",
        "smtp.command_timeout: a time needs a unit: \"300s\" for seconds, \"300m\" for minutes",
    );
    wrong(
        "[smtp]\nmax_recipients = -1",
        "smtp.max_recipients: a whole number from 0 to 4294967295 is wanted here, not -1",
    );
    wrong(
        "[limits]\nsessions_per_ip = 1.5",
        "limits.sessions_per_ip: a whole number from 0 to 4294967295 is wanted here, not a number with a fraction",
    );
    wrong(
        "listen = { smtp = [], submission = [], submissions = [], pop3 = [], pop3s = [] }",
        "listen.smtp: every listener is switched off; give at least one address under [listen]",
    );
    wrong(
        "[smtp]\nmax_recipients = 0",
        "smtp.max_recipients: must be at least 1",
    );
    wrong(
        "[smtp]\ncommand_timeout = \"0s\"",
        "smtp.command_timeout: must be longer than nothing",
    );
    wrong(
        "[limits]\nsessions = 0",
        "limits.sessions: must be at least 1",
    );
    wrong(
        "[tls]\ncertificate = \"/a\"",
        "tls.certificate: tls.key is missing; set both, or neither for a self-signed one",
    );
    wrong(
        "[tls]\nkey = \"/a\"",
        "tls.key: tls.certificate is missing; set both, or neither for a self-signed one",
    );
    wrong(
        "[listen]\npop3 = [\"[::]:25\"]",
        "listen.pop3: [::]:25 is taken by listen.smtp already",
    );
    wrong(
        "[listen]\npop3 = [\"[::]:1\", \"[::]:1\"]",
        "listen.pop3: [::]:1 is listed twice",
    );
    wrong(
        "[log]\nlevel = \"loud\"",
        "log.level: \"loud\" is none of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
    );
}

#[test]
fn port_0_may_be_used_as_often_as_one_likes() {
    good("[listen]\nsmtp = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\npop3 = [\"127.0.0.1:0\"]");
}

#[test]
fn reads_how_long_deleted_mail_stays() {
    use std::time::Duration;
    const DAY: u64 = 24 * 60 * 60;
    for (text, expected) in [
        ("", 7 * DAY),
        ("[mailbox]\nundelete_window = \"0s\"", 0),
        ("[mailbox]\nundelete_window = \"8d\"", 8 * DAY),
    ] {
        let config = good(text);
        let window = crate::serve::store_options(&config).undelete_window;
        assert_eq!(window, Duration::from_secs(expected), "{text}");
    }
}

#[test]
fn reads_the_delay_between_logins() {
    use std::time::Duration;
    for (text, expected) in [
        ("", 0),
        ("[pop3]\nlogin_delay = \"0s\"", 0),
        ("[pop3]\nlogin_delay = \"90s\"", 90),
        ("[pop3]\nlogin_delay = \"5m\"", 300),
    ] {
        assert_eq!(
            good(text).pop3.login_delay,
            Duration::from_secs(expected),
            "{text}"
        );
    }
}

#[test]
fn accepts_what_is_switched_off() {
    good("[listen]\nweb = []");
    good("[listen]\nweb = [\"127.0.0.1:8080\"]");
    good("[pop3]\napop = false\nlogin_delay = \"0s\"");
    good_variables(&[
        ("TEGAMI_RELAY__SMARTHOST", ""),
        ("TEGAMI_POP3__APOP", "false"),
    ]);
}

#[test]
fn keeps_the_mechanisms_in_the_configured_order() {
    use auth::Mechanism::{CramMd5, Login, Plain, ScramSha1, ScramSha256, ScramSha256Plus};
    assert_eq!(
        Config::default().auth.mechanisms,
        [ScramSha256Plus, ScramSha256, Plain, Login]
    );
    assert_eq!(
        good("[auth]\nmechanisms = [\"LOGIN\", \"SCRAM-SHA-1\", \"CRAM-MD5\"]")
            .auth
            .mechanisms,
        [Login, ScramSha1, CramMd5]
    );
    wrong(
        "[auth]\nmechanisms = [\"PLAIN\", \"LOGIN\", \"PLAIN\"]",
        "auth.mechanisms: PLAIN is listed twice",
    );
}

#[test]
fn explains_toml_mistakes_with_line_and_column() {
    let error = load_from(Some("hostname = \"a.test\"\ndomains = [\"a.test\"\n"), &[]).unwrap_err();
    assert!(error.starts_with("tegami.toml:"), "{error}");
    let error = load_from(Some("hostname = \"a.test\"\nvrfy = maybe\n"), &[]).unwrap_err();
    assert!(error.starts_with("tegami.toml:2: column 8: "), "{error}");
    let error = load_from(Some("hostname = \"a.test\"\nhostname = \"b.test\"\n"), &[]).unwrap_err();
    assert!(
        error.starts_with("tegami.toml:2: column 1: \"hostname\" is here for the second time"),
        "{error}"
    );
    let error = load_from(Some("[listen]\npop3 = []\n[listen]\n"), &[]).unwrap_err();
    assert!(
        error.starts_with("tegami.toml:3: column 2: \"listen\" is here for the second time"),
        "{error}"
    );
}

#[test]
fn the_file_is_the_explicit_one_else_the_variable_else_the_usual_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = dir.path().join(name);
        fs::write(&path, format!("hostname = \"{name}.test\"")).unwrap();
        path
    };
    let (explicit, variable, usual) = (file("explicit"), file("variable"), file("usual"));
    let named = vec![(OsString::from("TEGAMI_CONFIG"), variable.into_os_string())];
    let name = |explicit: Option<PathBuf>, variables: &[(OsString, OsString)], usual: &Path| {
        let sources = Sources {
            explicit,
            variables: variables.to_vec(),
            usual: usual.to_owned(),
        };
        sources
            .load()
            .map(|loaded| loaded.config.hostname.to_string())
            .map_err(|error| error.to_string())
    };
    let host = Config::default().hostname.to_string();
    assert_eq!(
        name(Some(explicit), &named, &usual).as_deref(),
        Ok("explicit.test")
    );
    assert_eq!(name(None, &named, &usual).as_deref(), Ok("variable.test"));
    assert_eq!(name(None, &[], &usual).as_deref(), Ok("usual.test"));
    assert_eq!(name(None, &[], &dir.path().join("absent")), Ok(host));
    let absent = name(Some(dir.path().join("absent")), &named, &usual).unwrap_err();
    assert!(absent.contains("absent: cannot read this file"), "{absent}");
}

#[track_caller]
fn warns(file: &str, expected: &str) {
    let warnings = load_from(Some(file), &[]).unwrap().warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains(expected)),
        "{warnings:?}"
    );
}

#[test]
fn warns_about_what_is_odd() {
    warns(
        "hostname = \"mail\"",
        "tegami.toml:1: hostname: \"mail\" is no fully qualified name",
    );
    warns(
        "hostname = \"192.0.2.25\"",
        "tegami.toml:1: hostname: \"192.0.2.25\" is no fully qualified name",
    );
    warns("", "domains: not set, so mail is taken for localhost only");
    warns(
        "[smtp]\nmax_recipients = 5",
        "smtp.max_recipients: RFC 5321 wants at least 100",
    );
    warns(
        "[smtp]\nmax_message_size = 1000",
        "smtp.max_message_size: RFC 5321 wants at least 64KiB",
    );
    warns("[auth]\nmechanisms = []", "auth.mechanisms: none is named");
    warns(
        "[auth]\nallow_cleartext_from = [\"0.0.0.0/0\"]",
        "passwords of the whole Internet",
    );
    let quiet = load_from(
        Some("hostname = \"mail.a.test\"\ndomains = [\"a.test\"]"),
        &[],
    )
    .unwrap();
    assert_eq!(quiet.warnings, Vec::<String>::new());
}

#[test]
fn durations_are_shown_as_people_write_them() {
    value(
        "[smtp]\ncommand_timeout = \"1d 2h\"",
        "smtp.command_timeout",
        "\"1d 2h\"",
    );
    assert_eq!(
        good("[smtp]\ncommand_timeout = \"90s\"")
            .smtp
            .command_timeout,
        Duration::from_secs(90)
    );
}

#[test]
fn a_hint_leads_to_a_way_that_is_there() {
    let file = |mechanisms: &str| {
        format!("[auth]\nmechanisms = [\"SCRAM-SHA-256\"{mechanisms}]\ntransition_hint = true")
    };
    wrong(
        &file(""),
        "auth.transition_hint: it sends people to PLAIN or LOGIN, and auth.mechanisms has neither",
    );
    assert!(good(&file(", \"LOGIN\"")).auth.transition_hint);
}
