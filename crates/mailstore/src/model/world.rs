//! The store under test, its disk, and the model it is compared with.

mod leads;
mod queue;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use address::{Envelope, Mailbox};
use bytes::Bytes;

use super::scenario::{End, Letter, Step, What};
use crate::account::{AccountId, Change, NewAccount};
use crate::disk::Layout;
use crate::disk::simulated::{Fault, Random, SimulatedDisk};
use crate::engine::Entry;
use crate::error::{Full, ReadError, StoreError};
use crate::index::simulated::SimulatedTables;
use crate::log::LogEngine;
use crate::maildrop::Maildrop;
use crate::options::Options;
use crate::store::{Store, unix_milliseconds};
use queue::InQueue;

/// How long removed messages are kept.
const WINDOW: Duration = Duration::from_secs(3_600);

/// What is kept of what was removed, and when each was.
type Removed = Vec<(Entry, u64)>;

/// A UIDL.
type Uidl = (u32, u64);

/// What one account should hold.
#[derive(Debug, Default)]
struct Mail {
    id: Option<AccountId>,
    name: String,
    /// Oldest first; without a UIDL while nobody has listed it.
    messages: Vec<(Option<Uidl>, Vec<u8>)>,
    /// What was removed and could come back.
    removed: Vec<Vec<u8>>,
    /// Some of it may have come back or gone for good, because of a fault or of a compaction.
    uncertain: bool,
}

pub(super) struct World {
    disk: SimulatedDisk,
    tables: SimulatedTables,
    store: Option<Store>,
    model: BTreeMap<usize, Mail>,
    /// What should wait to leave, by id.
    queue: Vec<InQueue>,
    /// What aliases and lists should say, by number.
    leads: BTreeMap<usize, u64>,
    /// Every UIDL ever seen, and of what.
    seen: HashMap<(usize, Uidl), Vec<u8>>,
    random: Random,
    options: Options,
    letters: u64,
}

impl World {
    pub(super) fn new(seed: u64, fault: Option<(u64, Fault)>) -> Self {
        let disk = SimulatedDisk::new(seed);
        if let Some((at, fault)) = fault {
            disk.fail_at(at, fault);
        }
        let options = Options {
            segment: 4_096,
            room: 1_024,
            inline_body: 1_500,
            // Every other scenario has no memory for bodies at all.
            body_memory: if seed.is_multiple_of(2) { 1 << 20 } else { 0 },
            // Whether anybody was answered does not count when the power goes.
            failure_hold: match fault {
                Some((_, Fault::PowerCut)) => Duration::ZERO,
                _ => Duration::from_secs(20),
            },
            failure_retry: Duration::from_millis(1),
            undelete_window: WINDOW,
            ..Options::default()
        };
        Self {
            disk,
            tables: SimulatedTables::default(),
            store: None,
            model: BTreeMap::new(),
            queue: Vec::new(),
            leads: BTreeMap::new(),
            seen: HashMap::new(),
            random: Random::new(seed ^ 0xABCD),
            options,
            letters: 0,
        }
    }

    pub(super) fn operations(&self) -> u64 {
        self.disk.operations()
    }

    /// Starts a process; a fault on the way is another start.
    pub(super) async fn start(&mut self) {
        self.open(false);
        self.compare(true).await;
    }

    fn open(&mut self, mut unclean: bool) {
        for _ in 0..20 {
            let opened = LogEngine::open_on(
                Arc::new(self.disk.clone()),
                Layout::new(Path::new("/data")),
                Arc::new(self.tables.clone()),
                &self.options,
                unclean,
            );
            match opened {
                Ok((engine, inventory, report)) => {
                    let options = self.options.clone();
                    let store = Store::assemble(Arc::new(engine), inventory, report, options);
                    self.store = Some(store.unwrap());
                    return;
                }
                Err(_) => {
                    unclean = true;
                    let end = if self.random.coin() {
                        End::Killed
                    } else {
                        End::PowerCut
                    };
                    self.end(end);
                }
            }
        }
        panic!("the store does not open any more");
    }

    fn store(&self) -> Store {
        self.store.clone().unwrap()
    }

    /// The process ends without being asked.
    fn end(&mut self, end: End) {
        let disk = match end {
            End::Killed => self.disk.after_kill(),
            End::PowerCut | End::Closed => self.disk.after_power_cut(),
        };
        let old = std::mem::replace(&mut self.disk, disk);
        self.tables = self.tables.after_crash(&mut self.random);
        // What the old process still does, it does to a disk nobody looks at.
        old.fail_at(0, Fault::PowerCut);
        self.store = None;
    }

    /// If the disk lost power under the last step: another process, which finds out what became of it.
    async fn after_fault(&mut self) -> bool {
        if !self.disk.is_dead() {
            return false;
        }
        let end = if self.random.coin() {
            End::Killed
        } else {
            End::PowerCut
        };
        self.end(end);
        self.open(true);
        true
    }

    pub(super) async fn take(&mut self, step: &Step) {
        match step {
            Step::Add(number) => self.add(*number).await,
            Step::Rename(number) => self.rename(*number).await,
            Step::Remove(number) => self.remove(*number).await,
            Step::Lead(number) => self.lead(*number).await,
            Step::Deliver(letter) => self.deliver(std::slice::from_ref(letter)).await,
            Step::Burst(letters) => self.deliver(letters).await,
            Step::Expunge(number, divisor) => self.expunge(*number, *divisor).await,
            Step::Undelete(number) => self.undelete(*number).await,
            Step::Compact { over } => self.compact(*over).await,
            Step::CompactBusy(letter, number) => self.compact_busy(letter, *number).await,
            Step::Post(letter, here) => self.post(letter, *here).await,
            Step::Attempt(which, what) => self.attempt(*which, *what).await,
            Step::CompactTrying(letter, which) => self.compact_trying(letter, *which).await,
            Step::Restart(end) => self.restart(*end).await,
        }
        self.compare(false).await;
    }

    pub(super) async fn finish(&mut self) {
        for end in [End::Killed, End::PowerCut, End::Closed] {
            self.restart(end).await;
        }
        self.store().close().await;
    }

    async fn restart(&mut self, end: End) {
        if end == End::Closed {
            self.store().close().await;
            self.store = None;
            if self.disk.is_dead() {
                self.end(End::PowerCut);
                self.open(true);
            } else {
                self.open(false);
            }
        } else {
            self.end(end);
            self.open(true);
        }
        self.compare(true).await;
        self.check_rebuilt();
    }

    /// Compacts on a thread of its own; whatever a fault made of it, the store says what it said before.
    async fn compact(&mut self, over: bool) {
        let whole = self.compaction(over).join().unwrap();
        let disturbed = self.after_fault().await;
        if whole && over && !disturbed {
            self.check_size();
        }
        self.compare(true).await;
    }

    async fn compact_busy(&mut self, letter: &Letter, number: usize) {
        let compaction = self.compaction(true);
        self.expunge(number, 2).await;
        self.deliver(std::slice::from_ref(letter)).await;
        compaction.join().unwrap();
        self.after_fault().await;
    }

    async fn compact_trying(&mut self, letter: &Letter, which: usize) {
        let compaction = self.compaction(true);
        self.attempt(which, What::Again).await;
        self.post(letter, true).await;
        // It has to be listed once before anything is said of it.
        self.compare(false).await;
        self.attempt(which + 1, What::One).await;
        compaction.join().unwrap();
        self.after_fault().await;
    }

    fn compaction(&mut self, over: bool) -> std::thread::JoinHandle<bool> {
        let store = self.store();
        let later = if over { 2 * WINDOW } else { Duration::ZERO };
        for mail in self.model.values_mut() {
            mail.uncertain |= over;
        }
        let now = unix_milliseconds() + later.as_millis() as u64;
        std::thread::spawn(move || {
            let done = store.compact_as_of(true, now, &mut |_| {});
            // A segment that could not be read is left alone until the next time.
            done.is_ok_and(|done| done.damaged == 0)
        })
    }

    /// What is on the disk is not much more than what is in the mailboxes.
    fn check_size(&self) {
        let bodies: std::collections::BTreeSet<&[u8]> = (self.model.values())
            .flat_map(|mail| mail.messages.iter().map(|(_, body)| body.as_slice()))
            .chain(self.queue.iter().map(|queued| queued.body.as_slice()))
            .collect();
        // A record has a frame and a head, and there are some for accounts.
        let live: usize = bodies.iter().map(|body| body.len() + 150).sum();
        let few = self.model.len() + self.queue.len() + 2 * self.leads.len();
        let live = live + few * 200;
        let files = self.disk.paths();
        let log = files.iter().filter(|path| path.starts_with("/data/log"));
        let octets: usize = log.map(|path| self.disk.contents(path).len()).sum();
        let tail = self.options.segment as usize;
        assert!(
            octets <= live * 3 / 2 + tail,
            "{octets} octets for {live}: {files:?}"
        );
    }

    /// An index made from nothing but the log says the same.
    fn check_rebuilt(&mut self) {
        let disk = self.disk.after_kill();
        disk.heal();
        let opened = LogEngine::open_on(
            Arc::new(disk),
            Layout::new(Path::new("/data")),
            Arc::new(SimulatedTables::default()),
            &self.options,
            true,
        );
        let (engine, inventory, report) = opened.unwrap();
        let options = self.options.clone();
        let store = Store::assemble(Arc::new(engine), inventory, report, options);
        let real = self.store.replace(store.unwrap());
        self.try_compare(true).unwrap();
        self.check_counts();
        let removed = self.all_removed().unwrap();
        self.store = real;
        // A fault that is still to come may strike here.
        if let Some(known) = self.all_removed() {
            assert_eq!(known, removed, "removed messages");
        }
    }

    /// Everything that is still kept after its removal; `None` when the index cannot be asked.
    fn all_removed(&self) -> Option<Vec<(usize, Removed)>> {
        let all = self.model.iter().map(|(number, mail)| {
            let removed = self.store().removed(mail.id.unwrap()).ok()?;
            Some((*number, removed))
        });
        all.collect()
    }

    async fn add(&mut self, number: usize) {
        if self.model.contains_key(&number) {
            return;
        }
        let change = Change::AddAccount(NewAccount::new(address(number)));
        let mut done = self.store().change(change).await.is_ok();
        if self.after_fault().await {
            done = self.find(number).is_some();
        }
        if done {
            let id = self.find(number);
            let mail = Mail {
                id,
                ..Mail::default()
            };
            self.model.insert(number, mail);
        }
    }

    fn find(&self, number: usize) -> Option<AccountId> {
        let directory = self.store().directory();
        directory
            .by_address(&address(number))
            .map(|account| account.id)
    }

    fn name(&self, number: usize) -> Option<String> {
        let directory = self.store().directory();
        directory
            .by_address(&address(number))
            .map(|account| account.name.clone())
    }

    async fn rename(&mut self, number: usize) {
        let Some(id) = self.model.get(&number).and_then(|mail| mail.id) else {
            return;
        };
        let mut account = self.store().directory().account(id).unwrap().clone();
        account.name.push('x');
        let name = account.name.clone();
        account.handling.vacation = Some(name.clone());
        let mut done = self
            .store()
            .change(Change::PutAccount(account))
            .await
            .is_ok();
        if self.after_fault().await {
            done = self.name(number).as_ref() == Some(&name);
        }
        if done {
            self.model.get_mut(&number).unwrap().name = name;
        }
    }

    async fn remove(&mut self, number: usize) {
        let Some(id) = self.model.get(&number).and_then(|mail| mail.id) else {
            return;
        };
        let mut done = self.store().change(Change::RemoveAccount(id)).await.is_ok();
        if self.after_fault().await {
            done = self.find(number).is_none();
        }
        if done {
            self.model.remove(&number);
        }
    }

    async fn deliver(&mut self, letters: &[Letter]) {
        let mut sent = Vec::new();
        for letter in letters {
            let to: Vec<usize> = letter
                .to
                .iter()
                .copied()
                .filter(|to| self.model.contains_key(to))
                .collect();
            if to.is_empty() {
                continue;
            }
            self.letters += 1;
            let mut body = format!("letter {}\r\n", self.letters).into_bytes();
            body.resize(body.len() + letter.octets, b'a' + (self.letters % 26) as u8);
            let ids = to.iter().map(|to| self.model[to].id.unwrap()).collect();
            let task = tokio::spawn(send(self.store(), ids, body.clone()));
            sent.push((to, body, task));
        }
        let mut answered = Vec::new();
        for (to, body, task) in sent {
            answered.push((to, body, task.await.unwrap().is_ok()));
        }
        let mut power_cut = self.after_fault().await;
        let mut arrived: Vec<(Option<Uidl>, Vec<usize>, Vec<u8>)> = Vec::new();
        for (to, body, accepted) in answered {
            let found = loop {
                match self.find_message(&to, &body) {
                    Some(found) => break found,
                    None => power_cut |= self.after_fault().await,
                }
            };
            // Answered before the power went is answered; not answered is whatever became of it.
            if accepted || (power_cut && found.is_some()) {
                assert!(found.is_some(), "lost: {}", String::from_utf8_lossy(&body));
                arrived.push((found, to, body));
            }
        }
        // A burst arrives in the order of its uids.
        arrived.sort_by_key(|(uidl, _, _)| uidl.map(|(_, uid)| uid));
        for (_, to, body) in arrived {
            for to in to {
                self.model
                    .get_mut(&to)
                    .unwrap()
                    .messages
                    .push((None, body.clone()));
            }
        }
    }

    /// Looks for a message: it is in all these mailboxes, under the same uid, or in none. `None` if reading failed.
    fn find_message(&self, to: &[usize], body: &[u8]) -> Option<Option<Uidl>> {
        let mut found = Vec::new();
        for number in to {
            let maildrop = self
                .store()
                .open_maildrop(self.model[number].id.unwrap())
                .unwrap();
            let mut here = None;
            for (at, entry) in maildrop.messages().iter().enumerate() {
                if read(&maildrop, at)? == body {
                    here = Some((entry.epoch, entry.uid));
                }
            }
            found.push(here);
        }
        let uids: Vec<_> = found.iter().map(|uidl| uidl.map(|(_, uid)| uid)).collect();
        assert!(
            uids.iter().all(|uid| *uid == uids[0]),
            "in some mailboxes only: {found:?}"
        );
        Some(found[0])
    }

    async fn expunge(&mut self, number: usize, divisor: usize) {
        let Some(id) = self.model.get(&number).and_then(|mail| mail.id) else {
            return;
        };
        let maildrop = self.store().open_maildrop(id).unwrap();
        let count = maildrop.messages().len();
        let indexes: Vec<usize> = (0..count).filter(|at| at.is_multiple_of(divisor)).collect();
        let mut done = maildrop.expunge(&indexes).await.is_ok();
        drop(maildrop);
        if self.after_fault().await {
            let left = self.store().open_maildrop(id).unwrap().messages().len();
            assert!(
                left == count || left == count - indexes.len(),
                "removed by halves"
            );
            done = left != count;
        }
        if done {
            let mail = self.model.get_mut(&number).unwrap();
            let mut at = 0;
            let gone = mail.messages.extract_if(.., |_| {
                at += 1;
                (at - 1_usize).is_multiple_of(divisor)
            });
            mail.removed.extend(gone.map(|(_, body)| body));
        }
    }

    async fn undelete(&mut self, number: usize) {
        let Some(id) = self.model.get(&number).and_then(|mail| mail.id) else {
            return;
        };
        let done = self.store().undelete(id, 0).await;
        let cut = self.after_fault().await;
        let bodies = loop {
            if let Some(bodies) = self.bodies_of(id) {
                break bodies;
            }
            self.after_fault().await;
        };
        let mail = self.model.get_mut(&number).unwrap();
        let mut left = mail.removed.clone();
        for body in bodies.into_iter().skip(mail.messages.len()) {
            let known = left.iter().position(|removed| *removed == body);
            left.swap_remove(known.expect("it had been removed, and once"));
            mail.messages.push((None, body));
        }
        if cut {
            mail.uncertain = true;
        } else if done.is_ok() {
            assert!(mail.uncertain || left.is_empty(), "some did not come back");
            mail.removed.clear();
            mail.uncertain = false;
        } else {
            // What came back does not come twice.
            mail.removed = left;
        }
    }

    /// `None` if reading failed.
    fn bodies_of(&self, id: AccountId) -> Option<Vec<Vec<u8>>> {
        let maildrop = self.store().open_maildrop(id).unwrap();
        let all = 0..maildrop.messages().len();
        all.map(|at| read(&maildrop, at)).collect()
    }

    /// The store says what the model says; a fault while reading is another attempt.
    async fn compare(&mut self, bodies: bool) {
        while self.try_compare(bodies).is_none() {
            self.after_fault().await;
        }
    }

    /// `None` if reading failed.
    fn try_compare(&mut self, bodies: bool) -> Option<()> {
        let store = self.store();
        let directory = store.directory();
        assert_eq!(directory.accounts().len(), self.model.len());
        let (mut messages, mut octets) = (0, 0);
        for (number, mail) in &mut self.model {
            let account = directory.by_address(&address(*number)).unwrap();
            assert_eq!(Some(account.id), mail.id);
            assert_eq!(account.name, mail.name);
            let vacation = account.handling.vacation.as_ref();
            assert_eq!(vacation.cloned().unwrap_or_default(), mail.name);
            let maildrop = store.open_maildrop(account.id).unwrap();
            assert_eq!(
                maildrop.messages().len(),
                mail.messages.len(),
                "account {number}"
            );
            let mut sum = 0;
            for (at, (uidl, body)) in mail.messages.iter_mut().enumerate() {
                let entry = &maildrop.messages()[at];
                assert_eq!(
                    *uidl.get_or_insert((entry.epoch, entry.uid)),
                    (entry.epoch, entry.uid)
                );
                assert_eq!(entry.octets, body.len() as u64);
                let before = self.seen.entry((*number, (entry.epoch, entry.uid)));
                assert!(
                    *before.or_insert_with(|| body.clone()) == *body,
                    "a UIDL used again"
                );
                if bodies {
                    assert!(read(&maildrop, at)? == *body, "another body");
                }
                sum += entry.octets;
            }
            let usage = store.usage(account.id);
            assert_eq!(
                (usage.messages, usage.octets),
                (mail.messages.len() as u64, sum)
            );
            messages += usage.messages;
            octets += usage.octets;
        }
        let stats = store.stats();
        assert_eq!((stats.messages, stats.octets), (messages, octets));
        self.compare_leads();
        self.compare_queue(bodies)
    }
}

fn address(number: usize) -> Mailbox {
    format!("user{number}@example.test").parse().unwrap()
}

async fn send(store: Store, to: Vec<AccountId>, body: Vec<u8>) -> Result<(), StoreError> {
    let reservations: Result<Vec<_>, Full> = to.iter().map(|id| store.reserve(*id, 0)).collect();
    let mut incoming = store.begin();
    for chunk in body.chunks(1_000) {
        incoming.write(Bytes::copy_from_slice(chunk)).await?;
    }
    let envelope = Envelope {
        reverse_path: "<>".parse().unwrap(),
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        requiretls: false,
        deliver_by: None,
        recipients: Vec::new(),
    };
    store
        .deliver(incoming, reservations.unwrap(), envelope)
        .await
}

/// `None` when the disk did not let us; what it did let us read is right.
fn read(maildrop: &Maildrop, index: usize) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    loop {
        let chunk = match maildrop.read(index, octets.len() as u64) {
            Ok(chunk) => chunk,
            Err(ReadError::Io(_)) => return None,
            Err(error) => panic!("{error}: {:?}", maildrop.messages()[index]),
        };
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return Some(octets);
        }
    }
}
