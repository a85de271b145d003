//! The Docker Engine that answers, or one of our own, whose data, socket and end are this run's. It knows nothing of what
//! it runs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process;

/// A first start makes its networks and its data directory.
const START: Duration = Duration::from_secs(60);
/// Builds included.
const COMMAND: Duration = Duration::from_secs(180);

/// A running engine. One of our own is ended when dropped.
pub struct Engine {
    daemon: Option<Child>,
    socket: Option<String>,
    /// Whether compose is a plugin of the client (version 2) or a program of its own (version 1).
    plugin: bool,
}

impl Engine {
    /// Takes the engine that answers already; two would quarrel over the machine's networks. Otherwise starts one that
    /// keeps everything in `place`.
    ///
    /// # Errors
    /// When it does not answer; with its last words.
    pub fn start(place: &Path) -> Result<Self> {
        let mut engine = Self {
            daemon: None,
            socket: None,
            plugin: works(Command::new("docker").args(["compose", "version"]))?,
        };
        if engine.answers()? {
            return Ok(engine);
        }
        fs::create_dir_all(place)?;
        let log = place.join("log");
        let socket = format!("unix://{}", place.join("socket").display());
        let daemon = Command::new("dockerd")
            .arg("--data-root")
            .arg(place.join("data"))
            .arg("--exec-root")
            .arg(place.join("exec"))
            .arg("--pidfile")
            .arg(place.join("pid"))
            .args(["--host", &socket])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start dockerd")?;
        engine.daemon = Some(daemon);
        engine.socket = Some(socket);
        engine.await_answer(&log)?;
        Ok(engine)
    }

    fn await_answer(&mut self, log: &Path) -> Result<()> {
        let begun = Instant::now();
        while !self.answers()? {
            let ended = match &mut self.daemon {
                Some(daemon) => daemon.try_wait()?,
                None => None,
            };
            if ended.is_some() || begun.elapsed() > START {
                let said = fs::read_to_string(log)?;
                let lines: Vec<&str> = said.lines().collect();
                bail!(
                    "no Docker Engine can run here (it needs root, cgroups and iptables):\n{}",
                    lines[lines.len().saturating_sub(8)..].join("\n")
                );
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Runs `docker` and insists on success.
    ///
    /// # Errors
    /// When it fails; with its last words.
    pub fn docker(&self, arguments: &[&str]) -> Result<process::Finished> {
        process::succeed(&mut self.command(arguments), COMMAND)
    }

    fn answers(&self) -> Result<bool> {
        works(&mut self.command(&["info"]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        // The classic builder stops at the stage asked for and needs no plugin.
        command.args(arguments).env("DOCKER_BUILDKIT", "0");
        self.on_it(&mut command);
        command
    }

    /// Compose for the project in a directory.
    pub fn compose(&self, project: &Path) -> Command {
        let mut command = if self.plugin {
            let mut docker = Command::new("docker");
            docker.arg("compose");
            docker
        } else {
            Command::new("docker-compose")
        };
        command.current_dir(project);
        self.on_it(&mut command);
        command
    }

    /// What `compose` runs, for people.
    pub fn composer(&self) -> &'static str {
        if self.plugin {
            "docker compose"
        } else {
            "docker-compose"
        }
    }

    fn on_it(&self, command: &mut Command) {
        if let Some(socket) = &self.socket {
            command.env("DOCKER_HOST", socket);
        }
    }

    /// Ends one of our own in good order.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            process::signal(daemon.id(), Signal::TERM);
            process::wait(&mut daemon, START).context("dockerd")?;
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            process::signal(daemon.id(), Signal::TERM);
            let _killed_then = process::wait(&mut daemon, START);
        }
    }
}

fn works(command: &mut Command) -> Result<bool> {
    Ok(process::capture(command, COMMAND)?.status.success())
}
