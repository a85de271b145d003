//! Perl's Net::SMTP, by a script; Perl's other scripts are started here, too.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::route::{Attempt, Security, Sign};
use super::super::{ALICE, BOB};
use super::{Client, Keeps, PYTHON_DENIED, PYTHON_DOUBTED, Trial};
use crate::workspace;

/// `tests/interop/server.pm`; the statuses are those of the scripts in Python.
pub const DENIED: Sign = PYTHON_DENIED;
/// `tests/interop/server.pm`.
pub const DOUBTED: Sign = PYTHON_DOUBTED;

pub const CLIENT: Client = Client {
    name: "Net::SMTP",
    trial: Trial::Turns,
    keeps: Keeps::Message,
    strangers: true,
    logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
    send,
    took: Sign::Status(0),
    denied: DENIED,
    doubted: Some(DOUBTED),
};

fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let mut command = script("send.pl");
    command.args(arguments(attempt, file)?);
    Ok(command)
}

/// What the scripts that send are told, whatever the language.
pub fn arguments(attempt: &Attempt, file: &Path) -> Result<Vec<String>> {
    let route = attempt.route;
    let security = match route.security {
        Security::Plain => "plain",
        Security::Upgrade => "starttls",
        Security::Tls => "tls",
    };
    Ok([
        &attempt.trust.to_string_lossy(),
        attempt.port()?.as_str(),
        security,
        route.login.unwrap_or("none"),
        ALICE,
        attempt.password,
        route.reverse_path(),
        BOB,
        &file.to_string_lossy(),
    ]
    .map(str::to_owned)
    .to_vec())
}

/// A script of `tests/interop`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("perl");
    command.arg(workspace::root().join("tests/interop").join(name));
    command
}
