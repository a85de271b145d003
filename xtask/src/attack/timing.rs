//! Whether the time a refusal takes tells who exists.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Figure, Ground, base64, quantile};
use crate::server::Running;
use crate::torture::wire::Wire;

/// How far the medians may lie apart, in per cent.
const APART: f64 = 5.0;
/// Tries in one session, for sessions that never log in are sent away.
const A_SESSION: u32 = 20;

pub(super) fn measure(ground: &Ground) -> Result<Vec<Figure>> {
    let server = ground.server("timing")?;
    let figures = vec![
        compare(&server, "SMTP", ground.tries, smtp, try_smtp)?,
        compare(&server, "POP3", ground.tries, pop3, try_pop3)?,
    ];
    server.stop()?;
    Ok(figures)
}

/// Tries in turns, so that both see the same machine. No password comes twice, for that would be remembered.
fn compare(
    server: &Running,
    protocol: &str,
    tries: u32,
    open: fn(&Running) -> Result<Wire>,
    attempt: fn(&mut Wire, &str, &str) -> Result<Duration>,
) -> Result<Figure> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let mut wire = open(server)?;
    for number in 0..tries {
        if number % A_SESSION == 0 {
            wire = open(server)?;
        }
        let password = format!("guess {protocol} {number}");
        let nobody = format!("nobod{number}@example.test");
        if number % 2 == 0 {
            known.push(attempt(&mut wire, "user0@example.test", &password)?);
            unknown.push(attempt(&mut wire, &nobody, &password)?);
        } else {
            unknown.push(attempt(&mut wire, &nobody, &password)?);
            known.push(attempt(&mut wire, "user0@example.test", &password)?);
        }
    }
    let known = quantile(known, 0.5).as_secs_f64() * 1e3;
    let unknown = quantile(unknown, 0.5).as_secs_f64() * 1e3;
    Ok(Figure::new(
        format!(
            "{protocol}: medians of {tries} tries, {known:.2} ms for a wrong password and {unknown:.2} ms for an \
             unknown user, apart"
        ),
        (known - unknown).abs() / known * 100.0,
        APART,
        "%",
    ))
}

fn smtp(server: &Running) -> Result<Wire> {
    let mut wire = Wire::connect(server.address("submission")?)?;
    wire.reply()?;
    wire.send(b"EHLO client.elsewhere.test\r\n")?;
    wire.reply()?;
    Ok(wire)
}

fn try_smtp(wire: &mut Wire, user: &str, password: &str) -> Result<Duration> {
    let response = base64(format!("\0{user}\0{password}").as_bytes());
    let begun = Instant::now();
    wire.send(format!("AUTH PLAIN {response}\r\n").as_bytes())?;
    let reply = wire.reply()?;
    let took = begun.elapsed();
    ensure!(reply.starts_with("535 5.7.8 "), "{user}: {reply}");
    Ok(took)
}

fn pop3(server: &Running) -> Result<Wire> {
    let mut wire = Wire::connect(server.address("pop3")?)?;
    wire.line()?;
    Ok(wire)
}

fn try_pop3(wire: &mut Wire, user: &str, password: &str) -> Result<Duration> {
    wire.send(format!("USER {user}\r\n").as_bytes())?;
    wire.line()?;
    let begun = Instant::now();
    wire.send(format!("PASS {password}\r\n").as_bytes())?;
    let reply = String::from_utf8_lossy(&wire.line()?).into_owned();
    let took = begun.elapsed();
    ensure!(reply.starts_with("-ERR [AUTH] "), "{user}: {reply}");
    Ok(took)
}
