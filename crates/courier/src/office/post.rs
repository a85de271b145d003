//! Messages that this server writes itself on their way: into mailboxes here, or into the queue.

use address::{Envelope, Mailbox};
use bytes::Bytes;
use mailstore::{AccountId, Outgoing, Parcel, Reservation, StoreError, Waiting};

use super::entries;
use super::house::Home;
use super::letter;
use super::means::Means;

/// A message that is written, in pieces, and whom it is from and for.
pub(super) struct Written {
    pub(super) envelope: Envelope,
    pub(super) pieces: Vec<Bytes>,
}

/// Why a message cannot be posted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unposted {
    /// Nobody is at home at this address.
    #[error("no mailbox here has this address")]
    Nobody,
    /// Those who are have no room.
    #[error("the mailbox has no room: {0}")]
    NoRoom(mailstore::Full),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Written {
    /// With the line in front that final delivery writes (RFC 5321 section 4.4), as every stored message has it.
    fn octets(&self) -> Vec<Bytes> {
        let line = letter::line(&self.envelope.reverse_path);
        let mut octets = vec![Bytes::from(line)];
        octets.extend(self.pieces.iter().cloned());
        octets
    }
}

/// Makes a message fit to be kept: for mailboxes here, or for elsewhere.
///
/// # Errors
/// When nobody can have it.
pub(super) async fn parcel(
    means: &Means,
    to: &Mailbox,
    written: &Written,
) -> Result<Parcel, Unposted> {
    let octets = written.octets();
    let size = octets.iter().map(|piece| piece.len() as u64).sum();
    let (reservations, outgoing) = match means.house.home(to) {
        Home::Nobody => return Err(Unposted::Nobody),
        Home::Accounts(accounts) => (reserved(means, &accounts, size)?, None),
        Home::Elsewhere => {
            let room = means.store.reserve_report().map_err(Unposted::NoRoom)?;
            let due = entries::milliseconds(means.now());
            let outgoing = Outgoing {
                room,
                account: None,
                release: None,
                waiting: vec![Waiting::new(0, due)],
            };
            (Vec::new(), Some(outgoing))
        }
    };
    let mut incoming = means.store.begin();
    for piece in octets {
        incoming.write(piece).await?;
    }
    Ok(Parcel {
        incoming,
        reservations,
        envelope: written.envelope.clone(),
        outgoing,
    })
}

/// Room in all those mailboxes that have some.
fn reserved(
    means: &Means,
    accounts: &[AccountId],
    size: u64,
) -> Result<Vec<Reservation>, Unposted> {
    let (mut room, mut full) = (Vec::new(), None);
    for account in accounts {
        match means.store.reserve(*account, size) {
            Ok(reservation) => room.push(reservation),
            Err(error) => full = Some(error),
        }
    }
    match full {
        Some(full) if room.is_empty() => Err(Unposted::NoRoom(full)),
        Some(_) | None if room.is_empty() => Err(Unposted::Nobody),
        Some(_) | None => Ok(room),
    }
}
