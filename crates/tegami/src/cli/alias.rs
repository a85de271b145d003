//! `tegami alias`: the verbs on other addresses.

use address::Mailbox;
use admin::{AliasFacts, Request, Response};
use anyhow::Result;
use clap::Subcommand;

use super::access::ask;
use super::account::unexpected;
use super::table::table;
use super::{Listing, print_json};
use crate::config::Config;
use crate::terminal::print;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an alias, or add targets to one
    #[command(
        after_help = "Examples:\n  tegami alias add info@example.test alice@example.test bob@example.org\n  \
        tegami alias add '*@example.test' alice@example.test\n\n\
        The second one gives alice all mail for the domain that there is nobody else for."
    )]
    Add {
        /// What is written to, in one of the configured domains; `*` before the @ is whoever is not there
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Who gets the mail: accounts, aliases and lists here, or addresses elsewhere
        #[arg(required = true, value_name = "TARGET", value_parser = Mailbox::parse_user)]
        targets: Vec<Mailbox>,
    },

    /// List all aliases
    #[command(after_help = "Example: tegami alias list --json")]
    List(Listing),

    /// Remove an alias, or only the targets named
    #[command(after_help = "Examples:\n  tegami alias remove info@example.test\n  \
        tegami alias remove info@example.test bob@example.test")]
    Remove {
        /// What is written to
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Only these targets; the alias goes with its last one
        #[arg(value_name = "TARGET", value_parser = Mailbox::parse_user)]
        targets: Vec<Mailbox>,
    },
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// A refusal, or nobody could be asked.
    pub fn run(self, config: &Config) -> Result<()> {
        match self {
            Self::Add { address, targets } => {
                report(ask(config, &Request::AliasAdd { address, targets })?)
            }
            Self::Remove { address, targets } => {
                report(ask(config, &Request::AliasRemove { address, targets })?)
            }
            Self::List(listing) => list(config, listing),
        }
    }
}

fn report(response: Response) -> Result<()> {
    match response {
        Response::Alias(alias) => print(&says(&alias)),
        Response::Removed {
            address,
            left,
            emptied,
            forwards,
            ..
        } => print(&format!(
            "{} is removed.{}",
            address.unicode(),
            taken_along(&left, &emptied, &forwards)
        )),
        Response::Allowed
        | Response::Account(_)
        | Response::Accounts(_)
        | Response::Aliases(_)
        | Response::List(_)
        | Response::Lists(_)
        | Response::Vacation { .. }
        | Response::Status(_)
        | Response::Held(_)
        | Response::Placed(_)
        | Response::Undeletable(_)
        | Response::Queue(_)
        | Response::Route(_)
        | Response::Compared(_)
        | Response::Letters { .. } => Err(unexpected()),
    }
}

fn list(config: &Config, listing: Listing) -> Result<()> {
    let Response::Aliases(aliases) = ask(config, &Request::AliasList)? else {
        return Err(unexpected());
    };
    if listing.json {
        return print_json(&aliases);
    }
    if aliases.is_empty() {
        return print("There are no aliases; add one with: tegami alias add ADDRESS TARGET");
    }
    let rows = aliases
        .iter()
        .map(|alias| vec![alias.address.unicode(), targets(alias)]);
    print(&table(&["ALIAS", "GOES TO"], &[], rows))
}

fn targets(alias: &AliasFacts) -> String {
    list_of(&alias.targets)
}

/// Where an alias leads, and what of that is elsewhere.
fn says(alias: &AliasFacts) -> String {
    let who = match alias.address.local.as_str() {
        "*" => format!("anybody else at {}", alias.address.host),
        _ => alias.address.unicode(),
    };
    let elsewhere = match alias.elsewhere.as_slice() {
        [] => String::new(),
        [one] => format!(
            " {} is elsewhere: its mail leaves this server.",
            one.unicode()
        ),
        several => {
            let several = list_of(several);
            format!(" {several} are elsewhere: their mail leaves this server.")
        }
    };
    format!("Mail for {who} goes to {}.{elsewhere}", targets(alias))
}

pub(super) fn list_of(addresses: &[Mailbox]) -> String {
    let addresses: Vec<String> = addresses.iter().map(Mailbox::unicode).collect();
    addresses.join(", ")
}

/// What became of the aliases and forwards that led to something removed: sentences with a blank in front, or nothing.
pub(super) fn taken_along(left: &[Mailbox], emptied: &[Mailbox], forwards: &[Mailbox]) -> String {
    let mut sentences = String::new();
    if !left.is_empty() {
        sentences.push_str(&format!(" It was taken out of {}.", list_of(left)));
    }
    match emptied {
        [] => {}
        [one] => {
            let one = one.unicode();
            sentences.push_str(&format!(" {one} led only there and is removed too."));
        }
        several => {
            let several = list_of(several);
            sentences.push_str(&format!(" {several} led only there and are removed too."));
        }
    }
    if !forwards.is_empty() {
        let who = list_of(forwards);
        sentences.push_str(&format!(" Mail for {who} is not sent on there any more."));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_along_with_something_removed_is_said() {
        let mailbox = |local| Mailbox::parse_user(&format!("{local}@example.test")).unwrap();
        let (a, b) = (mailbox("a"), mailbox("b"));
        for (left, emptied, sentences) in [
            (vec![], vec![], ""),
            (
                vec![a.clone(), b.clone()],
                vec![],
                " It was taken out of a@example.test, b@example.test.",
            ),
            (
                vec![a.clone()],
                vec![b.clone()],
                " It was taken out of a@example.test. b@example.test led only there and is removed too.",
            ),
            (
                vec![],
                vec![Mailbox::parse_user("c@xn--bcher-kva.example").unwrap()],
                " c@bücher.example led only there and is removed too.",
            ),
            (
                vec![],
                vec![a, b],
                " a@example.test, b@example.test led only there and are removed too.",
            ),
        ] {
            assert_eq!(taken_along(&left, &emptied, &[]), sentences);
        }
        let forwarded = [mailbox("a")];
        assert_eq!(
            taken_along(&[], &[], &forwarded),
            " Mail for a@example.test is not sent on there any more."
        );
    }

    #[test]
    fn what_is_elsewhere_is_said() {
        let at = |address: &str| Mailbox::parse_user(address).unwrap();
        let (a, b, c) = (at("a@example.test"), at("b@far.test"), at("c@far.test"));
        for (address, elsewhere, expected) in [
            (
                "info@example.test",
                vec![],
                "Mail for info@example.test goes to a@example.test, b@far.test, c@far.test.",
            ),
            (
                "*@example.test",
                vec![b.clone()],
                "Mail for anybody else at example.test goes to a@example.test, b@far.test, c@far.test. \
                 b@far.test is elsewhere: its mail leaves this server.",
            ),
            (
                "info@example.test",
                vec![b.clone(), c.clone()],
                "Mail for info@example.test goes to a@example.test, b@far.test, c@far.test. \
                 b@far.test, c@far.test are elsewhere: their mail leaves this server.",
            ),
        ] {
            let facts = AliasFacts {
                address: at(address),
                targets: vec![a.clone(), b.clone(), c.clone()],
                elsewhere,
            };
            assert_eq!(says(&facts), expected);
        }
    }
}
