//! Rows: whose mail is kept until it is fetched, and what is said about mistakes in that.

use super::*;

const SPOKE: &str = "[[relay.hold]]\ndomains = [\"spoke.test\"]\naccount = \"spoke@a.test\"\n";

/// A hub at `a.test` with these tables.
fn hub(tables: &str) -> String {
    format!("domains = [\"a.test\"]\n[listen]\nodmr = [\"[::]:366\"]\n{tables}")
}

#[test]
fn mail_is_kept_for_every_domain_of_every_table() {
    let config = good(&hub(&format!(
        "{SPOKE}[[relay.hold]]\ndomains = [\"b.test\", \"c.test\"]\naccount = \"other@a.test\"\n"
    )));
    let shown: Vec<String> = config
        .relay
        .holds
        .iter()
        .map(|hold| format!("{:?} {}", hold.domains.len(), hold.account))
        .collect();
    assert_eq!(shown, ["1 spoke@a.test", "2 other@a.test"]);
    assert_eq!(config.listen.odmr, ["[::]:366".parse().unwrap()]);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (tables, message) in [
        (
            "[[relay.hold]]\naccount = \"spoke@a.test\"",
            "tegami.toml:4: relay.hold.domains is missing: the domains whose mail is kept",
        ),
        (
            "[[relay.hold]]\naccount = \"spoke@a.test\"\ndomains = []",
            "tegami.toml:6: relay.hold.domains is missing: the domains whose mail is kept",
        ),
        (
            "[[relay.hold]]\ndomains = [\"spoke.test\"]",
            "tegami.toml:4: relay.hold.account is missing: the account of this server that fetches the mail",
        ),
        (
            "[relay]\nhold = []",
            "tegami.toml:5: write [[relay.hold]], with two pairs of brackets, above each customer whose mail is kept",
        ),
        (
            "[[relay.hold]]\ndomains = [\"a.test\"]\naccount = \"spoke@a.test\"",
            "tegami.toml:5: relay.hold.domains: a.test stands under domains, too: its mail is delivered here and nobody has to fetch it; leave one of them out",
        ),
        (
            "[[relay.hold]]\ndomains = [\"b.test\", \"B.test\"]\naccount = \"spoke@a.test\"",
            "tegami.toml:5: relay.hold.domains: b.test stands here twice: only one account can fetch its mail; leave one of them out",
        ),
        (
            "[relay]\nbackup_domains = [\"b.test\"]\n[[relay.hold]]\ndomains = [\"b.test\"]\naccount = \"spoke@a.test\"",
            "tegami.toml:7: relay.hold.domains: b.test stands under relay.backup_domains, too: its mail would be sent to its own servers; leave one of them out",
        ),
        (
            "[relay]\netrn_domains = [\"b.test\"]\n[[relay.hold]]\ndomains = [\"b.test\"]\naccount = \"spoke@a.test\"",
            "tegami.toml:7: relay.hold.domains: b.test stands under relay.etrn_domains, too: its mail is fetched and never sent; leave one of them out",
        ),
    ] {
        bad(&hub(tables), &[message]);
    }
    bad(
        &hub("[[relay.hold]]\ndomain = [\"b.test\"]\naccount = \"spoke@a.test\""),
        &[
            "tegami.toml:4: relay.hold.domains is missing: the domains whose mail is kept",
            "tegami.toml:5: unknown key \"relay.hold.domain\"; did you mean \"domains\"?",
        ],
    );
}

#[test]
fn what_keeps_mail_from_being_fetched_is_said() {
    for (file, part) in [
        (
            hub(&SPOKE.replace("@a.test", "@b.test")),
            "tegami.toml:6: relay.hold.account: there is no account spoke@b.test: b.test is not under domains",
        ),
        (
            format!("domains = [\"a.test\"]\n{SPOKE}"),
            "tegami.toml:3: relay.hold.domains: listen.odmr is [], so nobody can fetch this mail",
        ),
        (
            hub(&format!("[relay]\nenabled = false\n{SPOKE}")),
            "relay.enabled is false, so mail for these domains is refused",
        ),
        (
            hub(""),
            "listen.odmr: there is no [[relay.hold]], so there is nothing to fetch",
        ),
    ] {
        let warnings = load_from(Some(&file), &[]).unwrap().warnings;
        assert!(
            warnings.iter().any(|warning| warning.contains(part)),
            "{file}: {warnings:?}"
        );
    }
    let warnings = load_from(Some(&hub(SPOKE)), &[]).unwrap().warnings;
    assert!(
        !warnings
            .iter()
            .any(|warning| warning.contains("odmr") || warning.contains("hold")),
        "{warnings:?}"
    );
}
