//! The load of one round: many small messages on port 25, and large ones with login over TLS, until the server dies.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::mailload::Mailload;
use crate::process;
use crate::server::Running;

/// Accounts the load is spread over.
pub const USERS: u32 = 50;
/// Their password.
pub const PASSWORD: &str = "correct horse battery";
/// Connections of both senders: at most so many messages are under way when the server dies.
pub const CONNECTIONS: u32 = SMALL + LARGE;

const SMALL: u32 = 16;
const LARGE: u32 = 2;
/// Longer than any round; the generator stops by itself, should everything else fail.
const SECONDS: &str = "30";
/// From the death of the server until the senders have given up.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Until the first acknowledgement.
const FIRST: Duration = Duration::from_secs(30);

/// Two senders at work.
pub struct Load {
    senders: Vec<Child>,
    acknowledged: Vec<PathBuf>,
}

impl Load {
    /// Starts the senders and returns once the first message was acknowledged.
    ///
    /// # Errors
    /// When they cannot be started, or nothing is acknowledged.
    pub fn start(mailload: &Mailload, server: &Running, place: &Path, round: u32) -> Result<Self> {
        let mut load = Self {
            senders: Vec::new(),
            acknowledged: Vec::new(),
        };
        for (name, own) in [("small", small(server)?), ("large", large(server)?)] {
            let acknowledged = place.join(format!("{round:03}-{name}.acked"));
            let mut command = mailload.command(&["smtp"], &place.join(format!("{name}.json")));
            command
                .args(own)
                .args(["--users", &USERS.to_string(), "--messages", "1000000"])
                .args(["--max-seconds", SECONDS, "--timeout", "20", "--acked"])
                .arg(&acknowledged);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            load.senders
                .push(command.spawn().context("cannot start mailload")?);
            load.acknowledged.push(acknowledged);
        }
        load.wait_for_the_first()?;
        Ok(load)
    }

    fn wait_for_the_first(&self) -> Result<()> {
        let deadline = Instant::now() + FIRST;
        while !self
            .acknowledged
            .iter()
            .any(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0))
        {
            if Instant::now() >= deadline {
                bail!("nothing was acknowledged within {} s", FIRST.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until the senders have noticed that the server is gone; gives the files of what was acknowledged.
    ///
    /// # Errors
    /// When they do not give up in time.
    pub fn finish(mut self) -> Result<Vec<PathBuf>> {
        for sender in &mut self.senders {
            // Its exit status says that there were errors, and there must be: the server was killed.
            process::wait(sender, GIVE_UP).context("mailload")?;
        }
        Ok(std::mem::take(&mut self.acknowledged))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for sender in &mut self.senders {
            if matches!(sender.try_wait(), Ok(None)) {
                let _nothing_left_to_do = sender.kill().and_then(|()| sender.wait());
            }
        }
    }
}

/// From other servers: small and middling messages, several to a connection.
fn small(server: &Running) -> Result<Vec<String>> {
    let (address, connections) = (server.address("smtp")?.to_string(), SMALL.to_string());
    let arguments = [
        "--addr",
        &address,
        "--conns",
        &connections,
        "--size",
        "mix",
        "--per-conn",
        "7",
    ];
    Ok(arguments.map(str::to_owned).to_vec())
}

/// From a user with a login over TLS: messages that get files of their own.
fn large(server: &Running) -> Result<Vec<String>> {
    let (address, connections) = (
        server.address("submissions")?.to_string(),
        LARGE.to_string(),
    );
    let sender = "user0@example.test";
    let login = format!("plain:{sender}:{PASSWORD}");
    let arguments = [
        "--addr",
        &address,
        "--tls",
        "--auth",
        &login,
        "--from",
        sender,
        "--conns",
        &connections,
        "--size",
        "2m",
        "--per-conn",
        "3",
    ];
    Ok(arguments.map(str::to_owned).to_vec())
}

/// A random time between two bounds in milliseconds: where a crash falls must not be what somebody thought of.
pub fn between(least: u64, most: u64) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    Duration::from_millis(least + random % (most - least + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_times_keep_their_bounds() {
        for _ in 0..1000 {
            let time = between(50, 52).as_millis();
            assert!((50..=52).contains(&time), "{time}");
        }
    }
}
