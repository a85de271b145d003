//! Mail that is fetched (ODMR, RFC 2645): by a server of ours on a host that nobody sends to, from the server on trial.

use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::Case;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};
use crate::interop::mail_out::spoke::MAILBOX;

/// What one message of the second case has, in lines of 76 characters and CRLF.
const LINES: usize = 400_000;
/// Octets of it that are there when the other side is killed.
const MIDDLE: u64 = 4 << 20;
/// Messages of that size that may be through before anybody could be killed.
const MOST: usize = 4;

/// All of them.
pub const CASES: [Case; 2] = [
    Case::short("tegami", "ODMR: mail is fetched by a spoke", fetched),
    Case::short("tegami", "ODMR: killed in the middle, fetched again", again),
];

/// Mail of a user and of other servers is kept, and comes over a connection that the spoke opens.
fn fetched(lab: &Lab) -> Result<String> {
    let mut marks = vec![lab.send(&[MAILBOX])?];
    for peer in [Peer::Postfix, Peer::Exim] {
        marks.push(lab.send_by(peer, &[MAILBOX])?);
    }
    for mark in &marks {
        lab.await_that(SOON, || Ok(lab.spoke.there(mark)?.len() == 1))?;
        let text = lab.spoke.there(mark)?.remove(0)["text"].to_string();
        let received = text.split("Received:").nth(1).unwrap_or_default();
        ensure!(
            received.contains("10.20.0.10") && received.contains("ESMTPS"),
            "it did not come from the hub over TLS: {received}"
        );
    }
    lab.await_that(SOON, || Ok(!waits(lab)?))?;
    Ok(format!("{} messages, over TLS", marks.len()))
}

/// A spoke that dies in the middle of a message has nothing of it, and has it once when it is back.
fn again(lab: &Lab) -> Result<String> {
    let text: String = (0..LINES)
        .map(|number| format!("{number:076}\r\n"))
        .collect();
    for _ in 0..MOST {
        let before = lab.server.log().len();
        let mark = lab.send_with(&[MAILBOX], "large", &text, &[], &[])?;
        lab.spoke.kill_in_the_middle(MIDDLE, SOON)?;
        lab.await_that(SOON, || Ok(lab.server.log()[before..].contains(OVER)))?;
        let is_cut = waits(lab)?;
        lab.spoke.start_again()?;
        lab.await_that(SOON * 2, || Ok(!lab.spoke.there(&mark)?.is_empty()))?;
        lab.await_that(SOON, || Ok(!waits(lab)?))?;
        // Whatever else was to come has come by now.
        std::thread::sleep(Duration::from_secs(1));
        let count = lab.spoke.there(&mark)?.len();
        ensure!(count == 1, "it is there {count} times");
        if is_cut {
            return Ok("once".to_owned());
        }
    }
    bail!("{MOST} messages were through before anybody could be killed")
}

/// How the server on trial begins what it says of a visit that is over.
const OVER: &str = "ATRN: ";

/// Whether anything is kept for the spoke.
fn waits(lab: &Lab) -> Result<bool> {
    Ok(lab.server.tell(&["queue", "list"])?.contains(MAILBOX))
}
