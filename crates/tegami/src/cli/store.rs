//! `tegami store`: the verbs on the mail store as a whole.
//!
//! One file per verb; [`reach`] finds out for all of them whether a server runs.

mod progress;
mod reach;
mod stats;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;

use super::{Listing, load};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what the store holds and what it takes on the disk
    #[command(after_help = "Example: tegami store stats --json")]
    Stats(Listing),

    /// Read everything and say what is wrong; changes nothing, and the server may run meanwhile
    #[command(
        after_help = "Examples:\n  tegami store verify\n  tegami store verify --data-dir /backup/tegami\n\n\
        Exit code 0: everything is in order; 1: something is wrong, or could not be read."
    )]
    Verify {
        /// A copy of a data directory, instead of the one in the configuration
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        #[command(flatten)]
        listing: Listing,
    },
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// What went wrong; for `verify` also that something is wrong with the store.
    pub fn run(self, config: Option<&Path>) -> Result<()> {
        match self {
            Self::Stats(listing) => stats::run(&load(config)?, listing.json),
            Self::Verify { data_dir, listing } => {
                let data_dir = match data_dir {
                    Some(data_dir) => data_dir,
                    None => load(config)?.data_dir,
                };
                verify::run(&data_dir, listing.json)
            }
        }
    }
}
