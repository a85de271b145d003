//! The end of a message: whether it is kept, and all of it at once, for mailboxes and for the queue.

use std::time::Duration;

use address::Envelope;
use address::deliver_by::Mode;
use mailstore::{AccountId, Full, Parcel, StoreError};
use smtp_server::FinishVerdict;

use super::regarded::Regarded;
use super::{Body, SmtpHost, Transaction};

impl SmtpHost {
    pub(super) async fn finish(&mut self) -> FinishVerdict {
        let Some(Transaction {
            envelope,
            hold,
            began,
            reservations,
            leaving,
            named: rcpts,
            body: Some(body),
            ..
        }) = self.transaction.take()
        else {
            return FinishVerdict::TryLater;
        };
        let Body {
            id,
            written,
            header,
        } = body;
        let from = envelope.reverse_path.to_string();
        if self.is_gone() {
            tracing::info!(txn = %id, %from, rcpts, "not delivered: the account was removed or disabled meanwhile");
            return self.not_delivered(from, FinishVerdict::TryLater);
        }
        if is_expired(&envelope, began.elapsed()) {
            tracing::info!(txn = %id, %from, rcpts, "not delivered: the time its sender gave is over");
            return self.not_delivered(from, FinishVerdict::Expired);
        }
        // RFC 6531 section 3.5: at the end of the message, for only now is it known whether there is any UTF-8 in it.
        if envelope.smtputf8 && header.found() && !self.all_take_utf8(reservations.keys()) {
            tracing::info!(txn = %id, %from, rcpts, "not delivered: a recipient takes no UTF-8 header");
            return self.not_delivered(from, FinishVerdict::Utf8NotTaken);
        }
        let (away, account) = (leaving.len(), self.login.as_ref().map(|one| one.account));
        let outcome = match written {
            Ok(incoming) => {
                let octets = incoming.len();
                let parcel = Parcel {
                    incoming,
                    reservations: reservations.into_values().collect(),
                    envelope,
                    outgoing: leaving.into_outgoing(account, hold),
                };
                // RFC 5321 section 6.1: with 250 comes the responsibility, so it waits until the message is durable.
                let posted = self.house.store.post(parcel);
                posted.await.map(|queued| (octets, queued))
            }
            Err(error) => Err(error),
        };
        let (octets, queued) = match outcome {
            Ok(kept) => kept,
            Err(error) => return self.not_kept(&id, from, rcpts, &error),
        };
        match queued {
            Some(queue) => {
                tracing::info!(txn = %id, %from, rcpts, away, octets, queue, "queued");
                self.house.sends(queue);
            }
            None => tracing::info!(txn = %id, %from, rcpts, octets, "delivered"),
        }
        FinishVerdict::Stored { id }
    }

    fn not_kept(
        &mut self,
        id: &str,
        from: String,
        rcpts: usize,
        error: &StoreError,
    ) -> FinishVerdict {
        if let StoreError::MailboxFull { .. } = error {
            tracing::info!(txn = %id, %from, rcpts, %error, "not delivered");
        } else {
            tracing::error!(txn = %id, %from, rcpts, %error, "not delivered");
        }
        self.not_delivered(from, not_stored(error))
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
        StoreError::Full | StoreError::QueueFull { .. } => FinishVerdict::StoreLow,
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
