//! `config/tegami.toml` and the code say the same, in both directions.

use super::*;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/tegami.toml");

/// Keys without a default in the reference: it shows an example.
const EXAMPLES: [&str; 5] = [
    "hostname",
    "accounts_file",
    "postmaster",
    "tls.certificate",
    "tls.key",
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
                .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
                .unwrap_or(line)
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("reference.toml");
    fs::write(&path, uncommented.join("\n")).unwrap();
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
