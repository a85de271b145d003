//! Listings of large mailboxes, kept from one login to the next.
//!
//! A client that polls a mailbox of 10,000 messages would otherwise have all of them read from the table every time.
//! What is kept is a listing somebody got and every change of that mailbox published since; who asks next gets both put
//! together. Changes are noted under the lock under which they are published, so nothing acknowledged is missed and
//! nothing removed is shown. All listings together take at most [`MOST`] octets; the one not asked for longest goes.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Change, Overlay};
use crate::account::{AccountId, Decision};
use crate::engine::Entry;

/// Octets of all listings and of the changes noted for them.
const MOST: usize = 8 << 20;
/// Mailboxes with fewer messages are read from the table in no time.
const LEAST: usize = 256;
/// Octets a noted message takes, with its place in the map.
const NOTED: usize = 2 * size_of::<Entry>();
/// Octets a noted removal takes.
const STRUCK: usize = 32;

/// What is kept, by account.
#[derive(Default)]
pub(super) struct Listings {
    slots: HashMap<AccountId, Slot>,
    /// Counts questions.
    clock: u64,
    octets: usize,
}

struct Slot {
    /// None while the one who asked last is still reading it.
    entries: Option<Arc<[Entry]>>,
    /// What has changed since.
    news: Overlay,
    is_old: bool,
    octets: usize,
    asked: u64,
}

/// The right to keep what is read now. Whoever asks for the same mailbox later takes it over.
pub(super) struct Turn {
    account: AccountId,
    asked: u64,
}

/// What there is of a listing.
pub(super) enum Kept {
    /// All of it.
    Current(Arc<[Entry]>),
    /// An old one, and what changed since.
    Old(Arc<[Entry]>, Overlay, Turn),
    Nothing(Turn),
}

impl Listings {
    /// A listing as it is now, as far as it is kept. From here on, changes are noted for whoever has the turn.
    pub(super) fn ask(&mut self, account: AccountId) -> Kept {
        self.clock += 1;
        let asked = self.clock;
        if let Some(slot) = self.slots.get_mut(&account)
            && !slot.is_old
            && let Some(entries) = &slot.entries
        {
            slot.asked = asked;
            return Kept::Current(Arc::clone(entries));
        }
        let turn = Turn { account, asked };
        let before = self.remove(account);
        let slot = Slot {
            entries: None,
            news: Overlay::default(),
            is_old: false,
            octets: 0,
            asked,
        };
        self.slots.insert(account, slot);
        match before {
            Some(Slot {
                entries: Some(entries),
                news,
                ..
            }) => Kept::Old(entries, news, turn),
            Some(_) | None => Kept::Nothing(turn),
        }
    }

    /// Keeps what was read, unless somebody has asked later, or it is not worth it.
    pub(super) fn keep(&mut self, turn: &Turn, entries: &Arc<[Entry]>) {
        let Some(slot) = self.slots.get_mut(&turn.account) else {
            return;
        };
        if slot.asked != turn.asked {
            return;
        }
        if entries.len() < LEAST {
            self.remove(turn.account);
            return;
        }
        let octets = size(entries);
        slot.entries = Some(Arc::clone(entries));
        self.grow(turn.account, octets);
    }

    /// Sees a change that is being published.
    pub(super) fn note(&mut self, change: &Change) {
        if self.slots.is_empty() {
            return;
        }
        match change {
            Change::Message(posted) => {
                for kept in &posted.kept {
                    self.note_of(kept.account, change, NOTED);
                }
            }
            Change::Expunge { account, uids, .. } => {
                self.note_of(*account, change, uids.len().saturating_mul(STRUCK));
            }
            Change::Decisions(decisions) => {
                for decision in decisions {
                    if let Decision::NoAccount(account) = decision {
                        self.remove(*account);
                    }
                }
            }
            // Of messages that are in no mailbox any more.
            Change::Retired { .. } | Change::Released { .. } | Change::Attempted(_) => {}
        }
    }

    /// Forgets everything: the table it came from is not trusted any more.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.octets = 0;
    }

    fn note_of(&mut self, account: AccountId, change: &Change, octets: usize) {
        if let Some(slot) = self.slots.get_mut(&account) {
            slot.news.see(account, change);
            slot.is_old = true;
            self.grow(account, octets);
        }
    }

    /// Counts more octets for one mailbox, and makes room for them.
    fn grow(&mut self, account: AccountId, octets: usize) {
        if let Some(slot) = self.slots.get_mut(&account) {
            slot.octets = slot.octets.saturating_add(octets);
            self.octets = self.octets.saturating_add(octets);
        }
        while self.octets > MOST {
            let oldest = self.slots.iter().min_by_key(|(_, slot)| slot.asked);
            let Some((oldest, _)) = oldest else { return };
            self.remove(*oldest);
        }
    }

    fn remove(&mut self, account: AccountId) -> Option<Slot> {
        let slot = self.slots.remove(&account)?;
        self.octets = self.octets.saturating_sub(slot.octets);
        Some(slot)
    }
}

fn size(entries: &[Entry]) -> usize {
    let ids = entries.iter().filter_map(Entry::uidl);
    // Two counters stand before the characters of each.
    let ids: usize = ids.map(|id| id.len() + 2 * size_of::<usize>()).sum();
    size_of_val(entries) + ids
}

#[cfg(test)]
mod tests;
