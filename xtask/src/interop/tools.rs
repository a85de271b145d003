//! The clients that are tried: installing from Debian what is missing.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::client::{go, node};
use super::cyrus;
use crate::process;

/// A package manager that waits for a slow mirror.
const INSTALL: Duration = Duration::from_secs(300);

/// What must answer, and the packages that bring it.
const TOOLS: [(&str, &[&str]); 15] = [
    ("curl --version", &["curl", "ca-certificates"]),
    ("swaks --version", &["swaks"]),
    // Without it swaks cannot do TLS; it is only recommended by the package.
    ("perl -MNet::SSLeay -e 1", &["libnet-ssleay-perl"]),
    ("python3 -c 'import smtplib, poplib, ssl'", &["python3"]),
    ("fetchmail --version", &["fetchmail"]),
    ("mpop --version", &["mpop"]),
    ("msmtp --version", &["msmtp"]),
    ("gsasl --version", &["gsasl"]),
    (
        "ls /usr/lib/*/sasl2/libscram.so*",
        &["libsasl2-2", "libsasl2-modules"],
    ),
    (
        "perl -MNet::SMTP -MNet::POP3 -MIO::Socket::SSL -MAuthen::SASL -MDigest::HMAC_MD5 -e 1",
        &[
            "libio-socket-ssl-perl",
            "libauthen-sasl-perl",
            "libdigest-hmac-perl",
        ],
    ),
    // It answers with a manual page, which need not be there.
    (
        "test -x \"$(git --exec-path)/git-send-email\"",
        &["git", "git-email"],
    ),
    ("neomutt -v", &["neomutt"]),
    ("script --version", &["bsdutils"]),
    ("s-nail --version", &["s-nail"]),
    ("getmail --version", &["getmail6"]),
];

/// Clients for whose sake much must be installed.
const LANGUAGES: [(&str, &[&str]); 3] = [
    ("go version", &["golang-go"]),
    ("node --version", &["nodejs"]),
    // Where Node is not Debian's, it has its own npm.
    ("npm --version", &["npm"]),
];

/// What the container needs besides.
const ENGINE: [(&str, &[&str]); 3] = [
    ("dockerd --version", &["docker.io"]),
    ("iptables --version", &["iptables"]),
    (
        "docker compose version || docker-compose version",
        &["docker-compose"],
    ),
];

/// What the package needs besides.
const SYSTEMS: [(&str, &[&str]); 3] = [
    ("debootstrap --version", &["debootstrap"]),
    ("systemd-nspawn --version", &["systemd-container"]),
    ("nsenter --version", &["util-linux"]),
];

/// What looks at a server from outside.
const SCANNERS: [(&str, &[&str]); 3] = [
    ("nmap --version", &["nmap"]),
    // It draws on hexdump, and asks when there is no host(1) or the like.
    (
        "testssl --version",
        &["testssl.sh", "bsdextrautils", "bind9-host"],
    ),
    ("openssl version", &["openssl"]),
];

/// Postal and rabid; without arguments they explain themselves, with a status that says so.
const POSTAL: [(&str, &[&str]); 1] = [("command -v postal rabid", &["postal"])];

/// A desktop without a screen, and a hand for it.
const DESKTOP: [(&str, &[&str]); 4] = [
    ("claws-mail --version", &["claws-mail"]),
    ("command -v Xvfb", &["xvfb"]),
    ("command -v xdotool", &["xdotool"]),
    ("import -version", &["imagemagick"]),
];

/// Installs what is missing of the scanners.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn install_scanners() -> Result<()> {
    provide(&SCANNERS)
}

/// Installs Postal where it is missing.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn install_postal() -> Result<()> {
    provide(&POSTAL)
}

/// Installs what is missing of the desktop.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn install_desktop() -> Result<()> {
    provide(&DESKTOP)
}

/// Installs what is missing to make and boot Debian systems.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn install_systems() -> Result<()> {
    provide(&SYSTEMS)
}

/// Installs what is missing of a Docker Engine.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn install_engine() -> Result<()> {
    provide(&ENGINE)
}

/// Installs what is missing of the clients; with `all` also of those that take long.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn install(all: bool) -> Result<()> {
    provide(&TOOLS)?;
    cyrus::install()?;
    if all {
        provide(&LANGUAGES)?;
        go::build()?;
        node::install()?;
    }
    Ok(())
}

fn provide(tools: &[(&str, &[&str])]) -> Result<()> {
    let mut packages = Vec::new();
    for (probe, names) in tools {
        if !works(probe)? {
            packages.extend(*names);
        }
    }
    if packages.is_empty() {
        return Ok(());
    }
    println!("installing {}", packages.join(" "));
    let hint = || format!("{} is needed: install it by hand", packages.join(", "));
    apt(&["update"]).with_context(hint)?;
    apt(&["install", "--yes", "--no-install-recommends"]
        .iter()
        .chain(&packages)
        .copied()
        .collect::<Vec<_>>())
    .with_context(hint)?;
    for (probe, _) in tools {
        if !works(probe)? {
            bail!(
                "`{probe}` still does not work after installing {}",
                packages.join(", ")
            );
        }
    }
    Ok(())
}

fn works(probe: &str) -> Result<bool> {
    let finished = process::capture(Command::new("sh").args(["-c", probe]), INSTALL)?;
    Ok(finished.status.success())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    process::succeed(&mut command, INSTALL)?;
    Ok(())
}
