//! msmtp, and what its sister mpop has in common with it: both are told everything on the command line.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::route::{Attempt, Security};
use super::super::{ALICE, BOB};

/// The message comes in by standard input.
pub fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" <\"$0\""]).arg(file);
    command.arg("msmtp");
    address(&mut command, attempt, ALICE)?;
    command
        .args(["--from", attempt.route.reverse_path()])
        .arg("--domain=interop.test")
        .arg(BOB);
    Ok(command)
}

/// Where to connect, with what protection, and who logs in.
pub fn address(command: &mut Command, attempt: &Attempt, user: &str) -> Result<()> {
    let security: &[&str] = match attempt.route.security {
        Security::Plain => &["--tls=off"],
        Security::Upgrade => &["--tls=on", "--tls-starttls=on"],
        Security::Tls => &["--tls=on", "--tls-starttls=off"],
    };
    command
        // No configuration file of whoever runs this.
        .args(["--file=/dev/null", "--host=localhost", "--timeout=50"])
        .arg(format!("--port={}", attempt.port()?))
        .args(security);
    if attempt.route.security != Security::Plain {
        command.arg(format!("--tls-trust-file={}", attempt.trust.display()));
    }
    if let Some(login) = attempt.route.login {
        command
            .arg(format!("--auth={}", login.to_lowercase()))
            .args(["--user", user])
            .arg(format!("--passwordeval=echo '{}'", attempt.password));
    }
    Ok(())
}
