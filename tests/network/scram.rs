//! SCRAM-SHA-256 from the client's side (RFC 5802 section 3, RFC 7677), as small as it can be, over either protocol.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::client::{Client, base64};

/// How challenges look, and what success begins with.
pub struct Protocol {
    pub challenge: &'static str,
    pub success: &'static str,
}

pub const SMTP: Protocol = Protocol {
    challenge: "334 ",
    success: "235 2.7.0",
};
pub const POP3: Protocol = Protocol {
    challenge: "+ ",
    success: "+OK",
};

/// Logs in. `header` is the GS2 header, `binding` what follows it in `c=`. Whatever the server answers to the proof
/// must begin with `outcome`, which is the protocol's success or a refusal.
#[track_caller]
pub fn log_in(
    client: &mut Client,
    protocol: &Protocol,
    (mechanism, header, binding): (&str, &str, &[u8]),
    (login, password): (&str, &str),
    outcome: &str,
) {
    let bare = format!("n={login},r=rOprNGfwEbeRWgbNEkqO");
    let first = base64(format!("{header}{bare}").as_bytes());
    let reply = client.command(&format!("AUTH {mechanism} {first}"), protocol.challenge);
    let server_first = decoded(&reply, protocol);
    let mut parts = server_first.split(',');
    let mut part = |name| {
        let part = parts.next().and_then(|part| part.strip_prefix(name));
        part.expect("nonce, salt and count, in this order")
            .to_owned()
    };
    let (nonce, salt, rounds) = (part("r="), part("s="), part("i="));
    assert!(
        nonce.starts_with("rOprNGfwEbeRWgbNEkqO") && nonce.len() > 40,
        "{nonce}"
    );
    let salt = auth::decode_base64(salt).expect("base64");
    let rounds: u32 = rounds.parse().expect("a count");
    let salted = salted(password.as_bytes(), &salt, rounds);

    let bound = [header.as_bytes(), binding].concat();
    let without_proof = format!("c={},r={nonce}", base64(&bound));
    let message = format!("{bare},{server_first},{without_proof}");
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(client_key), message.as_bytes());
    let proof: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(key, octet)| key ^ octet)
        .collect();
    let last = base64(format!("{without_proof},p={}", base64(&proof)).as_bytes());
    if outcome != protocol.success {
        client.command(&last, outcome);
        return;
    }
    let verifier = hmac(&hmac(&salted, b"Server Key"), message.as_bytes());
    let reply = client.command(&last, protocol.challenge);
    assert_eq!(
        decoded(&reply, protocol),
        format!("v={}", base64(&verifier)),
        "the server's proof"
    );
    client.command("", protocol.success);
}

fn decoded(reply: &str, protocol: &Protocol) -> String {
    let text = reply
        .trim_end()
        .strip_prefix(protocol.challenge)
        .expect("a challenge");
    String::from_utf8(auth::decode_base64(text).expect("base64")).expect("text")
}

fn hmac(key: &[u8], octets: &[u8]) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    keyed.chain_update(octets).finalize().into_bytes().into()
}

/// RFC 5802 section 2.2: Hi().
fn salted(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(password).expect("any length");
    let first = keyed
        .clone()
        .chain_update(salt)
        .chain_update(1_u32.to_be_bytes());
    let mut round: [u8; 32] = first.finalize().into_bytes().into();
    let mut sum = round;
    for _ in 1..rounds {
        round = keyed
            .clone()
            .chain_update(round)
            .finalize()
            .into_bytes()
            .into();
        sum.iter_mut()
            .zip(round)
            .for_each(|(sum, octet)| *sum ^= octet);
    }
    sum
}
