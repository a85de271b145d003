//! What people, and those who take mail in, tell the office; and how it closes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use delivery::schedule::{Event, Job, Rules, Scope, Sender};
use mailstore::AccountId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Desk, News, Stopping};
use crate::carry::Carry;
use crate::office::entries::{self, Unread};
use crate::office::letter::blocking;
use crate::office::means::Means;
use crate::office::{Order, Which};

/// Messages read at once that were said to be there.
const BATCH: usize = 64;
/// What is being written down when the time for stopping is over may take so much longer.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the store has of messages that were asked for.
#[derive(Default)]
pub(in crate::office) struct Fetched {
    jobs: Vec<Job>,
    /// Jobs that the index will not show when they are due.
    aside: Vec<(SystemTime, u64)>,
    /// Messages that cannot be read now.
    unread: Vec<u64>,
}

impl<C: Carry> Desk<C> {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Arrived(id) => {
                self.touched(id);
                self.arrived.insert(id);
            }
            Order::Retry(Which::Message(id)) => self.retry(id),
            Order::Retry(Which::Scope(scope)) => self.handle(Event::RetryAll(scope)),
            Order::Pause(scope) => self.handle(Event::Pause(scope)),
            Order::Resume(scope) => self.resume(scope),
            Order::Withdrawn(id) => {
                self.arrived.remove(&id);
                self.handle(Event::Withdrawn(id));
            }
            Order::Allowed(account) => self.allow(account),
            Order::Reload(rules) => self.reload(rules),
            Order::Rerouted => self.reload(Rules::clone(&self.means.rules())),
            Order::Census(answer) => {
                let census = self.census();
                // Whoever asked may have gone.
                let _ = answer.send(census);
            }
            Order::Door(hop, answer) => {
                let _ = answer.send(self.schedule.door(&Arc::new(hop)));
            }
            Order::Stopped(AccountId(account), answer) => {
                let sender = Arc::new(Sender::Account(account));
                let _ = answer.send(self.schedule.is_stopped(&sender));
            }
            Order::Look(looks, answer) => {
                let _ = answer.send(self.prospects(&looks));
            }
            Order::Stop(within, answer) => self.stop(within, answer),
        }
    }

    /// Nothing starts any more once it is being closed.
    fn resume(&mut self, scope: Scope) {
        if self.stopping.is_none() {
            self.handle(Event::Resume(scope));
        }
    }

    fn allow(&mut self, AccountId(account): AccountId) {
        self.counts.forget(account, self.means.now());
        let sender = Arc::new(Sender::Account(account));
        self.handle(Event::Allowed(sender));
    }

    fn reload(&mut self, rules: Rules) {
        self.means.set_rules(rules.clone());
        self.schedule.reload(self.means.now(), rules);
    }

    /// Has one message tried now: durably, and then here.
    fn retry(&mut self, id: u64) {
        let (means, say) = (Arc::clone(&self.means), self.say.clone());
        self.questions += 1;
        self.clerks.spawn(async move {
            let now = entries::milliseconds(means.now());
            let mut fetched = Fetched::default();
            match means.store.queue_retry(id, now).await {
                Ok(_) => {
                    let with = Arc::clone(&means);
                    let read = blocking(&means, move || read(&with, &[id])).await;
                    fetched = read.unwrap_or_default();
                }
                Err(error) => tracing::warn!(id, %error, "a message cannot be made due"),
            }
            let _ = say.send(News::Hurried(fetched));
        });
    }

    /// Reads the messages that were said to be there, some at a time.
    pub(super) fn fetch(&mut self) {
        if self.fetching || self.arrived.is_empty() || self.stopping.is_some() {
            return;
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(id) = self.arrived.pop_first()
        {
            batch.push(id);
        }
        self.fetching = true;
        let (means, say) = (Arc::clone(&self.means), self.say.clone());
        self.clerks.spawn(async move {
            let (with, ids) = (Arc::clone(&means), batch.clone());
            let read = blocking(&means, move || read(&with, &ids)).await;
            let fetched = read.unwrap_or_else(|_| Fetched {
                unread: batch,
                ..Fetched::default()
            });
            let _ = say.send(News::Fetched(fetched));
        });
    }

    /// What was read of messages that had been said to be there.
    pub(super) fn fetched(&mut self, fetched: Fetched) {
        self.fetching = false;
        let jobs = self.taken(fetched);
        self.arrive(jobs);
    }

    /// What was read of messages that somebody wants tried now.
    pub(super) fn hurried(&mut self, fetched: Fetched) {
        self.questions = self.questions.saturating_sub(1);
        for job in self.taken(fetched) {
            self.touched(job.message);
            self.handle(Event::Retry(job));
        }
    }

    fn taken(&mut self, fetched: Fetched) -> Vec<Job> {
        let later = self.means.now() + self.means.rules().soon;
        let unread = fetched.unread.into_iter().map(|id| (later, id));
        for (at, id) in unread.chain(fetched.aside) {
            self.set_aside(at, id);
        }
        fetched.jobs
    }

    /// Starts nothing more, and lets what is running end.
    fn stop(&mut self, within: Duration, answer: oneshot::Sender<()>) {
        let deadline = Instant::now() + within;
        match &mut self.stopping {
            Some(stopping) => {
                stopping.deadline = stopping.deadline.min(deadline);
                stopping.answers.push(answer);
            }
            None => {
                self.handle(Event::Pause(Scope::All));
                self.end_rounds();
                // Without work to come, they take leave.
                self.connections.retain(|_, held| held.job.is_some());
                self.stopping = Some(Stopping {
                    deadline,
                    cut: false,
                    answers: vec![answer],
                });
            }
        }
    }

    /// Whether it is to stop, and can: everybody has taken leave and everything is written down, or time is over.
    pub(super) fn is_through(&mut self) -> bool {
        let Some(stopping) = &mut self.stopping else {
            return false;
        };
        let through = self.carriers.is_empty() && self.taken_up == 0;
        let idle = through && self.unwritten == 0 && self.news.is_empty();
        if idle || Instant::now() < stopping.deadline {
            return idle;
        }
        if stopping.cut {
            return true;
        }
        // Whoever was in the middle of something is tried again. What is over can still be written down, also where somebody
        // has the message and others do not yet.
        stopping.cut = true;
        stopping.deadline += LAST_WORDS;
        self.means.in_hand.cut();
        false
    }

    /// Answers those who wait for the end.
    pub(super) fn close(mut self) {
        if let Some(write) = self.counts.write() {
            write();
        }
        if let Some(stopping) = self.stopping.take() {
            for answer in stopping.answers {
                let _ = answer.send(());
            }
        }
    }
}

/// What the store has of these messages. May block.
fn read(means: &Means, ids: &[u64]) -> Fetched {
    let until = means.now() + means.rules().horizon;
    let mut fetched = Fetched::default();
    for id in ids {
        match entries::read(&means.store, *id) {
            Ok(entry) => {
                let jobs = entries::jobs(&*means.house, &entry, None);
                let beyond = jobs.iter().filter(|job| job.due > until);
                let aside = beyond.filter(|job| entries::stands_aside(job, &entry.queued));
                fetched.aside.extend(aside.map(|job| (job.due, *id)));
                fetched.jobs.extend(jobs);
            }
            Err(Unread::Gone) => (),
            Err(Unread::Damaged(error)) => entries::damaged(means, *id, &error),
            Err(Unread::NotNow(_)) => fetched.unread.push(*id),
        }
    }
    fetched
}
