//! What is scheduled: one message on its way to one next hop. Not what is in it, and not where the next hop is.

use std::sync::Arc;
use std::time::SystemTime;

use address::deliver_by::Mode;
use address::{Domain, Host, ReversePath};

/// Where mail is handed over: what shares connections, limits and back-off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NextHop {
    /// A smarthost or another configured route, by the name of the route.
    Route(Box<str>),
    /// The domain (or address literal) the recipients are at; its hosts are found in DNS.
    Host(Host),
    /// Nowhere: mail for this domain is kept until somebody fetches it over a connection of theirs (RFC 2645). Nothing of it
    /// starts; its time runs out like that of all other mail.
    Held(Domain),
}

/// Whose mail it is: who has a turn when others have had theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// An account of ours that submitted it. Only these are counted by the day.
    Account(u64),
    /// Mail that was not submitted by an account: its reverse-path. Reports, with `<>`, are one sender.
    Path(ReversePath),
}

/// Until when a message is to be delivered (RFC 2852), by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The instant the time given with BY is over.
    pub at: SystemTime,
    /// What becomes of the message then.
    pub mode: Mode,
}

/// The recipients of one message at one next hop that are still to be served, as the store has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The message, by the number it has in the queue for life.
    pub message: u64,
    /// Where it goes. What the schedule hands out shares one `Arc` per next hop.
    pub next_hop: Arc<NextHop>,
    /// Whose it is.
    pub sender: Arc<Sender>,
    /// Indices into the recipients of its envelope.
    pub recipients: Box<[u32]>,
    /// Size of the message.
    pub octets: u64,
    /// When it was accepted.
    pub arrived: SystemTime,
    /// Not before this instant, whatever else is said (HOLDFOR and HOLDUNTIL, RFC 4865).
    pub release: Option<SystemTime>,
    /// When it is to be tried (next).
    pub due: SystemTime,
    /// Attempts so far.
    pub attempts: u32,
    /// When the last of them began.
    pub tried: Option<SystemTime>,
    /// The sender has been told that it takes long ([`Delay::Slow`](super::Delay::Slow)).
    pub told: bool,
    /// The sender has been told that the time given with BY is over ([`Delay::TooLate`](super::Delay::TooLate)).
    pub told_late: bool,
    /// BY of MAIL, if it was given.
    pub deadline: Option<Deadline>,
}

/// What a job is known by: no two with the same key are ever in hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobKey {
    /// The message.
    pub message: u64,
    /// Where it goes.
    pub next_hop: Arc<NextHop>,
}

impl Job {
    /// The key of this job.
    #[must_use]
    pub fn key(&self) -> JobKey {
        JobKey {
            message: self.message,
            next_hop: Arc::clone(&self.next_hop),
        }
    }

    /// Whether it was never tried: only then it counts as written to by its account.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.attempts == 0 && self.tried.is_none()
    }

    /// When the life of the message in the queue began: at its release, if it was to be held.
    #[must_use]
    pub fn began(&self) -> SystemTime {
        self.release
            .map_or(self.arrived, |release| release.max(self.arrived))
    }
}

impl JobKey {
    /// Not greater than any key of this message.
    pub(super) fn first_of(message: u64) -> Self {
        Self {
            message,
            next_hop: Arc::new(NextHop::Route("".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{JobKey, NextHop};

    #[test]
    fn the_first_key_of_a_message_stands_before_all_others_of_it() {
        let hops = [
            NextHop::Route("smarthost".into()),
            NextHop::Host("a.test".parse().unwrap()),
            NextHop::Host("[192.0.2.1]".parse().unwrap()),
        ];
        for hop in hops {
            let key = |message| JobKey {
                message,
                next_hop: Arc::new(hop.clone()),
            };
            assert!(JobKey::first_of(7) < key(7), "{hop:?}");
            assert!(JobKey::first_of(8) > key(7), "{hop:?}");
        }
    }
}
