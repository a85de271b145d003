//! `tegami store`: the verbs on the mail store as a whole.
//!
//! One file per verb; [`reach`] finds out for all of them whether a server runs.

mod carry;
mod export;
mod import;
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
    /// Write a mailbox to an mbox file or a Maildir
    #[command(
        after_help = "Examples:\n  tegami store export alice@example.test alice.mbox\n  \
        tegami store export alice@example.test alice --format maildir"
    )]
    Export(export::Export),

    /// Take in mail from another server: an mbox file, a Maildir, or .eml files
    #[command(
        after_help = "Examples:\n  tegami store import alice@example.test /home/alice/Maildir --dry-run\n  \
        tegami store import alice@example.test /var/mail/alice --uidls alice.ids\n\n\
        All of it comes in or nothing does. The mailbox is locked meanwhile."
    )]
    Import(import::Import),

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
            Self::Export(export) => export.run(&load(config)?),
            Self::Import(import) => import.run(&load(config)?),
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
