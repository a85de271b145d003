//! `cargo xtask interop mail-out`: mail out and in between the built server and Postfix, Exim and OpenSMTPD, each on a
//! host of its own in a small world of network namespaces, with DNS, DNSSEC, certificates and policies of its own.
//!
//! The peers are Debian's, installed beside this system; nothing of a run outlives it, whatever becomes of it. Every case
//! is tried, and the run fails at its end when one of them did.

mod cases;
mod certificate;
mod domain;
mod exim;
mod lab;
mod layer;
mod names;
mod opensmtpd;
mod postfix;
mod server;
mod spoke;
mod world;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Options;
use crate::{binary, process, workspace};
use lab::Lab;

/// The whole run, without builds and installing.
const RUN: Duration = Duration::from_secs(30 * 60);

/// Installs, builds, and runs everything in namespaces of its own.
///
/// # Errors
/// When the small world cannot be made, or a case fails.
pub fn run(options: &Options) -> Result<()> {
    if let Some(place) = &options.inside {
        return inside(place, options);
    }
    world::check_privileges()?;
    for layer in [layer::NAMES, layer::POSTFIX, layer::EXIM, layer::OPENSMTPD] {
        layer.prepare()?;
    }
    let binary = binary::release(options.binary.as_deref())?;
    let place = workspace::fresh("mail-out")?.canonicalize()?;
    fs::copy(&binary, place.join("server")).context("copying the server")?;
    let mut command = world::enter()?;
    command
        .args(["interop", "mail-out", "--inside"])
        .arg(&place);
    if options.all {
        command.arg("--all");
    }
    for case in &options.case {
        command.args(["--case", case]);
    }
    ensure!(
        process::follow(&mut command, RUN)?,
        "mail-out failed; what was left is in {}",
        place.display()
    );
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// See [`super::smtp_sink`].
pub fn smtp_sink() -> Result<(PathBuf, String)> {
    world::check_privileges()?;
    layer::POSTFIX.prepare()?;
    let there = layer::POSTFIX.path();
    let mut libraries = vec![there.join("usr/lib/postfix").display().to_string()];
    // By the machine's kind, such as x86_64-linux-gnu.
    for entry in fs::read_dir(there.join("usr/lib"))? {
        libraries.push(entry?.path().display().to_string());
    }
    Ok((there.join("usr/sbin/smtp-sink"), libraries.join(":")))
}

/// In the namespaces: everybody comes up, every case is tried.
fn inside(place: &Path, options: &Options) -> Result<()> {
    let begun = Instant::now();
    let mut lab = Lab::start(place, &place.join("server"))?;
    println!(
        "mail-out: everybody is up after {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let failed = cases::run(&mut lab, options)?;
    lab.server.stop().context("the server's end")?;
    ensure!(failed == 0, "{failed} cases failed");
    Ok(())
}

/// Whether somebody accepts there.
fn answers(address: &str) -> bool {
    let address: Option<SocketAddr> = address.parse().ok();
    address
        .is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}
