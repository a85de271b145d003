//! neomutt, which makes a header of its own. What it has in common with itself as a fetcher stands here, too.
//!
//! It is told which login to use: Debian's, on GNU SASL, would choose SCRAM-SHA-256-PLUS wherever that is offered, although
//! it can bind nothing to the TLS connection, and try no other login after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::super::route::{Attempt, Security, Sign};
use super::super::{ALICE, BOB, message};
use super::{Client, Keeps, Trial};

pub const CLIENT: Client = Client {
    name: "neomutt",
    trial: Trial::Turns,
    keeps: Keeps::Body,
    strangers: true,
    logins: &["PLAIN", "LOGIN"],
    send,
    took: Sign::Status(0),
    denied: Sign::Says("authentication failed"),
    // Nobody is there to be asked.
    doubted: Some(Sign::Status(1)),
};

/// What is to stand before the body is a draft; the body comes in by standard input.
fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let route = attempt.route;
    let letter = message::Letter::read(file)?;
    let (draft, body) = (file.with_extension("draft"), file.with_extension("body"));
    fs::write(
        &draft,
        format!(
            "To: <{BOB}>\nSubject: interop\nX-Interop: {}\n\n",
            letter.id
        ),
    )?;
    fs::write(&body, letter.body_with_lf())?;
    let (scheme, user) = match (route.security, route.login) {
        (Security::Tls, _) => ("smtps", format!("{ALICE}@")),
        (_, Some(_)) => ("smtp", format!("{ALICE}@")),
        (_, None) => ("smtp", String::new()),
    };
    let settings = settings(attempt)
        + &format!(
            "set smtp_url = \"{scheme}://{user}localhost:{}/\"\nset smtp_pass = \"{}\"\n\
             set smtp_authenticators = \"{}\"\nset hostname = interop.test\nset from = {from}\n\
             set use_envelope_from\nset envelope_from_address = {from}\nset copy = no\nset allow_8bit\n",
            attempt.port()?,
            attempt.password,
            route.login.unwrap_or_default().to_lowercase(),
            from = route.reverse_path(),
        );
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec neomutt -n -F \"$1\" -H \"$2\" <\"$0\""])
        .arg(body)
        .arg(configuration(attempt, &settings)?)
        .arg(draft)
        .env("LC_ALL", "C.UTF-8");
    Ok(command)
}

/// A configuration file with these settings, instead of those of whoever runs this.
pub fn configuration(attempt: &Attempt, settings: &str) -> Result<PathBuf> {
    let file = attempt.ground.place.join("neomuttrc");
    fs::write(&file, settings)?;
    Ok(file)
}

/// What is the same for sending and fetching.
pub fn settings(attempt: &Attempt) -> String {
    let upgrade = match attempt.route.security {
        Security::Plain => "set ssl_starttls = no\nset ssl_force_tls = no\n",
        Security::Upgrade | Security::Tls => "set ssl_starttls = yes\nset ssl_force_tls = yes\n",
    };
    format!(
        "{upgrade}set ssl_ca_certificates_file = {trust}\nset certificate_file = {trust}\nset sleep_time = 0\n",
        trust = attempt.trust.display()
    )
}
