//! What outlasts the states of a session: what the peer offers, how far the connection is used up, what is to be done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Output;
use crate::config::{Config, Connection, Secured};
use crate::features::Features;
use crate::heard::Reader;
use crate::outcome::{Outcome, Verdict};
use crate::transaction::Transaction;

pub(super) struct Context {
    pub(super) config: Arc<Config>,
    /// For a login.
    pub(super) nonce: String,
    pub(super) now: Instant,
    /// When what is waited for is waited for no longer.
    pub(super) deadline: Instant,
    pub(super) reader: Reader,
    pub(super) outputs: VecDeque<Output>,
    pub(super) features: Features,
    pub(super) secured: Option<Secured>,
    pub(super) logged_in: bool,
    /// STARTTLS was refused, and it goes on without.
    pub(super) tls_refused: bool,
    /// The name the peer gives itself.
    pub(super) peer: String,
    /// MAIL commands so far.
    pub(super) mails: u32,
    /// A transaction is open at the peer that has to be reset before another begins.
    pub(super) dirty: bool,
    /// The peer does not know parameters of MAIL that belong to what it offers.
    pub(super) bare: bool,
    /// No more transactions.
    pub(super) leaving: bool,
}

impl Context {
    pub(super) fn new(config: Arc<Config>, connection: Connection, now: Instant) -> Self {
        Self {
            deadline: now + config.timeouts.greeting,
            config,
            nonce: connection.nonce,
            now,
            reader: Reader::default(),
            outputs: VecDeque::new(),
            features: Features::default(),
            secured: connection.secured,
            logged_in: false,
            tls_refused: false,
            peer: String::new(),
            mails: 0,
            dirty: false,
            bare: false,
            leaving: false,
        }
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.now >= self.deadline
    }

    /// What comes next may take so long from now on.
    pub(super) fn allow(&mut self, time: Duration) {
        self.deadline = self.now + time;
    }

    pub(super) fn send(&mut self, octets: impl Into<Bytes>) {
        self.outputs.push_back(Output::Send(octets.into()));
    }

    /// Sends one line.
    pub(super) fn line(&mut self, line: &str) {
        self.send(format!("{line}\r\n"));
    }

    /// Whether the connection may carry another MAIL: by our own measure, and by the peer's (RFC 9422 section 4.1).
    pub(super) fn may_begin(&self) -> bool {
        let theirs = self.features.limits.transactions;
        let most = theirs.map_or(u32::MAX, u32::from);
        self.mails < self.config.max_transactions.max(1).min(most)
    }

    /// Tells that nobody was asked about any recipient of this.
    pub(super) fn refuse(&mut self, transaction: &Transaction) {
        let recipients = 0..transaction.envelope.recipients.len();
        let verdicts = recipients.map(|recipient| Verdict {
            recipient,
            outcome: Outcome::NotTried,
        });
        self.outputs.push_back(Output::Verdicts(verdicts.collect()));
    }
}
