//! Rows: what variables set, and what is said about the ones that set nothing.

use super::*;

/// The value of one key after loading these variables, as TOML.
#[track_caller]
fn variable(name: &str, text: &str, key: &str, expected: &str) {
    let mut config = good_variables(&[(name, text)]);
    assert_eq!(
        (keys::find(key).unwrap().slot)(&mut config).text(),
        expected,
        "{name}={text}"
    );
}

#[test]
fn variables_of_every_kind_go_over_the_file() {
    variable(
        "TEGAMI_HOSTNAME",
        "mail.a.test",
        "hostname",
        "\"mail.a.test\"",
    );
    variable("TEGAMI_HOSTNAME", "123", "hostname", "\"123\"");
    variable("TEGAMI_DATA_DIR", "123", "data_dir", "\"123\"");
    variable(
        "TEGAMI_DOMAINS",
        "a.test,b.test",
        "domains",
        "[\"a.test\", \"b.test\"]",
    );
    variable(
        "TEGAMI_DOMAINS",
        " a.test , b.test ",
        "domains",
        "[\"a.test\", \"b.test\"]",
    );
    variable(
        "TEGAMI_DOMAINS",
        "[\"a.test\", \"b.test\"]",
        "domains",
        "[\"a.test\", \"b.test\"]",
    );
    variable(
        "TEGAMI_LISTEN__SMTP",
        "[::]:2525",
        "listen.smtp",
        "[\"[::]:2525\"]",
    );
    variable(
        "TEGAMI_LISTEN__SMTP",
        "[::]:2525,127.0.0.1:25",
        "listen.smtp",
        "[\"[::]:2525\", \"127.0.0.1:25\"]",
    );
    variable("TEGAMI_LISTEN__SMTP", "", "listen.smtp", "[]");
    variable("TEGAMI_LISTEN__SMTP", "[]", "listen.smtp", "[]");
    variable(
        "TEGAMI_SMTP__MAX_MESSAGE_SIZE",
        "10MB",
        "smtp.max_message_size",
        "\"10MB\"",
    );
    variable(
        "TEGAMI_SMTP__MAX_MESSAGE_SIZE",
        "1000000",
        "smtp.max_message_size",
        "\"1MB\"",
    );
    variable(
        "TEGAMI_SMTP__MAX_RECIPIENTS",
        "150",
        "smtp.max_recipients",
        "150",
    );
    variable(
        "TEGAMI_LIMITS__CONNECT_RATE",
        "5/1s",
        "limits.connect_rate",
        "\"5/1s\"",
    );
    variable("TEGAMI_POSTMASTER", "", "postmaster", "");
    variable(
        "TEGAMI_ACCOUNTS_FILE",
        "/a.toml",
        "accounts_file",
        "\"/a.toml\"",
    );
    let loaded = load_from(
        Some("hostname = \"a.test\""),
        &[("TEGAMI_HOSTNAME", "b.test")],
    )
    .unwrap();
    assert_eq!(loaded.config.hostname.to_string(), "b.test");
}

#[test]
fn a_wrong_variable_is_an_error_that_names_it() {
    let error = load_from(
        None,
        &[
            ("TEGAMI_SMTP__VRFY", "maybe"),
            ("TEGAMI_RELAY__CONNECTIONS", "0"),
        ],
    )
    .unwrap_err();
    assert_eq!(
        error.lines().collect::<Vec<_>>(),
        [
            "TEGAMI_SMTP__VRFY: smtp.vrfy: \"maybe\" is none of \"verify\", \"noncommittal\", \"unimplemented\"",
            "TEGAMI_RELAY__CONNECTIONS: relay.connections: must be at least 1",
        ]
    );
}

#[test]
fn an_unknown_variable_only_warns() {
    let loaded = load_from(
        None,
        &[
            ("TEGAMI_PORT", "tcp://10.0.0.7:25"),
            ("TEGAMI_SMTP__VRFFY", "verify"),
            ("TEGAMI_CONFIG", ""),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    let about: Vec<&String> = loaded
        .warnings
        .iter()
        .filter(|warning| warning.starts_with("TEGAMI_"))
        .collect();
    assert_eq!(
        about,
        [
            "TEGAMI_PORT is no setting and is ignored",
            "TEGAMI_SMTP__VRFFY is no setting and is ignored; did you mean \"TEGAMI_SMTP__VRFY\"?",
        ]
    );
}

#[test]
fn a_value_can_come_from_a_file_and_the_exact_name_wins() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "mail.a.test\n").unwrap();
    let secret = secret.to_str().unwrap();
    assert_eq!(
        good_variables(&[("TEGAMI_HOSTNAME_FILE", secret)])
            .hostname
            .to_string(),
        "mail.a.test"
    );
    let loaded = load_from(
        None,
        &[
            ("TEGAMI_HOSTNAME_FILE", "/absent"),
            ("TEGAMI_HOSTNAME", "b.test"),
        ],
    )
    .unwrap();
    assert_eq!(loaded.config.hostname.to_string(), "b.test");
    assert!(loaded.warnings.contains(
        &"TEGAMI_HOSTNAME_FILE is ignored: TEGAMI_HOSTNAME is set too and wins".to_owned()
    ));
    // accounts_file ends in _file itself: its variable is a key, not "accounts from a file".
    let config = good_variables(&[("TEGAMI_ACCOUNTS_FILE", secret)]);
    assert_eq!(config.accounts_file, Some(PathBuf::from(secret)));
    let error = load_from(None, &[("TEGAMI_HOSTNAME_FILE", "/absent/secret")]).unwrap_err();
    assert!(
        error.starts_with("TEGAMI_HOSTNAME_FILE: cannot read \"/absent/secret\": "),
        "{error}"
    );
    assert_eq!(
        load_from(None, &[("TEGAMI_HOSTNAME_FILE", "/dev/zero")]).unwrap_err(),
        "TEGAMI_HOSTNAME_FILE: cannot read \"/dev/zero\": it is not a regular file"
    );
}
