//! The driver's waiting: for the peer, for the host, for the clock and for the server's stop, all at once.
//!
//! Every wait of a connection is one function here, polled by hand so that nothing is allocated, registered or
//! locked on the way from one command to the next.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use reply::Reply;
use rustls::ServerConfig;
use wire::{Input, Session, TlsFacts};

use super::pipe::Pipe;
use super::timer::{Timer, now};
use crate::stop::{Alarm, Level, Stop};
use crate::stream::{self, HandshakeError, Stream, Transport};

/// Why a conversation ended before its session closed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the peer closed the connection")]
    Ended,
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
    #[error("the peer does not read")]
    Unread,
    #[error(transparent)]
    Handshake(HandshakeError),
    #[error("no TLS here")]
    NoTls,
    #[error("the server stopped")]
    Stopped,
}

/// Whether input is taken while the host is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Into the inbox, which also notices a peer that is gone.
    Ahead,
    /// Not unless a write is stuck: the peer's TCP window is the back-pressure.
    Paused,
}

/// A pipe with a clock, an alarm and patience.
#[derive(Debug)]
pub(crate) struct Link<IO> {
    pub(crate) pipe: Pipe<IO>,
    pub(crate) timer: Timer,
    pub(crate) alarm: Alarm,
    stop: Stop,
    pub(crate) write_deadline: Duration,
    /// The session knows that the server is draining.
    told: bool,
}

impl<IO: Transport> Link<IO> {
    pub(crate) fn new(stream: Stream<IO>, write_deadline: Duration, stop: Stop) -> Self {
        Self {
            pipe: Pipe::new(stream),
            timer: Timer::default(),
            alarm: stop.alarm(),
            stop,
            write_deadline,
            told: false,
        }
    }

    /// Puts a reply behind those already waiting.
    pub(crate) fn reply(&mut self, reply: &Reply) {
        tracing::debug!(id = reply.row().id, "reply");
        self.pipe.outbox.reply(reply);
    }

    /// Waits until everything said so far is written.
    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Waits until everything said so far is written, and forgets what the peer has said before it could read that: it is
    /// no answer to whatever comes next.
    pub(crate) async fn clear(&mut self) -> Result<(), Lost> {
        let at_hand = poll_fn(|cx| Poll::Ready(self.pipe.read_ahead(cx))).await;
        at_hand.map_err(Lost::Broken)?;
        self.flush().await?;
        drop(self.pipe.take_inbox());
        Ok(())
    }

    /// Waits for the host. Earlier replies are written meanwhile, but only if the host is not ready at once.
    pub(crate) async fn attend<F: Future + Unpin>(
        &mut self,
        mut host: F,
        reading: Reading,
    ) -> Result<F::Output, Lost> {
        poll_fn(|cx| {
            if let Poll::Ready(answer) = std::pin::Pin::new(&mut host).poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            if self.alarm.check(cx) == Level::Dropping {
                return Poll::Ready(Err(Lost::Stopped));
            }
            let stuck = match self.pipe.poll_write(cx) {
                Poll::Ready(written) => written.map_err(Lost::Broken).map(|()| false)?,
                Poll::Pending => true,
            };
            if stuck || reading == Reading::Ahead {
                self.pipe.read_ahead(cx).map_err(Lost::Broken)?;
            }
            Poll::Pending
        })
        .await
    }

    /// Flushes, then gives the session whatever comes first: octets, its deadline or the news that the server
    /// is draining.
    pub(crate) async fn wait<S: Session>(
        &mut self,
        session: &mut S,
        until: Instant,
    ) -> Result<(), Lost> {
        poll_fn(|cx| self.poll_wait(cx, session, until)).await
    }

    /// Runs the handshake on the stream.
    pub(crate) async fn secure(&mut self, config: Arc<ServerConfig>) -> Result<TlsFacts, Lost> {
        let Stream::Plain(io) = std::mem::replace(&mut self.pipe.stream, Stream::Gone) else {
            return Err(Lost::NoTls);
        };
        match stream::secure(io, config, &self.stop).await {
            Ok((stream, facts)) => {
                self.pipe.stream = stream;
                super::note_tls(&facts);
                Ok(facts)
            }
            Err((error, stream)) => {
                self.pipe.stream = stream;
                Err(Lost::Handshake(error))
            }
        }
    }

    fn poll_wait<S: Session>(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut S,
        until: Instant,
    ) -> Poll<Result<(), Lost>> {
        // What a pipelining client has sent already is answered before anything is written: one write for all.
        if let Some(held) = self.pipe.take_inbox() {
            session.handle(now(), Input::Bytes(&held));
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_flush(cx))?;
        if let Some(held) = self.pipe.take_inbox() {
            session.handle(now(), Input::Bytes(&held));
            return Poll::Ready(Ok(()));
        }
        match self.alarm.check(cx) {
            Level::Serving => {}
            Level::Draining if self.told => {}
            Level::Draining => {
                self.told = true;
                session.handle(now(), Input::Shutdown);
                return Poll::Ready(Ok(()));
            }
            Level::Dropping => return Poll::Ready(Err(Lost::Stopped)),
        }
        match self
            .pipe
            .poll_read(cx, |octets| session.handle(now(), Input::Bytes(octets)))
        {
            Poll::Ready(Ok(Some(()))) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(None)) => return Poll::Ready(Err(Lost::Ended)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Lost::Broken(error))),
            Poll::Pending => {}
        }
        self.pipe.rest();
        ready!(self.timer.poll(cx, until));
        session.handle(now(), Input::Deadline);
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        if let Poll::Ready(written) = self.pipe.poll_write(cx) {
            return Poll::Ready(written.map_err(Lost::Broken));
        }
        if self.alarm.check(cx) == Level::Dropping {
            return Poll::Ready(Err(Lost::Stopped));
        }
        // A client may write all its commands before it reads one reply. Unless someone reads meanwhile, both
        // sides wait for the other for ever.
        self.pipe.read_ahead(cx).map_err(Lost::Broken)?;
        let since = self.pipe.stuck_since(now);
        ready!(self.timer.poll(cx, since + self.write_deadline));
        Poll::Ready(Err(Lost::Unread))
    }
}
