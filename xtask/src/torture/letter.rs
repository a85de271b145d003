//! The letters of the torture: each is known by a number, and its octets follow from that number.
//!
//! So nothing needs to be remembered to say whether a letter came back as it was sent.

/// The first line of every letter; what stands before it, the server wrote.
const MARK: &[u8] = b"X-Torture: ";

/// How large letters are.
#[derive(Clone, Copy)]
pub enum Sizes {
    /// From a few words to what gets a file of its own in the store.
    Mixed,
    /// Enough to fill a small disk soon.
    Middling,
}

impl Sizes {
    fn pick(self, random: &mut Random) -> u64 {
        match self {
            Self::Mixed => match random.below(100) {
                0..75 => 200 + random.below(4_000),
                75..94 => 4_000 + random.below(60_000),
                94..98 => 64_000 + random.below(200_000),
                _ => 1_100_000 + random.below(300_000),
            },
            Self::Middling => 100_000 + random.below(400_000),
        }
    }
}

/// A letter in full, with CRLF line ends.
pub fn letter(number: u64, sizes: Sizes) -> Vec<u8> {
    let mut random = Random::new(number);
    let size = usize::try_from(sizes.pick(&mut random)).unwrap_or(0);
    let mut text = MARK.to_vec();
    text.extend_from_slice(
        format!(
            "{number}\r\nFrom: <sender@elsewhere.test>\r\nSubject: letter {number}\r\n\
             Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@elsewhere.test>\r\n\r\n"
        )
        .as_bytes(),
    );
    while text.len() < size {
        let (one, other) = (random.next(), random.next());
        match one % 16 {
            0 => text.extend_from_slice(b"\r\n"),
            1 => text.extend_from_slice(b".\r\n"),
            2 => text.extend_from_slice(b"..two dots\r\n"),
            _ => text
                .extend_from_slice(format!("{one:016x} {other:016x} {number:016x}\r\n").as_bytes()),
        }
    }
    text
}

/// What was received, held against what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The letter of this number, octet for octet.
    Whole(u64),
    /// It says that it is this letter, and is not.
    Changed(u64),
    /// No letter of ours.
    Strange,
}

/// Says which letter was received, and whether it is whole.
pub fn read(received: &[u8], sizes: Sizes) -> Read {
    let begins =
        |at: &usize| received[*at..].starts_with(MARK) && (*at == 0 || received[at - 1] == b'\n');
    let Some(at) = (0..received.len()).find(begins) else {
        return Read::Strange;
    };
    let ours = &received[at..];
    let number = ours[MARK.len()..].split(|octet| *octet == b'\r').next();
    let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    match number {
        None => Read::Strange,
        Some(number) if ours == letter(number, sizes) => Read::Whole(number),
        Some(number) => Read::Changed(number),
    }
}

/// As it goes over the wire in DATA: a dot before every line that begins with one, and the last dot.
pub fn stuffed(letter: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(letter.len() + 64);
    for line in letter.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            text.push(b'.');
        }
        text.extend_from_slice(line);
    }
    text.extend_from_slice(b".\r\n");
    text
}

/// Numbers that follow from a seed (SplitMix64), the same in every run.
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds would only be a step apart.
        let mut random = Self(seed);
        random.0 = random.next();
        random
    }

    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_known_behind_what_the_server_wrote() {
        let sent = letter(7, Sizes::Mixed);
        let mut received = b"Return-Path: <x>\r\nReceived: by us\r\n".to_vec();
        received.extend_from_slice(&sent);
        assert_eq!(read(&received, Sizes::Mixed), Read::Whole(7));
        *received.last_mut().unwrap() ^= 1;
        assert_eq!(read(&received, Sizes::Mixed), Read::Changed(7));
        received.truncate(20);
        assert_eq!(read(&received, Sizes::Mixed), Read::Strange);
    }

    #[test]
    fn dots_are_doubled_and_the_end_is_one() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
    }

    #[test]
    fn sizes_reach_from_inline_to_a_file_of_its_own() {
        let sizes: Vec<usize> = (0..200)
            .map(|number| letter(number, Sizes::Mixed).len())
            .collect();
        assert!(sizes.iter().any(|size| *size < 2_000));
        assert!(sizes.iter().any(|size| *size > 1 << 20));
    }
}
