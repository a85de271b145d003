//! The clients that fetch: each takes the whole maildrop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::client::script;
use super::{BOB, Ground, LIMIT, PASSWORD};
use crate::process;

/// A fetching program and the way it takes.
pub struct Fetcher {
    /// What it is, for the report.
    pub name: &'static str,
    /// The command that fetches so many messages into files 1, 2, ... of a directory.
    command: fn(&Ground, usize, &Path) -> Result<Command>,
}

/// The fetchers; the last leaves the maildrop empty.
pub const FETCHERS: [Fetcher; 4] = [
    Fetcher {
        name: "curl, pop3s with AUTH PLAIN",
        command: |ground, count, into| {
            let address = ground.server.address("pop3s")?;
            Ok(curl(
                &format!("pop3s://{address}"),
                "AUTH=PLAIN",
                count,
                into,
            ))
        },
    },
    Fetcher {
        name: "curl, pop3 with STLS and AUTH LOGIN",
        command: |ground, count, into| {
            let address = ground.server.address("pop3")?;
            let mut command = curl(&format!("pop3://{address}"), "AUTH=LOGIN", count, into);
            command.arg("--ssl-reqd");
            Ok(command)
        },
    },
    Fetcher {
        name: "poplib, pop3 with STLS",
        command: |ground, _, into| poplib(ground, "pop3", "stls", into, "keep"),
    },
    Fetcher {
        name: "poplib, pop3s, deleting",
        command: |ground, _, into| poplib(ground, "pop3s", "tls", into, "delete"),
    },
];

impl Fetcher {
    /// Fetches the maildrop; `count` is how many messages there must be.
    ///
    /// # Errors
    /// When the client fails.
    pub fn run(&self, ground: &Ground, count: usize) -> Result<Vec<Vec<u8>>> {
        let into = ground.place.join("fetched");
        fs::create_dir_all(&into)?;
        process::succeed(&mut (self.command)(ground, count, &into)?, LIMIT)?;
        let fetched = files(&into)?
            .iter()
            .map(|path| fs::read(path).with_context(|| path.display().to_string()))
            .collect();
        fs::remove_dir_all(&into)?;
        fetched
    }
}

fn curl(url: &str, login_options: &str, count: usize, into: &Path) -> Command {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--fail-early",
            "--insecure",
            "--max-time",
            "50",
        ])
        .args([
            "--user",
            &format!("{BOB}:{PASSWORD}"),
            "--login-options",
            login_options,
        ])
        .args(["--url", &format!("{url}/[1-{count}]"), "--output"])
        .arg(into.join("#1"));
    command
}

fn poplib(
    ground: &Ground,
    listener: &str,
    security: &str,
    into: &Path,
    afterwards: &str,
) -> Result<Command> {
    let address = ground.server.address(listener)?;
    let mut command = script("fetch.py");
    command
        .args([&address.ip().to_string(), &address.port().to_string()])
        .args([security, BOB, PASSWORD])
        .arg(into)
        .arg(afterwards);
    Ok(command)
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        files.push(entry?.path());
    }
    Ok(files)
}
