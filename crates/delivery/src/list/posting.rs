//! Who may post to a list, asked at RCPT and again behind the message.

use address::{Mailbox, ReversePath};

use super::{List, Posting, Role, contains};
use crate::fields::{Field, Fields};
use crate::senders::{person, without_tag};

/// Who posts, as far as the session knows.
#[derive(Clone, Copy, Debug)]
pub struct Poster<'a> {
    /// From MAIL.
    pub reverse_path: &'a ReversePath,
    /// All addresses of the account that is logged in; empty if none is.
    pub login: &'a [Mailbox],
    /// The host of the reverse-path is one of ours: whoever has that address could log in.
    pub is_local: bool,
}

/// What a session says to RCPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtRcpt {
    /// Come in.
    Accept,
    /// 530 5.7.0: the list is for people with an account, and this may be one.
    NeedsLogin,
    /// 550 5.7.2: this one may not post.
    NotAllowed,
    /// 554 5.4.6: the list wrote this itself.
    Loop,
}

/// What becomes of a post that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterData {
    /// It goes to the members.
    Post,
    /// It waits for one of [`List::moderators`].
    Hold,
    /// 550 5.7.2: it is the reply of a machine, which nobody posted.
    NotAllowed,
    /// 554 5.4.6: it was here before.
    Loop(Looped),
}

/// How a loop was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looped {
    /// Its List-Id is ours (RFC 2919 section 6).
    ListId,
    /// It was delivered to this list already (RFC 9228); this survives lists that put their own List-Id in place of ours.
    DeliveredTo,
    /// We received it for this list more than once.
    Received,
}

/// Fields that say we received it for this list: one may be there because a filter handed it back to us.
const RECEIVED_BEFORE: usize = 2;

impl List {
    /// Whether somebody may post, as far as it can be said before the message.
    #[must_use]
    pub fn at_rcpt(&self, poster: &Poster<'_>) -> AtRcpt {
        let sender = match poster.reverse_path {
            // Reports and replies of machines are no posts; what they would cause among members is (RFC 3834 section 4).
            ReversePath::Null => return AtRcpt::NotAllowed,
            ReversePath::Mailbox(mailbox) => mailbox,
        };
        // A forwarder may have put his own address around ours.
        match self.role(&person(sender)) {
            Some(Role::Post | Role::Request | Role::Bounces) => return AtRcpt::Loop,
            // Owners may write under their common address, if they are let.
            Some(Role::Owner) | None => {}
        }
        match self.settings.posting {
            Posting::Anyone | Posting::Moderated => AtRcpt::Accept,
            Posting::Authenticated if poster.login.is_empty() => AtRcpt::NeedsLogin,
            Posting::Authenticated => AtRcpt::Accept,
            Posting::Members => self.member_at_rcpt(poster, sender),
        }
    }

    fn member_at_rcpt(&self, poster: &Poster<'_>, sender: &Mailbox) -> AtRcpt {
        let belongs = if poster.login.is_empty() {
            // Anybody can write under a local address without logging in; the one it belongs to can log in.
            if poster.is_local {
                return AtRcpt::NeedsLogin;
            }
            self.belongs(&without_tag(sender))
        } else {
            poster.login.iter().any(|mailbox| self.belongs(mailbox))
        };
        if belongs {
            AtRcpt::Accept
        } else {
            AtRcpt::NotAllowed
        }
    }

    /// What becomes of a post, now that its header section is known. RCPT was accepted for it. `host` is what our
    /// Received fields call us.
    #[must_use]
    pub fn after_data(&self, poster: &Poster<'_>, header: &[u8], host: &str) -> AfterData {
        let mut received = 0;
        for field in Fields::new(header) {
            if field.is("List-Id") && self.is_own_id(&field) {
                return AfterData::Loop(Looped::ListId);
            }
            if self.is_own_delivery(&field) {
                return AfterData::Loop(Looped::DeliveredTo);
            }
            received += usize::from(field.is("Received") && self.is_received_for(&field, host));
            if field.is("Auto-Submitted") && field.keyword() == "auto-replied" {
                return AfterData::NotAllowed;
            }
        }
        if received >= RECEIVED_BEFORE {
            return AfterData::Loop(Looped::Received);
        }
        match self.settings.posting {
            Posting::Anyone | Posting::Members | Posting::Authenticated => AfterData::Post,
            Posting::Moderated => {
                let agrees = |mailbox: &Mailbox| contains(self.moderators(), mailbox);
                // An address alone is not believed: it would open the list to whoever knows a moderator.
                if poster.login.iter().any(agrees) {
                    AfterData::Post
                } else {
                    AfterData::Hold
                }
            }
        }
    }

    /// RFC 2919 sections 3 and 6: the identifier is in angle brackets, white space in it does not count, and neither does
    /// case.
    fn is_own_id(&self, field: &Field<'_>) -> bool {
        let text = field.text();
        let inside = text
            .rsplit_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        let id: Option<String> = inside.map(|(id, _)| id.split_whitespace().collect());
        id.is_some_and(|id| id.eq_ignore_ascii_case(&self.id()))
    }

    /// Whether it is the mark we leave on posts.
    pub(super) fn is_own_delivery(&self, field: &Field<'_>) -> bool {
        field.is("Delivered-To")
            && field
                .mailboxes()
                .iter()
                .any(|mailbox| self.role(mailbox) == Some(Role::Post))
    }

    /// `by` us `for` the list, as we write it.
    fn is_received_for(&self, field: &Field<'_>, host: &str) -> bool {
        let text = field.text();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let behind = |word: &str| {
            let mut pairs = words.windows(2);
            pairs
                .find(|pair| pair[0].eq_ignore_ascii_case(word))
                .map(|pair| pair[1].trim_end_matches(';'))
        };
        let is_ours = behind("by").is_some_and(|by| by.eq_ignore_ascii_case(host));
        let path = behind("for").unwrap_or_default();
        let path = path
            .strip_prefix('<')
            .and_then(|path| path.strip_suffix('>'))
            .unwrap_or(path);
        is_ours
            && Mailbox::parse_user(path)
                .is_ok_and(|mailbox| self.role(&mailbox) == Some(Role::Post))
    }
}
