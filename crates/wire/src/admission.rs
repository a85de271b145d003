//! What the listener decided about a new connection before its session said a word.
//!
//! Counting connections, pacing them and noticing early talk need sockets and clocks, so `net` does that; the
//! words the peer gets are the protocol's, so the session says them. This is the verdict on its way between.

/// Whether a session greets its peer or turns it away.
///
/// Every verdict but [`Welcome`](Admission::Welcome) makes a session send one refusal and close, without
/// reading a single command; an SMTP session that is [`Refused`](Admission::Refused) waits for QUIT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Admission {
    /// Greet and serve.
    #[default]
    Welcome,
    /// The server as a whole has as many sessions as it may hold.
    TooManySessions,
    /// This address (or its /64) has as many sessions as one address may hold.
    TooManyFromAddress,
    /// This address opens connections faster than it may.
    TooFast,
    /// The server is draining and takes no new sessions.
    Stopping,
    /// The peer spoke before it was greeted (RFC 5321 section 4.3.1), as only senders of spam and smugglers do.
    EarlyTalker,
    /// Nobody may connect from the network this address is in.
    Refused,
}
