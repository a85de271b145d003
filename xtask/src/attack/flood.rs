//! Very many logins at once: how many are checked, what the others hear, and whether anybody else notices.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::{Figure, Ground, base64, quantile};
use crate::torture::wire::Wire;

/// Logins at once.
const LOGINS: usize = 500;
/// Memory the flood may take, in MiB.
const MEMORY: f64 = 64.0;
/// Commands of one session beside the flood; more than 500 without mail end it.
const COMMANDS: usize = 400;
/// So that it is a session beside the flood, and no flood of its own.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn measure(ground: &Ground) -> Result<Vec<Figure>> {
    let server = ground.server("flood")?;
    let address = server.address("submission")?;
    let before = server.memory_mib("VmHWM")?;
    let over = AtomicBool::new(false);
    let gate = Barrier::new(LOGINS + 1);
    let (replies, noops) = thread::scope(|scope| {
        let beside = scope.spawn(|| beside(address, &gate, &over));
        let flood: Vec<_> = (0..LOGINS)
            .map(|number| {
                let gate = &gate;
                scope.spawn(move || login(address, number, gate))
            })
            .collect();
        let replies: Vec<Result<String>> = flood
            .into_iter()
            .map(|one| {
                one.join()
                    .unwrap_or_else(|_| Err(anyhow!("a login panicked")))
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        let noops = beside
            .join()
            .unwrap_or_else(|_| Err(anyhow!("NOOP panicked")));
        (replies, noops)
    });
    let mut counts = BTreeMap::<String, u32>::new();
    for reply in replies {
        let code: String = reply?.chars().take(9).collect();
        *counts.entry(code).or_default() += 1;
    }
    if let Some(other) = counts
        .keys()
        .find(|code| !["535 5.7.8", "454 4.7.0"].contains(&code.as_str()))
    {
        bail!("a login in the flood was answered {other}");
    }
    let noops = noops?;
    let figures = vec![
        Figure::new(
            format!(
                "{LOGINS} logins at once, {counts:?}: NOOP of others, p99 of {}",
                noops.len()
            ),
            quantile(noops, 0.99).as_secs_f64() * 1e3,
            1000.0,
            "ms",
        ),
        Figure::new(
            "the most memory of the flood, beyond that of before",
            server.memory_mib("VmHWM")? - before,
            MEMORY,
            "MiB",
        ),
    ];
    server.stop()?;
    Ok(figures)
}

fn open(address: SocketAddr) -> Result<Wire> {
    let mut wire = Wire::connect(address)?;
    wire.reply()?;
    wire.send(b"EHLO client.elsewhere.test\r\n")?;
    wire.reply()?;
    Ok(wire)
}

/// Connects, waits for all others, logs in with a password of its own.
fn login(address: SocketAddr, number: usize, gate: &Barrier) -> Result<String> {
    let wire = open(address);
    gate.wait();
    let mut wire = wire?;
    let response = base64(format!("\0user0@example.test\0guess {number}").as_bytes());
    wire.send(format!("AUTH PLAIN {response}\r\n").as_bytes())?;
    Ok(wire.reply()?)
}

/// Somebody who has nothing to do with it.
fn beside(address: SocketAddr, gate: &Barrier, over: &AtomicBool) -> Result<Vec<Duration>> {
    let wire = open(address);
    gate.wait();
    let mut wire = wire?;
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) || times.is_empty() {
        if times.len() % COMMANDS == COMMANDS - 1 {
            wire = open(address)?;
        }
        let begun = Instant::now();
        wire.send(b"NOOP\r\n")?;
        let reply = wire.reply()?;
        times.push(begun.elapsed());
        if !reply.starts_with("250") {
            bail!("NOOP beside the flood: {reply}");
        }
        thread::sleep(PAUSE);
    }
    Ok(times)
}
