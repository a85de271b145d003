//! Where mail for an account goes beside its mailbox: how it is typed, and how it is said.

use address::Mailbox;
use admin::{AccountFacts, HandlingRequest, NewForward, Request, Response, RouteFacts};
use anyhow::Result;
use clap::Args;

use super::{account, ask, shown};
use crate::cli::alias::list_of;
use crate::cli::route::leads_back;
use crate::config::Config;
use crate::terminal::{note, print};

/// Arguments of `account forward`; with the address alone it says how it is.
#[derive(Debug, Args)]
pub struct Forward {
    /// Its full address
    #[arg(value_parser = Mailbox::parse_user)]
    address: Mailbox,
    /// Where its mail goes on to, here or elsewhere, instead of where it went before
    #[arg(value_name = "TO", conflicts_with = "off", value_parser = Mailbox::parse_user)]
    to: Vec<Mailbox>,
    /// Keep a copy here; so it is when nothing is said
    #[arg(long, conflicts_with_all = ["no_keep", "disclose", "off"])]
    keep: bool,
    /// Keep no copy here
    #[arg(long, conflicts_with = "off")]
    no_keep: bool,
    /// Tell senders the new address (251); for one address, and without a copy here
    #[arg(long, conflicts_with = "off")]
    disclose: bool,
    /// Send nothing on any more
    #[arg(long)]
    off: bool,
}

/// Carries `account forward` out.
pub fn forward(config: &Config, typed: Forward) -> Result<()> {
    let Forward {
        address,
        to,
        keep,
        no_keep,
        disclose,
        off,
    } = typed;
    let forward = NewForward {
        to: (!to.is_empty()).then_some(to),
        keep: (keep || no_keep).then_some(keep),
        disclosed: disclose.then_some(true),
    };
    let account = if off {
        account(ask(
            config,
            &HandlingRequest::ForwardOff { address }.into(),
        )?)?
    } else if forward == NewForward::default() {
        shown(config, &address)?
    } else {
        account(ask(
            config,
            &HandlingRequest::Forward { address, forward }.into(),
        )?)?
    };
    if let Some(forward) = &account.forward {
        nothing_leaves(
            config,
            match forward.keep {
                true => "its mail only goes into its mailbox",
                false => "unless these are accounts here, its mail is refused (550)",
            },
        );
    }
    if account.forward.as_ref().is_some_and(|one| !one.keep) {
        warn_of_circle(config, &account.address)?;
    }
    let said = forwards(&account).unwrap_or_else(|| "goes to its mailbox only".to_owned());
    print(&format!("Mail for {} {said}.", account.address.unicode()))
}

/// Says so where an account that keeps nothing gets its mail back.
fn warn_of_circle(config: &Config, address: &Mailbox) -> Result<()> {
    let request = Request::Route {
        postmaster: false,
        address: address.clone(),
    };
    if let Response::Route(RouteFacts::Leads { back, .. }) = ask(config, &request)?
        && back.contains(address)
    {
        note(&format!("note: {}", leads_back(address)));
    }
    Ok(())
}

/// Carries `account refer` out.
pub fn refer(config: &Config, address: Mailbox, to: Option<Mailbox>) -> Result<()> {
    let account = account(ask(config, &HandlingRequest::Refer { address, to }.into())?)?;
    let shown = account.address.unicode();
    match &account.moved {
        Some(to) => print(&format!(
            "Whoever writes to {shown} is told to write to {} (551); nothing is taken for it.",
            to.unicode()
        )),
        None => print(&format!("{shown} takes mail again.")),
    }
}

/// Says what comes of it, where nothing is sent to anybody.
pub fn nothing_leaves(config: &Config, then: &str) {
    if !config.relay.enabled {
        note(&format!("note: relay.enabled is false: {then}"));
    }
}

/// In words; `None` where nothing is sent on.
pub fn forwards(account: &AccountFacts) -> Option<String> {
    let forward = account.forward.as_ref()?;
    let to = list_of(&forward.to);
    Some(match (forward.keep, forward.disclosed) {
        (true, _) => format!("goes on to {to}, and a copy stays"),
        (false, true) => format!("goes on to {to}, as senders are told (251); no copy stays"),
        (false, false) => format!("goes on to {to}; no copy stays"),
    })
}
