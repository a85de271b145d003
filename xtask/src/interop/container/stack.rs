//! The stack of compose.yaml on an engine: up, looked at, reloaded, down.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::engine::Engine;
use super::{LIMIT, USER, text};
use crate::process;

/// The first health check comes after 30 seconds.
const HEALTHY: Duration = Duration::from_secs(120);

/// The listeners of compose.yaml, and where this run publishes them.
const PORTS: [(&str, &str); 5] = [
    ("TEGAMI_PORT_SMTP", "127.0.0.1:23025"),
    ("TEGAMI_PORT_SUBMISSIONS", "127.0.0.1:23465"),
    ("TEGAMI_PORT_SUBMISSION", "127.0.0.1:23587"),
    ("TEGAMI_PORT_POP3", "127.0.0.1:23110"),
    ("TEGAMI_PORT_POP3S", "127.0.0.1:23995"),
];

/// A stack that was brought up.
pub struct Stack<'a> {
    engine: &'a Engine,
    /// The directory of its compose.yaml.
    pub project: PathBuf,
    container: String,
}

impl<'a> Stack<'a> {
    /// Brings it up, without building.
    ///
    /// # Errors
    /// When compose fails.
    pub fn up(engine: &'a Engine, project: PathBuf) -> Result<Self> {
        let mut stack = Self {
            engine,
            project,
            container: String::new(),
        };
        stack.compose(&["up", "--detach", "--no-build"])?;
        stack.container = text(&stack.compose(&["ps", "--quiet", "tegami"])?);
        println!("container: up, by {}", engine.composer());
        Ok(stack)
    }

    /// Runs compose on it.
    ///
    /// # Errors
    /// When it fails; with its last words.
    pub fn compose(&self, arguments: &[&str]) -> Result<process::Finished> {
        let mut command = self.engine.compose(&self.project);
        command.args(arguments).envs(PORTS);
        process::succeed(&mut command, LIMIT)
    }

    /// What the server said so far.
    ///
    /// # Errors
    /// When compose fails.
    pub fn logs(&self) -> Result<String> {
        Ok(text(&self.compose(&["logs", "--no-color"])?))
    }

    /// Ends it, its volume too.
    ///
    /// # Errors
    /// When compose fails.
    pub fn down(&self) -> Result<()> {
        self.compose(&["down", "--volumes"])?;
        Ok(())
    }

    /// A fact about the container, in the engine's own template language.
    ///
    /// # Errors
    /// When the engine does not know it.
    pub fn inspect(&self, format: &str) -> Result<String> {
        let arguments = ["inspect", "--format", format, &self.container];
        Ok(text(&self.engine.docker(&arguments)?))
    }

    /// Waits for the health check of the image.
    ///
    /// # Errors
    /// When it fails, or never succeeds.
    pub fn await_health(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let state = self.inspect("{{.State.Status}} {{.State.Health.Status}}")?;
            if state == "running healthy" {
                return Ok(());
            }
            if state.ends_with("unhealthy") || begun.elapsed() > HEALTHY {
                let log = self.inspect("{{json .State.Health.Log}}")?;
                bail!("the container is {state}: {log}");
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// What runs is what compose.yaml says, with the files of this project and no others.
    ///
    /// # Errors
    /// When something is not.
    pub fn as_declared(&self) -> Result<()> {
        let facts = [
            ("{{.Config.User}}", format!("{USER}:{USER}")),
            ("{{.HostConfig.ReadonlyRootfs}}", "true".to_owned()),
            ("{{.HostConfig.CapDrop}}", "[ALL]".to_owned()),
            (
                "{{.HostConfig.SecurityOpt}}",
                "[no-new-privileges:true]".to_owned(),
            ),
            (
                "{{.HostConfig.RestartPolicy.Name}}",
                "unless-stopped".to_owned(),
            ),
        ];
        for (format, expected) in facts {
            let found = self.inspect(format)?;
            ensure!(found == expected, "{format} is {found:?}, not {expected:?}");
        }
        let format = "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}\n{{end}}";
        let mounts = self.inspect(format)?;
        for (file, inside) in [
            ("config/compose/accounts.toml", "/etc/tegami/accounts.toml"),
            ("secrets/alice", "/run/secrets/alice"),
            ("secrets/bob", "/run/secrets/bob"),
        ] {
            let outside = self.project.join(file);
            let mount = format!("bind {} {inside} false", outside.display());
            ensure!(
                mounts.lines().any(|line| line == mount),
                "no {mount:?} in:\n{mounts}"
            );
        }
        let volume =
            |line: &str| line.starts_with("volume ") && line.contains(" /var/lib/tegami true");
        ensure!(mounts.lines().any(volume), "no volume in:\n{mounts}");
        ensure!(
            mounts.lines().count() == 4,
            "more than that is mounted:\n{mounts}"
        );
        let declared = fs::read_to_string(self.project.join("config/compose/accounts.toml"))?;
        let accounts = declared.matches("[[account]]").count();
        let made = format!("{accounts} made");
        let logs = self.logs()?;
        ensure!(
            logs.contains("declared accounts") && logs.contains(&made),
            "{logs}"
        );
        Ok(())
    }

    /// SIGHUP, as compose.yaml tells its users, and waits until it has been obeyed.
    ///
    /// # Errors
    /// When the server does not reload.
    pub fn reload(&self) -> Result<()> {
        let count = |logs: String| logs.matches(" reloaded").count();
        let before = count(self.logs()?);
        self.compose(&["kill", "-s", "HUP", "tegami"])?;
        let begun = Instant::now();
        while count(self.logs()?) == before {
            ensure!(begun.elapsed() < LIMIT, "SIGHUP, and no reload");
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}
