//! What the server says about itself: which logins it offers, and that a maildrop is empty.

use anyhow::{Result, ensure};

use super::client::{curl_with, script};
use super::route::{Route, Security};
use super::witness::Event;
use super::{BOB, Ground, LIMIT, PASSWORD};
use crate::process;

/// All that there are: auth.mechanisms of the configuration.
pub const MECHANISMS: &str = "SCRAM-SHA-256-PLUS,SCRAM-SHA-256,SCRAM-SHA-1,CRAM-MD5,PLAIN,LOGIN";

/// Which logins there must be.
#[derive(Clone, Copy)]
pub enum Offers {
    /// Not those that some account cannot use, since its password is not kept readable.
    WhatAllCan,
    /// All that are configured.
    Everything,
}

/// The server lists what it is to offer over SMTP and POP3.
///
/// # Errors
/// When it lists anything else.
pub fn check(ground: &Ground, offers: Offers) -> Result<()> {
    let all = MECHANISMS.replace(',', " ");
    let (mechanisms, apop) = match offers {
        Offers::WhatAllCan => (all.replace("CRAM-MD5 ", ""), ""),
        Offers::Everything => (all, " APOP"),
    };
    let wanted = format!("submissions: {mechanisms}\npop3s: {mechanisms}{apop}\n");
    let mut command = script("offers.py");
    command.arg(&ground.certificate);
    for listener in ["submissions", "pop3s"] {
        command.arg(ground.server.address(listener)?.port().to_string());
    }
    let finished = process::succeed(&mut command, LIMIT)?;
    let offered = String::from_utf8_lossy(&finished.stdout);
    ensure!(
        offered == wanted,
        "the server was to offer\n{wanted}and offers\n{offered}"
    );
    print!(
        "offered: {}",
        offered
            .replace('\n', "\noffered: ")
            .trim_end_matches("offered: ")
    );
    Ok(())
}

/// Nothing is listed in the maildrop.
///
/// # Errors
/// When something is.
pub fn nothing_left(ground: &Ground) -> Result<()> {
    let route = Route {
        listener: "pop3s",
        security: Security::Tls,
        login: Some("PLAIN"),
    };
    let attempt = ground.attempt(&route);
    let mut command = curl_with(&attempt);
    command
        .args(["--user", &format!("{BOB}:{PASSWORD}")])
        .args(["--login-options", "AUTH=PLAIN"])
        .args(["--url", &format!("pop3s://localhost:{}/", attempt.port()?)]);
    let list = process::succeed(&mut command, LIMIT)?.stdout;
    ground.witness.expect(&route, &[Event::Login])?;
    // curl takes the line end before the final dot for part of the list.
    ensure!(
        list.trim_ascii().is_empty(),
        "the maildrop is not empty:\n{}",
        String::from_utf8_lossy(&list)
    );
    Ok(())
}
