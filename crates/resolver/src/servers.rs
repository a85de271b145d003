//! Which servers the system asks: the `nameserver` lines of `/etc/resolv.conf`.
//!
//! Its other lines are about short names and about waiting, which are not asked for and bounded here.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

/// Where name servers listen.
pub const PORT: u16 = 53;

/// Where the system keeps the list.
const FILE: &str = "/etc/resolv.conf";
/// More than any list of name servers; a larger file is not one.
const LARGEST: u64 = 64 * 1024;
/// As many as the C library asks (`MAXNS`).
const MOST: usize = 3;

/// Why the system's list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// The file cannot be read.
    #[error("cannot read {FILE}: {0}")]
    Unreadable(#[source] io::Error),
    /// It is no text of a reasonable size.
    #[error("{FILE} is no list of name servers")]
    NoText,
    /// It names none.
    #[error("{FILE} names no name server (`nameserver 192.0.2.53`)")]
    Empty,
    /// What stands behind `nameserver` is no address that can be asked.
    #[error("{FILE} line {line}: {text:?} is no IP address that can be asked")]
    NoAddress {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

/// The servers that the system asks.
///
/// # Errors
/// What is wrong with its list.
pub fn system_servers() -> Result<Vec<SocketAddr>, ServersError> {
    let mut octets = Vec::new();
    File::open(FILE)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut octets))
        .map_err(ServersError::Unreadable)?;
    if octets.len() as u64 > LARGEST {
        return Err(ServersError::NoText);
    }
    let text = str::from_utf8(&octets).map_err(|_| ServersError::NoText)?;
    servers_in(text)
}

/// The servers named in the text of a `resolv.conf`.
///
/// # Errors
/// A server is named in a way that cannot be understood, or none is named.
pub fn servers_in(text: &str) -> Result<Vec<SocketAddr>, ServersError> {
    let mut servers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let text = words.next().unwrap_or_default();
        let address: IpAddr = text.parse().map_err(|_| ServersError::NoAddress {
            line: index + 1,
            text: text.to_owned(),
        })?;
        let server = SocketAddr::new(address, PORT);
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers.truncate(MOST);
    if servers.is_empty() {
        return Err(ServersError::Empty);
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::servers_in;

    #[track_caller]
    fn check(text: &str, expected: Result<&[&str], &str>) {
        match (servers_in(text), expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                assert_eq!(found, expected);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn reads_what_resolv_conf_says_of_servers() {
        check("nameserver 192.0.2.53\n", Ok(&["192.0.2.53:53"]));
        check(
            "# by a program\nsearch lan\nnameserver\t127.0.0.53 # stub\r\noptions edns0 trust-ad\nnameserver 2001:db8::53",
            Ok(&["127.0.0.53:53", "[2001:db8::53]:53"]),
        );
        // The same twice is one; the C library asks three.
        check(
            "nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4",
            Ok(&["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"]),
        );
        check("#nameserver 192.0.2.53", Err("names no name server"));
        check("nameservers 192.0.2.53", Err("names no name server"));
        check("", Err("names no name server"));
        check("\nnameserver dns.example", Err("line 2: \"dns.example\""));
        check("nameserver", Err("line 1: \"\""));
        // A zone of the network card cannot be given to the socket here.
        check("nameserver fe80::1%eth0", Err("no IP address that can"));
    }
}
