//! `cargo xtask interop`: curl, swaks and Python's smtplib and poplib send and fetch through every listener of the built
//! server, and try what must be refused.
//!
//! Every sender sends every kind of message by every route; every fetcher then fetches them all and each must be, behind
//! the trace fields the server adds, octet for octet what was sent. The first thing that is wrong ends the run.

mod client;
mod container;
mod fetch;
mod message;
mod package;
mod refusal;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::server::{Running, Site};
use crate::{binary, process, workspace};
use client::{CLIENTS, ROUTES};
use fetch::FETCHERS;

/// Any single command of a client.
const LIMIT: Duration = Duration::from_secs(60);
/// The account that sends with a login.
const ALICE: &str = "alice@example.test";
/// The account that everything is sent to.
const BOB: &str = "bob@example.test";
/// The password of both.
const PASSWORD: &str = "interop: plain words, and 7 digits";
/// The sender on port 25.
const STRANGER: &str = "carol@elsewhere.test";

/// What to try.
#[derive(clap::Args, Default)]
pub struct Options {
    /// The server to try; built first where none is named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also what takes long: the container image, on a Docker Engine of its own, and the Debian package, on Debian
    /// systems of its own (both as root).
    #[arg(long)]
    all: bool,
    /// The container image alone.
    #[arg(long)]
    container: bool,
    /// The Debian package alone.
    #[arg(long)]
    package: bool,
    /// A static binary for the image; built first where none is named.
    #[arg(long, value_name = "FILE")]
    static_binary: Option<PathBuf>,
}

/// Where the clients find the server, and where they may put files.
struct Ground {
    server: Running,
    place: PathBuf,
}

/// Installs the clients where they are missing and tries everything.
///
/// # Errors
/// When a client cannot be installed, or anything is not as it must be.
pub fn run(options: &Options) -> Result<()> {
    tools::install()?;
    if !options.container && !options.package {
        clients(options)?;
    }
    if options.all || options.container {
        container::run(options.static_binary.as_deref()).context("container")?;
    }
    if options.all || options.package {
        package::run().context("package")?;
    }
    Ok(())
}

/// Every client against the built server.
fn clients(options: &Options) -> Result<()> {
    let binary = binary::release(options.binary.as_deref())?;
    let place = workspace::fresh("interop")?;
    let (site, server) = start(&binary, &place)?;
    let ground = Ground { server, place };
    let sent = send(&ground)?;
    for fetcher in &FETCHERS {
        let fetched = fetcher
            .run(&ground, sent.len())
            .with_context(|| fetcher.name.to_owned())?;
        message::compare(&sent, &fetched).with_context(|| fetcher.name.to_owned())?;
        println!(
            "{}: {} messages as they were sent",
            fetcher.name,
            fetched.len()
        );
    }
    refusal::run(&ground)?;
    process::succeed(&mut site.command(&["healthcheck"]), LIMIT)?;
    println!("healthcheck: the server is well");
    ground.server.stop()?;
    println!("SIGTERM: a clean end");
    fs::remove_dir_all(&ground.place)?;
    Ok(())
}

/// One account is made while the server is stopped, the other while it runs.
fn start(binary: &Path, place: &Path) -> Result<(Site, Running)> {
    let site = Site::create(binary, place, &place.join("data"), None)?;
    let password = place.join("password");
    fs::write(&password, format!("{PASSWORD}\n"))?;
    let password = password.to_string_lossy().into_owned();
    let add = |address: &str| {
        let arguments = ["account", "add", address, "--password-file", &password];
        process::succeed(&mut site.command(&arguments), LIMIT)
    };
    add(ALICE).context("adding an account while the server is stopped")?;
    let server = site.start()?;
    add(BOB).context("adding an account while the server runs")?;
    Ok((site, server))
}

/// Every client, by every route, every kind of message; gives them by their id.
fn send(ground: &Ground) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut sent = BTreeMap::new();
    for client in &CLIENTS {
        for route in &ROUTES {
            for (kind, body) in message::bodies() {
                let id = format!("{}.{}.{kind}", client.name, route.name());
                let message = message::compose(&id, &body);
                let file = ground.place.join("message.eml");
                fs::write(&file, &message)?;
                let mut command = (client.send)(ground, route, &file)?;
                process::succeed(&mut command, LIMIT).with_context(|| id.clone())?;
                sent.insert(id, message);
            }
        }
        println!(
            "{}: sent every kind of message by {} routes",
            client.name,
            ROUTES.len()
        );
    }
    Ok(sent)
}
