//! TLS as it is found, and as it was promised: by nobody, by DNS (DANE), by a policy (MTA-STS).

use anyhow::{Result, ensure};

use super::Case;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};

/// All of them.
pub const CASES: [Case; 12] = [
    Case::short(
        "Postfix",
        "REQUIRETLS, over TLS, to one who does not know it",
        |lab| without_require_tls(lab, "secret@postfix.test"),
    ),
    Case::short("Postfix", "REQUIRETLS, and no TLS", |lab| {
        without_require_tls(lab, "secret@notls.test")
    }),
    Case::short(
        "Postfix",
        "opportunistic TLS, a certificate of its own",
        |lab| delivered(lab, "user@selfsigned.test", true),
    ),
    Case::short("Postfix", "broken TLS: falls back to none", |lab| {
        delivered(lab, "user@brokentls.test", false)
    }),
    Case::short("Postfix", "no TLS", |lab| {
        delivered(lab, "user@notls.test", false)
    }),
    Case::short(
        "Postfix",
        "unsigned names below signed ones (NSEC3 opt-out)",
        |lab| delivered(lab, "user@plain.example", true),
    ),
    Case::short("Postfix", "DANE, the right key", |lab| {
        delivered(lab, "user@dane.example", true)
    }),
    Case::short("Postfix", "DANE, another key", |lab| {
        lab.kept("user@danebad.example", "")
    }),
    Case::short("Postfix", "forged signatures in DNS", |lab| {
        lab.kept("user@bogus.example", "fails DNSSEC validation")
    }),
    Case::short("Postfix", "MTA-STS, kept", |lab| {
        delivered(lab, "user@sts.test", true)
    }),
    Case::short(
        "Postfix",
        "MTA-STS, a certificate nobody vouches for",
        |lab| lab.kept("user@stsbad.test", ""),
    ),
    Case::short("Postfix", "MTA-STS, and no TLS", |lab| {
        lab.kept("user@stsnotls.test", "")
    }),
];

fn delivered(lab: &Lab, to: &str, tls: bool) -> Result<String> {
    let mark = lab.send(&[to])?;
    let text = lab.arrives(Peer::Postfix, &mark, 1, SOON)?;
    let received = text.split("\nReceived:").nth(1).unwrap_or_default();
    ensure!(
        received.contains("(using TLS") == tls,
        "it came otherwise: {received}"
    );
    Ok(if tls {
        "delivered over TLS"
    } else {
        "delivered in clear"
    }
    .to_owned())
}

/// Both servers would have to know REQUIRETLS (RFC 8689 section 4.2.1): the message comes back.
fn without_require_tls(lab: &Lab, to: &str) -> Result<String> {
    lab.send_with(&[to], "in secret", "Good day.\r\n", &["REQUIRETLS"], &[])?;
    let report = lab.report(to)?;
    let status = report["recipients"][0]["status"]
        .as_str()
        .unwrap_or_default();
    ensure!(
        status.starts_with("5.7."),
        "the report says {status}: {report}"
    );
    Ok(format!("comes back with {status}"))
}
