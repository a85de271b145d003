//! The seam between the office, which knows what is to be sent, and the roads, which know how to get there.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::time::SystemTime;

use address::Host;
use bytes::Bytes;
use delivery::schedule::{Ending, NextHop, Verdict};
use reply::{Enhanced, Row};
use smtp_client::{Passed, Said, Transaction};

/// The octets of a message, as often as they are asked for.
pub trait Letter: Send {
    /// Begins anew with the first octet.
    fn rewind(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// The next octets, some at least; `None` behind the last.
    ///
    /// # Errors
    /// Then what was given is not to be sent: it may not be what was taken in.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;

    /// Whether its header says `TLS-Required: No` (RFC 8689 section 3).
    fn waives_tls(&self) -> bool;

    /// These have it, by their places in the transaction, though others are still to be served: whoever ends the attempt in
    /// the middle of that can write it down. Said of each once or more often; letters that nobody ends need not listen.
    fn delivered(&mut self, _: Vec<Carried>) {}
}

/// What is known of the server a recipient's fate was decided at, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name, as DNS or the configuration gave it.
    pub host: Host,
    /// Its address, where it came to a connection.
    pub address: Option<IpAddr>,
    /// Its reply, where it gave one.
    pub said: Option<Said>,
}

/// What one attempt came to for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its place in the recipients of the transaction's envelope.
    pub recipient: usize,
    /// What it means for the schedule.
    pub verdict: Verdict,
    /// The status for a report (RFC 3463); its class is that of the verdict.
    pub status: Enhanced,
    /// A row of the catalogue that says it better than the status.
    pub row: Option<&'static Row>,
    /// Who was asked last.
    pub remote: Option<Remote>,
    /// Which of the sender's wishes the server knows; only where it took the message.
    pub passed: Option<Passed>,
    /// One line for people: what happened, with the server's own words if there were any.
    pub words: String,
    /// When.
    pub when: SystemTime,
}

impl Carried {
    /// Somebody else has said something about this recipient, or it is certain without that.
    pub(crate) fn is_decided(&self) -> bool {
        match self.verdict {
            Verdict::Delivered | Verdict::Refused => true,
            Verdict::Deferred => self.remote.is_some(),
            Verdict::Untried => false,
        }
    }
}

/// What became of one attempt.
#[derive(Debug)]
pub struct Trip<Line> {
    /// Every recipient of the transaction, once.
    pub carried: Vec<Carried>,
    /// How it was for the next hop.
    pub how: Ending,
    /// The connection, if it can take another message.
    pub line: Option<Line>,
}

/// Somebody who can bring messages to other servers.
pub trait Carry: Send + Sync + 'static {
    /// A connection that stands, with nothing on its way.
    type Line: Send + 'static;

    /// Brings a message to the next hop, over `line` or, without one, over a connection to the best of its hosts that
    /// can be reached. Recipients that one host puts off for a reason of its own may be offered to the next. When a line
    /// that was used before turns out to be gone before anything was said, nothing is tried: [`Ending::Stale`].
    fn carry(
        &self,
        hop: &NextHop,
        line: Option<Self::Line>,
        transaction: Transaction,
        letter: &mut impl Letter,
    ) -> impl Future<Output = Trip<Self::Line>> + Send;

    /// Waits until an idle line is of no more use: the other side has closed it, or said something.
    fn gone(&self, line: &mut Self::Line) -> impl Future<Output = ()> + Send;

    /// Takes leave.
    fn part(&self, line: Self::Line) -> impl Future<Output = ()> + Send;
}
