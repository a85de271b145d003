//! What is in hand at the moment: recipients that nobody else attempts, and how far their attempt has come.
//!
//! A message that is removed or held while it is on its way is called back here. Each attempt has a [`Gate`] in front of the
//! end of the message: whoever comes first, the attempt that wants to say the end or somebody who withdraws the message,
//! has decided it for both. Nothing that was withdrawn in time reaches anybody later.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Nothing more of it is to be sent.
const WITHDRAWN: u8 = 1;
/// Somebody may have the message: its end was said, to whomever.
const TOLD: u8 = 2;
/// It is being tried.
const RUNNING: u8 = 4;

/// How long the answer to a message that was said to its end is waited for when everything is ended.
const MOMENT: Duration = Duration::from_secs(2);

/// How far an attempt has come.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: AtomicU8,
    called_back: Notify,
}

impl Gate {
    fn is(&self, what: u8) -> bool {
        self.state.load(Ordering::SeqCst) & what != 0
    }

    /// The attempt begins.
    pub(super) fn begin(&self) {
        self.state.fetch_or(RUNNING, Ordering::SeqCst);
    }

    /// It is over, whatever came of it.
    pub(super) fn over(&self) {
        self.state.fetch_and(!RUNNING, Ordering::SeqCst);
    }

    /// Whether nothing more is to be sent.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.is(WITHDRAWN)
    }

    /// The end of the message may be said from now on; not when it was withdrawn before.
    pub(super) fn pass(&self) -> bool {
        let through = |state| (state & WITHDRAWN == 0).then_some(state | TOLD);
        let passed = self
            .state
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, through);
        passed.is_ok()
    }

    /// Waits until the message is withdrawn before anybody may have it. Later there is nothing to be cut off: what was said of
    /// it is to be written down, and whoever does not have it yet does not get it.
    pub(super) async fn called_back(&self) {
        self.called_back.notified().await;
    }

    /// Withdraws it. True when somebody may have it already.
    fn withdraw(&self) -> bool {
        let before = self.state.fetch_or(WITHDRAWN, Ordering::SeqCst);
        if before & TOLD == 0 {
            self.called_back.notify_one();
        }
        before & TOLD != 0
    }
}

/// Everything that is in hand.
#[derive(Debug, Default)]
pub(super) struct InHand {
    messages: Mutex<HashMap<u64, Vec<Held>>>,
    /// This server stops: nothing is waited for any more.
    cut: watch::Sender<bool>,
}

#[derive(Debug)]
struct Held {
    gate: Arc<Gate>,
    recipients: Vec<u32>,
}

impl InHand {
    /// Takes those of these recipients that are in nobody's hands. Routes can change while a message is on its way, and
    /// then the same recipient stands in the job of another next hop.
    pub(super) fn take(self: &Arc<Self>, message: u64, wanted: Vec<u32>) -> Hands {
        let gate = Arc::new(Gate::default());
        let mut in_hand = self.locked();
        let others = in_hand.entry(message).or_default();
        let mut recipients = wanted;
        if !others.is_empty() {
            let taken = others.iter().flat_map(|one| one.recipients.iter().copied());
            let taken: HashSet<u32> = taken.collect();
            recipients.retain(|one| !taken.contains(one));
        }
        others.push(Held {
            gate: Arc::clone(&gate),
            recipients: recipients.clone(),
        });
        Hands {
            in_hand: Arc::clone(self),
            message,
            recipients,
            gate,
        }
    }

    /// Calls back whatever is on its way of a message, which the store has held or no longer: whoever takes it in hand later
    /// sees that there. True when another server may have it already.
    pub(super) fn recall(&self, message: u64) -> bool {
        let in_hand = self.locked();
        let attempts = in_hand.get(&message).into_iter().flatten();
        // All of them, whatever is known of the first.
        let told: Vec<bool> = attempts.map(|one| one.gate.withdraw()).collect();
        told.contains(&true)
    }

    /// Whether somebody has any of a message.
    pub(super) fn has(&self, message: u64) -> bool {
        self.locked().contains_key(&message)
    }

    /// Those recipients of a message whose attempt is being made.
    pub(super) fn running(&self, message: u64) -> Vec<u32> {
        let in_hand = self.locked();
        let attempts = in_hand.get(&message).into_iter().flatten();
        let running = attempts.filter(|one| one.gate.is(RUNNING) && !one.gate.is_withdrawn());
        running
            .flat_map(|one| one.recipients.iter().copied())
            .collect()
    }

    /// Ends everything that is in hand: no message is said to its end any more.
    pub(super) fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub(super) fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }

    /// Waits until everything is ended, and then a moment longer for the answer to what was said to its end: whoever goes
    /// away before it comes sends the message once more (RFC 5321 section 4.5.3.2.6).
    pub(super) async fn ended(&self, gate: &Gate) {
        self.stopped().await;
        if gate.is(TOLD) {
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Waits until everything is ended.
    pub(super) async fn stopped(&self) {
        let mut cut = self.cut.subscribe();
        // It does not fail: the sender is here.
        let _ = cut.wait_for(|cut| *cut).await;
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<u64, Vec<Held>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Recipients of a message that nobody else attempts while this lives.
pub(super) struct Hands {
    in_hand: Arc<InHand>,
    message: u64,
    pub(super) recipients: Vec<u32>,
    pub(super) gate: Arc<Gate>,
}

impl Hands {
    /// Lets go of all but these, which are in order.
    pub(super) fn keep(&mut self, some: &[u32]) {
        self.recipients
            .retain(|one| some.binary_search(one).is_ok());
        let mut in_hand = self.in_hand.locked();
        let attempts = in_hand.get_mut(&self.message).into_iter().flatten();
        for own in attempts.filter(|one| Arc::ptr_eq(&one.gate, &self.gate)) {
            own.recipients.clone_from(&self.recipients);
        }
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        let mut in_hand = self.in_hand.locked();
        if let Some(attempts) = in_hand.get_mut(&self.message) {
            attempts.retain(|one| !Arc::ptr_eq(&one.gate, &self.gate));
            if attempts.is_empty() {
                in_hand.remove(&self.message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_first_to_the_end_of_a_message_decides() {
        let in_hand = Arc::new(InHand::default());
        let early = in_hand.take(7, vec![0]);
        assert!(!in_hand.recall(7), "nobody has it");
        assert!(!early.gate.pass(), "nobody gets it");
        drop(early);
        let late = in_hand.take(7, vec![0]);
        assert!(late.gate.pass());
        assert!(in_hand.recall(7), "somebody may have it");
        assert!(!late.gate.pass(), "and nobody else gets it");
        assert!(!in_hand.recall(8));
    }

    #[test]
    fn a_recipient_is_in_one_hand_only() {
        let in_hand = Arc::new(InHand::default());
        let mut first = in_hand.take(7, vec![0, 1, 2]);
        let second = in_hand.take(7, vec![1, 2, 3]);
        assert_eq!(second.recipients, [3]);
        assert!(in_hand.has(7));
        first.keep(&[1]);
        first.gate.begin();
        assert_eq!(in_hand.running(7), [1]);
        let third = in_hand.take(7, vec![0, 1, 2]);
        assert_eq!(third.recipients, [0, 2]);
        first.gate.over();
        assert_eq!(in_hand.running(7), [0; 0]);
        drop((first, second, third));
        assert!(!in_hand.has(7));
    }
}
