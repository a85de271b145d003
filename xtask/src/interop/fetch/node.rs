//! node-pop3 from npm, by a script. It knows no STLS, and no login but USER with PASS.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::client::{Trial, node};
use super::super::route::{Attempt, Security};
use super::{Afterwards, Fetcher, files};

pub const FETCHER: Fetcher = Fetcher {
    name: "node-pop3",
    trial: Trial::All,
    logins: &["USER"],
    cannot: &[(Security::Upgrade, "USER")],
    deletes: true,
    slow: false,
    command: fetch,
    messages: files,
    denied: node::DENIED,
    doubted: Some(node::DOUBTED),
    nothing_new: None,
};

fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let mut command = node::script("fetch.js");
    command
        .arg(attempt.trust)
        .args([&attempt.port()?, BOB, attempt.password])
        .arg(into)
        .arg(afterwards.name());
    Ok(command)
}
