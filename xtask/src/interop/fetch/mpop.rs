//! mpop, into a Maildir; it keeps account of what it has fetched in a file of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::client::msmtp;
use super::super::route::Attempt;
use super::Afterwards;

pub fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    for directory in ["new", "cur", "tmp"] {
        fs::create_dir_all(into.join(directory))?;
    }
    let keep = match afterwards {
        Afterwards::Keep => "--keep=on",
        Afterwards::Delete => "--keep=off",
    };
    let mut command = Command::new("mpop");
    msmtp::address(&mut command, attempt, BOB)?;
    command
        .args([keep, "--received-header=off", "--quiet"])
        .arg(format!("--delivery=maildir,{}", into.display()))
        .arg(format!("--uidls-file={}", into.join("uidls").display()));
    Ok(command)
}
