//! Running the load generator `mailload` and the null sink that comes with it: finding them, and reading their reports.
//!
//! They are not part of this repository; what they measure and how is theirs.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::process;

/// The directory that holds both programs.
pub struct Mailload {
    directory: PathBuf,
}

/// A report: the last line `mailload --json-out` wrote, and whether it found everything well.
pub struct Report {
    fields: Value,
    /// Exit status 0: ran, and no errors.
    pub well: bool,
    /// What it said about what it found wrong.
    pub words: String,
}

impl Report {
    /// A number of the report.
    ///
    /// # Errors
    /// When the report has no such number.
    pub fn number(&self, name: &str) -> Result<f64> {
        self.fields[name]
            .as_f64()
            .ok_or_else(|| anyhow!("no number {name} in {}", self.fields))
    }

    /// A number of one of the report's summaries, such as `p99` of `transaction_ms`.
    ///
    /// # Errors
    /// When the report has no such number.
    pub fn number_in(&self, summary: &str, name: &str) -> Result<f64> {
        self.fields[summary][name]
            .as_f64()
            .ok_or_else(|| anyhow!("no number {name} of {summary} in {}", self.fields))
    }

    /// The errors it counted by name, as it writes them.
    pub fn errors(&self) -> String {
        self.fields["errors"].to_string()
    }
}

impl Mailload {
    /// Finds both programs in `directory`, or below it where cargo puts a release build.
    ///
    /// # Errors
    /// When no directory is named, or the programs are not there: says what to do.
    pub fn find(directory: Option<&Path>) -> Result<Self> {
        let Some(directory) = directory else {
            bail!(
                "this needs the load generator mailload: build it with `cargo build --release` and \
                 name its directory with --mailload DIR or in the variable MAILLOAD"
            );
        };
        [directory.to_owned(), directory.join("target/release")]
            .into_iter()
            .find(|place| {
                ["mailload", "nullsink"]
                    .iter()
                    .all(|name| place.join(name).is_file())
            })
            .map(|directory| Self { directory })
            .ok_or_else(|| {
                anyhow!(
                    "no mailload and nullsink in {0} or {0}/target/release: build them there with \
                     `cargo build --release`",
                    directory.display()
                )
            })
    }

    /// A `mailload` command line; its report goes to `report`.
    fn command(&self, arguments: &[&str], report: &Path) -> Command {
        let mut command = Command::new(self.directory.join("mailload"));
        command.args(arguments).arg("--json-out").arg(report);
        command
    }

    /// Runs `mailload` to its end.
    ///
    /// # Errors
    /// When it cannot run, runs longer than `limit`, or leaves no report.
    pub fn run(&self, arguments: &[&str], place: &Path, limit: Duration) -> Result<Report> {
        let path = place.join("report.json");
        forget(&path)?;
        let finished = process::capture(&mut self.command(arguments, &path), limit)?;
        let fields = read_report(&path).with_context(|| {
            format!(
                "mailload {}: {}",
                arguments.join(" "),
                finished.last_words()
            )
        })?;
        Ok(Report {
            fields,
            well: finished.status.success(),
            words: finished.last_words(),
        })
    }

    /// Appends of `size` octets to one file in `place`, each with its fdatasync, a second.
    ///
    /// # Errors
    /// When it cannot run or says no rate.
    pub fn appends(&self, size: u32, place: &Path) -> Result<f64> {
        let mut command = Command::new(self.directory.join("mailload"));
        command.args(["fsync", "--pattern", "append", "--seconds", "2", "--size"]);
        command.arg(size.to_string()).arg("--dir").arg(place);
        let finished = process::succeed(&mut command, Duration::from_secs(30))?;
        let said = String::from_utf8_lossy(&finished.stdout).into_owned();
        said.lines()
            .find_map(|line| line.trim().strip_prefix("durable_writes_per_s:"))
            .and_then(|rate| rate.trim().parse().ok())
            .ok_or_else(|| anyhow!("mailload fsync says no rate: {said}"))
    }

    /// Starts the null sink on a free port.
    ///
    /// # Errors
    /// When it cannot be started or does not listen within a few seconds.
    pub fn null_sink(&self) -> Result<NullSink> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(self.directory.join("nullsink"))
            .arg(address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start nullsink")?;
        let sink = NullSink { child, address };
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::net::TcpStream::connect(address).is_err() {
            if Instant::now() >= deadline {
                bail!("nullsink does not listen on {address}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(sink)
    }
}

fn read_report(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).context("it left no report")?;
    let line = text.lines().last().context("it left an empty report")?;
    Ok(serde_json::from_str(line)?)
}

/// Removes an earlier report, so that none is read twice.
fn forget(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// An SMTP sink without storage: the most any server could do. Dropped, it is killed.
pub struct NullSink {
    child: Child,
    /// Where it accepts.
    pub address: SocketAddr,
}

impl Drop for NullSink {
    fn drop(&mut self) {
        let _nothing_left_to_do = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do_when_it_is_not_there() {
        let unnamed = Mailload::find(None).err().unwrap().to_string();
        assert!(unnamed.contains("--mailload DIR"), "{unnamed}");
        let empty = Mailload::find(Some(Path::new("/nowhere")))
            .err()
            .unwrap()
            .to_string();
        assert!(empty.contains("/nowhere"), "{empty}");
    }
}
