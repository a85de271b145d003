//! `cargo xtask replies`: writes the catalogue of replies as documentation. What it says comes from `reply`.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

/// Writes `docs/REPLIES.md`, and `docs/PROOF.md` with what proves each of them.
///
/// # Errors
/// When a file cannot be written.
pub fn run() -> Result<()> {
    write("docs/REPLIES.md", &reply::document::markdown())?;
    write("docs/PROOF.md", &reply::evidence::markdown())
}

fn write(name: &str, text: &str) -> Result<()> {
    let path = workspace::root().join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
