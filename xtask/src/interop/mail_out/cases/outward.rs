//! Mail out to peers who take it: with TLS, and with what each of them offers besides.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Case;
use crate::interop::ALICE;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};

/// The largest message of a run, in lines of 76 characters and CRLF.
const LINES: usize = 200_000;
/// Recipients of the message with many.
const MANY: usize = 100;
/// Text that is no ASCII.
const UMLAUTS: &str = "Größe: zwölf Bücher, 本が十二冊。\r\n";

/// All of them.
pub const CASES: [Case; 16] = [
    Case::short("Postfix", "mail out, with STARTTLS", |lab| {
        outward(lab, Peer::Postfix)
    }),
    Case::short("Exim", "mail out, with STARTTLS", |lab| {
        outward(lab, Peer::Exim)
    }),
    Case::short("OpenSMTPD", "mail out; its STARTTLS may fail", opensmtpd),
    Case::short("Postfix", "CHUNKING", |lab| {
        logged(lab, Peer::Postfix, "user@postfix.test", "bdat=")
    }),
    Case::short("Exim", "CHUNKING", |lab| {
        logged(lab, Peer::Exim, "user@exim.test", " K S=")
    }),
    Case::short("Postfix", "8BITMIME", |lab| eight_bit(lab, Peer::Postfix)),
    Case::short("Exim", "8BITMIME", |lab| eight_bit(lab, Peer::Exim)),
    Case::short("OpenSMTPD", "8BITMIME", |lab| {
        eight_bit(lab, Peer::Opensmtpd)
    }),
    Case::short("Postfix", "SMTPUTF8", |lab| {
        utf8(lab, Peer::Postfix, "jürgen@postfix.test")
    }),
    Case::short("Exim", "SMTPUTF8", |lab| {
        utf8(lab, Peer::Exim, "jürgen@exim.test")
    }),
    Case::short("Postfix", "DSN: its own report of success", |lab| {
        success(lab, "well@postfix.test", "delivered")
    }),
    Case::short(
        "Postfix",
        "without DSN: our report that it was relayed",
        |lab| success(lab, "well@old.test", "relayed"),
    ),
    Case::short("Postfix", "a server of 1982: none of the extensions", old),
    Case::short("Postfix", "100 recipients", many),
    Case::short("Postfix", "15 MB", |lab| large(lab, Peer::Postfix)),
    Case::long("Exim", "15 MB", |lab| large(lab, Peer::Exim)),
];

/// The message comes, over TLS, as the peer's Received field says, without our own Return-Path.
fn outward(lab: &Lab, peer: Peer) -> Result<String> {
    let mark = lab.send(&[peer.mailbox()])?;
    let text = lab.arrives(peer, &mark, 1, SOON)?;
    let received = text.split("\nReceived:").nth(1).unwrap_or_default();
    let version = ["TLSv1.3", "TLS1.3", "TLS1_3", "TLSv1.2", "TLS1.2"]
        .iter()
        .find(|word| received.contains(**word));
    let version = version.with_context(|| format!("it did not come over TLS: {received}"))?;
    let paths = text
        .lines()
        .filter(|line| line.to_ascii_lowercase().starts_with("return-path:"))
        .count();
    ensure!(paths <= 1, "it left with our Return-Path:\n{text}");
    Ok(format!("over {version}"))
}

/// Version 6.8 with OpenSSL 3, as in Debian 12, offers STARTTLS and fails in every handshake (OpenSMTPD issue 1239): mail comes
/// all the same, in clear. From newer ones it has to come over TLS.
fn opensmtpd(lab: &Lab) -> Result<String> {
    let before = lab.log(Peer::Opensmtpd).len();
    match outward(lab, Peer::Opensmtpd) {
        Ok(seen) => Ok(seen),
        Err(error) => {
            let log = lab.log(Peer::Opensmtpd);
            ensure!(log[before..].contains("SSL routines::EVP lib"), "{error:#}");
            Ok("in clear, after its handshake failed".to_owned())
        }
    }
}

/// The peer's log says so.
fn logged(lab: &Lab, peer: Peer, to: &str, words: &str) -> Result<String> {
    let before = lab.log(peer).len();
    let mark = lab.send(&[to])?;
    lab.arrives(peer, &mark, 1, SOON)?;
    // Postfix says it when the connection ends, which may be used once more before.
    lab.await_that(Duration::from_secs(60), || {
        Ok(lab
            .log(peer)
            .get(before..)
            .is_some_and(|log| log.contains(words)))
    })
    .with_context(|| format!("{words:?} is not in the log of {}", peer.name()))?;
    Ok(format!("{:?} in its log", words.trim()))
}

/// Octets above 127 arrive as they were sent.
fn eight_bit(lab: &Lab, peer: Peer) -> Result<String> {
    let mark = lab.send_with(
        &[peer.mailbox()],
        "letters",
        UMLAUTS,
        &["BODY=8BITMIME"],
        &[],
    )?;
    let text = lab.arrives(peer, &mark, 1, SOON)?;
    ensure!(
        text.contains(UMLAUTS.trim_end()),
        "not as it was sent:\n{text}"
    );
    Ok("as it was sent".to_owned())
}

/// An address that is no ASCII, and a header as well.
fn utf8(lab: &Lab, peer: Peer, to: &str) -> Result<String> {
    let mark = lab.send_with(
        &[to],
        "Bücher",
        UMLAUTS,
        &["SMTPUTF8", "BODY=8BITMIME"],
        &[],
    )?;
    let text = lab.arrives(peer, &mark, 1, SOON)?;
    ensure!(
        text.contains("Subject: Bücher"),
        "the header was changed:\n{text}"
    );
    ensure!(text.contains(to), "no {to} in it:\n{text}");
    Ok(format!("to {to}"))
}

/// The sender hears that all went well: from the server that knows DSN, else from the last one that does.
fn success(lab: &Lab, to: &str, action: &str) -> Result<String> {
    lab.send_with(
        &[to],
        "tell me",
        "Good day.\r\n",
        &["RET=HDRS", "ENVID=lab"],
        &["NOTIFY=SUCCESS,FAILURE"],
    )?;
    let report = lab.server.await_message(ALICE, SOON, |message| {
        message["recipients"].as_array().is_some_and(|all| {
            all.iter().any(|one| {
                one["final-recipient"]
                    .as_str()
                    .is_some_and(|path| path.contains(to))
            })
        })
    })?;
    let said = &report["recipients"][0]["action"];
    ensure!(
        said.as_str().is_some_and(|said| said.starts_with(action)),
        "the report says {said}: {report}"
    );
    ensure!(
        report["message"]["original-envelope-id"] == "lab",
        "ENVID got lost: {report}"
    );
    Ok(format!(
        "{action}, from {}",
        report["from"].as_str().unwrap_or_default()
    ))
}

/// No PIPELINING, no CHUNKING, no SIZE: and what cannot pass comes back.
fn old(lab: &Lab) -> Result<String> {
    let mark = lab.send(&["plain@old.test"])?;
    lab.arrives(Peer::Postfix, &mark, 1, SOON)?;
    lab.send_with(
        &["jürgen@old.test"],
        "Bücher",
        UMLAUTS,
        &["SMTPUTF8", "BODY=8BITMIME"],
        &[],
    )?;
    let report = lab.report("rgen@old.test")?;
    let status = report["recipients"][0]["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    ensure!(
        status.starts_with("5.6."),
        "the report says {status}: {report}"
    );
    Ok(format!(
        "plain mail arrives, SMTPUTF8 comes back with {status}"
    ))
}

fn many(lab: &Lab) -> Result<String> {
    let to: Vec<String> = (0..MANY)
        .map(|number| format!("user{number}@postfix.test"))
        .collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mark = lab.send(&to)?;
    lab.arrives(Peer::Postfix, &mark, MANY, SOON)?;
    let log = lab.log(Peer::Postfix);
    let id = log.lines().filter(|line| line.contains("nrcpt=100"));
    ensure!(id.count() > 0, "they came in more than one transaction");
    Ok("in one transaction".to_owned())
}

fn large(lab: &Lab, peer: Peer) -> Result<String> {
    let text: String = (0..LINES)
        .map(|number| format!("{number:076}\r\n"))
        .collect();
    let mark = lab.send_with(&[peer.mailbox()], "large", &text, &[], &[])?;
    let came = lab.arrives(peer, &mark, 1, SOON * 2)?;
    ensure!(
        came.replace('\n', "\r\n").contains(&text),
        "not as it was sent"
    );
    Ok("as it was sent".to_owned())
}
