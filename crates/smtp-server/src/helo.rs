//! The name a client gives itself with HELO or EHLO. Nobody checks whether it is true (RFC 5321 section 4.1.4).

use std::net::IpAddr;

use address::Host;

/// How a client introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Helo {
    /// The name as given, known to be harmless: a domain or an address literal, underscores allowed.
    pub(crate) name: String,
    /// EHLO rather than HELO; RFC 5321 section 4.1.1.1 wants both.
    pub(crate) extended: bool,
}

impl Helo {
    /// For a client that has no usable name: its address, which is what is known of it.
    pub(crate) fn of_address(peer: IpAddr, extended: bool) -> Self {
        Self {
            name: Host::Literal(peer).to_string(),
            extended,
        }
    }

    /// Reads the argument of HELO or EHLO.
    ///
    /// ```text
    /// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF     ; RFC 5321 section 4.1.1.1
    /// ```
    /// More than the grammar is taken where real clients need it: text behind an address literal, which the
    /// same section wants tolerated, and underscores, which many a computer's name has.
    pub(crate) fn parse(argument: &[u8], extended: bool) -> Option<Self> {
        let end = argument
            .iter()
            .position(|octet| matches!(octet, b' ' | b'\t'));
        let (word, rest) = argument.split_at(end.unwrap_or(argument.len()));
        if !rest.is_empty() && !word.starts_with(b"[") {
            return None;
        }
        let checkable: Vec<u8> = word
            .iter()
            .map(|octet| if *octet == b'_' { b'x' } else { *octet })
            .collect();
        Host::from_ascii(&checkable).ok()?;
        let name = str::from_utf8(word).ok()?.to_owned();
        Some(Self { name, extended })
    }
}

#[cfg(test)]
mod tests {
    use super::Helo;

    #[track_caller]
    fn check(argument: &[u8], expected: Option<&str>) {
        let parsed = Helo::parse(argument, true);
        assert_eq!(parsed.as_ref().map(|helo| helo.name.as_str()), expected);
    }

    #[test]
    fn known_names() {
        check(b"client.example", Some("client.example"));
        check(b"CLIENT", Some("CLIENT"));
        check(b"my_pc.local", Some("my_pc.local"));
        check(b"192.0.2.1", Some("192.0.2.1"));
        check(b"[192.0.2.1]", Some("[192.0.2.1]"));
        check(b"[192.0.2.1] and more", Some("[192.0.2.1]"));
        check(b"[IPv6:2001:db8::1]", Some("[IPv6:2001:db8::1]"));
        check(b"", None);
        check(b"two words", None);
        check(b"a..b", None);
        check(b"host.", None);
        check(b"-a", None);
        check(b"a@b", None);
        check(b"<script>", None);
        check(b"(comment)", None);
        check(b"[192.0.2.1", None);
        check(b"[not an address]", None);
        check("bücher.example".as_bytes(), None);
        check(b"\xff", None);
        check(&[b'a'; 10_000], None);
    }
}
