//! Cyrus' test clients, taken out of their Debian packages: installed, these would bring mail servers along. What they need
//! of the system, libsasl2 and its modules above all, is installed.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{process, workspace};

/// Downloads of some megabytes.
const DOWNLOAD: Duration = Duration::from_secs(300);

/// Unpacks the clients and their own libraries into the working directory. The names of the others depend on the release
/// of Debian.
const UNPACK: &str = r#"set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update
needed=$(apt-cache depends cyrus-common cyrus-clients |
    sed -n 's/^ *Depends: \(lib\(icu\|krb5\|pcre\|pq\|sasl2\|sqlite3\|ssl\)[a-z0-9.-]*\)$/\1/p')
apt-get install --yes --no-install-recommends --no-upgrade $needed libsasl2-modules
apt-get download cyrus-common cyrus-clients
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
mkdir clients libraries
cp -P unpacked/usr/lib/cyrus/bin/*test clients
cp -P unpacked/usr/lib/*/libcyrus*.so* libraries
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
