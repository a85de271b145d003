//! The letters of base32 (RFC 4648 section 6): what survives being written in either case. No padding.

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The first `letters` letters of `octets`, five bits each.
pub(crate) fn encode(octets: &[u8], letters: usize) -> String {
    let bit = |at: usize| {
        octets
            .get(at / 8)
            .map_or(0, |octet| octet >> (7 - at % 8) & 1)
    };
    (0..letters)
        .map(|letter| {
            let value = (0..5).fold(0, |value, at| value << 1 | bit(letter * 5 + at));
            char::from(LETTERS[usize::from(value)])
        })
        .collect()
}

/// Two letters for a number below 1024.
pub(crate) fn pair(number: u16) -> String {
    let letter = |value: u16| char::from(LETTERS[usize::from(value & 31)]);
    [letter(number >> 5), letter(number)].iter().collect()
}

/// The number two letters stand for, in either case.
pub(crate) fn number(text: &str) -> Option<u16> {
    let [high, low] = *text.as_bytes() else {
        return None;
    };
    let value = |letter: u8| {
        let letter = letter.to_ascii_uppercase();
        let at = LETTERS.iter().position(|known| *known == letter)?;
        u16::try_from(at).ok()
    };
    Some(value(high)? << 5 | value(low)?)
}

#[cfg(test)]
mod tests {
    use super::{encode, number, pair};

    #[test]
    fn letters_are_those_of_rfc_4648() {
        for (octets, letters) in [
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(octets.as_bytes(), letters.len()), letters);
        }
    }

    #[test]
    fn numbers_below_1024_go_there_and_back_in_either_case() {
        for value in 0..1024 {
            assert_eq!(number(&pair(value)), Some(value));
            assert_eq!(number(&pair(value).to_ascii_lowercase()), Some(value));
        }
        for text in ["", "A", "AAA", "A1", "A=", "é"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
