//! The contract between a protocol session and whoever drives it.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use reply::Reply;

/// A protocol state machine with no socket, clock, file or randomness in it.
///
/// The driver calls [`handle`](Session::handle) with one input, then [`output`](Session::output) until it
/// yields [`Output::Wait`] (more bytes wanted), [`Output::Ask`] (the host must answer first),
/// [`Output::StartTls`] (the handshake must end first), [`Output::HandOver`] or [`Output::Close`].
///
/// Rules every session keeps, and the property tests check:
/// 1. At most one [`Output::Ask`] is outstanding; bytes given meanwhile wait inside the session.
/// 2. Splitting the byte stream at any place gives the same replies.
/// 3. Exactly one final reply per command, nothing after [`Output::HandOver`] or [`Output::Close`].
/// 4. At [`Output::StartTls`] everything buffered is forgotten, and so is what the client said before.
pub trait Session {
    /// A question only the host can answer (accounts, store, policy).
    type Ask: Send;
    /// The host's answer; its kind always fits the question.
    type Answer: Send;

    /// Takes in one event. `now` never goes backwards.
    fn handle(&mut self, now: Instant, input: Input<'_, Self::Answer>);

    /// The next thing to do. After [`Output::Close`] it answers `Close` for ever.
    fn output(&mut self) -> Output<Self::Ask>;

    /// What whoever drives the session should know about it right now.
    fn witness(&self) -> Witness<'_>;
}

/// One event given to a session.
#[derive(Debug)]
pub enum Input<'a, A> {
    /// Octets from the peer, in order; any split is allowed.
    Bytes(&'a [u8]),
    /// The host's answer to the outstanding question.
    Answer(A),
    /// The handshake after [`Output::StartTls`] succeeded.
    TlsReady(TlsFacts),
    /// The instant named by the last [`Output::Wait`] has passed.
    Deadline,
    /// The server is draining: finish what is in hand, then say so and close.
    Shutdown,
    /// The peer is gone. No reply can reach it any more.
    Closed,
}

/// One thing the driver must do for a session.
#[derive(Debug)]
pub enum Output<Q> {
    /// Send this reply. Replies are gathered and written together.
    Reply(Reply),
    /// Send these octets as they are (a message on its way out, already dot-stuffed).
    Send(Bytes),
    /// Give these octets to the host (a message on its way in, dots already removed).
    Body(Bytes),
    /// Ask the host, then give its answer with [`Input::Answer`]. Earlier output may be flushed meanwhile.
    Ask(Q),
    /// Flush, then run the TLS handshake; [`Input::TlsReady`] or [`Input::Closed`] follows.
    StartTls,
    /// Flush, then wait for bytes, at the latest until this instant.
    Wait(Instant),
    /// Flush, then the connection belongs to another protocol, spoken by whoever the host has for it: the session is over.
    /// What was read of the connection so far and not answered is forgotten.
    HandOver,
    /// Flush, then close the connection.
    Close,
}

/// What a finished TLS handshake established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// Protocol version as the Received field writes it, such as `TLS1.3`.
    pub version: &'static str,
    /// Cipher suite by its IANA name, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// What a login can be bound to; TLS 1.3 only.
    pub binding: Option<ChannelBinding>,
}

/// Keying material that both ends of one TLS connection can name and nobody else can: `tls-exporter` of
/// RFC 9266. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelBinding(pub [u8; 32]);

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBinding(..)")
    }
}

/// A session's own account of itself, for its driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witness<'a> {
    /// The account this session is logged in to, for the log.
    pub login: Option<&'a str>,
    /// The peer took its leave (QUIT) and sent nothing behind that: after the last reply nobody has to be waited for.
    pub parted: bool,
}
