//! A message of the queue, as errands read it: its header, and then the rest of it in pieces.

use std::sync::Arc;

use address::Envelope;
use bytes::Bytes;
use mailstore::{Incoming, Queued, QueuedLetter, ReadError, Store, Waiting};

use super::places::return_path;
use super::{Trouble, header_end};
use crate::host::House;

/// Most octets of a header that are looked at and changed. Of a longer one the rest stays as it is; no list hands that on.
pub(super) const MOST_HEADER: usize = 256 * 1024;

/// A message that waits.
pub(super) struct Post {
    pub(super) id: u64,
    pub(super) queued: Queued,
    pub(super) envelope: Envelope,
    /// Its header section and the empty line behind it, without the Return-Path in front that this server wrote.
    pub(super) header: Vec<u8>,
    /// The same with what was read behind it.
    pub(super) beginning: Vec<u8>,
    /// Octets of that line.
    own: usize,
    /// Octets of the rest.
    pub(super) rest: u64,
    /// The header goes on in the rest, where nobody looks.
    pub(super) is_cut: bool,
}

impl Post {
    /// Reads it; `None` when it has left the queue.
    pub(super) async fn read(house: &Arc<House>, id: u64) -> Result<Option<Self>, Trouble> {
        let store = house.store.clone();
        let read = tokio::task::spawn_blocking(move || read(&store, id)).await;
        read.map_err(|_| Trouble::Stopping)?
    }

    /// What is known of one of its recipients; `None` when it does not wait any more.
    pub(super) fn waiting(&self, recipient: u32) -> Option<&Waiting> {
        let mut waiting = self.queued.waiting.iter();
        waiting.find(|one| one.recipient == recipient)
    }

    /// Its header without the field in front, which this server wrote when it took the message.
    pub(super) fn came_with(&self) -> &[u8] {
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&self.header[from..], b"\r\n") {
            from += at + 2;
            if !matches!(self.header.get(from), Some(b' ' | b'\t')) {
                break;
            }
        }
        &self.header[from..]
    }

    /// Writes all that stands behind the header.
    pub(super) async fn copy_rest(
        &self,
        house: &House,
        incoming: &mut Incoming,
    ) -> Result<(), Trouble> {
        let mut rest = self.read_rest(house).await?;
        while let Some(octets) = rest.next().await? {
            incoming.write(octets).await?;
        }
        Ok(())
    }

    /// Reads what stands behind the header.
    pub(super) async fn read_rest(&self, house: &House) -> Result<Rest, Trouble> {
        let (store, id) = (house.store.clone(), self.id);
        let found = tokio::task::spawn_blocking(move || store.queue_letter(id)).await;
        let found = found.map_err(|_| Trouble::Stopping)??;
        let (_, _, letter) = found.ok_or(ReadError::Gone)?;
        Ok(Rest {
            letter: Arc::new(letter),
            skip: self.own + self.header.len(),
            is_read: false,
        })
    }
}

/// What stands behind a header, in pieces.
pub(super) struct Rest {
    letter: Arc<QueuedLetter>,
    skip: usize,
    is_read: bool,
}

impl Rest {
    /// The next piece.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        while !self.is_read {
            let reader = Arc::clone(&self.letter);
            let piece = tokio::task::spawn_blocking(move || reader.read()).await;
            let piece = piece.map_err(|_| Trouble::Stopping)??;
            let skipped = self.skip.min(piece.octets.len());
            self.skip -= skipped;
            self.is_read = piece.last;
            if skipped < piece.octets.len() {
                return Ok(Some(piece.octets.slice(skipped..)));
            }
        }
        Ok(None)
    }
}

/// May block.
fn read(store: &Store, id: u64) -> Result<Option<Post>, Trouble> {
    let Some(queued) = store.queued(id)? else {
        return Ok(None);
    };
    let Some((_, envelope, letter)) = store.queue_letter(id)? else {
        return Ok(None);
    };
    let line = return_path(&envelope);
    let mut octets: Vec<u8> = Vec::new();
    loop {
        let piece = letter.read()?;
        octets.extend_from_slice(&piece.octets);
        if piece.last || octets.len() >= MOST_HEADER || header_end(&octets).is_some() {
            break;
        }
    }
    let own = if octets.starts_with(line.as_bytes()) {
        line.len()
    } else {
        0
    };
    let found = header_end(&octets);
    let end = found.unwrap_or_else(|| octets.len().min(MOST_HEADER));
    let header = octets[own..end.max(own)].to_vec();
    let before = (own + header.len()) as u64;
    let rest = letter.octets().saturating_sub(before);
    Ok(Some(Post {
        id,
        rest,
        is_cut: found.is_none() && rest > 0,
        queued,
        envelope,
        header,
        beginning: octets.split_off(own),
        own,
    }))
}
