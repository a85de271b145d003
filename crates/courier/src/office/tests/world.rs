//! A store, next hops, a house and a clock that exist only here.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use address::{Envelope, ForwardPath, Host, Mailbox, Recipient, ReversePath};
use bytes::Bytes;
use delivery::schedule::{NextHop, Rules};
use delivery::srs::{Forwarded, Why};
use mailstore::{
    AccountId, Change, Faults, NewAccount, Options, Outgoing, Parcel, Queued, Store, Waiting,
};
use tokio::time::Instant;

use crate::office::{Errand, Hatch, Home, House, Housed, Office, Route};

mod roads;

pub(super) use roads::{Carrier, Manner, Roads, Sent};

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// The house at `here.test`.
pub(super) struct Villa {
    start: (SystemTime, Instant),
    drawn: Mutex<u128>,
    /// Accounts by address.
    pub(super) accounts: Mutex<BTreeMap<String, AccountId>>,
    /// Routes of domains; others go to their own hosts.
    pub(super) routes: Mutex<BTreeMap<String, Route>>,
    /// Errands that were done: message and recipient.
    pub(super) errands: Mutex<Vec<(u64, u32)>>,
    /// Messages that came into mailboxes.
    pub(super) housed: Mutex<Vec<Housed>>,
    /// What comes of errands.
    pub(super) outcome: Mutex<Option<Errand>>,
}

impl House for Villa {
    fn route(&self, to: &ForwardPath, _: &ReversePath, _: Option<AccountId>) -> Route {
        let host = to.mailbox().unwrap().host.clone();
        let known = self.routes.lock().unwrap().get(&host.to_string()).cloned();
        known.unwrap_or_else(|| Route::Hop(Arc::new(NextHop::Host(host))))
    }

    fn errand(&self, message: u64, recipient: u32) -> Pin<Box<dyn Future<Output = Errand> + Send>> {
        self.errands.lock().unwrap().push((message, recipient));
        let outcome = self.outcome.lock().unwrap().clone();
        Box::pin(async move { outcome.expect("an errand was to be expected") })
    }

    fn housed(&self, housed: Housed) {
        self.housed.lock().unwrap().push(housed);
    }

    fn home(&self, mailbox: &Mailbox) -> Home {
        if mailbox.host.to_string() != "here.test" {
            return Home::Elsewhere;
        }
        let accounts = self.accounts.lock().unwrap();
        match accounts.get(&mailbox.to_string()) {
            Some(account) => Home::Accounts(vec![*account]),
            None => Home::Nobody,
        }
    }

    fn is_foreign(&self, mailbox: &Mailbox) -> bool {
        mailbox.host.to_string() != "here.test"
    }

    fn forwarded(&self, reverse_path: &ReversePath, _: u64) -> Forwarded {
        match reverse_path {
            ReversePath::Null => Forwarded::Kept(Why::Null),
            ReversePath::Mailbox(mailbox) if mailbox.host.to_string() == "here.test" => {
                Forwarded::Kept(Why::Ours)
            }
            ReversePath::Mailbox(_) => {
                Forwarded::Rewritten("SRS0=rewritten@here.test".parse().unwrap())
            }
        }
    }

    fn hostname(&self) -> Host {
        "mail.here.test".parse().unwrap()
    }

    fn postmaster(&self) -> Mailbox {
        "postmaster@here.test".parse().unwrap()
    }

    fn address(&self, account: AccountId) -> Option<Mailbox> {
        let accounts = self.accounts.lock().unwrap();
        let found = accounts.iter().find(|(_, id)| **id == account);
        found.map(|(address, _)| address.parse().unwrap())
    }

    fn zone(&self, _: SystemTime) -> i16 {
        0
    }

    fn now(&self) -> SystemTime {
        self.start.0 + (Instant::now() - self.start.1)
    }

    fn random(&self) -> [u8; 16] {
        let mut drawn = self.drawn.lock().unwrap();
        *drawn = drawn.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 1;
        drawn.rotate_right(64).to_le_bytes()
    }
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) faults: Arc<Faults>,
    pub(super) roads: Arc<Roads>,
    pub(super) villa: Arc<Villa>,
    pub(super) office: Office,
    pub(super) hatch: Hatch<Carrier>,
    pub(super) alice: AccountId,
    pub(super) postmaster: AccountId,
    /// While somebody blocks, the clock stands still.
    _still: mpsc::Sender<()>,
}

/// A message to be posted.
#[derive(Clone)]
pub(super) struct Letterhead {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) account: Option<AccountId>,
    pub(super) text: String,
    pub(super) envelope: Envelope,
    /// Recipients that are forwarded copies.
    pub(super) forwarded: Vec<u32>,
    pub(super) release: Option<SystemTime>,
}

impl Letterhead {
    pub(super) fn new(from: &str, to: &[&str]) -> Self {
        Self {
            from: from.to_owned(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
            account: None,
            text: "Subject: lunch\r\nMessage-ID: <lunch@here.test>\r\n\r\nat noon\r\n".to_owned(),
            envelope: Envelope::default(),
            forwarded: Vec::new(),
            release: None,
        }
    }
}

impl World {
    pub(super) async fn new(rules: Rules) -> Self {
        Self::with(rules, Options::default()).await
    }

    pub(super) async fn with(rules: Rules, options: Options) -> Self {
        let (store, faults) = Store::with_faults(options).unwrap();
        let world = Self::within(rules, store).await;
        Self { faults, ..world }
    }

    /// At the next noon (UTC), so that no day ends in a test that does not last until then.
    pub(super) async fn at_noon(rules: Rules) -> Self {
        let now = SystemTime::now();
        let seconds = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let noon = (seconds + 12 * 3600) / (24 * 3600) * (24 * 3600) + 12 * 3600;
        let store = Store::in_memory(Options::default()).unwrap();
        Self::begin(rules, store, UNIX_EPOCH + Duration::from_secs(noon)).await
    }

    /// Around this store.
    pub(super) async fn within(rules: Rules, store: Store) -> Self {
        let soon = SystemTime::now() + Duration::from_secs(60);
        Self::begin(rules, store, soon).await
    }

    async fn begin(rules: Rules, store: Store, start: SystemTime) -> Self {
        let mut accounts = BTreeMap::new();
        for address in ["alice@here.test", "postmaster@here.test"] {
            let mailbox: Mailbox = address.parse().unwrap();
            let new = NewAccount::new(mailbox.clone());
            store.change(Change::AddAccount(new)).await.unwrap();
            let directory = store.directory();
            let local = mailbox.local.as_str();
            let id = directory.find_login(local).unwrap().id;
            accounts.insert(mailbox.to_string(), id);
        }
        let alice = accounts["alice@here.test"];
        let postmaster = *accounts
            .iter()
            .find(|(address, _)| address.to_lowercase().starts_with("postmaster"))
            .unwrap()
            .1;
        let (still, blocked) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || blocked.recv());
        let villa = Arc::new(Villa {
            start: (start, Instant::now()),
            drawn: Mutex::new(7),
            accounts: Mutex::new(accounts),
            routes: Mutex::default(),
            errands: Mutex::default(),
            housed: Mutex::default(),
            outcome: Mutex::default(),
        });
        let roads = Arc::new(Roads::default());
        let (office, hatch) = open(&store, &roads, &villa, rules);
        let world = Self {
            store,
            faults: Arc::default(),
            roads,
            villa,
            office,
            hatch,
            alice,
            postmaster,
            _still: still,
        };
        // What the first reading finds is spread over a while.
        world.settle().await;
        world
    }

    /// The same store, found by another process.
    pub(super) fn reopen(&mut self, rules: Rules) {
        (self.office, self.hatch) = open(&self.store, &self.roads, &self.villa, rules);
    }

    /// Closes the office at once, which may take a moment.
    pub(super) async fn stop_at_once(&self) {
        let office = self.office.clone();
        let stopped = tokio::spawn(async move { office.stop(Duration::ZERO).await });
        while !stopped.is_finished() {
            // The disk knows nothing of this clock: while it writes, no time goes by.
            let census = self.office.census().await;
            if census.unwritten == census.gathering {
                tokio::time::advance(Duration::from_millis(1)).await;
            }
            std::thread::yield_now();
        }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.villa.now()
    }

    /// Posts a message and says so.
    pub(super) async fn post(&self, letter: &Letterhead) -> u64 {
        let id = self.keep(letter).await;
        self.office.arrived(id);
        id
    }

    /// Posts a message and tells nobody.
    pub(super) async fn keep(&self, letter: &Letterhead) -> u64 {
        let reverse_path: ReversePath = letter.from.parse().unwrap();
        let mut incoming = self.store.begin();
        let line = format!("Return-Path: {reverse_path}\r\n");
        let text = format!("{line}{}", letter.text);
        incoming.write(Bytes::from(text)).await.unwrap();
        let template = letter.envelope.recipients.first();
        let recipients = letter.to.iter().map(|to| Recipient {
            path: to.parse().unwrap(),
            notify: template.and_then(|one| one.notify),
            orcpt: template.and_then(|one| one.orcpt.clone()),
        });
        let envelope = Envelope {
            reverse_path,
            recipients: recipients.collect(),
            ..letter.envelope.clone()
        };
        let due = milliseconds(self.now());
        let waiting = (0..).zip(&letter.to).map(|(at, _)| Waiting {
            forwarded: letter.forwarded.contains(&at),
            ..Waiting::new(at, due)
        });
        let outgoing = Outgoing {
            room: self.store.reserve_outgoing(0).unwrap(),
            account: letter.account,
            release: letter.release.map(milliseconds),
            waiting: waiting.collect(),
        };
        let parcel = Parcel {
            incoming,
            reservations: Vec::new(),
            envelope,
            outgoing: Some(outgoing),
        };
        self.store.post(parcel).await.unwrap().unwrap()
    }

    /// Waits until nothing is to be done before time goes on.
    pub(super) async fn settle(&self) -> Option<SystemTime> {
        let mut quiet = 0;
        loop {
            let census = self.office.census().await;
            let busy = census.attempts != self.roads.hanging()
                || census.judging > 0
                || census.unwritten != census.gathering
                || census.questions > 0
                || census.next.is_some_and(|next| next <= self.now());
            quiet = if busy { 0 } else { quiet + 1 };
            if quiet == 3 {
                return census.next;
            }
            if census.next.is_some_and(|next| next <= self.now()) {
                // A timer goes off at the next whole millisecond.
                tokio::time::advance(Duration::from_millis(1)).await;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
    }

    /// Lets so much time go by, in steps from one thing that happens to the next.
    pub(super) async fn pass(&self, time: Duration) {
        let end = self.now() + time;
        loop {
            let next = self.settle().await;
            let now = self.now();
            if now >= end {
                return;
            }
            let next = next.map_or(end, |next| next.min(end)).max(now);
            let step = next.duration_since(now).unwrap();
            tokio::time::advance(step + Duration::from_millis(1)).await;
        }
    }

    pub(super) fn queued(&self, id: u64) -> Option<Queued> {
        self.store.queued(id).unwrap()
    }

    /// All messages in the queue.
    pub(super) fn queue(&self) -> Vec<Queued> {
        self.store.queue_from(0, usize::MAX).unwrap()
    }

    /// What is in a mailbox.
    pub(super) fn mailbox(&self, account: AccountId) -> Vec<String> {
        let drop = self.store.open_maildrop(account).unwrap();
        let count = drop.messages().len();
        let read = |index| {
            let (mut octets, mut last) = (Vec::new(), false);
            while !last {
                let chunk = drop.read(index, octets.len() as u64).unwrap();
                octets.extend_from_slice(&chunk.octets);
                last = chunk.last;
            }
            String::from_utf8(octets).unwrap()
        };
        (0..count).map(read).collect()
    }

    pub(super) fn alices(&self) -> Vec<String> {
        self.mailbox(self.alice)
    }

    pub(super) fn postmasters(&self) -> Vec<String> {
        self.mailbox(self.postmaster)
    }
}

fn open(
    store: &Store,
    roads: &Arc<Roads>,
    villa: &Arc<Villa>,
    rules: Rules,
) -> (Office, Hatch<Carrier>) {
    let carrier = Arc::new(Carrier(Arc::clone(roads)));
    let house = Arc::clone(villa) as Arc<dyn House>;
    Office::with_hatch(store.clone(), carrier, rules, house, None)
}

pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// How often words stand in a text.
pub(super) fn times(text: &str, words: &str) -> usize {
    text.matches(words).count()
}

/// Where each went.
pub(super) fn hops(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|one| one.hop.clone()).collect()
}
