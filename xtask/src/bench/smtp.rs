//! How fast mail comes in, beside a null sink that keeps nothing and a disk that only appends.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::Bench;
use super::figure::{Figure, Goal};
use crate::mailload::NullSink;
use crate::server::Running;

/// Accounts the load is spread over.
const USERS: u32 = 100;

/// Everything about coming in.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (site, server) = bench.server("smtp", USERS)?;
    let range = Range {
        bench,
        sink: bench.mailload.null_sink()?,
        smtp: server.address("smtp")?,
        server,
    };
    let figures = vec![
        range.many()?,
        range.alone()?,
        range.connections()?,
        range.large()?,
        range.recipients()?,
        range.tls()?,
        range.handshakes()?,
    ];
    let figures = figures
        .into_iter()
        .chain(range.latency()?)
        .chain([range.processor()?])
        .collect();
    Bench::end(&site, range.server)?;
    Ok(figures)
}

/// A server and a null sink side by side.
struct Range<'a> {
    bench: &'a Bench,
    sink: NullSink,
    smtp: SocketAddr,
    server: Running,
}

impl Range<'_> {
    /// A run against one of them; `what` is the number wanted from the report.
    fn run(&self, address: SocketAddr, work: &str, what: &str) -> Result<f64> {
        self.bench
            .load(&format!("smtp --addr {address} --users {USERS} {work}"))?
            .number(what)
    }

    /// Null sink and server in turns.
    fn beside(&self, work: &str, what: &str) -> Result<(f64, f64)> {
        self.bench.in_turns(
            || self.run(self.sink.address, work, what),
            || self.run(self.smtp, work, what),
        )
    }

    fn ratio(&self, name: &str, work: &str, what: &str, goal: f64) -> Result<Figure> {
        let (null, ours) = self.beside(work, what)?;
        Ok(Figure {
            work: name.to_owned(),
            value: ours / null,
            unit: "x null sink",
            goal: Goal::AtLeast(goal),
            detail: format!("{ours:.0}/s, null sink {null:.0}/s"),
        })
    }

    fn many(&self) -> Result<Figure> {
        let work = "--conns 50 --messages 1000 --per-conn 20 --size 4k";
        let mut figure = self.ratio("SMTP 4 KiB, 50 x 20", work, "messages_per_s", 0.5)?;
        // A server of its own: what is read is counted against all that a mailbox holds.
        let (site, server) = self.bench.server("readable", USERS)?;
        let (smtp, pop3) = (server.address("smtp")?, server.address("pop3")?);
        let readable = self.run(
            smtp,
            &format!("{work} --drain-pop3 {pop3}"),
            "readable_per_s",
        )?;
        Bench::end(&site, server)?;
        figure.detail += &format!("; seen by POP3 at {readable:.0}/s");
        Ok(figure)
    }

    fn alone(&self) -> Result<Figure> {
        let work = "--conns 1 --messages 200 --per-conn 20 --size 4k";
        let (null, ours) = self.beside(work, "messages_per_s")?;
        let disk = self.appends(4096)?;
        let best = 1.0 / (1.0 / null + 1.0 / disk);
        Ok(Figure {
            work: "SMTP 4 KiB, 1 x 20".to_owned(),
            value: ours / best,
            unit: "x 1/(1/null + 1/fdatasync)",
            goal: Goal::AtLeast(0.7),
            detail: format!("{ours:.0}/s, null sink {null:.0}/s, {disk:.0} fdatasync/s"),
        })
    }

    /// Appends of so many octets, each with its fdatasync, a second.
    fn appends(&self, size: u32) -> Result<f64> {
        let place = self.bench.place.join("appends");
        std::fs::create_dir_all(&place)?;
        let rate = self
            .bench
            .median(|| self.bench.mailload.appends(size, &place));
        std::fs::remove_dir_all(&place)?;
        rate
    }

    fn connections(&self) -> Result<Figure> {
        let mut worst: Option<(f64, String)> = None;
        let mut all = Vec::new();
        for conns in [10, 50, 200] {
            let work = format!("--conns {conns} --messages 2000 --per-conn 1 --size 4k");
            let (null, ours) = self.beside(&work, "messages_per_s")?;
            all.push(format!("{conns}: {ours:.0}/s of {null:.0}/s"));
            let ratio = ours / null;
            if worst.as_ref().is_none_or(|(least, _)| ratio < *least) {
                worst = Some((ratio, conns.to_string()));
            }
        }
        let (value, at) = worst.context("no run")?;
        Ok(Figure {
            work: format!("SMTP 4 KiB, one message a connection, worst at {at} connections"),
            value,
            unit: "x null sink",
            goal: Goal::AtLeast(0.6),
            detail: all.join("; "),
        })
    }

    fn large(&self) -> Result<Figure> {
        let work = "--conns 20 --messages 2000 --per-conn 20 --size 100k";
        let ours = self
            .bench
            .median(|| self.run(self.smtp, work, "mb_per_s"))?;
        let disk = self.appends(1 << 20)? * f64::from(1_u32 << 20) / 1e6;
        Ok(Figure {
            work: "SMTP 100 KiB, 20 connections".to_owned(),
            value: ours / disk,
            unit: "x appends of 1 MiB with fdatasync",
            goal: Goal::AtLeast(0.4),
            detail: format!("{ours:.0} MB/s, disk {disk:.0} MB/s"),
        })
    }

    fn recipients(&self) -> Result<Figure> {
        let work = "--conns 20 --messages 2000 --per-conn 20 --size 4k --rcpts 10";
        self.ratio(
            "SMTP 4 KiB, 10 recipients, 20 connections: deliveries",
            work,
            "deliveries_per_s",
            0.4,
        )
    }

    fn tls(&self) -> Result<Figure> {
        let work = "--conns 20 --messages 2000 --per-conn 20 --size 4k";
        let tls = format!("{work} --starttls");
        let (plain, tls) = self.bench.in_turns(
            || self.run(self.smtp, work, "messages_per_s"),
            || self.run(self.smtp, &tls, "messages_per_s"),
        )?;
        Ok(Figure {
            work: "SMTP 4 KiB over TLS, 20 x 20".to_owned(),
            value: tls / plain,
            unit: "x plain",
            goal: Goal::AtLeast(0.6),
            detail: format!("{tls:.0}/s, plain {plain:.0}/s"),
        })
    }

    fn handshakes(&self) -> Result<Figure> {
        let address = self.server.address("submissions")?;
        let pid = self.server.pid();
        let words = format!(
            "tls-handshake --addr {address} --tls --proto smtp --conns 20 --count 4000 --server-pid {pid}"
        );
        let mut cpu = 0.0;
        let rate = self.bench.median(|| {
            let report = self.bench.load(&words)?;
            cpu = report.number("server_cpu_s")? / 4000.0 * 1e6;
            report.number("handshakes_per_s")
        })?;
        Ok(Figure {
            work: "TLS handshakes".to_owned(),
            value: rate,
            unit: "/s",
            goal: Goal::AtLeast(3090.0),
            detail: format!("{cpu:.0} us of the server's processor each"),
        })
    }

    fn latency(&self) -> Result<[Figure; 2]> {
        let work = "--conns 200 --messages 4000 --per-conn 20 --size 4k";
        let words = format!("smtp --addr {} --users {USERS} {work}", self.smtp);
        let mut runs = Vec::new();
        for _ in 0..self.bench.runs {
            let report = self.bench.load(&words)?;
            runs.push((
                report.number_in("transaction_ms", "p50")?,
                report.number_in("transaction_ms", "p99")?,
            ));
        }
        let figure = |name: &str, value, goal| Figure {
            work: format!("SMTP 4 KiB, 200 x 20: {name} of a transaction"),
            value,
            unit: "ms",
            goal: Goal::AtMost(goal),
            detail: format!("{} runs", self.bench.runs),
        };
        let (p50, p99) = runs.into_iter().unzip();
        Ok([
            figure("p50", super::middle(p50), 15.0),
            figure("p99", super::middle(p99), 60.0),
        ])
    }

    fn processor(&self) -> Result<Figure> {
        let words = format!(
            "smtp --addr {} --users {USERS} --conns 50 --messages 20000 --per-conn 20 --size 4k --server-pid {}",
            self.smtp,
            self.server.pid()
        );
        let value = self
            .bench
            .median(|| Ok(self.bench.load(&words)?.number("server_cpu_s")? / 20_000.0 * 1e3))?;
        Ok(Figure {
            work: "processor time of a delivered message of 4 KiB, 50 x 20".to_owned(),
            value,
            unit: "ms",
            goal: Goal::AtMost(0.12),
            detail: "20,000 messages a run".to_owned(),
        })
    }
}
