//! The hatch: where somebody who cannot be called fetches what waits (RFC 2645). One message after the other goes over the
//! line that was brought along; what came of it is written down and reported as that of any attempt.
//!
//! The schedule never starts what is to be fetched. Nobody else has a message in hand meanwhile, for recipients are taken in
//! hand here as everywhere; and whatever is cut off in the middle is as it was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use delivery::schedule::{Job, NextHop, Rest, Want};
use tokio::sync::mpsc;

use super::attempt::{self, Attempt};
use super::desk::News;
use super::entries::{self, Page};
use super::letter::blocking;
use super::means::Means;
use crate::carry::Carry;

/// Messages of the queue read at a time.
const PAGE: usize = 64;
/// How long taking leave may last.
const LEAVE: Duration = Duration::from_secs(10);

/// The hatch of an office.
pub struct Hatch<C: Carry> {
    means: Arc<Means>,
    carry: Arc<C>,
    news: mpsc::UnboundedSender<News>,
}

/// What came of a visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Messages that were offered, and answered.
    pub messages: u64,
    /// There may be more: the line was lost, or the visit took too long.
    pub cut: bool,
    /// There is more, which somebody wants to wait.
    pub paused: bool,
}

/// A message that somebody is getting. It is laid down in any case.
struct InHand<'a> {
    message: u64,
    told: bool,
    news: &'a mpsc::UnboundedSender<News>,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        // Nobody listens when the office is closed.
        let _ = self.news.send(News::LaidDown {
            message: self.message,
            told: self.told,
        });
    }
}

impl<C: Carry> Hatch<C> {
    pub(super) fn new(
        means: &Arc<Means>,
        carry: &Arc<C>,
        news: mpsc::UnboundedSender<News>,
    ) -> Self {
        Self {
            means: Arc::clone(means),
            carry: Arc::clone(carry),
            news,
        }
    }

    /// Whether anything could be fetched for one of these now. It looks through the queue.
    ///
    /// # Errors
    /// The queue cannot be read, in words.
    pub async fn waits(&self, hops: &BTreeSet<NextHop>) -> Result<bool, String> {
        let began = self.now();
        let mut after = None;
        loop {
            let (jobs, rest) = self.page(hops, after, began).await?;
            if !jobs.is_empty() {
                return Ok(true);
            }
            match rest {
                Rest::After(cursor) => after = Some(cursor),
                Rest::Nothing(_) => return Ok(false),
            }
        }
    }

    /// Sends over this line what waits for these, and then takes leave. Every message is tried once, however lately it was
    /// tried before; none is begun once `is_enough`, and none for a next hop that is to wait.
    pub async fn serve(
        &self,
        hops: &BTreeSet<NextHop>,
        line: C::Line,
        is_enough: impl Fn() -> bool + Send,
        is_to_wait: impl Fn(&NextHop) -> bool + Send,
    ) -> Served {
        let mut served = Served::default();
        let left = self
            .walk(hops, line, (is_enough, is_to_wait), &mut served)
            .await;
        if let Some(line) = left {
            // Who does not let us go in time is left without a word.
            tokio::select! {
                _ = tokio::time::timeout(LEAVE, self.carry.part(line)) => (),
                () = self.means.in_hand.stopped() => (),
            }
        }
        served
    }

    /// Hands back the line, if it stands.
    async fn walk(
        &self,
        hops: &BTreeSet<NextHop>,
        line: C::Line,
        (is_enough, is_to_wait): (impl Fn() -> bool + Send, impl Fn(&NextHop) -> bool + Send),
        served: &mut Served,
    ) -> Option<C::Line> {
        let (began, mut after, mut line) = (self.now(), None, line);
        loop {
            let (jobs, rest) = match self.page(hops, after, began).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(
                        error,
                        "the queue cannot be read; what waits is fetched later"
                    );
                    served.cut = true;
                    return Some(line);
                }
            };
            for job in jobs {
                if is_enough() {
                    served.cut = true;
                    return Some(line);
                }
                if is_to_wait(&job.next_hop) {
                    served.paused = true;
                    continue;
                }
                match self.give(&Arc::new(job), line, served).await {
                    Some(open) => line = open,
                    None => {
                        served.cut = true;
                        return None;
                    }
                }
            }
            match rest {
                Rest::After(cursor) => after = Some(cursor),
                Rest::Nothing(_) => return Some(line),
            }
        }
    }

    /// The time, as exactly as the store remembers it.
    fn now(&self) -> SystemTime {
        entries::time(entries::milliseconds(self.means.now()))
    }

    /// Gives out one message.
    async fn give(&self, job: &Arc<Job>, line: C::Line, served: &mut Served) -> Option<C::Line> {
        let message = job.message;
        let _ = self.news.send(News::TakenUp(message));
        let mut in_hand = InHand {
            message,
            told: false,
            news: &self.news,
        };
        // An attempt is large, and most of a visit's time is not one.
        let made = Box::pin(attempt::make(&self.means, &*self.carry, job, Some(line)));
        match made.await {
            Attempt::Nothing(nothing, line) => {
                in_hand.told = true;
                let _ = self.news.send(News::Nothing {
                    connection: None,
                    key: job.key(),
                    nothing,
                });
                line
            }
            Attempt::Stale => None,
            Attempt::Made {
                found,
                how: _,
                line,
            } => {
                in_hand.told = true;
                served.messages += 1;
                let _ = self.news.send(News::Found(found));
                line
            }
        }
    }

    /// Some of the queue: what of it waits for these and was not tried since `began`.
    async fn page(
        &self,
        hops: &BTreeSet<NextHop>,
        after: Option<delivery::schedule::Cursor>,
        began: SystemTime,
    ) -> Result<(Vec<Job>, Rest), String> {
        let want = Want {
            token: 0,
            after,
            until: None,
            most: PAGE,
        };
        let means = Arc::clone(&self.means);
        let read = blocking(&self.means, move || entries::page(&means, &want)).await;
        let Page { jobs, rest, .. } = read.map_err(|error| error.to_string())??;
        let is_ready = |job: &Job| {
            let released = job.release.is_none_or(|release| release <= began);
            released && job.tried.is_none_or(|tried| tried < began)
        };
        let jobs = jobs.into_iter();
        let jobs = jobs.filter(|job| hops.contains(&*job.next_hop) && is_ready(job));
        Ok((jobs.collect(), rest))
    }
}
