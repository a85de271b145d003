//! `tegami list`: the verbs on mailing lists.

mod member;

use address::Mailbox;
use admin::{ListFacts, ListRequest, NewList, Response};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use delivery::list::{Expansion, Joining, Posting, ReplyTo, Settings, UrlBase};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::access::ask;
use super::account::{nothing_leaves, unexpected};
use super::alias::{list_of, taken_along};
use super::report::Stuck;
use super::table::{counted, pairs, table};
use super::{Listing, print_json};
use crate::config::Config;
use crate::terminal::print;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a mailing list
    #[command(
        after_help = "Examples:\n  tegami list add staff@example.test --owner alice@example.test --member bob@example.test\n  \
        tegami list add news@example.test --owner alice@example.test --posting moderated --joining open\n\n\
        Its other addresses come with it: staff-request, staff-bounces and staff-owner."
    )]
    Add {
        /// Where posts go, in one of the configured domains
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Who looks after it and hears of bounces; may be given several times
        #[arg(long = "owner", required = true, value_name = "ADDRESS", value_parser = Mailbox::parse_user)]
        owners: Vec<Mailbox>,
        /// Who gets the posts, here or elsewhere; may be given several times
        #[arg(long = "member", value_name = "ADDRESS", value_parser = Mailbox::parse_user)]
        members: Vec<Mailbox>,
        #[command(flatten)]
        options: Options,
    },

    /// List all mailing lists
    #[command(after_help = "Example: tegami list list --json")]
    List(Listing),

    /// Show one mailing list
    #[command(after_help = "Example: tegami list show staff@example.test")]
    Show {
        /// Where posts go
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        #[command(flatten)]
        listing: Listing,
    },

    /// Change a mailing list; what is not named stays
    #[command(
        after_help = "Examples:\n  tegami list set staff@example.test --posting anyone --subject-tag staff\n  \
        tegami list set staff@example.test --owner alice@example.test --owner bob@example.test"
    )]
    Set {
        /// Where posts go
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Who looks after it, all of them; may be given several times
        #[arg(long = "owner", value_name = "ADDRESS", value_parser = Mailbox::parse_user)]
        owners: Vec<Mailbox>,
        /// Leave moderating to the owners
        #[arg(long, conflicts_with = "moderators")]
        no_moderators: bool,
        #[command(flatten)]
        options: Options,
    },

    /// Remove a mailing list; its members keep what they have got
    #[command(after_help = "Example: tegami list remove staff@example.test")]
    Remove {
        /// Where posts go
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
    },

    /// Say who gets the posts
    #[command(after_help = "Example: tegami list member add staff@example.test bob@example.test")]
    Member {
        #[command(subcommand)]
        verb: member::Verb,
    },
}

/// What there is to say of a list.
#[derive(Debug, Default, Args)]
pub struct Options {
    /// A short name, such as Staff
    #[arg(long)]
    name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who decides about posts to a moderated list, all of them; may be given several times
    #[arg(long = "moderator", value_name = "ADDRESS", value_parser = Mailbox::parse_user)]
    moderators: Vec<Mailbox>,
    /// Who may post: `anyone`, `members`, `authenticated` (whoever logs in here) or `moderated`
    #[arg(long, value_name = "WHO", value_parser = word::<Posting>)]
    posting: Option<Posting>,
    /// Who is told the members (EXPN): `nobody`, `members`, `authenticated` or `anyone`
    #[arg(long, value_name = "WHO", value_parser = word::<Expansion>)]
    expansion: Option<Expansion>,
    /// Whether people can join by mail: `closed` or `open`
    #[arg(long, value_name = "HOW", value_parser = word::<Joining>)]
    joining: Option<Joining>,
    /// Where replies go: `sender` or `list` (which breaks signatures)
    #[arg(long, value_name = "WHERE", value_parser = word::<ReplyTo>)]
    reply_to: Option<ReplyTo>,
    /// What stands in brackets in front of subjects (which breaks signatures); "" takes it away
    #[arg(long, value_name = "TAG")]
    subject_tag: Option<String>,
}

impl Options {
    fn with_owners(self, owners: Vec<Mailbox>) -> NewList {
        let some = |people: Vec<Mailbox>| (!people.is_empty()).then_some(people);
        NewList {
            name: self.name,
            description: self.description,
            owners: some(owners),
            moderators: some(self.moderators),
            posting: self.posting,
            expansion: self.expansion,
            joining: self.joining,
            reply_to: self.reply_to,
            subject_tag: self.subject_tag,
        }
    }
}

/// One of the words that lists are written down with.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = serde_json::Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// The word for it.
fn said(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// A refusal, or nobody could be asked.
    pub fn run(self, config: &Config) -> Result<()> {
        match self {
            Self::Add {
                address,
                owners,
                members,
                options,
            } => {
                let settings = Box::new(new(address, owners, members, options));
                let response = ask(config, &ListRequest::Add { settings }.into())?;
                nothing_leaves(config, "posts are refused (550)");
                report(response)
            }
            Self::List(listing) => list(config, listing),
            Self::Show { address, listing } => {
                let settings = shown(config, address)?;
                if listing.json {
                    print_json(&settings)
                } else {
                    print(&describe(&settings, config.web.url.as_ref()))
                }
            }
            Self::Set {
                address,
                owners,
                no_moderators,
                options,
            } => {
                let mut changes = options.with_owners(owners);
                if no_moderators {
                    changes.moderators = Some(Vec::new());
                }
                if changes == NewList::default() {
                    bail!(Stuck::new(
                        "nothing to set",
                        "name something; `tegami list set --help` tells what there is"
                    ));
                }
                report(ask(config, &ListRequest::Set { address, changes }.into())?)
            }
            Self::Remove { address } => remove(config, address),
            Self::Member { verb } => verb.run(config),
        }
    }
}

fn new(
    address: Mailbox,
    owners: Vec<Mailbox>,
    members: Vec<Mailbox>,
    options: Options,
) -> Settings {
    Settings {
        address,
        name: options.name.unwrap_or_default(),
        description: options.description.unwrap_or_default(),
        owners,
        members,
        moderators: options.moderators,
        posting: options.posting.unwrap_or_default(),
        expansion: options.expansion.unwrap_or_default(),
        joining: options.joining.unwrap_or_default(),
        reply_to: options.reply_to.unwrap_or_default(),
        subject_tag: options.subject_tag.filter(|tag| !tag.is_empty()),
    }
}

fn report(response: Response) -> Result<()> {
    let settings = settings(response)?;
    print(&format!(
        "{} is a list of {}; {}.",
        settings.address.unicode(),
        counted(settings.members.len() as u64, "member"),
        may_post(settings.posting)
    ))
}

fn may_post(posting: Posting) -> &'static str {
    match posting {
        Posting::Anyone => "everybody may post",
        Posting::Members => "its members may post",
        Posting::Authenticated => "whoever logs in here may post",
        Posting::Moderated => "posts wait for a moderator",
    }
}

fn list(config: &Config, listing: Listing) -> Result<()> {
    let Response::Lists(lists) = ask(config, &ListRequest::List.into())? else {
        return Err(unexpected());
    };
    if listing.json {
        return print_json(&lists);
    }
    if lists.is_empty() {
        return print(
            "There are no mailing lists; make one with: tegami list add ADDRESS --owner ADDRESS",
        );
    }
    let headings = ["LIST", "NAME", "MEMBERS", "POSTING", "JOINING", "OWNERS"];
    print(&table(&headings, &["MEMBERS"], lists.iter().map(row)))
}

fn row(list: &ListFacts) -> Vec<String> {
    vec![
        list.address.unicode(),
        list.name.clone(),
        list.members.to_string(),
        said(list.posting),
        said(list.joining),
        list_of(&list.owners),
    ]
}

fn remove(config: &Config, address: Mailbox) -> Result<()> {
    let Response::Removed {
        address,
        left,
        emptied,
        forwards,
        ..
    } = ask(config, &ListRequest::Remove { address }.into())?
    else {
        return Err(unexpected());
    };
    let along = taken_along(&left, &emptied, &forwards);
    print(&format!("{} is removed.{along}", address.unicode()))
}

fn shown(config: &Config, address: Mailbox) -> Result<Settings> {
    settings(ask(config, &ListRequest::Show { address }.into())?)
}

fn settings(response: Response) -> Result<Settings> {
    let Response::List(settings) = response else {
        return Err(unexpected());
    };
    Ok(*settings)
}

/// `url` is the one that addresses to click begin with.
fn describe(settings: &Settings, url: Option<&UrlBase>) -> String {
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let moderators = match settings.moderators.as_slice() {
        [] => "the owners".to_owned(),
        some => list_of(some),
    };
    let beside = |what: &str| {
        let address = &settings.address;
        let host = address.unicode();
        let host = host.rsplit_once('@').map_or("", |(_, host)| host);
        format!("{}-{what}@{host}", address.local)
    };
    let tag = settings.subject_tag.clone().unwrap_or_default();
    let one_click = match url {
        Some(url) => format!("members leave with one click, by way of {url}"),
        None => {
            "not offered: members leave by mail; for one click set `url` under [web]".to_owned()
        }
    };
    pairs([
        ("Address", settings.address.unicode()),
        ("Name", or_dash(settings.name.clone())),
        ("Description", or_dash(settings.description.clone())),
        ("Owners", list_of(&settings.owners)),
        ("Moderators", moderators),
        ("Posting", said(settings.posting)),
        ("Expansion", said(settings.expansion)),
        ("Joining", said(settings.joining)),
        ("Replies to", said(settings.reply_to)),
        ("Subject tag", or_dash(tag)),
        ("Members", settings.members.len().to_string()),
        ("Joining by", beside("request")),
        ("One click", one_click),
        ("Bounces to", beside("bounces")),
        ("Owners at", beside("owner")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str) -> Mailbox {
        Mailbox::parse_user(&format!("{local}@example.test")).unwrap()
    }

    #[test]
    fn words_are_those_that_lists_are_written_down_with() {
        assert_eq!(word::<Posting>("moderated"), Ok(Posting::Moderated));
        assert_eq!(word::<Expansion>("anyone"), Ok(Expansion::Anyone));
        assert_eq!(word::<Joining>("open"), Ok(Joining::Open));
        assert_eq!(word::<ReplyTo>("list"), Ok(ReplyTo::List));
        let error = word::<Posting>("everybody").unwrap_err();
        assert!(error.contains("`anyone`, `members`"), "{error}");
        assert_eq!(said(ReplyTo::Sender), "sender");
    }

    #[test]
    fn a_list_is_described_with_all_of_its_addresses() {
        let options = Options {
            posting: Some(Posting::Anyone),
            subject_tag: Some(String::new()),
            ..Options::default()
        };
        let list = new(at("staff"), vec![at("a"), at("b")], vec![at("c")], options);
        assert_eq!(
            describe(&list, None),
            "Address      staff@example.test\n\
             Name         -\n\
             Description  -\n\
             Owners       a@example.test, b@example.test\n\
             Moderators   the owners\n\
             Posting      anyone\n\
             Expansion    nobody\n\
             Joining      closed\n\
             Replies to   sender\n\
             Subject tag  -\n\
             Members      1\n\
             Joining by   staff-request@example.test\n\
             One click    not offered: members leave by mail; for one click set `url` under [web]\n\
             Bounces to   staff-bounces@example.test\n\
             Owners at    staff-owner@example.test"
        );
        let url = UrlBase::parse("https://lists.example.test").unwrap();
        let offered =
            "\nOne click    members leave with one click, by way of https://lists.example.test\n";
        let described = describe(&list, Some(&url));
        assert!(described.contains(offered), "{described}");
        assert!(delivery::list::List::new(list).is_ok());
    }
}
