//! `cargo xtask bench`: how fast and how lean the built server is, beside a null sink and the disk in the same run.
//!
//! It starts its own servers, load and null sink, prints a table of figures with the goals they are held against, and
//! can write the same as JSON. It is no part of CI, for figures of a shared machine would lie.

mod figure;
mod growth;
mod outbound;
mod pop3;
mod rest;
mod smtp;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::mailload::{Mailload, Report};
use crate::server::{Running, Site, numbered_accounts};
use crate::{binary, workspace};
use figure::Figure;

/// One run of the load generator.
const RUN: Duration = Duration::from_secs(300);
/// The password of every account.
const PASSWORD: &str = "secret";

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
    /// Also write the figures there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure these groups only: smtp, pop3, rest, growth, outbound.
    #[arg(value_name = "GROUP", value_parser = ["smtp", "pop3", "rest", "growth", "outbound"])]
    groups: Vec<String>,
}

/// Some figures that belong together, and how they are taken.
type Group = (&'static str, fn(&Bench) -> Result<Vec<Figure>>);

const GROUPS: [Group; 5] = [
    ("smtp", smtp::measure),
    ("pop3", pop3::measure),
    ("rest", rest::measure),
    ("growth", growth::measure),
    ("outbound", outbound::measure),
];

/// Measures and prints the figures.
///
/// # Errors
/// When the load generator or the server is missing, or a run fails.
pub fn run(options: &Options) -> Result<()> {
    let bench = Bench {
        mailload: Mailload::find(options.mailload.as_deref())?,
        binary: binary::release(options.binary.as_deref())?,
        place: workspace::fresh("bench")?,
        runs: options.runs,
    };
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "load average before: {} (figures of a busy machine say little)",
        busy.split(' ').next().unwrap_or("unknown")
    );
    let mut figures = Vec::new();
    for (name, measure) in GROUPS {
        if options.groups.is_empty() || options.groups.iter().any(|group| group == name) {
            let some = measure(&bench).with_context(|| name.to_owned())?;
            some.iter().for_each(|figure| println!("{figure}"));
            figures.extend(some);
        }
    }
    let missed = figures.iter().filter(|figure| !figure.met()).count();
    println!("{} figures, {missed} short of their goal", figures.len());
    if let Some(path) = &options.json {
        let figures: Vec<_> = figures.iter().map(Figure::to_json).collect();
        let text = serde_json::to_string_pretty(&json!({ "figures": figures }))?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::remove_dir_all(&bench.place)?;
    Ok(())
}

struct Bench {
    mailload: Mailload,
    binary: PathBuf,
    place: PathBuf,
    runs: u32,
}

impl Bench {
    /// A server with declared accounts user0 to user(N-1) that has hashed their passwords before.
    fn server(&self, name: &str, users: u32) -> Result<(Site, Running)> {
        let directory = self.place.join(name);
        let accounts = numbered_accounts(&directory, users, PASSWORD)?;
        let site = Site::create(
            &self.binary,
            &directory,
            &directory.join("data"),
            Some(&accounts),
        )?
        .with("TEGAMI_MAILBOX__QUOTA", "0")
        .with("TEGAMI_AUTH__ALLOW_CLEARTEXT_FROM", "[\"127.0.0.0/8\"]");
        site.start()?.stop().context("the first start")?;
        let server = site.start()?;
        Ok((site, server))
    }

    /// Runs the load generator; `words` are its arguments in one line.
    fn load(&self, words: &str) -> Result<Report> {
        let arguments: Vec<&str> = words.split_whitespace().collect();
        let report = self.mailload.run(&arguments, &self.place, RUN)?;
        if !report.well {
            bail!("mailload {words}: {} ({})", report.errors(), report.words);
        }
        Ok(report)
    }

    /// The middle one of several runs.
    fn median(&self, mut run: impl FnMut() -> Result<f64>) -> Result<f64> {
        let runs: Result<Vec<f64>> = (0..self.runs).map(|_| run()).collect();
        Ok(middle(runs?))
    }

    /// The middle ones of runs in turns, so that both see the same machine.
    fn in_turns(
        &self,
        mut one: impl FnMut() -> Result<f64>,
        mut other: impl FnMut() -> Result<f64>,
    ) -> Result<(f64, f64)> {
        let (mut ones, mut others) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            ones.push(one()?);
            others.push(other()?);
        }
        Ok((middle(ones), middle(others)))
    }

    /// Ends a server and removes what it wrote.
    fn end(site: &Site, server: Running) -> Result<()> {
        server.stop()?;
        fs::remove_dir_all(site.directory())?;
        Ok(())
    }
}

fn middle(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn the_middle_run_counts() {
        assert_eq!(middle(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(middle(vec![4.0]), 4.0);
    }
}
