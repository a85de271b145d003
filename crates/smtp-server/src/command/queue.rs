//! The arguments of ETRN and ATRN: whose queue is meant.

use std::fmt;

use address::Domain;
use reply::{Reply, smtp};

use super::words;

/// Longest name of a queue.
const MAX_QUEUE: usize = 64;

/// What ETRN names (RFC 1985 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `example.org`: this host.
    Host(Domain),
    /// `@example.org`: that domain and all below it.
    Below(Domain),
    /// `#name`: a queue by that name, which is ours to give; letters, digits, hyphens, dots and underscores.
    Queue(String),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(domain) => write!(f, "{domain}"),
            Self::Below(domain) => write!(f, "@{domain}"),
            Self::Queue(name) => write!(f, "#{name}"),
        }
    }
}

/// Reads the argument of ETRN.
///
/// ```text
/// etrn = "ETRN" SP ["@"] node-name / "ETRN" SP "#" queue-name      ; RFC 1985 section 5.1
/// ```
pub(crate) fn node(argument: &[u8]) -> Result<Node, Reply> {
    let mut words = words(argument);
    let (Some(word), None) = (words.next(), words.next()) else {
        return Err(Reply::new(&smtp::ETRN_USAGE));
    };
    let node = match word {
        [b'@', rest @ ..] => domain(rest).map(Node::Below),
        [b'#', rest @ ..] => queue(rest).map(Node::Queue),
        _ => domain(word).map(Node::Host),
    };
    node.ok_or_else(|| Reply::new(&smtp::ETRN_NAME))
}

/// Reads the argument of ATRN.
///
/// ```text
/// atrn = "ATRN" [SP domain *("," domain)]                          ; RFC 2645 section 5.2.1
/// ```
/// No domain means all that belong to the customer.
pub(crate) fn domains(argument: &[u8]) -> Result<Vec<Domain>, Reply> {
    if argument.is_empty() {
        return Ok(Vec::new());
    }
    let named: Option<Vec<Domain>> = argument.split(|octet| *octet == b',').map(domain).collect();
    named.ok_or_else(|| Reply::new(&smtp::BAD_ARGUMENT))
}

fn domain(text: &[u8]) -> Option<Domain> {
    Domain::parse(str::from_utf8(text).ok()?).ok()
}

fn queue(name: &[u8]) -> Option<String> {
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let fits = (1..=MAX_QUEUE).contains(&name.len()) && name.iter().all(fits);
    fits.then(|| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{domains, node};

    #[test]
    fn nodes() {
        #[track_caller]
        fn check(argument: &str, expected: &str) {
            let shown = match node(argument.as_bytes()) {
                Ok(node) => node.to_string(),
                Err(reply) => reply.row().id.to_owned(),
            };
            assert_eq!(shown, expected, "{argument:?}");
        }
        check("customer.example", "customer.example");
        check("Customer.Example", "customer.example");
        check("b\u{fc}cher.example", "xn--bcher-kva.example");
        check("@customer.example", "@customer.example");
        check("#uucp_1", "#uucp_1");
        check("", "S-500d");
        check("a.example b.example", "S-500d");
        check("bad..name", "S-501f");
        check("-x", "S-501f");
        check("@", "S-501f");
        check("#", "S-501f");
        check("#a/b", "S-501f");
        check("@#a", "S-501f");
        check(&format!("#{}", "a".repeat(65)), "S-501f");
    }

    #[test]
    fn domains_of_customers() {
        #[track_caller]
        fn check(argument: &str, expected: Option<&[&str]>) {
            let named = domains(argument.as_bytes()).ok();
            let named: Option<Vec<&str>> = named
                .as_ref()
                .map(|named| named.iter().map(address::Domain::as_str).collect());
            assert_eq!(named.as_deref(), expected, "{argument:?}");
        }
        check("", Some(&[]));
        check("a.example", Some(&["a.example"]));
        check("a.example,B.example", Some(&["a.example", "b.example"]));
        check("a.example,", None);
        check(",", None);
        check("a.example, b.example", None);
        check("a..example", None);
    }
}
