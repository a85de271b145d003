//! What is asked of the queue of mail for elsewhere, and what it answers: plain values.

use address::{Domain, ForwardPath, Mailbox, ReversePath};
use mailstore::AccountId;
use serde::{Deserialize, Serialize};

/// Messages of the queue shown in one answer, at most.
pub const PAGE: usize = 1000;

/// Which messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// All of them.
    All,
    /// Those with these ids.
    Messages(Vec<u64>),
    /// Those with a recipient at this domain who does not have it yet.
    Domain(Domain),
    /// Those that name this sender, or were handed in by the account of this address.
    Sender(ReversePath),
}

/// One thing to do with the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum QueueRequest {
    /// Lists messages by id, behind that one, 1,000 at most, each with its first recipients.
    List {
        /// Which.
        which: Which,
        /// 0: from the first.
        after: u64,
    },
    /// Shows a message with every recipient.
    Show {
        /// Its id.
        id: u64,
    },
    /// Tries messages now.
    Retry {
        /// Which.
        which: Which,
    },
    /// Keeps messages from being tried, until they are released.
    Hold {
        /// Which.
        which: Which,
    },
    /// Lets held messages be tried again, now. Posts that wait for the moderators of a list are left out, unless they are named
    /// by their ids.
    Release {
        /// Which.
        which: Which,
    },
    /// Takes messages out; nobody gets them any more, and nobody hears of it.
    Remove {
        /// Which.
        which: Which,
    },
    /// Starts nothing more, or goes on.
    Pause {
        /// A domain or a route; without one everything, or every pause.
        hop: Option<String>,
        /// Which of the two.
        paused: bool,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueResponse {
    /// A page of messages.
    Listed {
        /// By id.
        messages: Vec<QueuedFacts>,
        /// Behind which the next page begins; `None` when this was the last.
        next: Option<u64>,
        /// What is paused.
        paused: Vec<String>,
    },
    /// One message.
    Shown(QueuedFacts),
    /// It was done to so many messages.
    Done {
        /// How many.
        messages: u64,
        /// Asked for by their ids, and not in the queue (any more).
        missing: Vec<u64>,
        /// Removed or held when they had been sent already, as far as can be known: other servers may have them.
        perhaps_sent: Vec<u64>,
        /// Not released, as they wait for the moderators of a list and were not named by their ids.
        #[serde(default)]
        left_out: Vec<u64>,
    },
    /// What is paused now, and what no longer is.
    Paused {
        /// What is.
        now: Vec<String>,
        /// What this request ended.
        ended: Vec<String>,
        /// What was paused is no server of the configuration, and nothing that waits goes there.
        idle: bool,
    },
}

/// A message in the queue, as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedFacts {
    /// Names it for ever.
    pub id: u64,
    /// Its octets.
    pub octets: u64,
    /// Its reverse-path, `<>` for a report.
    pub sender: String,
    /// Who handed it in, if somebody had logged in who still has an account.
    pub account: Option<Mailbox>,
    /// When it came, in milliseconds since 1970.
    pub received: u64,
    /// Nobody is tried before that time, in milliseconds since 1970.
    pub release: Option<u64>,
    /// Recipients who do not have it yet: all of them, or in a list the first few.
    pub recipients: Vec<QueuedRecipient>,
    /// Recipients beside those who do not have it yet, either.
    pub more: u64,
}

/// Somebody who does not have a message yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedRecipient {
    /// Whose it is to be.
    pub address: String,
    /// By which route or to which domain it goes, where that is known.
    pub hop: Option<String>,
    /// It is a copy that an alias or a forward sends on.
    pub forwarded: bool,
    /// It is not tried until it is released.
    pub held: bool,
    /// How it stands with it at this moment.
    pub standing: Standing,
    /// When it is tried next, in milliseconds since 1970.
    pub due: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When last, in milliseconds since 1970.
    pub tried: Option<u64>,
    /// Its sender has been told that it takes long.
    pub told: bool,
    /// What was said last.
    pub heard: Option<HeardFacts>,
}

/// How it stands with somebody who does not have a message yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Standing {
    /// No server runs.
    NotRunning,
    /// It is being sent at this moment.
    Sending,
    /// Nothing stands in the way: it is tried when it is due.
    Waits,
    /// Somebody holds it.
    Held,
    /// It is for a list, whose moderators are to decide about it.
    Moderated {
        /// Which list.
        list: Mailbox,
    },
    /// Nothing leaves, or nothing by this way.
    Paused {
        /// Everything is paused, without one.
        hop: Option<String>,
    },
    /// The server it goes to could not be reached.
    Shut {
        /// By which route or to which domain it goes.
        hop: String,
        /// Until then it is left alone, in milliseconds since 1970.
        until: u64,
        /// What was said last.
        heard: Option<HeardFacts>,
    },
    /// The account that sent it has written to as many recipients as it may in a day.
    Stopped,
    /// It is kept until somebody fetches it.
    Kept {
        /// Who; nobody any more, if the configuration has changed this moment.
        account: Option<Mailbox>,
    },
    /// There is no way for it.
    NoWay {
        /// Why.
        words: String,
    },
}

/// Whose standing is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The id of the message.
    pub message: u64,
    /// The place of the recipient in the envelope.
    pub place: u32,
    /// Whose it is to be.
    pub recipient: ForwardPath,
    /// Of the message.
    pub sender: ReversePath,
    /// Who handed it in, if somebody had logged in.
    pub account: Option<AccountId>,
    /// It is held.
    pub held: bool,
}

/// What a host said, or why it said nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardFacts {
    /// Which.
    pub host: String,
    /// In words.
    pub words: String,
    /// Milliseconds since 1970.
    pub when: u64,
}

/// What whoever sends the queue should know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueNews {
    /// This message is to be tried now.
    Retry(u64),
    /// Everything is.
    RetryAll,
    /// This message is due again.
    Released(u64),
    /// This message is held, or gone.
    Withdrawn(u64),
}

/// What a pause, or its end, came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PauseNews {
    /// What was paused and no longer is.
    pub ended: Vec<String>,
    /// The name is one of a server of the configuration.
    pub is_server: bool,
}

/// What there is in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFacts {
    /// Messages.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Those of which all recipients are held.
    pub held: u64,
    /// Those that were tried in vain.
    pub tried: u64,
    /// When the oldest came, in milliseconds since 1970.
    pub oldest: Option<u64>,
    /// What is paused.
    pub paused: Vec<String>,
    /// Servers of the configuration that take no mail of ours.
    pub outages: Vec<OutageFacts>,
}

/// A server of the configuration that takes no mail of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageFacts {
    /// As the queue calls it.
    pub server: String,
    /// Since when that is known, in milliseconds since 1970.
    pub since: u64,
    /// What was said last.
    pub words: String,
}
