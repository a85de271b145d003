//! Rows: how mail leaves, who may send it through, and what is said about mistakes in that.

use super::*;

/// Where each sender's mail to each place goes: by which server, or directly.
#[track_caller]
fn way(file: &str, sender: &str, recipient: &str, expected: Option<&str>) {
    let config = good(file);
    let sender = match sender {
        "" => address::ReversePath::Null,
        sender => address::ReversePath::Mailbox(sender.parse().unwrap()),
    };
    let recipient = address::ForwardPath::Mailbox(recipient.parse().unwrap());
    let mut routes = config.relay.routes.iter();
    let via = match routes.find(|route| route.takes(&sender, &recipient)) {
        Some(route) => match &route.via {
            Via::Direct => None,
            Via::Host(hop) => Some(hop.to_string()),
        },
        None => config.relay.smarthost.map(|hop| hop.to_string()),
    };
    assert_eq!(via.as_deref(), expected, "{sender} {recipient}");
}

#[test]
fn mail_leaves_directly_until_somebody_says_otherwise() {
    let config = good("domains = [\"a.test\"]");
    assert!(config.relay.enabled);
    assert_eq!(config.relay.smarthost, None);
    assert!(config.relay.networks.is_empty());
    way("", "me@a.test", "you@b.test", None);
}

#[test]
fn the_first_route_that_fits_is_taken_and_the_smarthost_after_them() {
    let file = "[relay]\nsmarthost = \"smart.test\"\n\
        [[relay.route]]\ndomains = [\"b.test\"]\nsenders = [\"boss@a.test\"]\nvia = \"[192.0.2.1]:25\"\n\
        [[relay.route]]\ndomains = [\"b.test\", \"one@c.test\"]\nvia = \"direct\"\n\
        [[relay.route]]\nsenders = [\"a2.test\"]\nvia = \"other.test:465\"\n";
    for (sender, recipient, expected) in [
        ("boss@a.test", "you@b.test", Some("192.0.2.1:25")),
        ("boss@a.test", "you@c.test", Some("smart.test:587")),
        ("me@a.test", "you@b.test", None),
        ("", "you@b.test", None),
        ("me@a.test", "one@c.test", None),
        ("me@a.test", "you@sub.b.test", Some("smart.test:587")),
        ("me@a2.test", "you@d.test", Some("other.test:465")),
        ("me@a2.test", "you@b.test", None),
        ("", "you@d.test", Some("smart.test:587")),
    ] {
        way(file, sender, recipient, expected);
    }
}

#[test]
fn tls_is_required_unless_it_is_given_up_by_name() {
    use HopTls::{Auto, Implicit, None, Opportunistic, StartTls};
    for (tls, port, expected) in [
        (Auto, 465, Implicit),
        (Auto, 587, StartTls),
        (Auto, 25, StartTls),
        (Implicit, 25, Implicit),
        (StartTls, 465, StartTls),
        (Opportunistic, 465, Opportunistic),
        (None, 465, None),
    ] {
        assert_eq!(tls.at(port), expected, "{tls:?} {port}");
    }
}

#[test]
fn passwords_come_from_a_file_or_a_variable_and_the_variable_wins() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "from the file\n").unwrap();
    let secret = secret.to_str().unwrap();
    let login = |loaded: Loaded| {
        let login = loaded.config.relay.smarthost_login().unwrap();
        (login.user, login.password.expose().to_owned())
    };
    let file = format!(
        "[relay]\nsmarthost = \"smart.test\"\nsmarthost_user = \"me\"\nsmarthost_password_file = {secret:?}"
    );
    let read = load_from(Some(&file), &[]).unwrap();
    assert_eq!(login(read), ("me".to_owned(), "from the file".to_owned()));
    let word = ("TEGAMI_RELAY__SMARTHOST_PASSWORD", "from the variable");
    let read = load_from(Some(&file), &[word]).unwrap();
    assert!(
        read.warnings
            .iter()
            .any(|one| one.contains("is ignored: relay.smarthost_password is set")),
        "{:?}",
        read.warnings
    );
    assert_eq!(
        login(read),
        ("me".to_owned(), "from the variable".to_owned())
    );
    let read = load_from(
        None,
        &[
            ("TEGAMI_RELAY__SMARTHOST", "smart.test"),
            ("TEGAMI_RELAY__SMARTHOST_USER", "me"),
            ("TEGAMI_RELAY__SMARTHOST_PASSWORD_FILE", secret),
        ],
    );
    assert_eq!(
        login(read.unwrap()),
        ("me".to_owned(), "from the file".to_owned())
    );
    // Compose files leave variables empty that nobody set.
    let unset = good_variables(&[
        ("TEGAMI_RELAY__SMARTHOST", ""),
        ("TEGAMI_RELAY__SMARTHOST_USER", ""),
        ("TEGAMI_RELAY__SMARTHOST_PASSWORD", ""),
    ]);
    assert_eq!(unset.relay, Relay::default());
}

#[test]
fn no_password_is_ever_shown() {
    let file = "[relay]\nsmarthost = \"smart.test\"\nsmarthost_user = \"me\"\nsmarthost_password = \"hunter2\"";
    value(file, "relay.smarthost_password", "");
    assert!(!format!("{:?}", good(file)).contains("hunter2"));
}

#[test]
fn times_and_numbers_can_be_switched_off_where_that_makes_sense() {
    value(
        "[relay]\ndelay_notice = \"off\"",
        "relay.delay_notice",
        "\"off\"",
    );
    value(
        "[relay]\ndelay_notice = \"1h\"",
        "relay.delay_notice",
        "\"1h\"",
    );
    value(
        "[relay]\nrecipients_per_day = \"off\"",
        "relay.recipients_per_day",
        "\"off\"",
    );
    value(
        "[relay]\nrecipients_per_day = 50",
        "relay.recipients_per_day",
        "50",
    );
    value(
        "[relay]\nretry = [\"1m\", \"2m\"]",
        "relay.retry",
        "[\"1m\", \"2m\"]",
    );
    value("[relay]\nfamilies = \"ipv4\"", "relay.families", "\"ipv4\"");
    value(
        "[relay]\nsource = [\"192.0.2.1\", \"2001:db8::1\"]",
        "relay.source",
        "[\"192.0.2.1\", \"2001:db8::1\"]",
    );
}

#[test]
fn says_what_is_wrong_with_the_way_out() {
    for (file, message) in [
        (
            "smarthost = \"\"",
            "relay.smarthost: \"\" is no server; write a name or an address and a port, such as \"smtp.example.net:587\"",
        ),
        (
            "smarthost_user = \"me\"",
            "relay.smarthost_user: relay.smarthost is not set, so this is about no server; name the server there",
        ),
        (
            "smarthost = \"a.test\"\nsmarthost_user = \"me\"",
            "relay.smarthost_user: relay.smarthost_password_file is missing; it names the file with the password that goes with this user",
        ),
        (
            "smarthost = \"a.test\"\nsmarthost_password = \"x\"",
            "relay.smarthost_password: relay.smarthost_user is missing; it is the name that goes with this password",
        ),
        (
            "smarthost = \"a.test\"\nsmarthost_user = \"me\"\nsmarthost_password = \"x\"\nsmarthost_tls = \"none\"",
            "relay.smarthost_tls: a password could be read on the way, or asked for by somebody in between; with a user, take \"starttls\" or \"implicit\"",
        ),
        (
            "smarthost = \"a.test\"\nsmarthost_user = \"me\"\nsmarthost_password_file = \"absent\"",
            "relay.smarthost_password_file: cannot read absent: No such file or directory (os error 2)",
        ),
        (
            "smarthost_tls = \"tls\"",
            "relay.smarthost_tls: \"tls\" is none of \"auto\", \"starttls\", \"implicit\", \"opportunistic\", \"none\"",
        ),
        (
            "networks = [\"0.0.0.0/0\"]",
            "relay.networks: 0.0.0.0/0 is everybody: spam of the whole Internet would leave from here; name the networks of your own devices",
        ),
        (
            "backup_domains = [\"localhost\"]",
            "relay.backup_domains: localhost stands under domains, too: its mail is delivered here; leave one of them out",
        ),
        (
            "etrn_domains = [\"localhost\"]",
            "relay.etrn_domains: localhost stands under domains, too: its mail is delivered here and never waits to be sent; leave one of them out",
        ),
        (
            "etrn_from = [\"192.0.2.1\"]",
            "relay.etrn_from: relay.etrn_domains is not set, so there is nothing to ask for; name the domains there",
        ),
        (
            "etrn_reply = \"all\"",
            "relay.etrn_reply: \"all\" is none of \"count\", \"started\", \"plain\"",
        ),
        (
            "source = [\"192.0.2.1\", \"192.0.2.2\"]",
            "relay.source: 192.0.2.2 is the second of its kind; give one IPv4 and one IPv6 address at most",
        ),
        (
            "families = \"both\"",
            "relay.families: \"both\" is none of \"ipv6-first\", \"ipv4-first\", \"ipv4\", \"ipv6\"",
        ),
        (
            "retry = []",
            "relay.retry: at least one time is needed, such as [\"15m\", \"1h\"]",
        ),
        (
            "retry = [\"0s\"]",
            "relay.retry: a time of nothing would try without a pause; write \"1m\" or longer",
        ),
        ("connections = 0", "relay.connections: must be at least 1"),
        (
            "recipients_per_day = 0",
            "relay.recipients_per_day: must be at least 1; \"off\" is no limit, and relay.enabled = false lets nobody write elsewhere",
        ),
        (
            "recipients_per_day = \"many\"",
            "relay.recipients_per_day: a whole number from 0 to 4294967295 is wanted here, not a string; or \"off\"",
        ),
        (
            "smarthst = \"a.test\"",
            "unknown key \"relay.smarthst\"; did you mean \"relay.smarthost\"?",
        ),
        (
            "route = []",
            "write [[relay.route]], with two pairs of brackets, above each route",
        ),
    ] {
        wrong(&format!("[relay]\n{file}"), message);
    }
    bad(
        "[[relay.route]]\ndomains = [\"b.test\"]\nvai = \"c.test\"",
        &[
            "tegami.toml:1: relay.route.via is missing: the server this mail goes to, or \"direct\"",
            "tegami.toml:3: unknown key \"relay.route.vai\"; did you mean \"via\"?",
        ],
    );
    for (route, line) in [
        (
            "via = \"c.test\"",
            "tegami.toml:2: relay.route.via: all mail would go there; name its domains or senders, or set relay.smarthost instead",
        ),
        (
            "via = \"direct\"\ndomains = [\"b.test\"]\ntls = \"none\"",
            "tegami.toml:4: relay.route.tls: this is about a server, and via names none",
        ),
        (
            "via = \"c.test\"\ndomains = [\"b.test\"]\nuser = \"me\"",
            "tegami.toml:4: relay.route.user: password_file is missing; it names the file with the password that goes with this user",
        ),
    ] {
        bad(&format!("[[relay.route]]\n{route}"), &[line]);
    }
}

#[test]
fn what_is_dangerous_or_has_no_effect_is_said() {
    for (file, part) in [
        (
            "[relay]\nnetworks = [\"203.0.113.0/24\"]",
            "203.0.113.0/24 is no private network",
        ),
        (
            "[relay]\ngive_up_after = \"1d\"",
            "RFC 5321 wants at least 4d",
        ),
        (
            "[relay]\ndelay_notice = \"6d\"",
            "nobody is ever told of a delay",
        ),
        (
            "[[relay.route]]\nvia = \"c.test\"\ndomains = [\"localhost\"]",
            "is delivered here, by domains, and never takes this route",
        ),
        (
            "[[relay.route]]\nvia = \"c.test\"\ndomains = [\"b.test\", \"d.test\"]\n\
             [[relay.route]]\nvia = \"e.test\"\ndomains = [\"f.test\", \"d.test\"]",
            "tegami.toml:6: relay.route.domains: mail for d.test takes a route further up",
        ),
        (
            "[relay]\nsmarthost = \"c.test\"\nsmarthost_tls = \"none\"\nsmarthost_ca = \"ca.pem\"",
            "relay.smarthost_ca: there is no TLS there, so this file is not used",
        ),
        (
            "[[relay.route]]\nvia = \"c.test\"\ndomains = [\"b.test\"]\ntls = \"opportunistic\"\nca = \"ca.pem\"",
            "relay.route.ca: any certificate is taken there",
        ),
        (
            "hostname = \"mail.b.test\"\n[listen]\nsubmission = [\"[::]:587\"]\n[relay]\nsmarthost = \"mail.b.test\"",
            "relay.smarthost: mail.b.test:587 is this server itself, which listens on [::]:587",
        ),
        (
            "[listen]\nsmtp = [\"0.0.0.0:2525\"]\n\
             [[relay.route]]\nvia = \"127.0.0.1:2525\"\ndomains = [\"b.test\"]",
            "relay.route.via: 127.0.0.1:2525 is this server itself",
        ),
    ] {
        let warnings = load_from(Some(file), &[]).unwrap().warnings;
        assert!(
            warnings.iter().any(|warning| warning.contains(part)),
            "{file}: {warnings:?}"
        );
    }
    // What differs in its senders, or in its port, is another way.
    let file = "[listen]\nsmtp = [\"127.0.0.1:2525\"]\n[relay]\nsmarthost = \"127.0.0.1:2526\"\n\
                [[relay.route]]\nvia = \"c.test\"\ndomains = [\"b.test\"]\nsenders = [\"me@localhost\"]\n\
                [[relay.route]]\nvia = \"e.test\"\ndomains = [\"b.test\"]";
    let warnings = load_from(Some(file), &[]).unwrap().warnings;
    assert!(
        !warnings.iter().any(|warning| warning.contains("relay")),
        "{warnings:?}"
    );
}
