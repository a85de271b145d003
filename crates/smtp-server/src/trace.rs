//! The Received field a message gets on its way in (RFC 5321 section 4.4). Return-Path is the host's.

use std::fmt::Write as _;
use std::net::IpAddr;

use address::{Host, Mailbox};
use wire::TlsFacts;

/// Longest line to write where folding allows it (RFC 5322 section 2.1.1).
const LINE: usize = 78;

/// How a message came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What the client called itself: a domain or an address literal, nothing else.
    pub helo: String,
    /// The WITH keyword (RFC 3848, RFC 6531 section 4.3), such as `ESMTPSA`.
    pub protocol: &'static str,
    /// The message came with SMTPUTF8, so its trace may name its recipient in UTF-8 (RFC 6531 section 3.7.3).
    pub smtputf8: bool,
    /// The client's address.
    pub peer: IpAddr,
    /// Its host name, if a proxy said so (XCLIENT).
    pub name: Option<String>,
    /// Where the message was before it came to the client, if the client said so and may (XFORWARD).
    pub origin: Option<Origin>,
    /// What TLS established, if it is on.
    pub tls: Option<TlsFacts>,
    /// The account the message was submitted by.
    pub login: Option<String>,
}

/// Where a message came from before it went through a filter, as far as the filter said so. Every word is a domain, an
/// address literal or of letters and digits, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's host name.
    pub name: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client's port.
    pub port: Option<u16>,
    /// The protocol it used, such as `ESMTP`.
    pub protocol: Option<String>,
    /// What it called itself.
    pub helo: Option<String>,
    /// What the filter calls the message: any printable ASCII.
    pub ident: Option<String>,
}

impl Origin {
    /// `helo (name [address])`, as far as it is known: a comment for the Received field.
    fn comment(&self) -> Option<String> {
        let address = self.address.map(|peer| Host::Literal(peer.to_canonical()));
        let (name, helo) = (self.name.as_ref(), self.helo.as_ref());
        if name.is_none() && helo.is_none() && address.is_none() {
            return None;
        }
        let mut comment = "(forwarded for".to_owned();
        for word in [helo, name].into_iter().flatten() {
            let _ = write!(comment, " {word}");
        }
        if let Some(address) = address {
            let _ = write!(comment, " {address}");
        }
        comment.push(')');
        Some(comment)
    }
}

/// The WITH keyword of a session (RFC 3848; with SMTPUTF8 RFC 6531 section 4.3). There is none for HELO with TLS or
/// AUTH; those count as ESMTP.
pub(crate) const fn protocol(
    extended: bool,
    tls: bool,
    login: bool,
    smtputf8: bool,
) -> &'static str {
    if smtputf8 {
        return match (tls, login) {
            (false, false) => "UTF8SMTP",
            (false, true) => "UTF8SMTPA",
            (true, false) => "UTF8SMTPS",
            (true, true) => "UTF8SMTPSA",
        };
    }
    match (extended, tls, login) {
        (false, false, false) => "SMTP",
        (true, false, false) => "ESMTP",
        (_, false, true) => "ESMTPA",
        (_, true, false) => "ESMTPS",
        (_, true, true) => "ESMTPSA",
    }
}

/// Writes the Received field, folded to lines of 78 octets where its words allow, CRLF at the end.
///
/// `host` is our name, `id` the message's, `date` an RFC 5322 date-time. `only` is the recipient, if there is just
/// one: naming several would tell each about the others (RFC 5321 section 7.2).
///
/// ```text
/// Stamp = From-domain By-domain Opt-info [CFWS] ";" FWS date-time    ; RFC 5321 section 4.4
/// Opt-info = [With] [ID] [For] [Additional-Registered-Clauses]
/// tls clause = "tls" FWS tls-cipher                                  ; RFC 8314 section 4.3
/// ```
#[must_use]
pub fn received(trace: &Trace, host: &str, id: &str, date: &str, only: Option<&Mailbox>) -> String {
    let peer = Host::Literal(trace.peer.to_canonical());
    let mut field = Folded::new("Received:", trace.smtputf8);
    field.words(&["from", &trace.helo]);
    // RFC 5321 section 4.4: TCP-info has the host name in front of the address, where it is known.
    let mut info = String::with_capacity(64);
    info.push('(');
    if let Some(name) = &trace.name {
        info.push_str(name);
        info.push(' ');
    }
    // Writing into memory does not fail.
    let _ = write!(info, "{peer})");
    field.word(&info);
    if let Some(comment) = trace.origin.as_ref().and_then(Origin::comment) {
        field.word(&comment);
    }
    field.words(&["by", host]);
    field.words(&["with", trace.protocol]);
    field.words(&["id", id]);
    if let Some(mailbox) = only {
        info.clear();
        let _ = write!(info, "<{mailbox}>");
        field.words(&["for", &info]);
    }
    if let Some(tls) = &trace.tls {
        field.words(&["tls", &tls.cipher]);
    }
    field.end(";");
    field.word(date);
    field.finish()
}

/// A header field that folds itself.
struct Folded {
    text: String,
    /// Octets in the line so far.
    column: usize,
    /// Letters beyond ASCII may be in it (RFC 6532 section 3.2).
    utf8: bool,
}

impl Folded {
    fn new(name: &str, utf8: bool) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str(name);
        Self {
            column: name.len(),
            utf8,
            text,
        }
    }

    /// Adds words that belong on one line, with spaces between them.
    fn words(&mut self, words: &[&str]) {
        let length = words.iter().map(|word| word.len() + 1).sum::<usize>();
        self.fold_before(length.saturating_sub(1));
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                self.text.push(' ');
                self.column += 1;
            }
            self.push(word);
        }
    }

    /// Adds a word, on a line of its own if it does not fit.
    fn word(&mut self, word: &str) {
        self.fold_before(word.len());
        self.push(word);
    }

    /// Goes on to where so many octets may begin. The `;` behind them counts with them.
    fn fold_before(&mut self, length: usize) {
        if self.column + 2 + length > LINE {
            self.text.push_str("\r\n\t");
            self.column = 1;
        } else {
            self.text.push(' ');
            self.column += 1;
        }
    }

    fn push(&mut self, word: &str) {
        // Everything that comes from outside was checked when it came; this is the second lock on the door.
        let harmless = |letter: &char| {
            matches!(letter, ' '..='~') || (self.utf8 && !letter.is_ascii() && !letter.is_control())
        };
        if word.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
            self.text.push_str(word);
        } else {
            let letters = word.chars();
            let letters = letters.map(|letter| if harmless(&letter) { letter } else { '?' });
            self.text.extend(letters);
        }
        self.column += word.len();
    }

    fn end(&mut self, mark: &str) {
        self.text.push_str(mark);
        self.column += mark.len();
    }

    fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Trace, protocol, received};
    use wire::TlsFacts;

    const DATE: &str = "Sun, 22 Nov 2026 01:02:03 +0000";

    fn trace() -> Trace {
        Trace {
            helo: "client.example".to_owned(),
            protocol: "ESMTP",
            smtputf8: false,
            peer: "192.0.2.1".parse().unwrap(),
            name: None,
            origin: None,
            tls: None,
            login: None,
        }
    }

    #[track_caller]
    fn check(trace: &Trace, only: Option<&str>, expected: &str) {
        let only = only.map(|mailbox| mailbox.parse().unwrap());
        assert_eq!(
            received(trace, "mail.example.test", "0a1b2c", DATE, only.as_ref()),
            expected
        );
    }

    #[test]
    fn names_client_server_protocol_and_id() {
        check(
            &trace(),
            None,
            "Received: from client.example ([192.0.2.1]) by mail.example.test with ESMTP\r\n\
             \tid 0a1b2c; Sun, 22 Nov 2026 01:02:03 +0000\r\n",
        );
    }

    #[test]
    fn names_the_only_recipient_and_the_cipher() {
        let tls = TlsFacts {
            version: "TLS1.3",
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            binding: None,
        };
        let trace = Trace {
            protocol: "ESMTPSA",
            tls: Some(tls),
            ..trace()
        };
        check(
            &trace,
            Some("\"a b\"@example.test"),
            "Received: from client.example ([192.0.2.1]) by mail.example.test with ESMTPSA\r\n\
             \tid 0a1b2c for <\"a b\"@example.test> tls TLS_AES_256_GCM_SHA384;\r\n\
             \tSun, 22 Nov 2026 01:02:03 +0000\r\n",
        );
    }

    #[test]
    fn names_what_proxies_and_filters_say_about_the_client() {
        let origin = Origin {
            address: Some("2001:db8::7".parse().unwrap()),
            helo: Some("first.example".to_owned()),
            ..Origin::default()
        };
        let trace = Trace {
            name: Some("client.example".to_owned()),
            origin: Some(origin),
            ..trace()
        };
        check(
            &trace,
            None,
            "Received: from client.example (client.example [192.0.2.1])\r\n\
             \t(forwarded for first.example [IPv6:2001:db8::7]) by mail.example.test\r\n\
             \twith ESMTP id 0a1b2c; Sun, 22 Nov 2026 01:02:03 +0000\r\n",
        );
        let nothing = Trace {
            name: None,
            origin: Some(Origin {
                ident: Some("42".to_owned()),
                ..Origin::default()
            }),
            ..trace
        };
        assert!(!received(&nothing, "h", "i", DATE, None).contains("forwarded"));
    }

    #[test]
    fn names_a_recipient_beyond_ascii_where_smtputf8_allows_it() {
        let utf8 = Trace {
            protocol: "UTF8SMTP",
            smtputf8: true,
            ..trace()
        };
        check(
            &utf8,
            Some("jörg@bücher.example"),
            "Received: from client.example ([192.0.2.1]) by mail.example.test\r\n\
             \twith UTF8SMTP id 0a1b2c for <jörg@xn--bcher-kva.example>;\r\n\
             \tSun, 22 Nov 2026 01:02:03 +0000\r\n",
        );
        let recipient = "jörg@example.test".parse().unwrap();
        let ascii = received(&trace(), "h", "i", DATE, Some(&recipient));
        assert!(ascii.contains("<j?rg@example.test>"), "{ascii:?}");
    }

    #[test]
    fn writes_ipv6_as_a_literal_and_mapped_addresses_as_ipv4() {
        let v6 = Trace {
            peer: "2001:db8::1".parse().unwrap(),
            ..trace()
        };
        assert!(received(&v6, "h", "i", DATE, None).contains("([IPv6:2001:db8::1])"));
        let mapped = Trace {
            peer: "::ffff:192.0.2.7".parse().unwrap(),
            ..trace()
        };
        assert!(received(&mapped, "h", "i", DATE, None).contains("([192.0.2.7])"));
    }

    #[test]
    fn hostile_names_cannot_start_a_line() {
        let trace = Trace {
            helo: "x\r\nBcc: victim@l\r\n\r\n\u{1b}[2J".to_owned(),
            ..trace()
        };
        let field = received(&trace, "h", "i", DATE, None);
        assert!(
            field
                .trim_end()
                .split("\r\n")
                .skip(1)
                .all(|line| line.starts_with('\t')),
            "{field:?}"
        );
        assert!(
            field.starts_with("Received: from x??Bcc: victim@l????"),
            "{field:?}"
        );
    }

    #[test]
    fn lines_stay_within_78_octets_unless_one_word_is_longer() {
        let long = format!("{}.{}", "a".repeat(60), "b".repeat(60));
        let trace = Trace {
            helo: long.clone(),
            ..trace()
        };
        let field = received(&trace, "mail.example.test", "0a1b2c", DATE, None);
        for line in field.trim_end().split("\r\n") {
            assert!(line.len() <= 78 || line.contains(&long), "{line:?}");
            assert!(line.len() <= 998);
        }
    }

    #[test]
    fn protocols_follow_rfc_3848_and_rfc_6531() {
        for (extended, tls, login, plain, utf8) in [
            (false, false, false, "SMTP", "UTF8SMTP"),
            (true, false, false, "ESMTP", "UTF8SMTP"),
            (true, true, false, "ESMTPS", "UTF8SMTPS"),
            (true, false, true, "ESMTPA", "UTF8SMTPA"),
            (true, true, true, "ESMTPSA", "UTF8SMTPSA"),
            (false, true, true, "ESMTPSA", "UTF8SMTPSA"),
        ] {
            assert_eq!(protocol(extended, tls, login, false), plain);
            assert_eq!(protocol(extended, tls, login, true), utf8);
        }
    }
}
