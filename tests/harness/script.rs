//! Reads dialogue files.
//!
//! ```text
//! # ENV-04: the first comment tells the story and names the obligation.
//! given: logged in            the client has said what it takes to log in as alice
//! given: role submission      other facts are about the server, its store and its accounts (see the scripted hosts)
//! C: NOOP                     the client sends a line; \r \n \0 \t \\ and \xNN are octets
//! C: AUTH PLAIN {{\0a\0b}}   the text between double braces is sent as base64
//! C> NO                       the same without the CRLF
//! C* 1000 ab                  the client sends `ab` a thousand times, without CRLF
//! S: 250 2.0.0 *              the server's next line; * stands for anything
//! S: ...                      any lines, up to the next one expected
//! S! close | S! tls           the server closes, or starts the handshake
//! S! handed over              the connection changes sides, and the session is over
//! tls: ready                  the handshake has succeeded (with 1.2: with that version, else with 1.3)
//! time: +5m                   time passes (ms, s, m)
//! event: shutdown | gone      the server is told to stop; the peer is gone
//! H: stored*                  the host has been told this since the last such line
//! H# 1 stored*                the host has been told this exactly so many times
//! ```
//!
//! Client lines without anything between them arrive in one piece.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One dialogue file.
pub struct Script {
    /// Its path below the directory of all dialogues, without extension: `rows/S-421b`.
    pub name: String,
    /// What it shows: its first comment line.
    pub story: String,
    /// Its steps, each with its line number.
    pub steps: Vec<(usize, Step)>,
}

/// One step of a dialogue.
#[derive(Debug)]
pub enum Step {
    /// A fact the scripted host and the session's settings take up.
    Given(String),
    /// The client logs in.
    LogIn,
    /// Octets from the client.
    Client(Vec<u8>),
    /// The next line from the server matches this.
    Line(String),
    /// Any lines from the server.
    Anything,
    /// The connection is handed over.
    HandOver,
    /// The server closes.
    Close,
    /// The server starts the TLS handshake.
    StartTls,
    /// The handshake has succeeded, with this version.
    TlsReady(&'static str),
    /// Time passes.
    Later(Duration),
    /// The server is told to stop.
    Shutdown,
    /// The peer is gone.
    Gone,
    /// The host has been told what matches this.
    Told(String),
    /// The host has been told what matches this so many times.
    Count(usize, String),
}

/// Every dialogue below `directory` and its subdirectories, in the order of their names.
pub fn read_all(directory: &Path) -> Vec<Script> {
    let mut paths = Vec::new();
    find(directory, &mut paths);
    paths.sort();
    paths.iter().map(|path| read(directory, path)).collect()
}

fn find(directory: &Path, paths: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            find(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn read(directory: &Path, path: &Path) -> Script {
    let name = path.strip_prefix(directory).unwrap().with_extension("");
    let name = name.to_string_lossy().into_owned();
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let story = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# "))
        .map(str::to_owned);
    let story =
        story.unwrap_or_else(|| panic!("{name}: the first line tells the story after `# `"));
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let step =
            step(line).unwrap_or_else(|| panic!("{name}:{}: cannot read {line:?}", index + 1));
        match (steps.last_mut(), step) {
            (Some((_, Step::Client(before))), Step::Client(more)) => before.extend(more),
            (_, step) => steps.push((index + 1, step)),
        }
    }
    Script { name, story, steps }
}

fn step(line: &str) -> Option<Step> {
    // `C:` alone is an empty line of the client; every other keyword has an argument.
    let (key, value) = line.split_once(' ').unwrap_or((line, ""));
    Some(match key {
        "given:" if value == "logged in" => Step::LogIn,
        "given:" => Step::Given(value.to_owned()),
        "C:" => {
            let mut octets = client_octets(value)?;
            octets.extend_from_slice(b"\r\n");
            Step::Client(octets)
        }
        "C>" => Step::Client(client_octets(value)?),
        "C*" => {
            let (count, text) = value.split_once(' ')?;
            Step::Client(unescape(text)?.repeat(count.parse().ok()?))
        }
        "S:" if value == "..." => Step::Anything,
        // Japanese may be written as it is; what is compared is the escaped form.
        "S:" => Step::Line(escape(&unescape(value)?)),
        "S!" if value == "handed over" => Step::HandOver,
        "S!" if value == "close" => Step::Close,
        "S!" if value == "tls" => Step::StartTls,
        "tls:" if value == "ready" => Step::TlsReady("TLS1.3"),
        "tls:" if value == "ready with 1.2" => Step::TlsReady("TLS1.2"),
        "time:" => Step::Later(duration(value.strip_prefix('+')?)?),
        "event:" if value == "shutdown" => Step::Shutdown,
        "event:" if value == "gone" => Step::Gone,
        "H:" => Step::Told(value.to_owned()),
        "H#" => {
            let (count, pattern) = value.split_once(' ')?;
            Step::Count(count.parse().ok()?, pattern.to_owned())
        }
        _ => return None,
    })
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

/// The octets a client line stands for, base64 where it says so.
fn client_octets(text: &str) -> Option<Vec<u8>> {
    let Some((before, tail)) = text.split_once("{{") else {
        return unescape(text);
    };
    let (inner, after) = tail.split_once("}}")?;
    let mut octets = unescape(before)?;
    octets.extend_from_slice(auth::encode_base64(unescape(inner)?).as_bytes());
    octets.extend(client_octets(after)?);
    Some(octets)
}

/// The octets a text of the file stands for.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next()? {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(octets)
}

/// The text that stands for these octets, as the files write them.
pub fn escape(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for octet in octets {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0 => text.push_str("\\0"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*octet)),
            other => text.push_str(&format!("\\x{other:02x}")),
        }
    }
    text
}

/// Whether `text` is what `pattern` says, `*` standing for anything.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(head) else {
        return false;
    };
    let Some((middle, last)) = tail.rsplit_once('*') else {
        return rest.ends_with(tail);
    };
    for part in middle.split('*') {
        let Some(found) = rest.find(part) else {
            return false;
        };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_lines() {
        for (pattern, text, expected) in [
            ("250 OK", "250 OK", true),
            ("250 *", "250 OK", true),
            ("250 *", "250 ", true),
            ("*", "", true),
            ("250 OK", "250 OK ", false),
            ("250 *x", "250 xy", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(
                matches(pattern, text),
                expected,
                "{pattern:?} against {text:?}"
            );
        }
    }

    #[test]
    fn escapes_go_both_ways() {
        let octets = b"a\\b\r\n\0\t\x7f\xff";
        assert_eq!(unescape(&escape(octets)).unwrap(), octets);
        assert_eq!(unescape("\\q"), None);
    }
}
