//! More connections than there is room for, and very many that do nothing.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Figure, Ground, quantile};
use crate::torture::wire::Wire;

/// Connections to a server that may open 256 files.
const CROWD: usize = 400;
/// How long the server is watched then.
const WATCHED: Duration = Duration::from_secs(3);
/// The processor time it may take meanwhile, in hundredths of a second.
const TICKS: f64 = 60.0;

/// Idle connections, and newcomers whose greeting is timed.
const IDLE: usize = 10_000;
const NEWCOMERS: usize = 300;

pub(super) fn files(ground: &Ground) -> Result<Vec<Figure>> {
    let limited = ["sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"];
    let server = ground.site("files")?.through(&limited).start()?;
    let address = server.address("smtp")?;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Wire::connect(address)?);
    }
    let before = ticks(server.pid())?;
    thread::sleep(WATCHED);
    let spent = ticks(server.pid())? - before;
    let first = crowd.first_mut().context("there is a crowd")?;
    first.reply()?;
    for (line, wanted) in [
        ("EHLO client.elsewhere.test", "250"),
        ("MAIL FROM:<>", "250"),
        ("RCPT TO:<user0@example.test>", "250"),
        ("DATA", "354"),
        ("one of many\r\n.", "250"),
        ("QUIT", "221"),
    ] {
        first.send(format!("{line}\r\n").as_bytes())?;
        let reply = first.reply()?;
        if !reply.starts_with(wanted) {
            bail!("a session that was there before the crowd: {line}: {reply}");
        }
    }
    drop(crowd);
    let freed = Instant::now();
    while !greets(address) {
        if freed.elapsed() > Duration::from_secs(10) {
            bail!("nobody is greeted ten seconds after the crowd has gone");
        }
        thread::sleep(Duration::from_millis(50));
    }
    server.stop()?;
    Ok(vec![Figure::new(
        format!(
            "{CROWD} connections to a server with 256 files: processor time within 3 s, in 1/100 s"
        ),
        spent,
        TICKS,
        "",
    )])
}

fn greets(address: SocketAddr) -> bool {
    let greeting = Wire::connect(address).and_then(|mut wire| wire.reply());
    greeting.is_ok_and(|greeting| greeting.starts_with("220"))
}

/// Processor time of a process so far, in hundredths of a second (proc(5): utime and stime).
fn ticks(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in parentheses")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    let (user, system) = (field(11), field(12));
    Ok(user.context("no utime")? + system.context("no stime")?)
}

pub(super) fn idle(ground: &Ground) -> Result<Vec<Figure>> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })
        .context("raising the limit on files")?;
    let server = ground.server("idle")?;
    let address = server.address("smtp")?;
    let mut waiting = Vec::new();
    for number in 0..IDLE {
        let mut wire = Wire::connect(address).with_context(|| format!("connection {number}"))?;
        let greeting = wire.reply()?;
        if !greeting.starts_with("220") {
            bail!("connection {number}: {greeting}");
        }
        waiting.push(wire);
    }
    let mut times = Vec::new();
    for _ in 0..NEWCOMERS {
        let begun = Instant::now();
        let mut wire = Wire::connect(address)?;
        wire.reply()?;
        times.push(begun.elapsed());
    }
    let figure = Figure::new(
        format!(
            "a newcomer's greeting beside {} idle connections, p99",
            waiting.len()
        ),
        quantile(times, 0.99).as_secs_f64() * 1e3,
        1000.0,
        "ms",
    );
    drop(waiting);
    server.stop()?;
    Ok(vec![figure])
}
