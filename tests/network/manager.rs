//! A service manager, played by the test: it hands sockets over and listens to what it is told.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;
use crate::server::Server;

/// Far longer than any word takes; only so that a silent server fails the test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The end of sd_notify(3) that systemd holds.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let socket = UnixDatagram::bind(directory.path().join("notify")).expect("a socket");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        Self { socket, directory }
    }

    fn start(&self, watchdog: &str) -> Server {
        let address = self.directory.path().join("notify");
        Server::start_managed(|mut command| {
            command
                .env("NOTIFY_SOCKET", address)
                .env("WATCHDOG_USEC", watchdog);
            command
        })
    }

    /// The next word that is none of the watchdog's.
    fn hear(&self) -> String {
        loop {
            let word = self.hear_any();
            if word != "WATCHDOG=1\n" {
                return word;
            }
        }
    }

    fn hear_any(&self) -> String {
        let mut word = [0; 512];
        let length = self
            .socket
            .recv(&mut word)
            .expect("the server has something to say");
        String::from_utf8_lossy(&word[..length]).into_owned()
    }
}

/// `command`, run by a shell that first does `redirections`.
fn through_shell(command: &Command, redirections: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("LISTEN_PID=$$ exec \"$@\" {redirections}"))
        .arg("sh");
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// A listening socket as descriptor 3 of the server, called `name`.
fn handing_over(socket: &TcpListener, name: &str) -> impl FnOnce(Command) -> Command {
    let (socket, name) = (
        OwnedFd::from(socket.try_clone().expect("a socket can be cloned")),
        name.to_owned(),
    );
    move |command| {
        let mut shell = through_shell(&command, "3<&0 </dev/null");
        shell
            .stdin(Stdio::from(socket))
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", name);
        shell
    }
}

#[test]
fn the_service_manager_hears_ready_reloading_and_stopping() {
    let manager = Manager::new();
    let mut server = manager.start("");
    assert_eq!(manager.hear_any(), "READY=1\n");
    server.reload();
    let reloading = manager.hear_any();
    let since = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .expect("when it began");
    assert!(
        since.trim_end().parse::<u64>().is_ok_and(|since| since > 0),
        "{reloading}"
    );
    assert_eq!(manager.hear_any(), "READY=1\n");
    server.terminate();
    assert_eq!(manager.hear_any(), "STOPPING=1\n");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn the_watchdog_is_told_as_often_as_it_wants() {
    let manager = Manager::new();
    let mut server = manager.start("20000");
    assert_eq!(manager.hear(), "READY=1\n");
    for _ in 0..5 {
        assert_eq!(manager.hear_any(), "WATCHDOG=1\n");
    }
    server.terminate();
    assert_eq!(manager.hear(), "STOPPING=1\n");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_socket_handed_over_serves_whoever_connected_before_the_start() {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = socket.local_addr().expect("a bound socket").port();
    let mut early = Client::plain(port);
    let server = Server::start_managed(handing_over(&socket, "smtp"));
    assert_eq!(server.port("smtp"), port);
    early.expect("220");
    early.command("EHLO other.example", "250");
    let mut other = Client::tls(server.port("pop3s"));
    other.expect("+OK");
}

#[test]
fn a_socket_for_no_listener_is_named_and_ends_the_start() {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let output = Server::fail_managed(handing_over(&socket, "tegami.socket"));
    assert_eq!(output.code, Some(1), "{output:?}");
    for words in ["\"tegami.socket\"", "FileDescriptorName=", "submissions"] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}
