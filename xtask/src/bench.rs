//! `cargo xtask bench`: how fast mail comes in beside a null sink in the same run, and how much memory that takes.
//!
//! It measures and prints; it judges nothing, and it is no part of CI, for figures of a shared machine would lie.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::mailload::Mailload;
use crate::server::{Running, Site, numbered_accounts};
use crate::{binary, workspace};

/// Accounts the load is spread over.
const USERS: u32 = 100;
/// One run of the load generator.
const RUN: Duration = Duration::from_secs(180);

/// What to measure with.
#[derive(clap::Args)]
pub struct Options {
    /// Directory of the load generator mailload (its build, or its sources with a release build).
    #[arg(long, env = "MAILLOAD", value_name = "DIR")]
    mailload: Option<PathBuf>,
    /// The server to measure; built first where none is named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Runs of each; the middle one counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
}

/// Measures and prints the figures.
///
/// # Errors
/// When the load generator or the server is missing, or a run fails.
pub fn run(options: &Options) -> Result<()> {
    let mailload = Mailload::find(options.mailload.as_deref())?;
    let binary = binary::release(options.binary.as_deref())?;
    let place = workspace::fresh("bench")?;
    let bench = Bench {
        mailload,
        binary,
        place,
    };
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "load average before: {} (figures of a busy machine say little)",
        busy.split(' ').next().unwrap_or("unknown")
    );
    println!("{}", bench.rates(options.runs)?);
    println!("{}", bench.large_messages()?);
    println!("{}", bench.idle_connections()?);
    fs::remove_dir_all(&bench.place)?;
    Ok(())
}

struct Bench {
    mailload: Mailload,
    binary: PathBuf,
    place: PathBuf,
}

impl Bench {
    /// 50 connections with 20 messages of 4 KiB each, the null sink and the server in turns.
    fn rates(&self, runs: u32) -> Result<String> {
        let (site, server) = self.server("rates")?;
        let address = server.address("smtp")?.to_string();
        let sink = self.mailload.null_sink()?;
        let sink_address = sink.address.to_string();
        let (mut null, mut ours) = (Vec::new(), Vec::new());
        for round in 1..=runs {
            null.push(self.rate(&sink_address)?);
            ours.push(self.rate(&address)?);
            println!(
                "run {round}: null sink {:.0}/s, tegami {:.0}/s",
                null[null.len() - 1],
                ours[ours.len() - 1]
            );
        }
        let (null, ours) = (median(null), median(ours));
        let high = server.memory_mib("VmHWM")?;
        server.stop()?;
        fs::remove_dir_all(site.directory())?;
        Ok(format!(
            "50 connections x 20 messages of 4 KiB, median of {runs}: null sink {null:.0}/s, tegami {ours:.0}/s, \
             ratio {:.2}; highest memory {high:.0} MiB",
            ours / null
        ))
    }

    fn rate(&self, address: &str) -> Result<f64> {
        let users = USERS.to_string();
        let arguments = [
            "smtp",
            "--addr",
            address,
            "--users",
            &users,
            "--conns",
            "50",
            "--messages",
            "1000",
            "--per-conn",
            "20",
            "--size",
            "4k",
        ];
        let report = self.mailload.run(&arguments, &self.place, RUN)?;
        if !report.well || report.number("acked")? < 1000.0 {
            bail!("messages were refused by {address}: {}", report.errors());
        }
        report.number("messages_per_s")
    }

    /// 50 messages of 25 MB at once: the highest memory of a server that has done nothing else.
    fn large_messages(&self) -> Result<String> {
        let (site, server) = self.server("large")?;
        let address = server.address("smtp")?.to_string();
        let before = server.memory_mib("VmRSS")?;
        let users = USERS.to_string();
        let arguments = [
            "smtp",
            "--addr",
            &address,
            "--users",
            &users,
            "--conns",
            "50",
            "--messages",
            "50",
            "--per-conn",
            "1",
            "--size",
            "25000000",
            "--timeout",
            "150",
        ];
        let report = self.mailload.run(&arguments, &self.place, RUN)?;
        if !report.well || report.number("acked")? < 50.0 {
            bail!("large messages were refused: {}", report.errors());
        }
        let high = server.memory_mib("VmHWM")?;
        let text = format!(
            "50 messages of 25 MB at once: highest memory {high:.0} MiB (idle before: {before:.0} MiB), {:.0} MB/s",
            report.number("mb_per_s")?
        );
        server.stop()?;
        fs::remove_dir_all(site.directory())?;
        Ok(text)
    }

    /// A fresh server at rest, and the same with 1000 SMTP connections that have said EHLO and wait.
    fn idle_connections(&self) -> Result<String> {
        let (site, server) = self.server("idle")?;
        // Start-up work (index, accounts) ends after the ready line.
        thread::sleep(Duration::from_secs(2));
        let rest = server.memory_mib("VmRSS")?;
        let address = server.address("smtp")?.to_string();
        let pid = server.pid().to_string();
        let arguments = [
            "idle",
            "--addr",
            &address,
            "--proto",
            "smtp",
            "--conns",
            "1000",
            "--hold",
            "3",
            "--server-pid",
            &pid,
        ];
        let report = self.mailload.run(&arguments, &self.place, RUN)?;
        let per_connection = report.number("pss_per_conn_kib")?;
        let alive = report.number("alive_at_end")?;
        server.stop()?;
        fs::remove_dir_all(site.directory())?;
        Ok(format!(
            "idle: {rest:.0} MiB; {alive:.0} of 1000 idle SMTP connections stayed, {per_connection:.1} KiB each"
        ))
    }

    fn server(&self, name: &str) -> Result<(Site, Running)> {
        let directory = self.place.join(name);
        let accounts = numbered_accounts(&directory, USERS, "secret")?;
        let site = Site::create(
            &self.binary,
            &directory,
            &directory.join("data"),
            Some(&accounts),
        )?;
        // The first start hashes every password; what is measured is a server that has them.
        site.start()?.stop().context("the first start")?;
        let server = site.start()?;
        Ok((site, server))
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_run_counts() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![4.0]), 4.0);
    }
}
