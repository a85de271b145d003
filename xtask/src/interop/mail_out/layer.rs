//! Debian packages, unpacked and set up beside this system and not in it: an overlay above `/` in which apt-get installs
//! them, kept below the target directory. So mail servers that exclude each other are there side by side, and this
//! machine has none of them: no user, no file, no service more than before.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// A package manager that waits for a slow mirror.
const INSTALL: Duration = Duration::from_secs(300);

/// Runs in mounts of its own: `$0` is the layer's directory, the words behind it are packages. Nothing may be started
/// by their installation (policy-rc.d).
const MAKE: &str = "
mount -t overlay overlay -o lowerdir=/,upperdir=$0/upper,workdir=$0/work $0/root
mount -t proc proc $0/root/proc
mount --rbind /dev $0/root/dev
printf '#!/bin/sh\\nexit 101\\n' > $0/root/usr/sbin/policy-rc.d
chmod 755 $0/root/usr/sbin/policy-rc.d
chroot $0/root apt-get update
chroot $0/root apt-get install --yes --no-install-recommends \"$@\"
chroot $0/root apt-get clean
";

/// Packages that are used together.
pub struct Layer {
    name: &'static str,
    packages: &'static [&'static str],
}

/// Postfix, and what its smtpd needs to look up passwords.
pub const POSTFIX: Layer = Layer {
    name: "postfix",
    packages: &["postfix", "sasl2-bin", "libsasl2-modules"],
};
/// Exim with everything.
pub const EXIM: Layer = Layer {
    name: "exim",
    packages: &["exim4-daemon-heavy"],
};
/// OpenSMTPD.
pub const OPENSMTPD: Layer = Layer {
    name: "opensmtpd",
    packages: &["opensmtpd"],
};
/// An authority for names that signs its zones, and a resolver that looks at the signatures.
pub const NAMES: Layer = Layer {
    name: "names",
    packages: &["knot", "unbound"],
};

impl Layer {
    /// Where what the packages brought is.
    pub fn path(&self) -> PathBuf {
        self.directory().join("upper")
    }

    fn directory(&self) -> PathBuf {
        workspace::target().join("xtask/layers").join(self.name)
    }

    /// Installs the packages where that was not done before.
    ///
    /// # Errors
    /// When they cannot be had; without root, too.
    pub fn prepare(&self) -> Result<()> {
        let directory = self.directory();
        let wanted = self.packages.join(" ");
        if fs::read_to_string(directory.join("packages")).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        println!("mail-out: installing {wanted} beside this system");
        let unfinished = workspace::fresh("layer")?;
        for part in ["upper", "work", "root"] {
            fs::create_dir(unfinished.join(part))?;
        }
        let mut make = Command::new("unshare");
        make.args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-e", "-c", MAKE])
            .arg(&unfinished)
            .args(self.packages)
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::succeed(&mut make, INSTALL)
            .with_context(|| format!("{wanted}: they could not be installed"))?;
        fs::write(unfinished.join("packages"), wanted)?;
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        let parent = directory.parent().context("a layer without a place")?;
        fs::create_dir_all(parent)?;
        fs::rename(&unfinished, &directory)?;
        Ok(())
    }
}
