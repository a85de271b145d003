//! GNU SASL's own client. It only logs in, over STARTTLS; but it is the one here that binds SCRAM to the TLS connection
//! by `tls-exporter` (RFC 9266), as SCRAM-SHA-256-PLUS wants it.

use std::process::Command;

use anyhow::{Result, ensure};

use super::route::{Attempt, Route, Security};
use super::witness::Event;
use super::{ALICE, Ground, LIMIT, PASSWORD};
use crate::process;

const LOGINS: [&str; 6] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
];

/// Logs in by every mechanism, with the password, and without it in vain.
///
/// # Errors
/// When a login fails that must not, or the other way round.
pub fn run(ground: &Ground) -> Result<()> {
    for login in LOGINS {
        try_one(ground, login, PASSWORD, Event::Login)?;
        try_one(ground, login, "wrong", Event::Refused)?;
        println!("gsasl submission/upgraded/{login}: logged in; not with a wrong password");
    }
    Ok(())
}

fn try_one(ground: &Ground, login: &'static str, password: &str, wanted: Event) -> Result<()> {
    let route = Route {
        listener: "submission",
        security: Security::Upgrade,
        login: Some(login),
    };
    let attempt = Attempt {
        ground,
        route: &route,
        password,
        trust: &ground.certificate,
    };
    let mut command = command(&attempt)?;
    if !login.ends_with("-PLUS") {
        // Where it could bind, it does not let itself be told not to.
        command.arg("--no-cb");
    }
    let finished = process::capture(&mut command, LIMIT)?;
    ensure!(
        finished.status.success() == (wanted == Event::Login),
        "gsasl {route}, password {password:?}: {}: {}",
        finished.status,
        finished.last_words()
    );
    ground.witness.expect(&route, &[wanted])
}

fn command(attempt: &Attempt) -> Result<Command> {
    let mut command = Command::new("gsasl");
    command
        .args(["--client", "--smtp", "--starttls", "--x509-ca-file"])
        .arg(attempt.trust)
        .args(["--connect", &format!("localhost:{}", attempt.port()?)])
        .args(["--mechanism", attempt.route.login.unwrap_or_default()])
        .args(["--authentication-id", ALICE])
        .args(["--password", attempt.password]);
    Ok(command)
}
