//! A server made of choices: mostly it answers as servers do, sometimes it does not. Whatever it does, the conversation must
//! be the same however its octets are cut, and nothing counts as taken that it did not take.

use address::{Envelope, Recipient};
use auth::{Credentials, Mechanism};
use smtp_client::{Config, Connection, Input, Login, Secured, TlsUse, Transaction};
use wire::{ChannelBinding, TlsFacts};

use super::play::{Pace, Play, Rest};

/// Most things that happen in one conversation.
const STEPS: usize = 200;

/// What a server may offer.
const OFFERS: [&str; 16] = [
    "PIPELINING",
    "CHUNKING",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "SIZE 100",
    "STARTTLS",
    "AUTH PLAIN LOGIN CRAM-MD5",
    "LIMITS RCPTMAX=1",
    "LIMITS MAILMAX=2 RCPTDOMAINMAX=1",
    "REQUIRETLS",
    "DELIVERBY 60",
    "AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
    "SIZE",
    "ATRN",
    "\u{1}PIPELINING",
];

/// What a server may say that has nothing to do with the question.
const ODDITIES: [&[u8]; 20] = [
    b"421 4.3.2 closing\r\n",
    b"450 4.2.1 not now\r\n",
    b"452 4.5.3 too many\r\n",
    b"552 too many\r\n",
    b"550-5.1.1 never\r\n550 5.1.1 at all\r\n",
    b"250 fine\r\n",
    b"354 more\r\n",
    b"334 \r\n",
    b"334 cj14LHM9eCxpPTE=\r\n",
    b"535 5.7.8 wrong\r\n",
    b"504 what\r\n",
    b"220 x\r\n",
    b"250-x\r\n250-y\r\n",
    b"250-x\r\n550 y\r\n",
    b"250 x\n",
    b"150 x\r\n",
    b"550\r\n",
    b"550 \0\x1b[2J\xff\r\n",
    b"HTTP/1.1 400 Bad Request\r\n",
    b"25",
];

/// All that can be told apart from outside.
#[derive(Debug, PartialEq, Eq)]
pub struct Transcript {
    pub said: String,
    pub verdicts: Vec<String>,
    pub ending: Option<String>,
}

/// Choices, one octet each; zeros when there are no more.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// Usually not.
    fn rarely(&mut self) -> bool {
        self.next() >= 224
    }
}

/// The server.
struct Peer {
    /// What it got and has not read yet.
    unread: Vec<u8>,
    /// A message behind DATA is coming in.
    in_message: bool,
    /// Octets of a chunk that are to come; and whether it is the last.
    chunk: Option<(usize, bool)>,
    /// Complete messages that it said yes to.
    took: usize,
    /// It answered more often than it was asked, so nobody knows what was meant.
    confused: bool,
}

/// Holds a conversation made of choices.
pub fn converse(choices: &[u8], pace: Pace) -> Transcript {
    let mut choices = Choices(choices.iter());
    let config = config(&mut choices);
    let connection = Connection {
        secured: choices.rarely().then(|| secured(true)),
        nonce: "fixed".to_owned(),
    };
    let mut play = Play::new(config, connection, pace);
    let mut peer = Peer {
        unread: Vec::new(),
        in_message: false,
        chunk: None,
        took: 0,
        confused: false,
    };
    let (mut said, mut verdicts) = (String::new(), Vec::new());
    let mut taken = 0;
    let greeting = peer.mostly(b"220 mx.example\r\n", &mut choices);
    play.peer(&greeting);
    for _ in 0..STEPS {
        let sent = std::mem::take(&mut play.sent);
        said.push_str(&sent.escape_ascii().to_string());
        let told = std::mem::take(&mut play.verdicts);
        if told.iter().any(|verdict| verdict.contains(" accepted ")) {
            taken += 1;
        }
        assert!(
            peer.confused || taken <= peer.took,
            "what was not taken was taken: {told:?}"
        );
        verdicts.extend(told);
        if play.ending.is_some() || matches!(play.rest, Rest::Reversed) {
            break;
        }
        peer.unread.extend(sent);
        let answers = peer.answers(&mut choices);
        if answers.is_empty() {
            something(&mut play, &mut peer, &mut choices);
        } else {
            play.peer(&answers);
        }
    }
    let ending = match &play.rest {
        Rest::Reversed => Some("reversed".to_owned()),
        Rest::Wait(_)
        | Rest::Ready(_)
        | Rest::Body(_)
        | Rest::Handshake(_)
        | Rest::Derive(_)
        | Rest::Closed => play.ending.as_ref().map(ToString::to_string),
    };
    Transcript {
        said,
        verdicts,
        ending,
    }
}

/// What happens when the server has nothing to answer.
fn something(play: &mut Play, peer: &mut Peer, choices: &mut Choices<'_>) {
    let odd = choices.rarely();
    match &play.rest {
        Rest::Handshake(_) if odd => play.give(Input::TlsFailed),
        Rest::Handshake(_) => {
            peer.unread.clear();
            play.secured(secured(choices.next() & 1 == 1));
        }
        Rest::Ready(_) if !odd => {
            let (transaction, body) = message(choices);
            play.message(transaction, &body);
        }
        Rest::Ready(_) | Rest::Wait(_) => match choices.next() % 4 {
            0 => play.give(Input::Quit),
            1 => play.give(Input::Closed),
            2 => {
                peer.confused = true;
                let odd = ODDITIES[usize::from(choices.next()) % ODDITIES.len()];
                play.peer(odd);
            }
            _ => play.deadline(),
        },
        Rest::Body(_) | Rest::Derive(_) | Rest::Reversed | Rest::Closed => {
            panic!("{:?}", play.rest)
        }
    }
}

impl Peer {
    /// Answers to every command that is complete.
    fn answers(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        let mut answers = Vec::new();
        loop {
            if let Some((octets, last)) = self.chunk {
                if self.unread.len() < octets {
                    return answers;
                }
                self.unread.drain(..octets);
                self.chunk = None;
                answers.extend(self.end_of_message(last, choices));
                continue;
            }
            let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") else {
                return answers;
            };
            let line: Vec<u8> = self.unread.drain(..end + 2).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            if self.in_message {
                if line == "." {
                    self.in_message = false;
                    answers.extend(self.end_of_message(true, choices));
                }
                continue;
            }
            answers.extend(self.answer(&line, choices));
        }
    }

    fn answer(&mut self, line: &str, choices: &mut Choices<'_>) -> Vec<u8> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let usual = match verb {
            "EHLO" => offer(choices),
            "STARTTLS" => b"220 go\r\n".to_vec(),
            "AUTH" => challenge(rest),
            "MAIL" | "RCPT" | "RSET" | "HELO" | "ATRN" => b"250 2.0.0 ok\r\n".to_vec(),
            "DATA" => b"354 go\r\n".to_vec(),
            "QUIT" => b"221 bye\r\n".to_vec(),
            "*" => b"501 cancelled\r\n".to_vec(),
            "BDAT" => {
                let (octets, last) = rest.split_once(' ').unwrap_or((rest, ""));
                self.chunk = Some((octets.parse().unwrap(), last == "LAST"));
                return Vec::new();
            }
            // Somewhere in a login.
            _ => b"235 welcome\r\n".to_vec(),
        };
        let answer = self.mostly(&usual, choices);
        self.in_message = verb == "DATA" && answer.starts_with(b"3");
        answer
    }

    fn end_of_message(&mut self, last: bool, choices: &mut Choices<'_>) -> Vec<u8> {
        let answer = self.mostly(b"250 2.0.0 taken\r\n", choices);
        if last && answer.starts_with(b"2") {
            self.took += 1;
        }
        answer
    }

    /// The usual answer, or another.
    fn mostly(&mut self, usual: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
        if !choices.rarely() {
            return usual.to_vec();
        }
        let odd = ODDITIES[usize::from(choices.next()) % ODDITIES.len()];
        match choices.next() % 4 {
            0 => {
                self.confused = true;
                [usual, odd].concat()
            }
            1 => {
                self.confused = true;
                [odd, usual].concat()
            }
            _ => odd.to_vec(),
        }
    }
}

fn config(choices: &mut Choices<'_>) -> Config {
    let mut config = Config::new("client.example".parse().unwrap());
    let choice = choices.next();
    config.tls = [TlsUse::Opportunistic, TlsUse::Required, TlsUse::Never][usize::from(choice % 3)];
    config.just_send_8 = choice & 64 == 64;
    config.fetch = (choice & 48 == 48).then(Vec::new);
    let choice = choices.next();
    config.piece = 1 + usize::from(choice & 15);
    config.max_recipients = 1 + usize::from(choice >> 4 & 3);
    config.max_transactions = 1 + u32::from(choice >> 6);
    if choices.rarely() {
        let credentials = Credentials::new("tim", "tanstaaf".into());
        let mut login = Login::new(credentials);
        // Keys take time; that they fit is shown elsewhere.
        let cheap = |mechanism: &Mechanism| !mechanism.name().starts_with("SCRAM");
        if choices.next() != 255 {
            login.mechanisms = Mechanism::ALL.into_iter().filter(cheap).collect();
        }
        config.login = Some(login);
    }
    config
}

fn offer(choices: &mut Choices<'_>) -> Vec<u8> {
    let bits = u16::from_le_bytes([choices.next(), choices.next()]);
    let mut reply = b"250-mx.example\r\n".to_vec();
    for (bit, keyword) in OFFERS.iter().enumerate() {
        if bits >> bit & 1 == 1 {
            reply.extend(format!("250-{keyword}\r\n").bytes());
        }
    }
    reply.extend(b"250 HELP\r\n");
    reply
}

fn challenge(auth: &str) -> Vec<u8> {
    let (mechanism, initial) = auth.split_once(' ').unwrap_or((auth, ""));
    if !mechanism.starts_with("SCRAM") {
        let plain = mechanism == "PLAIN" && !initial.is_empty();
        let answer: &[u8] = if plain {
            b"235 welcome\r\n"
        } else {
            b"334 PHg+\r\n"
        };
        return answer.to_vec();
    }
    let first = auth::decode_base64(initial).unwrap_or_default();
    let first = String::from_utf8_lossy(&first).into_owned();
    let nonce = first.rsplit_once("r=").map_or("", |(_, nonce)| nonce);
    let challenge = auth::encode_base64(format!("r={nonce}x,s=c2FsdA==,i=4096"));
    format!("334 {challenge}\r\n").into_bytes()
}

fn message(choices: &mut Choices<'_>) -> (Transaction, Vec<u8>) {
    let body = match choices.next() % 6 {
        0 => b"x\r\n".to_vec(),
        1 => b"Subject: x\r\n\r\n.\r\n..\r\nno end".to_vec(),
        2 => b"\r.\r\n.\n\r\n\r.\r".to_vec(),
        3 => Vec::new(),
        4 => vec![b'x'; 101],
        _ => b"\r\n".repeat(20),
    };
    let wishes = choices.next();
    let names = ["c@d", "e@f", "j\u{f6}rg@d", "g@d", "h@i"];
    let recipients = names.iter().cycle().skip(usize::from(wishes >> 5));
    let envelope = Envelope {
        reverse_path: "<a@b>".parse().unwrap(),
        body8bit: wishes & 1 == 1,
        requiretls: wishes & 14 == 14,
        deliver_by: (wishes & 28 == 28).then(|| "60;R".parse().unwrap()),
        recipients: recipients
            .take(1 + usize::from(choices.next() % 5))
            .map(|name| Recipient {
                path: format!("<{name}>").parse().unwrap(),
                notify: None,
                orcpt: None,
            })
            .collect(),
        ..Envelope::default()
    };
    let transaction = Transaction {
        envelope,
        size: body.len() as u64,
        submitter: None,
    };
    (transaction, body)
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
