//! What must be refused, and that each client says so in its own way: here whoever has not the password or is shown
//! another certificate, in detail in `tests/interop/refusals.py`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::client::{Client, Trial, script, smtptest};
use super::fetch::Fetcher;
use super::route::{Attempt, Route, Security, Sign};
use super::witness::Event;
use super::{ALICE, BOB, Ground, LIMIT, PASSWORD, STRANGER};
use crate::process::{self, Finished};

/// swaks(1): no recipient was accepted.
const NO_RECIPIENT: Sign = Sign::Status(24);

/// Tries everything that must be refused. `letter` is a message that nobody is to get, `other` a certificate that is
/// not the server's.
///
/// # Errors
/// When something was accepted, or refused otherwise than it must be.
pub fn run(ground: &Ground, letter: &Path, other: &Path) -> Result<()> {
    for client in ground.clients() {
        sender(ground, client, letter, other).with_context(|| client.name.to_owned())?;
    }
    for fetcher in ground.fetchers() {
        fetcher_at(ground, fetcher, other).with_context(|| fetcher.name.to_owned())?;
    }
    foreign_binding(ground, letter)?;
    relaying(ground)?;
    python(ground)
}

fn sender(ground: &Ground, client: &Client, letter: &Path, other: &Path) -> Result<()> {
    let knock = |attempt: &Attempt| process::capture(&mut (client.send)(attempt, letter)?, LIMIT);
    let routes = ground.choose(Trial::Turns, Route::sending(false, client.logins));
    wrong_password(ground, client.name, &routes, client.denied, &knock)?;
    let routes = Route::sending(false, &client.logins[..1]);
    wrong_certificate(ground, client.name, &routes, client.doubted, other, &knock)
}

fn fetcher_at(ground: &Ground, fetcher: &Fetcher, other: &Path) -> Result<()> {
    let knock = |attempt: &Attempt| fetcher.knock(attempt);
    let routes = ground.choose(fetcher.trial, fetcher.routes());
    wrong_password(ground, fetcher.name, &routes, fetcher.denied, &knock)?;
    let mut routes = fetcher.routes();
    routes.retain(|route| {
        route.security != Security::Plain && route.login == Some(fetcher.logins[0])
    });
    wrong_certificate(
        ground,
        fetcher.name,
        &routes,
        fetcher.doubted,
        other,
        &knock,
    )
}

type Knock<'a> = dyn Fn(&Attempt) -> Result<Finished> + 'a;

/// By every route: the server refuses the login that was asked for, and the client knows it. (Some ask twice.)
fn wrong_password(
    ground: &Ground,
    name: &str,
    routes: &[Route],
    denied: Sign,
    knock: &Knock,
) -> Result<()> {
    for route in routes {
        let attempt = Attempt {
            ground,
            route,
            password: "wrong",
            trust: &ground.certificate,
        };
        check(&knock(&attempt)?, denied)
            .and_then(|()| ground.witness.expect_some(route, Event::Refused))
            .with_context(|| format!("a wrong password by {route}"))?;
    }
    println!(
        "refused: {name}, a wrong password by {} routes",
        routes.len()
    );
    Ok(())
}

/// The client does not log in where the certificate is not the one it believes.
fn wrong_certificate(
    ground: &Ground,
    name: &str,
    routes: &[Route],
    doubted: Option<Sign>,
    other: &Path,
    knock: &Knock,
) -> Result<()> {
    let Some(doubted) = doubted else {
        return Ok(());
    };
    for route in routes {
        let attempt = Attempt {
            ground,
            route,
            password: PASSWORD,
            trust: other,
        };
        check(&knock(&attempt)?, doubted)
            .and_then(|()| ground.witness.expect(route, &[]))
            .with_context(|| format!("another certificate by {route}"))?;
    }
    println!("refused: {name} does not believe another certificate");
    Ok(())
}

/// RFC 9266 section 3: in TLS 1.3 nothing can be bound to `tls-unique`, which is what Cyrus' clients try. (They also
/// leave the -PLUS off the name.)
fn foreign_binding(ground: &Ground, letter: &Path) -> Result<()> {
    let route = |login| Route {
        listener: "submissions",
        security: Security::Tls,
        login: Some(login),
    };
    let asked = route("SCRAM-SHA-256-PLUS");
    let attempt = Attempt {
        ground,
        route: &asked,
        password: PASSWORD,
        trust: &ground.certificate,
    };
    let mut command = smtptest::send(&attempt, letter)?;
    check(
        &process::capture(&mut command, LIMIT)?,
        super::client::CYRUS_DENIED,
    )?;
    ground
        .witness
        .expect(&route("SCRAM-SHA-256"), &[Event::Tampered])?;
    println!("refused: smtptest, SCRAM bound by tls-unique");
    Ok(())
}

fn relaying(ground: &Ground) -> Result<()> {
    let address = ground.server.address("smtp")?.to_string();
    let mut command = Command::new("swaks");
    command
        .args(["--silent", "1", "--helo", "interop.test", "--timeout", "50"])
        .args(["--server", &address, "--from", STRANGER])
        .args(["--to", "other@faraway.test"]);
    check(&process::capture(&mut command, LIMIT)?, NO_RECIPIENT).context("swaks, relaying")?;
    println!("refused: swaks, relaying for strangers");
    Ok(())
}

fn check(finished: &Finished, sign: Sign) -> Result<()> {
    ensure!(
        sign.is_given(finished),
        "not refused as it must be: {}:\n{}",
        finished.status,
        finished.last_words()
    );
    Ok(())
}

fn python(ground: &Ground) -> Result<()> {
    let mut command = script("refusals.py");
    command.arg(&ground.certificate);
    for listener in ["smtp", "submission", "pop3"] {
        command.arg(ground.server.address(listener)?.port().to_string());
    }
    let finished = process::succeed(command.args([ALICE, PASSWORD, BOB]), LIMIT)?;
    print!("{}", String::from_utf8_lossy(&finished.stdout));
    Ok(())
}
