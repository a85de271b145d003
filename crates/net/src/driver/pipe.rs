//! A stream with its outbox and inbox: moves octets, and knows neither session nor host.
//!
//! No buffer is held while nothing is on the way: reads go through the stack of the polling worker.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::outbox::{Outbox, SLICES};
use crate::stream::{Stream, Transport};

/// Most octets taken from a peer that writes while it does not read, or while its last command is still in
/// hand. Beyond it the peer's own TCP window fills.
pub const INBOX: usize = 64 * 1024;

/// One read: two TLS records, and small enough to stay in the cache.
const READ: usize = 32 * 1024;

#[derive(Debug)]
pub(crate) struct Pipe<IO> {
    pub(crate) stream: Stream<IO>,
    pub(crate) outbox: Outbox,
    inbox: Vec<u8>,
    /// The peer has closed its side; what it sent before still counts.
    ended: bool,
    /// Nothing has been written yet.
    fresh: bool,
    /// Octets were given to the stream which it may still hold (TLS records).
    unflushed: bool,
    /// Since when a write is waiting for the peer.
    stuck_since: Option<Instant>,
}

impl<IO: Transport> Pipe<IO> {
    pub(crate) fn new(stream: Stream<IO>) -> Self {
        Self {
            stream,
            outbox: Outbox::default(),
            inbox: Vec::new(),
            ended: false,
            fresh: true,
            unflushed: false,
            stuck_since: None,
        }
    }

    /// Since when the present batch waits for the peer to read.
    pub(crate) fn stuck_since(&mut self, now: impl FnOnce() -> Instant) -> Instant {
        *self.stuck_since.get_or_insert_with(now)
    }

    /// What was read ahead of its time, if anything.
    pub(crate) fn take_inbox(&mut self) -> Option<Vec<u8>> {
        (!self.inbox.is_empty()).then(|| std::mem::take(&mut self.inbox))
    }

    /// Writes the whole outbox, in as few writes as the peer's window allows.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_out(cx, false)
    }

    /// The same before the stream is shut down or dropped, which the caller does next, whatever comes of it.
    pub(crate) fn poll_write_last(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_out(cx, true)
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>, last: bool) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = self.outbox.slices(&mut slices);
            let stream = &mut self.stream;
            let fresh = std::mem::take(&mut self.fresh);
            let written = match &slices[..used] {
                [one] if fresh && !last => match stream.write_first(one) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    done => done?,
                },
                [one] if last => ready!(stream.poll_write_last(cx, one))?,
                [one] => ready!(Pin::new(stream).poll_write(cx, one))?,
                several => ready!(Pin::new(stream).poll_write_vectored(cx, several))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbox.advance(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        self.stuck_since = None;
        Poll::Ready(Ok(()))
    }

    /// Reads once and hands the octets to `take`; `None` when the peer has closed its side.
    pub(crate) fn poll_read<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Poll<io::Result<Option<R>>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let mut space = [const { MaybeUninit::uninit() }; READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            Ok(()) => {}
            // A TLS peer that closes without saying so has closed all the same. Nothing is cut short by it:
            // both protocols mark the end of a message inside the stream.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        if buffer.filled().is_empty() {
            self.ended = true;
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(Ok(Some(take(buffer.filled()))))
    }

    /// Reads ahead into the inbox until it is full or nothing more is there. An end is noted, not reported.
    pub(crate) fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.ended && self.inbox.len() + READ <= INBOX {
            let mut inbox = std::mem::take(&mut self.inbox);
            let polled = self.poll_read(cx, |octets| inbox.extend_from_slice(octets));
            self.inbox = inbox;
            match polled {
                Poll::Ready(outcome) => drop(outcome?),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Whether closing loses nothing: no octet of the peer is waiting, here or in the kernel, for one that is makes the
    /// kernel answer with a reset. Never under TLS, where the peer has an end of its own to send.
    pub(crate) fn is_quiet(&mut self, cx: &mut Context<'_>) -> bool {
        matches!(self.stream, Stream::Plain(_))
            && self.inbox.is_empty()
            && matches!(
                self.poll_read(cx, |_| ()),
                Poll::Pending | Poll::Ready(Ok(None))
            )
    }

    /// Gives memory back while the connection idles.
    pub(crate) fn rest(&mut self) {
        self.outbox.rest();
    }
}
