//! A letter as a session asks for it: by place and size, from the beginning again when it has to be said twice.

use std::io;

use bytes::Bytes;
use smtp_client::Want;

use crate::carry::{Carried, Letter};

/// Gives a letter piece by piece.
pub(super) struct Feed<'a, L> {
    letter: &'a mut L,
    /// Octets it is to have.
    size: u64,
    /// Octets given since its beginning; nothing when that is not known.
    given: Option<u64>,
    /// Read, and not given yet.
    held: Bytes,
    /// Why it could not be read.
    fault: Option<io::Error>,
}

impl<'a, L: Letter> Feed<'a, L> {
    /// A letter, wherever it stands: somebody may have read from it.
    pub(super) fn new(letter: &'a mut L, size: u64) -> Self {
        Self {
            letter,
            size,
            given: None,
            held: Bytes::new(),
            fault: None,
        }
    }

    /// Why the letter could not be read, if it could not.
    pub(super) fn fault(&self) -> Option<&io::Error> {
        self.fault.as_ref()
    }

    /// These have it, though others are still to be served.
    pub(super) fn delivered(&mut self, who: Vec<Carried>) {
        self.letter.delivered(who);
    }

    /// The octets that are wanted; nothing when they cannot be had.
    pub(super) async fn take(&mut self, want: Want) -> Option<Bytes> {
        // Should this be given up in the middle, nobody knows where the letter stands.
        let given = self.given.take();
        match self.read(given, want).await {
            Ok(piece) => {
                self.given = Some(want.offset + piece.len() as u64);
                Some(piece)
            }
            Err(error) => {
                self.fault = Some(error);
                None
            }
        }
    }

    async fn read(&mut self, given: Option<u64>, want: Want) -> io::Result<Bytes> {
        if given != Some(want.offset) {
            if want.offset != 0 {
                return Err(io::ErrorKind::NotSeekable.into());
            }
            self.letter.rewind().await?;
            self.held = Bytes::new();
        }
        if self.held.is_empty() {
            self.held = self.letter.next().await?.unwrap_or_default();
        }
        if self.held.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let piece = self.held.split_to(want.most.min(self.held.len()));
        let last = want.offset + piece.len() as u64 == self.size;
        // The end is not sent before the letter says that it was the end: what was read may turn out to be damaged there.
        if last && (!self.held.is_empty() || self.letter.next().await?.is_some()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the message is longer than it was",
            ));
        }
        Ok(piece)
    }
}

/// A letter for conversations in which none is sent.
pub(super) struct NoLetter;

impl Letter for NoLetter {
    async fn rewind(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        Ok(None)
    }

    fn waives_tls(&self) -> bool {
        false
    }
}
