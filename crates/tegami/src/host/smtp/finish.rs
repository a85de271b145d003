//! The end of a message: whether it is kept, and all of it at once, for mailboxes and for the queue.

use std::sync::Arc;
use std::time::Duration;

use address::Envelope;
use address::deliver_by::Mode;
use mailstore::{AccountId, Full, Incoming, Outgoing, Parcel, Reservation, StoreError};
use smtp_server::FinishVerdict;

use super::besides::Besides;
use super::regarded::Regarded;
use super::{Body, SmtpHost, Transaction};
use crate::host::House;
use crate::host::fetched::Fetched;
use crate::host::shares::Owner;

/// What has become durable.
struct Kept {
    octets: u64,
    /// Its id in the queue, if it is there.
    queued: Option<u64>,
}

impl SmtpHost {
    pub(super) async fn finish(&mut self) -> FinishVerdict {
        let held = self.judged_by_lists();
        let Some(Transaction {
            envelope,
            hold,
            began,
            reservations,
            mut leaving,
            besides,
            named: rcpts,
            body:
                Some(Body {
                    id,
                    written,
                    header,
                    rounds,
                }),
            ..
        }) = self.transaction.take().map(|transaction| *transaction)
        else {
            return FinishVerdict::TryLater;
        };
        let from = envelope.reverse_path.to_string();
        // RFC 6531 section 3.5: at the end of the message, for only now is it known whether there is any UTF-8 in it.
        let utf8 = envelope.smtputf8 && header.found() && !self.all_take_utf8(reservations.keys());
        if let Some((why, verdict)) = self.refusal(&envelope, began.elapsed(), utf8) {
            tracing::info!(txn = %id, %from, rcpts, "not delivered: {why}");
            return self.not_delivered(from, verdict);
        }
        let held = match held {
            Ok(held) => held,
            Err(verdict) => {
                tracing::info!(txn = %id, %from, rcpts, ?verdict, "not delivered: a list does not take it");
                return self.not_delivered(from, verdict);
            }
        };
        leaving.hold_lists(&held, &envelope.recipients);
        let owners = self.owners(leaving.sent_on_by());
        let before = leaving.not_again(rounds, &id, &from);
        // Who is left gets it; when nobody is, its sender hears of the circle (RFC 5321 section 6.3).
        if let Some(by) = before.filter(|_| leaving.len() == 0 && reservations.is_empty()) {
            return self.not_delivered(from, FinishVerdict::Circle(by));
        }
        let taking = Taking {
            house: Arc::clone(&self.house),
            fetched: self.fetched.clone(),
            id,
            from,
            rcpts,
            away: leaving.len(),
            owners,
            moderated: !held.is_empty(),
            copy: besides.copy(&envelope),
            besides,
        };
        let letter = (envelope, reservations.into_values().collect());
        let outgoing = leaving.into_outgoing(self.account(), hold);
        match taking.kept(written, letter, outgoing).await {
            Ok(id) => FinishVerdict::Stored { id },
            Err((from, verdict)) => self.not_delivered(from, verdict),
        }
    }

    /// Who hands it in.
    fn account(&self) -> Option<AccountId> {
        self.login.as_ref().map(|login| login.account)
    }

    /// What has changed since the message began, or is only known now. `utf8`: there is UTF-8 where it is not taken.
    fn refusal(
        &self,
        envelope: &Envelope,
        taken: Duration,
        utf8: bool,
    ) -> Option<(&'static str, FinishVerdict)> {
        if self.is_gone() {
            let why = "the account was removed or disabled meanwhile";
            return Some((why, FinishVerdict::TryLater));
        }
        let why = "the time its sender gave is over";
        if is_expired(envelope, taken) {
            return Some((why, FinishVerdict::Expired));
        }
        let why = "a recipient takes no UTF-8 header";
        utf8.then_some((why, FinishVerdict::Utf8NotTaken))
    }

    fn not_delivered(&mut self, from: String, verdict: FinishVerdict) -> FinishVerdict {
        self.regarding = Regarded::from(from);
        verdict
    }

    fn all_take_utf8<'a>(&self, accounts: impl IntoIterator<Item = &'a AccountId>) -> bool {
        let directory = self.house.store.directory();
        accounts.into_iter().all(|account| {
            directory
                .account(*account)
                .is_none_or(|account| account.terms.utf8)
        })
    }
}

/// A message whose time to be kept has come: what is said of it, and what follows.
struct Taking {
    house: Arc<House>,
    fetched: Option<Arc<Fetched>>,
    id: String,
    from: String,
    rcpts: usize,
    away: usize,
    owners: Vec<Owner>,
    /// Some of it waits for moderators.
    moderated: bool,
    copy: Option<Envelope>,
    besides: Besides,
}

/// The envelope, and the room in mailboxes.
type Addressed = (Envelope, Vec<Reservation>);

impl Taking {
    /// Keeps it; its id, or whom it was from and why it was not kept.
    async fn kept(
        self,
        written: Result<Incoming, StoreError>,
        letter: Addressed,
        outgoing: Option<Outgoing>,
    ) -> Result<String, (String, FinishVerdict)> {
        if outgoing.is_none() {
            return self.keep(written, letter, None).await;
        }
        // Whoever sends it on is told, also when the client goes away in this moment.
        let from = self.from.clone();
        let keeping = tokio::spawn(self.keep(written, letter, outgoing));
        keeping.await.unwrap_or_else(|ended| {
            tracing::error!(%ended, "a message was being kept");
            Err((from, FinishVerdict::TryLater))
        })
    }

    async fn keep(
        mut self,
        written: Result<Incoming, StoreError>,
        letter: Addressed,
        outgoing: Option<Outgoing>,
    ) -> Result<String, (String, FinishVerdict)> {
        let kept = match kept(&self.house, written, letter, outgoing).await {
            Ok(kept) => kept,
            Err(error) => {
                not_kept(&self.id, &self.from, self.rcpts, &error);
                return Err((self.from, not_stored(&error)));
            }
        };
        self.taken(&kept).await;
        let held = kept.queued.filter(|_| self.moderated);
        self.besides.follow(&self.house, self.copy, held).await;
        Ok(self.id)
    }

    async fn taken(&mut self, kept: &Kept) {
        if let Some(fetched) = &self.fetched {
            fetched.took();
        }
        let (txn, from, rcpts) = (&self.id, &self.from, self.rcpts);
        let Kept { octets, queued } = *kept;
        let Some(queue) = queued else {
            tracing::info!(txn, from, rcpts, octets, "delivered");
            return;
        };
        tracing::info!(txn, from, rcpts, away = self.away, octets, queue, "queued");
        self.house.sends(queue);
        let owners = std::mem::take(&mut self.owners);
        let (shares, store) = (&self.house.shares, &self.house.store);
        shares.add(store, queue, owners, octets).await;
    }
}

/// Says so. A full mailbox is its owner's; anything else is ours.
fn not_kept(id: &str, from: &str, rcpts: usize, error: &StoreError) {
    if matches!(error, StoreError::MailboxFull { .. }) {
        tracing::info!(txn = id, from, rcpts, %error, "not delivered");
    } else {
        tracing::error!(txn = id, from, rcpts, %error, "not delivered");
    }
}

/// Keeps it. RFC 5321 section 6.1: with 250 comes the responsibility, so it waits until the message is durable.
async fn kept(
    house: &House,
    written: Result<Incoming, StoreError>,
    (envelope, reservations): Addressed,
    outgoing: Option<Outgoing>,
) -> Result<Kept, StoreError> {
    let incoming = written?;
    let octets = incoming.len();
    let parcel = Parcel {
        incoming,
        reservations,
        envelope,
        outgoing,
    };
    let queued = house.store.post(parcel).await?;
    Ok(Kept { octets, queued })
}

/// RFC 2852 section 4.1.3: what was to be returned when its time is over is not delivered afterwards. The client that
/// is refused returns it.
fn is_expired(envelope: &Envelope, taken: Duration) -> bool {
    let Some(by) = envelope.deliver_by else {
        return false;
    };
    match by.mode() {
        Mode::Notify => false,
        Mode::Return => {
            let seconds = u64::try_from(by.seconds()).unwrap_or(0);
            taken >= Duration::from_secs(seconds)
        }
    }
}

/// A full disk is the administrator's to mend and heals by itself, and so does a full queue; a full mailbox is its owner's. Anything else
/// is a fault.
fn not_stored(error: &StoreError) -> FinishVerdict {
    match error {
        StoreError::Full => FinishVerdict::StoreLow,
        StoreError::QueueFull { .. } => FinishVerdict::QueueFull,
        StoreError::MailboxFull {
            full: Full::Octets | Full::Messages,
            ..
        } => FinishVerdict::MailboxFull,
        // Removed since RCPT: the next RCPT will say so, and the others get the message then.
        StoreError::MailboxFull {
            full: Full::Gone, ..
        }
        | StoreError::Io { .. }
        | StoreError::Rebuilding
        | StoreError::Held
        | StoreError::Incomplete
        | StoreError::NoRecipients
        | StoreError::TooLarge
        | StoreError::Stopped => FinishVerdict::TryLater,
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Envelope, is_expired};

    // EXT-21
    #[test]
    fn only_what_was_to_be_returned_expires() {
        for (by, seconds, expired) in [
            (Some("2;R"), 1, false),
            (Some("2;R"), 2, true),
            (Some("2;RT"), 900, true),
            (Some("2;N"), 900, false),
            (Some("-2;N"), 0, false),
            (None, 900, false),
        ] {
            let envelope = Envelope {
                deliver_by: by.map(|by| by.parse().unwrap()),
                ..Envelope::default()
            };
            let taken = Duration::from_secs(seconds);
            assert_eq!(is_expired(&envelope, taken), expired, "{by:?} {seconds}");
        }
    }
}
