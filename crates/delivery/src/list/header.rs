//! The header a post gets: the list's own fields in front, and everything else as it came.
//!
//! Only header octets come here; bodies are never seen.

use std::borrow::Cow;

use mime::{LINE, LONGEST_LINE};

use super::{Joining, List, ReplyTo, Role};
use crate::fields::{Field, Fields};

/// Fields that only the last list may have (RFC 2369 section 4, RFC 2919 section 7): those of a list the post came
/// through would send people there.
const OWN: [&str; 9] = [
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Mailing-List",
];

/// `TLS-Required: No` gives up what the domain of a recipient asks for. A mediator is to hand that on as far as it can (RFC
/// 8689 section 6), and an alias or a forward does; but nobody who posts gives it up for all members of a list.
const WAIVER: &str = "TLS-Required";

impl List {
    /// Whether this is the header of a copy that a list of ours sent: of what others send, our `Received` is first.
    #[must_use]
    pub fn is_copy(header: &[u8]) -> bool {
        header.starts_with(b"List-Id:")
    }

    /// The list's own fields for one copy, to stand in front of [`List::theirs`]. With `unsubscribe`, an address by
    /// which its recipient leaves the list with one click (RFC 8058); such a copy is for nobody else.
    #[must_use]
    pub fn ours(&self, unsubscribe: Option<&str>) -> Vec<u8> {
        let url = |role: Role, subject: &str| format!("<mailto:{}{subject}>", self.mailbox(role));
        // It cannot be folded, so what would be too long a line is left out; there is always the way by mail.
        let click = unsubscribe
            .map(|unsubscribe| format!("<{unsubscribe}>,"))
            .filter(|word| "List-Unsubscribe: ".len() + word.len() <= LONGEST_LINE)
            .filter(|word| word.bytes().all(|octet| octet.is_ascii_graphic()));
        let mut octets = String::with_capacity(1024);
        let mut add = |field: mime::Field| octets.push_str(&field.finish());
        add(mime::Field::new("List-Id")
            .phrase(&self.settings.name)
            .word(&format!("<{}>", self.id())));
        add(mime::Field::new("List-Help").word(&url(Role::Request, "?subject=help")));
        let leave = url(Role::Request, "?subject=unsubscribe");
        add(mime::Field::new("List-Unsubscribe")
            .words(click.iter())
            .word(&leave));
        if click.is_some() {
            // RFC 8058 section 3.1, to the letter.
            add(mime::Field::new("List-Unsubscribe-Post").word("List-Unsubscribe=One-Click"));
        }
        if self.settings.joining == Joining::Open {
            add(mime::Field::new("List-Subscribe").word(&url(Role::Request, "?subject=subscribe")));
        }
        add(mime::Field::new("List-Post").word(&url(Role::Post, "")));
        add(mime::Field::new("List-Owner").word(&url(Role::Owner, "")));
        add(mime::Field::new("Delivered-To").word(&self.mailbox(Role::Post).to_string()));
        if self.settings.reply_to == ReplyTo::List {
            add(mime::Field::new("Reply-To")
                .mailbox(&self.settings.name, &self.mailbox(Role::Post)));
        }
        octets.into_bytes()
    }

    /// The header section of a post without the fields that [`List::ours`] has and without a wish for less TLS, for all
    /// copies alike. Whatever stands
    /// behind the section in `header` stays, too.
    #[must_use]
    pub fn theirs(&self, header: &[u8]) -> Vec<u8> {
        let mut fields = Fields::new(header);
        let mut octets = Vec::with_capacity(header.len());
        let (mut is_bare, mut tagged) = (true, false);
        for field in fields.by_ref() {
            is_bare = false;
            if self.is_own(&field) {
                continue;
            }
            if field.is("Subject") && !std::mem::replace(&mut tagged, true) {
                octets.extend_from_slice(&self.subject(&field));
            } else {
                octets.extend_from_slice(field.whole);
            }
        }
        let rest = fields.rest();
        // A message without a header section: its first line would become part of ours.
        if is_bare && !rest.is_empty() && !rest.starts_with(b"\r\n") && !rest.starts_with(b"\n") {
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(rest);
        octets
    }

    fn is_own(&self, field: &Field<'_>) -> bool {
        OWN.iter().any(|name| field.is(name))
            || field.is(WAIVER)
            || self.is_own_delivery(field)
            || (self.settings.reply_to == ReplyTo::List && field.is("Reply-To"))
    }

    /// The Subject field with the tag of the list in front, if there is one and it does not have it.
    fn subject<'a>(&self, field: &Field<'a>) -> Cow<'a, [u8]> {
        let Some(tag) = self
            .settings
            .subject_tag
            .as_ref()
            .map(|tag| format!("[{tag}]"))
        else {
            return Cow::Borrowed(field.whole);
        };
        if has_tag(&field.text(), &tag) {
            return Cow::Borrowed(field.whole);
        }
        let before = &field.whole[..field.whole.len() - field.value.len()];
        let first = field
            .value
            .split(|octet| *octet == b'\n')
            .next()
            .unwrap_or_default();
        let mut octets = [before, b" ", tag.as_bytes()].concat();
        if octets.len() + first.len() > LINE && !first.trim_ascii().is_empty() {
            octets.extend_from_slice(b"\r\n");
        }
        if !matches!(
            field.value.first(),
            Some(b' ' | b'\t' | b'\r' | b'\n') | None
        ) {
            octets.push(b' ');
        }
        octets.extend_from_slice(field.value);
        Cow::Owned(octets)
    }
}

/// Whether a subject has the tag, in plain letters or inside encoded words, in any case.
fn has_tag(subject: &str, tag: &str) -> bool {
    let read = mime::decode(subject);
    let mut windows = read.windows(tag.len());
    windows.any(|window| window.eq_ignore_ascii_case(tag.as_bytes()))
}

#[cfg(test)]
mod tests;
