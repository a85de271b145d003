//! Next hops that are known to finish what they begin, and how much of the connections the others may hold together. A
//! server that lets everybody in and then says nothing holds a connection for as long as anybody waits for it; it costs
//! nothing to have a thousand such names.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::job::NextHop;
use super::rules::Rules;

/// Next hops that finished a transaction, whatever they answered, and could be reached ever since; the latest so many.
#[derive(Debug, Default)]
pub(super) struct Proven {
    known: BTreeSet<Arc<NextHop>>,
    /// In the order in which they came to be known. A name that is not known any more may stand here.
    order: VecDeque<Arc<NextHop>>,
}

impl Proven {
    /// The administrator vouches for routes, and for whoever fetches.
    pub(super) fn has(&self, hop: &Arc<NextHop>) -> bool {
        match **hop {
            NextHop::Route(_) | NextHop::Held(_) => true,
            NextHop::Host(_) => self.known.contains(hop),
        }
    }

    /// True when that is new.
    pub(super) fn note(&mut self, rules: &Rules, hop: &Arc<NextHop>) -> bool {
        if self.has(hop) {
            return false;
        }
        while self.order.len() >= rules.share()
            && let Some(first) = self.order.pop_front()
        {
            self.known.remove(&first);
        }
        self.order.push_back(Arc::clone(hop));
        self.known.insert(Arc::clone(hop))
    }

    /// It could not be reached.
    pub(super) fn forget(&mut self, hop: &Arc<NextHop>) {
        self.known.remove(hop);
    }
}

/// What is known of a next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// It finishes what it begins.
    Proven,
    /// Nothing.
    #[default]
    Fresh,
    /// It could not be reached when it was tried last.
    Again,
}

impl Standing {
    pub(super) const ALL: [Self; 3] = [Self::Proven, Self::Fresh, Self::Again];
}

/// Connections to next hops that have not proven themselves.
#[derive(Debug, Default)]
pub(super) struct Trials {
    fresh: u32,
    again: u32,
}

impl Trials {
    /// Half of all connections at most, and half of these for those that failed before: so new ones never wait behind
    /// them, and neither waits behind anybody who is known to be slow.
    pub(super) fn have_room(&self, rules: &Rules, standing: Standing) -> bool {
        let most = (rules.connections / 2).max(1);
        let room = self.fresh + self.again < most;
        match standing {
            Standing::Proven => true,
            Standing::Fresh => room,
            Standing::Again => room && self.again < (most / 2).max(1),
        }
    }

    pub(super) fn begin(&mut self, standing: Standing) {
        if let Some(count) = self.count(standing) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn end(&mut self, standing: Standing) {
        if let Some(count) = self.count(standing) {
            *count = count.saturating_sub(1);
        }
    }

    fn count(&mut self, standing: Standing) -> Option<&mut u32> {
        match standing {
            Standing::Proven => None,
            Standing::Fresh => Some(&mut self.fresh),
            Standing::Again => Some(&mut self.again),
        }
    }
}
