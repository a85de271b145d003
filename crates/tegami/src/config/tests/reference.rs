//! `config/tegami.toml` and the code say the same, in both directions.

use super::*;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/tegami.toml");

/// Keys without a default in the reference: it shows an example.
const EXAMPLES: [&str; 12] = [
    "hostname",
    "accounts_file",
    "postmaster",
    "tls.certificate",
    "tls.key",
    "dns.trust_anchors",
    "relay.smarthost",
    "relay.smarthost_user",
    "relay.smarthost_password",
    "relay.smarthost_password_file",
    "relay.smarthost_ca",
    "web.url",
];

#[test]
fn the_reference_file_changes_nothing_as_it_stands() {
    let sources = Sources {
        explicit: Some(PathBuf::from(REFERENCE)),
        variables: Vec::new(),
        usual: PathBuf::new(),
    };
    assert_eq!(sources.load().unwrap().config, Config::default());
}

#[test]
fn the_reference_file_and_the_code_agree_on_every_key_and_default() {
    let text = fs::read_to_string(REFERENCE).unwrap();
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['))
                .unwrap_or(line)
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("reference.toml");
    // The example of a device names a file.
    let password = dir.path().join("scanner.password");
    fs::write(&password, "paper jam\n").unwrap();
    let text = uncommented.join("\n");
    let text = ["scanner", "partner", "hub"]
        .iter()
        .fold(text, |text, name| {
            let path = format!("/etc/tegami/{name}.password");
            text.replace(&path, password.to_str().unwrap())
        });
    fs::write(&path, text).unwrap();
    let sources = Sources {
        explicit: Some(path.clone()),
        variables: Vec::new(),
        usual: PathBuf::new(),
    };
    let mut config = sources
        .load()
        .unwrap_or_else(|error| panic!("{error}"))
        .config;
    let document = Document::read(&path).unwrap();
    let mut defaults = Config::default();
    for key in KEYS {
        let there = match key.name.split_once('.') {
            Some((section, word)) => document.table()[section].get(word).is_some(),
            None => document.table().contains_key(key.name),
        };
        assert!(there, "{} is not in the reference", key.name);
        if !EXAMPLES.contains(&key.name) {
            assert_eq!(
                (key.slot)(&mut config).text(),
                (key.slot)(&mut defaults).text(),
                "{}",
                key.name
            );
        }
    }
}

/// The example of a device has every key there is, and the defaults of those that need not be given.
#[test]
fn the_reference_file_has_every_key_of_a_device() {
    let text = fs::read_to_string(REFERENCE).unwrap();
    let (_, example) = text.split_once("#[[device]]\n").unwrap();
    let (example, _) = example.split_once("\n\n").unwrap();
    let keys: Vec<(&str, &str)> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once(" = "))
        .filter(|(key, _)| !key.starts_with(' '))
        .collect();
    let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    assert_eq!(names, device::KEYS);
    let block = |lines: Vec<String>| format!("[[device]]\n{}\n", lines.join("\n"));
    let line = |(key, value): &(&str, &str)| format!("{key} = {value}");
    let needed = ["name", "listen", "networks", "sender"];
    let least = keys.iter().filter(|(key, _)| needed.contains(key));
    let all = keys
        .iter()
        .filter(|(key, _)| !["login", "password_file"].contains(key));
    let least = good(&block(least.map(line).collect())).devices;
    let all = good(&block(all.map(line).collect())).devices;
    let shown = |devices: &[Device]| {
        let device = &devices[0];
        (
            device.rewrite_sender,
            device.max_message_size,
            device.max_recipients,
            device.mail_rate,
            device.sessions,
            device.bare_newline,
        )
    };
    assert_eq!(shown(&least), shown(&all));
}

/// The example of a route has every key there is.
#[test]
fn the_reference_file_has_every_key_of_a_route() {
    the_reference_file_has("relay.route", &super::super::relay::ROUTE_KEYS);
}

#[test]
fn the_reference_file_has_every_key_of_a_hold() {
    the_reference_file_has("relay.hold", &super::super::relay::HOLD_KEYS);
}

#[track_caller]
fn the_reference_file_has(section: &str, expected: &[&str]) {
    let text = fs::read_to_string(REFERENCE).unwrap();
    let (_, example) = text.split_once(&format!("#[[{section}]]\n")).unwrap();
    let (example, _) = example.split_once("\n\n").unwrap();
    let keys: Vec<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, expected);
}

/// The example of a server to fetch from has every key there is.
#[test]
fn the_reference_file_has_every_key_of_a_fetch() {
    let text = fs::read_to_string(REFERENCE).unwrap();
    let (_, example) = text.split_once("#[[relay.fetch]]\n").unwrap();
    let (example, _) = example.split_once("\n\n").unwrap();
    let keys: Vec<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, super::super::relay::FETCH_KEYS);
}
