//! The octets of a queued message as they leave: those of the store, but for the `Return-Path` line in front that this
//! server wrote itself.

use std::io;
use std::mem;
use std::sync::Arc;

use address::{Envelope, ReversePath};
use bytes::Bytes;
use delivery::tls_required;
use mailstore::{Chunk, QueuedLetter, ReadError, Store};

use super::entries::Entry;
use super::hands::Gate;
use super::means::Means;
use crate::carry::{Carried, Letter};

/// A message on its way out. Its first piece, 64 KiB at most, stays in memory; all others come from the store when they
/// are wanted.
pub(super) struct Body {
    means: Arc<Means>,
    id: u64,
    /// Behind it nothing can be called back.
    gate: Arc<Gate>,
    first: Chunk,
    /// Octets of the first piece that do not leave.
    own: usize,
    /// Where the rest comes from, and how many pieces it has given.
    letter: Option<(Arc<QueuedLetter>, usize)>,
    /// What its header says, as far as it stands in the first piece.
    waives_tls: bool,
    /// Pieces given since the beginning.
    given: usize,
    ended: bool,
    /// Who has it by now of those it is being sent to.
    delivered: Vec<Carried>,
}

impl Body {
    /// Reads the first piece. May block.
    ///
    /// # Errors
    /// When the message is damaged, gone, or cannot be read.
    pub(super) fn open(
        means: &Arc<Means>,
        gate: &Arc<Gate>,
        entry: Entry,
    ) -> Result<Self, ReadError> {
        let first = entry.letter.read()?;
        let own = own_line(&first.octets, &entry.envelope.reverse_path);
        let waives_tls = tls_required::is_waived(&first.octets[own..]);
        Ok(Self {
            means: Arc::clone(means),
            id: entry.queued.id,
            gate: Arc::clone(gate),
            first,
            own,
            letter: Some((Arc::new(entry.letter), 1)),
            waives_tls,
            given: 0,
            ended: false,
            delivered: Vec::new(),
        })
    }

    /// Octets that do not leave.
    pub(super) fn own(&self) -> u64 {
        self.own as u64
    }

    /// Who has it by now of those it is being sent to; from here on others may be meant.
    pub(super) fn take_delivered(&mut self) -> Vec<Carried> {
        mem::take(&mut self.delivered)
    }

    /// What the message begins with: its first piece.
    pub(super) fn octets(&self) -> Bytes {
        self.first.octets.slice(self.own..)
    }

    /// What the message begins with, and whether that is all of it.
    pub(super) fn beginning(&self) -> (&[u8], bool) {
        (&self.first.octets[self.own..], self.first.last)
    }

    /// The next piece behind the first.
    async fn further(&mut self) -> io::Result<Chunk> {
        let (mut letter, mut read) = match self.letter.take() {
            Some((letter, read)) if read <= self.given => (letter, read),
            Some(_) | None => (self.reopened().await?, 0),
        };
        loop {
            let piece;
            (letter, piece) = blocking(&self.means, move || {
                let piece = letter.read();
                (letter, piece)
            })
            .await?;
            let piece = piece.map_err(io::Error::other)?;
            read += 1;
            if read > self.given {
                self.letter = Some((letter, read));
                return Ok(piece);
            }
            if piece.last {
                return Err(io::Error::other(ReadError::Gone));
            }
        }
    }

    async fn reopened(&self) -> io::Result<Arc<QueuedLetter>> {
        let (store, id) = (self.means.store.clone(), self.id);
        let found = blocking(&self.means, move || store.queue_letter(id)).await?;
        let found = found.map_err(io::Error::other)?;
        let (_, _, letter) = found.ok_or_else(|| io::Error::other(ReadError::Gone))?;
        Ok(Arc::new(letter))
    }
}

fn cut() -> io::Error {
    io::Error::other("this server stops")
}

fn withdrawn() -> io::Error {
    io::Error::other("the message was removed or is held")
}

impl Letter for Body {
    async fn rewind(&mut self) -> io::Result<()> {
        (self.given, self.ended) = (0, false);
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.means.in_hand.is_cut() {
                return Err(cut());
            }
            if self.ended {
                // Whoever asks is about to say that this was the end.
                return match self.gate.pass() {
                    true => Ok(None),
                    false => Err(withdrawn()),
                };
            }
            if self.gate.is_withdrawn() {
                return Err(withdrawn());
            }
            let (octets, last) = if self.given == 0 {
                (self.first.octets.slice(self.own..), self.first.last)
            } else {
                let piece = self.further().await?;
                (piece.octets, piece.last)
            };
            self.given += 1;
            self.ended = last;
            if !octets.is_empty() {
                return Ok(Some(octets));
            }
        }
    }

    fn waives_tls(&self) -> bool {
        self.waives_tls
    }

    fn delivered(&mut self, who: Vec<Carried>) {
        self.delivered = who;
    }
}

/// RFC 5321 section 4.4: the line in front that says the reverse-path is for final delivery; a message does not leave
/// with it. Only the one that was written here is taken off, and nothing else is touched.
fn own_line(first: &[u8], reverse_path: &ReversePath) -> usize {
    let own = line(reverse_path);
    if first.starts_with(own.as_bytes()) {
        own.len()
    } else {
        0
    }
}

/// Reads a message of the queue from its beginning, as it leaves, until `most` octets have been given or it ends. Gives
/// how many it has as a whole. May block.
///
/// # Errors
/// When the message is damaged, gone, or cannot be read.
pub(super) fn each_piece(
    store: &Store,
    id: u64,
    reverse_path: &ReversePath,
    most: u64,
    mut each: impl FnMut(&[u8]),
) -> Result<u64, ReadError> {
    let (_, _, letter) = store.queue_letter(id)?.ok_or(ReadError::Gone)?;
    let mut piece = letter.read()?;
    let own = own_line(&piece.octets, reverse_path);
    let whole = letter.octets().saturating_sub(own as u64);
    let mut octets = piece.octets.slice(own..);
    let mut left = most;
    loop {
        let some = octets
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        each(&octets[..some]);
        left = left.saturating_sub(some as u64);
        if piece.last || left == 0 {
            return Ok(whole);
        }
        piece = letter.read()?;
        octets = piece.octets.clone();
    }
}

/// That line.
pub(super) fn line(reverse_path: &ReversePath) -> String {
    format!("Return-Path: {reverse_path}\r\n")
}

/// Runs what may block where it may, not too much of it at the same time.
///
/// # Errors
/// When the runtime is going down.
pub(super) async fn blocking<T: Send + 'static>(
    means: &Means,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let _permit = means.readers.acquire().await.map_err(io::Error::other)?;
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)
}

/// Takes back what a message was said to need and does not: a server that lacks it can have the message all the same.
/// Known only of what is seen whole, or by its header.
pub(super) fn unburden(envelope: &mut Envelope, beginning: &[u8], whole: bool) {
    if !envelope.body8bit && !envelope.smtputf8 {
        return;
    }
    let mut survey = dsn::Survey::new();
    survey.read(beginning);
    let seen = survey.finish();
    if whole && !seen.whole().eight_bit {
        (envelope.body8bit, envelope.smtputf8) = (false, false);
        return;
    }
    let header = usize::try_from(seen.header_octets).unwrap_or(usize::MAX);
    if header >= beginning.len() || seen.header.eight_bit {
        return;
    }
    // RFC 6531 section 3.4: SMTPUTF8 is for header fields, those of the parts of a message among them. A message without
    // parts has none of those; its text takes 8BITMIME and no more.
    if !has_parts(&beginning[..header]) {
        envelope.smtputf8 = false;
        envelope.body8bit = true;
    }
}

/// Whether the header may speak of parts.
fn has_parts(header: &[u8]) -> bool {
    let small = header.to_ascii_lowercase();
    let says = |word: &[u8]| small.windows(word.len()).any(|at| at == word);
    says(b"multipart/") || says(b"message/")
}

#[cfg(test)]
mod tests {
    use address::Envelope;

    use super::{line, own_line, unburden};

    #[test]
    fn only_the_line_that_was_written_here_is_taken_off() {
        let check = |message: &str, sender: &str, rest: &str| {
            let own = own_line(message.as_bytes(), &sender.parse().unwrap());
            assert_eq!(&message[own..], rest);
        };
        let alice = "<alice@example.test>";
        check(
            "Return-Path: <alice@example.test>\r\nA: b\r\n",
            alice,
            "A: b\r\n",
        );
        check("Return-Path: <>\r\nA: b\r\n", "<>", "A: b\r\n");
        for foreign in [
            "Return-Path: <bob@example.test>\r\nA: b\r\n",
            "return-path: <alice@example.test>\r\nA: b\r\n",
            "Return-Path: <alice@example.test>",
            "A: b\r\nReturn-Path: <alice@example.test>\r\n",
            "",
        ] {
            check(foreign, alice, foreign);
        }
        assert_eq!(line(&"<>".parse().unwrap()), "Return-Path: <>\r\n");
    }

    /// Marks before and after: `8` for 8BITMIME, `u` for SMTPUTF8.
    #[track_caller]
    fn check(before: &str, message: &str, whole: bool, after: &str) {
        let mut envelope = Envelope {
            body8bit: before.contains('8'),
            smtputf8: before.contains('u'),
            ..Envelope::default()
        };
        unburden(&mut envelope, message.as_bytes(), whole);
        let mut marks = String::new();
        for (mark, set) in [('8', envelope.body8bit), ('u', envelope.smtputf8)] {
            if set {
                marks.push(mark);
            }
        }
        assert_eq!(marks, after, "{message:?} whole: {whole}");
    }

    #[test]
    fn what_a_message_does_not_need_is_not_asked_of_others() {
        let (plain, text) = ("A: b\r\n\r\nc\r\n", "A: b\r\n\r\nä\r\n");
        check("8u", plain, true, "");
        check("8u", plain, false, "8");
        check("8", plain, true, "");
        check("8", plain, false, "8");
        check("8u", text, true, "8");
        check("u", text, true, "8");
        check("8u", "A: ä\r\n\r\nc\r\n", true, "8u");
        check("8u", "A: b\r\n", false, "8u");
        let parts = "Content-Type: Multipart/mixed; boundary=x\r\n\r\nä\r\n";
        check("8u", parts, true, "8u");
        check("8u", parts, false, "8u");
        // What was not announced is not announced now.
        check("", text, true, "");
    }
}
