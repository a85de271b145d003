//! Which messages stand at a place of the log: asked only when that place is damaged.

use super::Store;
use crate::engine::Place;
use crate::error::StoreError;
use crate::examine::Hit;
use crate::outgoing::QUEUE;
use crate::report::Damage;

impl Store {
    /// The messages that mailboxes, or the queue, list in each of these places. Blocks: it goes through all of them.
    ///
    /// # Errors
    /// When a mailbox cannot be listed.
    pub fn placed(&self, places: &[Damage]) -> Result<Vec<Vec<Hit>>, StoreError> {
        let directory = self.directory();
        let mut hits = vec![Vec::new(); places.len()];
        let accounts = directory.accounts();
        let mailboxes = accounts.map(|account| (account.id, Some(&account.address)));
        for (id, address) in mailboxes.chain([(QUEUE, None)]) {
            for entry in self.inner.engine.listing(id)?.iter() {
                let Place::Log {
                    segment, offset, ..
                } = entry.place
                else {
                    continue;
                };
                let inside = |place: &Damage| {
                    let behind = place.offset.saturating_add(place.octets);
                    place.segment == segment && (place.offset..behind).contains(&u64::from(offset))
                };
                if let Some(place) = places.iter().position(inside) {
                    hits[place].push(Hit::new(address, id, entry));
                }
            }
        }
        Ok(hits)
    }
}
