//! How fast mail leaves: to Postfix's sink and to one that keeps nothing, over connections that are used again; and what
//! ten thousand messages to a host that says nothing cost the rest.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Bench;
use super::figure::{Figure, Goal};
use crate::server::{Running, Site};
use crate::{interop, process};

/// Messages of a run.
const MESSAGES: u32 = 10_000;
/// Messages to the host that says nothing.
const DEAD: u32 = 10_000;
/// How long a queue may take to run dry.
const DRY: Duration = Duration::from_secs(120);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// After the last message was taken in, until what it cost for a moment is given back.
const SETTLE: Duration = Duration::from_secs(3);

/// Everything about leaving.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let null = bench.mailload.null_sink()?;
    let postfix = PostfixSink::start()?;
    let mut figures = Vec::new();
    for (name, address) in [
        ("Postfix's smtp-sink", postfix.address),
        ("a null sink", null.address),
    ] {
        let mut detail = String::new();
        let rate = bench.median(|| {
            let (site, server) = begin(bench, address, None)?;
            let (rate, words) = leave(bench, &site, &server, "far.test", MESSAGES)?;
            detail = words;
            Bench::end(&site, server)?;
            Ok(rate)
        })?;
        figures.push(Figure {
            work: format!("mail out, 4 KiB, to {name}"),
            value: rate,
            unit: "deliveries/s",
            goal: Goal::AtLeast(2000.0),
            detail,
        });
    }
    figures.extend(beside_the_dead(bench, null.address)?);
    Ok(figures)
}

/// A server that sends everything to `sink`, but mail for `dead.test` to `silent` where that is given.
fn begin(bench: &Bench, sink: SocketAddr, silent: Option<SocketAddr>) -> Result<(Site, Running)> {
    let directory = bench.place.join("outbound");
    let site = Site::create(&bench.binary, &directory, &directory.join("data"), None)?
        .with("TEGAMI_RELAY__SMARTHOST", &sink.to_string())
        .with("TEGAMI_RELAY__SMARTHOST_TLS", "none")
        .with("TEGAMI_RELAY__NETWORKS", "[\"127.0.0.0/8\"]")
        .with("TEGAMI_RELAY__RECIPIENTS_PER_DAY", "off");
    if let Some(silent) = silent {
        let path = directory.join("tegami.toml");
        let route = format!(
            "\n[[relay.route]]\ndomains = [\"dead.test\"]\nvia = \"{silent}\"\ntls = \"none\"\n"
        );
        fs::write(&path, fs::read_to_string(&path)? + &route)?;
    }
    let server = site.start()?;
    Ok((site, server))
}

/// Takes messages in while nothing leaves, then lets them go; deliveries a second, and what was seen.
fn leave(
    bench: &Bench,
    site: &Site,
    server: &Running,
    domain: &str,
    messages: u32,
) -> Result<(f64, String)> {
    process::succeed(&mut site.command(&["queue", "pause"]), DRY)?;
    fill(bench, server, domain, messages)?;
    let mut log = Log::behind(site)?;
    let before = processor(server)?;
    let begun = Instant::now();
    process::succeed(&mut site.command(&["queue", "resume"]), DRY)?;
    let mut delivered = 0;
    while delivered < messages {
        ensure!(
            begun.elapsed() < DRY,
            "{delivered} of {messages} were delivered within {} s",
            DRY.as_secs()
        );
        thread::sleep(LOOK);
        delivered += log.delivered(domain)?;
    }
    let rate = f64::from(messages) / begun.elapsed().as_secs_f64();
    let cost = (processor(server)? - before) / f64::from(messages) * 1e6;
    Ok((
        rate,
        format!("{messages} messages, {cost:.0} us of the server's processor each"),
    ))
}

fn fill(bench: &Bench, server: &Running, domain: &str, messages: u32) -> Result<()> {
    let address = server.address("smtp")?;
    bench.load(&format!(
        "smtp --addr {address} --users 100 --domain {domain} --conns 20 --messages {messages} --per-conn 1000 --size 4k"
    ))?;
    Ok(())
}

/// Ten thousand messages to a host that takes connections and never says a word.
fn beside_the_dead(bench: &Bench, living: SocketAddr) -> Result<[Figure; 2]> {
    // Never accepts: the system does so for the first, and then nobody.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let (site, server) = begin(bench, living, Some(silent.local_addr()?))?;
    let (alone, _) = leave(bench, &site, &server, "far.test", MESSAGES)?;
    thread::sleep(SETTLE);
    let before = server.memory_mib("VmRSS")?;
    let grown = |messages: u32| -> Result<f64> {
        fill(bench, &server, "dead.test", messages)?;
        thread::sleep(SETTLE);
        server.memory_mib("VmRSS")
    };
    let after = grown(DEAD)?;
    let twice = grown(DEAD)?;
    let begun = Instant::now();
    let mut log = Log::behind(&site)?;
    fill(bench, &server, "far.test", MESSAGES)?;
    let mut delivered = 0;
    while delivered < MESSAGES {
        if begun.elapsed() > DRY {
            bail!("beside a dead host only {delivered} of {MESSAGES} were delivered");
        }
        thread::sleep(LOOK);
        delivered += log.delivered("far.test")?;
    }
    let beside = f64::from(MESSAGES) / begun.elapsed().as_secs_f64();
    Bench::end(&site, server)?;
    Ok([
        Figure {
            work: "10,000 messages to a dead host: memory".to_owned(),
            value: after - before,
            unit: "MiB more",
            goal: Goal::AtMost(16.0),
            detail: format!(
                "{before:.1} MiB before, {after:.1} MiB after, {twice:.1} MiB after as many again"
            ),
        },
        Figure {
            work: "mail out to a living host beside them".to_owned(),
            value: beside,
            unit: "deliveries/s, taken in and sent on at once",
            goal: Goal::AtLeast(1000.0),
            detail: format!("{alone:.0}/s out alone, without anything coming in"),
        },
    ])
}

/// Processor time of the server up to now, in seconds.
fn processor(server: &Running) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid()))?;
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("a stat line without a name")?;
    // proc(5): user and system time are fields 14 and 15, in hundredths of a second.
    let ticks: f64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    Ok(ticks / 100.0)
}

/// The server's log, read as it grows.
struct Log {
    file: File,
    rest: Vec<u8>,
}

impl Log {
    /// What is in it now counts no more.
    fn behind(site: &Site) -> Result<Self> {
        let mut file = File::open(site.log())?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file,
            rest: Vec::new(),
        })
    }

    /// Recipients of this domain to whom mail was delivered since this was asked before.
    fn delivered(&mut self, domain: &str) -> Result<u32> {
        self.file.read_to_end(&mut self.rest)?;
        let end = self
            .rest
            .iter()
            .rposition(|octet| *octet == b'\n')
            .map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        Ok(deliveries(&String::from_utf8_lossy(&whole), domain))
    }
}

fn deliveries(log: &str, domain: &str) -> u32 {
    let domain = format!("@{domain}>\"");
    let lines = log.lines().filter(|line| {
        line.contains("\"sent on\"") && line.contains("\"delivered\"") && line.contains(&domain)
    });
    u32::try_from(lines.count()).unwrap_or(u32::MAX)
}

/// Postfix's sink. Dropped, it is killed.
struct PostfixSink {
    child: Child,
    address: SocketAddr,
}

impl PostfixSink {
    fn start() -> Result<Self> {
        let (program, libraries) = interop::smtp_sink()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(program)
            .env("LD_LIBRARY_PATH", libraries)
            .args(["-u", "nobody", "-m", "1000", &address.to_string(), "1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start smtp-sink")?;
        let sink = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(address).is_err() {
            if Instant::now() >= deadline {
                bail!("smtp-sink does not listen on {address}");
            }
            thread::sleep(LOOK);
        }
        Ok(sink)
    }
}

impl Drop for PostfixSink {
    fn drop(&mut self) {
        let _nothing_left_to_do = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::deliveries;

    #[test]
    fn deliveries_are_counted_by_their_domain() {
        let log = "{\"to\":\"<a@far.test>\",\"outcome\":\"delivered\",\"message\":\"sent on\"}\n\
                   {\"to\":\"<a@far.test>\",\"outcome\":\"deferred\",\"message\":\"sent on\"}\n\
                   {\"to\":\"<a@dead.test>\",\"outcome\":\"delivered\",\"message\":\"sent on\"}\n\
                   {\"message\":\"message accepted\"}\n";
        assert_eq!(deliveries(log, "far.test"), 1);
        assert_eq!(deliveries(log, "dead.test"), 1);
        assert_eq!(deliveries(log, "other.test"), 0);
    }
}
