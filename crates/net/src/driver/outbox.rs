//! What waits to be written: replies gathered into one buffer, large bodies kept as they are.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};
use reply::Reply;

/// With this much waiting, the driver writes before it asks the session for more (octets).
pub const OUTBOX: usize = 64 * 1024;

/// Pieces up to this size are copied behind the replies; larger ones are written from where they are.
const COPY_AT_MOST: usize = 16 * 1024;

/// More than this is not kept for the next reply while a connection idles.
const KEEP_AT_MOST: usize = 1024;

/// Most pieces handed to one vectored write.
pub(crate) const SLICES: usize = 16;

/// Output in order: first the sealed pieces, then the open buffer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    sealed: VecDeque<Bytes>,
    open: Vec<u8>,
    /// How much of `open` is written already.
    written: usize,
    waiting: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Whether the session must wait until this is written.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting > OUTBOX
    }

    pub(crate) fn reply(&mut self, reply: &Reply) {
        let before = self.open.len();
        reply.encode(&mut self.open);
        self.waiting += self.open.len() - before;
    }

    pub(crate) fn send(&mut self, octets: Bytes) {
        self.waiting += octets.len();
        if octets.len() <= COPY_AT_MOST {
            self.open.extend_from_slice(&octets);
            return;
        }
        if self.open.len() > self.written {
            let mut sealed = Bytes::from(std::mem::take(&mut self.open));
            sealed.advance(self.written);
            self.sealed.push_back(sealed);
        } else {
            self.open.clear();
        }
        self.written = 0;
        self.sealed.push_back(octets);
    }

    /// Points `slices` at what comes next; returns how many of them are in use.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let open = &self.open[self.written..];
        let pieces = self
            .sealed
            .iter()
            .map(|piece| &piece[..])
            .chain((!open.is_empty()).then_some(open));
        let mut used = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces) {
            *slot = IoSlice::new(piece);
            used += 1;
        }
        used
    }

    /// `written` octets are on their way.
    pub(crate) fn advance(&mut self, mut written: usize) {
        self.waiting -= written;
        while let Some(piece) = self.sealed.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.sealed.pop_front();
        }
        self.written += written;
        if self.written == self.open.len() {
            self.open.clear();
            self.written = 0;
        }
    }

    /// Forgets everything: nobody is there to read it.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives memory back while the connection idles.
    pub(crate) fn rest(&mut self) {
        if self.waiting == 0 && (self.open.capacity() > KEEP_AT_MOST || self.sealed.capacity() > 0)
        {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the whole outbox back, `step` octets at a time.
    fn drained(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = outbox.slices(&mut slices);
            assert!(used > 0, "octets wait, yet there is nothing to write");
            let mut taken = 0;
            for slice in &slices[..used] {
                let n = slice.len().min(step - taken);
                all.extend_from_slice(&slice[..n]);
                taken += n;
            }
            outbox.advance(taken);
        }
        all
    }

    #[test]
    fn keeps_the_order_of_small_and_large_pieces_at_any_write_size() {
        let large = vec![b'L'; COPY_AT_MOST + 1];
        for step in [1, 7, 4096, COPY_AT_MOST + 1, usize::MAX] {
            let mut outbox = Outbox::default();
            let mut expected = Vec::new();
            for (small, n) in [("a", 1), ("bc", 2), ("", 3), ("def", 4)] {
                for octets in [
                    Bytes::from(small),
                    Bytes::from(large.clone()),
                    Bytes::from(vec![b'0' + n; 5]),
                ] {
                    expected.extend_from_slice(&octets);
                    outbox.send(octets);
                }
            }
            assert_eq!(outbox.len(), expected.len());
            assert_eq!(drained(&mut outbox, step), expected, "step {step}");
        }
    }

    #[test]
    fn a_large_piece_after_a_partial_write_does_not_repeat_what_is_written() {
        let mut outbox = Outbox::default();
        outbox.send(Bytes::from_static(b"abcdef"));
        outbox.advance(4);
        outbox.send(Bytes::from(vec![b'L'; COPY_AT_MOST + 1]));
        outbox.send(Bytes::from_static(b"g"));
        let all = drained(&mut outbox, 5);
        assert!(all.starts_with(b"efL") && all.ends_with(b"Lg"));
        assert_eq!(all.len(), 2 + COPY_AT_MOST + 1 + 1);
    }

    #[test]
    fn an_idle_outbox_keeps_no_large_buffer() {
        let mut outbox = Outbox::default();
        outbox.send(Bytes::from(vec![0; COPY_AT_MOST]));
        outbox.advance(COPY_AT_MOST);
        outbox.rest();
        assert_eq!(outbox.open.capacity(), 0);
    }
}
