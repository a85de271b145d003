//! What the office has to be told by the house it is in: routes, who is at home here, names, the time and chance.
//!
//! Nothing is decided here. Whatever a configuration that was read again changes is asked for anew each time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use address::{Envelope, ForwardPath, Host, Mailbox, Recipient, ReversePath};
use bytes::Bytes;
use delivery::schedule::{NextHop, Verdict};
use delivery::srs::Forwarded;
use dsn::Languages;
use mailstore::AccountId;
use reply::{Enhanced, Row};

/// The house: how the office asks. All of it is asked often and must not block.
pub trait House: Send + Sync + 'static {
    /// Where mail for this recipient goes now.
    fn route(
        &self,
        recipient: &ForwardPath,
        sender: &ReversePath,
        account: Option<AccountId>,
    ) -> Route;

    /// Does what has to be done with a message for one of its recipients, where that is [`Route::Errand`]. It may take its
    /// time. What it says to the store of the same recipient meanwhile stays; until it is through, nobody else does it.
    fn errand(&self, message: u64, recipient: u32) -> Pin<Box<dyn Future<Output = Errand> + Send>>;

    /// A message that waited in the queue has come into mailboxes here, durably. Said once.
    fn housed(&self, housed: Housed);

    /// Who gets mail that this server writes itself to `mailbox`, such as reports.
    fn home(&self, mailbox: &Mailbox) -> Home;

    /// Whether `mailbox` is of a domain of others.
    fn is_foreign(&self, mailbox: &Mailbox) -> bool;

    /// The reverse-path for a forwarded copy that leaves on `day`, counted from 1970-01-01
    /// ([`Srs::forwarded`](delivery::srs::Srs::forwarded); [`Forwarded::Kept`] where nothing is rewritten).
    fn forwarded(&self, reverse_path: &ReversePath, day: u64) -> Forwarded;

    /// The name of this server, in reports.
    fn hostname(&self) -> Host;

    /// Who writes reports, and hears of what nobody else can be told.
    fn postmaster(&self) -> Mailbox;

    /// The address of an account, while there is such an account.
    fn address(&self, account: AccountId) -> Option<Mailbox>;

    /// The mailing list that sent mail from `sender`, with this header, to its members, and who of those it did not reach
    /// is one.
    fn list_of(
        &self,
        _sender: &ReversePath,
        _header: &[u8],
        _failed: &[&Recipient],
    ) -> Option<(Mailbox, Vec<Mailbox>)> {
        None
    }

    /// What somebody reads, by the beginning of a message of theirs.
    fn languages(&self, sender: &ReversePath, header: &[u8]) -> Languages {
        dsn::suggested(sender, header)
    }

    /// Most octets of a message that come back with a report.
    fn most_returned(&self) -> u64 {
        512 * 1024
    }

    /// Minutes east of UTC, at that time.
    fn zone(&self, at: SystemTime) -> i16;

    /// The time.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Random octets that nobody can guess.
    fn random(&self) -> [u8; 16];
}

/// Where mail for a recipient goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To another server.
    Hop(Arc<NextHop>),
    /// Into these mailboxes: the address is ours by now.
    Here(Vec<AccountId>),
    /// The house does something with it itself ([`House::errand`]): there is a list of that name.
    Errand,
    /// Nowhere.
    Nowhere(Nowhere),
    /// Nowhere for now: somebody wants it to wait. Its time does not run out. Whoever lets it go on says so by
    /// [`Office::rerouted`](super::Office::rerouted).
    Paused,
}

/// A message that has come into mailboxes here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Housed {
    /// Whose mailboxes.
    pub accounts: Vec<AccountId>,
    /// Whom it is from and for, with all of its recipients.
    pub envelope: Arc<Envelope>,
    /// What it begins with, 64 KiB at most, without the line in front that this server wrote.
    pub beginning: Bytes,
}

/// What came of an errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// Delivered: it is done. Refused: its sender hears of it. Otherwise it is done later.
    pub verdict: Verdict,
    /// For the report.
    pub status: Enhanced,
    /// For people, in one line.
    pub words: String,
}

/// Why mail goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nowhere {
    /// For the report. With class 5 it goes back at once; with class 4 it waits for a better time, as long as any mail
    /// does.
    pub status: Enhanced,
    /// A row of the catalogue that says it better.
    pub row: Option<&'static Row>,
    /// For people, in one line.
    pub words: String,
}

/// Who gets mail for an address that this server writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// These accounts.
    Accounts(Vec<AccountId>),
    /// Somebody at another server.
    Elsewhere,
    /// Nobody: an address of ours that leads nowhere.
    Nobody,
}
