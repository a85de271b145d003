//! The messages of an open maildrop as the client of one POP3 session gets to see them.
//!
//! In UTF8 mode, and for ordinary mail, that is what is stored. To a client without UTF8 mode an international
//! message is a surrogate: its header rewritten (see [`super::surrogate`]), its body as it is. The sizes are those of
//! what will be sent (RFC 6856 section 2.1, RFC 1939 section 11), so the headers of international messages are read
//! once when the maildrop is opened; only their lengths are kept, and the header is made again when it is read.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mailstore::{Chunk, Entry, Maildrop, ReadError, ReadNow, StoreError};
use pop3_server::{KeptIds, Listing, Message};

use super::lent::Lent;
use super::surrogate;

/// Most octets of a surrogate's header handed out at a time.
const PIECE: usize = 64 * 1024;

/// An open maildrop, and what the client gets of it.
pub struct Letters {
    maildrop: Maildrop,
    surrogates: HashMap<usize, Surrogate>,
    listing: Listing,
    /// The header that is being read, by the index of its message.
    current: Mutex<Option<(usize, Bytes)>>,
}

/// What a client without UTF8 mode gets instead of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surrogate {
    /// A header of `made` octets in place of the first `original` ones.
    Header { original: u64, made: u64 },
    /// Nothing: the header is too long to be rewritten.
    None,
    /// The header could not be read when the maildrop was opened.
    Unread,
}

/// Where an offset of what the client reads leads.
enum Position {
    /// Into the message as it is stored.
    Stored(u64),
    /// Into the rewritten header, which takes the place of so many octets.
    Header { original: u64 },
    /// Nowhere: it could not be read before.
    Unread,
}

impl Letters {
    /// Looks at all international messages unless the client reads UTF-8. May block.
    pub fn new(maildrop: Maildrop, utf8: bool, lent: &Lent) -> Self {
        let (account, entries) = (maildrop.account(), Arc::clone(maildrop.messages()));
        let current = Mutex::default();
        if let Some(listing) = lent.of(account, &entries) {
            return Self {
                maildrop,
                surrogates: HashMap::new(),
                listing,
                current,
            };
        }
        let mut surrogates = HashMap::new();
        let international = entries.iter().enumerate().filter(|(_, entry)| entry.utf8);
        if !utf8 {
            for (index, _) in international.clone() {
                surrogates.insert(index, measure(&maildrop, index));
            }
        }
        let listing = list(&entries, &surrogates);
        // Others may read no UTF-8, or read it.
        if international.count() == 0 {
            lent.keep(account, &entries, &listing);
        }
        Self {
            maildrop,
            surrogates,
            listing,
            current,
        }
    }

    /// What the session lists.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Octets from `offset` on, if they are in memory.
    pub fn read_now(&self, index: usize, offset: u64) -> ReadNow {
        match self.position(index, offset) {
            Position::Stored(offset) => {
                self.forget();
                self.maildrop.read_now(index, offset)
            }
            Position::Header { original } => match self.known(index) {
                Some(header) => ReadNow::Chunk(self.piece(index, &header, offset, original)),
                None => ReadNow::WouldBlock,
            },
            Position::Unread => ReadNow::WouldBlock,
        }
    }

    /// The same, waiting for the disk.
    ///
    /// # Errors
    /// When the message is damaged, gone, or cannot be read.
    pub fn read(&self, index: usize, offset: u64) -> Result<Chunk, ReadError> {
        match self.position(index, offset) {
            Position::Stored(offset) => self.maildrop.read(index, offset),
            Position::Header { original } => {
                let header = match self.known(index) {
                    Some(header) => header,
                    None => self.make(index)?,
                };
                Ok(self.piece(index, &header, offset, original))
            }
            // If it is readable now, the size that was listed is still not the surrogate's.
            Position::Unread => {
                self.maildrop.read(index, 0)?;
                let lost = io::Error::other("the header could not be read at login");
                Err(ReadError::Io(lost.into()))
            }
        }
    }

    /// Removes messages for ever.
    ///
    /// # Errors
    /// When that could not be made durable; then all of them are still there.
    pub async fn expunge(&self, indexes: &[usize]) -> Result<(), StoreError> {
        self.maildrop.expunge(indexes).await
    }

    fn position(&self, index: usize, offset: u64) -> Position {
        match self.surrogates.get(&index) {
            Some(Surrogate::Header { original, made }) => match offset.checked_sub(*made) {
                Some(beyond) if beyond > 0 || !self.is_all(index, *original) => {
                    Position::Stored(original + beyond)
                }
                Some(_) | None => Position::Header {
                    original: *original,
                },
            },
            Some(Surrogate::Unread) => Position::Unread,
            Some(Surrogate::None) | None => Position::Stored(offset),
        }
    }

    /// Whether nothing follows the header.
    fn is_all(&self, index: usize, original: u64) -> bool {
        let entry = self.maildrop.messages().get(index);
        entry.is_some_and(|entry| entry.octets == original)
    }

    fn known(&self, index: usize) -> Option<Bytes> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, header) = current.as_ref()?;
        (*of == index).then(|| header.clone())
    }

    fn forget(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn make(&self, index: usize) -> Result<Bytes, ReadError> {
        let header = stored_header(&self.maildrop, index)?;
        let made = header.as_deref().and_then(surrogate::header);
        // It was made before, of the same octets.
        let header = Bytes::from(made.ok_or(ReadError::Gone)?);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some((index, header.clone()));
        Ok(header)
    }

    fn piece(&self, index: usize, header: &Bytes, offset: u64, original: u64) -> Chunk {
        let start = usize::try_from(offset)
            .unwrap_or(header.len())
            .min(header.len());
        let end = (start + PIECE).min(header.len());
        Chunk {
            octets: header.slice(start..end),
            last: end == header.len() && self.is_all(index, original),
        }
    }
}

/// The messages with the sizes of what will be sent.
fn list(entries: &[Entry], surrogates: &HashMap<usize, Surrogate>) -> Listing {
    let entries = entries.iter().enumerate();
    let ids = entries.clone();
    let messages: Vec<Message> = entries
        .map(|(index, entry)| Message {
            octets: match surrogates.get(&index) {
                Some(Surrogate::Header { original, made }) => entry.octets - original + made,
                Some(Surrogate::None | Surrogate::Unread) | None => entry.octets,
            },
            needs_utf8: surrogates.get(&index) == Some(&Surrogate::None),
            epoch: entry.epoch,
            uid: entry.uid,
        })
        .collect();
    let ids = ids.filter_map(|(index, entry)| Some((index, Arc::clone(entry.uidl()?))));
    let kept = KeptIds::of(&messages, ids);
    Listing::new(messages, kept)
}

fn measure(maildrop: &Maildrop, index: usize) -> Surrogate {
    match stored_header(maildrop, index) {
        Ok(Some(header)) => match surrogate::header(&header) {
            Some(made) => Surrogate::Header {
                original: header.len() as u64,
                made: made.len() as u64,
            },
            None => Surrogate::None,
        },
        Ok(None) => Surrogate::None,
        Err(error) => {
            tracing::error!(message = index, %error, "header not read");
            Surrogate::Unread
        }
    }
}

/// The header as it is stored, with its blank line; `None` if it is longer than what is rewritten.
fn stored_header(maildrop: &Maildrop, index: usize) -> Result<Option<Vec<u8>>, ReadError> {
    let mut octets = Vec::new();
    loop {
        // The blank line may lie across two chunks.
        let seen = octets.len().saturating_sub(3);
        let chunk = maildrop.read(index, octets.len() as u64)?;
        octets.extend_from_slice(&chunk.octets);
        let length = surrogate::header_length(&octets, seen);
        if let Some(length) = length.or(chunk.last.then_some(octets.len())) {
            octets.truncate(length);
            return Ok((length <= surrogate::LONGEST_HEADER).then_some(octets));
        }
        if octets.len() > surrogate::LONGEST_HEADER {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests;
