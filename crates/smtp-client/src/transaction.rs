//! One message for some recipients of one server, and what the server must be able to do for it.

use address::{DeliverBy, Envelope, ForwardPath, Mailbox, ReversePath, deliver_by};

use crate::config::Secured;
use crate::features::Features;
use crate::outcome::{Lack, Outcome, Passed, Reason};

/// A message to be sent over a connection, to all its recipients or to those that are this server's.
///
/// The message itself is asked for piece by piece; it may be asked for again from its beginning, for a server that takes
/// few recipients at a time gets it more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Whom it is from and for. `smtputf8` says that its header has UTF-8 in it (whoever knows that it has none may clear
    /// the mark), `body8bit` that there are octets above 127 in it, `deliver_by` has the time that is left (RFC 2852
    /// section 4.1.4). All local parts are sent as they are (RFC 5321 section 2.4).
    pub envelope: Envelope,
    /// Octets of the message.
    pub size: u64,
    /// Who first submitted it, if that is known for sure: told to servers we are logged in to, which otherwise hear that
    /// it is not known (RFC 4954 section 5).
    pub submitter: Option<Mailbox>,
}

impl Transaction {
    /// Whether MAIL has to say SMTPUTF8 for these recipients (RFC 6531 section 3.4).
    pub(crate) fn needs_utf8<'a>(&self, mut paths: impl Iterator<Item = &'a ForwardPath>) -> bool {
        let sender = self.envelope.reverse_path.mailbox();
        self.envelope.smtputf8 || sender.is_some_and(is_international) || paths.any(needs_utf8)
    }

    /// Why this server cannot have the message for anybody, if that is so. It is never sent in a way that loses something
    /// (RFC 5321 section 2.2.2).
    pub(crate) fn obstacle(
        &self,
        features: &Features,
        secured: Option<&Secured>,
        just_send_8: bool,
    ) -> Option<Outcome> {
        let envelope = &self.envelope;
        let lack = if let Some(lack) = self.exposed(features, secured) {
            lack
        } else if self.needs_utf8([].iter()) && !features.smtputf8 {
            // RFC 6531 section 3.2: not sent, and not converted either.
            Lack::SmtpUtf8
        } else if envelope.body8bit && !features.eight_bit_mime && !just_send_8 {
            // RFC 6152 section 3: converted or returned; converting would break signatures.
            Lack::EightBitMime
        } else if envelope
            .deliver_by
            .is_some_and(|by| !is_in_time(by, features))
        {
            Lack::DeliverBy
        } else {
            // RFC 1870 section 6.2: what is over the limit is not tried.
            let limit = features.size.flatten().filter(|limit| self.size > *limit)?;
            return Some(Outcome::Failed(Reason::TooLarge { limit }));
        };
        Some(Outcome::Failed(Reason::Lacks(lack)))
    }

    /// What a message with the mark REQUIRETLS misses at this server (RFC 8689 section 4.2.1).
    ///
    /// Section 5: a report has the mark of what it is about, and is not given up because of it. Where nobody keeps the mark
    /// it goes as far as TLS goes; in the clear it does not go, for it shows whom the message was for, and its header.
    fn exposed(&self, features: &Features, secured: Option<&Secured>) -> Option<Lack> {
        if !self.envelope.requiretls {
            return None;
        }
        let Some(secured) = secured else {
            return Some(Lack::Encryption);
        };
        let kept = secured.authenticated && features.requiretls;
        let is_report = self.envelope.reverse_path == ReversePath::Null;
        (!kept && !is_report).then_some(Lack::RequireTls)
    }

    /// What of the sender's wishes is told to this server.
    pub(crate) fn passed(&self, features: &Features) -> Passed {
        Passed {
            dsn: features.dsn,
            deliver_by: features.deliver_by.is_some(),
        }
    }

    /// The line of MAIL without its CRLF. Nothing is said that the server did not offer (RFC 5321 section 4.1.1.11).
    pub(crate) fn mail(&self, features: &Features, utf8: bool, logged_in: bool) -> String {
        let envelope = &self.envelope;
        let mut line = format!("MAIL FROM:{}", envelope.reverse_path);
        if features.size.is_some() {
            line.push_str(&format!(" SIZE={}", self.size));
        }
        if envelope.body8bit && features.eight_bit_mime {
            line.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            line.push_str(" SMTPUTF8");
        }
        if envelope.requiretls && features.requiretls {
            line.push_str(" REQUIRETLS");
        }
        if features.dsn {
            if let Some(ret) = envelope.ret {
                line.push_str(&format!(" RET={ret}"));
            }
            if let Some(envid) = &envelope.envid {
                line.push_str(&format!(" ENVID={envid}"));
            }
        }
        if let (Some(by), Some(_)) = (envelope.deliver_by, features.deliver_by) {
            line.push_str(&format!(" BY={by}"));
        }
        // RFC 4954 section 5: only among those who know each other; `<>` says that nobody vouches.
        if logged_in && !features.auth.is_empty() {
            match &self.submitter {
                Some(mailbox) if utf8 || !is_international(mailbox) => {
                    let text = address::xtext::encode(mailbox.to_string().as_bytes());
                    line.push_str(&format!(" AUTH={text}"));
                }
                Some(_) | None => line.push_str(" AUTH=<>"),
            }
        }
        line
    }

    /// The line of RCPT without its CRLF.
    pub(crate) fn rcpt(&self, recipient: usize, features: &Features, utf8: bool) -> String {
        let recipient = &self.envelope.recipients[recipient];
        let mut line = format!("RCPT TO:{}", recipient.path);
        if features.dsn {
            if let Some(notify) = recipient.notify {
                line.push_str(&format!(" NOTIFY={notify}"));
            }
            if let Some(orcpt) = &recipient.orcpt {
                line.push_str(" ORCPT=");
                line.push_str(&in_ascii(orcpt.as_str(), utf8));
            }
        }
        line
    }
}

/// RFC 2852 section 4.1.4.1: in mode R it is not passed to a server that does not know what that means, or would need
/// longer. In mode N it is, and the sender may have to be told.
fn is_in_time(by: DeliverBy, features: &Features) -> bool {
    match by.mode() {
        deliver_by::Mode::Notify => true,
        deliver_by::Mode::Return => features
            .deliver_by
            .is_some_and(|least| i64::from(by.seconds()) >= i64::from(least)),
    }
}

pub(crate) fn needs_utf8(path: &ForwardPath) -> bool {
    path.mailbox().is_some_and(is_international)
}

/// Domains are written in A-labels, so only the local part counts.
fn is_international(mailbox: &Mailbox) -> bool {
    !mailbox.local.is_ascii()
}

/// The domain of a recipient, for RCPTDOMAINMAX.
pub(crate) fn domain(path: &ForwardPath) -> String {
    path.mailbox()
        .map_or_else(String::new, |mailbox| mailbox.host.to_string())
}

/// RFC 6533 section 3: outside SMTPUTF8 an address in UTF-8 is written in ASCII, `\x{HEXPOINT}` for each letter.
fn in_ascii(orcpt: &str, utf8: bool) -> String {
    if utf8 || orcpt.is_ascii() {
        return orcpt.to_owned();
    }
    orcpt.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            text.push_str(&format!("\\x{{{:X}}}", u32::from(letter)));
        }
        text
    })
}

#[cfg(test)]
mod tests;
