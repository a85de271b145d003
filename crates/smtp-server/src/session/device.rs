//! Senders on a listener for devices: read with forgiveness, and held to the one address such a device sends as.

use address::ReversePath;
use reply::{Reply, smtp};

use super::context::Context;
use crate::ask::MailFrom;
use crate::command;
use crate::config::Role;

/// Reads the argument of MAIL. Where the sender is replaced anyway, it need not be an address: many a printer calls
/// itself `printer` and nothing else.
pub(super) fn sender(argument: &[u8], context: &Context) -> Result<MailFrom, Reply> {
    let parsed = command::mail::parse(argument, context.role);
    if parsed.is_err() && replaces_sender(context) {
        let without = command::mail::without_sender(argument);
        return without.map_or(parsed, |argument| {
            command::mail::parse(&argument, context.role)
        });
    }
    parsed
}

/// A device sends as the address it was given and as nobody else: that is all it proves who it is by (RFC 6409
/// section 6.1).
pub(super) fn hold_to_sender(from: MailFrom, context: &Context) -> Result<MailFrom, Reply> {
    if context.role != Role::Device {
        return Ok(from);
    }
    let Some(own) = &context.config.device.sender else {
        return Ok(from);
    };
    let named = from.reverse_path.mailbox();
    if named.is_some_and(|mailbox| mailbox.key() == own.key()) {
        Ok(from)
    } else if replaces_sender(context) {
        Ok(MailFrom {
            reverse_path: ReversePath::Mailbox(own.clone()),
            ..from
        })
    } else {
        Err(Reply::new(&smtp::SENDER_LOCKED).arg("mailbox", own))
    }
}

fn replaces_sender(context: &Context) -> bool {
    let rules = &context.config.device;
    context.role == Role::Device && rules.rewrite_sender && rules.sender.is_some()
}
