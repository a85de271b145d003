//! What follows from an examination: what to keep, what to state, what to remove.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use address::{Envelope, ReversePath};

use super::quarantine::Quarantine;
use crate::account::{Account, AccountId, Alias, Decision};
use crate::engine::{Addressee, Body, Entry, Message, Place, Reading as At, Wait};
use crate::error::OpenError;
use crate::examine::{Evidence, Examination, Examined, Finding, Hit, Reading};
use crate::handling::StoredList;
use crate::index::keys;
use crate::index::table::Table;
use crate::log::frame::FRAME;
use crate::log::read::Files;
use crate::outgoing::{Pending, QUEUE};
use crate::report::Damage;

/// What a repair will do.
pub(super) struct Plan {
    pub(super) examined: Examined,
    pub(super) build_index: bool,
    pub(super) decisions: Vec<Decision>,
    pub(super) renewed: Vec<(Hit, Entry)>,
    pub(super) expunged: BTreeMap<AccountId, Vec<u64>>,
    /// What becomes of queued messages, as only the index knows.
    pub(super) attempted: Vec<(u64, Arc<Pending>)>,
    pub(super) removed: Vec<Hit>,
    pub(super) removed_again: Vec<Hit>,
    examination: Examination,
    places: Vec<Damage>,
    letters: Vec<Entry>,
    bodies: BTreeSet<u64>,
    /// What becomes of queued messages that are stated again themselves.
    queued: BTreeMap<u64, Arc<Pending>>,
}

impl Plan {
    pub(super) fn of(examination: Examination, reading: Reading<'_>) -> Result<Self, OpenError> {
        let (examined, evidence) = examination.look(None, reading)?;
        // A repair that was interrupted may have set aside what it had not stated again yet.
        let damaged = !examined.set_aside.is_empty()
            || examined.findings.iter().any(|finding| {
                matches!(
                    finding,
                    Finding::Record { .. } | Finding::MissingSegment { .. }
                )
            });
        let trusted = damaged && evidence.index.is_some();
        let mut plan = Self {
            build_index: !trusted && examined.findings.iter().any(super::is_about_index),
            decisions: Vec::new(),
            renewed: Vec::new(),
            expunged: BTreeMap::new(),
            attempted: Vec::new(),
            queued: BTreeMap::new(),
            removed: Vec::new(),
            removed_again: Vec::new(),
            places: Vec::new(),
            letters: Vec::new(),
            bodies: BTreeSet::new(),
            examined,
            examination,
        };
        let findings = std::mem::take(&mut plan.examined.findings);
        for finding in &findings {
            plan.see(finding, &evidence, trusted);
        }
        plan.examined.findings = findings;
        if trusted {
            plan.see_directory(&evidence);
        }
        Ok(plan)
    }

    fn see(&mut self, finding: &Finding, evidence: &Evidence, trusted: bool) {
        match finding {
            Finding::Record { place, messages } => {
                self.places.push(place.clone());
                self.remove(messages, evidence);
            }
            Finding::Body { body, messages, .. } => {
                self.bodies.insert(*body);
                self.remove(messages, evidence);
            }
            Finding::OrphanBody { body, .. } => {
                self.bodies.insert(*body);
            }
            Finding::MissingSegment { messages, .. } | Finding::MissingBody { messages, .. } => {
                self.remove(messages, evidence);
            }
            Finding::NotInLog { message } if trusted => self.renew(message, evidence),
            Finding::NotInIndex { message } if trusted => {
                self.expunge(message);
                self.removed_again.push(message.clone());
            }
            Finding::Queue { id: Some(id) } if trusted => {
                let pending = evidence.pending(*id);
                self.attempted.extend(pending.map(|pending| (*id, pending)));
            }
            Finding::NotInLog { .. }
            | Finding::Queue { .. }
            | Finding::NotInIndex { .. }
            | Finding::Differs { .. }
            | Finding::Mailbox { .. }
            | Finding::Directory { .. }
            | Finding::Entries
            | Finding::Index { .. } => {}
        }
    }

    fn expunge(&mut self, hit: &Hit) {
        self.expunged.entry(hit.account).or_default().push(hit.uid);
    }

    /// Takes damaged messages out of their mailboxes, with what can be read of them kept.
    fn remove(&mut self, hits: &[Hit], evidence: &Evidence) {
        for hit in hits {
            self.expunge(hit);
            self.removed.push(hit.clone());
            if let Some(entry) = evidence.entry(hit)
                && !self.letters.iter().any(|there| there.place == entry.place)
            {
                self.letters.push(entry);
            }
        }
    }

    /// A message that only the index knows, though its own record need not be damaged: that of its account may be.
    fn renew(&mut self, hit: &Hit, evidence: &Evidence) {
        let Some(entry) = evidence.entry(hit) else {
            return;
        };
        if hit.account == QUEUE {
            self.queued
                .extend(evidence.pending(hit.uid).map(|pending| (hit.uid, pending)));
        }
        if self.whole(&entry).is_some() {
            self.renewed.push((hit.clone(), entry));
        } else {
            self.remove(std::slice::from_ref(hit), evidence);
        }
    }

    /// The message as a new one; `None` when it cannot be read any more.
    pub(super) fn renewal(&self, hit: &Hit, entry: &Entry) -> Option<Message> {
        let octets = self.whole(entry)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.unwrap_or_default().as_millis();
        let crc = crc32c::crc32c(&octets);
        if hit.account == QUEUE {
            return self.renewed_in_queue(hit, entry, Body::Held { octets, crc });
        }
        Some(Message {
            received: u64::try_from(now).unwrap_or(u64::MAX),
            addressees: vec![Addressee {
                account: hit.account,
                epoch: entry.epoch,
            }],
            // Who sent it stands in the letter; nobody delivers it any further.
            envelope: Envelope {
                reverse_path: ReversePath::Null,
                envid: None,
                ret: None,
                body8bit: false,
                smtputf8: entry.utf8,
                requiretls: false,
                deliver_by: None,
                recipients: Vec::new(),
            },
            body: Body::Held { octets, crc },
            uidl: entry.uidl.clone(),
            queue: None,
        })
    }

    /// The same of a queued message, which goes on where it was.
    fn renewed_in_queue(&self, hit: &Hit, entry: &Entry, body: Body) -> Option<Message> {
        let (disk, layout) = self.examination.ground();
        let (received, envelope) = Files::new(disk, layout).envelope(entry).ok()?;
        Some(Message {
            received,
            addressees: vec![Addressee {
                account: QUEUE,
                epoch: entry.epoch,
            }],
            envelope,
            uidl: None,
            body,
            queue: Some(Arc::clone(self.queued.get(&hit.uid)?)),
        })
    }

    /// A message as it was stored, if it still is.
    fn whole(&self, entry: &Entry) -> Option<Vec<u8>> {
        let (disk, layout) = self.examination.ground();
        let files = Files::new(disk, layout);
        let mut at = At {
            uid: entry.uid,
            ..At::default()
        };
        let mut octets = Vec::new();
        loop {
            let chunk = files.read(entry, &mut at, Wait::Allowed).ok()??;
            octets.extend_from_slice(&chunk.octets);
            if chunk.last {
                return Some(octets);
            }
        }
    }

    /// Accounts, aliases and lists as the index has them.
    fn see_directory(&mut self, evidence: &Evidence) {
        let Some(index) = &evidence.index else {
            return;
        };
        let (log, index) = (&*evidence.log, &**index);
        let missing = |one: &dyn Table, other: &dyn Table, prefix: &[u8]| {
            let mut found = Vec::new();
            let _ = one.scan(prefix, prefix, usize::MAX, &mut |key, value| {
                let there = other.get(key).ok().flatten();
                if there.as_deref() != Some(value) {
                    found.push((key.to_vec(), value.to_vec(), there.is_some()));
                }
            });
            found
        };
        for (key, _, both) in missing(log, index, keys::ACCOUNT) {
            if let (false, Some(id)) = (both, keys::id_of(&key)) {
                self.decisions.push(Decision::NoAccount(id));
            }
        }
        for (_, value, both) in missing(log, index, keys::ALIAS) {
            if let (false, Ok(alias)) = (both, postcard::from_bytes::<Alias>(&value)) {
                self.decisions.push(Decision::NoAlias(alias.address));
            }
        }
        for (_, value, both) in missing(log, index, keys::LIST) {
            if let (false, Ok(list)) = (both, postcard::from_bytes::<StoredList>(&value)) {
                self.decisions.push(Decision::NoList(list.address));
            }
        }
        for (_, value, _) in missing(index, log, keys::ACCOUNT) {
            if let Ok(account) = postcard::from_bytes::<Account>(&value) {
                self.decisions.push(Decision::account(account));
            }
        }
        for (_, value, _) in missing(index, log, keys::ALIAS) {
            if let Ok(alias) = postcard::from_bytes::<Alias>(&value) {
                self.decisions.push(Decision::Alias(alias));
            }
        }
        for (_, value, _) in missing(index, log, keys::LIST) {
            if let Ok(list) = postcard::from_bytes::<StoredList>(&value) {
                self.decisions.push(Decision::List(list));
            }
        }
    }

    /// Keeps every damaged place, and of every damaged letter what stands where it should.
    pub(super) fn keep(&self, quarantine: &mut Quarantine) -> Result<(), OpenError> {
        for place in &self.places {
            let name = format!("{:010}-{}.rec", place.segment, place.offset);
            quarantine.keep(&name, &self.examination.octets_of(place)?)?;
        }
        for entry in &self.letters {
            let (name, octets) = match entry.place {
                Place::Log {
                    segment,
                    offset,
                    head,
                } => {
                    let place = Damage {
                        segment,
                        offset: u64::from(offset) + FRAME as u64 + u64::from(head),
                        octets: entry.octets,
                    };
                    let name = format!("{segment:010}-{offset}.eml");
                    (name, self.examination.octets_of(&place)?)
                }
                Place::Sealed { body, .. } => (
                    format!("{body:016x}.eml"),
                    self.examination.letter_of(body)?,
                ),
            };
            if !octets.is_empty() {
                quarantine.keep(&name, &octets)?;
            }
        }
        Ok(())
    }

    /// Moves large bodies that are damaged or nobody's. Nothing names them any more by now.
    pub(super) fn move_bodies(&self, quarantine: &mut Quarantine) -> Result<(), OpenError> {
        for body in &self.bodies {
            quarantine.take_body(*body)?;
        }
        Ok(())
    }
}
