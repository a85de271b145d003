//! The loop that owns the schedule: it hears what happened, does what the schedule says, and keeps the list of who works
//! on what. It waits for nobody: whatever takes time is a task of its own.

mod orders;
mod prospects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use delivery::schedule::{
    ConnectionId, Ending, Event, Job, JobKey, NextHop, Output, Rules, Schedule, Scope, Sender,
    Start, Want,
};
use mailstore::{AccountId, Heard};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Order;
use super::attempt::Nothing;
use super::connection::Connection;
use super::counts::Counts;
use super::entries::{self, Page};
use super::fates::{Found, Judged};
use super::hatch::Hatch;
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

/// Messages set aside at most; beyond that, everything is read anew when there are fewer.
const MOST_ASIDE: usize = 100_000;
/// They are looked at in steps of so many milliseconds.
const STEP: u64 = 10_000;

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
    /// There was nothing to do for a job, perhaps one of a connection.
    Nothing {
        connection: Option<ConnectionId>,
        key: JobKey,
        nothing: Nothing,
    },
    /// What came of a job.
    Found(Box<Found>),
    /// The store knows.
    Settled(Vec<Settled>),
    /// At the hatch, somebody gets a message.
    TakenUp(u64),
    /// That is over. `told`: what came of it was said before.
    LaidDown { message: u64, told: bool },
}

/// A connection, from here.
struct Held {
    work: mpsc::UnboundedSender<Arc<Job>>,
    /// Ends when it has taken leave.
    closed: oneshot::Receiver<()>,
    /// What it carries.
    job: Option<Arc<Job>>,
}

/// What is in hand of a message.
#[derive(Debug, Default)]
struct InHand {
    jobs: u32,
    /// Others have told the store something about it since.
    touched: bool,
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
    /// There were more of them than are kept.
    too_many: bool,
    /// Messages that were said to be there and have not been read.
    arrived: BTreeSet<u64>,
    /// Messages of which there are jobs in hand: started, given up or reported, and not settled.
    in_hand: BTreeMap<u64, InHand>,
    /// Somebody reads those that were said to be there.
    fetching: bool,
    /// Questions to the store that are not answered.
    questions: usize,
    /// Jobs of which the store does not know what came of them.
    unwritten: usize,
    /// Messages that somebody is getting at the hatch.
    taken_up: usize,
    counts: Counts,
    /// What was heard last of next hops that are left alone.
    heard: BTreeMap<Arc<NextHop>, Heard>,
    /// The connection that was closed by the last thing the schedule said.
    just_closed: Option<oneshot::Receiver<()>>,
    stopping: Option<Stopping>,
}

impl<C: Carry> Desk<C> {
    pub(super) fn new(means: Arc<Means>, carry: Arc<C>, mut counts: Counts) -> Self {
        let (say, news) = mpsc::unbounded_channel();
        let now = means.now();
        let mut schedule = Schedule::new(Rules::clone(&means.rules()), now);
        let paused = Scope::NextHop(Arc::new(entries::paused()));
        schedule.handle(now, Event::Pause(paused));
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
            too_many: false,
            arrived: BTreeSet::new(),
            in_hand: BTreeMap::new(),
            fetching: false,
            questions: 0,
            unwritten: 0,
            taken_up: 0,
            counts,
            heard: BTreeMap::new(),
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
                order = orders.recv() => match order {
                    Some(order) => self.obey_all(order, &mut orders),
                    None => break,
                },
                Some(news) = self.news.recv() => self.hear_all(news),
                // Whoever closes the office waits for the last of them.
                Some(done) = self.carriers.join_next() => noticed(done),
                () = sleep => self.handle(Event::Tick),
            }
            while let Some(done) = self.carriers.try_join_next() {
                noticed(done);
            }
            while let Some(done) = self.clerks.try_join_next() {
                noticed(done);
            }
            self.chores();
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

    /// What has to be done by now, whatever the schedule says.
    fn chores(&mut self) {
        let now = self.means.now();
        while let Some((at, id)) = self.aside.first().copied().filter(|(at, _)| *at <= now) {
            self.aside.remove(&(at, id));
            self.arrived.insert(id);
        }
        if self.too_many && self.aside.len() < MOST_ASIDE / 2 {
            // What was not set aside is found when everything is read.
            self.too_many = false;
            let rules = Rules::clone(&self.means.rules());
            self.schedule.reload(now, rules);
        }
        while let Some(round) = self.rounds.ended(now) {
            self.settle(round);
        }
        if self.counts.due().is_some_and(|due| due <= now)
            && let Some(write) = self.counts.write()
        {
            self.clerks.spawn_blocking(write);
        }
    }

    /// A message to be looked at then, or a little later: those of about the same time are one.
    fn set_aside(&mut self, at: SystemTime, id: u64) {
        if self.aside.len() >= MOST_ASIDE {
            self.too_many = true;
            return;
        }
        let steps = entries::milliseconds(at).div_ceil(STEP);
        self.aside
            .insert((entries::time(steps.saturating_mul(STEP)), id));
    }

    fn obey_all(&mut self, first: Order, orders: &mut mpsc::UnboundedReceiver<Order>) {
        self.obey(first);
        for _ in 1..AT_ONCE {
            match orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(_) => break,
            }
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
                connection,
                key,
                nothing,
            } => self.nothing(connection, key, nothing),
            News::Found(found) => {
                self.note_heard(&found);
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
            News::TakenUp(message) => {
                self.taken_up += 1;
                self.in_hand(message);
            }
            News::LaidDown { message, told } => {
                self.taken_up = self.taken_up.saturating_sub(1);
                if !told {
                    self.out_of_hand(message);
                }
            }
        }
    }

    /// Where others fetch what waits for them.
    pub(super) fn hatch(&self) -> Hatch<C> {
        Hatch::new(&self.means, &self.carry, self.say.clone())
    }

    fn arrive(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            self.handle(Event::Arrived(job));
        }
    }

    /// There was nothing to do for a job. If a connection had it, the schedule hears of that next.
    fn nothing(&mut self, connection: Option<ConnectionId>, key: JobKey, nothing: Nothing) {
        if let Some(held) = connection.and_then(|id| self.connections.get_mut(&id)) {
            let job = held.job.take();
            self.uncount(job.as_deref());
        }
        self.arrive(nothing.elsewhere);
        let message = key.message;
        self.settled(Settled {
            key,
            aside: nothing.again.is_some(),
            again: nothing.again,
        });
        if let Some(later) = nothing.later {
            self.set_aside(later, message);
            // It was in other hands: it is looked at once more as soon as those are empty.
            if let Some(known) = self.in_hand.get_mut(&message) {
                known.touched = true;
            } else if !self.means.in_hand.has(message) {
                self.arrived.insert(message);
            }
        }
    }

    fn settled(&mut self, settled: Settled) {
        let Settled { key, again, aside } = settled;
        if let Some(again) = again.as_ref().filter(|_| aside) {
            self.set_aside(again.due, again.message);
        }
        let message = key.message;
        self.handle(Event::Settled { key, again });
        self.out_of_hand(message);
    }

    fn in_hand(&mut self, message: u64) {
        self.in_hand.entry(message).or_default().jobs += 1;
    }

    /// A job is over. What was said of its message meanwhile the schedule could not take in, and what is written down may
    /// be older than that: so it is looked at once more.
    fn out_of_hand(&mut self, message: u64) {
        if let Some(known) = self.in_hand.get_mut(&message) {
            known.jobs = known.jobs.saturating_sub(1);
            if known.touched {
                self.arrived.insert(message);
            }
            if known.jobs == 0 {
                self.in_hand.remove(&message);
            }
        }
    }

    /// The store was told something about a message by others.
    fn touched(&mut self, message: u64) {
        if let Some(known) = self.in_hand.get_mut(&message) {
            known.touched = true;
        }
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
            self.in_hand(job.message);
            let (means, say) = (Arc::clone(&self.means), self.say.clone());
            let obstacle = self.obstacle(&job);
            let judging = settle::judge(means, job, judged, obstacle, say);
            self.clerks.spawn(judging);
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
                for (at, id) in aside {
                    self.set_aside(at, id);
                }
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
        self.in_hand(job.message);
        if let Sender::Account(account) = *job.sender
            && job.is_first()
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
        {
            self.not_begun(&job);
        }
        let draw = self.means.draw();
        self.handle(Event::Ended {
            connection,
            how,
            draw,
        });
    }

    /// A job did not begin after all; the schedule starts it again.
    fn not_begun(&mut self, job: &Job) {
        self.uncount(Some(job));
        self.out_of_hand(job.message);
    }

    /// Nobody got anything, and none of it counts.
    fn uncount(&mut self, job: Option<&Job>) {
        if let Some(job) = job
            && let Sender::Account(account) = *job.sender
            && job.is_first()
        {
            self.counts.give_back(account, job.recipients.len());
        }
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
        let attempts = self.connections.values().filter(busy).count();
        let in_hand: u32 = self.in_hand.values().map(|known| known.jobs).sum();
        Census {
            schedule: self.schedule.census(),
            attempts,
            judging: (in_hand as usize).saturating_sub(attempts + self.unwritten + self.taken_up),
            unwritten: self.unwritten,
            gathering: self.rounds.len(),
            questions: self.questions + usize::from(self.fetching),
            next,
        }
    }
}

/// A task has ended. One that ended in the middle has left its job in hand, where nobody starts it again before a restart.
fn noticed(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "a task of mail out broke off: a fault of this server");
    }
}
