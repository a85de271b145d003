//! TLS as it is found, and as it was promised: by nobody, by DNS (DANE), by a policy (MTA-STS).

use anyhow::{Result, ensure};

use super::Case;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};

/// All of them.
pub const CASES: [Case; 9] = [
    Case::short("Postfix", "opportunistic TLS, a certificate of its own", |lab| delivered(lab, "user@selfsigned.test", true)),
    Case::short("Postfix", "broken TLS: falls back to none", |lab| delivered(lab, "user@brokentls.test", false)),
    Case::short("Postfix", "no TLS", |lab| delivered(lab, "user@notls.test", false)),
    Case::short("Postfix", "DANE, the right key", |lab| delivered(lab, "user@dane.example", true)),
    Case::short("Postfix", "DANE, another key", |lab| kept(lab, "user@danebad.example")),
    Case::short("Postfix", "forged signatures in DNS", |lab| kept(lab, "user@bogus.example")),
    Case::short("Postfix", "MTA-STS, kept", |lab| delivered(lab, "user@sts.test", true)),
    Case::short("Postfix", "MTA-STS, a certificate nobody vouches for", |lab| kept(lab, "user@stsbad.test")),
    Case::short("Postfix", "MTA-STS, and no TLS", |lab| kept(lab, "user@stsnotls.test")),
];

fn delivered(lab: &Lab, to: &str, tls: bool) -> Result<String> {
    let mark = lab.send(&[to])?;
    let text = lab.arrives(Peer::Postfix, &mark, 1, SOON)?;
    let received = text.split("\nReceived:").nth(1).unwrap_or_default();
    ensure!(received.contains("(using TLS") == tls, "it came otherwise: {received}");
    Ok(if tls { "delivered over TLS" } else { "delivered in clear" }.to_owned())
}

/// It stays, is not given back yet, and somebody who looks is told why.
fn kept(lab: &Lab, to: &str) -> Result<String> {
    let mark = lab.send(&[to])?;
    let line = lab.server.await_outcome(to, "deferred", SOON)?;
    ensure!(lab.there(Peer::Postfix, &mark)?.is_empty(), "it was delivered");
    lab.server.tell(&["queue", "remove", &line["id"].to_string()])?;
    let words = line["words"].as_str().unwrap_or_default();
    Ok(format!("kept: {}", words.chars().take(90).collect::<String>()))
}
