//! Encoded words (RFC 2047): text beyond ASCII in places where only ASCII may stand.
//!
//! Always UTF-8 in base64: it suits every alphabet, and is valid in a phrase as in a text.

/// Octets of text in one encoded word: with `=?UTF-8?B?` and `?=` it stays within the 75 of RFC 2047 section 2.
const OCTETS: usize = 45;

/// A text with its ASCII words as they are, the others encoded.
///
/// RFC 2047 section 6.2: readers drop the space between two encoded words, so the spaces inside a run of words that
/// must be encoded are encoded with them.
pub(super) fn text(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut run = String::new();
    for word in text.split_ascii_whitespace() {
        if word.is_ascii() && !word.bytes().any(|octet| octet.is_ascii_control()) {
            words.extend(encode(&run));
            run.clear();
            words.push(word.to_owned());
        } else {
            if !run.is_empty() {
                run.push(' ');
            }
            run.push_str(word);
        }
    }
    words.extend(encode(&run));
    words
}

/// All of it as encoded words, cut between characters (RFC 2047 section 5).
pub(super) fn encode(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.floor_char_boundary(OCTETS));
        words.push(format!("=?UTF-8?B?{}?=", auth::encode_base64(part)));
        rest = after;
    }
    words
}
