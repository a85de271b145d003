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
    curl(ground)?;
    swaks(ground)?;
    python(ground)
}

fn curl(ground: &Ground) -> Result<()> {
    for (listener, scheme) in [("submissions", "smtps"), ("pop3s", "pop3s")] {
        let address = ground.server.address(listener)?;
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--insecure", "--max-time", "50"])
            .args(["--user", &format!("{ALICE}:wrong"), "--request", "NOOP"])
            .args(["--url", &format!("{scheme}://{address}")]);
        let what = format!("curl, a wrong password on {listener}");
        refused(&what, command, CURL_LOGIN_DENIED)?;
    }
    Ok(())
}

fn swaks(ground: &Ground) -> Result<()> {
    let command = |listener: &str, from: &str, to: &str| -> Result<Command> {
        let address = ground.server.address(listener)?.to_string();
        let mut command = Command::new("swaks");
        command
            .args(["--silent", "1", "--helo", "interop.test", "--timeout", "50"])
            .args(["--server", &address, "--from", from, "--to", to]);
        Ok(command)
    };
    let relay = command("smtp", STRANGER, "other@faraway.test")?;
    refused("swaks, relaying for strangers", relay, SWAKS_NO_RECIPIENT)?;
    let mut login = command("submissions", ALICE, BOB)?;
    login
        .arg("--tls-on-connect")
        .args(["--auth", "PLAIN", "--auth-user", ALICE]);
    login.args(["--auth-password", "wrong"]);
    refused(
        "swaks, a wrong password on submissions",
        login,
        SWAKS_AUTH_FAILED,
    )
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
