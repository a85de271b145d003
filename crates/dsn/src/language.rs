//! Which languages a sender is likely to read, guessed from the address and the header of what was sent.
//!
//! A guess only ever adds a language: nobody loses the English text by it.

use address::ReversePath;
use mime::transfer::Transfer;

use crate::facts::Languages;

/// Most octets of a header that are looked at.
const MOST: usize = 64 * 1024;
/// Character sets that are used for Japanese and nothing else (RFC 2047 and RFC 2045 write them in any case).
const CHARSETS: [&[u8]; 4] = [b"iso-2022-jp", b"shift_jis", b"euc-jp", b"windows-31j"];
/// Fields that name languages (RFC 3282).
const FIELDS: [&[u8]; 2] = [b"content-language:", b"accept-language:"];
/// How an encoded word in UTF-8 and base64 begins (RFC 2047 section 2), in small letters.
const WORD: &[u8] = b"=?utf-8?b?";

/// English, and Japanese besides when the sender's address is in Japan or the header has Japanese in it.
///
/// ```
/// use dsn::Languages;
/// let sender = "<hanako@example.jp>".parse()?;
/// assert_eq!(dsn::suggested(&sender, b""), Languages::Both);
/// # Ok::<(), address::PathError>(())
/// ```
#[must_use]
pub fn suggested(sender: &ReversePath, header: &[u8]) -> Languages {
    let header = &header[..header.len().min(MOST)];
    let domain = sender.mailbox().and_then(|mailbox| mailbox.host.domain());
    let in_japan = domain.is_some_and(|domain| domain.as_str().ends_with(".jp"));
    let small = header.to_ascii_lowercase();
    let by_charset = CHARSETS
        .iter()
        .any(|charset| find(&small, charset).is_some());
    if in_japan || by_charset || names_japanese(&small) || has_kana(header) || words(header, &small)
    {
        Languages::Both
    } else {
        Languages::English
    }
}

/// Whether a field says `ja`, alone, first or among others.
fn names_japanese(small: &[u8]) -> bool {
    small.split(|octet| *octet == b'\n').any(|line| {
        let value = FIELDS.iter().find_map(|field| line.strip_prefix(*field));
        value.is_some_and(|value| {
            let mut tags = value.split(|octet| !octet.is_ascii_alphanumeric() && *octet != b'-');
            tags.any(|tag| tag == b"ja" || tag.starts_with(b"ja-"))
        })
    })
}

/// Whether there is Hiragana or Katakana (U+3040 to U+30FF), as UTF-8 or as the quoted-printable of it. Chinese has
/// neither.
fn has_kana(octets: &[u8]) -> bool {
    octets
        .windows(2)
        .any(|pair| matches!(pair, [0xe3, 0x81..=0x83]))
        || octets
            .windows(6)
            .any(|quoted| matches!(quoted, [b'=', b'E' | b'e', b'3', b'=', b'8', b'1'..=b'3']))
}

/// Whether an encoded word in base64 has kana.
fn words(header: &[u8], small: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = find(&small[at..], WORD) {
        at += found + WORD.len();
        let end = header[at..].iter().position(|octet| *octet == b'?');
        let word = &header[at..at + end.unwrap_or(0)];
        if has_kana(&Transfer::Base64.decode(word).unwrap_or_default()) {
            return true;
        }
    }
    false
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::suggested;
    use crate::facts::Languages;

    #[track_caller]
    fn check(sender: &str, header: &str, japanese: bool) {
        let expected = if japanese {
            Languages::Both
        } else {
            Languages::English
        };
        let sender = sender.parse().unwrap();
        assert_eq!(
            suggested(&sender, header.as_bytes()),
            expected,
            "{header:?}"
        );
    }

    #[test]
    fn japanese_is_added_where_there_are_signs_of_it() {
        check("<a@example.jp>", "", true);
        check("<a@example.co.jp>", "", true);
        check("<a@jp.example>", "", false);
        check("<a@[192.0.2.1]>", "", false);
        check("<>", "", false);
        let alice = "<alice@example.test>";
        check(alice, "Subject: Lunch\r\n", false);
        check(
            alice,
            "Subject: =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n",
            true,
        );
        check(
            alice,
            "Content-Type: text/plain; charset=Shift_JIS\r\n",
            true,
        );
        check(alice, "Content-Language: ja\r\n", true);
        check(alice, "Accept-Language: en-GB, ja-JP;q=0.8\r\n", true);
        check(alice, "Content-Language: java\r\n", false);
        check(alice, "Subject: Content-Language: ja\r\n", false);
        check(alice, "Subject: お昼\r\n", true);
        check(alice, "Subject: =?UTF-8?B?44GK5pi8?=\r\n", true);
        check(alice, "Subject: =?utf-8?B?44GK5pi8", false);
        check(alice, "Subject: =?UTF-8?Q?=E3=81=8A=E6=98=BC?=\r\n", true);
        // Chinese, and German.
        check(alice, "Subject: =?UTF-8?B?5Y2I6aSQ?=\r\n", false);
        check(alice, "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n", false);
    }

    #[test]
    fn a_long_header_is_not_read_to_its_end() {
        let mut header = "X: y\r\n".repeat(20_000);
        check("<alice@example.test>", &header, false);
        header.push_str("Content-Language: ja\r\n");
        check("<alice@example.test>", &header, false);
    }
}
