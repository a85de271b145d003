//! XCLIENT and XFORWARD: what a listed proxy says about the client, or the message, that it passes on.
//!
//! A proxy may say it; nobody else may, whatever the address that a proxy gave him.

use std::net::{IpAddr, Ipv4Addr};

use reply::{Row, smtp};

use super::arrival;
use super::context::Context;
use super::phase::{Greeted, Phase};
use super::{State, Turn};
use crate::ask::{Ask, Claimed};
use crate::command::proxy::{self, Claim, Said};
use crate::config::ProxyCommands;
use crate::helo::Helo;

/// The address of a client that a proxy knows no address of. No network that is trusted for its address has it, and all
/// such clients share the limits of one.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The session begins anew, as the client's.
pub(super) fn xclient(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if let Some(row) = refusal(&phase, context) {
        return phase.refuse_row(row, context);
    }
    match proxy::xclient(argument) {
        Ok(claim) => {
            let address = match claim.address {
                Said::Nothing => None,
                Said::Unknown => Some(NOWHERE),
                Said::This(address) => Some(address),
            };
            Turn::ask(
                Ask::Claim(address),
                State::Claiming(Claiming { claim, address }),
            )
        }
        Err(reply) => phase.refuse(reply, context),
    }
}

/// Where the next message was before it came here.
pub(super) fn xforward(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if let Some(row) = refusal(&phase, context) {
        return phase.refuse_row(row, context);
    }
    let before = context.origin.as_deref().cloned().unwrap_or_default();
    match proxy::xforward(argument, before) {
        Ok(origin) => {
            context.origin = Some(Box::new(origin));
            phase.reply(&smtp::FORWARDED)
        }
        Err(reply) => phase.refuse(reply, context),
    }
}

fn refusal(phase: &Phase, context: &Context) -> Option<&'static Row> {
    match context.proxy {
        ProxyCommands::Off => Some(&smtp::NOT_IMPLEMENTED),
        ProxyCommands::Forbidden => Some(&smtp::NOT_A_PROXY),
        ProxyCommands::Allowed => match phase {
            Phase::Transaction(_) => Some(&smtp::NOT_IN_TRANSACTION),
            Phase::Connected | Phase::Greeted(_) => None,
        },
    }
}

/// The host takes note of a client behind a proxy.
#[derive(Debug)]
pub(super) struct Claiming {
    claim: Claim,
    address: Option<IpAddr>,
}

impl Claiming {
    pub(super) fn answered(self, facts: Claimed, context: &mut Context) -> Turn {
        let Claim {
            address: _,
            name,
            helo,
            extended,
        } = self.claim;
        if let Some(address) = self.address {
            context.take_over(address, facts);
        }
        context.login = None;
        context.origin = None;
        context.client_name = name.over(context.client_name.take());
        let extended = match extended {
            Said::This(extended) => extended,
            Said::Nothing | Said::Unknown => context
                .client_helo
                .as_ref()
                .is_none_or(|helo| helo.extended),
        };
        let name = helo.over(context.client_helo.take().map(|helo| helo.name));
        context.client_helo = name.map(|name| Helo { name, extended });
        let phase = match &context.client_helo {
            Some(helo) => Phase::Greeted(Greeted { helo: helo.clone() }),
            None => Phase::Connected,
        };
        arrival::greet(facts.admission, phase, context)
    }
}
