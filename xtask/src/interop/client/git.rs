//! git send-email, which takes patches: it makes a header of its own out of the one it is given.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::route::{Attempt, Security, Sign};
use super::super::{ALICE, BOB, message};
use super::{Client, Keeps, Trial};

pub const CLIENT: Client = Client {
    name: "git send-email",
    trial: Trial::Turns,
    keeps: Keeps::Body,
    strangers: true,
    logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
    send,
    took: Sign::Status(0),
    denied: Sign::Says("5.7.8 User name or password incorrect"),
    doubted: Some(Sign::Says("certificate verify failed")),
};

fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let route = attempt.route;
    let letter = message::Letter::read(file)?;
    let patch = file.with_extension("patch");
    fs::write(&patch, letter.with_lf())?;
    let mut command = Command::new("git");
    command
        // No configuration file of whoever runs this, and no repository.
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .current_dir(&attempt.ground.place)
        .args(["send-email", "--quiet", "--confirm=never", "--no-validate"])
        .args(["--suppress-cc=all", "--transfer-encoding=8bit"])
        .args(["--from", &letter.from, "--to", BOB])
        .args(["--envelope-sender", route.reverse_path()])
        .args(["--smtp-domain", "interop.test"])
        .args(["--smtp-server", "localhost"])
        .args(["--smtp-server-port", &attempt.port()?]);
    let encryption = match route.security {
        Security::Plain => "none",
        Security::Upgrade => "tls",
        Security::Tls => "ssl",
    };
    command.args(["--smtp-encryption", encryption, "--smtp-ssl-cert-path"]);
    command.arg(attempt.trust);
    if let Some(login) = route.login {
        command
            .args(["--smtp-auth", login, "--smtp-user", ALICE])
            .args(["--smtp-pass", attempt.password]);
    }
    command.arg(patch);
    Ok(command)
}
