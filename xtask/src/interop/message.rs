//! The messages that are sent, and whether what was fetched is what was sent.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};

/// Fields the server puts before a message; nothing else may be there.
const TRACE: [&str; 2] = ["return-path", "received"];

/// Kinds of bodies, each with something that a mail system likes to break. All lines end with CRLF.
pub fn bodies() -> [(&'static str, Vec<u8>); 6] {
    let text = "Hello,\r\n\r\nthis is a letter.\r\n".as_bytes().to_vec();
    let dots = b".\r\n..\r\n.a\r\n...\r\n\r\n.\r\nend\r\n.\r\n".to_vec();
    let mut eight_bit = "手紙 für Élise\r\n".as_bytes().to_vec();
    eight_bit.extend(0x80..=0xff_u8);
    eight_bit.extend(b"\r\n");
    // RFC 5321 section 4.5.3.1.6: 998 octets and CRLF; the dot that is doubled on the way does not count.
    let mut long = format!(".{}\r\n", "x".repeat(997)).into_bytes();
    long.extend(format!("{}\r\n", "y".repeat(998)).into_bytes());
    let mut large = Vec::new();
    while large.len() < 1 << 20 {
        large.extend(format!("{:>8} ..and the line goes on\r\n.\r\n", large.len()).into_bytes());
    }
    [
        ("text", text),
        ("dots", dots),
        ("eight-bit", eight_bit),
        ("long-lines", long),
        ("empty", Vec::new()),
        ("large", large),
    ]
}

/// A whole message with the header field that tells it from the others.
pub fn compose(id: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "From: Interop <carol@elsewhere.test>\r\nTo: <bob@example.test>\r\nSubject: interop\r\n\
         Date: Sat, 01 Aug 2026 12:00:00 +0000\r\nMessage-ID: <{id}@interop.test>\r\nX-Interop: {id}\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    .into_bytes();
    message.extend(body);
    message
}

/// The message as it follows DATA, with its dots doubled, up to the final dot; the last CRLF is the client's.
pub fn on_the_wire(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + message.len() / 32);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        // RFC 5321 section 4.5.2.
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend(line);
    }
    wire.push(b'.');
    wire
}

/// Every message sent is there once and unchanged, and nothing else is.
///
/// # Errors
/// When that is not so; names the message.
pub fn compare(sent: &BTreeMap<String, Vec<u8>>, fetched: &[Vec<u8>]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for message in fetched {
        let id = id(message)?;
        let original = sent
            .get(&id)
            .ok_or_else(|| anyhow!("{id} was never sent"))?;
        let trace = message.strip_suffix(original.as_slice()).ok_or_else(|| {
            anyhow!(
                "{id}: not what was sent: {} octets fetched, {} sent",
                message.len(),
                original.len()
            )
        })?;
        only_trace_fields(trace).with_context(|| id.clone())?;
        if seen.insert(id.clone(), ()).is_some() {
            bail!("{id} is there twice");
        }
    }
    match sent.keys().find(|id| !seen.contains_key(*id)) {
        Some(id) => bail!("{id} is missing"),
        None => Ok(()),
    }
}

fn id(message: &[u8]) -> Result<String> {
    let header = String::from_utf8_lossy(&message[..message.len().min(8192)]).into_owned();
    header
        .lines()
        .find_map(|line| line.strip_prefix("X-Interop: "))
        .map(|id| id.trim_end().to_owned())
        .ok_or_else(|| {
            anyhow!(
                "a message without X-Interop:\n{}",
                header.chars().take(500).collect::<String>()
            )
        })
}

/// RFC 5322 section 3.6.7: the trace fields stand before everything else; both must be there.
fn only_trace_fields(head: &[u8]) -> Result<()> {
    let head = std::str::from_utf8(head).context("the trace fields are not text")?;
    let names: Vec<String> = head
        .split_terminator("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| {
            line.split(':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        })
        .collect();
    if let Some(other) = names.iter().find(|name| !TRACE.contains(&name.as_str())) {
        bail!("{other:?} stands among the trace fields");
    }
    match TRACE
        .iter()
        .find(|wanted| !names.iter().any(|name| name == *wanted))
    {
        Some(missing) => bail!("no {missing} field"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Return-Path: <a@b.test>\r\nReceived: from c.test\r\n\tby d.test; now\r\n";

    #[test]
    fn dots_are_doubled_on_the_wire() {
        assert_eq!(on_the_wire(b"a.\r\n.\r\n.b\r\n"), b"a.\r\n..\r\n..b\r\n.");
    }

    #[track_caller]
    fn check(fetched: &[String], wrong: Option<&str>) {
        let sent = BTreeMap::from([("one".to_owned(), compose("one", b"body\r\n"))]);
        let fetched: Vec<Vec<u8>> = fetched
            .iter()
            .map(|text| text.clone().into_bytes())
            .collect();
        let result = compare(&sent, &fetched).map_err(|error| format!("{error:#}"));
        match wrong {
            None => assert_eq!(result, Ok(())),
            Some(words) => assert!(
                result.as_ref().is_err_and(|error| error.contains(words)),
                "{result:?}"
            ),
        }
    }

    #[test]
    fn tells_what_was_sent_from_what_was_not() {
        let one = String::from_utf8(compose("one", b"body\r\n")).unwrap();
        let whole = format!("{HEAD}{one}");
        check(std::slice::from_ref(&whole), None);
        check(&[], Some("one is missing"));
        check(&[whole.clone(), whole.clone()], Some("twice"));
        check(&[whole.replace("body", "bodY")], Some("not what was sent"));
        check(
            &[whole.replace("X-Interop: one", "X-Interop: two")],
            Some("never sent"),
        );
        check(&[format!("X-Added: yes\r\n{whole}")], Some("x-added"));
        check(&[one], Some("no return-path"));
    }
}
