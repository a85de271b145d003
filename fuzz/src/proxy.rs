//! PROXY headers: the reader, fed in any pieces, against one that sees the whole stream at once.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use crate::net_sources::proxy::{Passed, read};
use crate::pieces::{Pieces, cut};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without a thread");
}

/// One octet chooses the cuts, the rest is the stream.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let seed = pieces.octet();
    let stream = pieces.rest();
    let expected = reference(stream);
    assert_eq!(run([stream]), expected, "whole");
    assert_eq!(run(cut(stream, seed)), expected, "in pieces");
}

/// What the header says and how many octets it has, if there is one.
fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<(Passed, usize)> {
    let mut wire = Wire {
        pieces: pieces
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect(),
        taken: 0,
    };
    let header = RUNTIME.with(|runtime| runtime.block_on(read(&mut wire)));
    header.ok().map(|header| (header, wire.taken))
}

/// Gives out at most one piece at a time, then the end.
struct Wire<'a> {
    pieces: VecDeque<&'a [u8]>,
    taken: usize,
}

impl AsyncRead for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(piece) = self.pieces.pop_front() {
            let (now, later) = piece.split_at(piece.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.taken += now.len();
            if !later.is_empty() {
                self.pieces.push_front(later);
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn reference(stream: &[u8]) -> Option<(Passed, usize)> {
    match stream.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        Some(rest) => version_2(rest).map(|(passed, length)| (passed, 12 + length)),
        None => version_1(stream),
    }
}

/// Section 2.1 of the specification: one line of at most 107 octets.
fn version_1(stream: &[u8]) -> Option<(Passed, usize)> {
    let near = &stream[..stream.len().min(107)];
    let end = near.windows(2).position(|two| two == b"\r\n")?;
    if near[..end].contains(&b'\n') {
        return None;
    }
    let rest = near[..end].strip_prefix(b"PROXY ")?;
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        return Some((Passed::Own, end + 2));
    }
    let words: Vec<&str> = str::from_utf8(rest).ok()?.split(' ').collect();
    let [family, source, destination, from, to] = words[..] else {
        return None;
    };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => Some(text.parse::<Ipv4Addr>().ok()?.into()),
            "TCP6" => Some(text.parse::<Ipv6Addr>().ok()?.into()),
            _ => None,
        }
    };
    let port = |text: &str| {
        let port: u16 = text.parse().ok()?;
        (port.to_string() == text).then_some(port)
    };
    Some((
        passed(
            (address(source)?, port(from)?),
            (address(destination)?, port(to)?),
        ),
        end + 2,
    ))
}

/// Section 2.2, behind the signature.
fn version_2(rest: &[u8]) -> Option<(Passed, usize)> {
    let (fixed, rest) = rest.split_first_chunk::<4>()?;
    let [command, transport, lengths @ ..] = *fixed;
    let length = usize::from(u16::from_be_bytes(lengths));
    let block = rest.get(..length)?;
    let passed = match (command, transport) {
        (0x20, _) | (0x21, 0) => Passed::Own,
        (0x21, 0x11) => addresses::<4, Ipv4Addr>(block)?,
        (0x21, 0x21) => addresses::<16, Ipv6Addr>(block)?,
        _ => return None,
    };
    Some((passed, 4 + length))
}

fn addresses<const N: usize, A: From<[u8; N]> + Into<IpAddr>>(block: &[u8]) -> Option<Passed> {
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let to = rest.first_chunk::<2>()?;
    Some(passed(
        (A::from(*source).into(), u16::from_be_bytes(*from)),
        (A::from(*destination).into(), u16::from_be_bytes(*to)),
    ))
}

fn passed(peer: (IpAddr, u16), local: (IpAddr, u16)) -> Passed {
    let canonical = |(ip, port): (IpAddr, u16)| SocketAddr::new(ip.to_canonical(), port);
    Passed::On {
        peer: canonical(peer),
        local: canonical(local),
    }
}
