//! Dialogues: what other servers say, what we answer, and what becomes of the recipients. One small file per behaviour in
//! `tests/dialogues`, each played with the peer's octets in one piece and octet by octet.
//!
//! ```text
//! given: FACT               before anything happens; the facts are in `Script::given`
//! message: WORDS            hands over a message; from=<..> to=<..>,<..> body="..", and what it needs
//! S: TEXT                   the peer sends a line; consecutive lines arrive together
//! s: TEXT                   the same without CRLF
//! C: TEXT                   the next line that was sent; `c:` the next octets
//! V: TEXT                   the next verdict
//! E: TEXT                   the connection ended, and why
//! ready | waiting | reversed what the session waits for, with nothing sent that was not looked at
//! within: SECONDS           how long the session waits for that at most
//! tls | tls verified | tls failed | quit | deadline | closed | body | body failed
//! ```
//! In texts `\r`, `\n`, `\0`, `\xNN`, `\\` and `\{N}X` (N times X) mean what they say.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

#[path = "rig/play.rs"]
mod play;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use address::{Envelope, Recipient};
use auth::{Credentials, Mechanism};
use play::{Pace, Play, Rest};
use smtp_client::{Config, Connection, Input, Login, Secured, TlsUse, Transaction};
use wire::{ChannelBinding, TlsFacts};

#[test]
fn dialogues_go_as_they_are_written() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let (mut played, mut failed) = (0, Vec::new());
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for pace in [Pace::Whole, Pace::Octets] {
            // One run tells of all that fail.
            let result = catch_unwind(|| Script::new(&name, pace).run(&text));
            failed.extend(result.is_err().then(|| format!("{name} ({pace:?})")));
        }
        played += 1;
    }
    assert_eq!(failed, [""; 0]);
    assert!(played > 40, "only {played} dialogues found");
}

/// One dialogue under way.
struct Script<'a> {
    name: &'a str,
    pace: Pace,
    config: Config,
    connection: Connection,
    bodies_by_hand: bool,
    play: Option<Play>,
    /// What the peer is about to send.
    burst: Vec<u8>,
}

impl<'a> Script<'a> {
    fn new(name: &'a str, pace: Pace) -> Self {
        Self {
            name,
            pace,
            config: Config::new("client.example".parse().unwrap()),
            connection: Connection {
                secured: None,
                nonce: "fixed".to_owned(),
            },
            bodies_by_hand: false,
            play: None,
            burst: Vec::new(),
        }
    }

    fn run(mut self, text: &str) {
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("{}:{number} ({:?}): {line}", self.name, self.pace);
            let (word, rest) = line.split_once(": ").unwrap_or((line, ""));
            match word {
                "given" => self.given(rest, &place),
                "S" => self
                    .burst
                    .extend([unescaped(rest), b"\r\n".to_vec()].concat()),
                "S:" => self.burst.extend(b"\r\n"),
                "s" => self.burst.extend(unescaped(rest)),
                _ => {
                    self.flush();
                    self.step(word, rest, &place);
                }
            }
        }
        self.flush();
        let name = self.name;
        let play = self.play();
        assert_eq!(
            play.sent.escape_ascii().to_string(),
            "",
            "{name}: more was sent"
        );
        assert_eq!(play.verdicts, [""; 0], "{name}: more was told");
    }

    fn play(&mut self) -> &mut Play {
        self.play.get_or_insert_with(|| {
            let (config, connection) = (self.config.clone(), self.connection.clone());
            let mut play = Play::new(config, connection, self.pace);
            play.gives_bodies = !self.bodies_by_hand;
            play
        })
    }

    fn flush(&mut self) {
        let burst = std::mem::take(&mut self.burst);
        if !burst.is_empty() {
            self.play().peer(&burst);
        }
    }

    fn step(&mut self, word: &str, rest: &str, place: &str) {
        let pace = self.pace;
        let play = self.play();
        match word {
            "C" | "C:" | "c" => {
                let mut expected = unescaped(rest);
                if word != "c" {
                    expected.extend(b"\r\n");
                }
                let found = expected.len().min(play.sent.len());
                assert_eq!(
                    play.sent[..found].escape_ascii().to_string(),
                    expected.escape_ascii().to_string(),
                    "{place}\nall that was sent: {}\n{:?}",
                    play.sent.escape_ascii(),
                    play.ending
                );
                play.sent.drain(..found);
            }
            "V" => {
                assert!(!play.verdicts.is_empty(), "{place}: nothing was told");
                assert_eq!(play.verdicts.remove(0), rest, "{place}");
            }
            "E" => {
                let ending = play.ending.as_ref().map(ToString::to_string);
                assert_eq!(ending.as_deref(), Some(rest), "{place}");
            }
            "ready" | "waiting" | "reversed" => {
                let as_written = match word {
                    "ready" => matches!(play.rest, Rest::Ready(_)),
                    "reversed" => matches!(play.rest, Rest::Reversed),
                    _ => matches!(play.rest, Rest::Wait(_)),
                };
                assert!(as_written, "{place}: {:?}", play.rest);
                assert_eq!(
                    play.sent.escape_ascii().to_string(),
                    "",
                    "{place}: was sent"
                );
            }
            "within" => {
                let until = play.until().expect("something with an end is waited for");
                assert_eq!((until - play.now).as_secs().to_string(), rest, "{place}");
            }
            "message" => {
                let (transaction, body) = message(rest);
                play.message(transaction, &body);
            }
            "tls" => play.secured(secured(false)),
            "tls verified" => play.secured(secured(true)),
            "tls failed" => play.give(Input::TlsFailed),
            "quit" => play.give(Input::Quit),
            "closed" => play.give(Input::Closed),
            "deadline" => play.deadline(),
            "body" => play.piece(),
            "body failed" => play.give(Input::BodyFailed),
            other => panic!("{place}: {other:?} is no step ({pace:?})"),
        }
    }

    fn given(&mut self, fact: &str, place: &str) {
        assert!(self.play.is_none(), "{place}: too late");
        let words: Vec<&str> = fact.split(' ').collect();
        match words[..] {
            ["tls", "required"] => self.config.tls = TlsUse::Required,
            ["tls", "never"] => self.config.tls = TlsUse::Never,
            ["secured"] => self.connection.secured = Some(secured(false)),
            ["secured", "verified"] => self.connection.secured = Some(secured(true)),
            ["login", name, password] => {
                let credentials = Credentials::new(name, password.into());
                self.config.login = Some(Login::new(credentials));
            }
            ["mechanisms", ref names @ ..] => {
                let login = self.config.login.as_mut().expect("a login first");
                let parsed = names.iter().map(|name| Mechanism::parse(name).unwrap());
                login.mechanisms = parsed.collect();
            }
            ["nonce", nonce] => self.connection.nonce = nonce.to_owned(),
            ["name", name] => self.config.hostname = name.parse().unwrap(),
            ["recipients", most] => self.config.max_recipients = most.parse().unwrap(),
            ["transactions", most] => self.config.max_transactions = most.parse().unwrap(),
            ["piece", most] => self.config.piece = most.parse().unwrap(),
            ["fetch"] => self.config.fetch = Some(Vec::new()),
            ["fetch", domains] => {
                let domains = domains.split(',').map(|name| name.parse().unwrap());
                self.config.fetch = Some(domains.collect());
            }
            ["just", "send", "8"] => self.config.just_send_8 = true,
            ["bodies", "by", "hand"] => self.bodies_by_hand = true,
            _ => panic!("{place}: no such fact"),
        }
    }
}

fn secured(authenticated: bool) -> Secured {
    Secured {
        facts: TlsFacts {
            version: "TLS1.3",
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            binding: Some(ChannelBinding([7; 32])),
        },
        authenticated,
    }
}

/// `from=<a@b> to=<c@d>,<e@f> body="text" 8bit utf8 requiretls ret=FULL envid=x by=120;R submitter=a@b notify=NEVER
/// orcpt=rfc822;x`, the last two for every recipient. The body comes last.
fn message(words: &str) -> (Transaction, Vec<u8>) {
    let (words, body) = words.split_once(" body=\"").expect("a body");
    let body = unescaped(body.strip_suffix('"').expect("an end of the body"));
    let mut transaction = Transaction {
        size: body.len() as u64,
        ..Transaction::default()
    };
    let envelope = &mut transaction.envelope;
    for word in words.split(' ') {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "from" => envelope.reverse_path = value.parse().unwrap(),
            "to" => envelope.recipients = value.split(',').map(recipient).collect(),
            "8bit" => envelope.body8bit = true,
            "utf8" => envelope.smtputf8 = true,
            "requiretls" => envelope.requiretls = true,
            "ret" => envelope.ret = Some(address::dsn::Ret::parse(value.as_bytes()).unwrap()),
            "envid" => envelope.envid = Some(value.parse().unwrap()),
            "by" => envelope.deliver_by = Some(value.parse().unwrap()),
            "submitter" => transaction.submitter = Some(value.parse().unwrap()),
            "notify" => each(envelope, |recipient| {
                let notify = address::dsn::Notify::parse(value.as_bytes());
                recipient.notify = Some(notify.unwrap());
            }),
            "orcpt" => each(envelope, |recipient| {
                recipient.orcpt = Some(value.parse().unwrap());
            }),
            other => panic!("{other:?} says nothing about a message"),
        }
    }
    (transaction, body)
}

fn each(envelope: &mut Envelope, change: impl FnMut(&mut Recipient)) {
    envelope.recipients.iter_mut().for_each(change);
}

fn recipient(path: &str) -> Recipient {
    Recipient {
        path: path.parse().unwrap(),
        notify: None,
        orcpt: None,
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        octets.extend(before.bytes());
        let letter = after
            .chars()
            .next()
            .expect("something behind the backslash");
        rest = &after[letter.len_utf8()..];
        match letter {
            'r' => octets.push(b'\r'),
            'n' => octets.push(b'\n'),
            '0' => octets.push(0),
            '\\' => octets.push(b'\\'),
            'x' => {
                octets.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            '{' => {
                let (times, unit) = rest.split_once('}').unwrap();
                let letter = unit.chars().next().unwrap();
                octets.extend(letter.to_string().repeat(times.parse().unwrap()).bytes());
                rest = &unit[letter.len_utf8()..];
            }
            other => panic!("\\{other} means nothing"),
        }
    }
    octets.extend(rest.bytes());
    octets
}
