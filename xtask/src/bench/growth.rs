//! Whether a delivery and a login cost the same however much there is already.

use anyhow::Result;

use super::figure::{Figure, Goal};
use super::{Bench, PASSWORD};
use crate::server::Running;

/// Everything about growing.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let (site, server) = bench.server("messages", 1)?;
    let mut before = 0;
    for messages in [1000, 10_000, 100_000] {
        fill(bench, &server, messages - before)?;
        before = messages;
        figures.extend(costs(
            bench,
            &server,
            1,
            &format!("{messages} messages in one mailbox"),
        )?);
        before += 2000 * bench.runs;
    }
    Bench::end(&site, server)?;
    for accounts in [10, 100, 1000] {
        let (site, server) = bench.server("accounts", accounts)?;
        figures.extend(costs(
            bench,
            &server,
            accounts,
            &format!("{accounts} accounts"),
        )?);
        Bench::end(&site, server)?;
    }
    Ok(figures)
}

fn fill(bench: &Bench, server: &Running, messages: u32) -> Result<()> {
    let address = server.address("smtp")?;
    bench.load(&format!(
        "smtp --addr {address} --users 1 --conns 20 --messages {messages} --per-conn 1000 --size 4k"
    ))?;
    Ok(())
}

/// Processor time of the server for a delivery, and for a login.
fn costs(bench: &Bench, server: &Running, users: u32, state: &str) -> Result<[Figure; 2]> {
    let pid = server.pid();
    let delivery = format!(
        "smtp --addr {} --users {users} --conns 20 --messages 2000 --per-conn 100 --size 4k --server-pid {pid}",
        server.address("smtp")?
    );
    let login = format!(
        "pop3 --addr {} --users {users} --conns 1 --sessions 1000 --password {PASSWORD} --mode login-only \
         --server-pid {pid}",
        server.address("pop3")?
    );
    // The first of each pays for the password.
    bench.load(&login)?;
    let per = |words: &str, count: f64| {
        bench.median(|| Ok(bench.load(words)?.number("server_cpu_s")? / count * 1e6))
    };
    let figure = |work: &str, value| Figure {
        work: format!("{work} with {state}"),
        value,
        unit: "us of processor time",
        goal: Goal::Shown,
        detail: "of the server".to_owned(),
    };
    Ok([
        figure("a delivery", per(&delivery, 2000.0)?),
        figure("a login", per(&login, 1000.0)?),
    ])
}
