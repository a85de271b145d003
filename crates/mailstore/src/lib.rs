//! Accounts, mailboxes and messages: the durable truth.
#![forbid(unsafe_code)]

mod account;
mod budget;
mod directory;
mod disk;
mod engine;
mod error;
mod hall;
mod incoming;
mod index;
mod ledger;
mod log;
mod maildrop;
#[cfg(test)]
mod model;
mod options;
mod pool;
mod report;
mod stats;
mod store;

pub use account::{Account, AccountId, Alias, Change, ChangeError, Declared, NewAccount};
pub use directory::{Directory, Resolution};
pub use engine::faulty::Faults;
pub use engine::{Chunk, Entry};
pub use error::{Full, Low, MaildropError, OpenError, ReadError, StoreError};
pub use incoming::Incoming;
pub use ledger::{Reservation, Usage};
pub use maildrop::{Maildrop, ReadNow};
pub use options::Options;
pub use report::{Damage, Opened};
pub use stats::{EngineStats, IndexState, Stats};
pub use store::Store;
