//! `[[device]]`: what is read, and what is said about mistakes.

use super::*;

const SCANNER: &str = "domains = [\"a.test\"]\n[[device]]\nname = \"scanner\"\nlisten = [\"127.0.0.1:2525\"]\n\
    networks = [\"192.168.1.40\"]\nsender = \"scanner@a.test\"\n";

/// The scanner with one line in the place of another is refused with exactly these words.
#[track_caller]
fn wrong(old: &str, new: &str, lines: &[&str]) {
    assert!(SCANNER.contains(old), "{old}");
    bad(&SCANNER.replace(old, new), lines);
}

#[test]
fn a_device_has_small_limits_unless_it_says_otherwise() {
    let devices = good(SCANNER).devices;
    let [device] = devices.as_slice() else {
        panic!("{devices:?}");
    };
    assert_eq!(device.name, "scanner");
    assert_eq!(device.networks, ["192.168.1.40/32".parse().unwrap()]);
    assert_eq!(device.max_message_size, Octets(25_000_000));
    assert_eq!((device.max_recipients, device.sessions), (20, 10));
    assert_eq!(device.mail_rate.to_string(), "100/1h");
    assert_eq!(device.bare_newline, BareNewline::Normalize);
    assert_eq!(device.login, None);
    assert!(!device.rewrite_sender);
    let more = "rewrite_sender = true\nmail_rate = \"off\"\nbare_newline = \"reject\"\nlogin = \"alice@a.test\"\n";
    let device = good(&format!("{SCANNER}{more}")).devices.remove(0);
    assert!(device.rewrite_sender);
    assert_eq!(device.mail_rate, Rate::Off);
    assert_eq!(device.bare_newline, BareNewline::Reject);
    let account = "alice@a.test".parse().unwrap();
    assert_eq!(device.login, Some(DeviceLogin::Account(account)));
}

#[test]
fn a_login_of_its_own_comes_with_a_password_file_beside_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tegami.toml");
    let text = format!("{SCANNER}login = \"scan\"\npassword_file = \"scan.password\"\n");
    fs::write(&path, text).unwrap();
    let file = dir.path().join("scan.password");
    let load = || {
        let sources = Sources {
            explicit: Some(path.clone()),
            variables: Vec::new(),
            usual: PathBuf::new(),
        };
        sources.load().map_err(|error| error.to_string())
    };
    for (content, words) in [
        (None, "device.password_file: cannot read "),
        (Some("one\ntwo\n"), "has to be one line"),
        (Some("\n"), "has to be one line"),
    ] {
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let error = load().map(|loaded| loaded.config).unwrap_err();
        assert!(
            error.contains("tegami.toml:8: ") && error.contains(words),
            "{error}"
        );
    }
    fs::write(&file, "paper jam\n").unwrap();
    let loaded = load().unwrap();
    let Some(DeviceLogin::Own { name, password }) = &loaded.config.devices[0].login else {
        panic!("a login of its own");
    };
    assert_eq!((name.as_str(), password.expose()), ("scan", "paper jam"));
    assert!(
        loaded
            .warnings
            .iter()
            .any(|warning| warning.contains("can be read by other users")),
        "{:?}",
        loaded.warnings
    );
    assert!(!format!("{:?}", loaded.config).contains("paper jam"));
}

/// What stands there, what is put in its place, and the line and words of the refusal.
const MISTAKES: &[(&str, &str, u32, &str)] = &[
    (
        "[[device]]",
        "[device]",
        2,
        "write [[device]], with two pairs of brackets, above each device",
    ),
    (
        "\"192.168.1.40\"",
        "",
        5,
        "device.networks: at least one network is needed: whoever connects from it is believed to be this device",
    ),
    (
        "192.168.1.40",
        "0.0.0.0/0",
        5,
        "device.networks: 0.0.0.0/0 is far more than your devices' network; name that, or their addresses",
    ),
    (
        "192.168.1.40",
        "::/0",
        5,
        "device.networks: ::/0 is far more than your devices' network; name that, or their addresses",
    ),
    (
        "192.168.1.40",
        "::ffff:0.0.0.0/96",
        5,
        "device.networks: 0.0.0.0/0 is far more than your devices' network; name that, or their addresses",
    ),
    (
        "192.168.1.40",
        "128.0.0.0/1",
        5,
        "device.networks: 128.0.0.0/1 is far more than your devices' network; name that, or their addresses",
    ),
    (
        "192.168.1.40",
        "office",
        5,
        "device.networks: \"office\" is not a network; write \"192.0.2.0/24\", \"2001:db8::/32\" or one address",
    ),
    (
        "\"127.0.0.1:2525\"",
        "",
        4,
        "device.listen: at least one address is needed; to switch a device off, remove its [[device]]",
    ),
    (
        "127.0.0.1:2525",
        "[::]:25",
        4,
        "device.listen: [::]:25 is taken by listen.smtp already",
    ),
    (
        "scanner@a.test",
        "scanner@b.test",
        6,
        "device.sender: scanner@b.test is in none of the domains of this server",
    ),
    (
        "scanner@a.test",
        "büro@a.test",
        6,
        "device.sender: büro@a.test cannot be a sender here; take a plain ASCII address",
    ),
    (
        "\"scanner\"",
        "\"the scanner\"",
        3,
        "device.name: \"the scanner\" is no name; take up to 32 letters, digits, - and _",
    ),
    (
        "name = ",
        "sessions = 0\nname = ",
        3,
        "device.sessions: must be at least 1",
    ),
    (
        "name = ",
        "login = \"scan\"\nname = ",
        3,
        "device.login: \"scan\" is no address; name an account, or set password_file for a login that only this device has",
    ),
    (
        "name = ",
        "login = \"a@b.test\"\nname = ",
        3,
        "device.login: a@b.test is in none of the domains of this server",
    ),
    (
        "name = ",
        "password_file = \"x\"\nname = ",
        3,
        "device.password_file: login is missing; it is the name that goes with this password",
    ),
];

#[test]
fn mistakes_are_named_with_line_and_key() {
    for (old, new, line, words) in MISTAKES {
        let words = format!("tegami.toml:{line}: {words}");
        wrong(old, new, &[&words]);
    }
}

#[test]
fn what_is_missing_misspelt_or_there_twice_is_named() {
    wrong(
        "networks",
        "network",
        &[
            "tegami.toml:2: device.networks is missing",
            "tegami.toml:5: unknown key \"device.network\"; did you mean \"networks\"?",
        ],
    );
    wrong(
        "sender = \"scanner@a.test\"\n",
        "",
        &["tegami.toml:2: device.sender is missing"],
    );
    let (_, again) = SCANNER.split_once('\n').unwrap();
    bad(
        &format!("{SCANNER}{again}"),
        &[
            "tegami.toml:8: device.name: \"scanner\" is there twice",
            "tegami.toml:9: device.listen: 127.0.0.1:2525 is taken by device scanner already",
        ],
    );
    bad(
        "[devise]\n",
        &["tegami.toml:1: unknown section \"devise\"; did you mean \"device\"?"],
    );
}

#[test]
fn a_network_of_the_internet_is_odd_and_no_mistake() {
    let warned = |network: &str| {
        let text = SCANNER.replace("192.168.1.40", network);
        let warnings = load_from(Some(&text), &[]).unwrap().warnings;
        warnings
            .iter()
            .any(|warning| warning.contains("is no private network"))
    };
    for (network, odd) in [
        ("10.0.0.0/8", false),
        ("127.0.0.1", false),
        ("169.254.0.0/16", false),
        ("fd00::/8", false),
        ("fe80::/64", false),
        ("203.0.113.0/24", true),
        ("2001:db8::/32", true),
    ] {
        assert_eq!(warned(network), odd, "{network}");
    }
}
