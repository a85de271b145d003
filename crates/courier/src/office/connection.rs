//! A connection: it holds its line, tries one job after the other, and takes leave.
//!
//! It may be cut off at any place: what it was about to do is done by somebody else later, from what the store has.

use std::sync::Arc;
use std::time::Duration;

use delivery::schedule::{ConnectionId, Ending, Job};
use tokio::sync::{mpsc, oneshot};

use super::attempt::{self, Attempt};
use super::desk::News;
use super::means::Means;
use crate::carry::Carry;

/// How long taking leave may last.
const LEAVE: Duration = Duration::from_secs(10);

/// What one connection works with.
pub(super) struct Connection<C: Carry> {
    pub(super) id: ConnectionId,
    pub(super) means: Arc<Means>,
    pub(super) carry: Arc<C>,
    /// What it is to try.
    pub(super) work: mpsc::UnboundedReceiver<Arc<Job>>,
    /// What it has to say.
    pub(super) news: mpsc::UnboundedSender<News>,
    /// Another one is to be closed before this one is opened.
    pub(super) after: Option<oneshot::Receiver<()>>,
    /// Dropped when it has taken leave.
    pub(super) closed: oneshot::Sender<()>,
}

/// A job in hand. If nothing is said about it, for the task was cut off or failed, that is said.
struct Errand<'a> {
    id: ConnectionId,
    news: &'a mpsc::UnboundedSender<News>,
    job: Option<Arc<Job>>,
}

impl Drop for Errand<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let _ = self.news.send(News::Broken {
                connection: self.id,
                job,
            });
        }
    }
}

impl<C: Carry> Connection<C> {
    /// Works until there is no more work to come.
    pub(super) async fn run(mut self) {
        if let Some(after) = self.after.take() {
            // It is closed, whether it says so or not.
            let _ = after.await;
        }
        let mut line = None;
        while let Some(job) = self.next(&mut line).await {
            line = self.attempt(job, line).await;
        }
        if let Some(line) = line {
            // Who does not let us go in time is left without a word.
            tokio::select! {
                _ = tokio::time::timeout(LEAVE, self.carry.part(line)) => (),
                () = self.means.in_hand.stopped() => (),
            }
        }
        drop(self.closed);
    }

    /// The next job. A line that is of no more use meanwhile is let go.
    async fn next(&mut self, line: &mut Option<C::Line>) -> Option<Arc<Job>> {
        if let Some(open) = line {
            tokio::select! {
                biased;
                job = self.work.recv() => return job,
                () = self.carry.gone(open) => (),
            }
            *line = None;
            self.say(News::Gone(self.id));
        }
        self.work.recv().await
    }

    async fn attempt(&self, job: Arc<Job>, line: Option<C::Line>) -> Option<C::Line> {
        let mut errand = Errand {
            id: self.id,
            news: &self.news,
            job: Some(Arc::clone(&job)),
        };
        let attempt = attempt::make(&self.means, &*self.carry, &job, line).await;
        errand.job = None;
        match attempt {
            Attempt::Nothing(nothing, line) => {
                // Said in this order it means no harm to the next hop, and the job is not taken up again as it was.
                self.say(News::Nothing {
                    connection: Some(self.id),
                    key: job.key(),
                    nothing,
                });
                self.ended(Ending::Stale);
                line
            }
            Attempt::Stale => {
                self.ended(Ending::Stale);
                None
            }
            Attempt::Made { found, how, line } => {
                self.ended(how);
                self.say(News::Found(found));
                line
            }
        }
    }

    fn ended(&self, how: Ending) {
        self.say(News::Ended {
            connection: self.id,
            how,
        });
    }

    fn say(&self, news: News) {
        // Nobody listens any more: the office is closed, and the store knows what matters.
        let _ = self.news.send(news);
    }
}
