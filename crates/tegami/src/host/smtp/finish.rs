//! The end of a message: whether it is kept, and all of it at once, for mailboxes and for the queue.

use std::time::Duration;

use address::Envelope;
use address::deliver_by::Mode;
use mailstore::{AccountId, Full, Incoming, Outgoing, Parcel, Reservation, StoreError};
use smtp_server::FinishVerdict;

use super::regarded::Regarded;
use super::{Body, SmtpHost, Transaction};
use crate::host::House;

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
        let utf8 = envelope.smtputf8 && header.found();
        let utf8 = utf8 && !self.all_take_utf8(reservations.keys());
        let refused = self.refusal(&envelope, began.elapsed(), utf8);
        if let Some((why, verdict)) = refused {
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
        let before = leaving.not_again(rounds, &id, &from);
        let away = leaving.len();
        // Who is left gets it; when nobody is, its sender hears of the circle (RFC 5321 section 6.3).
        if let Some(by) = before.filter(|_| away == 0 && reservations.is_empty()) {
            return self.not_delivered(from, FinishVerdict::Circle(by));
        }
        let copy = besides.copy(&envelope);
        let letter = (envelope, reservations.into_values().collect());
        let outgoing = leaving.into_outgoing(self.account(), hold);
        match kept(&self.house, written, letter, outgoing).await {
            Ok((octets, queued)) => {
                self.taken(&id, &from, (rcpts, away), (octets, queued))
                    .await;
                let held = queued.filter(|_| !held.is_empty());
                besides.follow(&self.house, copy, held).await;
                FinishVerdict::Stored { id }
            }
            Err(error) => {
                not_kept(&id, &from, rcpts, &error);
                self.not_delivered(from, not_stored(&error))
            }
        }
    }

    /// A message of so many octets is kept, and in the queue if it has an id there.
    async fn taken(
        &mut self,
        id: &str,
        from: &str,
        (rcpts, away): (usize, usize),
        (octets, queued): (u64, Option<u64>),
    ) {
        let Some(queue) = queued else {
            tracing::info!(txn = id, from, rcpts, octets, "delivered");
            return;
        };
        tracing::info!(txn = id, from, rcpts, away, octets, queue, "queued");
        self.house.sends(queue);
        if let Some(account) = self.account() {
            Box::pin(self.house.shares.add(account, octets)).await;
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
    (envelope, reservations): (Envelope, Vec<Reservation>),
    outgoing: Option<Outgoing>,
) -> Result<(u64, Option<u64>), StoreError> {
    let incoming = written?;
    let octets = incoming.len();
    let parcel = Parcel {
        incoming,
        reservations,
        envelope,
        outgoing,
    };
    let queued = house.store.post(parcel).await?;
    Ok((octets, queued))
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
