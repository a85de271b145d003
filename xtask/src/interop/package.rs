//! The Debian package, installed, used, upgraded, removed and purged, on fresh Debian systems below the target directory.
//!
//! First in one where nothing runs, as in a container: what is there, whose it is, and a server started by hand. Then in
//! one that systemd has booted: the unit with its sandbox. Both need root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{ALICE, BOB, LIMIT, PASSWORD, STRANGER, message, tools};
use crate::{deb, process, workspace};

mod installed;
mod machine;
mod root;
mod unit;

/// The version that `newer` makes.
const NEWER: &str = "99.0-1";
/// What `newer` adds to the configuration file it brings.
const NEW_WORDS: &str = "# What is new in 99.0 stands here.\n";

/// Builds the package and tries everything.
///
/// # Errors
/// When no Debian system can be made here, or anything is not as it must be.
pub fn run() -> Result<()> {
    tools::install_systems()?;
    let place = workspace::fresh("package")?.canonicalize()?;
    let package = deb::build(&place)?;
    let later = newer(&package, &place)?;
    installed::run(&place, &package)?;
    unit::run(&place, &package, &later)?;
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// The same package with a higher version, and a configuration file in which something is new.
fn newer(package: &Path, place: &Path) -> Result<PathBuf> {
    let content = place.join("newer");
    let pack = |arguments: [&Path; 3]| {
        process::succeed(Command::new("dpkg-deb").args(arguments), LIMIT).context("dpkg-deb")
    };
    pack([Path::new("--raw-extract"), package, &content])?;
    let control = content.join("DEBIAN/control");
    let lines = fs::read_to_string(&control)?;
    let lines = lines.lines().map(|line| match line.split_once(' ') {
        Some(("Version:", _)) => format!("Version: {NEWER}\n"),
        _ => format!("{line}\n"),
    });
    fs::write(&control, lines.collect::<String>())?;
    let configuration = content.join("etc/tegami/tegami.toml");
    let text = fs::read_to_string(&configuration)?;
    fs::write(&configuration, format!("{NEW_WORDS}{text}"))?;
    let later = place.join("newer.deb");
    pack([Path::new("--build"), &content, &later])?;
    Ok(later)
}

/// Where curl runs, and where it finds the server.
struct Reach<'a> {
    /// Makes the command that runs curl where the server can be reached.
    curl: &'a dyn Fn() -> Command,
    smtp: u16,
    submissions: u16,
    pop3s: u16,
}

impl Reach<'_> {
    /// From a stranger and from a user, and both out again.
    fn exchange(&self, letter: &Path) -> Result<()> {
        self.send(
            letter,
            &format!("smtp://127.0.0.1:{}", self.smtp),
            STRANGER,
            None,
        )?;
        let submissions = format!("smtps://127.0.0.1:{}", self.submissions);
        self.send(letter, &submissions, ALICE, Some(ALICE))?;
        self.both_there(letter)
    }

    /// The two letters of `exchange` are there, octet for octet.
    fn both_there(&self, letter: &Path) -> Result<()> {
        let letter = fs::read(letter)?;
        for number in 1..=2 {
            let mut command = self.command(&format!("pop3s://127.0.0.1:{}/{number}", self.pop3s));
            command.args(["--user", &format!("{BOB}:{PASSWORD}")]);
            let fetched = process::succeed(&mut command, LIMIT)?.stdout;
            ensure!(
                fetched.ends_with(&letter),
                "message {number} is not what was sent:\n{}",
                String::from_utf8_lossy(&fetched)
            );
        }
        Ok(())
    }

    fn send(&self, letter: &Path, url: &str, from: &str, login: Option<&str>) -> Result<()> {
        let mut command = self.command(url);
        command.args(["--mail-from", from, "--mail-rcpt", BOB, "--upload-file"]);
        command.arg(letter);
        if let Some(login) = login {
            command.args(["--user", &format!("{login}:{PASSWORD}")]);
        }
        process::succeed(&mut command, LIMIT)?;
        Ok(())
    }

    fn command(&self, url: &str) -> Command {
        let mut command = (self.curl)();
        command.args(["--silent", "--show-error", "--insecure", "--max-time", "50"]);
        command.args(["--url", url]);
        command
    }
}

/// A letter to send, as a file.
fn letter(place: &Path) -> Result<PathBuf> {
    let file = place.join("letter.eml");
    fs::write(&file, message::compose("package", b"out of a package\r\n"))?;
    Ok(file)
}

/// What a command printed, without the white space around it.
fn text(finished: &process::Finished) -> String {
    String::from_utf8_lossy(&finished.stdout).trim().to_owned()
}
