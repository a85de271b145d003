//! The PROXY protocol, versions 1 and 2: a proxy in front of us says whose connection it passes on.
//!
//! This reads one header, to its last octet and not one further, and believes whoever sent it; whether that peer
//! may be believed is the listener's decision. Sending headers, the extensions of version 2 (TLVs: passed over)
//! and anything that is not TCP are deliberately not here.
//!
//! ```text
//! v1: "PROXY" SP ("TCP4" | "TCP6") SP source SP destination SP port SP port CRLF
//!     "PROXY UNKNOWN" anything CRLF                        at most 107 octets in all
//! v2: 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | 2x version and command | family and transport | length (2) | addresses, TLVs
//! ```

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::{FromStr, Split};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::gate::normalised;

/// A proxy sends its header before anything else; one that has not within this time never will.
pub(crate) const HEADER_DEADLINE: Duration = Duration::from_secs(10);

/// The longest header of version 1, CRLF included (specification section 2.1).
const LONGEST_V1: usize = 107;

const V1: [u8; 6] = *b"PROXY ";
const V2: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// The connection is the proxy's own (a health check), or of a client it knows no address of.
    Own,
    /// The connection of a client.
    On {
        /// The client.
        peer: SocketAddr,
        /// The address the client connected to.
        local: SocketAddr,
    },
}

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("the peer closed the connection before it said anything")]
    Silent,
    #[error("no PROXY header came within {} s", HEADER_DEADLINE.as_secs())]
    TooSlow,
    #[error("what came is not a PROXY header")]
    Missing,
    #[error("the PROXY header is not well formed")]
    Malformed,
    #[error("the PROXY header has a version, command or transport that is not served here")]
    Foreign,
    #[error("the connection broke in the PROXY header: {0}")]
    Broken(#[from] io::Error),
}

/// Reads the header, and nothing behind it.
///
/// # Errors
/// [`ProxyError`]. The stream is then of no use: nobody knows who is at its other end.
pub(crate) async fn read<IO: AsyncRead + Unpin>(io: &mut IO) -> Result<Passed, ProxyError> {
    let read = async {
        let start = start(io).await?;
        if start == V2 {
            v2(io).await
        } else {
            v1(io, &start).await
        }
    };
    match tokio::time::timeout(HEADER_DEADLINE, read).await {
        Ok(header) => header,
        Err(_elapsed) => Err(ProxyError::TooSlow),
    }
}

/// As many octets as tell the versions apart; the shortest header of either is longer.
async fn start<IO: AsyncRead + Unpin>(io: &mut IO) -> Result<[u8; V2.len()], ProxyError> {
    let (mut start, mut filled) = ([0; V2.len()], 0);
    while filled < start.len() {
        let read = io.read(&mut start[filled..]).await?;
        if read == 0 {
            return Err(if filled == 0 {
                ProxyError::Silent
            } else {
                ProxyError::Missing
            });
        }
        filled += read;
        // A client that is no proxy is found out by its first octets, not by the deadline.
        let so_far = &start[..filled];
        if !V2.starts_with(so_far) && !so_far.starts_with(&V1[..filled.min(V1.len())]) {
            return Err(ProxyError::Missing);
        }
    }
    Ok(start)
}

async fn v1<IO: AsyncRead + Unpin>(io: &mut IO, start: &[u8]) -> Result<Passed, ProxyError> {
    let mut line = Vec::with_capacity(LONGEST_V1);
    line.extend_from_slice(start);
    while !line.ends_with(b"\r\n") {
        // What is certainly still missing, so that nothing behind the line is taken.
        let missing = if line.ends_with(b"\r") { 1 } else { 2 };
        if line.len() + missing > LONGEST_V1 || line.contains(&b'\n') {
            return Err(ProxyError::Malformed);
        }
        let end = line.len();
        line.resize(end + missing, 0);
        let read = io.read(&mut line[end..]).await?;
        if read == 0 {
            return Err(ProxyError::Malformed);
        }
        line.truncate(end + read);
    }
    let line = &line[V1.len()..line.len() - 2];
    // Section 2.1: after UNKNOWN anything up to CRLF is to be ignored.
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return Ok(Passed::Own);
    }
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::Malformed)?;
    v1_addresses(line).ok_or(ProxyError::Malformed)
}

fn v1_addresses(line: &str) -> Option<Passed> {
    let mut words = line.split(' ');
    let (source, destination) = match words.next()? {
        "TCP4" => (ip::<Ipv4Addr>(&mut words)?, ip::<Ipv4Addr>(&mut words)?),
        "TCP6" => (ip::<Ipv6Addr>(&mut words)?, ip::<Ipv6Addr>(&mut words)?),
        _ => return None,
    };
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    words
        .next()
        .is_none()
        .then(|| passed_on((source, from), (destination, to)))
}

fn ip<A: FromStr + Into<IpAddr>>(words: &mut Split<'_, char>) -> Option<IpAddr> {
    words.next()?.parse::<A>().ok().map(Into::into)
}

/// A decimal number without sign or leading zeros (section 2.1).
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|octet| octet.is_ascii_digit());
    (plain && (word == "0" || !word.starts_with('0')))
        .then(|| word.parse().ok())
        .flatten()
}

async fn v2<IO: AsyncRead + Unpin>(io: &mut IO) -> Result<Passed, ProxyError> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const UNSPECIFIED: u8 = 0x00;
    const TCP4: u8 = 0x11;
    const TCP6: u8 = 0x21;

    let mut fixed = [0; 4];
    exactly(io, &mut fixed).await?;
    let [command, transport, high, low] = fixed;
    let mut rest = usize::from(u16::from_be_bytes([high, low]));
    let passed = match (command, transport) {
        // Section 2.2: with LOCAL the receiver uses the real addresses and discards whatever is there.
        (LOCAL, _) | (PROXY, UNSPECIFIED) => Passed::Own,
        (PROXY, TCP4) => {
            let octets: [u8; 12] = address_block(io, &mut rest).await?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = octets;
            v2_addresses([a, b, c, d], [e, f, g, h], ports)
        }
        (PROXY, TCP6) => {
            let octets: [u8; 36] = address_block(io, &mut rest).await?;
            let (mut source, mut destination, mut ports) = ([0; 16], [0; 16], [0; 4]);
            source.copy_from_slice(&octets[..16]);
            destination.copy_from_slice(&octets[16..32]);
            ports.copy_from_slice(&octets[32..]);
            v2_addresses(source, destination, ports)
        }
        _ => return Err(ProxyError::Foreign),
    };
    pass_over(io, rest).await?;
    Ok(passed)
}

/// Takes an address block off the `rest` of the header.
async fn address_block<const N: usize, IO: AsyncRead + Unpin>(
    io: &mut IO,
    rest: &mut usize,
) -> Result<[u8; N], ProxyError> {
    *rest = rest.checked_sub(N).ok_or(ProxyError::Malformed)?;
    let mut octets = [0; N];
    exactly(io, &mut octets).await?;
    Ok(octets)
}

fn v2_addresses<A: Into<IpAddr>>(source: A, destination: A, ports: [u8; 4]) -> Passed {
    let [a, b, c, d] = ports;
    passed_on(
        (source.into(), u16::from_be_bytes([a, b])),
        (destination.into(), u16::from_be_bytes([c, d])),
    )
}

/// Extensions are not kept, so that the longest header (64 KiB) costs no more memory than the shortest.
async fn pass_over<IO: AsyncRead + Unpin>(
    io: &mut IO,
    mut octets: usize,
) -> Result<(), ProxyError> {
    let mut piece = [0; 256];
    while octets > 0 {
        let end = octets.min(piece.len());
        exactly(io, &mut piece[..end]).await?;
        octets -= end;
    }
    Ok(())
}

async fn exactly<IO: AsyncRead + Unpin>(io: &mut IO, octets: &mut [u8]) -> Result<(), ProxyError> {
    match io.read_exact(octets).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ProxyError::Malformed),
        Err(error) => Err(error.into()),
    }
}

fn passed_on(peer: (IpAddr, u16), local: (IpAddr, u16)) -> Passed {
    Passed::On {
        peer: normalised(peer.into()),
        local: normalised(local.into()),
    }
}

#[cfg(test)]
mod tests;
