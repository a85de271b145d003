//! The clients that send: how each is told to use a route, and how it tells what became of it.

mod git;
pub mod go;
pub mod msmtp;
pub mod neomutt;
pub mod node;
pub mod perl;
pub mod s_nail;
pub mod smtptest;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::route::{Attempt, Security, Sign};
use super::{ALICE, BOB, message};
use crate::workspace;

/// How much of a program is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Every route, always.
    Full,
    /// Every login once; every route with `--all`.
    Turns,
    /// Nothing without `--all`: what it needs takes long to install.
    All,
}

/// What of a message arrives as the program was given it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// All of it.
    Message,
    /// The body. It is meant for letters that somebody types, and gets such ones only.
    Body,
}

/// A sending program.
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// How much of it is tried.
    pub trial: Trial,
    /// What of a message it leaves alone.
    pub keeps: Keeps,
    /// Whether it can send without a login.
    pub strangers: bool,
    /// The logins it knows.
    pub logins: &'static [&'static str],
    /// The command that sends a file.
    pub send: fn(&Attempt, &Path) -> Result<Command>,
    /// When it says that the message was taken.
    pub took: Sign,
    /// When it says that the login was refused.
    pub denied: Sign,
    /// When it says that the certificate is not to be believed; none if it does not look.
    pub doubted: Option<Sign>,
}

/// The senders.
pub static CLIENTS: [Client; 11] = [
    Client {
        name: "curl",
        trial: Trial::Full,
        keeps: Keeps::Message,
        strangers: true,
        logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
        send: curl,
        took: Sign::Status(0),
        denied: CURL_DENIED,
        doubted: Some(CURL_DOUBTED),
    },
    Client {
        name: "swaks",
        trial: Trial::Full,
        keeps: Keeps::Message,
        strangers: true,
        logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
        send: swaks,
        took: Sign::Status(0),
        // swaks(1): authentication failed.
        denied: Sign::Status(28),
        doubted: Some(Sign::Says("certificate verify failed")),
    },
    Client {
        name: "smtplib",
        trial: Trial::Full,
        keeps: Keeps::Message,
        strangers: true,
        logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
        send: smtplib,
        took: Sign::Status(0),
        denied: PYTHON_DENIED,
        doubted: Some(PYTHON_DOUBTED),
    },
    Client {
        name: "msmtp",
        trial: Trial::Full,
        keeps: Keeps::Message,
        strangers: true,
        logins: &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
        send: msmtp::send,
        took: Sign::Status(0),
        denied: MSMTP_DENIED,
        doubted: Some(MSMTP_DOUBTED),
    },
    Client {
        name: "smtptest",
        trial: Trial::Full,
        keeps: Keeps::Message,
        strangers: false,
        logins: &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
        send: smtptest::send,
        // Its exit status is 0 whatever happens.
        took: Sign::Says("2.0.0 Stored"),
        denied: CYRUS_DENIED,
        doubted: None,
    },
    perl::CLIENT,
    git::CLIENT,
    neomutt::CLIENT,
    s_nail::CLIENT,
    node::CLIENT,
    go::CLIENT,
];

/// curl(1): the server denied the login.
pub const CURL_DENIED: Sign = Sign::Status(67);
/// curl(1): the certificate cannot be believed.
pub const CURL_DOUBTED: Sign = Sign::Status(60);
/// `tests/interop/server.py`.
pub const PYTHON_DENIED: Sign = Sign::Status(77);
/// `tests/interop/server.py`.
pub const PYTHON_DOUBTED: Sign = Sign::Status(76);
/// sysexits.h: permission denied. Those of mpop are the same.
pub const MSMTP_DENIED: Sign = Sign::Status(77);
/// The words of msmtp and mpop.
pub const MSMTP_DOUBTED: Sign = Sign::Says("TLS certificate verification failed");
/// The words of Cyrus' clients.
pub const CYRUS_DENIED: Sign = Sign::Says("Authentication failed.");

fn curl(attempt: &Attempt, file: &Path) -> Result<Command> {
    let route = attempt.route;
    let scheme = if route.security == Security::Tls {
        "smtps"
    } else {
        "smtp"
    };
    let mut command = curl_with(attempt);
    command
        .args([
            "--url",
            &format!("{scheme}://localhost:{}/interop.test", attempt.port()?),
        ])
        .args(["--mail-from", route.reverse_path(), "--mail-rcpt", BOB])
        .arg("--upload-file")
        .arg(file);
    if let Some(login) = route.login {
        command.args(["--user", &format!("{ALICE}:{}", attempt.password)]);
        command.args(["--login-options", &format!("AUTH={login}")]);
    }
    Ok(command)
}

/// curl with what is the same for all protocols.
pub fn curl_with(attempt: &Attempt) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail-early", "--ipv4"])
        .args(["--max-time", "50", "--cacert"])
        .arg(attempt.trust);
    if attempt.route.security == Security::Upgrade {
        command.arg("--ssl-reqd");
    }
    command
}

/// swaks rewrites what it is given (an end that is a dot, the last line end) unless it is told not to; then it wants the
/// message as it goes over the wire.
fn swaks(attempt: &Attempt, file: &Path) -> Result<Command> {
    let route = attempt.route;
    let wire = file.with_extension("wire");
    fs::write(&wire, message::on_the_wire(&fs::read(file)?))?;
    let mut command = Command::new("swaks");
    command
        .args(["--silent", "1", "--helo", "interop.test", "--timeout", "50"])
        .args(["--server", "localhost", "--port", &attempt.port()?])
        .args(["--from", route.reverse_path(), "--to", BOB])
        .args(["--no-data-fixup", "--data"])
        .arg(format!("@{}", wire.display()));
    match route.security {
        Security::Plain => {}
        Security::Upgrade => {
            command.arg("--tls");
        }
        Security::Tls => {
            command.arg("--tls-on-connect");
        }
    }
    if route.security != Security::Plain {
        command
            .args(["--tls-verify", "--tls-ca-path"])
            .arg(attempt.trust);
    }
    if let Some(login) = route.login {
        command
            .args(["--auth", login, "--auth-user", ALICE])
            .args(["--auth-password", attempt.password]);
    }
    Ok(command)
}

fn smtplib(attempt: &Attempt, file: &Path) -> Result<Command> {
    let route = attempt.route;
    let security = match route.security {
        Security::Plain => "plain",
        Security::Upgrade => "starttls",
        Security::Tls => "tls",
    };
    let mut command = script("send.py");
    command
        .arg(attempt.trust)
        .args([&attempt.port()?, security, route.login.unwrap_or("none")])
        .args([ALICE, attempt.password, route.reverse_path(), BOB])
        .arg(file);
    Ok(command)
}

/// A Python script of `tests/interop`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("python3");
    command
        // The scripts share a module; what Python makes of it has no place in the source tree.
        .arg("-B")
        .arg(workspace::root().join("tests/interop").join(name));
    command
}
