//! A Debian system that systemd has booted, in namespaces of its own: processes, mounts and network.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::LIMIT;
use super::root::Root;
use super::text;
use crate::process;

const BOOT: Duration = Duration::from_secs(60);

/// A running system; it is powered off when dropped.
pub struct Machine {
    container: Child,
    /// Its first process, as the outside numbers it.
    init: u32,
    /// What it runs on.
    pub root: Root,
}

impl Machine {
    /// Boots it. Only the loopback interface is there.
    ///
    /// # Errors
    /// When it cannot be booted here.
    pub fn boot(root: Root) -> Result<Self> {
        let container = Command::new("systemd-nspawn")
            .args(["--quiet", "--boot", "--private-network", "--console=pipe"])
            // Neither a machine manager nor a service manager is needed outside.
            .args(["--register=no", "--keep-unit"])
            .arg("--directory")
            .arg(root.path())
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start systemd-nspawn")?;
        let mut machine = Self {
            container,
            init: 0,
            root,
        };
        let begun = Instant::now();
        while !machine.is_up()? {
            if machine.container.try_wait()?.is_some() || begun.elapsed() > BOOT {
                bail!("systemd does not boot in systemd-nspawn");
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(machine)
    }

    fn is_up(&mut self) -> Result<bool> {
        let container = self.container.id();
        let children = format!("/proc/{container}/task/{container}/children");
        let children = fs::read_to_string(children).unwrap_or_default();
        let Some(child) = children.split_whitespace().next() else {
            return Ok(false);
        };
        // Until it is init, the child is another systemd-nspawn.
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        if name.trim() != "systemd" {
            return Ok(false);
        }
        self.init = child.parse().context("a process")?;
        let state = process::capture(
            &mut self.command(&["systemctl", "is-system-running"]),
            LIMIT,
        )?;
        Ok(text(&state) == "running")
    }

    /// A command inside, as root.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.enter(&["--mount", "--pid", "--uts", "--ipc", "--cgroup"]);
        command
            .args(arguments)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// A program of the outside on its network.
    pub fn on_its_network(&self, program: &str) -> Command {
        let mut command = self.enter(&[]);
        command.arg(program);
        command
    }

    fn enter(&self, namespaces: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.init.to_string(), "--net"])
            .args(namespaces)
            .arg("--");
        command
    }

    /// Runs a command inside and insists on success.
    ///
    /// # Errors
    /// When it fails; with its last words.
    pub fn run(&self, arguments: &[&str]) -> Result<process::Finished> {
        process::succeed(&mut self.command(arguments), LIMIT)
    }

    /// What a command inside prints, whether it succeeds or not.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ask(&self, arguments: &[&str]) -> Result<String> {
        Ok(text(&process::capture(
            &mut self.command(arguments),
            LIMIT,
        )?))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.init != 0 {
            let _what_is_left_is_killed = self.ask(&["systemctl", "poweroff"]);
        }
        let _killed_then = process::wait(&mut self.container, BOOT);
    }
}
