//! Cyrus' test clients, taken out of their Debian packages: installed, these would bring a mail server of their own along.
//! libsasl2 and its modules are the system's.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{process, workspace};

/// Downloads of two megabytes.
const DOWNLOAD: Duration = Duration::from_secs(300);

/// Unpacks the clients and the libraries they need into the working directory. Which libpcre it is depends on the
/// release of Debian.
const UNPACK: &str = r#"set -e
apt-get update
pcre=$(apt-cache depends cyrus-common | sed -n 's/^ *Depends: \(libpcre[a-z0-9.-]*\)$/\1/p')
apt-get download cyrus-clients cyrus-common $pcre
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
mkdir clients libraries
cp -P unpacked/usr/lib/cyrus/bin/*test clients
find unpacked -name 'lib*.so*' -exec cp -P {} libraries ';'
rm -r unpacked ./*.deb
"#;

/// Unpacks the clients where they are missing.
///
/// # Errors
/// When they cannot be had, or do not run.
pub fn install() -> Result<()> {
    if works()? {
        return Ok(());
    }
    println!("unpacking cyrus-clients");
    let place = workspace::fresh("cyrus")?;
    let mut unpack = Command::new("sh");
    unpack.args(["-c", UNPACK]).current_dir(place);
    process::succeed(&mut unpack, DOWNLOAD)
        .context("Cyrus' clients are needed, from the packages cyrus-clients and cyrus-common")?;
    ensure!(
        works()?,
        "smtptest does not run, although it was unpacked: is one of its libraries missing?"
    );
    Ok(())
}

/// The named client.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(place().join("clients").join(name));
    command.env("LD_LIBRARY_PATH", place().join("libraries"));
    command
}

fn place() -> PathBuf {
    workspace::target().join("xtask/cyrus")
}

fn works() -> Result<bool> {
    if !place().join("clients/smtptest").exists() {
        return Ok(false);
    }
    let mut help = command("smtptest");
    let finished = process::capture(help.arg("-?"), DOWNLOAD)?;
    Ok(finished.stderr.contains("Usage") || finished.stdout.starts_with(b"Usage"))
}
