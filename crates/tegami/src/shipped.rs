//! What is shipped beside the binary (systemd unit, Debian package, container image, compose stack), held against the
//! code, so that none of it can go stale unnoticed. Trying it for real is `cargo xtask interop --all`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use crate::cli::Cli;
use crate::config::{Config, Loaded, Sources, USUAL_FILE};
use crate::{declared, serve};

const BINARY: &str = "/usr/bin/tegami";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines `key SEPARATOR value` of a file, in order.
fn values(text: &str, key: &str, separator: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix(key)?
                .trim_start()
                .strip_prefix(separator)
        })
        .map(|value| value.trim().to_owned())
        .collect()
}

/// The one value `key` has in the unit.
#[track_caller]
fn unit(key: &str) -> String {
    match values(&file("config/tegami.service"), key, "=").as_slice() {
        [value] => value.clone(),
        values => panic!("{key} stands in the unit {} times", values.len()),
    }
}

/// Every address of the default listeners, by its port.
fn default_ports() -> Vec<u16> {
    let listen = Config::default().listen;
    let services = [
        listen.smtp,
        listen.submissions,
        listen.submission,
        listen.pop3,
        listen.pop3s,
    ];
    services
        .concat()
        .iter()
        .map(|address| address.port())
        .collect()
}

#[track_caller]
fn is_a_command_line(words: &[&str]) {
    assert_eq!(words.first(), Some(&BINARY));
    if let Err(error) = Cli::try_parse_from(words) {
        panic!("{words:?}: {error}");
    }
}

fn span(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap()
}

#[test]
fn the_unit_starts_this_server_where_it_keeps_its_data() {
    let start = unit("ExecStart");
    is_a_command_line(&start.split(' ').collect::<Vec<_>>());
    let state = Path::new("/var/lib").join(unit("StateDirectory"));
    assert_eq!(state, Config::default().data_dir);
    assert_eq!(unit("StateDirectoryMode"), "0700");
    assert_eq!(unit("Type"), "notify");
}

#[test]
fn the_unit_leaves_room_for_sessions_and_their_end() {
    assert!(span(&unit("TimeoutStopSec")) >= 2 * serve::DRAIN);
    let files: u64 = unit("LimitNOFILE").parse().unwrap();
    assert!(files >= 2 * u64::from(Config::default().limits.sessions));
    let lowest = default_ports().into_iter().min().unwrap();
    assert!(lowest < 1024);
    assert_eq!(unit("AmbientCapabilities"), "CAP_NET_BIND_SERVICE");
    assert_eq!(unit("CapabilityBoundingSet"), "CAP_NET_BIND_SERVICE");
}

#[test]
fn the_package_makes_the_user_and_the_directory_of_the_unit() {
    let postinst = file("config/deb/postinst");
    let data_dir = Config::default().data_dir;
    let user = unit("User");
    let directory = format!(
        "install -d -o {user} -g {user} -m 0700 {}",
        data_dir.display()
    );
    assert!(postinst.contains(&directory), "{directory}");
    assert!(postinst.contains(&format!("--home {}", data_dir.display())));
    for script in ["postinst", "prerm", "postrm"] {
        // cargo-deb puts what starts and stops the unit there.
        let text = file(&format!("config/deb/{script}"));
        assert!(text.lines().any(|line| line == "#DEBHELPER#"), "{script}");
        assert!(!text.contains("rm -r ") || text.contains("to delete both for good: rm -r "));
    }
}

#[test]
fn the_package_holds_what_the_unit_and_the_server_look_for() {
    let manifest: toml_edit::DocumentMut = file("crates/tegami/Cargo.toml").parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let mut placed = BTreeMap::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [source, target, _mode] =
            [0, 1, 2].map(|at| asset.as_array().unwrap().get(at).unwrap().as_str().unwrap());
        let name = Path::new(source).file_name().unwrap();
        let built = source.starts_with("target/release/");
        assert!(
            built || Path::new(env!("CARGO_MANIFEST_DIR")).join(source).is_file(),
            "{source}"
        );
        let target = match target.strip_suffix('/') {
            Some(directory) => Path::new("/").join(directory).join(name),
            None => Path::new("/").join(target),
        };
        placed.insert(target, source.to_owned());
    }
    assert_eq!(
        placed.get(Path::new(BINARY)).unwrap(),
        "target/release/tegami"
    );
    let reference = placed.get(Path::new(USUAL_FILE)).unwrap();
    assert_eq!(reference, "../../config/tegami.toml");
    // Written by `cargo xtask deb`; a license-file would be put in its place.
    let notices = placed.get(Path::new("/usr/share/doc/tegami/copyright"));
    assert_eq!(notices.unwrap(), "target/release/copyright");
    assert!(deb.get("license-file").is_none());
}

#[test]
fn the_image_runs_this_server_on_its_usual_ports() {
    let dockerfile = file("Dockerfile");
    let words = |line: &str| -> Vec<String> { serde_json::from_str(line).unwrap() };
    let [entry] = values(&dockerfile, "ENTRYPOINT", "").try_into().unwrap();
    let command = words(values(&dockerfile, "CMD", "").first().unwrap());
    let started = [words(&entry), command].concat();
    is_a_command_line(&started.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, health) = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("HEALTHCHECK")?.split_once("CMD "))
        .unwrap();
    let health = words(health);
    is_a_command_line(&health.iter().map(String::as_str).collect::<Vec<_>>());
    let [exposed] = values(&dockerfile, "EXPOSE", "").try_into().unwrap();
    let mut exposed: Vec<u16> = exposed
        .split(' ')
        .map(|port| port.parse().unwrap())
        .collect();
    let mut ports = default_ports();
    exposed.sort_unstable();
    ports.sort_unstable();
    assert_eq!(exposed, ports);
    let data_dir = Config::default().data_dir.display().to_string();
    for volume in values(&dockerfile, "VOLUME", "") {
        assert_eq!(volume, data_dir);
    }
    assert_eq!(values(&dockerfile, "ENV TEGAMI_DATA_DIR", "="), [data_dir]);
}

/// `${NAME:-default}` as compose reads it when nobody sets NAME.
fn substituted(value: &str) -> String {
    let value = value.trim_matches('"');
    match value
        .strip_prefix("${")
        .and_then(|rest| rest.split_once('}'))
    {
        Some((variable, rest)) => {
            let (_, default) = variable.split_once(":-").unwrap();
            format!("{default}{rest}")
        }
        None => value.to_owned(),
    }
}

/// The entries `- value` below a key of the service.
fn entries(compose: &str, key: &str) -> Vec<String> {
    compose
        .lines()
        .skip_while(|line| *line != format!("    {key}:"))
        .skip(1)
        .map_while(|line| line.strip_prefix("      - "))
        .map(substituted)
        .collect()
}

/// What compose.yaml sets, as the server reads it.
fn composed() -> Loaded {
    let compose = file("compose.yaml");
    let variables = compose.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once(": ")?;
        let is_setting = line.starts_with("      TEGAMI_");
        is_setting.then(|| (OsString::from(name), OsString::from(substituted(value))))
    });
    let sources = Sources {
        explicit: None,
        variables: variables.collect(),
        usual: PathBuf::from("/nonexistent"),
    };
    sources.load().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_compose_stack_sets_what_the_server_knows() {
    let loaded = composed();
    assert_eq!(loaded.warnings, [] as [String; 0]);
    let compose = file("compose.yaml");
    let mounts = entries(&compose, "volumes");
    let data = format!("mail:{}", loaded.config.data_dir.display());
    assert!(mounts.contains(&data), "{mounts:?}");
    let accounts = loaded.config.accounts_file.unwrap();
    let accounts = format!("./config/compose/accounts.toml:{}:ro", accounts.display());
    assert!(mounts.contains(&accounts), "{mounts:?}");
    let ports: Vec<String> = default_ports()
        .iter()
        .map(|port| format!("{port}:{port}"))
        .collect();
    assert_eq!(entries(&compose, "ports"), ports);
    let [grace] = values(&compose, "stop_grace_period", ":")
        .try_into()
        .unwrap();
    assert!(span(&grace) >= 2 * serve::DRAIN);
}

#[test]
fn the_accounts_of_the_compose_stack_have_its_secrets_for_passwords() {
    let compose = file("compose.yaml");
    let secrets = entries(&compose, "secrets");
    let office = tempfile::tempdir().unwrap();
    for secret in &secrets {
        assert!(compose.contains(&format!("  {secret}:\n    file: ./secrets/{secret}")));
        fs::write(office.path().join(secret), "vq7-Rmd2-kLw9\n").unwrap();
    }
    let text = file("config/compose/accounts.toml");
    assert_eq!(values(&text, "password_file", "=").len(), secrets.len());
    let here = office.path().display().to_string();
    let accounts = office.path().join("accounts.toml");
    fs::write(&accounts, text.replace("/run/secrets", &here)).unwrap();
    let declared = declared::load(&accounts, &composed().config.domains)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(declared.accounts.len(), secrets.len());
}
