//! A minimal Debian system in a directory, the release this machine has. It is made once and copied for each use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// Debootstrap on a slow mirror.
const MAKE: Duration = Duration::from_secs(15 * 60);
const COPY: Duration = Duration::from_secs(120);

/// The directory that is `/` of such a system.
pub struct Root(PathBuf);

impl Root {
    /// A fresh system at `place`.
    ///
    /// # Errors
    /// When it cannot be made; without root it cannot.
    pub fn create(place: PathBuf) -> Result<Self> {
        let base = base()?;
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto"])
            .arg(base)
            .arg(&place);
        process::succeed(&mut copy, COPY)?;
        Ok(Self(place))
    }

    /// Where it is, seen from outside.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// An absolute path inside, seen from outside.
    pub fn at(&self, inside: &str) -> PathBuf {
        self.0.join(inside.trim_start_matches('/'))
    }

    /// Copies a file into `/root` and gives its path inside.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn bring(&self, file: &Path) -> Result<String> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let inside = format!("/root/{name}");
        fs::copy(file, self.at(&inside)).with_context(|| file.display().to_string())?;
        Ok(inside)
    }

    /// A command inside, where nothing else runs, as `user`.
    pub fn command(&self, user: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command
            .arg(format!("--userspec={user}:{user}"))
            .arg(&self.0)
            .args(arguments)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// The system that is copied; what is half made has another name.
fn base() -> Result<PathBuf> {
    let suite = suite()?;
    let base = workspace::target().join(format!("xtask/debian-{suite}"));
    if base.is_dir() {
        return Ok(base);
    }
    println!("package: making a minimal Debian {suite}");
    let unfinished = workspace::fresh("debian-unfinished")?;
    let mut make = Command::new("debootstrap");
    make.args(["--variant=minbase", "--include=systemd-sysv,dbus,adduser"])
        .args([&suite, &unfinished.to_string_lossy().into_owned()]);
    process::succeed(&mut make, MAKE)?;
    fs::rename(&unfinished, &base)?;
    Ok(base)
}

fn suite() -> Result<String> {
    let about = fs::read_to_string("/etc/os-release")?;
    let name = about
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|name| name.trim_matches('"').to_owned())
        .context("/etc/os-release names no Debian release, which the package is built for")
}
