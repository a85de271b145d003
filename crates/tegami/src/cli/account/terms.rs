//! What one account is held to: how it is typed, and how it is shown.

use address::{Destination, Mailbox};
use admin::{AccountFacts, NewTerms, Request, Response};
use anyhow::{Result, bail};
use auth::{Floor, Mechanism};
use clap::{Args, ValueEnum};

use super::{account, ask, unexpected};
use crate::cli::report::Stuck;
use crate::cli::table::counted;
use crate::config::Config;
use crate::terminal::{note, print};

/// Options of `account set`; what is not given stays.
#[derive(Debug, Args)]
pub struct Options {
    /// Whether it has a mailbox; without one it logs in and sends, and nobody can write to it
    #[arg(long, value_name = "YES|NO")]
    mailbox: Option<Choice>,
    /// Whether it takes messages with UTF-8 in their header
    #[arg(long, value_name = "YES|NO")]
    utf8: Option<Choice>,
    /// The weakest way it may log in: `any` or `scram`
    #[arg(long, value_name = "WAY")]
    login: Option<Floor>,
    /// Where it may send: domains and addresses, separated by commas, or `anywhere`
    #[arg(long, value_name = "LIST", value_parser = Destinations::parse)]
    send_to: Option<Destinations>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Choice {
    Yes,
    No,
}

impl Choice {
    fn is_yes(self) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
        }
    }
}

/// Destinations as typed; none is anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Destinations(Vec<Destination>);

impl Destinations {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "anywhere" {
            return Ok(Self(Vec::new()));
        }
        let one = |word: &str| {
            let word = word.trim();
            // Beside others it would be taken for a domain.
            let parsed = Some(word).filter(|word| *word != "anywhere");
            let parsed = parsed.and_then(|word| word.parse().ok());
            parsed.ok_or_else(|| {
                format!("{word:?} is neither a domain nor an address; or write \"anywhere\" alone")
            })
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }
}

/// Carries `account set` out.
pub fn set(config: &Config, address: Mailbox, options: Options) -> Result<()> {
    let terms = NewTerms {
        mailbox: options.mailbox.map(Choice::is_yes),
        utf8: options.utf8.map(Choice::is_yes),
        login: options.login,
        send_to: options.send_to.map(|destinations| destinations.0),
    };
    if terms == NewTerms::default() {
        bail!(Stuck::new(
            "nothing to set",
            "name at least one of --mailbox, --utf8, --login and --send-to"
        ));
    }
    let account = account(ask(config, &Request::AccountTerms { address, terms })?)?;
    match account.login {
        Floor::Any => {}
        Floor::Scram => {
            let Response::Accounts(all) = ask(config, &Request::AccountList)? else {
                return Err(unexpected());
            };
            if let Some(hint) = without_scram(config, &account, &all) {
                note(&hint);
            }
        }
    }
    if !account.mailbox && account.messages > 0 {
        note(
            "note: the mail in its mailbox stays, but nobody can fetch it before it has one again",
        );
    }
    let shown = account.address.unicode();
    match held_to(&account).as_str() {
        "" => print(&format!(
            "{shown} is held to nothing but the rules for all."
        )),
        terms => print(&format!("{shown}: {terms}.")),
    }
}

/// Carries `account suspend` and `account resume` out.
pub fn suspend(config: &Config, address: Mailbox, suspended: bool) -> Result<()> {
    let account = account(ask(
        config,
        &Request::AccountSuspend { address, suspended },
    )?)?;
    let now = if account.suspended {
        "takes no new mail for a while; senders keep trying for some days"
    } else {
        "takes mail again"
    };
    print(&format!("{} {now}.", account.address.unicode()))
}

/// Why an account that is held to SCRAM cannot log in now, and what helps. The configuration is that of this command; the
/// server may run with another.
fn without_scram(config: &Config, account: &AccountFacts, all: &[AccountFacts]) -> Option<String> {
    let scram = |mechanism: &&Mechanism| Floor::Scram.allows(**mechanism);
    let on: Vec<&Mechanism> = config.auth.mechanisms.iter().filter(scram).collect();
    if on.is_empty() {
        return Some(
            "note: it cannot log in at all: auth.mechanisms has none of the SCRAM names".to_owned(),
        );
    }
    if !account.enabled || !account.password {
        return None;
    }
    let lacking = |mechanism: &Mechanism| {
        let who_can = all.iter().filter(|one| one.enabled && one.password);
        who_can.filter(|one| !has_keys(one, mechanism)).count() as u64
    };
    let hinted = config.auth.transition_hint;
    let own: Vec<&Mechanism> = on
        .into_iter()
        .filter(|mechanism| has_keys(account, mechanism))
        .collect();
    let Some(fewest) = own.iter().map(|mechanism| lacking(mechanism)).min() else {
        return Some(format!(
            "note: it has no keys for SCRAM yet, so it cannot log in. They are made when it is tried with the right \
             password, though that try is still refused, or by `tegami account password {}`",
            account.address
        ));
    };
    (fewest > 0 && !hinted).then(|| {
        let others = counted(fewest, "account");
        format!(
            "note: it has keys for SCRAM, and cannot log in yet all the same: SCRAM is offered once every account has keys, and \
             {others} cannot use it yet (`tegami account show` tells). An account gets keys with its next login or new \
             password; or set `transition_hint = true` under [auth]"
        )
    })
}

/// Whether it could log in by this mechanism, were it offered; for those of SCRAM.
fn has_keys(account: &AccountFacts, mechanism: &Mechanism) -> bool {
    match mechanism {
        Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => account.scram_sha_256,
        Mechanism::ScramSha1 => account.scram_sha_1,
        Mechanism::CramMd5 | Mechanism::Plain | Mechanism::Login => false,
    }
}

/// In words; empty where it is held to nothing.
pub fn held_to(account: &AccountFacts) -> String {
    let mut words = Vec::new();
    if !account.mailbox {
        words.push("no mailbox".to_owned());
    }
    if !account.utf8 {
        words.push("no UTF-8 in headers".to_owned());
    }
    match account.login {
        Floor::Any => {}
        Floor::Scram => words.push("logs in with SCRAM only".to_owned()),
    }
    if !account.send_to.is_empty() {
        let places: Vec<String> = account.send_to.iter().map(ToString::to_string).collect();
        words.push(format!("sends to {} only", places.join(", ")));
    }
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::tests::facts;

    #[test]
    fn destinations_are_a_list_or_a_word() {
        let parsed = |text: &str| {
            let parsed = Destinations::parse(text).ok();
            parsed
                .map(|Destinations(list)| list.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(parsed("anywhere"), Some(Vec::new()));
        let both = ["example.test", "boss@example.org"].map(str::to_owned);
        assert_eq!(
            parsed("example.test, boss@example.org"),
            Some(both.to_vec())
        );
        for text in ["", ",", "two words", "a@", "*", "anywhere,example.test"] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn whoever_asks_for_scram_hears_why_it_is_of_no_use_yet() {
        let with = facts();
        let without = AccountFacts {
            scram_sha_256: false,
            ..facts()
        };
        let disabled = AccountFacts {
            enabled: false,
            ..without.clone()
        };
        let both = vec![Mechanism::ScramSha256, Mechanism::Plain];
        let plain = vec![Mechanism::Plain];
        for (mechanisms, hint, account, others, said) in [
            (&plain, true, &with, &with, Some("cannot log in at all")),
            (&both, false, &with, &with, None),
            (&both, false, &with, &disabled, None),
            (
                &both,
                false,
                &with,
                &without,
                Some("and 1 account cannot use it yet"),
            ),
            (&both, true, &with, &without, None),
            (
                &both,
                false,
                &without,
                &with,
                Some("it has no keys for SCRAM yet"),
            ),
            (
                &both,
                true,
                &without,
                &with,
                Some("`tegami account password alice@"),
            ),
            (&both, false, &disabled, &with, None),
        ] {
            let mut config = Config::default();
            config.auth.mechanisms = mechanisms.clone();
            config.auth.transition_hint = hint;
            let all = [account.clone(), others.clone()];
            let hint = without_scram(&config, account, &all);
            let fits = match (&hint, said) {
                (Some(hint), Some(said)) => hint.contains(said),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            assert!(fits, "{hint:?} instead of {said:?}");
        }
    }
}
