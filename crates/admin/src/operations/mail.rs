//! Mail that moves out of a mailbox or into it, letter by letter, whoever keeps it on the other side.
//!
//! An import is all or nothing: what it delivered is removed again when it fails, and when it was killed, by the next one or
//! the next start of the server. A letter that is here already, with the same unique id and the same octets, is left out.

mod present;

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use address::{Envelope, Mailbox};
use mailstore::{AccountId, Entry, Incoming, Maildrop, MaildropError, Reservation, StoreError};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use self::present::Present;
use super::Operations;
use crate::journal::{Begun, Digest, Journal};
use crate::message::{Answer, Errand, Refusal, RefusalKind, Response};
use crate::parcel::{Label, Parcel, Tally};
use crate::wire;

/// How long the other side may take for a piece of a letter.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long, and for how many octets, whoever still sends is listened to after a refusal.
const LINGER: Duration = Duration::from_secs(2);
const MOST_IN_VAIN: u64 = 64 << 20;
/// Letters that are made durable together.
const TOGETHER: usize = 64;
/// A larger letter leaves memory for a file, and is delivered by itself, so that letters keep their order.
const SMALL: u64 = 64 << 10;
/// Messages removed with one record.
const AT_ONCE: usize = 1_000;

impl Operations {
    /// Carries out what takes this connection for itself, the answer first. Blocks; needs a tokio runtime
    /// around it. Shutting the connection down ends it.
    pub(crate) fn carry(&self, errand: Errand, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut out = BufWriter::with_capacity(128 << 10, stream);
        match errand {
            Errand::Export { address } => match self.open(&address) {
                Ok((_, maildrop)) => {
                    answer(&mut out, Ok(letters(maildrop.messages())))?;
                    carry_out(maildrop, &mut out)
                }
                Err(refusal) => answer(&mut out, Err(refusal)),
            },
            Errand::Import {
                address,
                messages,
                octets,
                again,
            } => match self.begin_import(&address, messages, octets, again) {
                Ok(import) => carry_in(import, stream, &mut out),
                Err(refusal) => answer(&mut out, Err(refusal)),
            },
            Errand::Compact { force } => self.compact(force, &mut out),
            Errand::Undelete {
                address,
                since,
                dry_run,
            } => self.undelete(&address, since, dry_run, &mut out),
        }
    }

    /// Removes what an import that was cut off has left, if there is any. Blocks; needs a tokio runtime around it.
    ///
    /// # Errors
    /// It cannot be removed now; the next import tries again.
    pub fn undo_import(&self) -> Result<(), Refusal> {
        self.data_dir
            .as_deref()
            .map_or(Ok(()), |directory| self.clean_up(directory))
    }

    fn open(&self, address: &Mailbox) -> Result<(AccountId, Maildrop), Refusal> {
        let account = self.find(address)?;
        let maildrop = self
            .store
            .open_maildrop(account.id)
            .map_err(|error| unopened(&account.address, &error))?;
        Ok((account.id, maildrop))
    }

    /// Makes sure that all of it fits, and that nothing is left of an import before.
    fn begin_import(
        &self,
        address: &Mailbox,
        messages: u64,
        octets: u64,
        again: bool,
    ) -> Result<Import<'_>, Refusal> {
        let Some(directory) = &self.data_dir else {
            return Err(Refusal::new(
                RefusalKind::Store,
                "there is no data directory to import into",
            ));
        };
        let account = self.find(address)?;
        if !account.terms.mailbox {
            let address = &account.address;
            let message = format!("{address} has no mailbox, so nobody could fetch what comes in");
            return Err(
                Refusal::new(RefusalKind::Unsuitable, message).remedy(format!(
                    "give it one first: tegami account set {address} --mailbox yes"
                )),
            );
        }
        let turn = self.importing.try_lock().map_err(|_| {
            Refusal::new(RefusalKind::InUse, "another import is running")
                .remedy("wait until it is done")
        })?;
        self.clean_up(directory)?;
        let (account, maildrop) = self.open(address)?;
        self.check_room(account, address, messages, octets, again)?;
        let before = maildrop.messages().iter().map(|entry| entry.uid).max();
        let begun = Begun {
            account,
            before: before.unwrap_or(0),
        };
        let journal = Journal::begin(directory, begun).map_err(|error| not_written(&error))?;
        Ok(Import {
            operations: self,
            directory,
            account,
            present: Present::of(&maildrop),
            maildrop,
            journal,
            again,
            tally: Tally::default(),
            waiting: Vec::new(),
            _turn: turn,
        })
    }

    /// Refuses what cannot fit. What is here already does not come, so only the least that there will be counts; whatever
    /// turns out to be more is refused on the way, and undone.
    fn check_room(
        &self,
        account: AccountId,
        address: &Mailbox,
        messages: u64,
        octets: u64,
        again: bool,
    ) -> Result<(), Refusal> {
        let usage = self.store.usage(account);
        let facts = self.show_account(address)?;
        let least = |used: u64, coming: u64| match again {
            true => used.saturating_add(coming),
            false => used.max(coming),
        };
        let wanted = least(usage.octets, octets);
        if facts.quota > 0 && wanted > facts.quota {
            let message = format!(
                "{address} may hold {} octets: {} are used, and {octets} would come",
                facts.quota, usage.octets
            );
            return Err(Refusal::new(RefusalKind::Full, message).remedy(format!(
                "tegami account quota {address} {}",
                usage.octets.saturating_add(octets)
            )));
        }
        let most = self.store.messages_per_mailbox();
        if least(usage.messages, messages) > most {
            let message = format!("a mailbox holds at most {most} messages");
            return Err(Refusal::new(RefusalKind::Full, message));
        }
        let growth = wanted.saturating_sub(usage.octets);
        self.store.room(growth).map_err(|low| {
            let message = format!("the disk is too full: {low}");
            Refusal::new(RefusalKind::Full, message).remedy("make room on the disk of data_dir")
        })
    }

    /// Removes what an import that was cut off has left.
    fn clean_up(&self, directory: &Path) -> Result<(), Refusal> {
        let left = Journal::left(directory).map_err(|error| not_written(&error))?;
        let Some(left) = left else {
            return Ok(());
        };
        let account = left.begun.account;
        match self.store.open_maildrop(account) {
            Ok(maildrop) => self.undo(&maildrop, directory)?,
            // Its mail went with it.
            Err(MaildropError::NoAccount) => {}
            Err(error) => {
                let message = format!("an import that was cut off has to be undone first: {error}");
                return Err(Refusal::new(RefusalKind::InUse, message).remedy("try again later"));
            }
        }
        Journal::forget_left(directory).map_err(|error| not_written(&error))
    }

    /// Removes all letters that the journal names.
    fn undo(&self, maildrop: &Maildrop, directory: &Path) -> Result<(), Refusal> {
        let left = Journal::left(directory).map_err(|error| not_written(&error))?;
        let Some(left) = left else {
            return Ok(());
        };
        let mut ours = Vec::new();
        for (index, entry) in maildrop.messages().iter().enumerate() {
            // What cannot be read cannot be known to be ours.
            if entry.uid > left.begun.before
                && digest(maildrop, index).is_some_and(|digest| left.letters.contains(&digest))
            {
                ours.push(index);
            }
        }
        for some in ours.chunks(AT_ONCE) {
            Handle::current()
                .block_on(maildrop.discard(some))
                .map_err(|error| not_undone(&error))?;
        }
        let removed = ours.len();
        tracing::info!(account = %maildrop.account(), removed, "import undone");
        Ok(())
    }
}

/// Takes all letters, and says how that went.
fn carry_in(import: Import<'_>, stream: &UnixStream, out: &mut impl Write) -> io::Result<()> {
    answer(out, Ok(Response::Allowed))?;
    let mut input = BufReader::with_capacity(128 << 10, stream);
    let last = match import.run(&mut input) {
        Ok(tally) => Parcel::Taken(tally),
        Err(refusal) => Parcel::Refused(refusal),
    };
    last.write(out)?;
    out.flush()?;
    // Whoever still sends has to get as far as reading why it was in vain.
    stream.set_read_timeout(Some(LINGER))?;
    let _ = io::copy(&mut input.take(MOST_IN_VAIN), &mut io::sink());
    Ok(())
}

/// Sends all letters. Whoever has read the end finds the mailbox free.
fn carry_out(maildrop: Maildrop, out: &mut impl Write) -> io::Result<()> {
    for (index, entry) in maildrop.messages().iter().enumerate() {
        let label = Label {
            octets: entry.octets,
            uidl: Some(unique_id(entry)),
        };
        Parcel::Letter(label).write(out)?;
        let mut offset = 0;
        loop {
            let chunk = match maildrop.read(index, offset) {
                Ok(chunk) => chunk,
                Err(error) => {
                    let message = format!("message {} cannot be read: {error}", index + 1);
                    let refusal = Refusal::new(RefusalKind::Store, message)
                        .remedy("see what `tegami store verify` says");
                    Parcel::Refused(refusal).write(out)?;
                    return out.flush();
                }
            };
            offset += chunk.octets.len() as u64;
            Parcel::Octets(chunk.octets.to_vec()).write(out)?;
            if chunk.last {
                break;
            }
        }
        Parcel::Complete.write(out)?;
    }
    drop(maildrop);
    Parcel::End.write(out)?;
    out.flush()
}

/// An import that runs. The mailbox is locked meanwhile.
struct Import<'a> {
    operations: &'a Operations,
    directory: &'a Path,
    account: AccountId,
    maildrop: Maildrop,
    journal: Journal,
    /// What was there before.
    present: Present,
    /// Letters come though they are here already.
    again: bool,
    tally: Tally,
    /// Letters that are complete and not delivered yet.
    waiting: Vec<Waiting>,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

/// A letter that is complete.
struct Waiting {
    incoming: Incoming,
    reservation: Reservation,
    uidl: Option<Arc<str>>,
    digest: Digest,
}

impl Import<'_> {
    /// Takes all letters in, or none.
    fn run(mut self, input: &mut impl Read) -> Result<Tally, Refusal> {
        let taken = self.take_all(input);
        let Self {
            tally,
            operations,
            directory,
            maildrop,
            journal,
            ..
        } = self;
        if let Err(cause) = &taken {
            let undone = maildrop
                .listed_again()
                .map_err(|error| not_undone(&error))
                // Under the same lock, so that nobody fetches half an import.
                .and_then(|maildrop| operations.undo(&maildrop, directory));
            undone.map_err(|refusal| Refusal {
                message: format!("{cause}; {}", refusal.message),
                ..refusal
            })?;
        }
        journal.finish().map_err(|error| not_written(&error))?;
        taken.map(|()| tally)
    }

    fn take_all(&mut self, input: &mut impl Read) -> Result<(), Refusal> {
        loop {
            match Parcel::read(input).map_err(|error| cut_off(&error))? {
                Parcel::Letter(label) => {
                    let Some(waiting) = self.take(&label, input)? else {
                        continue;
                    };
                    if label.octets > SMALL {
                        self.deliver()?;
                    }
                    self.waiting.push(waiting);
                    if label.octets > SMALL || self.waiting.len() >= TOGETHER {
                        self.deliver()?;
                    }
                }
                Parcel::End => return self.deliver(),
                Parcel::Octets(_)
                | Parcel::Complete
                | Parcel::Taken(_)
                | Parcel::Compacted(_)
                | Parcel::Undeleted(_)
                | Parcel::Refused(_) => {
                    return Err(out_of_order());
                }
            }
        }
    }

    /// Takes one letter, unless it is here already.
    fn take(&mut self, label: &Label, input: &mut impl Read) -> Result<Option<Waiting>, Refusal> {
        let namesakes = match &label.uidl {
            Some(uidl) => self.present.with_id(&self.maildrop, uidl),
            None => Vec::new(),
        };
        let size = |index: &usize| self.maildrop.messages()[*index].octets;
        let may_be_here = !self.again && namesakes.iter().any(|index| size(index) == label.octets);
        // What may be here already needs no room, as long as nobody knows better.
        let reserved = match may_be_here {
            true => None,
            false => Some(self.reserve(label.octets)?),
        };
        let (incoming, digest) = self.read(label.octets, input)?;
        let mut same = |index: &usize| self.present.is(&self.maildrop, *index, &digest);
        if may_be_here && namesakes.iter().any(&mut same) {
            self.tally.here += 1;
            return Ok(None);
        }
        let reservation = match reserved {
            Some(reservation) => reservation,
            None => self.reserve(label.octets)?,
        };
        let mut uidl = label.uidl.as_deref().map(Arc::from);
        if !namesakes.is_empty() {
            // RFC 1939 section 7: no two messages of a maildrop have the same.
            uidl = None;
            self.tally.renamed += 1;
        }
        let alike = !self.again
            && self
                .present
                .looks_the_same(&self.maildrop, label.octets, &digest);
        self.tally.messages += 1;
        self.tally.octets += label.octets;
        self.tally.kept += u64::from(uidl.is_some());
        self.tally.alike += u64::from(alike);
        Ok(Some(Waiting {
            incoming,
            reservation,
            uidl,
            digest,
        }))
    }

    fn reserve(&self, octets: u64) -> Result<Reservation, Refusal> {
        let store = &self.operations.store;
        store.reserve(self.account, octets).map_err(|full| {
            let message = format!("the mailbox is full before all is in: {full}");
            Refusal::new(RefusalKind::Full, message)
                .remedy("give it more room with `tegami account quota`, then import again")
        })
    }

    /// Reads the octets of a letter, all that were announced.
    fn read(&self, octets: u64, input: &mut impl Read) -> Result<(Incoming, Digest), Refusal> {
        let (mut incoming, mut digest) = (self.operations.store.begin(), Sha256::new());
        loop {
            match Parcel::read(input).map_err(|error| cut_off(&error))? {
                Parcel::Octets(some) => {
                    digest.update(&some);
                    Handle::current()
                        .block_on(incoming.write(some.into()))
                        .map_err(|error| Refusal::new(RefusalKind::Store, error.to_string()))?;
                }
                Parcel::Complete if incoming.len() == octets => {
                    return Ok((incoming, digest.finalize().into()));
                }
                Parcel::Complete
                | Parcel::Letter(_)
                | Parcel::End
                | Parcel::Taken(_)
                | Parcel::Compacted(_)
                | Parcel::Undeleted(_)
                | Parcel::Refused(_) => {
                    return Err(out_of_order());
                }
            }
        }
    }

    /// Delivers what waits, in order, all of it noted before.
    fn deliver(&mut self) -> Result<(), Refusal> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let digests = self.waiting.iter().map(|waiting| waiting.digest);
        self.journal
            .note(digests)
            .map_err(|error| not_written(&error))?;
        let deliveries = self.waiting.drain(..).map(|waiting| {
            let envelope = Envelope {
                body8bit: true,
                ..Envelope::default()
            };
            let store = &self.operations.store;
            let reservations = vec![waiting.reservation];
            Box::pin(store.deliver_as(waiting.incoming, reservations, envelope, waiting.uidl))
        });
        let delivered = Handle::current().block_on(all(deliveries.collect()));
        delivered.map_err(|error| Refusal::new(RefusalKind::Store, error.to_string()))
    }
}

/// Runs all, each as far as it goes before the next begins: small letters reach the log in order. The first error, once
/// all are done.
async fn all<F, E>(mut futures: Vec<F>) -> Result<(), E>
where
    F: Future<Output = Result<(), E>> + Unpin,
{
    let mut outcome = Ok(());
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| match std::pin::Pin::new(future).poll(context) {
            std::task::Poll::Ready(Ok(())) => false,
            std::task::Poll::Ready(Err(error)) => {
                if outcome.is_ok() {
                    outcome = Err(error);
                }
                false
            }
            std::task::Poll::Pending => true,
        });
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outcome
}

/// SHA-256 of a message, if it can be read.
fn digest(maildrop: &Maildrop, index: usize) -> Option<Digest> {
    let (mut digest, mut offset) = (Sha256::new(), 0);
    loop {
        let chunk = maildrop.read(index, offset).ok()?;
        digest.update(&chunk.octets);
        offset += chunk.octets.len() as u64;
        if chunk.last {
            return Some(digest.finalize().into());
        }
    }
}

/// What POP3 clients know it by.
fn unique_id(entry: &Entry) -> String {
    match entry.uidl() {
        Some(kept) => kept.to_string(),
        None => format!("{:x}.{:x}", entry.epoch, entry.uid),
    }
}

fn letters(messages: &[Entry]) -> Response {
    let octets = messages.iter().map(|entry| entry.octets);
    Response::Letters {
        messages: messages.len() as u64,
        octets: octets.fold(0, u64::saturating_add),
    }
}

fn answer(out: &mut impl Write, answer: Answer) -> io::Result<()> {
    out.write_all(&wire::answer_line(answer)?)?;
    out.flush()
}

fn unopened(address: &Mailbox, error: &MaildropError) -> Refusal {
    let message = format!("the mailbox of {address} cannot be opened: {error}");
    match error {
        MaildropError::InUse => Refusal::new(RefusalKind::InUse, message)
            .remedy("somebody is fetching mail; try again when that is done"),
        MaildropError::NoAccount => Refusal::new(RefusalKind::NoAccount, message),
        MaildropError::Store(_) => Refusal::new(RefusalKind::Store, message)
            .remedy("the server's log says more; `tegami status` shows the index"),
    }
}

fn cut_off(error: &io::Error) -> Refusal {
    Refusal::new(
        RefusalKind::NotUnderstood,
        format!("the import was cut off: {error}"),
    )
}

fn not_undone(error: &StoreError) -> Refusal {
    let message = format!("half an import cannot be undone: {error}");
    Refusal::new(RefusalKind::Store, message).remedy("the next import tries again first")
}

fn out_of_order() -> Refusal {
    Refusal::new(RefusalKind::NotUnderstood, "the letters came out of order")
}

fn not_written(error: &io::Error) -> Refusal {
    Refusal::new(
        RefusalKind::Store,
        format!("the journal of the import: {error}"),
    )
}
