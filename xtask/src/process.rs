//! Child processes with an end: each has a time limit, and what outlives it is killed by its pid, children included.
//!
//! Starting the mail server is `server.rs`; this knows nothing about what it runs.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a finished child left behind.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to standard error, readable.
    pub stderr: String,
}

impl Finished {
    /// The child's own words about a failure: the end of its standard error, or of its output.
    pub fn last_words(&self) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let text = if self.stderr.trim().is_empty() {
            stdout.as_ref()
        } else {
            &self.stderr
        };
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// Runs `command` to its end and keeps what it writes.
///
/// # Errors
/// When it cannot be started, or runs longer than `limit`. A failing exit status is not an error here.
pub fn capture(command: &mut Command, limit: Duration) -> Result<Finished> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(&mut child, limit).with_context(|| format!("{command:?}"))?;
    Ok(Finished {
        status,
        stdout: join(stdout)?,
        stderr: String::from_utf8_lossy(&join(stderr)?).into_owned(),
    })
}

/// Runs `command` with its output going where ours goes; true when it succeeded.
///
/// # Errors
/// When it cannot be started, or runs longer than `limit`.
pub fn follow(command: &mut Command, limit: Duration) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let status = wait(&mut child, limit).with_context(|| format!("{command:?}"))?;
    Ok(status.success())
}

/// Runs `command` and insists on success.
///
/// # Errors
/// As [`capture`], and when the exit status is not zero.
pub fn succeed(command: &mut Command, limit: Duration) -> Result<Finished> {
    let finished = capture(command, limit)?;
    if !finished.status.success() {
        bail!(
            "{command:?} ended with {}:\n{}",
            finished.status,
            finished.last_words()
        );
    }
    Ok(finished)
}

/// Waits for `child`; past `limit` it and its descendants are killed.
///
/// # Errors
/// When the limit passed, or the child cannot be waited for.
pub fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            for pid in descendants(child.id()) {
                signal(pid, Signal::KILL);
            }
            child.kill()?;
            child.wait()?;
            bail!("did not end within {} s and was killed", limit.as_secs());
        }
        thread::sleep(LOOK);
    }
}

/// Sends a signal to one process; that it is gone already is as good.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process(pid, signal);
    }
}

/// Every process below `root`, deepest last.
fn descendants(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for pid in processes() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        open.extend(below);
    }
    found
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The parent's pid: the second field after the name, which stands in brackets and may hold anything (proc(5)).
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<std::io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut kept)?;
        }
        Ok(kept)
    })
}

fn join(reader: JoinHandle<std::io::Result<Vec<u8>>>) -> Result<Vec<u8>> {
    match reader.join() {
        Ok(kept) => Ok(kept?),
        Err(_) => bail!("the thread that reads a child's output panicked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn keeps_both_streams_and_the_exit_status() {
        let finished = capture(
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_secs(20),
        )
        .unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.stdout, b"out\n");
        assert_eq!(finished.stderr, "err\n");
        assert_eq!(finished.last_words(), "err");
    }

    #[test]
    fn a_command_past_its_limit_is_killed_with_its_children() {
        // The child shell holds our pipe: were it left alive, reading to the end would last 60 s.
        let begun = Instant::now();
        let result = capture(
            &mut shell("sh -c 'sleep 60'; true"),
            Duration::from_millis(200),
        );
        assert!(result.is_err());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failing_command_is_named_with_its_last_words() {
        let error = succeed(
            &mut shell("echo no such disk >&2; exit 1"),
            Duration::from_secs(20),
        )
        .err()
        .unwrap();
        assert!(format!("{error:#}").contains("no such disk"), "{error:#}");
    }
}
