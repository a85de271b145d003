//! The part for programs: message/delivery-status (RFC 3464), or its UTF-8 sibling (RFC 6533).

use std::fmt::Write as _;

use address::ForwardPath;
use address::dsn::Orcpt;

use crate::facts::{Action, Facts, Outcome, Said};
use crate::harmless;
use crate::human::Told;
use crate::status;

/// Longest line of a folded field.
const LINE: usize = 76;
/// Longest piece of a line that has no space to fold at; with what may stand around it, a line stays below 998 octets
/// (RFC 5322 section 2.1.1).
const LONGEST_WORD: usize = 900;

/// Writes the fields, a group for the message and one for each recipient; an empty line between them.
pub(crate) fn fields(told: &Told<'_>) -> String {
    let mut fields = Fields::default();
    message(told.facts, &mut fields);
    for outcome in &told.outcomes {
        fields.0.push_str("\r\n");
        recipient(outcome, &mut fields);
    }
    fields.0
}

/// RFC 3464 section 2.2, RFC 3461 section 6.3 (a) to (c).
fn message(facts: &Facts<'_>, fields: &mut Fields) {
    if let Some(envid) = &facts.envelope.envid {
        fields.field("Original-Envelope-Id", &harmless::one(&envid.decoded()));
    }
    fields.field("Reporting-MTA", &format!("dns; {}", facts.reporting));
    fields.field("Arrival-Date", &facts.arrived.to_string());
}

/// RFC 3464 section 2.3, RFC 3461 section 6.3 (d) to (k).
fn recipient(outcome: &Outcome<'_>, fields: &mut Fields) {
    let recipient = outcome.recipient;
    if let Some(orcpt) = &recipient.orcpt {
        let value = format!("{}; {}", orcpt.kind(), original(orcpt));
        fields.field("Original-Recipient", &harmless::one(&value));
    }
    let address = match &recipient.path {
        ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
        // RFC 3461 section 6.3 (e): as the envelope has it.
        ForwardPath::Postmaster => "Postmaster".to_owned(),
    };
    // RFC 6533 section 3: the type follows from the letters.
    let kind = if address.is_ascii() {
        "rfc822"
    } else {
        "utf-8"
    };
    fields.field("Final-Recipient", &format!("{kind}; {address}"));
    fields.field("Action", outcome.action.name());
    let status = status::beside(outcome.action, outcome.status);
    fields.field("Status", &status.to_string());
    if let Some(remote) = &outcome.remote {
        fields.field("Remote-MTA", &format!("dns; {}", remote.host));
        if let Some(said) = &remote.said {
            fields.lines("Diagnostic-Code: smtp;", &diagnostic(said));
        }
    }
    if let Some(tried) = outcome.tried {
        fields.field("Last-Attempt-Date", &tried.to_string());
    }
    // RFC 3464 section 2.3.9: only for what is delayed.
    if let (Some(until), Action::Delayed) = (outcome.until, outcome.action) {
        fields.field("Will-Retry-Until", &until.to_string());
    }
}

/// The reply as RFC 3461 section 9.2 writes it: each line with its code, in ASCII (RFC 6533 section 4.1).
fn diagnostic(said: &Said<'_>) -> Vec<String> {
    let lines = harmless::lines(said.text);
    let last = lines.len() - 1;
    let numbered = lines.iter().enumerate().map(|(at, line)| {
        let sign = if at == last { ' ' } else { '-' };
        let line = harmless::ascii(line);
        format!("{:03}{sign}{line}", said.code.min(999))
    });
    numbered.collect()
}

/// The address the sender wrote. RFC 6533 section 3: letters that were written as `\x{HEX}` become letters again, unless
/// that is no address of this type after all.
pub(crate) fn original(orcpt: &Orcpt) -> String {
    let address = orcpt.decoded();
    if !orcpt.kind().eq_ignore_ascii_case("utf-8") {
        return address;
    }
    match letters(&address) {
        Some(letters) if letters.parse::<address::Mailbox>().is_ok() => letters,
        Some(_) | None => address,
    }
}

/// `None` where an embedded letter is malformed.
fn letters(text: &str) -> Option<String> {
    let mut parts = text.split("\\x{");
    let mut letters = parts.next()?.to_owned();
    for part in parts {
        let (hex, behind) = part.split_once('}')?;
        let digits = (2..=6).contains(&hex.len())
            && hex
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
        let letter = char::from_u32(u32::from_str_radix(hex, 16).ok()?).filter(|_| digits)?;
        letters.push(letter);
        letters.push_str(behind);
    }
    Some(letters)
}

/// Whether an address here needs UTF-8, so that the part is a message/global-delivery-status.
pub(crate) fn needs_utf8(told: &Told<'_>) -> bool {
    told.outcomes.iter().any(|outcome| {
        let mailbox = outcome.recipient.path.mailbox();
        let orcpt = outcome.recipient.orcpt.as_ref();
        mailbox.is_some_and(|mailbox| !mailbox.local.is_ascii())
            || orcpt.is_some_and(|orcpt| !original(orcpt).is_ascii())
    })
}

/// Fields being written. Values hold no line end: they come from types that allow none, or through `harmless`.
#[derive(Debug, Default)]
struct Fields(String);

impl Fields {
    fn field(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, "{name}: {value}\r\n");
    }

    /// A field of several lines, each folded where it is long.
    fn lines(&mut self, begin: &str, lines: &[String]) {
        self.0.push_str(begin);
        let mut column = begin.len();
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                self.0.push_str("\r\n");
                column = 0;
            }
            for word in words(line) {
                if column > 0 && column + 1 + word.len() > LINE {
                    self.0.push_str("\r\n");
                    column = 0;
                }
                self.0.push(' ');
                self.0.push_str(word);
                column += 1 + word.len();
            }
        }
        self.0.push_str("\r\n");
    }
}

/// The words of a line of ASCII, none longer than a line may be.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    words.flat_map(|word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let (piece, behind) = rest.split_at(cut(rest));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        })
    })
}

/// Where a word ends that is too long, but not inside of a `\x{HEX}`.
fn cut(word: &str) -> usize {
    if word.len() <= LONGEST_WORD {
        return word.len();
    }
    let piece = &word[..LONGEST_WORD];
    match piece.rfind("\\x{") {
        Some(at) if at > 0 && !piece[at..].contains('}') => at,
        Some(_) | None => LONGEST_WORD,
    }
}

#[cfg(test)]
mod tests {
    use address::dsn::Orcpt;

    use super::{Fields, diagnostic, original};
    use crate::facts::Said;

    #[track_caller]
    fn check(orcpt: &str, expected: &str) {
        let orcpt = Orcpt::parse(orcpt.as_bytes()).unwrap();
        assert_eq!(original(&orcpt), expected);
    }

    // DSN-04, DSN-17
    #[test]
    fn original_addresses_get_their_letters_back() {
        check("rfc822;a+2Bb@c", "a+b@c");
        check("utf-8;j\\x{F6}rg@b", "jörg@b");
        check("UTF-8;\\x{624B}\\x{7D19}@b", "手紙@b");
        check("utf-8;jörg@b", "jörg@b");
        check("rfc822;j\\x{F6}rg@b", "j\\x{F6}rg@b");
        // Not of that form: as it is.
        check("utf-8;j\\x{f6}rg@b", "j\\x{f6}rg@b");
        check("utf-8;j\\x{D800}rg@b", "j\\x{D800}rg@b");
        check("utf-8;j\\x{F6rg@b", "j\\x{F6rg@b");
        check("utf-8;j\\x{0D}\\x{0A}Bcc@b", "j\\x{0D}\\x{0A}Bcc@b");
        check("utf-8;nobody", "nobody");
    }

    #[test]
    fn diagnostics_repeat_the_code_and_fold() {
        let said = Said {
            code: 550,
            text:
                b"5.1.1 No such user\r\n5.1.1 see https://example.org/a/very/long/address/of/a/page",
        };
        let mut fields = Fields::default();
        fields.lines("Diagnostic-Code: smtp;", &diagnostic(&said));
        assert_eq!(
            fields.0,
            "Diagnostic-Code: smtp; 550-5.1.1 No such user\r\n \
             550 5.1.1 see https://example.org/a/very/long/address/of/a/page\r\n"
        );
        let long = vec![b'x'; 10_000];
        let mut fields = Fields::default();
        let said = Said {
            code: 65_535,
            text: &long,
        };
        fields.lines("Diagnostic-Code: smtp;", &diagnostic(&said));
        assert!(fields.0.split("\r\n").all(|line| line.len() <= 998));
        assert!(fields.0.ends_with("x[...]\r\n"));
    }

    #[test]
    fn a_word_that_is_too_long_is_cut_between_letters() {
        let text = "手".repeat(512);
        let said = Said {
            code: 550,
            text: text.as_bytes(),
        };
        let mut fields = Fields::default();
        fields.lines("Diagnostic-Code: smtp;", &diagnostic(&said));
        let letters: usize = fields
            .0
            .split(['\r', '\n', ' '])
            .map(|word| {
                let letters = word.matches("\\x{624B}").count();
                assert!(letters == 0 || word.len() == letters * 8, "{word}");
                letters
            })
            .sum();
        assert_eq!(letters, 512);
        assert!(fields.0.split("\r\n").all(|line| line.len() <= 998));
    }
}
