//! Cyrus' pop3test, a client on libsasl2: it logs in; what it then says comes from a script in Python.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::client::{script, smtptest};
use super::super::route::Attempt;
use super::Afterwards;

pub fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let client = smtptest::command("pop3test", attempt, BOB)?;
    let mut command = script("pop3test.py");
    command
        .arg(into)
        .arg(afterwards.name())
        .arg(client.get_program())
        .args(client.get_args());
    for (variable, value) in client.get_envs() {
        if let Some(value) = value {
            command.env(variable, value);
        }
    }
    Ok(command)
}
