//! Who may come in, and when: what can be said about it, and what cannot be meant.

use super::*;

#[test]
fn doors_are_read_and_shown() {
    value("suspended = true", "suspended", "true");
    value(
        "[tls]\nsubmission_min = \"1.3\"",
        "tls.submission_min",
        "\"1.3\"",
    );
    value(
        "[smtp]\nover_recipients = \"reject\"",
        "smtp.over_recipients",
        "\"reject\"",
    );
    value("[smtp]\nno_mail = true", "smtp.no_mail", "true");
    value(
        "[limits]\nmessages_per_session = 5",
        "limits.messages_per_session",
        "5",
    );
    value(
        "[limits]\nrefuse_from = [\"192.0.2.1\"]",
        "limits.refuse_from",
        "[\"192.0.2.1/32\"]",
    );
    value(
        "[proxy]\nxclient_from = [\"::1\"]",
        "proxy.xclient_from",
        "[\"::1/128\"]",
    );
}

#[test]
fn nobody_can_mean_that_everybody_is_a_proxy() {
    let message =
        "anybody could claim any address; name only the proxies that stand in front of this server";
    for key in ["from", "xclient_from"] {
        let file = format!("[proxy]\n{key} = [\"::/0\"]");
        wrong(&file, &format!("proxy.{key}: {message}"));
    }
    wrong(
        "[tls]\nsubmission_min = \"1.1\"",
        "tls.submission_min: \"1.1\" is none of \"1.2\", \"1.3\"",
    );
    wrong(
        "[tls]\nsubmission_min = 1.3",
        "tls.submission_min: a string in quotes is wanted here, not a number with a fraction",
    );
}

#[test]
fn closed_doors_are_pointed_out() {
    let closed =
        "suspended = true\n[smtp]\nno_mail = true\n[limits]\nrefuse_from = [\"0.0.0.0/0\"]";
    let warnings = load_from(Some(closed), &[]).unwrap().warnings;
    for key in ["suspended", "smtp.no_mail", "limits.refuse_from"] {
        let named = warnings
            .iter()
            .filter(|warning| warning.contains(&format!(": {key}: ")));
        assert_eq!(named.count(), 1, "{key}: {warnings:#?}");
    }
}

#[test]
fn refusing_this_machine_or_those_it_serves_is_pointed_out() {
    let device = "[[device]]\nname = \"nas\"\nlisten = [\"127.0.0.1:2525\"]\nnetworks = [\"10.1.2.3\"]\n\
        sender = \"nas@example.test\"\n";
    for (refused, proxies, said) in [
        (
            "127.0.0.0/8",
            "",
            &["127.0.0.0/8 holds this machine itself"][..],
        ),
        ("::1", "", &["::1/128 holds this machine itself"]),
        (
            "10.0.0.0/8",
            "",
            &["10.0.0.0/8 holds 10.1.2.3/32, which is device \"nas\""],
        ),
        (
            "192.0.2.0/24",
            "192.0.2.7",
            &["which is a proxy of [proxy]"],
        ),
        ("192.0.2.7", "192.0.2.0/24", &[]),
        ("198.51.100.0/24", "", &[]),
    ] {
        let proxies = match proxies {
            "" => String::new(),
            some => format!("[proxy]\nfrom = [{some:?}]\n"),
        };
        let file = format!(
            "domains = [\"example.test\"]\n[limits]\nrefuse_from = [{refused:?}]\n{proxies}{device}"
        );
        let warnings = load_from(Some(&file), &[]).unwrap().warnings;
        let mut about = warnings.iter().filter(|one| one.contains("refuse_from"));
        for words in said {
            assert!(
                about.next().is_some_and(|one| one.contains(words)),
                "{warnings:?}"
            );
        }
        assert_eq!(about.next(), None);
    }
}
