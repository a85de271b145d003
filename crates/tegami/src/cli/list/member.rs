//! `tegami list member`: who gets the posts of a mailing list.

use address::Mailbox;
use admin::ListRequest;
use anyhow::Result;
use clap::Subcommand;

use super::{ask, report, shown};
use crate::cli::{Listing, print_json};
use crate::config::Config;
use crate::terminal::print;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Put people on a list
    #[command(
        after_help = "Example: tegami list member add staff@example.test bob@example.test carol@example.org"
    )]
    Add {
        /// Where posts go
        #[arg(value_parser = Mailbox::parse_user)]
        list: Mailbox,
        /// Who gets them, here or elsewhere
        #[arg(required = true, value_name = "MEMBER", value_parser = Mailbox::parse_user)]
        members: Vec<Mailbox>,
    },

    /// Take people from a list
    #[command(
        after_help = "Example: tegami list member remove staff@example.test bob@example.test"
    )]
    Remove {
        /// Where posts go
        #[arg(value_parser = Mailbox::parse_user)]
        list: Mailbox,
        /// Who gets them no more
        #[arg(required = true, value_name = "MEMBER", value_parser = Mailbox::parse_user)]
        members: Vec<Mailbox>,
    },

    /// List who is on it, one address a line
    #[command(after_help = "Example: tegami list member list staff@example.test --json")]
    List {
        /// Where posts go
        #[arg(value_parser = Mailbox::parse_user)]
        list: Mailbox,
        #[command(flatten)]
        listing: Listing,
    },
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// A refusal, or nobody could be asked.
    pub fn run(self, config: &Config) -> Result<()> {
        let (address, add, remove) = match self {
            Self::Add { list, members } => (list, members, Vec::new()),
            Self::Remove { list, members } => (list, Vec::new(), members),
            Self::List { list, listing } => return who(config, list, listing),
        };
        report(ask(
            config,
            &ListRequest::Members {
                address,
                add,
                remove,
            }
            .into(),
        )?)
    }
}

fn who(config: &Config, list: Mailbox, listing: Listing) -> Result<()> {
    let mut members = shown(config, list)?.members;
    members.sort_by_key(Mailbox::key);
    if listing.json {
        return print_json(&members);
    }
    if members.is_empty() {
        return print("Nobody is on it; put somebody there with: tegami list member add");
    }
    let members: Vec<String> = members.iter().map(Mailbox::unicode).collect();
    print(&members.join("\n"))
}
