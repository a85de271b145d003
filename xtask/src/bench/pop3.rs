//! How fast mail goes out.
//!
//! The goals stand for multiples of what Dovecot does on a machine of two such cores: 75 and 60 sessions a second over
//! 10,000 messages, 17,500 messages a second read, 43,000 pipelined, 10,600 read and removed; and four fifths of the
//! 2,800 logins a second of a TLS server that only answers +OK.

use anyhow::Result;

use super::figure::{Figure, Goal};
use super::{Bench, PASSWORD};
use crate::server::Running;

/// Everything about going out.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = vec![logins(bench)?];
    figures.extend(listings(bench)?);
    figures.extend(readings(bench)?);
    Ok(figures)
}

/// A session of the generator against `server`; `mode` may bring further arguments.
fn words(server: &Running, users: u32, conns: u32, sessions: u32, mode: &str) -> Result<String> {
    let tls = mode.contains("--tls");
    let address = server.address(if tls { "pop3s" } else { "pop3" })?;
    Ok(format!(
        "pop3 --addr {address} --users {users} --conns {conns} --sessions {sessions} --password {PASSWORD} \
         --server-pid {} --mode {mode}",
        server.pid()
    ))
}

/// Puts so many messages of 4 KiB into each of the first mailboxes.
fn fill(bench: &Bench, server: &Running, users: u32, each: u32) -> Result<()> {
    let address = server.address("smtp")?;
    let messages = users * each;
    bench.load(&format!(
        "smtp --addr {address} --users {users} --conns 20 --messages {messages} --per-conn 1000 --size 4k"
    ))?;
    Ok(())
}

fn logins(bench: &Bench) -> Result<Figure> {
    let users = 100;
    let (site, server) = bench.server("logins", users)?;
    let words = words(&server, users, 20, 4000, "login-only --tls")?;
    bench.load(&words)?;
    let rate = bench.median(|| bench.load(&words)?.number("sessions_per_s"))?;
    Bench::end(&site, server)?;
    Ok(Figure {
        work: "POP3S logins of polling clients, argon2id accounts".to_owned(),
        value: rate,
        unit: "/s",
        goal: Goal::AtLeast(2240.0),
        detail: "100 accounts, 20 connections, every password seen before".to_owned(),
    })
}

fn listings(bench: &Bench) -> Result<Vec<Figure>> {
    let users = 4;
    let (site, server) = bench.server("listings", users)?;
    fill(bench, &server, users, 10_000)?;
    let mut figures = Vec::new();
    for (mode, goal) in [("stat", 750.0), ("list", 600.0)] {
        let words = words(&server, users, users, 400, mode)?;
        let rate = bench.median(|| bench.load(&words)?.number("sessions_per_s"))?;
        figures.push(Figure {
            work: format!("POP3 {mode} of 10,000 messages"),
            value: rate,
            unit: "sessions/s",
            goal: Goal::AtLeast(goal),
            detail: "4 mailboxes".to_owned(),
        });
    }
    Bench::end(&site, server)?;
    Ok(figures)
}

fn readings(bench: &Bench) -> Result<Vec<Figure>> {
    let users = 20;
    let (site, server) = bench.server("readings", users)?;
    let mut figures = Vec::new();
    for (work, mode, goal) in [
        ("RETR", "retr-all", 52_500.0),
        ("RETR, pipelined", "retr-all --pipelining", 129_000.0),
        ("RETR, DELE and QUIT", "retr-dele", 26_500.0),
    ] {
        let words = words(&server, users, users, users, mode)?;
        let mut shares = (0.0, 0.0);
        let mut filled = false;
        let rate = bench.median(|| {
            if !filled || mode == "retr-dele" {
                empty(bench, &server, users)?;
                fill(bench, &server, users, 1000)?;
                filled = true;
            }
            let report = bench.load(&words)?;
            shares = (
                report.number("server_cpu_s")?,
                report.number("generator_cpu_s")?,
            );
            report.number("messages_per_s")
        })?;
        figures.push(Figure {
            work: format!("POP3 {work} of 1,000 x 4 KiB, 20 connections"),
            value: rate,
            unit: "messages/s",
            goal: Goal::AtLeast(goal),
            detail: format!(
                "processor time of the last run: server {:.2} s, generator {:.2} s",
                shares.0, shares.1
            ),
        });
    }
    Bench::end(&site, server)?;
    Ok(figures)
}

fn empty(bench: &Bench, server: &Running, users: u32) -> Result<()> {
    bench.load(&words(server, users, users, users, "retr-dele")?)?;
    Ok(())
}
