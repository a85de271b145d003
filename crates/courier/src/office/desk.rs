//! The loop that owns the schedule: it hears what happened, does what the schedule says, and keeps the list of who works
//! on what. It waits for nobody: whatever takes time is a task of its own.

mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use delivery::schedule::{
    ConnectionId, Ending, Event, Job, JobKey, Output, Rules, Schedule, Sender, Start, Want,
};
use mailstore::AccountId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Order;
use super::connection::Connection;
use super::counts::Counts;
use super::entries::{self, Page};
use super::fates::{Found, Judged};
use super::letter::blocking;
use super::means::Means;
use super::rounds::Rounds;
use super::settle::{self, Settled};
use super::{Census, notice};
use crate::carry::Carry;

use orders::Fetched;

/// The longest sleep: a clock that is set meanwhile is noticed then.
const LONGEST: Duration = Duration::from_secs(60);
/// Pieces of news taken in before the schedule is asked again.
const AT_ONCE: usize = 256;

/// What tasks have to say.
pub(super) enum News {
    /// The answer to a question of the schedule.
    Page {
        token: u64,
        page: Result<Page, String>,
    },
    /// Messages that were said to be there, as they are.
    Fetched(Fetched),
    /// A message that somebody wants tried now, as it is.
    Hurried(Fetched),
    /// Jobs that go elsewhere than they did.
    Elsewhere(Vec<Job>),
    /// A message of ours is in the queue.
    Posted(u64),
    /// A connection is through with its job.
    Ended {
        connection: ConnectionId,
        how: Ending,
    },
    /// The line of an idle connection is of no more use.
    Gone(ConnectionId),
    /// The task of a connection ended in the middle of its job.
    Broken {
        connection: ConnectionId,
        job: Arc<Job>,
    },
    /// There was nothing to do for a job.
    Nothing {
        key: JobKey,
        again: Option<Job>,
        elsewhere: Vec<Job>,
    },
    /// What came of a job.
    Found(Box<Found>),
    /// The store knows.
    Settled(Vec<Settled>),
}

/// A connection, from here.
struct Held {
    work: mpsc::UnboundedSender<Arc<Job>>,
    /// Ends when it has taken leave.
    closed: oneshot::Receiver<()>,
    /// What it carries.
    job: Option<Arc<Job>>,
}

/// Somebody wants the office closed.
struct Stopping {
    /// Who is not through by then is cut off.
    deadline: tokio::time::Instant,
    /// They are cut off; only what is being written down is waited for.
    cut: bool,
    answers: Vec<oneshot::Sender<()>>,
}

/// The loop.
pub(super) struct Desk<C: Carry> {
    means: Arc<Means>,
    carry: Arc<C>,
    schedule: Schedule,
    news: mpsc::UnboundedReceiver<News>,
    /// For those who bring news.
    say: mpsc::UnboundedSender<News>,
    connections: BTreeMap<ConnectionId, Held>,
    /// The tasks of connections.
    carriers: JoinSet<()>,
    /// The tasks that write down, read and tell.
    clerks: JoinSet<()>,
    rounds: Rounds,
    /// Messages to be looked at, by when.
    aside: BTreeSet<(SystemTime, u64)>,
    /// Messages that were said to be there and have not been read.
    arrived: BTreeSet<u64>,
    /// Somebody reads those.
    fetching: bool,
    /// Questions to the store that are not answered.
    questions: usize,
    /// Jobs of which the store does not know what came of them.
    unwritten: usize,
    counts: Counts,
    /// The connection that was closed by the last thing the schedule said.
    just_closed: Option<oneshot::Receiver<()>>,
    stopping: Option<Stopping>,
}

impl<C: Carry> Desk<C> {
    pub(super) fn new(means: Arc<Means>, carry: Arc<C>, mut counts: Counts) -> Self {
        let (say, news) = mpsc::unbounded_channel();
        let now = means.now();
        let mut schedule = Schedule::new(Rules::clone(&means.rules()), now);
        for (account, recipients) in counts.today(now) {
            let sender = Arc::new(Sender::Account(account));
            schedule.handle(now, Event::Counted { sender, recipients });
        }
        Self {
            means,
            carry,
            schedule,
            news,
            say,
            connections: BTreeMap::new(),
            carriers: JoinSet::new(),
            clerks: JoinSet::new(),
            rounds: Rounds::default(),
            aside: BTreeSet::new(),
            arrived: BTreeSet::new(),
            fetching: false,
            questions: 0,
            unwritten: 0,
            counts,
            just_closed: None,
            stopping: None,
        }
    }

    /// Works until it is stopped, or nobody is left who could give orders.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let until = self.act();
            if self.is_through() {
                break;
            }
            let sleep = self.sleep(until);
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => break,
                },
                Some(news) = self.news.recv() => self.hear_all(news),
                () = sleep => self.tick(),
            }
            while self.carriers.try_join_next().is_some() {}
            while self.clerks.try_join_next().is_some() {}
        }
        self.close();
    }

    /// Sleeps until then, or until the end of the time for stopping.
    fn sleep(&self, until: Option<SystemTime>) -> impl Future<Output = ()> + use<C> {
        let pause = until.map_or(LONGEST, |until| {
            until.duration_since(self.means.now()).unwrap_or_default()
        });
        let mut at = tokio::time::Instant::now() + pause.min(LONGEST);
        if let Some(stopping) = &self.stopping {
            at = at.min(stopping.deadline);
        }
        tokio::time::sleep_until(at)
    }

    /// Does what the schedule says, until it waits; hands back until when.
    fn act(&mut self) -> Option<SystemTime> {
        let scheduled = loop {
            match self.schedule.output() {
                Output::Start(start) => self.start(start),
                Output::Close(connection) => {
                    let held = self.connections.remove(&connection);
                    self.just_closed = held.map(|held| held.closed);
                    continue;
                }
                Output::GiveUp { job, why } => self.judged(job, Judged::GiveUp(why)),
                Output::Report { job, delay } => self.judged(job, Judged::Report(delay)),
                Output::Warn {
                    sender,
                    recipients,
                    limit,
                } => self.warn(&sender, recipients, limit),
                Output::Want(want) => self.ask(want),
                Output::Wait(until) => break until,
            }
            self.just_closed = None;
        };
        self.fetch();
        let times = [
            scheduled,
            self.rounds.next(),
            self.aside.first().map(|(at, _)| *at),
            self.counts.due(),
        ];
        times.into_iter().flatten().min()
    }

    fn handle(&mut self, event: Event) {
        self.schedule.handle(self.means.now(), event);
    }

    /// Time has passed.
    fn tick(&mut self) {
        let now = self.means.now();
        self.schedule.handle(now, Event::Tick);
        while let Some((at, id)) = self.aside.first().copied().filter(|(at, _)| *at <= now) {
            self.aside.remove(&(at, id));
            self.arrived.insert(id);
        }
        for round in self.rounds.ended(now) {
            self.settle(round);
        }
        if self.counts.due().is_some_and(|due| due <= now)
            && let Some(write) = self.counts.write()
        {
            self.clerks.spawn_blocking(write);
        }
    }

    fn hear_all(&mut self, first: News) {
        self.hear(first);
        for _ in 1..AT_ONCE {
            match self.news.try_recv() {
                Ok(news) => self.hear(news),
                Err(_) => break,
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Page { token, page } => self.loaded(token, page),
            News::Fetched(fetched) => self.fetched(fetched),
            News::Hurried(fetched) => self.hurried(fetched),
            News::Elsewhere(jobs) => self.arrive(jobs),
            News::Posted(id) => {
                self.arrived.insert(id);
            }
            News::Ended { connection, how } => self.ended(connection, how),
            News::Gone(connection) => self.gone(connection),
            News::Broken { connection, job } => self.broken(connection, job),
            News::Nothing {
                key,
                again,
                elsewhere,
            } => {
                self.arrive(elsewhere);
                self.settled(Settled {
                    key,
                    aside: again.is_some(),
                    again,
                });
            }
            News::Found(found) => {
                self.unwritten += 1;
                if let Some(round) = self.rounds.add(*found, self.means.now()) {
                    self.settle(round);
                }
                if self.stopping.is_some() {
                    self.end_rounds();
                }
            }
            News::Settled(settled) => {
                self.unwritten = self.unwritten.saturating_sub(settled.len());
                for one in settled {
                    self.settled(one);
                }
            }
        }
    }

    fn arrive(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            self.handle(Event::Arrived(job));
        }
    }

    fn settled(&mut self, settled: Settled) {
        let Settled { key, again, aside } = settled;
        if let Some(again) = again.as_ref().filter(|_| aside) {
            self.aside.insert((again.due, again.message));
        }
        self.handle(Event::Settled { key, again });
    }

    fn settle(&mut self, round: Vec<Found>) {
        let (means, say) = (Arc::clone(&self.means), self.say.clone());
        self.clerks.spawn(settle::settle(means, round, say));
    }

    fn end_rounds(&mut self) {
        for round in self.rounds.end() {
            self.settle(round);
        }
    }

    fn judged(&mut self, job: Arc<Job>, judged: Judged) {
        if self.stopping.is_none() {
            let (means, say) = (Arc::clone(&self.means), self.say.clone());
            self.clerks.spawn(settle::judge(means, job, judged, say));
        }
    }

    fn warn(&mut self, sender: &Sender, recipients: u32, limit: u32) {
        match sender {
            Sender::Account(number) => {
                let (means, account) = (Arc::clone(&self.means), AccountId(*number));
                let notice = notice::stopped(means, account, recipients, limit);
                self.clerks.spawn(notice);
            }
            // Only accounts are counted.
            Sender::Path(_) => (),
        }
    }

    /// Asks the store what the schedule wants to know.
    fn ask(&mut self, want: Want) {
        if self.stopping.is_some() {
            return;
        }
        self.questions += 1;
        let (means, say) = (Arc::clone(&self.means), self.say.clone());
        self.clerks.spawn(async move {
            let (token, with) = (want.token, Arc::clone(&means));
            let page = blocking(&means, move || entries::page(&with, &want)).await;
            let page = page.unwrap_or_else(|error| Err(error.to_string()));
            let _ = say.send(News::Page { token, page });
        });
    }

    fn loaded(&mut self, token: u64, page: Result<Page, String>) {
        self.questions = self.questions.saturating_sub(1);
        match page {
            Ok(Page { jobs, rest, aside }) => {
                self.aside.extend(aside);
                let draw = self.means.draw();
                self.handle(Event::Loaded {
                    token,
                    jobs,
                    rest,
                    draw,
                });
            }
            Err(error) => {
                tracing::warn!(error, "the queue cannot be read; it is tried again");
                self.handle(Event::Unreadable { token });
            }
        }
    }

    fn start(&mut self, start: Start) {
        let Start {
            connection,
            fresh,
            job,
        } = start;
        if let Sender::Account(account) = *job.sender
            && job.attempts == 0
        {
            let now = self.means.now();
            self.counts.add(account, job.recipients.len(), now);
        }
        if fresh {
            self.open(connection);
        }
        if let Some(held) = self.connections.get_mut(&connection) {
            held.job = Some(Arc::clone(&job));
            if held.work.send(job).is_ok() {
                return;
            }
        }
        // Its task is gone, and that has not been heard yet: as if it had never begun.
        self.ended(connection, Ending::Stale);
    }

    fn open(&mut self, id: ConnectionId) {
        let (work, given) = mpsc::unbounded_channel();
        let (closed, left) = oneshot::channel();
        let connection = Connection {
            id,
            means: Arc::clone(&self.means),
            carry: Arc::clone(&self.carry),
            work: given,
            news: self.say.clone(),
            after: self.just_closed.take(),
            closed,
        };
        self.carriers.spawn(connection.run());
        let held = Held {
            work,
            closed: left,
            job: None,
        };
        self.connections.insert(id, held);
    }

    fn ended(&mut self, connection: ConnectionId, how: Ending) {
        let stays = how == (Ending::Finished { open: true });
        let job = if stays && self.stopping.is_none() {
            let held = self.connections.get_mut(&connection);
            held.and_then(|held| held.job.take())
        } else {
            let held = self.connections.remove(&connection);
            held.and_then(|held| held.job)
        };
        if how == Ending::Stale
            && let Some(job) = job
            && let Sender::Account(account) = *job.sender
            && job.attempts == 0
        {
            self.counts.give_back(account, job.recipients.len());
        }
        let draw = self.means.draw();
        self.handle(Event::Ended {
            connection,
            how,
            draw,
        });
    }

    /// An idle line is gone. When its connection was given a job this moment, the job will say so.
    fn gone(&mut self, connection: ConnectionId) {
        let idle = |held: &Held| held.job.is_none();
        if self.connections.get(&connection).is_some_and(idle) {
            self.ended(connection, Ending::Lost);
        }
    }

    fn broken(&mut self, connection: ConnectionId, job: Arc<Job>) {
        if self.stopping.is_some() {
            self.connections.remove(&connection);
            return;
        }
        tracing::error!(
            id = job.message,
            "an attempt broke off: a fault of this server"
        );
        self.ended(connection, Ending::Lost);
        let (means, say) = (Arc::clone(&self.means), self.say.clone());
        self.clerks.spawn(settle::broken(means, job, say));
    }

    /// How much there is to do.
    fn census(&mut self) -> Census {
        let busy = |held: &&Held| held.job.is_some();
        let next = self.act();
        Census {
            schedule: self.schedule.census(),
            attempts: self.connections.values().filter(busy).count(),
            unwritten: self.unwritten,
            gathering: self.rounds.len(),
            questions: self.questions + usize::from(self.fetching),
            next,
        }
    }
}
