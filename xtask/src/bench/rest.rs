//! What the server costs while nothing happens, what the largest messages cost, and how fast it starts.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use super::figure::{Figure, Goal};

/// Start-up work (index, accounts) ends after the ready line.
const SETTLE: Duration = Duration::from_secs(3);
/// Messages of the store at rest.
const KEPT: u32 = 100_000;

/// Everything about resting and starting.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = vec![
        idle(bench, "smtp", "smtp", 5000, "", 8.0)?,
        idle(bench, "pop3", "pop3", 5000, "", 8.0)?,
        idle(bench, "smtp", "submissions", 2000, "--tls", 32.0)?,
        idle(bench, "pop3", "pop3s", 2000, "--tls", 32.0)?,
        largest(bench)?,
    ];
    figures.extend(at_rest(bench)?);
    Ok(figures)
}

/// Connections that have been greeted and wait.
fn idle(
    bench: &Bench,
    protocol: &str,
    listener: &str,
    conns: u32,
    tls: &str,
    goal: f64,
) -> Result<Figure> {
    let (site, server) = bench.server("idle", 10)?;
    thread::sleep(SETTLE);
    let report = bench.load(&format!(
        "idle --addr {} --proto {protocol} --conns {conns} --hold 3 --server-pid {} {tls}",
        server.address(listener)?,
        server.pid()
    ))?;
    let figure = Figure {
        work: format!("{conns} idle connections, {listener}"),
        value: report.number("pss_per_conn_kib")?,
        unit: "KiB each",
        goal: Goal::AtMost(goal),
        detail: format!("{:.0} alive at the end", report.number("alive_at_end")?),
    };
    Bench::end(&site, server)?;
    Ok(figure)
}

/// 50 of the largest messages at once.
fn largest(bench: &Bench) -> Result<Figure> {
    let (site, server) = bench.server("largest", 100)?;
    let report = bench.load(&format!(
        "smtp --addr {} --users 100 --conns 50 --messages 50 --per-conn 1 --size 25000000 --timeout 250",
        server.address("smtp")?
    ))?;
    let figure = Figure {
        work: "50 messages of 25 MB at once: highest memory".to_owned(),
        value: server.memory_mib("VmHWM")?,
        unit: "MiB",
        goal: Goal::Shown,
        detail: format!("{:.0} MB/s", report.number("mb_per_s")?),
    };
    Bench::end(&site, server)?;
    Ok(figure)
}

/// 100,000 messages, 1.4 GB: memory after a restart, and how long starts take.
fn at_rest(bench: &Bench) -> Result<Vec<Figure>> {
    let (site, server) = bench.server("rest", 100)?;
    bench.load(&format!(
        "smtp --addr {} --users 100 --conns 20 --messages {KEPT} --per-conn 1000 --size 14k",
        server.address("smtp")?
    ))?;
    server.stop()?;
    let server = site.start()?;
    let clean = server.took();
    thread::sleep(SETTLE);
    let resting = server.memory_mib("VmRSS")?;
    server.kill()?;
    let server = site.start()?;
    let killed = server.took();
    server.stop()?;
    fs::remove_dir_all(site.directory())?;
    let figure = |work: &str, value, unit, goal| Figure {
        work: work.to_owned(),
        value,
        unit,
        goal: Goal::AtMost(goal),
        detail: "100,000 messages, 1.4 GB".to_owned(),
    };
    Ok(vec![
        figure("at rest after a restart", resting, "MiB", 48.0),
        figure("start after a clean stop", clean.as_secs_f64(), "s", 0.15),
        figure("start after SIGKILL", killed.as_secs_f64(), "s", 1.0),
    ])
}
