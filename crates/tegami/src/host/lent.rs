//! Listings of large maildrops, lent from one login to the next while nothing has changed: a client that only looks for
//! mail then costs the same however much there is.
//!
//! Nothing is kept alive here. The store remembers the entries of large mailboxes, within its own bounds; a listing goes
//! with the entries it was made from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mailstore::{AccountId, Entry};
use pop3_server::Listing;

/// The store remembers no mailbox with fewer messages.
const LEAST: usize = 256;

/// Listings by account.
#[derive(Default)]
pub struct Lent(Mutex<HashMap<AccountId, Shown>>);

struct Shown {
    of: Weak<[Entry]>,
    listing: Listing,
}

impl Lent {
    /// The listing made from these very entries.
    pub fn of(&self, account: AccountId, entries: &Arc<[Entry]>) -> Option<Listing> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = all.get(&account)?;
        let same = std::ptr::eq(shown.of.as_ptr(), Arc::as_ptr(entries));
        same.then(|| shown.listing.clone())
    }

    /// Keeps a listing of these entries, which is the same for every client.
    pub fn keep(&self, account: AccountId, entries: &Arc<[Entry]>, listing: &Listing) {
        if entries.len() < LEAST {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, shown| shown.of.strong_count() > 0);
        let shown = Shown {
            // This keeps the place of the entries from being given to others, so that it stays theirs.
            of: Arc::downgrade(entries),
            listing: listing.clone(),
        };
        all.insert(account, shown);
    }
}
