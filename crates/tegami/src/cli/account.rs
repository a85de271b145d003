//! `tegami account`: the verbs on accounts.

mod forward;
mod terms;
mod vacation;

use std::io::{IsTerminal, Write};

use address::Mailbox;
use admin::{AccountFacts, RefusalKind, Request, Response};
use anyhow::{Result, bail};
use auth::Mechanism;
use clap::Subcommand;

use super::access::{ask, try_ask};
use super::alias::taken_along;
use super::password::PasswordSource;
use super::report::Stuck;
use super::table::{counted, pairs, quota, size, table};
use super::{Listing, print_json};
use crate::config::{Config, Octets};
use crate::terminal::{note, print};

pub use forward::nothing_leaves;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an account
    #[command(
        after_help = "Examples:\n  tegami account add alice@example.test --name Alice\n  \
        tegami account add bob@example.test --quota 5GB --password-file /run/secrets/bob"
    )]
    Add {
        /// Its full address, in one of the configured domains
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// A name for people
        #[arg(long, default_value = "")]
        name: String,
        /// What the mailbox may hold: a size such as 5GB, `none` or `default`
        #[arg(long, value_name = "SIZE", value_parser = Quota::parse, default_value = "default")]
        quota: Quota,
        #[command(flatten)]
        password: PasswordSource,
    },

    /// List all accounts
    #[command(after_help = "Example: tegami account list --json")]
    List(Listing),

    /// Show one account
    #[command(after_help = "Example: tegami account show alice@example.test")]
    Show {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        #[command(flatten)]
        listing: Listing,
    },

    /// Remove an account and its mail
    #[command(
        after_help = "Example: tegami account remove alice@example.test --yes\n\n\
        `account disable` locks it and keeps the mail."
    )]
    Remove {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Delete the mail in it without asking
        #[arg(long)]
        yes: bool,
    },

    /// Set a new password
    #[command(
        after_help = "Examples:\n  tegami account password alice@example.test\n  \
        pwgen 16 1 | tegami account password alice@example.test --password-file -"
    )]
    Password {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        #[command(flatten)]
        password: PasswordSource,
    },

    /// Let an account log in with APOP and CRAM-MD5, whose passwords must be kept readable
    #[command(
        after_help = "Examples:\n  tegami account allow-apop alice@example.test\n  \
        tegami account allow-apop alice@example.test --off\n\n\
        The password given becomes the account's password. It is kept encrypted under a key in the data\n\
        directory; whoever gets hold of both can read it. APOP is offered with `pop3.apop = true`, CRAM-MD5\n\
        when auth.mechanisms names it, and both once every account has been allowed them."
    )]
    AllowApop {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Take the permission back and forget the readable password
        #[arg(long, conflicts_with = "password_file")]
        off: bool,
        #[command(flatten)]
        password: PasswordSource,
    },

    /// Set what the mailbox may hold
    #[command(after_help = "Example: tegami account quota alice@example.test 5GB")]
    Quota {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// A size such as 5GB, `none` or `default`
        #[arg(value_name = "SIZE", value_parser = Quota::parse)]
        quota: Quota,
    },

    /// Let a disabled account log in and receive again
    #[command(after_help = "Example: tegami account enable alice@example.test")]
    Enable {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
    },

    /// Stop an account from logging in and receiving; its mail stays
    #[command(after_help = "Example: tegami account disable alice@example.test")]
    Disable {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
    },

    /// Put new mail for an account off for a while; it logs in, fetches and sends as always
    #[command(after_help = "Example: tegami account suspend alice@example.test\n\n\
        Senders are told to try again later (450), and do so for some days.")]
    Suspend {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
    },

    /// Take mail for a suspended account again
    #[command(after_help = "Example: tegami account resume alice@example.test")]
    Resume {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
    },

    /// Set what an account is held to; what is not named stays
    #[command(
        after_help = "Examples:\n  tegami account set scanner@example.test --mailbox no --send-to example.test\n  \
        tegami account set alice@example.test --login scram\n  \
        tegami account set scanner@example.test --send-to anywhere"
    )]
    Set {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        #[command(flatten)]
        options: terms::Options,
    },

    /// Send mail for an account on to others, here or elsewhere
    #[command(
        after_help = "Examples:\n  tegami account forward alice@example.test alice@example.org\n  \
        tegami account forward alice@example.test --no-keep\n  \
        tegami account forward alice@example.test --off"
    )]
    Forward(forward::Forward),

    /// Tell senders to write to another address (551), and take no mail for this one
    #[command(
        after_help = "Examples:\n  tegami account refer alice@example.test alice@example.org\n  \
        tegami account refer alice@example.test --off\n\n\
        The account still logs in, sends, and fetches what it has."
    )]
    Refer {
        /// Its full address
        #[arg(value_parser = Mailbox::parse_user)]
        address: Mailbox,
        /// Where senders should write to
        #[arg(value_name = "NEW", required_unless_present = "off", value_parser = Mailbox::parse_user)]
        to: Option<Mailbox>,
        /// Take mail again
        #[arg(long, conflicts_with = "to")]
        off: bool,
    },

    /// Tell senders that somebody is away; with the address alone, show what they are told
    #[command(
        after_help = "Examples:\n  tegami account vacation alice@example.test --text-file away.txt --until 2027-08-14\n  \
        tegami account vacation alice@example.test --off\n\n\
        Lists, robots and whoever did not write to the account itself are told nothing."
    )]
    Vacation(vacation::Vacation),
}

/// A quota as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota(Option<u64>);

impl Quota {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self(None)),
            "none" => Ok(Self(Some(0))),
            size => match Octets::parse(size) {
                Ok(octets) => Ok(Self(Some(octets.0))),
                Err(_) => Err(format!(
                    "{size:?} is no quota; write a size such as \"5GB\", \"none\" or \"default\""
                )),
            },
        }
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
                name,
                quota,
                password,
            } => {
                if password.is_typed() {
                    let address = address.clone();
                    ask(config, &Request::AccountMayAdd { address })?;
                }
                let password = password.derive(config, &address, false)?;
                let request = Request::AccountAdd {
                    address,
                    name,
                    password,
                    quota: quota.0,
                };
                let account = account(ask(config, &request)?)?;
                print(&format!(
                    "{} can log in and receive mail; quota {}.",
                    account.address.unicode(),
                    quota_of(&account)
                ))
            }
            Self::List(listing) => list(config, listing),
            Self::Show { address, listing } => {
                let account = account(ask(config, &Request::AccountShow { address })?)?;
                if listing.json {
                    print_json(&account)
                } else {
                    print(&describe(&account))
                }
            }
            Self::Remove { address, yes } => remove(config, address, yes),
            Self::Password { address, password } => new_password(config, address, &password),
            Self::AllowApop {
                address,
                off,
                password,
            } => {
                if off {
                    forbid_apop(config, address)
                } else {
                    allow_apop(config, address, &password)
                }
            }
            Self::Quota { address, quota } => change_quota(config, address, quota.0),
            Self::Enable { address } => enable(config, address, true),
            Self::Disable { address } => enable(config, address, false),
            Self::Suspend { address } => terms::suspend(config, address, true),
            Self::Resume { address } => terms::suspend(config, address, false),
            Self::Forward(typed) => forward::forward(config, typed),
            Self::Refer { address, to, .. } => forward::refer(config, address, to),
            Self::Vacation(typed) => vacation::vacation(config, typed),
            Self::Set { address, options } => terms::set(config, address, options),
        }
    }
}

fn change_quota(config: &Config, address: Mailbox, quota: Option<u64>) -> Result<()> {
    let account = account(ask(config, &Request::AccountQuota { address, quota })?)?;
    print(&format!(
        "{} holds {}; quota {}.",
        account.address.unicode(),
        size(account.octets),
        quota_of(&account)
    ))
}

fn list(config: &Config, listing: Listing) -> Result<()> {
    let Response::Accounts(accounts) = ask(config, &Request::AccountList)? else {
        return Err(unexpected());
    };
    if listing.json {
        return print_json(&accounts);
    }
    if accounts.is_empty() {
        return print("There are no accounts yet; add one with: tegami account add ADDRESS");
    }
    let rows = accounts.iter().map(|account| {
        vec![
            account.address.unicode(),
            account.name.clone(),
            state(account),
            account.messages.to_string(),
            size(account.octets),
            quota(account.quota),
        ]
    });
    let headings = ["ADDRESS", "NAME", "STATE", "MESSAGES", "SIZE", "QUOTA"];
    print(&table(&headings, &["MESSAGES", "SIZE", "QUOTA"], rows))
}

fn remove(config: &Config, address: Mailbox, yes: bool) -> Result<()> {
    let request = |with_mail| Request::AccountRemove {
        address: address.clone(),
        with_mail,
    };
    let mut answer = try_ask(config, &request(yes))?;
    if let Err(refusal) = &answer
        && refusal.kind == RefusalKind::HoldsMail
        && std::io::stdin().is_terminal()
    {
        if !confirm(&refusal.message) {
            bail!(Stuck::new(
                "nothing was removed",
                format!("`tegami account disable {address}` locks it and keeps the mail"),
            ));
        }
        answer = try_ask(config, &request(true))?;
    }
    let Response::Removed {
        address,
        messages,
        octets,
        left,
        emptied,
        forwards,
    } = answer?
    else {
        return Err(unexpected());
    };
    let mail = match messages {
        0 => "It held no mail.".to_owned(),
        some => format!(
            "{} ({}) went with it.",
            counted(some, "message"),
            size(octets)
        ),
    };
    let aliases = taken_along(&left, &emptied, &forwards);
    let address = address.unicode();
    print(&format!("{address} is removed. {mail}{aliases}"))
}

/// Asks at the terminal; anything but yes is no.
fn confirm(what: &str) -> bool {
    let mut out = std::io::stderr();
    let asked = write!(out, "{what}. Go on? [y/N] ").and_then(|()| out.flush());
    let mut line = String::new();
    asked.is_ok()
        && std::io::stdin().read_line(&mut line).is_ok()
        && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Sets a password. Where APOP was allowed it stays so, with the new password.
fn new_password(config: &Config, address: Mailbox, source: &PasswordSource) -> Result<()> {
    if source.is_typed() {
        let address = address.clone();
        ask(config, &Request::AccountMayChange { address })?;
    }
    let before = shown(config, &address)?;
    let password = source.derive(config, &address, before.apop)?;
    let request = Request::AccountPassword { address, password };
    let account = account(ask(config, &request)?)?;
    print(&format!(
        "{} has a new password; the old one no longer works.",
        account.address.unicode()
    ))
}

fn allow_apop(config: &Config, address: Mailbox, source: &PasswordSource) -> Result<()> {
    // Asked first: nobody should type a password twice to hear that there is no such account.
    shown(config, &address)?;
    let password = source.derive(config, &address, true)?;
    let request = Request::AccountPassword { address, password };
    let account = account(ask(config, &request)?)?;
    print(&format!(
        "{} may log in with APOP and CRAM-MD5, and this is its password.",
        account.address.unicode()
    ))?;
    if let Some(hint) = not_offered(config) {
        note(&hint);
    }
    let Response::Accounts(accounts) = ask(config, &Request::AccountList)? else {
        return Err(unexpected());
    };
    let without = accounts
        .iter()
        .filter(|account| account.enabled && account.password && !account.apop)
        .count() as u64;
    if without > 0 {
        note(&format!(
            "note: they are offered once every account may; {} cannot yet",
            counted(without, "account")
        ));
    }
    Ok(())
}

/// What the configuration says against it. It is that of this command; the server may run with another.
fn not_offered(config: &Config) -> Option<String> {
    let cram_md5 = config.auth.mechanisms.contains(&Mechanism::CramMd5);
    let missing = match (config.pop3.apop, cram_md5) {
        (true, _) => return None,
        (false, true) => "note: APOP is off; `apop = true` under [pop3] offers it",
        (false, false) => {
            "note: neither is offered: set `apop = true` under [pop3] for APOP, and add \"CRAM-MD5\" to \
             auth.mechanisms for CRAM-MD5"
        }
    };
    Some(format!(
        "{missing}, then `systemctl reload tegami` or SIGHUP"
    ))
}

fn forbid_apop(config: &Config, address: Mailbox) -> Result<()> {
    let account = account(ask(config, &Request::AccountForbidApop { address })?)?;
    print(&format!(
        "{} can no longer log in with APOP and CRAM-MD5; its password works as before.",
        account.address.unicode()
    ))
}

fn shown(config: &Config, address: &Mailbox) -> Result<AccountFacts> {
    let address = address.clone();
    account(ask(config, &Request::AccountShow { address })?)
}

fn enable(config: &Config, address: Mailbox, enabled: bool) -> Result<()> {
    let account = account(ask(config, &Request::AccountEnable { address, enabled })?)?;
    let now = if account.enabled {
        "can log in and receive mail"
    } else {
        "is disabled; its mail is kept"
    };
    print(&format!("{} {now}.", account.address.unicode()))
}

fn describe(account: &AccountFacts) -> String {
    let aliases: Vec<String> = account.aliases.iter().map(Mailbox::unicode).collect();
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let mut rows = vec![
        ("Address", account.address.unicode()),
        ("Name", or_dash(account.name.clone())),
        ("State", state(account)),
        (
            "Holds",
            format!(
                "{}, {}",
                counted(account.messages, "message"),
                size(account.octets)
            ),
        ),
        ("Quota", quota_of(account)),
        ("Held to", or_dash(terms::held_to(account))),
        ("Logins", or_dash(logins(account).join(", "))),
        ("Aliases", or_dash(aliases.join(", "))),
        (
            "Declared",
            if account.declared {
                "in the accounts file"
            } else {
                "no"
            }
            .to_owned(),
        ),
    ];
    rows.extend(forward::forwards(account).map(|said| ("Mail", said)));
    rows.extend((account.moved.as_ref()).map(|to| ("Moved to", to.unicode())));
    rows.extend((account.vacation).then(|| ("Vacation", "senders are told".to_owned())));
    pairs(rows)
}

/// Everything that is not as it usually is, or that all is.
fn state(account: &AccountFacts) -> String {
    let words: Vec<&str> = [
        (!account.enabled, "disabled"),
        (account.suspended, "suspended"),
        (!account.mailbox, "no mailbox"),
        (!account.password, "no password"),
    ]
    .into_iter()
    .filter_map(|(so, word)| so.then_some(word))
    .collect();
    if words.is_empty() {
        "enabled".to_owned()
    } else {
        words.join(", ")
    }
}

/// What its password can be used with; which of these are offered is up to the configuration.
fn logins(account: &AccountFacts) -> Vec<&'static str> {
    [
        (account.password, "password"),
        (account.scram_sha_256, "SCRAM-SHA-256"),
        (account.scram_sha_1, "SCRAM-SHA-1"),
        (account.apop, "APOP and CRAM-MD5"),
    ]
    .into_iter()
    .filter_map(|(possible, name)| possible.then_some(name))
    .collect()
}

fn quota_of(account: &AccountFacts) -> String {
    let default = if account.quota_is_default {
        " (default)"
    } else {
        ""
    };
    format!("{}{default}", quota(account.quota))
}

fn account(response: Response) -> Result<AccountFacts> {
    match response {
        Response::Account(account) => Ok(account),
        Response::Allowed
        | Response::Accounts(_)
        | Response::Alias(_)
        | Response::Aliases(_)
        | Response::List(_)
        | Response::Lists(_)
        | Response::Vacation { .. }
        | Response::Removed { .. }
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

/// An answer to another question than the one asked.
pub(super) fn unexpected() -> anyhow::Error {
    anyhow::anyhow!(
        "the server answered something else than what was asked; it may be another version"
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_size_or_a_word() {
        for (text, quota) in [
            ("5GB", Some(Quota(Some(5_000_000_000)))),
            ("64MiB", Some(Quota(Some(67_108_864)))),
            ("0", Some(Quota(Some(0)))),
            ("none", Some(Quota(Some(0)))),
            ("default", Some(Quota(None))),
            ("", None),
            ("-1", None),
            ("plenty", None),
        ] {
            assert_eq!(Quota::parse(text).ok(), quota, "{text:?}");
        }
        assert_eq!(
            Quota::parse("plenty").unwrap_err(),
            "\"plenty\" is no quota; write a size such as \"5GB\", \"none\" or \"default\""
        );
    }

    #[test]
    fn whoever_allows_apop_hears_that_it_is_off() {
        for (apop, cram_md5, said) in [
            (true, false, None),
            (true, true, None),
            (false, true, Some("APOP is off")),
            (false, false, Some("neither is offered")),
        ] {
            let mut config = Config::default();
            config.pop3.apop = apop;
            config.auth.mechanisms = if cram_md5 {
                vec![Mechanism::CramMd5]
            } else {
                Vec::new()
            };
            let hint = not_offered(&config);
            assert_eq!(hint.is_some(), said.is_some());
            assert!(hint.is_none_or(|hint| said.is_some_and(|said| hint.contains(said))));
        }
    }

    /// Alice, who has a password and its keys.
    pub fn facts() -> AccountFacts {
        AccountFacts {
            address: Mailbox::parse_user("alice@xn--bcher-kva.example").unwrap(),
            name: String::new(),
            enabled: true,
            suspended: true,
            mailbox: false,
            utf8: true,
            login: auth::Floor::Scram,
            send_to: vec!["example.test".parse().unwrap()],
            password: true,
            scram_sha_256: true,
            scram_sha_1: false,
            apop: true,
            declared: false,
            quota: 2_000_000_000,
            quota_is_default: true,
            messages: 1,
            octets: 1_500_000,
            aliases: vec![Mailbox::parse_user("info@example.test").unwrap()],
            forward: None,
            moved: None,
            vacation: false,
        }
    }

    #[test]
    fn an_account_is_described_in_nine_lines() {
        let account = facts();
        let expected = "\
            Address   alice@bücher.example\n\
            Name      -\n\
            State     suspended, no mailbox\n\
            Holds     1 message, 1.5 MB\n\
            Quota     2.0 GB (default)\n\
            Held to   no mailbox; logs in with SCRAM only; sends to example.test only\n\
            Logins    password, SCRAM-SHA-256, APOP and CRAM-MD5\n\
            Aliases   info@example.test\n\
            Declared  no";
        assert_eq!(describe(&account), expected);
    }

    #[test]
    fn what_becomes_of_its_mail_is_said_if_it_is_anything_unusual() {
        let at = |address: &str| Mailbox::parse_user(address).unwrap();
        let mut account = facts();
        account.moved = Some(at("a@far.test"));
        account.vacation = true;
        let described = describe(&account);
        assert!(described.contains("\nMoved to  a@far.test\nVacation  senders are told"));
        for (keep, disclosed, expected) in [
            (true, false, "goes on to a@far.test, and a copy stays"),
            (false, false, "goes on to a@far.test; no copy stays"),
            (
                false,
                true,
                "goes on to a@far.test, as senders are told (251); no copy stays",
            ),
        ] {
            let to = vec![at("a@far.test")];
            account.forward = Some(mailstore::Forward {
                to,
                keep,
                disclosed,
            });
            assert!(describe(&account).contains(&format!("\nMail      {expected}\n")));
        }
    }
}
