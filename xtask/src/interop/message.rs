//! The messages that are sent, and whether what was fetched is what was sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::client::Keeps;

/// Fields the server puts before a message; nothing else may be there.
const TRACE: [&str; 2] = ["return-path", "received"];

/// Kinds that somebody could have typed.
const TYPED: [&str; 3] = ["text", "dots", "large"];

/// A message as a client was told to send it.
pub struct Sent {
    /// All of it.
    pub octets: Vec<u8>,
    /// What of it must arrive.
    pub keeps: Keeps,
}

/// The kinds of bodies for clients that leave so much of a message alone.
pub fn bodies_for(keeps: Keeps) -> Vec<(&'static str, Vec<u8>)> {
    let mut bodies = bodies().to_vec();
    match keeps {
        Keeps::Message => {}
        Keeps::Body => bodies.retain(|(kind, _)| TYPED.contains(kind)),
    }
    bodies
}

/// Kinds of bodies, each with something that a mail system likes to break. All lines end with CRLF.
fn bodies() -> [(&'static str, Vec<u8>); 6] {
    let text = "Hello Élise,\r\n\r\n手紙 is a letter.\r\n"
        .as_bytes()
        .to_vec();
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

/// A whole message with the header field that tells it from the others. The domain is short, so that no field is longer
/// than 78 characters: getmail folds those of eight-bit messages.
pub fn compose(id: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "From: Interop <carol@elsewhere.test>\r\nTo: <bob@example.test>\r\nSubject: interop\r\n\
         Date: Sat, 01 Aug 2026 12:00:00 +0000\r\nMessage-ID: <{id}@i.test>\r\nX-Interop: {id}\r\n\
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

/// A composed message in its parts, for clients that want them so.
pub struct Letter {
    /// Its X-Interop field.
    pub id: String,
    /// Its From field.
    pub from: String,
    text: Vec<u8>,
    body: usize,
}

impl Letter {
    /// The message in a file.
    ///
    /// # Errors
    /// When it cannot be read, or was not composed here.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file)?;
        Ok(Self {
            id: field(&text, "X-Interop")?,
            from: field(&text, "From")?,
            body: body(&text)?,
            text,
        })
    }

    /// The whole message, with line ends as Unix has them.
    pub fn with_lf(&self) -> Vec<u8> {
        without_cr(&self.text)
    }

    /// Its body, with line ends as Unix has them.
    pub fn body_with_lf(&self) -> Vec<u8> {
        without_cr(&self.text[self.body..])
    }
}

/// No message here has a CR that is not of a line end.
fn without_cr(text: &[u8]) -> Vec<u8> {
    let octets = text.iter().copied();
    octets.filter(|octet| *octet != b'\r').collect()
}

/// Where the body begins.
fn body(message: &[u8]) -> Result<usize> {
    let blank = message.windows(4).position(|four| four == b"\r\n\r\n");
    Ok(blank.context("a message without a blank line")? + 4)
}

/// Every message sent is there once and unchanged, and nothing else is.
///
/// # Errors
/// When that is not so; names the message.
pub fn compare(sent: &BTreeMap<String, Sent>, fetched: &[Vec<u8>]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for message in fetched {
        let id = field(message, "X-Interop")?;
        let original = sent
            .get(&id)
            .ok_or_else(|| anyhow!("{id} was never sent"))?;
        match original.keeps {
            Keeps::Message => same(message, &original.octets),
            Keeps::Body => same_body(message, &original.octets),
        }
        .with_context(|| id.clone())?;
        if seen.insert(id.clone(), ()).is_some() {
            bail!("{id} is there twice");
        }
    }
    match sent.keys().find(|id| !seen.contains_key(*id)) {
        Some(id) => bail!("{id} is missing"),
        None => Ok(()),
    }
}

/// The message is behind its trace fields what was sent.
fn same(message: &[u8], original: &[u8]) -> Result<()> {
    let trace = message
        .strip_suffix(original)
        .ok_or_else(|| different(message, original))?;
    only_trace_fields(trace)
}

/// The body is what was given to the client; the trace fields stand before those the client wrote.
fn same_body(message: &[u8], original: &[u8]) -> Result<()> {
    let (head, text) = message.split_at(body(message)?);
    let wanted = &original[body(original)?..];
    ensure!(text == wanted, different(text, wanted));
    ensure!(
        field(message, "Subject")? == field(original, "Subject")?,
        "the subject is another"
    );
    let client = head
        .split_inclusive(|octet| *octet == b'\n')
        .scan(0, |at, line| {
            let begin = *at;
            *at += line.len();
            Some((begin, line))
        })
        .find(|(_, line)| !is_of_trace(line));
    let (begin, _) = client.context("no field but trace fields")?;
    only_trace_fields(&head[..begin])
}

/// Whether a line begins one of the trace fields or goes on with it.
fn is_of_trace(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line).to_ascii_lowercase();
    line.starts_with([' ', '\t']) || TRACE.iter().any(|name| line.starts_with(name))
}

fn different(fetched: &[u8], sent: &[u8]) -> anyhow::Error {
    anyhow!(
        "not what was sent: {} octets fetched, {} sent",
        fetched.len(),
        sent.len()
    )
}

/// A field of the header.
fn field(message: &[u8], name: &str) -> Result<String> {
    let header = String::from_utf8_lossy(&message[..message.len().min(8192)]).into_owned();
    header
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .map(|value| value.trim_end().to_owned())
        .ok_or_else(|| {
            anyhow!(
                "a message without {name}:\n{}",
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
        check_kept(Keeps::Message, fetched, wrong);
    }

    #[track_caller]
    fn check_kept(keeps: Keeps, fetched: &[String], wrong: Option<&str>) {
        let octets = compose("one", b"body\r\n");
        let sent = BTreeMap::from([("one".to_owned(), Sent { octets, keeps })]);
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

    #[test]
    fn of_clients_that_write_the_header_the_body_must_be_what_was_sent() {
        let one = String::from_utf8(compose("one", b"body\r\n")).unwrap();
        let whole = format!(
            "{HEAD}{}",
            one.replace("Date: Sat", "User-Agent: one\r\nDate: Sun")
        );
        let check = |text: String, wrong| check_kept(Keeps::Body, &[text], wrong);
        check(whole.clone(), None);
        check(whole.replace("body", "bodY"), Some("not what was sent"));
        check(format!("{whole}\r\n"), Some("not what was sent"));
        check(
            whole.replace("Subject: interop", "Subject: spam"),
            Some("subject"),
        );
        check(whole.replace(HEAD, ""), Some("no return-path"));
        check(format!("X-Added: yes\r\n{whole}"), Some("no return-path"));
    }

    #[test]
    fn a_letter_comes_apart() {
        let file = std::env::temp_dir().join(format!("xtask-letter-{}", std::process::id()));
        fs::write(&file, compose("one", b"a\r\n.\r\n")).unwrap();
        let letter = Letter::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(letter.id, "one");
        assert_eq!(letter.from, "Interop <carol@elsewhere.test>");
        assert_eq!(letter.body_with_lf(), b"a\n.\n");
        assert!(letter.with_lf().ends_with(b"8bit\n\na\n.\n"));
    }
}
