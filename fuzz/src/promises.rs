//! What other domains promise of their TLS: policies of MTA-STS, the records that announce them, and TLSA records held against
//! certificates that a stranger shows. Whatever is read says itself again and means what a slow reader takes it for; octets
//! that are no certificate are never one. And the field by which a message waives all of that.

use address::Domain;
use dane::{Records, Tlsa};
use mta_sts::{Announced, Mode, Policy, Treatment, announced};

/// The first octet chooses the reader.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    match first % 3 {
        0 => policy(rest),
        1 => announcement(rest),
        _ => certificate(rest),
    }
}

fn policy(octets: &[u8]) {
    waiver(octets);
    let Ok(policy) = Policy::parse(octets) else {
        return;
    };
    let printed = policy.to_string();
    assert_eq!(Policy::parse(printed.as_bytes()).as_ref(), Ok(&policy));
    assert!(policy.max_age().as_secs() <= 31_557_600);
    assert!(policy.mode() == Mode::None || !policy.mx().is_empty());
    let patterns: Vec<String> = policy.mx().iter().map(ToString::to_string).collect();
    for pattern in &patterns {
        let stem = pattern.trim_start_matches("*.");
        for host in [stem.to_owned(), format!("a.{stem}"), format!("a.b.{stem}")] {
            let Ok(domain) = Domain::from_ascii(host.as_bytes()) else {
                continue;
            };
            let enforced = policy.mode() == Mode::Enforce;
            let expected = if policy.mode() == Mode::None {
                Treatment::Ordinary
            } else if patterns.iter().any(|pattern| is_meant(pattern, &host)) {
                Treatment::Verified { enforced }
            } else {
                Treatment::NotListed { enforced }
            };
            assert_eq!(policy.treatment(&domain), expected, "{pattern} {host}");
        }
    }
}

/// A header that waives all of it says so, and what is behind a header never does.
fn waiver(octets: &[u8]) {
    let waived = delivery::tls_required::is_waived(octets);
    let small = octets.to_ascii_lowercase();
    let named = small.windows(12).any(|at| at == b"tls-required");
    assert!(!waived || named, "waived by nobody");
    let field = b"TLS-Required: No\r\n";
    let body = [&b"\r\n"[..], octets].concat();
    assert!(!delivery::tls_required::is_waived(&body), "by the body");
    let first = [&field[..], &body].concat();
    assert!(
        delivery::tls_required::is_waived(&first),
        "not by the field"
    );
    let twice = [&field[..], &first].concat();
    assert!(!delivery::tls_required::is_waived(&twice), "by two fields");
}

/// Label by label.
fn is_meant(pattern: &str, host: &str) -> bool {
    let (pattern, host): (Vec<_>, Vec<_>) =
        (pattern.split('.').collect(), host.split('.').collect());
    let same = |(pattern, host): (&&str, &&str)| *pattern == "*" || pattern == host;
    pattern.len() == host.len() && pattern.iter().zip(&host).all(same)
}

/// One record on each line.
fn announcement(octets: &[u8]) {
    let records: Vec<&[u8]> = octets.split(|octet| *octet == b'\n').collect();
    if let Announced::Id(id) = announced(records.iter().copied()) {
        let said = format!("v=STSv1; id={id};");
        assert_eq!(announced([said.as_bytes()]), Announced::Id(id));
    }
    // The order of records means nothing.
    let found = announced(records.iter().copied());
    assert_eq!(announced(records.iter().rev().copied()), found);
}

/// Numbers of a record, and a certificate.
fn certificate(octets: &[u8]) {
    let Some((numbers, certificate)) = octets.split_first_chunk::<3>() else {
        return;
    };
    let [usage, selector, matching] = numbers.map(|number| number % 4);
    let records = Records::new([(usage, selector, matching, certificate)]);
    let usable = Tlsa::new(usage, selector, matching, certificate);
    match (&records, &usable) {
        (Records::Usable(found), Some(record)) => assert_eq!(found, std::slice::from_ref(record)),
        (Records::Unusable, None) => {}
        (Records::Usable(_) | Records::Unusable | Records::None, _) => {
            panic!("{records:?} {usable:?}")
        }
    }
    if let Some(record) = usable {
        // All of it, as it is, is what the record has; its key is never all of it.
        assert_eq!(record.matches(certificate), (selector, matching) == (0, 0));
    }
}
