//! The image of the `Dockerfile`, brought up by `compose.yaml` on a real Docker Engine, and used through its
//! published ports only.
//!
//! Where no engine answers, one is started that keeps everything below the target directory and ends with the run. The
//! builder stage's image, which pulls Rust, is not tried here: its command runs outside, with the cargo that is there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{ALICE, BOB, LIMIT, PASSWORD, STRANGER, message, tools};
use crate::{process, workspace};

mod drain;
mod engine;
mod mail;
mod stack;

use engine::Engine;
use stack::Stack;

/// A release build on two cores, with air.
const BUILD: Duration = Duration::from_secs(30 * 60);
/// The user of the image (Dockerfile).
const USER: u32 = 10025;
/// The address that accounts.toml makes an alias of Alice.
const ALIAS: &str = "info@example.test";

/// Builds, starts, uses, restarts and stops the container.
///
/// # Errors
/// When no Docker Engine can run here, or anything is not as it must be.
pub fn run(named: Option<&Path>) -> Result<()> {
    tools::install_engine()?;
    let place = workspace::fresh("container")?.canonicalize()?;
    let image = place.join("image");
    match named {
        Some(named) => strip(named, &image)?,
        None => build_stage(&image)?,
    }
    let project = prepare(&place)?;
    let engine = Engine::start(&place.join("engine"))?;
    build(&engine, &image)?;
    let stack = Stack::up(&engine, project)?;
    let used = use_it(&stack, &place);
    if used.is_err() {
        eprintln!("{}", stack.logs().unwrap_or_default());
    }
    used?;
    stack.down()?;
    engine.stop()?;
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// Mail in through every door, out again, a restart in between, a reload, and a stop that lets sessions finish.
fn use_it(stack: &Stack<'_>, place: &Path) -> Result<()> {
    stack.await_health()?;
    stack.as_declared()?;
    println!(
        "container: healthy, as compose.yaml says: read-only, without capabilities, its files and secrets mounted"
    );
    let letter = message::compose("container", b"through the published ports\r\n");
    let file = place.join("letter.eml");
    fs::write(&file, &letter)?;
    mail::send(&file, "smtp://127.0.0.1:23025", STRANGER, BOB, None)?;
    let alice = password("alice");
    for url in ["smtps://127.0.0.1:23465", "smtp://127.0.0.1:23587"] {
        mail::send(&file, url, ALICE, BOB, Some(&alice))?;
    }
    mail::send(&file, "smtp://127.0.0.1:23025", STRANGER, ALIAS, None)?;
    println!("container: mail taken from a stranger and, by both ways, from a user");
    stack.compose(&["restart", "tegami"])?;
    stack.await_health()?;
    for number in 1..=3 {
        let implicit = mail::fetch("pop3s://127.0.0.1:23995", number, BOB, &password("bob"))?;
        let upgraded = mail::fetch("pop3://127.0.0.1:23110", number, BOB, &password("bob"))?;
        ensure!(
            implicit == upgraded,
            "message {number} is not the same by both ways"
        );
        mail::is(&implicit, &letter)?;
    }
    let aliased = mail::fetch("pop3s://127.0.0.1:23995", 1, ALICE, &alice)?;
    mail::is(&aliased, &letter)?;
    println!("container: all there after a restart, octet for octet, by both ways");
    ensure!(
        stack
            .logs()?
            .contains("wears the address of the default gateway"),
        "clients came through the engine's proxy, and the server did not notice"
    );
    println!("container: the gateway's address was noticed");
    new_secret(stack)?;
    println!("container: a new secret in force after a reload, and the old one out of it");
    drain::run(stack, &letter)?;
    Ok(())
}

/// What compose.yaml says about changes: the file, then SIGHUP.
fn new_secret(stack: &Stack<'_>) -> Result<()> {
    let changed = password("bob, since today");
    // In its place: the container has this file, whatever its name may come to mean.
    fs::write(stack.project.join("secrets/bob"), format!("{changed}\n"))?;
    stack.reload()?;
    mail::fetch("pop3s://127.0.0.1:23995", 1, BOB, &changed).context("with the new secret")?;
    let old = mail::fetch("pop3s://127.0.0.1:23995", 1, BOB, &password("bob"));
    ensure!(old.is_err(), "the old secret still opens the mailbox");
    fs::write(
        stack.project.join("secrets/bob"),
        format!("{}\n", password("bob")),
    )?;
    stack.reload()
}

/// Each account's secret is its own, so that a wrong one would be noticed.
fn password(of: &str) -> String {
    format!("{PASSWORD}, and {of}")
}

/// Runs the command of the Dockerfile's builder stage, with its `/target` and `/image` put elsewhere.
fn build_stage(image: &Path) -> Result<()> {
    let dockerfile = fs::read_to_string(workspace::root().join("Dockerfile"))?;
    let command = builder_command(&dockerfile, &workspace::target().canonicalize()?, image)?;
    println!("container: {command}");
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", &command])
        .current_dir(workspace::root());
    if !process::follow(&mut shell, BUILD)? {
        bail!("the static build failed");
    }
    Ok(())
}

/// The one RUN of the Dockerfile, on one line.
fn builder_command(dockerfile: &str, target: &Path, image: &Path) -> Result<String> {
    let joined = dockerfile.replace("\\\n", " ");
    let mut commands = joined.lines().filter_map(|line| line.strip_prefix("RUN "));
    let (Some(command), None) = (commands.next(), commands.next()) else {
        bail!("the Dockerfile should have one RUN");
    };
    let words: Vec<String> = command
        .split_whitespace()
        .map(
            |word| match (word.strip_prefix("/target"), word.strip_prefix("/image")) {
                (Some(below), _) => format!("{}{below}", target.display()),
                (_, Some(below)) => format!("{}{below}", image.display()),
                (None, None) => word.to_owned(),
            },
        )
        .collect();
    Ok(words.join(" "))
}

/// The image's files around a binary that was named.
fn strip(binary: &Path, image: &Path) -> Result<()> {
    fs::create_dir_all(image.join("usr/bin"))?;
    let data = image.join("var/lib/tegami");
    fs::create_dir_all(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
    let mut strip = Command::new("strip");
    strip.args(["--strip-debug", "-o"]);
    strip.arg(image.join("usr/bin/tegami")).arg(binary);
    process::succeed(&mut strip, LIMIT)?;
    Ok(())
}

/// A project directory with the compose file and accounts as they are shipped, and secrets.
fn prepare(place: &Path) -> Result<PathBuf> {
    let project = place.join("tegami");
    fs::create_dir_all(project.join("config/compose"))?;
    fs::create_dir(project.join("secrets"))?;
    for file in ["compose.yaml", "config/compose/accounts.toml"] {
        fs::copy(workspace::root().join(file), project.join(file))?;
    }
    for name in ["alice", "bob"] {
        let secret = project.join("secrets").join(name);
        fs::write(&secret, format!("{}\n", password(name)))?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o400))?;
        chown(&secret, Some(USER), Some(USER)).context("the engine and its files need root")?;
    }
    Ok(project)
}

fn build(engine: &Engine, image: &Path) -> Result<()> {
    let dockerfile = workspace::root().join("Dockerfile");
    let (dockerfile, context) = (dockerfile.to_string_lossy(), image.to_string_lossy());
    let arguments = [
        "build",
        "--target",
        "prebuilt",
        "--tag",
        "tegami",
        "--file",
        &dockerfile,
        &context,
    ];
    engine.docker(&arguments)?;
    let inspect = ["image", "inspect", "--format", "{{.Size}}", "tegami"];
    println!(
        "container: image of {} octets",
        text(&engine.docker(&inspect)?)
    );
    Ok(())
}

fn text(finished: &process::Finished) -> String {
    String::from_utf8_lossy(&finished.stdout).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builders_command_is_found_and_put_elsewhere() {
        let dockerfile = fs::read_to_string(workspace::root().join("Dockerfile")).unwrap();
        let command = builder_command(&dockerfile, Path::new("/t"), Path::new("/i")).unwrap();
        for part in [
            "cargo build --release --locked --package tegami",
            "--target-dir /t &&",
            " /t/x86_64-unknown-linux-gnu/release/tegami /i/usr/bin/tegami &&",
            " /i/var/lib/tegami",
        ] {
            assert!(command.contains(part), "{part:?} is not in {command:?}");
        }
    }
}
