//! The end of a connection, after its session is gone: last octets out, an orderly close, a short goodbye.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite as _;

use super::link::Link;
use super::timer::now;
use crate::stop::Level;
use crate::stream::Transport;

/// A short last reply must be taken within this time; a long one has the time of any other batch.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// How long to wait for the peer to close as well. Closing while it still sends would make the kernel answer
/// with a reset, which can destroy the last reply before the peer has read it.
const LINGER: Duration = Duration::from_secs(2);

/// Most octets thrown away meanwhile.
const LINGER_OCTETS: usize = 64 * 1024;

/// A waiting last reply of at most this size fits into any socket buffer: the connection no longer counts.
const SMALL: usize = 4 * 1024;

/// A connection whose session has ended.
#[derive(Debug)]
pub(crate) struct Farewell<IO> {
    link: Link<IO>,
    /// The peer has said its last word, too.
    of_both: bool,
}

/// What comes after the last reply.
enum Next {
    /// Whatever is still on its way is the kernel's to deliver.
    Close,
    Linger,
}

impl<IO: Transport> Farewell<IO> {
    pub(crate) fn new(link: Link<IO>) -> Self {
        Self {
            link,
            of_both: false,
        }
    }

    /// The end of a connection whose peer has promised to send nothing more.
    pub(crate) fn of_both(link: Link<IO>) -> Self {
        Self {
            link,
            of_both: true,
        }
    }

    /// Whether the rest is a formality. The caller then frees the peer's place before the last reply is
    /// written, so that a client which reconnects on reading it is not one too many.
    pub(crate) fn is_short(&self) -> bool {
        self.link.pipe.outbox.len() <= SMALL
    }

    /// Flushes, closes our side, waits shortly for the peer to close its own.
    pub(crate) async fn finish(mut self) {
        let patience = self.link.write_deadline;
        let until = now()
            + if self.is_short() {
                patience.min(LAST_WORDS)
            } else {
                patience
            };
        if let Next::Close = poll_fn(|cx| self.poll_last_words(cx, until)).await {
            return;
        }
        let (closed, mut thrown_away) = (now(), 0);
        poll_fn(|cx| self.poll_linger(cx, closed + LINGER, &mut thrown_away)).await;
    }

    /// Whatever comes of it, the stream is shut down here or dropped by the caller, and takes the last octets with it.
    fn poll_last_words(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<Next> {
        let written = match self.link.pipe.poll_write_last(cx) {
            Poll::Ready(Ok(())) if self.of_both && self.link.pipe.is_quiet(cx) => {
                return Poll::Ready(Next::Close);
            }
            Poll::Ready(Ok(())) => Pin::new(&mut self.link.pipe.stream).poll_shutdown(cx),
            unfinished @ (Poll::Ready(Err(_)) | Poll::Pending) => unfinished,
        };
        match written {
            Poll::Ready(Ok(())) => Poll::Ready(Next::Linger),
            Poll::Ready(Err(_)) => Poll::Ready(Next::Close),
            Poll::Pending => {
                // The peer may be busy writing; it comes to reading only if someone takes what it writes.
                if self.link.alarm.check(cx) == Level::Dropping
                    || self.link.pipe.read_ahead(cx).is_err()
                {
                    return Poll::Ready(Next::Close);
                }
                self.link.timer.poll(cx, until).map(|()| Next::Close)
            }
        }
    }

    fn poll_linger(
        &mut self,
        cx: &mut Context<'_>,
        until: Instant,
        thrown_away: &mut usize,
    ) -> Poll<()> {
        if self.link.alarm.check(cx) == Level::Dropping {
            return Poll::Ready(());
        }
        while *thrown_away < LINGER_OCTETS {
            match self.link.pipe.poll_read(cx, <[u8]>::len) {
                Poll::Ready(Ok(Some(octets))) => *thrown_away += octets,
                Poll::Ready(Ok(None) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => return self.link.timer.poll(cx, until),
            }
        }
        Poll::Ready(())
    }
}
