//! The report as a message: which parts it has, how each gets through, and the envelope it goes out with.

use std::ops::Range;

use address::dsn::{Notify, Ret};
use address::{Envelope, ForwardPath, Mailbox, Recipient, ReversePath};
use mime::Field;
use mime::transfer::Transfer;

use crate::facts::{Action, Facts, Languages};
use crate::harmless;
use crate::human::{Returned, Told};
use crate::machine;
use crate::original::Traits;
use crate::whom::{Whom, whom};
use crate::words::{self, fill};

/// A report: what stands around the original, and the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// From `<>`, to whom it concerns; says what the message needs (`body8bit`, `smtputf8`, `requiretls`).
    pub envelope: Envelope,
    /// What comes first.
    pub front: Vec<u8>,
    /// What of the original follows, and how.
    pub between: Option<Between>,
    /// What comes last.
    pub back: Vec<u8>,
}

/// A part of the original, to be put between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// Which octets of the original.
    pub octets: Range<u64>,
    /// How they get through: what to run them through ([`Transfer::encoder`]).
    pub transfer: Transfer,
}

/// The original's part: its type, and what it is made of.
struct Part {
    media_type: &'static str,
    description: &'static str,
    between: Between,
}

/// Writes the report on all outcomes that are to be reported; `None` where there are none.
///
/// The boundary stands nowhere in what is written here. That it does not stand in the original, either, is owed to
/// `random`: nobody could know it when the original was written.
#[must_use]
pub fn compose(facts: &Facts<'_>) -> Option<Report> {
    let of = |who: Whom| {
        let reported = facts.outcomes.iter();
        let told = reported.filter(move |one| whom(&facts.envelope.reverse_path, one) == who);
        told.collect::<Vec<_>>()
    };
    let (to, who, outcomes) = match &facts.envelope.reverse_path {
        ReversePath::Mailbox(sender) => (sender, Whom::Sender, of(Whom::Sender)),
        ReversePath::Null => (facts.postmaster, Whom::Postmaster, of(Whom::Postmaster)),
    };
    if outcomes.is_empty() {
        return None;
    }
    let mut told = Told {
        facts,
        whom: who,
        outcomes,
        returned: Returned::Nothing,
    };
    // RFC 6531 section 3.1: letters beyond ASCII in an address or the header take SMTPUTF8.
    let smtputf8 = !(to.local.is_ascii() && facts.postmaster.local.is_ascii());
    let part = original(&told, smtputf8);
    told.returned = match &part {
        Some(part) if part.is_whole() => Returned::Whole,
        Some(_) => Returned::Header,
        None => Returned::Nothing,
    };
    let (people, programs) = (Ours::people(&told), Ours::programs(&told));
    let boundary = boundary(facts.random, &[&people.encoded, &programs.encoded]);
    let mut front = header(&told, to, smtputf8, &boundary).into_bytes();
    people.write(&boundary, &mut front);
    programs.write(&boundary, &mut front);
    if let Some(part) = &part {
        let fields = [
            ("Content-Type", part.media_type),
            ("Content-Description", part.description),
            ("Content-Transfer-Encoding", part.between.transfer.name()),
        ];
        open(&boundary, &fields, &mut front);
    }
    let mut back = Vec::new();
    let end = if part.is_some() {
        &mut back
    } else {
        &mut front
    };
    end.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let between = part.map(|part| part.between);
    Some(Report {
        envelope: envelope(&told, to, smtputf8, between.as_ref()),
        front,
        between,
        back,
    })
}

/// RFC 3461 section 6.1: from `<>`, without RET; NOTIFY may only be NEVER, and is where it must not come back.
fn envelope(told: &Told<'_>, to: &Mailbox, smtputf8: bool, between: Option<&Between>) -> Envelope {
    let eight_bit = between.is_some_and(|between| between.transfer == Transfer::EightBit);
    let notify = match told.whom {
        Whom::Postmaster => Some(Notify::Never),
        Whom::Sender | Whom::Nobody => None,
    };
    Envelope {
        reverse_path: ReversePath::Null,
        body8bit: eight_bit || smtputf8,
        smtputf8,
        // RFC 8689 section 5: what had to be kept from others' eyes stays so on its way back.
        requiretls: told.facts.envelope.requiretls,
        recipients: vec![Recipient {
            path: ForwardPath::Mailbox(to.clone()),
            notify,
            orcpt: None,
        }],
        ..Envelope::default()
    }
}

/// A boundary that stands in none of these. `=_` stands in nothing that is quoted-printable (RFC 2045 section 6.7), the
/// rest in nothing that was written by anybody who does not know `random`.
fn boundary(random: [u8; 16], texts: &[&[u8]]) -> String {
    let random = hex(random);
    let mut boundary = format!("=_{random}");
    let mut number = 0_u32;
    while texts.iter().any(|text| contains(text, &boundary)) {
        number += 1;
        boundary = format!("=_{number}.{random}");
    }
    boundary
}

fn contains(text: &[u8], boundary: &str) -> bool {
    let mut windows = text.windows(boundary.len());
    windows.any(|window| window == boundary.as_bytes())
}

fn hex(random: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(random))
}

/// The header of the report itself.
fn header(told: &Told<'_>, to: &Mailbox, smtputf8: bool, boundary: &str) -> String {
    let facts = told.facts;
    let reporting = facts.reporting.to_string();
    let language = facts.languages.each()[0];
    let mut header = String::with_capacity(1024);
    let mut add = |field: Field| header.push_str(&field.finish());
    // DSN-18: the postmaster is a human who answers (RFC 3464 section 2).
    let name = harmless::one(&fill(words::FROM, language, &[&reporting]));
    add(Field::new("From").mailbox(&name, facts.postmaster));
    add(Field::new("To").word(&to.to_string()));
    let subject = harmless::one(&subject(told, facts.languages));
    add(if subject.is_ascii() {
        Field::new("Subject").text(&subject)
    } else {
        Field::new("Subject").encoded(&subject)
    });
    add(Field::new("Date").word(&facts.now.to_string()));
    let id = format!("<{}.report@{reporting}>", hex(facts.random));
    add(Field::new("Message-ID").word(&id));
    let known = facts.message_id.map(crate::MessageId::as_str);
    if let Some(id) = known.filter(|id| smtputf8 || id.is_ascii()) {
        add(Field::new("In-Reply-To").word(id));
        add(Field::new("References").word(id));
    }
    // RFC 3834 section 5.
    add(Field::new("Auto-Submitted").word("auto-replied"));
    add(Field::new("MIME-Version").word("1.0"));
    // RFC 6522 section 3.
    add(Field::new("Content-Type").words([
        "multipart/report;",
        "report-type=delivery-status;",
        &format!("boundary=\"{boundary}\""),
    ]));
    header
}

fn subject(told: &Told<'_>, languages: Languages) -> String {
    let words = told.subject();
    let each = languages.each().iter();
    let subjects: Vec<&str> = each.map(|language| words.in_language(*language)).collect();
    subjects.join(" / ")
}

/// Opens a part with these fields; those without a value are left out.
fn open(boundary: &str, fields: &[(&str, &str)], out: &mut Vec<u8>) {
    // The CRLF in front belongs to the boundary (RFC 2046 section 5.1.1); the first ends the header.
    out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        out.extend_from_slice(Field::new(name).word(value).finish().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// RFC 6533 section 4: the new type where an address needs it, the old one where nothing is lost by it.
fn status_type(told: &Told<'_>) -> &'static str {
    if machine::needs_utf8(told) {
        "message/global-delivery-status"
    } else {
        "message/delivery-status"
    }
}

/// A part that we write ourselves.
struct Ours {
    media_type: &'static str,
    /// What it is written in, where that is a language.
    languages: String,
    description: &'static str,
    transfer: Transfer,
    encoded: Vec<u8>,
}

impl Ours {
    fn people(told: &Told<'_>) -> Self {
        let (transfer, encoded) = Transfer::suiting(&told.text());
        let each = told.facts.languages.each().iter();
        let tags: Vec<&str> = each.map(|language| language.tag()).collect();
        Self {
            media_type: "text/plain; charset=utf-8",
            languages: tags.join(", "),
            description: "Notification",
            transfer,
            encoded,
        }
    }

    fn programs(told: &Told<'_>) -> Self {
        let (transfer, encoded) = Transfer::suiting(&machine::fields(told));
        Self {
            media_type: status_type(told),
            languages: String::new(),
            description: "Delivery report",
            transfer,
            encoded,
        }
    }

    fn write(&self, boundary: &str, out: &mut Vec<u8>) {
        let fields = [
            ("Content-Type", self.media_type),
            ("Content-Language", &self.languages),
            ("Content-Description", self.description),
            ("Content-Transfer-Encoding", self.transfer.name()),
        ];
        open(boundary, &fields, out);
        out.extend_from_slice(&self.encoded);
    }
}

/// What of the original comes back.
fn original(told: &Told<'_>, smtputf8: bool) -> Option<Part> {
    let facts = told.facts;
    let original = facts.original?;
    // RFC 3461 sections 4.3 and 6.2: all of it for failures only, as RET says, if it is not too large. Without RET it is
    // ours to choose; the header is enough to know the message by, and so is no use to those who forge senders. RFC 8689
    // section 5: of a message that must not go in clear there is never more, whatever RET says.
    let full = facts.envelope.ret == Some(Ret::Full)
        && !facts.envelope.requiretls
        && told.gravest() == Action::Failed
        && original.octets <= facts.limits.octets;
    let utf8 = facts.envelope.smtputf8;
    let whole = original.whole();
    if full && let Some((media_type, transfer)) = carried(whole, utf8, smtputf8, facts) {
        return Some(Part {
            media_type,
            description: "Undelivered message",
            between: Between {
                octets: 0..original.octets,
                transfer,
            },
        });
    }
    if original.header_octets > facts.limits.octets {
        return None;
    }
    let header = original.header;
    let plain = !header.eight_bit && !header.awkward;
    // RFC 6522 section 4: a broken header may be quoted-printable. RFC 6533 section 4.3: one in UTF-8 has its own type.
    let media_type = if header.eight_bit && utf8 {
        "message/global-headers"
    } else {
        "text/rfc822-headers"
    };
    let transfer = if plain {
        Transfer::SevenBit
    } else {
        Transfer::QuotedPrintable
    };
    Some(Part {
        media_type,
        description: "Header of the message",
        between: Between {
            octets: 0..original.header_octets,
            transfer,
        },
    })
}

/// How all of a message can be carried back, if it can.
fn carried(
    whole: Traits,
    utf8: bool,
    smtputf8: bool,
    facts: &Facts<'_>,
) -> Option<(&'static str, Transfer)> {
    let eight_bit = facts.limits.eight_bit && !whole.awkward;
    match (whole.eight_bit, utf8) {
        // RFC 6533 section 4.5: where SMTPUTF8 may be missing on the way back, it is encoded.
        (true, true) if smtputf8 && eight_bit => Some(("message/global", Transfer::EightBit)),
        (true, true) => Some(("message/global", Transfer::Base64)),
        // RFC 2046 section 5.2.1: message/rfc822 is never encoded.
        (true, false) => eight_bit.then_some(("message/rfc822", Transfer::EightBit)),
        (false, _) => (!whole.awkward).then_some(("message/rfc822", Transfer::SevenBit)),
    }
}

impl Part {
    fn is_whole(&self) -> bool {
        self.media_type.starts_with("message/") && self.media_type != "message/global-headers"
    }
}
