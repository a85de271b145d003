//! MAIL and RCPT, as far as the host. What comes of RCPT is in `recipient.rs`.

use address::ReversePath;
use address::deliver_by::Mode;
use reply::{Reply, smtp};

use super::context::Context;
use super::phase::{Greeted, Phase, Transaction};
use super::recipient::AskingRcpt;
use super::{State, Turn, device};
use crate::ask::{Ask, MailFrom, MailVerdict, RcptTo, Wish};
use crate::command::{self, rcpt::Letters};
use crate::config::{OverLimit, Role};
use crate::hold::Hold;

/// No file is larger than this, so no store can hold such a message.
const LARGEST_FILE: u64 = i64::MAX as u64;

/// RFC 5321 section 4.1.1.2. The argument is judged before the order of things.
pub(super) fn mail(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    // RFC 9422 section 4.1: MAILMAX counts every MAIL, whether it succeeds or fails.
    if context.count_transaction() {
        return Turn::leave(context.named(&smtp::TRANSACTION_LIMIT));
    }
    let from = match device::sender(argument, context) {
        Ok(from) => from,
        Err(reply) => return phase.refuse(reply, context),
    };
    let greeted = match phase {
        // RFC 5321 section 4.1.4.
        Phase::Connected => return phase.refuse_row(&smtp::EHLO_FIRST, context),
        Phase::Transaction(_) => return phase.refuse_row(&smtp::SENDER_ALREADY_SET, context),
        Phase::Greeted(greeted) => greeted,
    };
    if context.needs_login() {
        return Phase::Greeted(greeted).refuse_row(&smtp::LOG_IN_FIRST, context);
    }
    let from = match device::hold_to_sender(from, context) {
        Ok(from) => from,
        Err(reply) => return Phase::Greeted(greeted).refuse(reply, context),
    };
    if let Some(refusal) = from
        .size
        .and_then(|size| size_refusal(size, context.config.max_message_size))
    {
        return Phase::Greeted(greeted).say(refusal);
    }
    if let Some(refusal) = promise_refusal(&from, context) {
        return Phase::Greeted(greeted).refuse(refusal, context);
    }
    let asking = AskingMail {
        greeted,
        smtputf8: from.smtputf8,
        sender: from.reverse_path.clone(),
        hold: from.hold,
    };
    Turn::ask(Ask::Mail(Box::new(from)), State::AskingMail(asking))
}

/// RFC 1870 section 6.1.
fn size_refusal(size: u64, limit: u64) -> Option<Reply> {
    if limit != 0 && size > limit {
        return Some(Reply::new(&smtp::MESSAGE_TOO_LARGE).arg("limit", limit));
    }
    (size > LARGEST_FILE).then(|| Reply::new(&smtp::BEYOND_STORE))
}

/// What a client may ask for only where EHLO offered it.
fn promise_refusal(from: &MailFrom, context: &Context) -> Option<Reply> {
    // RFC 8689 section 2: offered under TLS only; elsewhere it is a parameter that EHLO did not list.
    if from.requiretls && context.tls.is_none() {
        return Some(Reply::new(&smtp::UNKNOWN_PARAMETER).arg("parameter", "REQUIRETLS"));
    }
    // RFC 4865 section 4.2: nothing beyond what was offered.
    if let Some(hold) = from.hold {
        let Some(longest) = context.future_release() else {
            return Some(Reply::new(&smtp::HOLD_NOT_OFFERED));
        };
        if hold.is_beyond(longest, context.clock()) {
            return Some(Reply::new(&smtp::HOLD_TOO_LONG).arg("seconds", longest));
        }
    }
    // RFC 2852 section 4: the minimum binds mode R alone; in mode N time may be over already.
    let minimum = context.config.deliver_by_min;
    let by = from.deliver_by.filter(|by| by.mode() == Mode::Return)?;
    let too_soon = i64::from(by.seconds()) < i64::from(minimum);
    too_soon.then(|| Reply::new(&smtp::BY_BELOW_MINIMUM).arg("seconds", minimum))
}

/// MAIL is with the host.
#[derive(Debug)]
pub(super) struct AskingMail {
    greeted: Greeted,
    smtputf8: bool,
    sender: ReversePath,
    hold: Option<Hold>,
}

impl AskingMail {
    pub(super) fn answered(self, verdict: MailVerdict, context: &mut Context) -> Turn {
        match verdict {
            MailVerdict::Accepted => {
                let transaction = Transaction {
                    greeted: self.greeted,
                    attempted: 0,
                    accepted: 0,
                    smtputf8: self.smtputf8,
                    origin: context.origin.take(),
                    message: None,
                };
                Phase::Transaction(transaction).reply(&smtp::SENDER_ACCEPTED)
            }
            MailVerdict::StoreLow => self.greeted.reply(&smtp::STORE_LOW),
            MailVerdict::NotOwner => {
                Phase::Greeted(self.greeted).refuse_row(&smtp::SENDER_NOT_OWNED, context)
            }
            MailVerdict::NoSuchSender => {
                let mailbox = self.sender.to_string();
                let mailbox = mailbox.trim_matches(['<', '>']);
                Phase::Greeted(self.greeted).refuse(
                    Reply::new(&smtp::NO_SUCH_SENDER).arg("mailbox", mailbox),
                    context,
                )
            }
            MailVerdict::Denied => {
                let peer = context.peer_text();
                let refusal = Reply::new(&smtp::SENDING_DENIED).arg("peer", peer);
                Phase::Greeted(self.greeted).refuse(refusal, context)
            }
            MailVerdict::TooFast => Phase::Greeted(self.greeted)
                .say(Reply::new(&smtp::MAIL_TOO_FAST).arg("peer", context.peer_text())),
            // RFC 5321 section 4.1.1.11.
            MailVerdict::NotNow(wish) => Phase::Greeted(self.greeted)
                .say(Reply::new(&smtp::WISH_NOT_NOW).arg("parameter", parameter(wish, self.hold))),
            MailVerdict::Suspended => Turn::leave(context.named(&smtp::SUSPENDED_NOW)),
            MailVerdict::TryLater => self.greeted.reply(&smtp::TRY_LATER),
        }
    }
}

/// The parameter with which a client wishes for it.
fn parameter(wish: Wish, hold: Option<Hold>) -> &'static str {
    match wish {
        Wish::DeliverBy => "BY",
        Wish::Hold => hold.map_or("HOLDFOR", Hold::parameter),
    }
}

/// RFC 5321 section 4.1.1.3.
pub(super) fn rcpt(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let (to, letters) = match command::rcpt::parse(argument, context.role) {
        Ok(to) => to,
        Err(reply) => return phase.with_one_more_rcpt().refuse(reply, context),
    };
    let mut transaction = match phase {
        Phase::Transaction(transaction) => transaction,
        Phase::Greeted(_) if context.needs_login() => {
            return phase.refuse_row(&smtp::LOG_IN_FIRST, context);
        }
        Phase::Connected | Phase::Greeted(_) => {
            return phase.refuse_row(&smtp::MAIL_FIRST, context);
        }
    };
    if transaction.message.is_some() {
        return Phase::Transaction(transaction).refuse_row(&smtp::OUT_OF_ORDER, context);
    }
    // RFC 5321 section 4.5.3.1.10: those named before stay. RFC 9422 section 4.2: refused ones count.
    if transaction.attempted >= context.config.max_recipients {
        let row = match context.config.over_recipients {
            OverLimit::Tempfail => &smtp::TOO_MANY_RECIPIENTS,
            OverLimit::Reject => &smtp::TOO_MANY_RECIPIENTS_FOR_GOOD,
        };
        return Phase::Transaction(transaction).reply(row);
    }
    // RFC 6531 section 3.5.
    if letters == Letters::Utf8 && !transaction.smtputf8 {
        let phase = Phase::Transaction(transaction).with_one_more_rcpt();
        return phase.refuse_row(&smtp::NON_ASCII_RECIPIENT, context);
    }
    transaction.attempted += 1;
    if is_routed(&to, context.role) {
        return Phase::Transaction(transaction).refuse_row(&smtp::LOCAL_PART_RULE, context);
    }
    let recipient = to.path.clone();
    Turn::ask(
        Ask::Rcpt(to),
        State::AskingRcpt(AskingRcpt::new(transaction, recipient)),
    )
}

/// Strangers who write a route into a local part (`u%x@l`, `x!u@l`, `"u@x"@l`) look for an open relay; no
/// mailbox of ours is called so. Users may have to write to such addresses elsewhere.
fn is_routed(to: &RcptTo, role: Role) -> bool {
    match role {
        Role::Exchange | Role::Device | Role::Outsider => to
            .path
            .mailbox()
            .is_some_and(|mailbox| mailbox.local.is_route()),
        Role::Submission | Role::OnDemand => false,
    }
}
