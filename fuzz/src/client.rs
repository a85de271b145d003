//! SMTP client sessions: servers made of choices, and servers that send any octets.
//!
//! What must hold is what `smtp_client::Session` says of itself: the same conversation however the octets are cut, every
//! recipient settled once, no bare CR or LF sent, nothing behind the end, nothing counted as taken that was not, and never
//! more memory than a bound.

use address::{Envelope, Recipient};
use auth::{Credentials, Mechanism};
use smtp_client::{Config, Connection, Input, Login, Secured, Transaction};
use wire::TlsFacts;

use crate::memory;
use crate::pieces::Pieces;
use crate::rig_sources::peer::converse;
use crate::rig_sources::play::{Pace, Play, Rest};

/// Ends a group of octets that arrive together; what the session then waits for comes before the next.
const PAUSE: u8 = 0xff;
/// What is sent.
const BODY: &[u8] = b".a\r\n\n.\r";
/// Most memory a session may hold: the reply that comes in, what was read of it, what is to be sent.
const MEMORY: usize = 128 * 1024;

/// One octet chooses what kind of server it is, the rest are its choices, or its octets.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let choice = pieces.octet();
    let script = pieces.rest();
    if choice & 1 == 0 {
        let whole = converse(script, Pace::Whole);
        assert_eq!(converse(script, Pace::Octets), whole, "octet by octet");
        return;
    }
    let whole = hear(choice, script, Pace::Whole);
    assert_eq!(hear(choice, script, Pace::Octets), whole, "octet by octet");
}

/// What a server hears that says this, and how it ends.
fn hear(choice: u8, script: &[u8], pace: Pace) -> (String, Vec<String>, String) {
    let connection = Connection {
        secured: (choice & 2 == 2).then(secured),
        nonce: "fixed".to_owned(),
    };
    let mut play = Play::new(config(choice), connection, pace);
    for burst in script.split(|octet| *octet == PAUSE) {
        play.peer(burst);
        match &play.rest {
            Rest::Ready(_) => play.message(message(), BODY),
            Rest::Handshake(_) => play.secured(secured()),
            Rest::Wait(_) => {}
            Rest::Reversed | Rest::Closed => break,
            Rest::Body(_) | Rest::Derive(_) => panic!("{:?}", play.rest),
        }
    }
    let reversed = matches!(play.rest, Rest::Reversed);
    if play.ending.is_none() {
        play.give(Input::Closed);
    }
    let ending = play.ending.as_ref().map(ToString::to_string);
    let Play {
        session,
        sent,
        verdicts,
        ..
    } = play;
    let held = memory::held_by(session);
    assert!(held <= MEMORY, "{held} octets held");
    let ending = if reversed {
        "reversed".to_owned()
    } else {
        ending.expect("an end")
    };
    assert!(!ending.contains(char::is_control), "{ending:?}");
    (sent.escape_ascii().to_string(), verdicts, ending)
}

fn config(choice: u8) -> Config {
    let mut config = Config::new("client.example".parse().expect("a host"));
    config.piece = 3;
    config.fetch = (choice & 128 == 128).then(Vec::new);
    if choice & 4 == 4 {
        // Keys would take all the time.
        let cheap = |mechanism: &Mechanism| !mechanism.name().starts_with("SCRAM");
        config.login = Some(Login {
            credentials: Credentials::new("tim", "tanstaaf".into()),
            mechanisms: Mechanism::ALL.into_iter().filter(cheap).collect(),
        });
    }
    config
}

fn secured() -> Secured {
    Secured {
        facts: TlsFacts {
            version: "TLS1.3",
            cipher: String::new(),
            binding: None,
        },
        authenticated: true,
    }
}

fn message() -> Transaction {
    let recipients = ["<c@d>", "<j\u{f6}rg@e>", "<f@d>"];
    Transaction {
        envelope: Envelope {
            reverse_path: "<a@b>".parse().expect("a path"),
            recipients: recipients
                .into_iter()
                .map(|path| Recipient {
                    path: path.parse().expect("a path"),
                    notify: None,
                    orcpt: None,
                })
                .collect(),
            ..Envelope::default()
        },
        size: BODY.len() as u64,
        submitter: None,
    }
}
