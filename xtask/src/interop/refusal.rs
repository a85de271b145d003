//! What must be refused, and that each client says so in its own way: by exit status here, in detail in
//! `tests/interop/refusals.py`.

use std::process::Command;

use anyhow::{Result, bail};

use super::client::script;
use super::{ALICE, BOB, Ground, LIMIT, PASSWORD, STRANGER};
use crate::process;

/// curl(1): the server denied the login.
const CURL_LOGIN_DENIED: i32 = 67;
/// swaks(1): no recipient was accepted.
const SWAKS_NO_RECIPIENT: i32 = 24;
/// swaks(1): authentication failed.
const SWAKS_AUTH_FAILED: i32 = 28;

/// Tries everything that must be refused.
///
/// # Errors
/// When something was accepted, or refused otherwise than it must be.
pub fn run(ground: &Ground) -> Result<()> {
    let submissions = ground.server.address("submissions")?.to_string();
    let pop3s = ground.server.address("pop3s")?.to_string();
    let smtp = ground.server.address("smtp")?.to_string();
    let wrong = format!("{ALICE}:wrong");
    let curl = [
        "--silent",
        "--show-error",
        "--insecure",
        "--max-time",
        "50",
        "--user",
        &wrong,
    ];
    let swaks = ["--silent", "1", "--helo", "interop.test", "--timeout", "50"];

    let mut command = Command::new("curl");
    command
        .args(curl)
        .args(["--url", &format!("smtps://{submissions}")]);
    command.args(["--request", "NOOP"]);
    refused(
        "curl, a wrong password on submissions",
        command,
        CURL_LOGIN_DENIED,
    )?;

    let mut command = Command::new("curl");
    command
        .args(curl)
        .args(["--url", &format!("pop3s://{pop3s}")]);
    refused(
        "curl, a wrong password on pop3s",
        command,
        CURL_LOGIN_DENIED,
    )?;

    let mut command = Command::new("swaks");
    command.args(swaks).args([
        "--server",
        &smtp,
        "--from",
        STRANGER,
        "--to",
        "other@faraway.test",
    ]);
    refused("swaks, relaying for strangers", command, SWAKS_NO_RECIPIENT)?;

    let mut command = Command::new("swaks");
    command.args(swaks).args([
        "--server",
        &submissions,
        "--tls-on-connect",
        "--from",
        ALICE,
        "--to",
        BOB,
    ]);
    command.args([
        "--auth",
        "PLAIN",
        "--auth-user",
        ALICE,
        "--auth-password",
        "wrong",
    ]);
    refused(
        "swaks, a wrong password on submissions",
        command,
        SWAKS_AUTH_FAILED,
    )?;

    python(ground)
}

fn refused(what: &str, mut command: Command, status: i32) -> Result<()> {
    let finished = process::capture(&mut command, LIMIT)?;
    if finished.status.code() != Some(status) {
        bail!(
            "{what}: wanted exit status {status}, got {}:\n{}",
            finished.status,
            finished.last_words()
        );
    }
    println!("refused: {what}");
    Ok(())
}

fn python(ground: &Ground) -> Result<()> {
    let mut command = script("refusals.py");
    for listener in ["smtp", "submission", "pop3"] {
        command.arg(ground.server.address(listener)?.port().to_string());
    }
    let finished = process::succeed(command.args([ALICE, PASSWORD, BOB]), LIMIT)?;
    print!("{}", String::from_utf8_lossy(&finished.stdout));
    Ok(())
}
