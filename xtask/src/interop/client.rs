//! The clients that send: how each is told to use a route.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{ALICE, BOB, Ground, PASSWORD, STRANGER, message};
use crate::workspace;

/// How a connection is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// STARTTLS or STLS.
    Upgrade,
    /// TLS from the first octet.
    Tls,
}

/// A way into the server.
pub struct Route {
    /// The listener's name.
    pub listener: &'static str,
    /// How the connection is protected.
    pub security: Security,
    /// The SASL mechanism of the login, where there is one.
    pub mechanism: Option<&'static str>,
}

/// Every way in that must work.
pub const ROUTES: [Route; 6] = [
    route("smtp", Security::Plain, None),
    route("smtp", Security::Upgrade, None),
    route("submission", Security::Upgrade, Some("PLAIN")),
    route("submission", Security::Upgrade, Some("LOGIN")),
    route("submissions", Security::Tls, Some("PLAIN")),
    route("submissions", Security::Tls, Some("LOGIN")),
];

const fn route(
    listener: &'static str,
    security: Security,
    mechanism: Option<&'static str>,
) -> Route {
    Route {
        listener,
        security,
        mechanism,
    }
}

impl Route {
    /// A short name for messages.
    pub fn name(&self) -> String {
        let security = match self.security {
            Security::Plain => "plain",
            Security::Upgrade => "starttls",
            Security::Tls => "tls",
        };
        format!(
            "{}-{security}-{}",
            self.listener,
            self.mechanism.unwrap_or("none")
        )
    }

    /// With a login one sends as oneself, without as a stranger.
    fn reverse_path(&self) -> &'static str {
        if self.mechanism.is_some() {
            ALICE
        } else {
            STRANGER
        }
    }
}

/// A sending program.
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// The command that sends a file by a route.
    pub send: fn(&Ground, &Route, &Path) -> Result<Command>,
}

/// The senders.
pub const CLIENTS: [Client; 3] = [
    Client {
        name: "curl",
        send: curl,
    },
    Client {
        name: "swaks",
        send: swaks,
    },
    Client {
        name: "smtplib",
        send: smtplib,
    },
];

fn curl(ground: &Ground, route: &Route, file: &Path) -> Result<Command> {
    let scheme = if route.security == Security::Tls {
        "smtps"
    } else {
        "smtp"
    };
    let address = ground.server.address(route.listener)?;
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--insecure", "--max-time", "50"])
        .args(["--url", &format!("{scheme}://{address}/interop.test")])
        .args([
            "--mail-from",
            route.reverse_path(),
            "--mail-rcpt",
            BOB,
            "--upload-file",
        ])
        .arg(file);
    if route.security == Security::Upgrade {
        command.arg("--ssl-reqd");
    }
    if let Some(mechanism) = route.mechanism {
        command.args(["--user", &format!("{ALICE}:{PASSWORD}")]);
        command.args(["--login-options", &format!("AUTH={mechanism}")]);
    }
    Ok(command)
}

/// swaks rewrites what it is given (an end that is a dot, the last line end) unless it is told not to; then it wants the
/// message as it goes over the wire.
fn swaks(ground: &Ground, route: &Route, file: &Path) -> Result<Command> {
    let address = ground.server.address(route.listener)?;
    let wire = file.with_extension("wire");
    fs::write(&wire, message::on_the_wire(&fs::read(file)?))?;
    let mut command = Command::new("swaks");
    command
        .args(["--silent", "1", "--helo", "interop.test", "--timeout", "50"])
        .args([
            "--server",
            &address.ip().to_string(),
            "--port",
            &address.port().to_string(),
        ])
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
    if let Some(mechanism) = route.mechanism {
        command.args([
            "--auth",
            mechanism,
            "--auth-user",
            ALICE,
            "--auth-password",
            PASSWORD,
        ]);
    }
    Ok(command)
}

fn smtplib(ground: &Ground, route: &Route, file: &Path) -> Result<Command> {
    let address = ground.server.address(route.listener)?;
    let security = match route.security {
        Security::Plain => "plain",
        Security::Upgrade => "starttls",
        Security::Tls => "tls",
    };
    let mut command = script("send.py");
    command
        .args([&address.ip().to_string(), &address.port().to_string()])
        .args([security, route.mechanism.unwrap_or("none"), ALICE, PASSWORD])
        .args([route.reverse_path(), BOB])
        .arg(file);
    Ok(command)
}

/// A Python script of `tests/interop`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(workspace::root().join("tests/interop").join(name));
    command
}
