//! Answers the questions of one SMTP session: senders, recipients, message bodies, logins.

mod besides;
mod elsewhere;
mod etrn;
mod finish;
mod recipient;
mod regarded;
pub(super) mod rounds;
mod turn;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use address::{Envelope, ForwardPath, ReversePath};
use auth::{Mechanism, Verdict};
use bytes::Bytes;
use mailstore::{AccountId, Incoming, Reservation, StoreError};
use net::{Octets, Permit, Regarding, Stop};
use smtp_server::{
    Admission, Answer, Ask, AuthVerdict, Claimed, DataVerdict, ExpandVerdict, Hold, MailFrom,
    MailVerdict, Origin, RcptTo, RcptVerdict, Session, Trace, VerifyVerdict, Wish,
};
use wire::ChannelBinding;

use besides::Besides;
use elsewhere::{Leaving, refused_by_destination};
use regarded::Regarded;
use rounds::Rounds;

use super::House;
use super::device::Visit;
use super::doors::Counter;
use super::fetched::Fetched;
use super::login::{Login, Progress, Sasl};
use super::on_demand::Granted;
use super::routing::{self, Found, Route};
use super::sender;
use super::utf8_header::Utf8Header;

/// Octets of most Return-Path fields.
const HEADER_ROOM: usize = 96;

/// The host of one SMTP connection.
pub struct SmtpHost {
    house: Arc<House>,
    peer: IpAddr,
    login: Option<Login>,
    /// Present on a listener for devices.
    visit: Option<Visit>,
    /// Present where the client is a server that we fetch mail from.
    fetched: Option<Arc<Fetched>>,
    sasl: Sasl,
    /// Boxed: a connection without one does not carry room for it.
    transaction: Option<Box<Transaction>>,
    /// Whom the next refusal is about, if not only the sender of the transaction.
    regarding: Regarded,
    known: sender::Known,
    /// Counts the clients that a proxy speaks for; none where no proxy is believed.
    counter: Option<Counter>,
    /// The place of the client that a proxy speaks for.
    place: Option<Permit>,
    /// The connection is under TLS since STARTTLS.
    tls: bool,
    /// The mail that this connection is to be given over for.
    granted: Option<Granted>,
}

/// One message on its way in, from MAIL to the reply to its final dot.
struct Transaction {
    envelope: Envelope,
    /// It is not to be delivered before its time.
    hold: Option<Hold>,
    began: Instant,
    declared: u64,
    /// One per account, however many of its addresses were given: nobody gets a letter twice.
    reservations: BTreeMap<AccountId, Reservation>,
    /// Recipients that were accepted. Behind each of them in the envelope stand those it leads to elsewhere.
    named: usize,
    /// Recipients who are elsewhere.
    leaving: Leaving,
    /// What it causes beside its delivery.
    besides: Besides,
    /// Recipients that were not accepted.
    refused: usize,
    body: Option<Body>,
}

/// The message itself, and what became of writing it.
struct Body {
    id: String,
    written: Result<Incoming, StoreError>,
    header: Utf8Header,
    rounds: Rounds,
}

impl SmtpHost {
    /// A host for a client at `peer` that has not logged in.
    pub fn new(house: Arc<House>, peer: IpAddr, counter: Option<Counter>) -> Self {
        Self {
            house,
            peer,
            login: None,
            visit: None,
            fetched: None,
            sasl: Sasl::default(),
            transaction: None,
            regarding: Regarded::default(),
            known: sender::Known::default(),
            counter,
            place: None,
            tls: false,
            granted: None,
        }
    }

    /// A proxy begins anew: nobody is logged in, and the client it names is the one that counts.
    fn claim(&mut self, client: Option<IpAddr>) -> Claimed {
        self.abandon();
        self.login = None;
        self.sasl.cancel();
        let mut admission = Admission::Welcome;
        if let Some(client) = client {
            let client = client.to_canonical();
            tracing::Span::current().record("client", tracing::field::display(client));
            tracing::debug!(proxy = %self.peer, "a proxy speaks for a client");
            self.peer = client;
            self.known = sender::Known::default();
            // Whoever had the place before gives it back first.
            self.place = None;
            let counter = self.counter.as_ref();
            match counter.map_or(Err(Admission::Refused), |counter| counter.readmit(client)) {
                Ok(place) => self.place = Some(place),
                Err(refusal) => admission = refusal,
            }
        }
        let policy = self.house.policy.load();
        Claimed {
            admission: policy.doors.judge(admission, self.peer),
            cleartext_login: policy.allows_cleartext(self.peer),
            bare_newline: policy.bare_newline(self.peer),
        }
    }

    /// A host for a device.
    pub fn of_device(house: Arc<House>, peer: IpAddr, visit: Visit) -> Self {
        let mut host = Self::new(house, peer, None);
        host.visit = Some(visit);
        host
    }

    /// A host for a server that hands out what it kept for us.
    pub fn of_fetched(house: Arc<House>, peer: IpAddr, fetched: Arc<Fetched>) -> Self {
        let mut host = Self::new(house, peer, None);
        host.fetched = Some(fetched);
        host
    }

    fn mail(&mut self, from: MailFrom) -> MailVerdict {
        match self.refusal_of_sender(&from) {
            Some(refusal) => {
                self.regarding = Regarded::from(from.reverse_path.to_string());
                refusal
            }
            None => {
                self.begin(from);
                MailVerdict::Accepted
            }
        }
    }

    fn refusal_of_sender(&mut self, from: &MailFrom) -> Option<MailVerdict> {
        let policy = self.house.policy.load();
        if let Some(login) = &self.login {
            if policy.denies_submission(self.peer) {
                return Some(MailVerdict::Denied);
            }
            if !self.owns(login, &from.reverse_path) {
                return Some(MailVerdict::NotOwner);
            }
        } else if self.visit.is_none()
            && policy.verify_local_sender
            && !self.may_be_sender(&from.reverse_path)
        {
            return Some(MailVerdict::NoSuchSender);
        }
        // Sessions that were open when the service was suspended end here.
        if self.house.suspended().is_some() {
            return Some(MailVerdict::Suspended);
        }
        // RFC 5321 section 4.1.1.11: nobody can say when a queue moves that somebody has stopped.
        let wish = match (from.deliver_by, from.hold) {
            (Some(_), _) => Some(Wish::DeliverBy),
            (None, Some(_)) => Some(Wish::Hold),
            (None, None) => None,
        };
        if let Some(wish) = wish.filter(|_| self.house.paused().everything()) {
            return Some(MailVerdict::NotNow(wish));
        }
        let rate = match &self.visit {
            Some(visit) => &visit.device.mail_rate,
            None => &policy.mail_rate,
        };
        if self.fetched.is_none() && !rate.allows(self.peer, Instant::now()) {
            return Some(MailVerdict::TooFast);
        }
        self.known.begin();
        // RFC 1870 section 6.1.
        if let Err(low) = self.house.store.room(from.size.unwrap_or(0)) {
            tracing::warn!(free = low.free, needed = low.needed, "store low on space");
            return Some(MailVerdict::StoreLow);
        }
        None
    }

    fn begin(&mut self, from: MailFrom) {
        self.transaction = Some(Box::new(Transaction {
            hold: from.hold,
            envelope: Envelope {
                reverse_path: from.reverse_path,
                envid: from.envid,
                ret: from.ret,
                body8bit: from.body == smtp_server::Body::EightBitMime,
                smtputf8: from.smtputf8,
                requiretls: from.requiretls,
                deliver_by: from.deliver_by,
                recipients: Vec::new(),
            },
            began: Instant::now(),
            declared: from.size.unwrap_or(0),
            reservations: BTreeMap::new(),
            named: 0,
            leaving: Leaving::default(),
            besides: Besides::default(),
            refused: 0,
            body: None,
        }));
    }

    /// RFC 6409 section 6.1: a user sends under an own address; `<>` is what read receipts come from. Whoever was
    /// removed or disabled since the login owns nothing any more.
    fn owns(&self, login: &Login, sender: &ReversePath) -> bool {
        if self.is_gone() {
            return false;
        }
        let directory = self.house.store.directory();
        let ReversePath::Mailbox(mailbox) = sender else {
            return true;
        };
        // The session held it to the sender it was given.
        if self.visit.is_some() {
            return true;
        }
        let policy = self.house.policy.load();
        if routing::is_local(&policy, mailbox) {
            return directory.leads_to(mailbox, login.account);
        }
        // Whoever fetches all mail of a domain answers for its users, too, whom only that server knows.
        let account = directory.account(login.account);
        account.is_some_and(|account| {
            let mut fetched = policy.outward.fetched_by(&account.address);
            fetched.any(|domain| mailbox.host.domain() == Some(domain))
        })
    }

    /// What DNS has against a sender who has not logged in.
    async fn refused_by_dns(&mut self, to: &RcptTo) -> Option<RcptVerdict> {
        let transaction = self.transaction.as_ref()?;
        if self.login.is_some() || self.visit.is_some() || self.fetched.is_some() {
            return None;
        }
        let from = &transaction.envelope.reverse_path;
        self.known
            .refusal(&self.house, self.peer, from, &to.path)
            .await
    }

    /// Whether such a sender can be: anybody elsewhere, and at home whoever has an account, with or without a mailbox,
    /// or an alias.
    fn may_be_sender(&self, sender: &ReversePath) -> bool {
        let ReversePath::Mailbox(mailbox) = sender else {
            return true;
        };
        let policy = self.house.policy.load();
        let directory = self.house.store.directory();
        let path = ForwardPath::Mailbox(mailbox.clone());
        match routing::route(&policy, &directory, &path) {
            Route::Leads(_)
            | Route::Moved(_)
            | Route::Circle
            | Route::Disabled
            | Route::Foreign => true,
            Route::Unknown => directory.knows(mailbox),
        }
    }

    /// Whoever logged in and was removed or disabled since is nobody any more.
    fn is_gone(&self) -> bool {
        self.login.as_ref().is_some_and(|login| {
            let directory = self.house.store.directory();
            !directory
                .account(login.account)
                .is_some_and(|account| account.enabled)
        })
    }

    async fn data(&mut self, trace: Trace) -> DataVerdict {
        let Some(transaction) = &mut self.transaction else {
            return DataVerdict::TryLater;
        };
        let id = super::id::next();
        if let Some(origin) = &trace.origin {
            note(&id, origin);
        }
        let rounds = match self.house.srs.load_full() {
            Some(srs) => Rounds::new(transaction.leaving.sent_on_by(), |by| srs.sent_on(by)),
            None => Rounds::default(),
        };
        let header = {
            let policy = self.house.policy.load();
            // RFC 5321 section 7.2: recipients do not learn of each other.
            let only = match transaction.named {
                1 => transaction.envelope.recipients.first(),
                _ => None,
            };
            let only = only.and_then(|one| one.path.mailbox());
            let date = super::date::now();
            let received = smtp_server::trace::received(&trace, &policy.hostname, &id, &date, only);
            // RFC 5321 section 4.4: final delivery records the reverse-path, in front of everything else.
            let mut header = String::with_capacity(HEADER_ROOM + received.len());
            // Writing into memory does not fail.
            let from = &transaction.envelope.reverse_path;
            let _ = write!(header, "Return-Path: {from}\r\n");
            header.push_str(&rounds.fields(&policy.hostname));
            header.push_str(&received);
            header
        };
        let mut incoming = self.house.store.begin();
        let written = incoming.write(Bytes::from(header)).await.map(|()| incoming);
        if let Err(error) = &written {
            tracing::error!(%id, %error, "message not taken in");
            return DataVerdict::TryLater;
        }
        transaction.body = Some(Body {
            id,
            written,
            header: Utf8Header::default(),
            rounds,
        });
        DataVerdict::Go
    }

    fn verify(&self, name: &str) -> VerifyVerdict {
        let policy = self.house.policy.load();
        match routing::find(&policy, &self.house.store.directory(), name) {
            Found::One(account) => VerifyVerdict::Mailbox {
                name: account.name.clone(),
                mailbox: account.address.clone(),
            },
            Found::Several(mailboxes) => VerifyVerdict::Ambiguous(mailboxes),
            Found::Forwarded(to) => VerifyVerdict::Forwarded(to),
            Found::Moved(to) => VerifyVerdict::Moved(to),
            Found::Elsewhere => VerifyVerdict::Elsewhere,
            Found::Nobody => VerifyVerdict::Unknown,
        }
    }

    fn expand(&self, name: &str) -> ExpandVerdict {
        let policy = self.house.policy.load();
        let directory = self.house.store.directory();
        let login = self.addresses(&directory);
        let members = routing::members(&policy, &directory, name, &login);
        if members.is_empty() {
            ExpandVerdict::Unknown
        } else {
            ExpandVerdict::Members(members)
        }
    }

    fn logged_in(&mut self, progress: Progress) -> AuthVerdict {
        match progress {
            Progress::Challenge(octets) => AuthVerdict::Challenge(octets),
            Progress::Malformed => AuthVerdict::Malformed,
            Progress::Checked(Verdict::Accepted(account)) => {
                let login = account.address.clone();
                self.login = Some(Login::from(account));
                AuthVerdict::Accepted { login }
            }
            Progress::Checked(Verdict::Rejected) => AuthVerdict::Rejected,
            // RFC 4954 section 6: 454, so that the mail program keeps the password it has.
            Progress::Checked(Verdict::Unreadable) => AuthVerdict::Busy,
            Progress::Checked(Verdict::Busy) => AuthVerdict::Busy,
            Progress::Checked(Verdict::Throttled) => AuthVerdict::Throttled,
            Progress::Checked(Verdict::Disabled) => AuthVerdict::Disabled,
            Progress::Checked(Verdict::TooWeak(_)) => AuthVerdict::TooWeak,
            Progress::Checked(Verdict::Transition) => AuthVerdict::Transition,
        }
    }

    fn device_logged_in(&mut self, (verdict, login): (AuthVerdict, Option<Login>)) -> AuthVerdict {
        if login.is_some() {
            self.login = login;
        }
        verdict
    }

    async fn begin_login(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        binding: Option<ChannelBinding>,
    ) -> AuthVerdict {
        let (house, peer) = (&self.house, self.peer);
        if let Some(visit) = &mut self.visit {
            let outcome = visit.start(mechanism, initial, house, peer).await;
            return self.device_logged_in(outcome);
        }
        let progress = self
            .sasl
            .start(mechanism, initial, binding, house, peer)
            .await;
        self.logged_in(progress)
    }

    async fn continue_login(&mut self, response: &[u8]) -> AuthVerdict {
        let (house, peer) = (&self.house, self.peer);
        if let Some(visit) = &mut self.visit {
            let outcome = visit.respond(response, house, peer).await;
            return self.device_logged_in(outcome);
        }
        let progress = self.sasl.respond(response, house, peer).await;
        self.logged_in(progress)
    }

    fn cancel_login(&mut self) {
        self.sasl.cancel();
        if let Some(visit) = &mut self.visit {
            visit.cancel();
        }
    }

    /// A transaction that ended without a message, for the log; what it held is given back.
    fn abandon(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let Transaction {
                envelope,
                refused,
                body,
                ..
            } = *transaction;
            let id = body.map(|body| body.id);
            let (from, rcpts) = (&envelope.reverse_path, envelope.recipients.len());
            if id.is_some() {
                // The session has something against the message itself, and is about to say so.
                self.regarding = Regarded::from(from.to_string());
            }
            tracing::info!(txn = id, %from, rcpts, refused, "abandoned");
        }
    }
}

impl Drop for SmtpHost {
    fn drop(&mut self) {
        let open = self.transaction.as_ref().is_some_and(|one| one.named > 0);
        if let Some(fetched) = self.fetched.as_ref().filter(|_| open) {
            fetched.was_cut();
        }
        self.abandon();
    }
}

/// Where a message was before, in the words of a filter.
fn note(id: &str, origin: &Origin) {
    tracing::info!(
        txn = id,
        client = origin.address.map(tracing::field::display),
        port = origin.port,
        host = origin.name,
        helo = origin.helo,
        protocol = origin.protocol,
        ident = origin.ident,
        "forwarded"
    );
}

impl net::Host for SmtpHost {
    type Session = Session;

    async fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Mail(from) => Answer::Mail(self.mail(*from)),
            Ask::Rcpt(to) => {
                let mut refusal = self.refused_by_dns(&to).await;
                if refusal.is_none()
                    && let Some(domain) = self.domain_to_ask_about(&to.path)
                {
                    let complete = self.is_complete(&to.path);
                    let (house, peer) = (&self.house, self.peer);
                    let asked = refused_by_destination(house, peer, &domain, complete);
                    refusal = Box::pin(asked).await;
                }
                Answer::Rcpt(self.rcpt(to, refusal).await)
            }
            Ask::Data(trace) => Answer::Data(self.data(*trace).await),
            // Boxed, like all that needs much room: the other answers would carry it about, too.
            Ask::Finish => Answer::Finish(Box::pin(self.finish()).await),
            Ask::Abandon => {
                self.abandon();
                Answer::Done
            }
            Ask::AuthStart {
                mechanism,
                initial,
                binding,
            } => Answer::Auth(
                Box::pin(self.begin_login(mechanism, initial.as_deref(), binding)).await,
            ),
            Ask::AuthRespond(response) => {
                Answer::Auth(Box::pin(self.continue_login(&response)).await)
            }
            Ask::AuthCancel => {
                self.cancel_login();
                Answer::Done
            }
            Ask::Verify(name) => Answer::Verify(self.verify(&name)),
            Ask::Expand(name) => Answer::Expand(self.expand(&name)),
            Ask::RunQueue(node) => Answer::Queue(Box::pin(self.run_queue(node)).await),
            Ask::Turn(domains) => Answer::Turn(Box::pin(self.turn(domains)).await),
            Ask::TlsReady => {
                // A handshake that fails ends the connection.
                self.tls = true;
                Answer::Tls(true)
            }
            Ask::Claim(client) => Answer::Claimed(self.claim(client)),
        }
    }

    async fn take_over(self, line: Box<dyn Octets>, stop: Stop) {
        self.give(line, &stop).await;
    }

    fn regarding(&mut self) -> Regarding {
        let sender = self.transaction.as_ref();
        let sender = sender.map(|transaction| &transaction.envelope.reverse_path);
        self.regarding.take(sender)
    }

    async fn body(&mut self, octets: Bytes) {
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        let Some(body) = &mut transaction.body else {
            return;
        };
        transaction.besides.take_in(&octets);
        body.rounds.take_in(&octets);
        // RFC 6531 section 3.5: for all other messages nobody asks afterwards.
        if transaction.envelope.smtputf8 {
            body.header.take_in(&octets);
        }
        if let Ok(incoming) = &mut body.written
            && let Err(error) = incoming.write(octets).await
        {
            // The rest of the message still comes in; the reply to its final dot tells the client.
            body.written = Err(error);
        }
    }
}
