//! The one loop that drives a session of either protocol over a stream.
//!
//! It carries out what the session says, in order: replies are gathered and written together, questions go to
//! the host, waiting ends with octets, a deadline, the server's stop or the peer's end. It decides nothing the
//! peer could see except when to write.
//!
//! Three rules keep a hostile peer cheap. Output is bounded: with [`OUTBOX`] octets waiting nothing more is
//! produced. Input is bounded: what a peer sends while it does not read waits in an inbox of [`INBOX`] octets.
//! And a batch of output must be taken within [`WRITE_DEADLINE`], however slowly the peer sips.

mod farewell;
mod link;
mod outbox;
mod pipe;
mod refusals;
mod timer;

use std::sync::Arc;
use std::time::Duration;

use reply::{Reply, Row};
use rustls::ServerConfig;
use wire::{Input, Output, Session, TlsFacts};

pub(crate) use farewell::Farewell;
pub(crate) use link::{Link, Lost, Reading};
pub use outbox::OUTBOX;
pub use pipe::INBOX;
use refusals::Refusals;
pub(crate) use refusals::unheard;
pub(crate) use timer::now;

use crate::service::Host;
use crate::stop::Stop;
use crate::stream::{self, HandshakeError, Stream, Transport};

/// A batch of output (at most [`OUTBOX`] octets and one more piece) that the peer has not taken after this
/// time is given up, and the connection with it. A reader at 500 octets a second still keeps up.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(5 * 60);

/// The same for a peer that is being turned away: it gets one line and little patience.
pub(crate) const REFUSED_WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How one connection is driven.
#[derive(Debug)]
pub(crate) struct Terms {
    /// What [`Output::StartTls`] turns to.
    pub(crate) starttls: Option<Arc<ServerConfig>>,
    pub(crate) write_deadline: Duration,
    pub(crate) stop: Stop,
    /// The peer is this machine.
    pub(crate) from_here: bool,
}

/// How a session ended whose peer is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It closes the connection.
    Close,
    /// The connection goes on in other hands.
    HandOver,
}

/// What there is to be done when a session is over.
pub(crate) enum Parting<IO, H> {
    /// Nothing.
    Gone,
    /// The last replies, and an orderly end.
    Farewell(Farewell<IO>),
    /// The host goes on with the stream, on which everything is said.
    HandOver(Stream<IO>, H),
}

/// A session, its host and the line between them and the peer.
pub(crate) struct Driver<IO, H: Host> {
    link: Link<IO>,
    session: H::Session,
    host: H,
    starttls: Option<Arc<ServerConfig>>,
    refusals: Refusals,
}

impl<IO, H> Driver<IO, H>
where
    IO: Transport,
    H: Host,
{
    pub(crate) fn new(stream: Stream<IO>, session: H::Session, host: H, terms: Terms) -> Self {
        let link = Link::new(stream, terms.write_deadline, terms.stop);
        Self {
            link,
            session,
            host,
            starttls: terms.starttls,
            refusals: Refusals::new(terms.from_here),
        }
    }

    /// Drives the session until it closes, hands the connection over or loses its peer.
    pub(crate) async fn run(&mut self) -> Result<End, Lost> {
        let outcome = self.converse().await;
        if let Err(lost) = &outcome {
            self.lose(lost);
        }
        self.refusals.end();
        let login = self.session.witness().login;
        tracing::debug!(
            login,
            lost = outcome.as_ref().err().map(tracing::field::display),
            "closed"
        );
        outcome
    }

    /// Drops the session, and the host unless the connection is handed over to it. What is left is the stream with the
    /// last replies, unless that is gone too.
    pub(crate) fn part(self, outcome: &Result<End, Lost>) -> Parting<IO, H> {
        match outcome {
            Ok(End::HandOver) => Parting::HandOver(self.link.pipe.stream, self.host),
            Ok(End::Close) if self.session.witness().parted => {
                Parting::Farewell(Farewell::of_both(self.link))
            }
            Ok(End::Close) | Err(Lost::Ended | Lost::Handshake(HandshakeError::Failed(_))) => {
                Parting::Farewell(Farewell::new(self.link))
            }
            Err(
                Lost::Broken(_) | Lost::Unread | Lost::NoTls | Lost::Stopped | Lost::Handshake(_),
            ) => Parting::Gone,
        }
    }

    /// Carries out what the session says until it says [`Output::Close`], whose last replies are not written yet, or
    /// [`Output::HandOver`], whose are.
    async fn converse(&mut self) -> Result<End, Lost> {
        loop {
            match self.session.output() {
                Output::Reply(reply) => self.reply(&reply),
                Output::Send(octets) => self.link.pipe.outbox.send(octets),
                Output::Body(octets) => {
                    let body = Box::pin(self.host.body(octets));
                    self.link.attend(body, Reading::Paused).await?;
                }
                Output::Ask(ask) => {
                    // Boxed, so that an idle connection does not carry room for the largest answer.
                    let answer = Box::pin(self.host.answer(ask));
                    let answer = self.link.attend(answer, Reading::Ahead).await?;
                    self.session.handle(now(), Input::Answer(answer));
                }
                Output::StartTls => self.start_tls().await?,
                // RFC 2920 section 3.2: what was gathered leaves when no more input is at hand.
                Output::Wait(until) => self.link.wait(&mut self.session, until).await?,
                Output::HandOver => {
                    self.link.clear().await?;
                    return Ok(End::HandOver);
                }
                Output::Close => return Ok(End::Close),
            }
            if self.link.pipe.outbox.is_full() {
                self.link.flush().await?;
            }
        }
    }

    fn reply(&mut self, reply: &Reply) {
        if reply.row().is_refusal() {
            self.note_refusal(reply.row());
        } else {
            self.refusals.greeted();
        }
        self.link.reply(reply);
    }

    #[cold]
    fn note_refusal(&mut self, row: &Row) {
        let regarding = self.host.regarding();
        let login = self.session.witness().login;
        self.refusals.note(row, login, &regarding, now());
    }

    /// Turns the stream to TLS. Octets that came in the clear behind the command are forgotten: they were not
    /// protected, whoever sent them (RFC 3207 section 4.2, RFC 2595 section 4, CVE-2011-0411).
    async fn start_tls(&mut self) -> Result<(), Lost> {
        self.link.flush().await?;
        drop(self.link.pipe.take_inbox());
        let Some(config) = self.starttls.clone() else {
            return Err(Lost::NoTls);
        };
        let facts = self.link.secure(config).await?;
        self.session.handle(now(), Input::TlsReady(facts));
        Ok(())
    }

    /// Tells the session that nobody is listening any more. What it still says is dropped, and no question is
    /// asked: the host learns of the end by being dropped.
    fn lose(&mut self, lost: &Lost) {
        if let Lost::NoTls = lost {
            tracing::error!("a session asked for TLS on a listener that has none");
        }
        self.link.pipe.outbox.clear();
        self.session.handle(now(), Input::Closed);
        while let Output::Reply(_) | Output::Send(_) | Output::Body(_) = self.session.output() {}
    }
}

/// The stream of an implicit-TLS listener, once its handshake is done. Without one, what there is to close.
pub(crate) async fn greet_in_tls<IO>(
    io: IO,
    config: Arc<ServerConfig>,
    stop: &Stop,
) -> Result<(Stream<IO>, TlsFacts), Option<Farewell<IO>>>
where
    IO: Transport,
{
    match stream::secure(io, config, stop).await {
        Ok((stream, facts)) => {
            note_tls(&facts);
            Ok((stream, facts))
        }
        Err((error, stream)) => {
            tracing::debug!(%error, "no tls");
            Err(match error {
                HandshakeError::Failed(_) => Some(Farewell::new(Link::new(
                    stream,
                    REFUSED_WRITE_DEADLINE,
                    stop.clone(),
                ))),
                HandshakeError::TooSlow | HandshakeError::Stopped => None,
            })
        }
    }
}

/// Fills in the connection span's `tls` field.
fn note_tls(facts: &TlsFacts) {
    tracing::Span::current().record("tls", facts.version);
    tracing::debug!(version = facts.version, cipher = %facts.cipher, "tls");
}
