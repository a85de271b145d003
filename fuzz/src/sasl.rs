//! SASL exchanges: whatever a client says, an exchange ends, ends once, and never with a proof that nobody could make.

use std::sync::LazyLock;

use auth::{Exchange, Mechanism, Proof, ScramHash, ScramKeys, Setting, Step};

use crate::pieces::Pieces;

const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const PASSWORD: &str = "a password that no input knows";

static KEYS: LazyLock<[ScramKeys; 2]> = LazyLock::new(|| {
    [ScramHash::Sha256, ScramHash::Sha1]
        .map(|hash| ScramKeys::derive(hash, &PASSWORD.into(), b"salt", 4096))
});

/// One octet chooses mechanism and channel, the rest is what the client says: one message a line.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let choice = usize::from(pieces.octet());
    let said = pieces.rest();
    base64(said);
    if let Ok(name) = str::from_utf8(said)
        && let Some(mechanism) = Mechanism::parse(name)
    {
        assert!(mechanism.name().eq_ignore_ascii_case(name));
    }

    let mechanism = Mechanism::ALL[choice % Mechanism::ALL.len()];
    let choice = choice / Mechanism::ALL.len();
    let setting = Setting {
        host: "mx.example.test".to_owned(),
        nonce: NONCE.to_owned(),
        binding: (choice & 1 == 1).then_some([7; 32]),
    };
    let mut messages = said.split(|octet| *octet == b'\n');
    let initial = if choice & 2 == 2 {
        messages.next()
    } else {
        None
    };
    let (mut exchange, mut step) = Exchange::start(mechanism, initial, setting);
    loop {
        step = match step {
            Step::Challenge(challenge) => {
                assert!(challenge.len() < 8 * 1024, "an endless challenge");
                match messages.next() {
                    Some(message) => exchange.respond(message),
                    None => return,
                }
            }
            Step::Keys(claim, hash) => {
                readable(&claim.login);
                exchange.keys(KEYS[usize::from(hash == ScramHash::Sha1)].clone())
            }
            Step::Verify(credentials) => {
                readable(&credentials.login);
                credentials
                    .authzid
                    .as_deref()
                    .into_iter()
                    .for_each(readable);
                break;
            }
            Step::Prove(proof) => {
                forged(&proof);
                break;
            }
            Step::Malformed | Step::Refused => break,
        };
    }
    assert_eq!(exchange.respond(b"more"), Step::Malformed, "behind the end");
    assert_eq!(
        exchange.keys(KEYS[0].clone()),
        Step::Malformed,
        "behind the end"
    );
}

fn readable(name: &str) {
    assert!(!name.is_empty(), "a name of nothing");
}

fn forged(proof: &Proof) {
    match proof {
        Proof::Scram(proof) => assert_eq!(proof.server_final(), None, "a forged proof fits"),
        Proof::Digest(proof) => assert!(!proof.fits(&PASSWORD.into()), "a forged digest fits"),
    }
}

/// Strict: there is one way to write each text, and no other reads.
fn base64(text: &[u8]) {
    let encoded = auth::encode_base64(text);
    assert_eq!(auth::decode_base64(&encoded).as_deref(), Ok(text));
    if let Ok(decoded) = auth::decode_base64(text) {
        assert_eq!(auth::encode_base64(decoded).as_bytes(), text);
    }
}
