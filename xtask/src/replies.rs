//! `cargo xtask replies`: writes the catalogue of replies as documentation. What it says comes from `reply`.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

/// Writes `docs/REPLIES.md`.
///
/// # Errors
/// When the file cannot be written.
pub fn run() -> Result<()> {
    let path = workspace::root().join("docs/REPLIES.md");
    fs::write(&path, reply::document::markdown())
        .with_context(|| format!("cannot write {}", path.display()))
}
