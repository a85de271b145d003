//! `tegami store`: the verbs on the mail store as a whole.
//!
//! One file per verb; [`reach`] finds out for all of them whether a server runs.

mod backup;
mod carry;
mod compact;
mod export;
mod import;
mod progress;
mod reach;
mod repair;
mod restore;
mod stats;
mod undelete;
mod verify;

use std::path::{Path, PathBuf};

use admin::Client;
use anyhow::{Result, bail};
use clap::Subcommand;

use super::report::Stuck;
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
        All of it comes in or nothing does. The mailbox is locked meanwhile. Repeated, it leaves out what the mailbox has \
        already with the same id and the same content; mail without ids it cannot recognise, but says how much looks the \
        same.\n\
        A message may be as large as smtp.max_message_size allows, and at most 256 MiB."
    )]
    Import(import::Import),

    /// Show what the store holds and what it takes on the disk
    #[command(after_help = "Example: tegami store stats --json")]
    Stats(Listing),

    /// Read everything and say what is wrong; changes nothing, and the server may run meanwhile
    #[command(
        after_help = "Examples:\n  tegami store verify\n  tegami store verify --data-dir /backup/tegami/backup-20261122T020000Z\n\n\
        Exit code 0: everything is in order; 1: something is wrong, or could not be read."
    )]
    Verify {
        /// A copy of a data directory, instead of the one in the configuration
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        #[command(flatten)]
        listing: Listing,
    },

    /// Give back what removed messages take on the disk, at once instead of bit by bit
    #[command(after_help = "Example: tegami store compact\n\n\
        A running server does this by itself where a third of a file is dead. Messages removed less than \
        mailbox.undelete_window ago are kept, unless the disk is nearly full.")]
    Compact(compact::Arguments),

    /// Bring back messages that mail programs have removed, as new ones
    #[command(
        after_help = "Examples:\n  tegami store undelete alice@example.test --since 2h --dry-run\n  \
        tegami store undelete alice@example.test --since 2026-11-20\n\n\
        Removed messages are kept for mailbox.undelete_window, unless the disk is nearly full."
    )]
    Undelete(undelete::Arguments),

    /// Set damaged records aside and make the rest agree again, while the server is stopped
    #[command(after_help = "Example: sudo -u tegami tegami store repair\n\n\
        What is damaged is kept in the data directory, in quarantine/; every message that is hit is named. \
        A second repair changes nothing.")]
    Repair(Listing),

    /// Make a backup: all that was acknowledged before it began, while the server runs or not
    #[command(
        after_help = "Example: tegami store backup /backup/tegami --keep 14\n\n\
        In it are the mail, the accounts, the keys and the certificate the server made for itself; the configuration, \
        the accounts file and certificates of your own are not.\n\
        Each backup is whole by itself, and shares the files that have not changed with the one before; the segment being \
        written, up to 64 MiB, is copied each time. DIR is best on another disk.\n\
        --keep reads the new backup back before it removes older ones: what a damaged store has lost may be in them alone."
    )]
    Backup(backup::Arguments),

    /// Make the data directory, which must be empty or not there, from a backup
    #[command(
        after_help = "Example: sudo -u tegami tegami store restore /backup/tegami\n\n\
        Stop the server and move the old data directory away first. Mail keeps its unique ids, so that mail programs \
        do not fetch it again."
    )]
    Restore {
        /// A backup, or a directory of backups, of which the newest is taken
        #[arg(value_name = "DIR")]
        from: PathBuf,
    },

    /// Go back to the store as it was before an update changed its format; nothing is removed
    #[command(after_help = "Example: sudo -u tegami tegami store rollback")]
    Rollback,
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
            Self::Backup(arguments) => backup::run(&load(config)?, &arguments),
            Self::Restore { from } => restore::run(&load(config)?, &from),
            Self::Compact(arguments) => compact::run(&load(config)?, &arguments),
            Self::Undelete(arguments) => undelete::run(&load(config)?, &arguments),
            Self::Rollback => restore::roll_back_store(&load(config)?),
            Self::Stats(listing) => stats::run(&load(config)?, listing.json),
            Self::Repair(listing) => repair::run(&load(config)?, listing.json),
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

/// Refuses while a server runs; `why` says what it must not see.
fn check_stopped(data_dir: &Path, why: &str) -> Result<()> {
    if Client::connect(data_dir)?.is_some() {
        bail!(running(why));
    }
    Ok(())
}

fn running(why: &str) -> Stuck {
    Stuck::new(
        format!("the server is running, and {why}"),
        "stop it first: systemctl stop tegami, docker compose stop, or Ctrl-C where it was started",
    )
}
