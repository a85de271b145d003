//! `tegami store`: the verbs on the mail store as a whole.
//!
//! One file per verb; [`reach`] finds out for all of them whether a server runs.

mod progress;
mod reach;

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Verb {
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// What went wrong; for `verify` also that something is wrong with the store.
    pub fn run(self, _config: Option<&Path>) -> Result<()> {
        match self {
        }
    }
}
