//! The host side of every session: where questions about accounts, policy and the store are answered.
//!
//! Sessions ask, [`smtp::SmtpHost`] and [`pop3::Pop3Host`] answer, and both look at one [`House`]. Nothing here
//! knows a reply code; nothing in the sessions knows a store.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use address::{Domain, Mailbox};
use arc_swap::{ArcSwap, ArcSwapOption};
use auth::{Authenticator, Keyring, Mechanism};
use courier::office::Office;
use delivery::list::UrlBase;
use mailstore::Store;
use resolver::{Resolver, TrustAnchors};
use smtp_server::BareNewline;

use pace::Pace;

pub mod accounts;
mod date;
pub mod device;
pub mod doors;
pub mod errands;
pub mod fetched;
mod id;
pub mod keys;
mod lent;
mod letters;
mod login;
mod login_delay;
pub mod on_demand;
pub mod outward;
pub mod pace;
pub mod pauses;
pub mod pop3;
pub mod returning;
pub mod routing;
pub mod sender;
pub mod shares;
pub mod smtp;
mod surrogate;
mod utf8_header;

/// How long DNS may take to answer one question. A client waits for its reply meanwhile, five minutes if need be (RFC 5321
/// section 4.5.3.2.3).
pub const DNS_PATIENCE: Duration = Duration::from_secs(5);

/// What all connections share.
pub struct House {
    /// Accounts, mailboxes and messages.
    pub store: Store,
    /// Verifies passwords.
    pub authenticator: Authenticator,
    /// What salts and sealed secrets are made with.
    pub keyring: Arc<Keyring>,
    /// Accounts whose keys are being made.
    pub making: keys::Making,
    /// What the configuration says, replaced as a whole by a reload.
    pub policy: ArcSwap<Policy>,
    /// When POP3 clients last logged in.
    pub last_logins: login_delay::LastLogins,
    /// What POP3 clients were shown of large maildrops.
    pub lent: lent::Lent,
    /// Asks DNS.
    pub resolver: Arc<Resolver>,
    /// No mail is taken for the time being, because somebody said so.
    pub suspension: doors::Suspension,
    /// Under which addresses forwarded copies leave.
    pub srs: ArcSwapOption<returning::Returning>,
    /// How much of the queue is whose.
    pub shares: shares::Shares,
    /// Sends what is in the queue; absent while the server stands up.
    pub office: OnceLock<Office>,
    /// What is done with mail for lists and for people who are away; absent while the server stands up.
    pub errands: OnceLock<errands::Errands>,
    /// Serves customers who fetch mail; absent while the server stands up.
    pub customers: OnceLock<on_demand::Customers>,
    /// Whoever looks through the queue for a client (ETRN) has it meanwhile.
    pub counting: Arc<tokio::sync::Mutex<()>>,
    /// What waits because somebody said so.
    paused: Mutex<pauses::Pauses>,
}

/// The part of the configuration that answers questions of sessions.
pub struct Policy {
    /// Our name in greetings, Received fields and status.
    pub hostname: String,
    /// The same, as a name.
    pub host: Domain,
    /// Mail for these is delivered here.
    pub domains: HashSet<Domain>,
    /// Who reads what is sent to postmaster, if the configuration says so.
    pub postmaster: Option<Mailbox>,
    /// The one there is at every domain, at the first of ours.
    pub usual_postmaster: Mailbox,
    /// The accounts file in force: what stands there is changed there.
    pub accounts_file: Option<PathBuf>,
    /// Whether a full mailbox refuses for good (552) or for the time being (452).
    pub full_is_final: bool,
    /// The quota of an account that names none, in octets; 0 is no limit.
    pub default_quota: u64,
    /// Transactions of one address.
    pub mail_rate: Pace,
    /// Recipients of one address.
    pub rcpt_rate: Pace,
    /// What DNS must say of senders.
    pub sender: sender::Rules,
    /// Mechanisms that are switched on, best first.
    pub mechanisms: Vec<Mechanism>,
    /// Whether APOP is switched on.
    pub apop: bool,
    /// What is told to whoever logs in, beyond right and wrong.
    pub disclosure: auth::Disclosure,
    /// Networks whose clients may log in without TLS.
    pub cleartext: Vec<ipnet::IpNet>,
    /// What happens to bare CR and LF in messages.
    pub bare_newline: BareNewline,
    /// Networks of old devices, whose line ends are mended whatever `bare_newline` says.
    pub normalize_from: Vec<ipnet::IpNet>,
    /// The devices of each listener for some, by name.
    pub devices: HashMap<String, Arc<device::Device>>,
    /// Who may come in, and as whom.
    pub doors: doors::Doors,
    /// Whether senders at our domains must exist, in mail from other servers.
    pub verify_local_sender: bool,
    /// Mail for elsewhere: who may send it, and its ways.
    pub outward: outward::Outward,
    /// Networks from which nobody sends as a user.
    pub no_submission_from: Vec<ipnet::IpNet>,
    /// What the addresses for leaving lists by one click begin with, where they are offered.
    pub unsubscribe: Option<UrlBase>,
    /// Settings of every new SMTP session.
    pub smtp: Arc<smtp_server::Config>,
    /// Settings of every new POP3 session.
    pub pop3: Arc<pop3_server::Config>,
}

impl House {
    /// A house with everything in its place.
    pub fn new(
        store: Store,
        authenticator: Authenticator,
        keyring: Arc<Keyring>,
        policy: Policy,
        anchors: TrustAnchors,
    ) -> Self {
        Self {
            store,
            authenticator,
            keyring,
            making: keys::Making::default(),
            policy: ArcSwap::from_pointee(policy),
            last_logins: login_delay::LastLogins::default(),
            lent: lent::Lent::default(),
            resolver: Arc::new(Resolver::new(DNS_PATIENCE).trusting(anchors)),
            suspension: doors::Suspension::default(),
            srs: ArcSwapOption::empty(),
            shares: shares::Shares::default(),
            office: OnceLock::new(),
            errands: OnceLock::new(),
            customers: OnceLock::new(),
            counting: Arc::default(),
            paused: Mutex::default(),
        }
    }
}

impl House {
    /// What waits because somebody said so.
    pub fn paused(&self) -> MutexGuard<'_, pauses::Pauses> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message is in the queue.
    pub fn sends(&self, id: u64) {
        // What comes before the office opens is found by it in the store.
        if let Some(office) = self.office.get() {
            office.arrived(id);
        }
    }
}

impl Policy {
    /// Goes on counting where the policy before this one stands, so that a reload gives nobody a fresh start.
    pub fn go_on(&mut self, before: &Self) {
        self.mail_rate.go_on(&before.mail_rate);
        self.rcpt_rate.go_on(&before.rcpt_rate);
        for (name, device) in &mut self.devices {
            // Nobody else has it yet.
            let Some(device) = Arc::get_mut(device) else {
                continue;
            };
            if let Some(before) = before.devices.get(name) {
                device.mail_rate.go_on(&before.mail_rate);
                device.failures.go_on(&before.failures);
            }
        }
    }

    /// Whether a password of a client at `peer` may cross the network without TLS.
    pub fn allows_cleartext(&self, peer: IpAddr) -> bool {
        self.cleartext.iter().any(|network| network.contains(&peer))
    }

    /// Whether no user may send from `peer`.
    pub fn denies_submission(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let mut networks = self.no_submission_from.iter();
        networks.any(|network| network.contains(&peer))
    }

    /// What happens to bare CR and LF in messages of a client at `peer`.
    pub fn bare_newline(&self, peer: IpAddr) -> BareNewline {
        let mut networks = self.normalize_from.iter();
        if networks.any(|network| network.contains(&peer)) {
            BareNewline::Normalize
        } else {
            self.bare_newline
        }
    }
}
