//! `[[relay.fetch]]`: servers that mail is fetched from.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::super::{Config, ConfigError, Sources};

/// What a file comes to that stands beside a file `password`.
fn load(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tegami.toml");
    fs::write(&path, text).unwrap();
    fs::write(directory.path().join("password"), "open sesame\n").unwrap();
    let sources = Sources {
        explicit: Some(path),
        variables: Vec::new(),
        usual: "absent".into(),
    };
    sources.load().map(|loaded| loaded.config)
}

fn table(lines: &str) -> String {
    format!("domains = [\"a.test\"]\n[[relay.fetch]]\n{lines}\n")
}

const LEAST: &str = "from = \"hub.test\"\nuser = \"spoke\"\npassword_file = \"password\"";

#[test]
fn the_least_that_is_said_is_a_server_a_user_and_a_password() {
    let config = load(&table(LEAST)).unwrap_or_else(|error| panic!("{error}"));
    let [fetch] = &config.relay.fetch[..] else {
        panic!("{:?}", config.relay.fetch);
    };
    assert_eq!(fetch.name(), "hub.test:366 as spoke");
    assert_eq!(fetch.login.password.expose(), "open sesame");
    assert_eq!(fetch.every, Duration::from_secs(300));
    assert!(fetch.domains.is_empty() && fetch.ca.is_none());
}

#[test]
fn a_certificate_is_looked_for_beside_the_file() {
    let more = "from = \"[2001:db8::1]:366\"\nca = \"hub.pem\"\ntls = \"implicit\"\nevery = \"1h\"\ndomains = [\"A.test\"]";
    let text = table(&LEAST.replace("from = \"hub.test\"", more));
    let config = load(&text).unwrap_or_else(|error| panic!("{error}"));
    let fetch = &config.relay.fetch[0];
    assert_eq!(fetch.name(), "[2001:db8::1]:366 as spoke");
    let ca = fetch.ca.as_deref().unwrap();
    assert!(ca.is_absolute() && ca.file_name() == Path::new("hub.pem").file_name());
    assert_eq!(fetch.domains, config.domains);
}

#[track_caller]
fn bad(lines: &str, expected: &[&str]) {
    let error = load(&table(lines)).unwrap_err().to_string();
    for words in expected {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(error.lines().count(), expected.len(), "{error}");
}

#[test]
fn what_makes_no_sense_is_said_with_its_line() {
    bad(
        "",
        &[
            "tegami.toml:2: relay.fetch.from is missing: the server that keeps the mail",
            "relay.fetch.user is missing",
            "relay.fetch.password_file is missing",
        ],
    );
    bad(
        &LEAST.replace("\"password\"", "\"nowhere\""),
        &["tegami.toml:5: relay.fetch.password_file: cannot read "],
    );
    for every in ["9s", "8d"] {
        bad(
            &format!("{LEAST}\nevery = \"{every}\""),
            &["tegami.toml:6: relay.fetch.every: between \"10s\" and \"7d\", please"],
        );
    }
    for tls in ["none", "opportunistic"] {
        bad(
            &format!("{LEAST}\ntls = \"{tls}\""),
            &["tegami.toml:6: relay.fetch.tls: a password could be read on the way"],
        );
    }
    bad(
        &format!("{LEAST}\ndomains = [\"a.test\", \"b.test\"]"),
        &["tegami.toml:6: relay.fetch.domains: b.test does not stand under domains"],
    );
    bad(
        &format!("{LEAST}\n[[relay.fetch]]\n{LEAST}"),
        &["tegami.toml:7: relay.fetch.from: this server stands there with this user already"],
    );
    bad(
        &format!("{LEAST}\nform = \"hub.test\""),
        &["tegami.toml:6: unknown key \"relay.fetch.form\"; did you mean \"from\"?"],
    );
    bad(
        &LEAST.replace("hub.test", "hub.test:x"),
        &["such as \"smtp.example.net:366\""],
    );
}

/// The examples load as they stand, but for the password that is nowhere yet, and nothing about them is odd.
#[test]
fn the_hub_and_the_spoke_of_the_example_know_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("hub.password");
    fs::write(&password, "open sesame\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let example = |name: &str, uncommented: &[&str]| {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/hub-and-spoke");
        let mut text = fs::read_to_string(place.join(name)).unwrap();
        text = text.replace("/etc/tegami/hub.password", password.to_str().unwrap());
        for line in uncommented {
            assert!(text.contains(&format!("\n#{line}")), "{line}");
            text = text.replace(&format!("\n#{line}"), &format!("\n{line}"));
        }
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        let sources = Sources {
            explicit: Some(path),
            variables: Vec::new(),
            usual: "absent".into(),
        };
        let loaded = sources.load().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.warnings, [""; 0], "{name}");
        loaded.config
    };
    let (hub, spoke) = (example("hub.toml", &[]), example("spoke.toml", &[]));
    let (hold, fetch) = (&hub.relay.holds[0], &spoke.relay.fetch[0]);
    assert_eq!(hold.domains, fetch.domains);
    assert_eq!(hold.account.to_string(), fetch.login.user);
    assert_eq!(fetch.from.host, hub.hostname.clone().into());
    assert_eq!(fetch.from.port, hub.listen.odmr[0].port());
    // What is commented out works, too.
    let ca = example("spoke.toml", &["ca = "]).relay.fetch[0].ca.clone();
    assert_eq!(ca, Some("/etc/tegami/hub.pem".into()));
    let hub = example("hub.toml", &["[tls]", "certificate = ", "key = "]);
    assert!(hub.tls.certificate.is_some() && hub.tls.key.is_some());
}
