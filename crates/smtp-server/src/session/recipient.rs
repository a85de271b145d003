//! What the host says of a recipient, in the words of the catalogue.

use address::{ForwardPath, Host, Mailbox};
use reply::{Reply, Row, smtp};

use super::Turn;
use super::context::Context;
use super::phase::{Phase, Transaction};
use crate::ask::RcptVerdict;

/// RCPT is with the host.
#[derive(Debug)]
pub(super) struct AskingRcpt {
    transaction: Transaction,
    recipient: ForwardPath,
}

/// A reply, and what it means for the session.
enum Said {
    /// The message will have this recipient.
    Taken(Reply),
    /// RFC 5321 section 4.2.1: what passes is 4yz. It says nothing about the client, so it is not counted.
    NotNow(Reply),
    /// Counted, for clients that try one address after the other.
    Refused(Reply),
}

impl AskingRcpt {
    pub(super) fn new(transaction: Transaction, recipient: ForwardPath) -> Self {
        Self {
            transaction,
            recipient,
        }
    }

    pub(super) fn answered(mut self, verdict: &RcptVerdict, context: &mut Context) -> Turn {
        match self.judge(verdict, context) {
            Said::Taken(reply) => {
                self.transaction.accepted += 1;
                Phase::Transaction(self.transaction).say(reply)
            }
            Said::NotNow(reply) => Phase::Transaction(self.transaction).say(reply),
            Said::Refused(reply) => Phase::Transaction(self.transaction).refuse(reply, context),
        }
    }

    fn judge(&self, verdict: &RcptVerdict, context: &Context) -> Said {
        let plain = Reply::new;
        let peer = |row| Reply::new(row).arg("peer", context.peer_text());
        match verdict {
            RcptVerdict::Accepted => Said::Taken(plain(&smtp::RECIPIENT_ACCEPTED)),
            RcptVerdict::Forwarded(mailbox) => Said::Taken(
                self.told(&smtp::SENT_ON, mailbox)
                    .unwrap_or_else(|| plain(&smtp::RECIPIENT_ACCEPTED)),
            ),
            RcptVerdict::Moved(mailbox) => Said::Refused(
                self.told(&smtp::MOVED, mailbox)
                    .unwrap_or_else(|| self.named(&smtp::MOVED_AWAY)),
            ),
            RcptVerdict::MovedAway => Said::Refused(self.named(&smtp::MOVED_AWAY)),
            RcptVerdict::Circle => Said::Refused(self.named(&smtp::CIRCLE)),
            RcptVerdict::NullMx => {
                Said::Refused(plain(&smtp::NULL_MX).arg("domain", self.domain()))
            }
            RcptVerdict::DomainUnclear => Said::NotNow(self.named(&smtp::DOMAIN_UNCLEAR)),
            RcptVerdict::ListWantsLogin => Said::Refused(plain(&smtp::LIST_WANTS_LOGIN)),
            RcptVerdict::ListForbidden => Said::Refused(plain(&smtp::LIST_FORBIDDEN)),
            RcptVerdict::MailboxFullForNow => Said::NotNow(plain(&smtp::MAILBOX_FULL_FOR_NOW)),
            RcptVerdict::MailboxFull => Said::Refused(plain(&smtp::MAILBOX_FULL)),
            RcptVerdict::TooManyMessages => Said::NotNow(plain(&smtp::TOO_MANY_MESSAGES)),
            RcptVerdict::QueueFull => Said::NotNow(plain(&smtp::QUEUE_FULL)),
            RcptVerdict::Suspended => Said::NotNow(self.named(&smtp::MAILBOX_SUSPENDED)),
            RcptVerdict::TryLater => Said::NotNow(plain(&smtp::UNEXPECTED_CONDITION)),
            // RFC 5321 section 3.3: a reverse-path may be refused at RCPT, where it is known that the message is not for
            // Postmaster (section 4.5.1).
            RcptVerdict::SenderDomainMissing => Said::Refused(plain(&smtp::SENDER_DOMAIN_MISSING)),
            RcptVerdict::SenderDomainUnclear => Said::NotNow(plain(&smtp::SENDER_DOMAIN_UNCLEAR)),
            RcptVerdict::SenderNullMx => Said::Refused(plain(&smtp::SENDER_NULL_MX)),
            RcptVerdict::NoReverseDns => Said::Refused(peer(&smtp::NO_REVERSE_DNS)),
            RcptVerdict::ReverseDnsUnclear => Said::NotNow(peer(&smtp::REVERSE_DNS_UNCLEAR)),
            RcptVerdict::TooFast => Said::NotNow(peer(&smtp::RCPT_TOO_FAST)),
            RcptVerdict::UnknownMailbox => Said::Refused(self.named(&smtp::NO_SUCH_MAILBOX)),
            RcptVerdict::Disabled => Said::Refused(self.named(&smtp::MAILBOX_DISABLED)),
            RcptVerdict::RelayDenied => Said::Refused(self.named(&smtp::RELAY_DENIED)),
            RcptVerdict::DestinationDenied => Said::Refused(self.named(&smtp::DESTINATION_DENIED)),
            // RFC 6409 section 4.2: a domain of one word that is not ours was meant to be completed.
            RcptVerdict::DomainMissing | RcptVerdict::NoOutbound if self.is_unqualified() => {
                Said::Refused(self.named(&smtp::DOMAIN_NOT_QUALIFIED))
            }
            RcptVerdict::DomainMissing => Said::Refused(self.named(&smtp::DOMAIN_MISSING)),
            RcptVerdict::NoOutbound => Said::Refused(self.named(&smtp::NO_OUTBOUND)),
        }
    }

    /// A reply that names the recipient.
    fn named(&self, row: &'static Row) -> Reply {
        let name = match &self.recipient {
            ForwardPath::Postmaster => "Postmaster".to_owned(),
            ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
        };
        Reply::new(row).arg("recipient", name)
    }

    /// A reply that tells another address, if the client can read it. RFC 6531 section 3.7.4.1: it may hold UTF-8 where
    /// MAIL said SMTPUTF8.
    fn told(&self, row: &'static Row, mailbox: &Mailbox) -> Option<Reply> {
        let utf8 = self.transaction.smtputf8;
        let address = mailbox.to_string();
        let readable = utf8 || address.is_ascii();
        readable.then(|| Reply::new(row).arg("mailbox", address).in_utf8(utf8))
    }

    fn domain(&self) -> String {
        let host = self.recipient.mailbox().map(|mailbox| &mailbox.host);
        host.map_or_else(String::new, ToString::to_string)
    }

    fn is_unqualified(&self) -> bool {
        match self.recipient.mailbox().map(|mailbox| &mailbox.host) {
            Some(Host::Domain(domain)) => !domain.as_str().contains('.'),
            Some(Host::Literal(_)) | None => false,
        }
    }
}
