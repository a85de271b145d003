//! The reply itself: a message of ours, in which nothing from outside can be more than a word.

use address::dsn::Notify;
use address::{Envelope, ForwardPath, Mailbox, Recipient, ReversePath};

use super::body;
use super::{Called, LONGEST_SUBJECT, Owner, Settings, Vacation};
use crate::fields::Field;

/// Most message identifiers in References: the first, which began the conversation, and the latest.
const MOST_IDS: usize = 12;

/// What of a message its reply repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    to: Mailbox,
    requiretls: bool,
    /// Words of its subject.
    subject: Vec<String>,
    message_id: Option<String>,
    references: Vec<String>,
    in_reply_to: Vec<String>,
}

/// What a reply is marked with.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// An RFC 5322 date-time.
    pub date: &'a str,
    /// Its identifier, without angle brackets, such as `0a1b2c@mail.example.test`.
    pub message_id: &'a str,
}

/// A reply, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// From `<>`, to the sender, and no report about it in any case.
    pub envelope: Envelope,
    /// The message, with CRLF at all line ends.
    pub message: Vec<u8>,
}

impl Answer {
    pub(super) fn to(to: Mailbox, requiretls: bool) -> Self {
        Self {
            to,
            requiretls,
            subject: Vec::new(),
            message_id: None,
            references: Vec::new(),
            in_reply_to: Vec::new(),
        }
    }

    /// Takes from a field what a reply repeats; of two fields of one name, the first.
    pub(super) fn read(&mut self, field: &Field<'_>) {
        if field.is("Subject") && self.subject.is_empty() {
            self.subject = subject_words(&field.text());
        } else if field.is("Message-ID") && self.message_id.is_none() {
            self.message_id = field.message_ids().into_iter().next();
        } else if field.is("References") && self.references.is_empty() {
            self.references = field.message_ids();
        } else if field.is("In-Reply-To") && self.in_reply_to.is_empty() {
            self.in_reply_to = field.message_ids();
        }
    }

    /// Who is told.
    #[must_use]
    pub fn recipient(&self) -> &Mailbox {
        &self.to
    }

    /// Writes the reply.
    #[must_use]
    pub fn write(&self, vacation: &Vacation, owner: &Owner<'_>, stamp: &Stamp<'_>) -> Reply {
        let settings = vacation.settings();
        let (encoding, body) = body::of(&settings.text);
        let mut message = String::with_capacity(1024 + body.len());
        let mut add = |field: mime::Field| message.push_str(&field.finish());
        let from = sender(settings, owner);
        let name = settings.name.as_deref().unwrap_or(owner.name);
        add(mime::Field::new("From").mailbox(name, from));
        add(mime::Field::new("To").mailbox("", &self.to));
        add(self.subject(settings.subject.as_deref()));
        add(mime::Field::new("Date").word(stamp.date));
        add(mime::Field::new("Message-ID").word(&format!("<{}>", stamp.message_id)));
        if let Some(id) = &self.message_id {
            add(mime::Field::new("In-Reply-To").word(id));
            add(mime::Field::new("References").words(self.references(id)));
        }
        // RFC 3834 section 5: what other machines know it by.
        add(mime::Field::new("Auto-Submitted").word("auto-replied"));
        add(mime::Field::new("MIME-Version").word("1.0"));
        add(mime::Field::new("Content-Type").words(["text/plain;", "charset=utf-8"]));
        add(mime::Field::new("Content-Transfer-Encoding").word(encoding.name()));
        message.push_str("\r\n");
        let mut message = message.into_bytes();
        message.extend_from_slice(&body);
        Reply {
            envelope: self.envelope(from),
            message,
        }
    }

    /// RFC 3834 section 3.1.5: the subject begins with `Auto:`, unless the account says its own.
    fn subject(&self, own: Option<&str>) -> mime::Field {
        let field = mime::Field::new("Subject");
        match own.filter(|own| !own.trim_ascii().is_empty()) {
            Some(own) => field.text(own),
            None => field.word("Auto:").words(&self.subject),
        }
    }

    /// RFC 5322 section 3.6.4: those of the message and its own; where it has none, what it replied to.
    fn references(&self, id: &str) -> Vec<String> {
        let before = match (self.references.as_slice(), self.in_reply_to.as_slice()) {
            ([], [single]) => std::slice::from_ref(single),
            (references, _) => references,
        };
        let mut ids: Vec<String> = before
            .iter()
            .filter(|known| *known != id)
            .cloned()
            .collect();
        if ids.len() >= MOST_IDS {
            ids.drain(1..ids.len() + 2 - MOST_IDS);
        }
        ids.push(id.to_owned());
        ids
    }

    fn envelope(&self, from: &Mailbox) -> Envelope {
        Envelope {
            // RFC 3834 section 3.3: nothing comes back, and so nothing goes round.
            reverse_path: ReversePath::Null,
            smtputf8: !self.to.local.is_ascii() || !from.local.is_ascii(),
            requiretls: self.requiretls,
            recipients: vec![Recipient {
                path: ForwardPath::Mailbox(self.to.clone()),
                notify: Some(Notify::Never),
                orcpt: None,
            }],
            ..Envelope::default()
        }
    }
}

/// Whom the reply is from: nobody writes under an address that is another's.
fn sender<'a>(settings: &'a Settings, owner: &Owner<'a>) -> &'a Mailbox {
    let chosen = settings.address.as_ref();
    let chosen = chosen.filter(|chosen| Called::new(owner).is(chosen));
    chosen.unwrap_or(owner.mailbox)
}

/// The words of a subject as far as they are repeated: encoded words as they are, what is beyond ASCII encoded.
fn subject_words(text: &str) -> Vec<String> {
    let mut octets = 0;
    let bounded = mime::text(text, 0).into_iter().take_while(|word| {
        octets += word.len() + 1;
        octets <= LONGEST_SUBJECT
    });
    bounded.collect()
}
