//! Known exchanges of the RFCs, every mechanism against our own server's side, and servers that lie.

use super::*;
use crate::sasl::{Exchange, Proof, Setting, Step};
use crate::scram::ScramKeys;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

fn setting() -> ClientSetting {
    ClientSetting {
        nonce: NONCE.to_owned(),
        binding: None,
        binding_offered: false,
    }
}

fn start(mechanism: Mechanism, login: &str, password: &str) -> ClientExchange {
    ClientExchange::start(
        mechanism,
        Credentials::new(login, password.into()),
        setting(),
    )
}

#[track_caller]
fn responds(step: ClientStep) -> String {
    match step {
        ClientStep::Respond(octets) => String::from_utf8(octets).unwrap(),
        ClientStep::Derive(_) | ClientStep::Distrust(_) => panic!("{step:?}"),
    }
}

#[track_caller]
fn derive(exchange: &mut ClientExchange, challenge: &[u8]) -> String {
    match exchange.respond(challenge) {
        ClientStep::Derive(derivation) => {
            assert!(!exchange.is_complete());
            responds(exchange.derived(derivation.derive()))
        }
        step @ (ClientStep::Respond(_) | ClientStep::Distrust(_)) => panic!("{step:?}"),
    }
}

#[track_caller]
fn distrusts(step: &ClientStep, expected: Distrust) {
    assert!(
        matches!(step, ClientStep::Distrust(why) if *why == expected),
        "{step:?}"
    );
}

#[test]
fn scram_sha_256_is_that_of_rfc_7677() {
    let mut exchange = start(Mechanism::ScramSha256, "user", "pencil");
    let first = exchange.initial().unwrap();
    assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let last = derive(
        &mut exchange,
        format!("r={NONCE}{SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").as_bytes(),
    );
    assert_eq!(
        last,
        format!("c=biws,r={NONCE}{SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    );
    assert!(!exchange.is_complete(), "the server has shown nothing yet");
    let verifier = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(responds(exchange.respond(verifier)), "");
    assert!(exchange.is_complete());
}

#[test]
fn scram_sha_1_is_that_of_rfc_5802() {
    let mut exchange = ClientExchange::start(
        Mechanism::ScramSha1,
        Credentials::new("user", "pencil".into()),
        ClientSetting {
            nonce: "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
            ..setting()
        },
    );
    assert!(exchange.initial().is_some());
    let last = derive(
        &mut exchange,
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    );
    assert!(last.ends_with(",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="), "{last}");
    assert_eq!(
        responds(exchange.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")),
        ""
    );
}

#[test]
fn cram_md5_is_that_of_rfc_2195() {
    let mut exchange = start(Mechanism::CramMd5, "tim", "tanstaaftanstaaf");
    assert_eq!(exchange.initial(), None);
    let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
    assert_eq!(
        responds(exchange.respond(challenge)),
        "tim b913a602c7eda7a495b4e6e7334d3890"
    );
    assert!(exchange.is_complete());
}

#[test]
fn plain_says_everything_first_or_when_asked() {
    let mut exchange = start(Mechanism::Plain, "tim", "tanstaaf");
    assert!(!exchange.is_complete());
    assert_eq!(exchange.initial().unwrap(), b"\0tim\0tanstaaf");
    assert!(exchange.is_complete());
    let mut asked = start(Mechanism::Plain, "tim", "tanstaaf");
    assert_eq!(responds(asked.respond(b"")), "\0tim\0tanstaaf");
    distrusts(&asked.respond(b""), Distrust::Unreadable);
    // A challenge that PLAIN does not have gets no password.
    let mut odd = start(Mechanism::Plain, "tim", "tanstaaf");
    distrusts(&odd.respond(b"Password:"), Distrust::Unreadable);
}

#[test]
fn login_gives_name_and_password_one_after_the_other() {
    let mut exchange = start(Mechanism::Login, "tim", "tanstaaf");
    assert_eq!(exchange.initial(), None);
    assert_eq!(responds(exchange.respond(b"Username:")), "tim");
    assert!(!exchange.is_complete());
    assert_eq!(responds(exchange.respond(b"Password:")), "tanstaaf");
    assert!(exchange.is_complete());
    distrusts(&exchange.respond(b"Again:"), Distrust::Unreadable);
}

/// What the server says first, and why that is the end.
#[test]
fn a_server_that_makes_no_sense_gets_no_proof() {
    let own = |rest: &str| format!("r={NONCE}{rest}");
    for (message, why) in [
        (String::new(), Distrust::Unreadable),
        (own("x"), Distrust::Unreadable),
        (own("x,s=,i=4096"), Distrust::Unreadable),
        (own("x,s=QSXC!,i=4096"), Distrust::Unreadable),
        (own("x,s=QSXCR+Q6sek8bf92,i="), Distrust::Unreadable),
        (own("x,s=QSXCR+Q6sek8bf92,i=+4096"), Distrust::Unreadable),
        (own(" x,s=QSXCR+Q6sek8bf92,i=4096"), Distrust::Unreadable),
        (
            format!("m=x,{}", own("x,s=QSXC,i=4096")),
            Distrust::Unreadable,
        ),
        (own(",s=QSXCR+Q6sek8bf92,i=4096"), Distrust::Replayed),
        (
            "r=another,s=QSXCR+Q6sek8bf92,i=4096".to_owned(),
            Distrust::Replayed,
        ),
        (own("x,s=QSXCR+Q6sek8bf92,i=4095"), Distrust::Rounds(4095)),
        (
            own("x,s=QSXCR+Q6sek8bf92,i=1000001"),
            Distrust::Rounds(1_000_001),
        ),
        (
            own("x,s=QSXCR+Q6sek8bf92,i=99999999999"),
            Distrust::Rounds(u32::MAX),
        ),
    ] {
        let mut exchange = start(Mechanism::ScramSha256, "user", "pencil");
        assert!(exchange.initial().is_some());
        distrusts(&exchange.respond(message.as_bytes()), why);
        assert!(!exchange.is_complete());
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    for last in [
        "v=AAAA",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
        "e=other-error",
        "",
    ] {
        let mut exchange = start(Mechanism::ScramSha256, "user", "pencil");
        assert!(exchange.initial().is_some());
        let first = format!("r={NONCE}{SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        derive(&mut exchange, first.as_bytes());
        distrusts(&exchange.respond(last.as_bytes()), Distrust::Unproven);
        assert!(!exchange.is_complete());
    }
}

/// Both sides of this crate, whatever the name, the password and the binding.
#[test]
fn our_own_server_is_convinced() {
    let names = ["user", "a=b,c", "jörg@example.test"];
    let passwords = ["pencil", "caf\u{e9} \u{2168}"];
    for mechanism in [
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
    ] {
        for (name, password) in names.into_iter().zip(passwords.into_iter().cycle()) {
            for offered in [false, true] {
                if mechanism.binds_channel() && !offered {
                    continue;
                }
                convince(mechanism, name, password, offered);
            }
        }
    }
}

fn convince(mechanism: Mechanism, name: &str, password: &str, offered: bool) {
    let mut client = ClientExchange::start(
        mechanism,
        Credentials::new(name, password.into()),
        ClientSetting {
            binding: Some([7; 32]),
            binding_offered: offered,
            ..setting()
        },
    );
    let (mut server, step) = Exchange::start(
        mechanism,
        Some(&client.initial().unwrap()),
        Setting {
            host: "mx.example.test".to_owned(),
            nonce: SERVER_NONCE.to_owned(),
            binding: offered.then_some([7; 32]),
        },
    );
    let Step::Keys(claim, hash) = step else {
        panic!("{mechanism:?} {name}: {step:?}");
    };
    assert_eq!(claim.login, name);
    let keys = ScramKeys::derive(hash, &password.into(), b"salt", 4096);
    let Step::Challenge(challenge) = server.keys(keys) else {
        panic!("no challenge");
    };
    let last = derive(&mut client, &challenge);
    let Step::Prove(Proof::Scram(proof)) = server.respond(last.as_bytes()) else {
        panic!("no proof");
    };
    assert_eq!(responds(client.respond(&proof.server_final().unwrap())), "");
    assert!(client.is_complete());
}

#[test]
fn debug_shows_no_password() {
    for mechanism in Mechanism::ALL {
        let mut exchange = start(mechanism, "tim", "tanstaaf");
        let mut shown = format!("{exchange:?}");
        let said = exchange.initial();
        let step = exchange.respond(b"");
        shown.push_str(&format!("{exchange:?}{step:?}"));
        // Neither as text nor as octets.
        assert!(!shown.contains("tanstaaf"), "{shown}");
        assert!(!shown.contains("116, 97, 110"), "{shown} {said:?}");
    }
}
