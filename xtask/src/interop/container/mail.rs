//! Mail through published ports, by curl, which upgrades to TLS wherever somebody logs in.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{ALICE, LIMIT};
use crate::process;

/// Sends a file; with Alice's login where her password is given.
///
/// # Errors
/// When curl fails.
pub fn send(file: &Path, url: &str, from: &str, to: &str, password: Option<&str>) -> Result<()> {
    let mut command = curl(url);
    command.args(["--mail-from", from, "--mail-rcpt", to, "--upload-file"]);
    command.arg(file);
    if let Some(password) = password {
        command.args(["--ssl-reqd", "--user", &format!("{ALICE}:{password}")]);
    }
    process::succeed(&mut command, LIMIT)?;
    Ok(())
}

/// Fetches one message.
///
/// # Errors
/// When curl fails.
pub fn fetch(url: &str, number: usize, user: &str, password: &str) -> Result<Vec<u8>> {
    let mut command = curl(&format!("{url}/{number}"));
    command.args(["--ssl-reqd", "--user", &format!("{user}:{password}")]);
    Ok(process::succeed(&mut command, LIMIT)?.stdout)
}

/// What was fetched is what was sent, behind trace fields.
///
/// # Errors
/// When it is not.
pub fn is(fetched: &[u8], sent: &[u8]) -> Result<()> {
    ensure!(
        fetched.ends_with(sent),
        "a message is not what was sent:\n{}",
        String::from_utf8_lossy(fetched)
    );
    Ok(())
}

fn curl(url: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--insecure", "--max-time", "50"]);
    command.args(["--url", url]);
    command
}
