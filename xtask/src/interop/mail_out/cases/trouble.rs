//! What does not go at once, and what never goes: tried again, or given back with a report that a program and a person can read.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Case;
use crate::interop::ALICE;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};
use crate::interop::mail_out::{postfix, server};

/// A host that is down is found out after so long.
const DOWN: Duration = Duration::from_secs(60);

/// All of them.
pub const CASES: [Case; 13] = [
    Case::short("Postfix", "550 at RCPT comes back", |lab| {
        bounced(lab, "no-such@postfix.test", "5.1.1")
    }),
    Case::short("Exim", "550 at RCPT comes back", |lab| {
        bounced(lab, "no-such@exim.test", "5")
    }),
    Case::short("OpenSMTPD", "550 at RCPT comes back", |lab| {
        bounced(lab, "no-such@opensmtpd.test", "5")
    }),
    Case::short("Postfix", "550 behind DATA comes back", |lab| {
        refused_text(lab, "text@postfix.test")
    }),
    Case::short("Exim", "550 behind DATA comes back", |lab| {
        refused_text(lab, "text@exim.test")
    }),
    Case::short("Postfix", "one of two recipients comes back", partly),
    Case::short(
        "nobody",
        "null MX is refused at once, or comes back",
        |lab| nowhere(lab, "user@nullmx.test", "5.1.10"),
    ),
    Case::short(
        "nobody",
        "no such domain is refused at once, or comes back",
        |lab| nowhere(lab, "user@nowhere.test", "5.1.2"),
    ),
    Case::short("Exim", "450: its words are told", |lab| {
        lab.kept("later@exim.test", "Later, please")
    }),
    Case::short(
        "nobody",
        "it takes long: the sender hears of it, once",
        delayed,
    ),
    Case::short("Postfix", "450, and taken when it is tried again", later),
    Case::short("Postfix", "a host that is down, and comes up", |lab| {
        comes_up(lab, postfix::DOWN, "user@down.test", DOWN, || Ok(()))
    }),
    Case::short("Postfix", "connection refused, and then not", |lab| {
        let names = lab.names.host();
        let before = || names.drop_address(postfix::REFUSES);
        comes_up(lab, postfix::REFUSES, "user@refuses.test", SOON, before)?;
        lab.postfix.host().drop_address(postfix::REFUSES)?;
        names.add_address(postfix::REFUSES)?;
        lab.forget_neighbours()?;
        Ok("deferred, then delivered".to_owned())
    }),
];

/// What every report must be.
fn check(report: &Value, status: &str) -> Result<()> {
    let one = &report["recipients"][0];
    ensure!(one["action"] == "failed", "the action is {}", one["action"]);
    let said = one["status"].as_str().unwrap_or_default();
    ensure!(
        said.starts_with(status),
        "the status is {said}, and not {status}"
    );
    ensure!(
        report["defects"].as_array().is_some_and(Vec::is_empty),
        "defects: {}",
        report["defects"]
    );
    ensure!(
        report["return_path"] == "<>",
        "Return-Path: {}",
        report["return_path"]
    );
    let auto = report["auto"].as_str().unwrap_or_default();
    ensure!(auto.starts_with("auto-"), "Auto-Submitted: {auto}");
    let human = report["human"].as_str().unwrap_or_default();
    ensure!(human.len() > 100, "no words for people: {human:?}");
    ensure!(
        report["original"]
            .as_str()
            .is_some_and(|text| text.contains("X-Lab")),
        "the message is not given back"
    );
    Ok(())
}

/// The report quotes the peer.
fn bounced(lab: &Lab, to: &str, status: &str) -> Result<String> {
    lab.send(&[to])?;
    let report = lab.report(to)?;
    check(&report, status)?;
    let said = &report["recipients"][0]["diagnostic-code"];
    let said = said.as_str().context("no Diagnostic-Code")?;
    ensure!(said.starts_with("smtp;"), "Diagnostic-Code: {said}");
    let words = said.trim_start_matches("smtp;").trim();
    let code = words.get(..3).unwrap_or_default();
    let human = report["human"].as_str().unwrap_or_default();
    ensure!(
        human.contains(code),
        "the words for people do not quote the {code}:\n{human}"
    );
    Ok(words.chars().take(60).collect())
}

fn refused_text(lab: &Lab, to: &str) -> Result<String> {
    lab.send_with(&[to], "no thanks", "Good day.\r\n", &[], &[])?;
    let report = lab.report(to)?;
    check(&report, "5")?;
    Ok(report["recipients"][0]["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// One gets the message, the other is reported, and the one who got it is not.
fn partly(lab: &Lab) -> Result<String> {
    let mark = lab.send(&["good@postfix.test", "nobody@postfix.test"])?;
    lab.arrives(Peer::Postfix, &mark, 1, SOON)?;
    let report = lab.report("nobody@postfix.test")?;
    check(&report, "5.1.1")?;
    let count = report["recipients"].as_array().map_or(0, Vec::len);
    ensure!(count == 1, "the report names {count} recipients");
    Ok("one report, of the one".to_owned())
}

/// Either RCPT says so, or a report does.
fn nowhere(lab: &Lab, to: &str, status: &str) -> Result<String> {
    let (_, file) = lab.write(ALICE, "nowhere", "Good day.\r\n")?;
    let wish = server::Wish {
        file: &file,
        to: &[to],
        mail: &[],
        rcpt: &[],
    };
    let said = lab.server.offer(&wish)?;
    let code = said[1][0].as_u64().unwrap_or_default();
    if code < 300 {
        let report = lab.report(to)?;
        check(&report, status)?;
        return Ok("came back".to_owned());
    }
    let words = said[1][1].as_str().unwrap_or_default();
    ensure!(
        code == 550 || code == 556,
        "RCPT was answered {code} {words}"
    );
    ensure!(
        words.starts_with(status),
        "RCPT was answered {code} {words}"
    );
    Ok(format!(
        "{code} {}",
        words.chars().take(50).collect::<String>()
    ))
}

/// What waits longer than that is reported, and goes on waiting.
fn delayed(lab: &Lab) -> Result<String> {
    let to = "late@down.test";
    lab.send(&[to])?;
    let report = lab.report(to)?;
    let one = &report["recipients"][0];
    ensure!(
        one["action"] == "delayed",
        "the action is {}",
        one["action"]
    );
    ensure!(
        one["will-retry-until"].is_string(),
        "nobody says until when: {one}"
    );
    let line = lab.server.await_outcome(to, "deferred", SOON)?;
    lab.server
        .tell(&["queue", "remove", &line["id"].to_string()])?;
    Ok(format!("{}", report["subject"]))
}

/// Put off, and delivered when somebody says `queue retry`.
fn later(lab: &Lab) -> Result<String> {
    let to = "later@postfix.test";
    let mark = lab.send(&[to])?;
    let line = lab.server.await_outcome(to, "deferred", SOON)?;
    let words = line["words"].as_str().unwrap_or_default();
    ensure!(
        words.contains("Later, please"),
        "the server's words are not quoted: {words}"
    );
    ensure!(
        lab.there(Peer::Postfix, &mark)?.is_empty(),
        "it is there all the same"
    );
    lab.postfix.become_friendly()?;
    lab.server.tell(&["queue", "retry", "--all"])?;
    lab.arrives(Peer::Postfix, &mark, 1, SOON)?;
    Ok("deferred, then delivered".to_owned())
}

/// Put off while nobody is there, and delivered without anybody's doing once somebody is.
pub fn comes_up(
    lab: &Lab,
    address: &str,
    to: &str,
    patience: Duration,
    before: impl Fn() -> Result<()>,
) -> Result<String> {
    let mark = lab.send(&[to])?;
    lab.server.await_outcome(to, "deferred", patience)?;
    before()?;
    lab.postfix.host().add_address(address)?;
    lab.forget_neighbours()?;
    lab.arrives(Peer::Postfix, &mark, 1, DOWN * 2)?;
    Ok("deferred, then delivered".to_owned())
}
