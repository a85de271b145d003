//! A server of our own to try things on: a directory with a configuration and a data directory, and the built binary
//! running on it, on free ports of the loopback address.
//!
//! It starts, stops and kills; what is sent to the server is its users' business (interop, bench, torture).

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;
use serde_json::Value;

use crate::process;

/// The listeners every test configuration opens.
pub const LISTENERS: [&str; 5] = ["smtp", "submission", "submissions", "pop3", "pop3s"];

/// How long a start may take before it counts as failed; recovery after a crash included.
const START: Duration = Duration::from_secs(120);
/// How long a clean stop may take: ten seconds of drain and some air.
const STOP: Duration = Duration::from_secs(20);

/// A configuration with its data directory.
#[derive(Clone)]
pub struct Site {
    binary: PathBuf,
    directory: PathBuf,
    variables: Vec<(&'static str, String)>,
    through: Vec<String>,
}

impl Site {
    /// Writes the configuration into `directory` (made if missing): free loopback ports, JSON logs, no limits per
    /// address, accounts as `accounts` (a declared accounts file) says where it is given.
    ///
    /// # Errors
    /// When the directory or its files cannot be written.
    pub fn create(
        binary: &Path,
        directory: &Path,
        data: &Path,
        accounts: Option<&str>,
    ) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let mut text = format!(
            "hostname = \"mail.example.test\"\ndomains = [\"example.test\"]\ndata_dir = {data:?}\n"
        );
        if let Some(accounts) = accounts {
            let path = directory.join("accounts.toml");
            fs::write(&path, accounts)?;
            text.push_str(&format!("accounts_file = {path:?}\n"));
        }
        text.push_str("\n[listen]\n");
        for listener in LISTENERS {
            text.push_str(&format!("{listener} = [\"127.0.0.1:0\"]\n"));
        }
        // Two servers on one machine cannot both have the port it listens on by default.
        text.push_str("web = []\n");
        text.push_str("\n[smtp]\nmax_message_size = \"40MB\"\n");
        text.push_str("\n[limits]\nexempt = [\"127.0.0.0/8\"]\n");
        text.push_str("\n[log]\nformat = \"json\"\n");
        fs::write(directory.join("tegami.toml"), text)?;
        Ok(Self {
            binary: binary.to_owned(),
            directory: directory.to_owned(),
            variables: Vec::new(),
            through: Vec::new(),
        })
    }

    /// Sets a variable that goes over the configuration, such as `TEGAMI_POP3__APOP`.
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.push((variable, value.to_owned()));
        self
    }

    /// Starts the server through another program, which ends by becoming the server: its words, to which the
    /// server's follow.
    #[must_use]
    pub fn through(mut self, words: &[&str]) -> Self {
        self.through = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The binary with this site's configuration and `arguments`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.through.split_first() {
            None => Command::new(&self.binary),
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(&self.binary);
                command
            }
        };
        command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .arg("--config")
            .arg(self.directory.join("tegami.toml"));
        command
    }

    /// Where this site's files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends before it is ready, or is not ready in time; its last log lines are named.
    pub fn start(&self) -> Result<Running> {
        let path = self.log();
        let from = fs::metadata(&path).map_or(0, |log| log.len());
        let begun = Instant::now();
        let mut running = self.spawn()?;
        running.ready = running
            .wait_until_ready(&path, from)
            .with_context(|| format!("see {}", path.display()))?;
        running.took = begun.elapsed();
        Ok(running)
    }

    /// Starts the server and kills it `after` a while, ready or not.
    ///
    /// # Errors
    /// When it cannot be started, or ends by itself before it is killed.
    pub fn start_and_kill(&self, after: Duration) -> Result<()> {
        let running = self.spawn()?;
        thread::sleep(after);
        running.kill().context("while it was starting")
    }

    fn spawn(&self) -> Result<Running> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        let child = self
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        Ok(Running {
            child,
            ready: Value::Null,
            took: Duration::ZERO,
        })
    }

    /// Where the server writes its log.
    pub fn log(&self) -> PathBuf {
        self.directory.join("serve.log")
    }
}

/// A server that is up. Dropped, it is killed.
pub struct Running {
    child: Child,
    ready: Value,
    took: Duration,
}

impl Running {
    /// Where the named listener accepts.
    ///
    /// # Errors
    /// When the server did not report that listener.
    pub fn address(&self, listener: &str) -> Result<SocketAddr> {
        first_address(&self.ready, listener)
            .ok_or_else(|| anyhow!("the ready line names no {listener} address: {}", self.ready))
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process until it was ready.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// SIGKILL: no chance to do anything.
    ///
    /// # Errors
    /// When the process was gone already, which is a crash of its own.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server had ended by itself: {status}");
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops every thread where it is, as the end of its power would; one inside the kernel never comes out of it.
    ///
    /// # Errors
    /// When the process was gone already, or a thread goes on.
    pub fn freeze(&self) -> Result<()> {
        process::signal(self.pid(), Signal::STOP);
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.stands_still()? {
            if Instant::now() >= deadline {
                bail!("a thread of the server goes on in spite of SIGSTOP");
            }
        }
        Ok(())
    }

    fn stands_still(&self) -> Result<bool> {
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let stat = fs::read_to_string(thread?.path().join("stat"))?;
            let (_, fields) = stat
                .rsplit_once(") ")
                .context("a stat line without a name")?;
            // T: stopped. D: waiting for the disk, and stopped before it can act on what comes of it.
            if !fields.starts_with(['T', 'D']) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// SIGTERM, and a clean end.
    ///
    /// # Errors
    /// When it does not end in time or not with status 0.
    pub fn stop(mut self) -> Result<()> {
        process::signal(self.pid(), Signal::TERM);
        let status = process::wait(&mut self.child, STOP).context("stopping the server")?;
        if !status.success() {
            bail!("the server ended with {status} on SIGTERM");
        }
        Ok(())
    }

    /// One line of /proc/PID/status in MiB, such as `VmRSS` or `VmHWM` (the highest ever).
    ///
    /// # Errors
    /// When the process is gone or the line is missing.
    pub fn memory_mib(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok())
            .ok_or_else(|| anyhow!("no {field} in /proc/{}/status", self.pid()))?;
        Ok(kib / 1024.0)
    }

    fn wait_until_ready(&mut self, log: &Path, from: u64) -> Result<Value> {
        let deadline = Instant::now() + START;
        loop {
            let text = read_from(log, from)?;
            if let Some(ready) = find_ready(&text) {
                return Ok(ready);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the server ended with {status} before it was ready:\n{}",
                    tail(&text)
                );
            }
            if Instant::now() >= deadline {
                bail!("not ready within {} s:\n{}", START.as_secs(), tail(&text));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _nothing_left_to_do = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}

/// Declared accounts user0 to user(N-1)@example.test, all with one password, read from a file beside the configuration.
///
/// # Errors
/// When the password file cannot be written.
pub fn numbered_accounts(directory: &Path, count: u32, password: &str) -> Result<String> {
    fs::create_dir_all(directory)?;
    let path = directory.join("password");
    fs::write(&path, format!("{password}\n"))?;
    Ok((0..count)
        .map(|n| {
            format!("[[account]]\naddress = \"user{n}@example.test\"\npassword_file = {path:?}\n\n")
        })
        .collect())
}

fn read_from(path: &Path, from: u64) -> Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The first complete JSON log line whose message is `ready`; its fields stand beside the message.
fn find_ready(log: &str) -> Option<Value> {
    log.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["message"] == "ready")
}

/// A listener may have several addresses, separated by commas; the first will do.
fn first_address(ready: &Value, listener: &str) -> Option<SocketAddr> {
    let text = ready[listener].as_str()?;
    text.split(',').find_map(|address| address.parse().ok())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_gives_the_addresses() {
        let log = "{\"level\":\"INFO\",\"message\":\"store opened\"}\nnot json\n\
                   {\"message\":\"ready\",\"smtp\":\"127.0.0.1:2525,[::1]:2525\",\"pop3\":\"\"}\n";
        let ready = find_ready(log).unwrap();
        let smtp = first_address(&ready, "smtp").unwrap();
        assert_eq!(smtp, "127.0.0.1:2525".parse().unwrap());
        assert_eq!(first_address(&ready, "pop3"), None);
        assert_eq!(first_address(&ready, "submission"), None);
    }

    #[test]
    fn half_a_line_is_not_ready_yet() {
        assert!(find_ready("{\"message\":\"ready\"}").is_none());
    }

    #[test]
    fn a_site_declares_its_accounts_and_ports() {
        let place = std::env::temp_dir().join(format!("xtask-site-{}", std::process::id()));
        let accounts = numbered_accounts(&place, 2, "secret").unwrap();
        let site = Site::create(
            Path::new("/bin/true"),
            &place,
            &place.join("data"),
            Some(&accounts),
        )
        .unwrap();
        let written = fs::read_to_string(site.directory().join("tegami.toml")).unwrap();
        assert!(written.contains("pop3s = [\"127.0.0.1:0\"]"), "{written}");
        assert!(accounts.contains("user1@example.test"), "{accounts}");
        let ended = site.start().err().unwrap();
        assert!(
            format!("{ended:#}").contains("before it was ready"),
            "{ended:#}"
        );
        fs::remove_dir_all(&place).unwrap();
    }
}
