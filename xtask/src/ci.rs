//! `cargo xtask ci`: everything that must hold before a change lands, from a clean checkout, installing what it needs.
//!
//! A failed step does not stop the others: one run tells all. What could not be run is named as such, never as passed.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{interop, process, torture, workspace};

/// The longest any step may take: the first to build everything needs the most.
const STEP: Duration = Duration::from_secs(20 * 60);
/// Fetching the advisory database, or finding out that there is no way to it.
const FETCH: Duration = Duration::from_secs(120);

/// How a step ended.
enum Verdict {
    Passed,
    Failed(String),
    /// Not run, for a reason that is no fault of the tree.
    NotRun(String),
}

struct Step {
    name: &'static str,
    run: fn() -> Result<Verdict>,
}

const STEPS: [Step; 11] = [
    Step {
        name: "tools",
        run: install,
    },
    Step {
        name: "format",
        run: || cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "lints",
        run: || {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])
        },
    },
    Step {
        // Not for tests: a table of rows may be as long as it likes.
        name: "functions fit a screen",
        run: || {
            cargo(&[
                "clippy",
                "--workspace",
                "--",
                "-D",
                "clippy::too_many_lines",
            ])
        },
    },
    Step {
        name: "tests",
        run: || cargo(&["test", "--workspace"]),
    },
    Step {
        name: "documentation",
        run: documentation,
    },
    Step {
        name: "bans, licences, sources",
        run: || cargo(&["deny", "check", "bans", "licenses", "sources"]),
    },
    Step {
        name: "advisories",
        run: advisories,
    },
    Step {
        name: "demo",
        run: || cargo(&["run", "--release", "--", "demo", "--once"]),
    },
    Step {
        name: "interop",
        run: || interop::run(&interop::Options::default()).map(|()| Verdict::Passed),
    },
    Step {
        name: "torture, the short form",
        run: || torture::run(&torture::Options::short()).map(|()| Verdict::Passed),
    },
];

/// Runs every step and prints what came of it; the last line counts.
pub fn run() -> ExitCode {
    let mut table = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    for step in STEPS {
        println!("\n=== {} ===", step.name);
        let begun = Instant::now();
        let verdict = (step.run)().unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")));
        let seconds = begun.elapsed().as_secs();
        let word = match verdict {
            Verdict::Passed => {
                passed += 1;
                "passed".to_owned()
            }
            Verdict::Failed(why) => {
                failed += 1;
                format!("FAILED: {why}")
            }
            Verdict::NotRun(why) => format!("not run: {why}"),
        };
        table.push(format!("{:<24} {seconds:>5} s  {word}", step.name));
    }
    println!("\n{}\n\n{passed} passed, {failed} failed", table.join("\n"));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The parts of the toolchain and cargo-deny, where they are missing. Cargo keeps what it installs.
fn install() -> Result<Verdict> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let mut add = Command::new("rustup");
        add.args(["component", "add", component]);
        if !answers(&[tool, "--version"])? && !process::follow(&mut add, STEP)? {
            bail!("{component} is missing and rustup could not add it");
        }
    }
    if answers(&["deny", "--version"])? {
        return Ok(Verdict::Passed);
    }
    println!("installing cargo-deny");
    let mut command = Command::new("cargo");
    command
        .args(["install", "--locked", "cargo-deny"])
        // It runs for seconds: building it quickly counts for more than its speed.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    if !process::follow(&mut command, STEP)? {
        bail!("cargo-deny is missing and could not be installed");
    }
    Ok(Verdict::Passed)
}

fn documentation() -> Result<Verdict> {
    let mut command = Command::new("cargo");
    command
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .current_dir(workspace::root());
    follow(&mut command)
}

/// Known holes in what we depend on. The list of them lives in a git repository of its own, and without the network
/// there is nothing to compare with.
fn advisories() -> Result<Verdict> {
    let mut fetch = Command::new("cargo");
    fetch
        .args(["deny", "fetch", "db"])
        .current_dir(workspace::root());
    let fetched = process::capture(&mut fetch, FETCH)?;
    if !fetched.status.success() {
        let words = fetched.last_words();
        let why = words.lines().last().unwrap_or("no reason given");
        println!("{words}");
        return Ok(Verdict::NotRun(format!(
            "the advisory database cannot be fetched ({why})"
        )));
    }
    cargo(&["deny", "check", "advisories"])
}

fn cargo(arguments: &[&str]) -> Result<Verdict> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(workspace::root());
    follow(&mut command)
}

fn follow(command: &mut Command) -> Result<Verdict> {
    Ok(if process::follow(command, STEP)? {
        Verdict::Passed
    } else {
        Verdict::Failed("see its output above".to_owned())
    })
}

fn answers(arguments: &[&str]) -> Result<bool> {
    let finished = process::capture(Command::new("cargo").args(arguments), FETCH)?;
    Ok(finished.status.success())
}
