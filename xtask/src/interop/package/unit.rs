//! The package on a system that runs: the unit starts in its sandbox, reloads, comes back, and is upgraded; and mail
//! outlives all of it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::machine::Machine;
use super::root::Root;
use super::{ALICE, BOB, NEW_WORDS, NEWER, PASSWORD, Reach, letter};

const CONFIGURATION: &str = "/etc/tegami/tegami.toml";
const CAP_NET_BIND_SERVICE: u64 = 1 << 10;
/// A restart is two seconds away.
const RESTART: Duration = Duration::from_secs(30);

/// Everything this file is about.
///
/// # Errors
/// When anything is not as it must be; with what the unit said.
pub fn run(place: &Path, package: &Path, later: &Path) -> Result<()> {
    let root = Root::create(place.join("running"))?;
    let package = root.bring(package)?;
    let later = root.bring(later)?;
    let machine = Machine::boot(root)?;
    let done = live(&machine, place, &package, &later);
    if done.is_err() {
        let log = machine.ask(&["journalctl", "--no-pager", "--unit", "tegami"]);
        eprintln!("{}", log.unwrap_or_default());
    }
    done
}

fn live(machine: &Machine, place: &Path, package: &str, later: &str) -> Result<()> {
    machine.run(&["dpkg", "--install", package])?;
    await_state(machine, "active")?;
    machine.run(&["systemd-analyze", "verify", "tegami.service"])?;
    configure(machine)?;
    let reach = Reach {
        curl: &|| machine.on_its_network("curl"),
        smtp: 25,
        submissions: 465,
        pop3s: 995,
    };
    let letter = letter(place)?;
    reach.exchange(&letter)?;
    let process = sandboxed(machine)?;
    println!("package: under systemd, in its sandbox, mail flows through the usual ports");
    let next = after_a_crash(machine, &process)?;
    reach.both_there(&letter)?;
    println!("package: killed, and back with its mail");
    upgrade(machine, later, &next)?;
    reach.both_there(&letter)?;
    println!("package: upgraded; restarted, configuration and mail kept");
    machine.run(&["dpkg", "--remove", "tegami"])?;
    await_state(machine, "inactive")?;
    // The version it is at, so that nobody is asked about its configuration file.
    machine.run(&["dpkg", "--install", later])?;
    await_state(machine, "active")?;
    reach.both_there(&letter)?;
    println!("package: removed and installed again, and the mail is there");
    machine.run(&["dpkg", "--purge", "tegami"])?;
    ensure!(machine.root.at("/var/lib/tegami/secrets.key").exists());
    let left = machine.ask(&["systemctl", "list-unit-files", "tegami.service"])?;
    ensure!(left.contains("0 unit files"), "purge left a unit: {left}");
    println!("package: purged while it ran, and the mail is there");
    Ok(())
}

fn await_state(machine: &Machine, wanted: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let state = machine.ask(&["systemctl", "is-active", "tegami"])?;
        if state == wanted {
            return Ok(());
        }
        if begun.elapsed() > RESTART {
            bail!("the unit is {state}, and should be {wanted}");
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// A name and a domain in the file of the package, taken over by a reload, and two accounts.
fn configure(machine: &Machine) -> Result<()> {
    let file = machine.root.at(CONFIGURATION);
    let text = fs::read_to_string(&file)?
        .replace("#hostname = ", "hostname = ")
        .replace("#domains = [\"localhost\"]", "domains = [\"example.test\"]");
    fs::write(&file, text)?;
    machine.run(&["tegami", "check"])?;
    machine.run(&["systemctl", "reload", "tegami"])?;
    fs::write(machine.root.at("/root/password"), format!("{PASSWORD}\n"))?;
    for address in [ALICE, BOB] {
        let add = [
            "tegami",
            "account",
            "add",
            address,
            "--password-file",
            "/root/password",
        ];
        machine.run(&add).context("after a reload")?;
    }
    Ok(())
}

/// The server has one capability and can get no other, its calls are filtered, and nothing was denied to it so far.
fn sandboxed(machine: &Machine) -> Result<String> {
    let process = main_process(machine)?;
    let status = machine.run(&["cat", &format!("/proc/{process}/status")])?;
    let status = super::text(&status);
    let field = |name: &str| {
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}:")));
        value.map(str::trim).with_context(|| name.to_owned())
    };
    for set in ["CapEff", "CapBnd", "CapAmb"] {
        let capabilities = u64::from_str_radix(field(set)?, 16)?;
        ensure!(
            capabilities == CAP_NET_BIND_SERVICE,
            "{set} is {capabilities:x}"
        );
    }
    ensure!(field("Seccomp")? == "2" && field("NoNewPrivs")? == "1");
    let log = machine.ask(&["journalctl", "--no-pager", "--unit", "tegami"])?;
    let denied = |line: &&str| line.contains("ermission denied") || line.contains("not permitted");
    let denied: Vec<_> = log.lines().filter(denied).collect();
    ensure!(denied.is_empty(), "the sandbox is too small: {denied:?}");
    Ok(process)
}

fn main_process(machine: &Machine) -> Result<String> {
    let show = [
        "systemctl",
        "show",
        "--value",
        "--property=MainPID",
        "tegami",
    ];
    machine.ask(&show)
}

/// Kills the server and gives the process that took its place.
fn after_a_crash(machine: &Machine, process: &str) -> Result<String> {
    machine.run(&["systemctl", "kill", "--signal=KILL", "tegami"])?;
    let begun = Instant::now();
    loop {
        let next = main_process(machine)?;
        if next != process && next != "0" {
            await_state(machine, "active")?;
            return Ok(next);
        }
        ensure!(begun.elapsed() < RESTART, "killed, and not started again");
        thread::sleep(Duration::from_millis(200));
    }
}

fn upgrade(machine: &Machine, later: &str, process: &str) -> Result<()> {
    machine.run(&["dpkg", "--force-confold", "--install", later])?;
    await_state(machine, "active")?;
    let version = ["dpkg-query", "--show", "--showformat=${Version}", "tegami"];
    let version = machine.ask(&version)?;
    ensure!(
        version == NEWER,
        "version {version} after an upgrade to {NEWER}"
    );
    ensure!(main_process(machine)? != process, "still the old process");
    let kept = fs::read_to_string(machine.root.at(CONFIGURATION))?;
    ensure!(kept.contains("\ndomains = [\"example.test\"]"));
    let offered = machine.root.at(&format!("{CONFIGURATION}.dpkg-dist"));
    ensure!(fs::read_to_string(offered)?.starts_with(NEW_WORDS));
    Ok(())
}
