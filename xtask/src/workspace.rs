//! Where things are: the workspace's root, and working places of the tasks on its disk, below the target directory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the workspace: the directory above this crate's.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// An empty directory for the named task, on the disk the workspace is on: a temporary directory may be memory.
///
/// # Errors
/// When what an earlier run left there cannot be removed, or the directory cannot be made.
pub fn fresh(task: &str) -> Result<PathBuf> {
    let place = target().join("xtask").join(task);
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot clear {}", place.display()))?;
    }
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    Ok(place)
}
