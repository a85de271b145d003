//! The customer's side of on-demand mail relay (RFC 2645): asking for the mail that waits, and giving the connection away.
//!
//! What comes after that is spoken by a server session on the same connection, which begins with its greeting (RFC 2645
//! section 5.3); it is not here.

use address::Domain;

use super::State;
use super::context::Context;
use super::parting;
use crate::ending::{Ending, Stage};
use crate::heard::{Class, Fault, Heard, Reader};

/// The reply that nothing waits (RFC 2645 section 5.2.1).
const NOTHING_WAITS: u16 = 453;

/// Says ATRN, if the peer has it.
pub(super) fn ask(domains: &[Domain], context: &mut Context) -> State {
    if !context.features.atrn {
        return parting::part(Ending::NoTurn, context);
    }
    let line = if domains.is_empty() {
        "ATRN".to_owned()
    } else {
        let names: Vec<&str> = domains.iter().map(Domain::as_str).collect();
        format!("ATRN {}", names.join(","))
    };
    context.line(&line);
    context.allow(context.config.timeouts.turn);
    State::Turning
}

/// Takes the reply to ATRN.
pub(super) fn answered(heard: &Heard, context: &mut Context) -> State {
    match heard.class() {
        Class::Done => {
            // The peer waits for our greeting now. What it said before that answers nothing.
            context.reader = Reader::default();
            State::Reversed
        }
        Class::NotNow if heard.code == NOTHING_WAITS => {
            parting::part(Ending::NothingWaits, context)
        }
        Class::NotNow | Class::Never => {
            let said = heard.said();
            let at = Stage::Turn;
            parting::part(Ending::Refused { at, said }, context)
        }
        Class::GoOn => State::Turning.unfit(Fault::Unfit(heard.said()), context),
    }
}
