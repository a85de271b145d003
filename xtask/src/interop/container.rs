//! The image of the `Dockerfile`, brought up by `compose.yaml` on a real Docker Engine, and used through its
//! published ports only.
//!
//! Where no engine answers, one is started that keeps everything below the target directory and ends with the run. The builder stage, which pulls Rust,
//! is not tried here: the binary is built by the cargo that is there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{ALICE, BOB, LIMIT, PASSWORD, STRANGER, message, tools};
use crate::{process, workspace};

mod engine;

use engine::Engine;

/// A release build on two cores, with air.
const BUILD: Duration = Duration::from_secs(30 * 60);
/// The first health check comes after 30 seconds.
const HEALTHY: Duration = Duration::from_secs(120);
/// The user of the image (Dockerfile).
const USER: u32 = 10025;

/// The listeners of compose.yaml, and where this run publishes them.
const PORTS: [(&str, &str); 3] = [
    ("TEGAMI_PORT_SMTP", "127.0.0.1:23025"),
    ("TEGAMI_PORT_SUBMISSIONS", "127.0.0.1:23465"),
    ("TEGAMI_PORT_POP3S", "127.0.0.1:23995"),
];
const UNUSED_PORTS: [(&str, &str); 2] = [
    ("TEGAMI_PORT_SUBMISSION", "127.0.0.1:23587"),
    ("TEGAMI_PORT_POP3", "127.0.0.1:23110"),
];

/// Builds, starts, uses, restarts and stops the container.
///
/// # Errors
/// When no Docker Engine can run here, or anything is not as it must be.
pub fn run(named: Option<&Path>) -> Result<()> {
    tools::install_engine()?;
    let place = workspace::fresh("container")?.canonicalize()?;
    let binary = match named {
        Some(named) => named
            .canonicalize()
            .with_context(|| named.display().to_string())?,
        None => static_binary()?,
    };
    let project = prepare(&place)?;
    let engine = Engine::start(&place.join("engine"))?;
    build(&engine, &place, &binary)?;
    let compose = |arguments: &[&str]| {
        let mut command = engine.compose(&project);
        command.args(arguments).envs(PORTS).envs(UNUSED_PORTS);
        process::succeed(&mut command, LIMIT)
    };
    compose(&["up", "--detach", "--no-build"])?;
    let container = text(compose(&["ps", "--quiet", "tegami"])?);
    let used = use_it(&engine, &container, &place, &compose);
    if used.is_err() {
        let logs = compose(&["logs", "--no-color"]);
        eprintln!("{}", logs.map(text).unwrap_or_default());
    }
    used?;
    compose(&["down", "--volumes"])?;
    engine.stop()?;
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// Mail in through both doors, out again, a restart in between, and a clean stop.
fn use_it(
    engine: &Engine,
    container: &str,
    place: &Path,
    compose: &dyn Fn(&[&str]) -> Result<process::Finished>,
) -> Result<()> {
    await_health(engine, container)?;
    println!("container: healthy, on a read-only root, without capabilities");
    let letter = message::compose("container", b"through the published ports\r\n");
    let file = place.join("letter.eml");
    fs::write(&file, &letter)?;
    send(&file, "smtp://127.0.0.1:23025", STRANGER, None)?;
    send(&file, "smtps://127.0.0.1:23465", ALICE, Some(ALICE))?;
    println!("container: mail from a stranger and from a user taken");
    compose(&["restart", "tegami"])?;
    await_health(engine, container)?;
    for number in 1..=2 {
        let fetched = fetch(number)?;
        ensure!(
            fetched.ends_with(&letter),
            "message {number} is not what was sent:\n{}",
            String::from_utf8_lossy(&fetched)
        );
    }
    println!("container: both there after a restart, octet for octet");
    let logs = text(compose(&["logs", "--no-color"])?);
    ensure!(
        logs.contains("wears the address of the default gateway"),
        "clients came through the engine's proxy, and the server did not notice:\n{logs}"
    );
    println!("container: the gateway's address was noticed");
    compose(&["stop"])?;
    let code = text(engine.docker(&["inspect", "--format", "{{.State.ExitCode}}", container])?);
    ensure!(code == "0", "the container ended with {code}");
    println!("container: a clean end");
    Ok(())
}

/// A static release binary: what the builder stage of the Dockerfile makes.
fn static_binary() -> Result<PathBuf> {
    const TRIPLE: &str = "x86_64-unknown-linux-gnu";
    let mut build = Command::new("cargo");
    build
        .args([
            "build",
            "--release",
            "--package",
            "tegami",
            "--target",
            TRIPLE,
        ])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(workspace::root());
    if !process::follow(&mut build, BUILD)? {
        bail!("the static build failed");
    }
    Ok(workspace::target().join(TRIPLE).join("release/tegami"))
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
        fs::write(&secret, format!("{PASSWORD}\n"))?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o400))?;
        chown(&secret, Some(USER), Some(USER)).context("the engine and its files need root")?;
    }
    Ok(project)
}

fn build(engine: &Engine, place: &Path, binary: &Path) -> Result<()> {
    let context = place.join("image");
    fs::create_dir_all(context.join("usr/bin"))?;
    let data = context.join("var/lib/tegami");
    fs::create_dir_all(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
    let mut strip = Command::new("strip");
    strip.args(["--strip-debug", "-o"]);
    strip.arg(context.join("usr/bin/tegami")).arg(binary);
    process::succeed(&mut strip, LIMIT)?;
    let dockerfile = workspace::root().join("Dockerfile");
    let (dockerfile, context) = (dockerfile.to_string_lossy(), context.to_string_lossy());
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
    let octets = text(engine.docker(&["image", "inspect", "--format", "{{.Size}}", "tegami"])?);
    println!("container: image of {octets} octets");
    Ok(())
}

fn await_health(engine: &Engine, container: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let format = "{{.State.Status}} {{.State.Health.Status}}";
        let state = text(engine.docker(&["inspect", "--format", format, container])?);
        if state == "running healthy" {
            return Ok(());
        }
        if state.ends_with("unhealthy") || begun.elapsed() > HEALTHY {
            let format = "{{json .State.Health.Log}}";
            let log = text(engine.docker(&["inspect", "--format", format, container])?);
            bail!("the container is {state}: {log}");
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn send(file: &Path, url: &str, from: &str, login: Option<&str>) -> Result<()> {
    let mut command = curl();
    command.args([
        "--url",
        url,
        "--mail-from",
        from,
        "--mail-rcpt",
        BOB,
        "--upload-file",
    ]);
    command.arg(file);
    if let Some(login) = login {
        command.args(["--user", &format!("{login}:{PASSWORD}")]);
    }
    process::succeed(&mut command, LIMIT)?;
    Ok(())
}

fn fetch(number: usize) -> Result<Vec<u8>> {
    let mut command = curl();
    command.args(["--url", &format!("pop3s://127.0.0.1:23995/{number}")]);
    command.args(["--user", &format!("{BOB}:{PASSWORD}")]);
    Ok(process::succeed(&mut command, LIMIT)?.stdout)
}

fn curl() -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--insecure", "--max-time", "50"]);
    command
}

fn text(finished: process::Finished) -> String {
    String::from_utf8_lossy(&finished.stdout).trim().to_owned()
}
