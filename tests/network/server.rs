//! The built binary as a child process: started on free ports, asked, killed, started again.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Far longer than a start takes; only so that a hanging server fails the test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server, ended with the value.
pub struct Server {
    home: Home,
    process: Process,
    log: Receiver<Value>,
    ready: Value,
}

/// What is left of a server that does not run.
pub struct Stopped {
    home: Home,
}

struct Home {
    directory: TempDir,
}

/// What a command of the command line did.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Server {
    /// Starts a server with these lines added to the top of its configuration. Mail leaves it only if they have a `[relay]`.
    pub fn start(extra: &str) -> Self {
        Home::create(extra).start(|command| command)
    }

    /// Starts a server by the command that `manage` makes of the plain one.
    pub fn start_managed(manage: impl FnOnce(Command) -> Command) -> Self {
        Home::create("").start(manage)
    }

    /// Starts a server the same way that is expected to give up.
    pub fn fail_managed(manage: impl FnOnce(Command) -> Command) -> Output {
        Home::create("").fail(manage)
    }

    /// SIGHUP.
    pub fn reload(&self) {
        let pid = rustix::process::Pid::from_child(&self.process.0);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("our own child");
    }

    pub fn port(&self, service: &str) -> u16 {
        let address = self.ready[service].as_str().expect("the service listens");
        address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("an address with a port")
    }

    /// A field of the `ready` line; empty if it has none.
    pub fn listed(&self, field: &str) -> String {
        self.ready[field].as_str().unwrap_or_default().to_owned()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.directory.path().join("data")
    }

    pub fn add_account(&self, address: &str, password: &str) {
        let output = self.tegami(
            &["account", "add", address, "--password-file", "-"],
            password,
        );
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    /// Runs the command line with this server's configuration.
    pub fn tegami(&self, arguments: &[&str], input: &str) -> Output {
        self.home.tegami(arguments, input)
    }

    /// SIGTERM.
    pub fn terminate(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("our own child");
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.process.0.wait().expect("our own child").code()
    }

    /// Replaces text in the configuration, for the next start or reload.
    pub fn reconfigure(&self, old: &str, new: &str) {
        let path = self.home.directory.path().join("tegami.toml");
        let config = std::fs::read_to_string(&path).expect("our own file");
        assert!(config.contains(old), "{old} is not in {config}");
        std::fs::write(path, config.replace(old, new)).expect("our own file");
    }

    /// Waits until the log names this event.
    pub fn event(&self, event: &str) {
        let mut seen = Vec::new();
        loop {
            let entry = self.log.recv_timeout(PATIENCE);
            let entry = entry.unwrap_or_else(|_| panic!("no {event} after {seen:?}"));
            if text(&entry) == event {
                return;
            }
            seen.push(entry);
        }
    }

    /// The log's events after the first `event`, once the server has ended.
    pub fn events_after(&self, event: &str) -> Vec<String> {
        let mut all = vec![text(&self.ready)];
        all.extend(self.log.iter().map(|entry| text(&entry)));
        all.into_iter()
            .skip_while(|seen| seen != event)
            .skip(1)
            .collect()
    }

    /// The log's entry for `event`, once it comes.
    pub fn logged(&self, event: &str) -> Value {
        loop {
            let entry = self
                .log
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("{event:?} is not in the log"));
            if text(&entry) == event {
                return entry;
            }
        }
    }

    /// The log's entry for `event`, which comes after so many of `before`.
    pub fn logged_after(&self, before: &str, times: usize, event: &str) -> Value {
        let mut seen = 0;
        loop {
            let entry = self.log.recv_timeout(PATIENCE);
            let entry = entry.unwrap_or_else(|_| panic!("no {event} after {seen} {before}"));
            let said = text(&entry);
            seen += usize::from(said == before);
            if said == event {
                assert_eq!(seen, times, "{before}");
                return entry;
            }
        }
    }

    /// All that is left of the log, as it stands there, once the server has ended.
    pub fn rest_of_the_log(&self) -> String {
        let lines: Vec<String> = self.log.iter().map(|entry| entry.to_string()).collect();
        lines.join("\n")
    }

    /// What other processes of the machine can see of this one: its arguments and its environment.
    pub fn seen_from_outside(&self) -> String {
        let place = format!("/proc/{}", self.process.0.id());
        let read = |name: &str| std::fs::read(format!("{place}/{name}")).expect("our own child");
        let octets = [read("cmdline"), read("environ")].concat();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// SIGTERM, and what is left once the server has ended.
    pub fn stop(mut self) -> Stopped {
        self.terminate();
        assert_eq!(self.exit_code(), Some(0));
        Stopped { home: self.home }
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Stopped {
        self.process.0.kill().expect("our own child");
        self.process.0.wait().expect("our own child");
        Stopped { home: self.home }
    }
}

/// A child that never outlives its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended in some tests; there is nobody to tell either way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Stopped {
    /// A server that was never started, with these lines added to the top of its configuration.
    pub fn before(extra: &str) -> Self {
        Self {
            home: Home::create(extra),
        }
    }

    /// The same by this configuration alone, with a data directory and a log of its own.
    pub fn by(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        let config = format!("data_dir = {data:?}\n{config}\n[log]\nformat = \"json\"\n");
        std::fs::write(directory.path().join("tegami.toml"), config)
            .expect("the configuration is written");
        let home = Home { directory };
        Self { home }
    }

    pub fn add_account(&self, address: &str, password: &str) {
        let output = self.tegami(
            &["account", "add", address, "--password-file", "-"],
            password,
        );
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    /// Starts it in a way that is expected to fail.
    pub fn fail(&self, manage: impl FnOnce(&mut Command)) -> Output {
        self.home.fail(|mut command| {
            manage(&mut command);
            command
        })
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.directory.path().join("data")
    }

    pub fn start_again(self) -> Server {
        self.home.start(|command| command)
    }

    pub fn tegami(&self, arguments: &[&str], input: &str) -> Output {
        self.home.tegami(arguments, input)
    }
}

impl Home {
    fn create(extra: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        // No test sends anything to the world.
        let relay = match extra.contains("[relay]") {
            true => "",
            false => "[relay]\nenabled = false\n",
        };
        // Whoever keeps mail for others lets them fetch it.
        let odmr = match extra.contains("[[relay.hold]]") {
            true => "odmr = [\"127.0.0.1:0\"]\n",
            false => "",
        };
        let config = format!(
            "hostname = \"mail.example.test\"\ndomains = [\"example.test\"]\ndata_dir = {data:?}\n{extra}\n\
             [listen]\nsmtp = [\"127.0.0.1:0\"]\nsubmission = [\"127.0.0.1:0\"]\nsubmissions = [\"127.0.0.1:0\"]\n\
             pop3 = [\"127.0.0.1:0\"]\npop3s = [\"127.0.0.1:0\"]\nweb = []\n{odmr}{relay}[log]\nformat = \"json\"\n"
        );
        std::fs::write(directory.path().join("tegami.toml"), config)
            .expect("the configuration is written");
        Self { directory }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tegami"));
        command
            .arg("--config")
            .arg(self.directory.path().join("tegami.toml"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TEGAMI_"))
        {
            command.env_remove(name);
        }
        command
    }

    fn fail(&self, manage: impl FnOnce(Command) -> Command) -> Output {
        let mut command = self.command();
        command.arg("serve");
        let output = manage(command).output().expect("the binary was built");
        Output::from(output)
    }

    fn start(self, manage: impl FnOnce(Command) -> Command) -> Server {
        let mut command = self.command();
        command.arg("serve");
        let mut command = manage(command);
        command.stderr(Stdio::piped());
        let mut process = Process(command.spawn().expect("the binary was built"));
        let (sender, log) = channel();
        let stderr = BufReader::new(process.0.stderr.take().expect("stderr is piped"));
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(entry).is_err() {
                    break;
                }
            }
        });
        let mut seen = Vec::new();
        loop {
            let entry = log
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no ready line after {seen:?}"));
            if text(&entry) == "ready" {
                return Server {
                    home: self,
                    process,
                    log,
                    ready: entry,
                };
            }
            seen.push(entry);
        }
    }

    fn tegami(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A command that reads no input may be gone already.
        let _ = writeln!(stdin, "{input}");
        drop(stdin);
        Output::from(child.wait_with_output().expect("our own child"))
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn text(entry: &Value) -> String {
    entry["message"]
        .as_str()
        .or(entry.as_str())
        .unwrap_or_default()
        .to_owned()
}
