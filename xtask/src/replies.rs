//! `cargo xtask replies`: writes the catalogue of replies as documentation. What it says comes from `reply`.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

/// Writes the documents of the catalogue to `docs`.
///
/// # Errors
/// When a file cannot be written.
pub fn run() -> Result<()> {
    for (name, text) in reply::document::all() {
        write(name, &text)?;
    }
    Ok(())
}

fn write(name: &str, text: &str) -> Result<()> {
    let path = workspace::root().join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
