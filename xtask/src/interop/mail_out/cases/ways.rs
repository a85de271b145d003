//! Which way mail takes: exchangers in their order, addresses of both kinds, a smarthost, a backup, and round in a circle.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Case;
use crate::interop::mail_out::lab::{Lab, Peer, SOON};
use crate::interop::mail_out::{postfix, world};

/// All of them.
pub const CASES: [Case; 7] = [
    Case::short("Postfix", "two exchangers, the first is down", |lab| {
        there(lab, "user@firstdead.test")
    }),
    Case::short("Postfix", "IPv6 only", |lab| there(lab, "user@six.test")),
    Case::short("Postfix", "smarthost, STARTTLS and SCRAM at 587", |lab| {
        by_smarthost(lab, "user@office587.test")
    }),
    Case::short("Postfix", "smarthost, TLS and SCRAM at 465", |lab| {
        by_smarthost(lab, "user@office465.test")
    }),
    Case::short("Exim", "we are the backup exchanger", backup),
    Case::short("Postfix", "round in a circle", circle),
    Case::short("nobody", "`route` says all that before", route),
];

fn there(lab: &Lab, to: &str) -> Result<String> {
    let mark = lab.send(&[to])?;
    lab.arrives(Peer::Postfix, &mark, 1, Duration::from_secs(60))?;
    let line = lab.server.await_outcome(to, "delivered", SOON)?;
    Ok(format!("by {}", line["host"].as_str().unwrap_or_default()))
}

/// It comes, and Postfix says how the server logged in.
fn by_smarthost(lab: &Lab, to: &str) -> Result<String> {
    let before = lab.log(Peer::Postfix).len();
    let mark = lab.send(&[to])?;
    let text = lab.arrives(Peer::Postfix, &mark, 1, SOON)?;
    ensure!(
        text.contains(&format!("(Authenticated sender: {})", postfix::LOGIN)),
        "without a login:\n{text}"
    );
    let log = lab.log(Peer::Postfix);
    let method = log[before..]
        .split("sasl_method=")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    let method = method.context("no sasl_method in its log")?;
    ensure!(method == "SCRAM-SHA-256", "the login was {method}");
    Ok(method.to_owned())
}

/// Exim finds the first exchanger closed and brings it to us; we bring it on once that is open.
fn backup(lab: &Lab) -> Result<String> {
    let to = "user@backup.test";
    let mark = lab.send_by(Peer::Exim, &[to])?;
    lab.server.await_outcome(to, "deferred", SOON)?;
    ensure!(
        lab.there(Peer::Postfix, &mark)?.is_empty(),
        "it was delivered already"
    );
    lab.names.host().drop_address(postfix::REFUSES)?;
    lab.postfix.host().add_address(postfix::REFUSES)?;
    lab.forget_neighbours()?;
    let text = lab.arrives(Peer::Postfix, &mark, 1, world::LIMIT * 2)?;
    ensure!(
        text.contains("by mail.example.test"),
        "it did not come through us:\n{text}"
    );
    lab.postfix.host().drop_address(postfix::REFUSES)?;
    lab.names.host().add_address(postfix::REFUSES)?;
    lab.forget_neighbours()?;
    Ok("taken for safekeeping, then delivered".to_owned())
}

/// Each believes that the other is nearer: it ends with a report.
fn circle(lab: &Lab) -> Result<String> {
    let to = "user@loop.test";
    lab.send(&[to])?;
    let report = lab.report(to)?;
    let status = report["recipients"][0]["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    ensure!(status == "5.4.6", "the report says {status}: {report}");
    Ok(format!(
        "{status}, from {}",
        report["from"].as_str().unwrap_or_default()
    ))
}

/// What would happen to mail for an address, before any is sent.
fn route(lab: &Lab) -> Result<String> {
    for (address, words) in [
        (
            "user@postfix.test",
            "mx.postfix.test, 10.20.0.20:25. TLS if",
        ),
        ("user@six.test", "six.postfix.test, [fd20::20]:25"),
        ("user@dane.example", "(DANE)"),
        ("user@sts.test", "(MTA-STS)"),
        ("user@office587.test", "smtp.relay.test"),
        ("user@nullmx.test", "comes back at once"),
        ("user@nowhere.test", "comes back at once"),
        ("user@nowhere.example", "comes back at once"),
        ("user@nowhere.nowhere", "comes back at once"),
        (
            "user@bogus.example",
            "bogus.example fails DNSSEC validation",
        ),
    ] {
        let said = lab.server.tell(&["route", address])?;
        ensure!(
            said.contains(words),
            "of {address} it does not say {words:?}:\n{said}"
        );
    }
    Ok("of 10 addresses".to_owned())
}
