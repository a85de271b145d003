//! The package on a system where nothing runs: what it brings, whose it is, a server started by hand, and what removal
//! and purge leave behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::root::Root;
use super::{ALICE, BOB, LIMIT, PASSWORD, Reach, letter, text};
use crate::process;

/// A start that makes its certificate and its store.
const START: Duration = Duration::from_secs(30);

/// Ports of this run's own, as variables for the server.
const VARIABLES: [(&str, &str); 8] = [
    ("TEGAMI_HOSTNAME", "mail.example.test"),
    ("TEGAMI_DOMAINS", "example.test"),
    ("TEGAMI_LISTEN__SMTP", "127.0.0.1:24025"),
    ("TEGAMI_LISTEN__SUBMISSION", ""),
    ("TEGAMI_LISTEN__SUBMISSIONS", "127.0.0.1:24465"),
    ("TEGAMI_LISTEN__POP3", ""),
    ("TEGAMI_LISTEN__POP3S", "127.0.0.1:24995"),
    ("TEGAMI_LISTEN__WEB", "127.0.0.1:24080"),
];

/// Files of the package and their modes; all belong to root.
const FILES: [(&str, u32); 7] = [
    ("/usr/bin/tegami", 0o755),
    ("/etc/tegami/tegami.toml", 0o644),
    ("/usr/lib/systemd/system/tegami.service", 0o644),
    ("/usr/share/bash-completion/completions/tegami", 0o644),
    ("/usr/share/doc/tegami/copyright", 0o644),
    ("/usr/share/doc/tegami/examples/accounts.toml", 0o644),
    ("/usr/share/zsh/vendor-completions/_tegami", 0o644),
];

/// Everything this file is about.
///
/// # Errors
/// When anything is not as it must be.
pub fn run(place: &Path, package: &Path) -> Result<()> {
    let root = Root::create(place.join("still"))?;
    let inside = root.bring(package)?;
    dpkg(&root, &["--install", &inside])?;
    owned(&root)?;
    let check = process::succeed(&mut server(&root, "tegami", &["check"]), LIMIT)?;
    ensure!(text(&check).contains("The configuration is good"));
    println!("package: user, files and modes as they must be, and a good configuration");
    serve(&root, place)?;
    dpkg(&root, &["--remove", "tegami"])?;
    ensure!(!root.at("/usr/bin/tegami").exists());
    ensure!(root.at("/etc/tegami/tegami.toml").exists());
    ensure!(root.at("/var/lib/tegami/secrets.key").exists());
    println!("package: removed; configuration and mail stay");
    let purged = dpkg(&root, &["--purge", "tegami"])?;
    ensure!(!root.at("/etc/tegami").exists());
    ensure!(root.at("/var/lib/tegami/secrets.key").exists());
    ensure!(
        purged
            .stderr
            .contains("the mail in /var/lib/tegami is kept"),
        "a purge that keeps the mail must say so:\n{}",
        purged.stderr
    );
    println!("package: purged; the mail stays, and purge says so");
    fs::remove_dir_all(root.path())?;
    Ok(())
}

fn dpkg(root: &Root, arguments: &[&str]) -> Result<process::Finished> {
    let arguments = [&["dpkg"], arguments].concat();
    process::succeed(&mut root.command("root", &arguments), LIMIT)
}

/// Every file is there with its mode, the user exists, and the data directory is that user's alone.
fn owned(root: &Root) -> Result<()> {
    for (file, mode) in FILES {
        let about = fs::metadata(root.at(file)).with_context(|| file.to_owned())?;
        let is = about.permissions().mode() & 0o7777;
        ensure!(is == mode && about.uid() == 0, "{file} has mode {is:o}");
    }
    let users = process::succeed(
        &mut root.command("root", &["getent", "passwd", "tegami"]),
        LIMIT,
    )?;
    let user = text(&users);
    ensure!(
        user.ends_with(":/var/lib/tegami:/usr/sbin/nologin"),
        "{user}"
    );
    let number = user.split(':').nth(2).context("a line of passwd")?;
    let data = fs::metadata(root.at("/var/lib/tegami"))?;
    ensure!(
        data.uid().to_string() == number,
        "the data directory is {}'s",
        data.uid()
    );
    let mode = data.permissions().mode() & 0o7777;
    ensure!(mode == 0o700, "the data directory has mode {mode:o}");
    let enabled = "/etc/systemd/system/multi-user.target.wants/tegami.service";
    ensure!(root.at(enabled).is_symlink(), "the unit is not enabled");
    Ok(())
}

fn server(root: &Root, user: &str, arguments: &[&str]) -> Command {
    let mut command = root.command(user, &[&["tegami"], arguments].concat());
    command.envs(VARIABLES);
    command
}

/// As its user, on ports of its own: accounts are added, mail flows, and it ends in good order.
fn serve(root: &Root, place: &Path) -> Result<()> {
    let log = fs::File::create(place.join("still.log"))?;
    let child = server(root, "tegami", &["serve"])
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()?;
    let mut child = Ended(child);
    let begun = Instant::now();
    let mut health = server(root, "tegami", &["healthcheck"]);
    while !process::capture(&mut health, LIMIT)?.status.success() {
        if child.0.try_wait()?.is_some() || begun.elapsed() > START {
            bail!(
                "no start:\n{}",
                fs::read_to_string(place.join("still.log"))?
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
    fs::write(root.at("/root/password"), format!("{PASSWORD}\n"))?;
    for address in [ALICE, BOB] {
        let add = [
            "account",
            "add",
            address,
            "--password-file",
            "/root/password",
        ];
        process::succeed(&mut server(root, "root", &add), LIMIT)?;
    }
    let reach = Reach {
        curl: &|| Command::new("curl"),
        smtp: 24025,
        submissions: 24465,
        pop3s: 24995,
    };
    reach.exchange(&letter(place)?)?;
    process::signal(child.0.id(), Signal::TERM);
    let status = process::wait(&mut child.0, START)?;
    ensure!(status.success(), "the server ended with {status}");
    println!("package: started by hand as its user, mail flows, and a clean end");
    Ok(())
}

/// A child that does not outlive this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}
