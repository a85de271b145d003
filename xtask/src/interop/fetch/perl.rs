//! Perl's Net::POP3, by a script.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::client::{Trial, perl};
use super::super::route::Attempt;
use super::{Afterwards, Fetcher, files, upgrade_name};

pub const FETCHER: Fetcher = Fetcher {
    name: "Net::POP3",
    trial: Trial::Turns,
    logins: &["USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5"],
    cannot: &[],
    deletes: true,
    slow: true,
    command: fetch,
    messages: files,
    denied: perl::DENIED,
    doubted: Some(perl::DOUBTED),
    nothing_new: None,
};

fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let mut command = perl::script("fetch.pl");
    command
        .arg(attempt.trust)
        .args([
            &attempt.port()?,
            upgrade_name(attempt.route.security),
            attempt.route.login.unwrap_or_default(),
            BOB,
            attempt.password,
        ])
        .arg(into)
        .arg(afterwards.name());
    Ok(command)
}
