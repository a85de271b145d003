//! The built server the tasks try: the one named, or a fresh release build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// A release build on two cores, with air.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// `named` where it is given, else `target/release/tegami`, built now.
///
/// # Errors
/// When the named file is not there, or the build fails.
pub fn release(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        if !named.is_file() {
            bail!("no server binary at {}", named.display());
        }
        return Ok(named.canonicalize()?);
    }
    let mut build = Command::new("cargo");
    build
        .args(["build", "--release", "--package", "tegami"])
        .current_dir(workspace::root());
    if !process::follow(&mut build, BUILD)? {
        bail!("the release build failed");
    }
    Ok(workspace::target().join("release/tegami"))
}
