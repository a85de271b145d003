//! The office: takes what the queue of the store holds, lets [the schedule](delivery::schedule) say what is tried when,
//! has it carried, writes down what came of it, and reports it.
//!
//! It knows no socket, no DNS and no configuration; who it works for is the [`House`]. Nothing it has in memory matters
//! to a start: whatever is not written down is tried again.

mod attempt;
mod connection;
mod counts;
mod desk;
mod entries;
mod fates;
mod given;
mod hands;
mod hatch;
mod house;
mod journal;
mod letter;
mod means;
mod notice;
mod outages;
mod post;
mod remembered;
mod report;
mod rounds;
mod settle;
mod strangers;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use delivery::schedule::{Door, NextHop, Rules, Scope};
use mailstore::{AccountId, Heard, Store};
use tokio::sync::{mpsc, oneshot};

use crate::carry::Carry;

use counts::Counts;
use desk::Desk;
use hands::InHand;
use means::Means;

pub use hatch::{Hatch, Served};
pub use house::{Errand, Home, House, Housed, Nowhere, Route};
pub use outages::Outage;

/// The office at work. Clones are the same office; when the last one is dropped it stops at once.
#[derive(Clone, Debug)]
pub struct Office {
    orders: mpsc::UnboundedSender<Order>,
    in_hand: Arc<InHand>,
    means: Weak<Means>,
}

/// What somebody wants tried now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// One message, by its id in the queue. It is due now from then on, also behind a restart.
    Message(u64),
    /// Everything, or everything for one next hop. A restart forgets it.
    Scope(Scope),
}

/// A next hop, and who wants to send there.
pub type Look = (Arc<NextHop>, Option<AccountId>);

/// What stands between mail and its next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// Nothing but its time and its turn.
    Open,
    /// The next hop could not be reached and is left alone until then.
    Shut {
        /// Then it is tried again.
        until: SystemTime,
        /// What was heard of it last, if it was heard since the start.
        heard: Option<Heard>,
    },
    /// Somebody said so, of the next hop or of everything.
    Paused,
    /// The account has used up what it may send today.
    Stopped,
    /// It is not sent: somebody fetches it.
    Fetched,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// What the schedule knows.
    pub schedule: delivery::schedule::Census,
    /// Attempts that are being made.
    pub attempts: usize,
    /// Jobs that are looked at: what came of them is not known yet, though nobody attempts them.
    pub judging: usize,
    /// Results that the store does not have yet.
    pub unwritten: usize,
    /// Of these, those that wait for others of the same message, to be reported as one.
    pub gathering: usize,
    /// Questions to the store that are not answered yet.
    pub questions: usize,
    /// When something happens by itself next.
    pub next: Option<SystemTime>,
}

/// What the office is told by those who have a handle of it.
#[derive(Debug)]
enum Order {
    Arrived(u64),
    Retry(Which),
    Pause(Scope),
    Resume(Scope),
    Withdrawn(u64),
    Allowed(AccountId),
    Reload(Rules),
    Rerouted,
    Census(oneshot::Sender<Census>),
    Door(NextHop, oneshot::Sender<Door>),
    Stopped(AccountId, oneshot::Sender<bool>),
    Look(Vec<Look>, oneshot::Sender<Vec<Prospect>>),
    Stop(Duration, oneshot::Sender<()>),
}

impl Office {
    /// Opens the office, which begins with what is due in the queue of `store`. To be called inside a tokio runtime.
    ///
    /// `counts` is a file for what accounts have written today, so that a restart does not begin the day anew
    /// ([`Rules::recipients_per_day`]); it is made when it is not there. Reads it, so it may block for a moment.
    #[must_use]
    pub fn start<C: Carry>(
        store: Store,
        carry: Arc<C>,
        rules: Rules,
        house: Arc<dyn House>,
        counts: Option<PathBuf>,
    ) -> Self {
        Self::with_hatch(store, carry, rules, house, counts).0
    }

    /// The same, with a hatch where others fetch what waits for them.
    #[must_use]
    pub fn with_hatch<C: Carry>(
        store: Store,
        carry: Arc<C>,
        rules: Rules,
        house: Arc<dyn House>,
        counts: Option<PathBuf>,
    ) -> (Self, Hatch<C>) {
        let (orders, given) = mpsc::unbounded_channel();
        let means = Arc::new(Means::new(store, house, rules));
        let in_hand = Arc::clone(&means.in_hand);
        let known = Arc::downgrade(&means);
        let desk = Desk::new(means, carry, Counts::read(counts));
        let hatch = desk.hatch();
        tokio::spawn(desk.run(given));
        let office = Self {
            orders,
            in_hand,
            means: known,
        };
        (office, hatch)
    }

    /// The store has a message that was not in the queue, or was held, or goes elsewhere from now on.
    pub fn arrived(&self, id: u64) {
        self.order(Order::Arrived(id));
    }

    /// Somebody wants it tried now, whatever was tried before. What has a release date waits for that all the same.
    pub fn retry(&self, which: Which) {
        self.order(Order::Retry(which));
    }

    /// Nothing more is to start there. What is running goes on. A restart forgets it.
    pub fn pause(&self, scope: Scope) {
        self.order(Order::Pause(scope));
    }

    /// It may start again.
    pub fn resume(&self, scope: Scope) {
        self.order(Order::Resume(scope));
    }

    /// The store has a message held, or no longer. What is on its way is cut off before the message has been said to its end;
    /// true when that comes too late, and another server may have it all the same.
    pub fn withdrawn(&self, id: u64) -> bool {
        self.order(Order::Withdrawn(id));
        self.in_hand.recall(id)
    }

    /// An account that was stopped for the day may go on.
    pub fn allow(&self, account: AccountId) {
        self.order(Order::Allowed(account));
    }

    /// Other rules, or other routes, from now on.
    pub fn reload(&self, rules: Rules) {
        self.order(Order::Reload(rules));
    }

    /// Other routes from now on: the store is read anew.
    pub fn rerouted(&self) {
        self.order(Order::Rerouted);
    }

    /// Configured servers that do not take our mail, by name. None once it has stopped.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        let means = self.means.upgrade();
        means.map(|means| means.outages.now()).unwrap_or_default()
    }

    /// These are the routes of the configuration; of others nothing is to be known any more.
    pub fn configured(&self, names: &[Box<str>]) {
        if let Some(means) = self.means.upgrade() {
            means.outages.keep(names);
        }
    }

    /// How much there is to do. Nothing at all once it has stopped.
    pub async fn census(&self) -> Census {
        self.ask(Order::Census).await.unwrap_or_default()
    }

    /// Whether mail for a next hop can start; `None` once the office has stopped.
    pub async fn door(&self, hop: NextHop) -> Option<Door> {
        self.ask(|answer| Order::Door(hop, answer)).await
    }

    /// Whether an account has used up what it may send today.
    pub async fn is_stopped(&self, account: AccountId) -> bool {
        let asked = self.ask(|answer| Order::Stopped(account, answer)).await;
        asked.unwrap_or(false)
    }

    /// What stands between mail and its next hops, in the order of the questions; nothing once the office has stopped.
    pub async fn prospects(&self, looks: Vec<Look>) -> Vec<Prospect> {
        let asked = self.ask(|answer| Order::Look(looks, answer)).await;
        asked.unwrap_or_default()
    }

    /// The recipients of a message, by their place in its envelope, to whom it is being sent at this moment.
    #[must_use]
    pub fn on_its_way(&self, id: u64) -> Vec<u32> {
        self.in_hand.running(id)
    }

    /// Starts nothing more, lets what is running end within that time, and cuts the rest, which is tried again after a
    /// start. Returns when what came of it is written down.
    pub async fn stop(&self, within: Duration) {
        // No answer: it has stopped before.
        let _ = self.ask(|answer| Order::Stop(within, answer)).await;
    }

    fn order(&self, order: Order) {
        // Whoever gives orders to an office that has stopped finds everything in the store.
        let _ = self.orders.send(order);
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (answer, given) = oneshot::channel();
        self.order(order(answer));
        given.await.ok()
    }
}
