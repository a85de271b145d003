//! Mail in, and mail between the peers, which shows that the small world is in order.

use anyhow::{Result, ensure};

use super::Case;
use crate::interop::BOB;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};

/// All of them.
pub const CASES: [Case; 4] = [
    Case::short("peers", "mail among themselves, each to each other", among),
    Case::short("Postfix", "mail in, with STARTTLS", |lab| {
        inward(lab, Peer::Postfix)
    }),
    Case::short("Exim", "mail in, with STARTTLS", |lab| {
        inward(lab, Peer::Exim)
    }),
    Case::short("OpenSMTPD", "mail in, with STARTTLS", |lab| {
        inward(lab, Peer::Opensmtpd)
    }),
];

fn among(lab: &Lab) -> Result<String> {
    let mut count = 0;
    for from in Peer::ALL {
        for to in Peer::ALL.into_iter().filter(|to| *to != from) {
            let mark = lab.send_by(from, &[to.mailbox()])?;
            lab.arrives(to, &mark, 1, SOON)?;
            count += 1;
        }
    }
    Ok(format!("{count} messages"))
}

/// The peer's message comes, over TLS, as the server's own Received field says.
fn inward(lab: &Lab, peer: Peer) -> Result<String> {
    let mark = lab.send_by(peer, &[BOB])?;
    let message = lab
        .server
        .await_message(BOB, SOON, |message| message["id"] == mark.as_str())?;
    let text = message["text"].as_str().unwrap_or_default();
    let received = text.split("\r\nReceived:").nth(1).unwrap_or_default();
    ensure!(
        received.contains("ESMTPS"),
        "it did not come over TLS: {received}"
    );
    ensure!(text.contains(peer.mailbox()), "another envelope: {text}");
    let with = received
        .split_whitespace()
        .skip_while(|word| *word != "with")
        .nth(1);
    Ok(format!("with {}", with.unwrap_or_default()))
}
