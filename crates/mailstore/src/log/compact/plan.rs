//! The look at a segment before anything is moved: what of it still counts, and what goes with it.
//!
//! It changes nothing. Every record is verified; one that is not whole makes the whole segment untouchable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Compactor, unreadable};
use crate::account::{Account, AccountId, Alias, Decision};
use crate::compaction::Way;
use crate::engine::Place;
use crate::error::{CompactError, StoreError};
use crate::handling::StoredList;
use crate::index::keys::{self, Retirement};
use crate::index::{Attempted, Change, Kept, Posted, Stand};
use crate::log::frame::{Frame, Kind};
use crate::log::record;
use crate::log::replay::Segment;
use crate::outgoing::{Pending, QUEUE};

/// Octets read between two pauses.
const BREATH: u64 = 1 << 20;

/// What is to be said again at the end of the log.
pub(super) enum Move {
    /// The message whose record begins there, for these mailboxes.
    Message {
        at: u64,
        kept: Vec<Kept>,
        /// What becomes of it in the queue, if it is there.
        queue: Option<Arc<Pending>>,
    },
    /// What becomes of a queued message.
    Attempted {
        id: u64,
        pending: Arc<Pending>,
    },
    Decision(Box<Decision>),
    Tombstone {
        account: AccountId,
        uids: Vec<u64>,
        when: u64,
    },
    Released {
        account: AccountId,
        uids: Vec<u64>,
    },
}

/// What was found in a segment.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) moves: Vec<Move>,
    /// Octets that would stay: records and their bodies.
    pub(super) kept: u64,
    /// Octets of those that would be written again.
    pub(super) copied: u64,
    /// Octets there are.
    pub(super) total: u64,
    pub(super) retirement: Retirement,
    /// Removed messages that nothing else has.
    pub(super) forgotten: Vec<(AccountId, Vec<u64>)>,
}

/// What there is before a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// Nothing: what is gone need not be said to be gone.
    pub(super) oldest: bool,
    /// A segment of which something has been copied already. It may have the message of a copy, too, which must not be
    /// forgotten before that segment is.
    pub(super) unfinished: bool,
}

/// What time it is, and how much of it there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) way: Way,
    /// Milliseconds since 1970.
    pub(super) now: u64,
    /// How long removed messages are kept, in milliseconds.
    pub(super) window: u64,
}

/// The look at one segment.
struct Look<'a> {
    compactor: &'a Compactor,
    times: Times,
    /// The rest has been said again already.
    messages_only: bool,
    before: Before,
    segment: u32,
    plan: Plan,
    forgotten: BTreeMap<AccountId, BTreeSet<u64>>,
    /// Bodies that nothing of this record needs any more: uid and body, and whether the record is a copy.
    ending: Vec<(u64, u64, bool)>,
}

impl Compactor {
    /// `None` when the segment is damaged. The first look is at everything, later ones are at messages only.
    pub(super) fn look(
        &self,
        segment: &Segment,
        before: Before,
        times: Times,
        first: bool,
    ) -> Result<Option<Plan>, CompactError> {
        let mut look = Look {
            compactor: self,
            times,
            messages_only: !first,
            before,
            segment: segment.number,
            plan: Plan {
                total: segment.size,
                ..Plan::default()
            },
            forgotten: BTreeMap::new(),
            ending: Vec::new(),
        };
        look.plan.retirement.segment = segment.number;
        let (mut outcome, mut read) = (Ok(()), 0);
        let whole = self
            .replay
            .each_record(segment, &mut |at, frame, kind, head| {
                outcome = look.record(at, frame, kind, head);
                if at - read >= BREATH && outcome.is_ok() {
                    outcome = self.breathe(times.way, at - read);
                    read = at;
                }
                outcome.is_ok()
            })
            .map_err(unreadable)?;
        outcome?;
        look.end_bodies()?;
        let mut plan = look.plan;
        plan.forgotten = (look.forgotten.into_iter())
            .map(|(account, uids)| (account, uids.into_iter().collect()))
            .collect();
        Ok(whole.then_some(plan))
    }
}

impl Look<'_> {
    /// A copy need not be the only one of its message: the mailboxes may have been copied at different times, and then
    /// the body goes with the last of them.
    fn end_bodies(&mut self) -> Result<(), CompactError> {
        let ending = std::mem::take(&mut self.ending);
        let accounts = if ending.iter().any(|(_, _, moved)| *moved) {
            self.compactor.index.accounts()?
        } else {
            Vec::new()
        };
        for (uid, body, moved) in ending {
            let mut needed = false;
            // The first record of a message names all its mailboxes, and they have been asked.
            for account in accounts.iter().take_while(|_| moved) {
                needed |= self.needs(*account, uid, body)?;
            }
            if !needed {
                self.plan.retirement.bodies.push(body);
            }
        }
        Ok(())
    }

    /// Whether a mailbox still has this body when the segment has gone, removed or not.
    fn needs(&self, account: AccountId, uid: u64, body: u64) -> Result<bool, CompactError> {
        let (Stand::Live(entry) | Stand::Removed(entry, _)) =
            self.compactor.index.stand(account, uid)?
        else {
            return Ok(false);
        };
        let same = matches!(entry.place, Place::Sealed { body: its, .. } if its == body);
        let forgotten = self.forgotten.get(&account);
        Ok(same && forgotten.is_none_or(|uids| !uids.contains(&uid)))
    }

    fn record(
        &mut self,
        at: u64,
        frame: &Frame,
        kind: Kind,
        head: &[u8],
    ) -> Result<(), CompactError> {
        let length = frame.length();
        match record::change(kind, frame, head, self.segment, at) {
            Some(Change::Message(posted)) => self.message(at, length, &posted),
            Some(_) if self.messages_only => Ok(()),
            Some(Change::Decisions(decisions)) => self.decisions(length, decisions),
            Some(Change::Expunge { account, uids, .. }) => self.tombstone(length, account, &uids),
            Some(Change::Released { account, uids }) => self.released(length, account, uids),
            Some(Change::Attempted(attempted)) => self.attempted(length, attempted),
            // Its files were gone before anything else was compacted.
            Some(Change::Retired { .. }) => Ok(()),
            None => Ok(()),
        }
    }

    fn message(&mut self, at: u64, length: u64, posted: &Posted) -> Result<(), CompactError> {
        let (uid, place) = (posted.uid, posted.place);
        let (mut kept, mut elsewhere) = (Vec::new(), false);
        for mailbox in &posted.kept {
            let account = mailbox.account;
            match self.compactor.index.stand(account, uid)? {
                Stand::Live(entry) if entry.place == place => kept.push(Kept {
                    removed: None,
                    ..*mailbox
                }),
                Stand::Removed(entry, when) if entry.place == place => {
                    if self.within_window(when) || (posted.moved && self.before.unfinished) {
                        kept.push(Kept {
                            removed: Some(when),
                            ..*mailbox
                        });
                    } else {
                        self.forgotten.entry(account).or_default().insert(uid);
                    }
                }
                Stand::Live(_) | Stand::Removed(..) => elsewhere = true,
                Stand::Gone => {}
            }
        }
        let body = match place {
            Place::Sealed { body, .. } => Some((body, self.body_size(body)?)),
            Place::Log { .. } => None,
        };
        if let Some((body, octets)) = body
            && !elsewhere
        {
            self.plan.total += octets;
            if kept.is_empty() {
                self.ending.push((uid, body, posted.moved));
            } else {
                self.plan.kept += octets;
            }
        }
        if !kept.is_empty() {
            let queue = if kept.iter().any(Kept::is_queued) {
                let known = self.compactor.index.on_its_way(uid)?;
                Some(known.ok_or(StoreError::Rebuilding)?.pending)
            } else {
                None
            };
            self.keep(length, Move::Message { at, kept, queue });
        }
        Ok(())
    }

    /// Is it this record that says what becomes of the message now? A copy of the message will say it, too.
    fn attempted(&mut self, length: u64, attempted: Attempted) -> Result<(), CompactError> {
        let Attempted { id, pending, at } = attempted;
        let index = &self.compactor.index;
        let known = index.on_its_way(id)?;
        let says = known.is_some_and(|known| known.at == at);
        // The copy of a message that goes, too, says it.
        let goes = |stand| matches!(stand, Stand::Live(entry) if entry.place.record().0 == at.0);
        if says && !goes(index.stand(QUEUE, id)?) {
            self.keep(length, Move::Attempted { id, pending });
        }
        Ok(())
    }

    fn keep(&mut self, length: u64, what: Move) {
        self.plan.kept += length;
        self.plan.copied += length;
        self.plan.moves.push(what);
    }

    fn within_window(&self, when: u64) -> bool {
        when > 0 && when.saturating_add(self.times.window) > self.times.now
    }

    /// 0 when the file is not there.
    fn body_size(&self, body: u64) -> Result<u64, CompactError> {
        let replay = &self.compactor.replay;
        match replay.disk.open(&replay.layout.body(body)) {
            Ok(file) => Ok(file.size().map_err(super::failed("reading a body"))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(super::failed("reading a body")(error)),
        }
    }

    fn decisions(&mut self, length: u64, decisions: Vec<Decision>) -> Result<(), CompactError> {
        let each = length / decisions.len().max(1) as u64;
        for decision in decisions {
            if self.is_current(&decision)? {
                self.keep(each, Move::Decision(Box::new(decision)));
            }
        }
        Ok(())
    }

    /// Is it still so, and would it not be without this record?
    fn is_current(&self, decision: &Decision) -> Result<bool, CompactError> {
        let index = &self.compactor.index;
        let read = |_| StoreError::Rebuilding;
        Ok(match decision {
            Decision::Account(account) => match index.value(&keys::account(account.id))? {
                Some(now) => postcard::from_bytes::<Account>(&now).map_err(read)? == **account,
                None => false,
            },
            Decision::Alias(alias) => match index.value(&keys::alias(&alias.address.key()))? {
                Some(now) => postcard::from_bytes::<Alias>(&now).map_err(read)? == *alias,
                None => false,
            },
            Decision::NoAccount(id) => {
                !self.before.oldest && index.value(&keys::account(*id))?.is_none()
            }
            Decision::NoAlias(address) => {
                !self.before.oldest && index.value(&keys::alias(&address.key()))?.is_none()
            }
            Decision::List(list) => match index.value(&keys::list(&list.address.key()))? {
                Some(now) => postcard::from_bytes::<StoredList>(&now).map_err(read)? == *list,
                None => false,
            },
            Decision::NoList(address) => {
                !self.before.oldest && index.value(&keys::list(&address.key()))?.is_none()
            }
        })
    }

    /// Of a removal what is still needed: some segment has the message, and not this one alone. It is said as it is now:
    /// what was released since must not be kept again.
    fn tombstone(
        &mut self,
        length: u64,
        account: AccountId,
        uids: &[u64],
    ) -> Result<(), CompactError> {
        let mut left = BTreeMap::<u64, Vec<u64>>::new();
        for uid in uids {
            if let Stand::Removed(entry, when) = self.compactor.index.stand(account, *uid)? {
                let here = entry.place.record().0 == self.segment;
                if !here || self.before.unfinished || self.within_window(when) {
                    left.entry(when).or_default().push(*uid);
                }
            }
        }
        for (when, some) in left {
            let octets = length * some.len() as u64 / uids.len().max(1) as u64;
            let uids = some;
            self.keep(
                octets,
                Move::Tombstone {
                    account,
                    uids,
                    when,
                },
            );
        }
        Ok(())
    }

    /// What was released stays released while it is there.
    fn released(
        &mut self,
        length: u64,
        account: AccountId,
        mut uids: Vec<u64>,
    ) -> Result<(), CompactError> {
        let mut wrong = Ok(());
        uids.retain(|uid| match self.compactor.index.stand(account, *uid) {
            Ok(Stand::Removed(entry, _)) => entry.place.record().0 != self.segment,
            Ok(Stand::Live(_) | Stand::Gone) => false,
            Err(error) => {
                wrong = Err(error);
                true
            }
        });
        wrong?;
        if !uids.is_empty() {
            self.keep(length, Move::Released { account, uids });
        }
        Ok(())
    }
}
