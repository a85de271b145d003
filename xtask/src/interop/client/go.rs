//! Go's net/smtp, by a program that is built from `tests/interop/go`. It knows no LOGIN.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::route::{Attempt, Sign};
use super::{Client, Keeps, PYTHON_DENIED, PYTHON_DOUBTED, Trial, perl};
use crate::{process, workspace};

/// The standard library is compiled along.
const BUILD: Duration = Duration::from_secs(300);

pub const CLIENT: Client = Client {
    name: "net/smtp",
    trial: Trial::All,
    keeps: Keeps::Message,
    strangers: true,
    logins: &["PLAIN", "CRAM-MD5"],
    send,
    took: Sign::Status(0),
    denied: PYTHON_DENIED,
    doubted: Some(PYTHON_DOUBTED),
};

fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let mut command = Command::new(place().join("send"));
    command.args(perl::arguments(attempt, file)?);
    Ok(command)
}

/// Builds the program. It needs nothing but the standard library, and asks no proxy for anything.
///
/// # Errors
/// When it does not compile.
pub fn build() -> Result<()> {
    println!("building tests/interop/go");
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", "-o"])
        .arg(place().join("send"))
        .arg(".")
        .current_dir(workspace::root().join("tests/interop/go"))
        .env("GOCACHE", place().join("cache"))
        .env("GOPATH", place().join("path"))
        .env("GOPROXY", "off")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false");
    process::succeed(&mut command, BUILD).context("the program that sends with net/smtp")?;
    Ok(())
}

fn place() -> PathBuf {
    workspace::target().join("xtask/go")
}
