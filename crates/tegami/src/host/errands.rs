//! What this server does with mail itself, once it has taken it: posts to lists, requests to lists, replies while somebody
//! is away, and word that a message has arrived.
//!
//! What is decided about lists and absences is decided in `delivery`; here it is looked up, kept and sent. Everything
//! that concerns a list waits in the queue as mail for its address, and [`run`] is called for it, as often as it takes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use address::{ForwardPath, Mailbox, Recipient};
use courier::office::{Errand, Housed};
use delivery::keys::{Key, Keys};
use delivery::list::{List, Role, Settings};
use delivery::schedule::Verdict;
use mailstore::{AccountId, Directory, Full, ListAddress, ReadError, StoreError, StoredList};
use reply::Enhanced;

use super::{House, routing};
use crate::key_file::{self, KeyFileError};

mod letter;
mod list;
pub mod memory;
pub mod moderation;
pub mod one_click;
mod onward;
mod personal;
mod places;
mod request;
pub mod success;
pub mod vacation;
mod words;

use letter::Post;

/// The key file. Without it, words that lists have sent out to be sent back are worth nothing; nothing else is lost.
const KEY: &str = "lists.key";

/// What it takes to do them.
pub struct Errands {
    data_dir: PathBuf,
    keys: Keys,
    absences: vacation::Notes,
}

/// Why an errand is not done now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The queue has no room.
    #[error("the queue has no room: {0}")]
    NoRoom(Full),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The message cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is remembered of earlier answers cannot be read or written.
    #[error("what was answered before is not known: {0}")]
    Memory(#[from] memory::MemoryError),
    /// The list could not be changed.
    #[error(transparent)]
    Change(#[from] mailstore::ChangeError),
    /// The server stops.
    #[error("the server stops")]
    Stopping,
}

impl Errands {
    /// Makes ready for the errands of this house. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// The key in the data directory can be neither read nor made.
    pub fn start(data_dir: &Path, house: &Arc<House>) -> Result<(), KeyFileError> {
        let known = key_file::read(data_dir, KEY)?;
        let octets = match known {
            Some(octets) => octets,
            None => key_file::make(data_dir, KEY)?.to_vec(),
        };
        let key = Key::new(&octets).map_err(|_| KeyFileError::Damaged {
            path: data_dir.join(KEY),
        })?;
        let directory = house.store.directory();
        vacation::tidy(data_dir, |account| directory.account(account).is_some());
        let errands = Self {
            data_dir: data_dir.to_owned(),
            keys: Keys::new(key, Vec::new()),
            absences: vacation::start(house),
        };
        // Set once: a house has one of them.
        let _ = house.errands.set(errands);
        tokio::spawn(moderation::announce_all(Arc::downgrade(house)));
        Ok(())
    }

    /// A message that waited has come into mailboxes: who of them is away answers. It is never waited for.
    pub fn note_housed(&self, directory: &Directory, housed: &Housed) {
        let end = header_end(&housed.beginning).unwrap_or(housed.beginning.len());
        let header: Arc<[u8]> = housed.beginning[..end].into();
        let is_away = |account: &AccountId| {
            let account = directory.account(*account);
            account.is_some_and(|account| account.handling.vacation.is_some())
        };
        for account in housed.accounts.iter().copied().filter(is_away) {
            self.note(vacation::Note {
                account,
                reverse_path: housed.envelope.reverse_path.clone(),
                header: Arc::clone(&header),
                requiretls: housed.envelope.requiretls,
            });
        }
    }

    /// Somebody who may be away has got a message. It is never waited for.
    pub fn note(&self, note: vacation::Note) {
        self.absences.send(note);
    }
}

/// Does what there is to do with a message of the queue for this one of its recipients, a list or an address that leads on.
pub async fn run(house: Arc<House>, message: u64, recipient: u32) -> Errand {
    match done(&house, message, recipient).await {
        Ok(errand) => errand,
        Err(trouble) => {
            tracing::warn!(id = message, error = %trouble, "mail for a list or an alias has to wait");
            Errand {
                verdict: Verdict::Deferred,
                status: Enhanced(4, 3, 0),
                words: format!("it cannot be handed on now: {trouble}"),
            }
        }
    }
}

async fn done(house: &Arc<House>, message: u64, recipient: u32) -> Result<Errand, Trouble> {
    let Some(errands) = house.errands.get() else {
        return Err(Trouble::Stopping);
    };
    let Some(post) = Post::read(house, message).await? else {
        // It was removed meanwhile.
        return Ok(delivered("removed"));
    };
    let path = usize::try_from(recipient)
        .ok()
        .and_then(|at| post.envelope.recipients.get(at));
    let address = path.and_then(|one| one.path.mailbox());
    let Some((list, role)) = address.and_then(|address| at(house, address)) else {
        return onward::send_on(house, &post, recipient).await;
    };
    match role {
        Role::Post => list::expand(house, errands, &list, &post, recipient).await,
        Role::Bounces | Role::Owner => list::to_owners(house, &list, role, &post, recipient).await,
        Role::Request => request::answer(house, errands, &list, &post, recipient).await,
    }
}

/// The list that an address of ours belongs to, and what for.
pub fn at(house: &House, address: &Mailbox) -> Option<(List, Role)> {
    let directory = house.store.directory();
    let (stored, what) = directory.list(address)?;
    Some((read(stored)?, role(what)))
}

/// The list that sends its members mail from this address, and who of these is a member. Whoever gets mail in the stead of
/// a member is none: there the alias or the forward wants mending.
pub fn failed_members(
    house: &House,
    bounces: &Mailbox,
    failed: &[&Recipient],
) -> Option<(Mailbox, Vec<Mailbox>)> {
    let (list, Role::Bounces) = at(house, bounces)? else {
        return None;
    };
    let failed: HashSet<String> = failed
        .iter()
        .filter_map(|one| one.path.mailbox().map(Mailbox::key))
        .collect();
    let members = list.members().filter(|one| failed.contains(&one.key()));
    Some((list.settings().address.clone(), members.cloned().collect()))
}

/// What the store calls it.
pub fn role(what: ListAddress) -> Role {
    match what {
        ListAddress::Post => Role::Post,
        ListAddress::Request => Role::Request,
        ListAddress::Bounces => Role::Bounces,
        ListAddress::Owner => Role::Owner,
    }
}

/// A list as the store has it.
pub fn read(stored: &StoredList) -> Option<List> {
    let settings: Settings = serde_json::from_str(&stored.settings)
        .inspect_err(|error| tracing::error!(list = %stored.address, %error, "the settings of a list cannot be read"))
        .ok()?;
    List::new(settings)
        .inspect_err(
            |error| tracing::error!(list = %stored.address, %error, "a list cannot be used"),
        )
        .ok()
}

/// All addresses of an account: its own, and the aliases that lead to it.
pub fn addresses(directory: &Directory, account: AccountId) -> Vec<Mailbox> {
    let Some(known) = directory.account(account) else {
        return Vec::new();
    };
    let aliases = directory.aliases().map(|alias| &alias.address);
    let aliases = aliases.filter(|alias| directory.leads_to(alias, account));
    std::iter::once(&known.address)
        .chain(aliases)
        .cloned()
        .collect()
}

/// The octets of a message that come before its body, as far as they are among these: the empty line is the last of them.
pub fn header_end(octets: &[u8]) -> Option<usize> {
    memchr::memmem::find(octets, b"\r\n\r\n").map(|at| at + 4)
}

fn delivered(words: &str) -> Errand {
    Errand {
        verdict: Verdict::Delivered,
        status: Enhanced(2, 0, 0),
        words: words.to_owned(),
    }
}

fn refused(status: Enhanced, words: String) -> Errand {
    Errand {
        verdict: Verdict::Refused,
        status,
        words,
    }
}

/// Whoever hears of what nobody else can be told.
fn postmaster(house: &House) -> Mailbox {
    let policy = house.policy.load();
    routing::postmaster_address(&policy, &house.store.directory())
}

/// The path of a mailbox.
fn path(mailbox: &Mailbox) -> ForwardPath {
    ForwardPath::Mailbox(mailbox.clone())
}

/// Milliseconds since 1970.
fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970.
fn seconds() -> u64 {
    milliseconds() / 1000
}

/// Words that nobody can guess, for names of messages and for boundaries.
fn random() -> [u8; 16] {
    let mut octets = [0; 16];
    if let Err(error) = getrandom::fill(&mut octets) {
        // Names become guessable, and stay different from each other.
        tracing::error!(%error, "the system gives no random numbers");
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        octets = since.unwrap_or_default().as_nanos().to_be_bytes();
    }
    octets
}

/// Now, as header fields have it.
fn date() -> String {
    jiff::Zoned::now()
        .strftime("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}
