//! Servers made of choices, and of any octets: the same conversation however the octets are cut (the session contract), each
//! recipient settled once, nothing taken for sent that was not.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

#[path = "rig/peer.rs"]
mod peer;
#[path = "rig/play.rs"]
#[allow(dead_code, reason = "the dialogues use the rest")]
mod play;

use peer::converse;
use play::{Pace, Play};
use proptest::collection::vec;
use proptest::prelude::*;
use smtp_client::{Config, Connection, Input};

/// Choices that are mostly ordinary, so that conversations get far.
fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![9 => 0_u8..224, 1 => 224_u8..], 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(3_000)
    })]

    #[test]
    fn any_split_gives_the_same_conversation(choices in choices()) {
        let whole = converse(&choices, Pace::Whole);
        prop_assert_eq!(converse(&choices, Pace::Octets), whole);
    }

    #[test]
    fn any_octets_lead_to_an_end(octets in vec(any::<u8>(), 0..300), begun in 0_usize..4) {
        let open = [
            &b""[..],
            b"220 x\r\n",
            b"220 x\r\n250-y\r\n",
            b"220 x\r\n250-y\r\n250-PIPELINING\r\n250 ",
        ][begun];
        let stream = [open, &octets[..]].concat();
        let said = |pace| {
            let config = Config::new("client.example".parse().unwrap());
            let mut play = Play::new(config, Connection::default(), pace);
            play.peer(&stream);
            if play.ending.is_none() {
                play.give(Input::Closed);
            }
            (play.sent, play.ending)
        };
        let whole = said(Pace::Whole);
        prop_assert!(whole.1.is_some());
        prop_assert_eq!(said(Pace::Octets), whole);
    }
}

/// That the choices reach what they are for; a peer that never gets anywhere proves nothing.
#[test]
fn conversations_get_everywhere() {
    let mut seen = std::collections::BTreeSet::new();
    let words = [
        "EHLO",
        "HELO",
        "STARTTLS",
        "AUTH",
        "MAIL",
        "RCPT",
        "DATA",
        "BDAT",
        "LAST",
        "RSET",
        "QUIT",
        "\\r\\n.\\r\\n",
        " accepted ",
        " failed ",
        " deferred ",
        " unknown ",
        " not tried",
        "conversation is over",
        "did not speak SMTP",
        "fell silent",
        "was lost",
        "handshake failed",
        "no way to log in",
        "refused our login",
        "the server said",
    ];
    // Numbers that follow from each other, the same in every run.
    let mut state = 1_u32;
    for _ in 0..20_000 {
        let choices: Vec<u8> = (0..120)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let rare = state >> 28 == 0;
                let octet = (state >> 16) as u8;
                if rare { octet | 224 } else { octet % 224 }
            })
            .collect();
        let shown = format!("{:?}", converse(&choices, Pace::Whole)).replace("\\\\", "\\");
        seen.extend(words.into_iter().filter(|word| shown.contains(word)));
        if seen.len() == words.len() {
            return;
        }
    }
    let missing: Vec<_> = words.iter().filter(|word| !seen.contains(*word)).collect();
    panic!("never seen: {missing:?}");
}
