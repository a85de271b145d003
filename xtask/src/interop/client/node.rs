//! nodemailer, by a script for Node; with it comes node-pop3, which the fetchers use. Both are installed from npm, in the
//! versions and with the hashes of `tests/interop/node/package-lock.json`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::route::{Attempt, Sign};
use super::{Client, Keeps, PYTHON_DENIED, PYTHON_DOUBTED, Trial, perl};
use crate::{process, workspace};

/// Two small packages from a slow registry.
const INSTALL: Duration = Duration::from_secs(120);

/// `tests/interop/node/server.js`; the statuses are those of the scripts in Python.
pub const DENIED: Sign = PYTHON_DENIED;
/// `tests/interop/node/server.js`.
pub const DOUBTED: Sign = PYTHON_DOUBTED;

pub const CLIENT: Client = Client {
    name: "nodemailer",
    trial: Trial::All,
    keeps: Keeps::Message,
    strangers: true,
    logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
    send,
    took: Sign::Status(0),
    denied: DENIED,
    doubted: Some(DOUBTED),
};

fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let mut command = script("send.js");
    command.args(perl::arguments(attempt, file)?);
    Ok(command)
}

/// One of the scripts, beside the packages it imports.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(workspace::target().join("xtask/node").join(name));
    command
}

/// Copies the scripts out of the source tree, in which npm is to leave nothing, and installs what they import.
///
/// # Errors
/// When npm cannot have the packages, or they are not the ones that were meant.
pub fn install() -> Result<()> {
    println!("installing nodemailer and node-pop3 from npm");
    let place = workspace::fresh("node")?;
    for entry in fs::read_dir(workspace::root().join("tests/interop/node"))? {
        let entry = entry?;
        fs::copy(entry.path(), place.join(entry.file_name()))?;
    }
    let mut command = Command::new("npm");
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(place);
    process::succeed(&mut command, INSTALL)
        .context("nodemailer and node-pop3 are needed, from registry.npmjs.org")?;
    Ok(())
}
