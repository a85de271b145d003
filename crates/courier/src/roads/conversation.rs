//! One conversation with another server: the pure session of `smtp-client`, driven over a stream.
//!
//! Octets are read while others are written, so that neither side can block the other (RFC 2920 section 3.1), and what is
//! to be sent is gathered into as few writes as there can be. Every wait has an end: that of the session, and that of the
//! conversation as a whole. An idle conversation holds the session and, under TLS, the buffers of rustls; nothing is kept
//! for reading or writing.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use auth::Derived;
use bytes::{Buf as _, Bytes};
use smtp_client::{
    Config, Connection, Ending, Input, Output, Secured, Session, Stage, Transaction, Verdict, Want,
};
use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep_until, timeout, timeout_at};

use super::feed::{Feed, NoLetter};
use super::stream::{Io, Stream};
use super::tls::{Handshake, TlsFault};
use crate::carry::Letter;

/// Octets read at a time. Replies are short.
const READ: usize = 4096;
/// Pieces written with one call.
const SLICES: usize = 16;
/// How long a connection may take to be closed in an orderly way. Nothing depends on it.
const CLOSING: Duration = Duration::from_secs(2);

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Another message may be sent, until this instant.
    Ready(Instant),
    /// The other side sends from now on, if it was asked to.
    Turned,
    /// It is over.
    Over(Ending),
}

/// What became of a message.
#[derive(Debug)]
pub(super) struct Said {
    /// Every recipient of the transaction, once.
    pub(super) verdicts: Vec<Verdict>,
    /// Where the conversation stands now.
    pub(super) rest: Rest,
    /// The server said something since the message began.
    pub(super) answered: bool,
}

/// One conversation.
pub(super) struct Conversation<IO> {
    stream: Stream<IO>,
    session: Session,
    handshake: Option<Handshake>,
    /// What is to be written, in order.
    outbox: VecDeque<Bytes>,
    /// Something was written since the stream was last flushed.
    unflushed: bool,
    deriving: Option<JoinHandle<Derived>>,
    verdicts: Vec<Verdict>,
    answered: bool,
    /// Why there is no TLS, or what is wrong with its certificate.
    fault: Option<TlsFault>,
    /// The end of all patience.
    limit: Instant,
    overtime: bool,
}

/// What happened while something was waited for.
enum Event {
    /// The session has heard something.
    Heard,
    /// Everything is written.
    Written,
    Derived(Box<Derived>),
    /// Nobody has derived anything: the thread is gone.
    NotDerived,
    /// Time is up.
    Late,
    /// The connection is gone.
    Gone,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<IO: Io> Conversation<IO> {
    /// One that begins in the clear; `handshake` is what STARTTLS would mean.
    pub(super) fn plain(
        io: IO,
        config: Arc<Config>,
        handshake: Option<Handshake>,
        nonce: String,
    ) -> Self {
        let connection = Connection {
            secured: None,
            nonce,
        };
        Self::over(Stream::Plain(io), config, handshake, connection)
    }

    /// One that is under TLS from its first octet (RFC 8314 section 3.3).
    ///
    /// # Errors
    /// The handshake failed.
    pub(super) async fn implicit(
        io: IO,
        config: Arc<Config>,
        handshake: Handshake,
        nonce: String,
    ) -> Result<Self, TlsFault> {
        let made = timeout(config.timeouts.handshake, handshake.make(io)).await;
        let made = made.unwrap_or_else(|_| Err(TlsFault::slow()))?;
        let connection = Connection {
            secured: Some(made.secured),
            nonce,
        };
        let stream = Stream::Tls(Box::new(made.stream));
        Ok(Self::over(stream, config, None, connection))
    }

    /// One over a connection that somebody else has opened and gave us; TLS is below it, or is not.
    pub(super) fn handed(io: IO, config: Arc<Config>, secured: Option<Secured>) -> Self {
        let connection = Connection {
            secured,
            nonce: String::new(),
        };
        Self::over(Stream::Plain(io), config, None, connection)
    }

    fn over(
        stream: Stream<IO>,
        config: Arc<Config>,
        handshake: Option<Handshake>,
        connection: Connection,
    ) -> Self {
        let now = now();
        Self {
            stream,
            session: Session::new(config, connection, now),
            handshake,
            outbox: VecDeque::new(),
            unflushed: false,
            deriving: None,
            verdicts: Vec::new(),
            answered: false,
            fault: None,
            limit: now,
            overtime: false,
        }
    }

    /// From the greeting to where a message can be sent. It takes no longer than `within`.
    pub(super) async fn begin(&mut self, within: Duration) -> Rest {
        self.limit = now() + within;
        self.advance(&mut Feed::new(&mut NoLetter, 0)).await
    }

    /// Sends a message. Until all of it is sent it takes no longer than `within`; whether it was taken is waited for as long
    /// as the session says, for giving up then means sending it twice (RFC 5321 section 4.5.3.2.6).
    pub(super) async fn send<L: Letter>(
        &mut self,
        transaction: Transaction,
        feed: &mut Feed<'_, L>,
        within: Duration,
    ) -> Said {
        self.limit = now() + within;
        self.answered = false;
        self.session
            .handle(now(), Input::Transaction(Box::new(transaction)));
        let rest = self.advance(feed).await;
        Said {
            verdicts: mem::take(&mut self.verdicts),
            rest,
            answered: self.answered,
        }
    }

    /// Takes leave.
    pub(super) async fn part(&mut self, within: Duration) {
        self.limit = now() + within;
        self.session.handle(now(), Input::Quit);
        self.advance(&mut Feed::new(&mut NoLetter, 0)).await;
    }

    /// Whether the other side has nothing to say, as far as is known without waiting.
    pub(super) async fn is_quiet(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_read(cx).is_pending())).await
    }

    /// Waits until there is no more use in this idle conversation. Says whether the other side is still there: then its time
    /// is up.
    pub(super) async fn gone(&mut self) -> bool {
        let until = match self.session.output() {
            Output::Ready(until) => until,
            Output::Send(_)
            | Output::StartTls(_)
            | Output::Derive(_)
            | Output::NeedBody(_)
            | Output::Verdicts(_)
            | Output::Wait(_)
            | Output::Reversed
            | Output::Close(_) => return false,
        };
        let read = poll_fn(|cx| self.poll_read(cx));
        timeout_at(until.into(), read).await.is_err()
    }

    /// What it was held over.
    pub(super) fn into_stream(self) -> Stream<IO> {
        self.stream
    }

    /// Why there is no TLS, or what is wrong with its certificate.
    pub(super) fn fault(&self) -> Option<&TlsFault> {
        self.fault.as_ref()
    }

    /// What is known of the TLS under it.
    pub(super) fn secured(&self) -> Option<&Secured> {
        self.session.secured()
    }

    /// It was ended because it took too long as a whole.
    pub(super) fn is_overtime(&self) -> bool {
        self.overtime
    }

    async fn advance<L: Letter>(&mut self, feed: &mut Feed<'_, L>) -> Rest {
        loop {
            match self.session.output() {
                Output::Send(octets) => self.outbox.push_back(octets),
                Output::Verdicts(verdicts) => self.verdicts = verdicts,
                Output::Derive(derivation) => {
                    let derive = move || derivation.derive();
                    self.deriving = Some(tokio::task::spawn_blocking(derive));
                }
                Output::StartTls(until) => self.start_tls(until).await,
                Output::NeedBody(want) => self.give(want, feed).await,
                Output::Wait(until) => {
                    let event = self.event(until, false).await;
                    self.take_in(event);
                }
                Output::Ready(until) => return Rest::Ready(until),
                Output::Reversed => return Rest::Turned,
                Output::Close(ending) => {
                    self.close(&ending).await;
                    return Rest::Over(ending);
                }
            }
        }
    }

    fn take_in(&mut self, event: Event) {
        let now = now();
        match event {
            Event::Heard | Event::Written => {}
            Event::Derived(derived) => self.session.handle(now, Input::Derived(*derived)),
            Event::Late if self.limit().is_some_and(|limit| now >= limit) => {
                self.overtime = true;
                self.session.handle(now, Input::Closed);
            }
            Event::Late => self.session.handle(now, Input::Deadline),
            Event::Gone | Event::NotDerived => self.session.handle(now, Input::Closed),
        }
    }

    /// Gives the session octets of the message once those before them are written.
    async fn give<L: Letter>(&mut self, want: Want, feed: &mut Feed<'_, L>) {
        if self.is_behind() {
            match self.event(want.until, true).await {
                Event::Written => {}
                event @ (Event::Heard
                | Event::Late
                | Event::Gone
                | Event::Derived(_)
                | Event::NotDerived) => return self.take_in(event),
            }
        }
        let until = want.until.min(self.limit);
        let input = timeout_at(until.into(), feed.take(want)).await;
        let now = now();
        match input {
            Ok(Some(octets)) => self.session.handle(now, Input::Body(&octets)),
            Ok(None) | Err(_) => self.session.handle(now, Input::BodyFailed),
        }
    }

    async fn start_tls(&mut self, until: Instant) {
        while self.is_behind() {
            match self.event(until, true).await {
                Event::Written => {}
                // Octets in clear behind the reply to STARTTLS are nobody's (RFC 3207 section 6), and whoever goes on
                // with them while STARTTLS itself is not sent means to keep us reading.
                Event::Heard => {
                    self.fault = Some(TlsFault::early());
                    return self.session.handle(now(), Input::TlsFailed);
                }
                event @ (Event::Late | Event::Gone | Event::Derived(_) | Event::NotDerived) => {
                    return self.take_in(event);
                }
            }
        }
        let stream = mem::replace(&mut self.stream, Stream::Gone);
        let (Stream::Plain(io), Some(handshake)) = (stream, self.handshake.take()) else {
            return self.session.handle(now(), Input::TlsFailed);
        };
        let until = until.min(self.limit);
        let made = timeout_at(until.into(), handshake.make(io)).await;
        match made.unwrap_or_else(|_| Err(TlsFault::slow())) {
            Ok(made) => {
                self.stream = Stream::Tls(Box::new(made.stream));
                self.fault = made.flaw;
                self.session.handle(now(), Input::TlsReady(made.secured));
            }
            Err(fault) => {
                self.fault = Some(fault);
                self.session.handle(now(), Input::TlsFailed);
            }
        }
    }

    /// The orderly end: what is left to be said, `close_notify` under TLS, and the end of the stream.
    async fn close(&mut self, ending: &Ending) {
        if matches!(ending, Ending::Lost(_)) {
            self.stream = Stream::Gone;
            return;
        }
        let _in_time = timeout(CLOSING, async {
            poll_fn(|cx| self.poll_write(cx)).await?;
            self.stream.shutdown().await
        })
        .await;
        self.stream = Stream::Gone;
    }

    fn is_behind(&self) -> bool {
        self.unflushed || !self.outbox.is_empty()
    }

    /// The end of all patience, where there is one.
    fn limit(&self) -> Option<Instant> {
        (self.session.stage() != Stage::Finish).then_some(self.limit)
    }

    /// Waits for what comes first. Everything that is to be written is, as far as the other side takes it.
    async fn event(&mut self, until: Instant, written: bool) -> Event {
        let until = self.limit().map_or(until, |limit| until.min(limit));
        // Whoever always has something to say is not waited for, and would be heard for ever.
        if now() >= until {
            return Event::Late;
        }
        let sleep = sleep_until(until.into());
        tokio::pin!(sleep);
        poll_fn(|cx| self.poll(cx, sleep.as_mut(), written)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, sleep: Pin<&mut Sleep>, written: bool) -> Poll<Event> {
        if let Poll::Ready(event) = self.poll_read(cx) {
            return Poll::Ready(event);
        }
        if self.is_behind() {
            match self.poll_write(cx) {
                Poll::Ready(Ok(())) if written => return Poll::Ready(Event::Written),
                Poll::Ready(Ok(())) | Poll::Pending => {}
                Poll::Ready(Err(_)) => {
                    // A server that hangs up may have said why.
                    self.outbox.clear();
                    self.unflushed = false;
                    return Poll::Ready(match self.poll_read(cx) {
                        Poll::Ready(event) => event,
                        Poll::Pending => Event::Gone,
                    });
                }
            }
        }
        if let Some(deriving) = &mut self.deriving
            && let Poll::Ready(derived) = Pin::new(deriving).poll(cx)
        {
            self.deriving = None;
            return Poll::Ready(match derived {
                Ok(derived) => Event::Derived(Box::new(derived)),
                Err(_) => Event::NotDerived,
            });
        }
        sleep.poll(cx).map(|()| Event::Late)
    }

    /// Hands the session what has come in.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut space = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut space);
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
        if result.is_err() || read.filled().is_empty() {
            return Poll::Ready(Event::Gone);
        }
        self.answered = true;
        self.session.handle(now(), Input::Bytes(read.filled()));
        Poll::Ready(Event::Heard)
    }

    /// Ready when everything is written and flushed.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.outbox.len().min(SLICES);
            for (slice, octets) in slices.iter_mut().zip(&self.outbox) {
                *slice = IoSlice::new(octets);
            }
            let stream = Pin::new(&mut self.stream);
            let written = ready!(stream.poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.take_off(written);
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn take_off(&mut self, mut written: usize) {
        while let Some(first) = self.outbox.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.outbox.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
