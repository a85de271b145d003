//! Exchanges: what each mechanism asks, takes and refuses. SCRAM with the examples of its RFCs, and with what can
//! be done to them on the way.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the step it wants; any other is wrong"
)]

use super::*;

const BINDING: [u8; 32] = [7; 32];

fn start(mechanism: Mechanism, initial: Option<&[u8]>) -> (Exchange, Step) {
    let setting = Setting {
        host: "postoffice.reston.mci.net".to_owned(),
        nonce: "1896.697170952".to_owned(),
        binding: None,
    };
    Exchange::start(mechanism, initial, setting)
}

/// A SCRAM exchange with `user`, whose password is `pencil`, and the nonces of the RFCs' examples.
struct Scram {
    exchange: Exchange,
    hash: ScramHash,
    /// One, where no example wants the usual 4096.
    rounds: u32,
}

const SERVER_NONCE_256: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_NONCE_1: &str = "3rfcNHYJY1ZVvWVs7j";

impl Scram {
    fn new(mechanism: Mechanism, binding: Option<[u8; 32]>) -> Self {
        let (hash, nonce) = match mechanism {
            Mechanism::ScramSha1 => (ScramHash::Sha1, SERVER_NONCE_1),
            _ => (ScramHash::Sha256, SERVER_NONCE_256),
        };
        let setting = Setting {
            host: "mx.example.test".to_owned(),
            nonce: nonce.to_owned(),
            binding,
        };
        let (exchange, step) = Exchange::start(mechanism, None, setting);
        assert_eq!(step, Step::Challenge(Vec::new()));
        Self {
            exchange,
            hash,
            rounds: 1,
        }
    }

    fn first(&mut self, message: &str) -> Step {
        match self.exchange.respond(message.as_bytes()) {
            Step::Keys(claim, hash) => {
                assert_eq!(hash, self.hash);
                let salt = match hash {
                    ScramHash::Sha256 => "W22ZaJ0SNY7soEsUEjb6gQ==",
                    ScramHash::Sha1 => "QSXCR+Q6sek8bf92",
                };
                let password = if claim.login == "user" {
                    "pencil"
                } else {
                    "else"
                };
                let salt = decode_base64(salt).unwrap();
                let keys = ScramKeys::derive(hash, &password.into(), &salt, self.rounds);
                self.exchange.keys(keys)
            }
            other => other,
        }
    }

    fn last(&mut self, message: &str) -> Step {
        self.exchange.respond(message.as_bytes())
    }
}

/// Plays an example of an RFC from end to end.
#[track_caller]
fn check_example(mechanism: Mechanism, messages: [&str; 4]) {
    let [first, server_first, last, server_final] = messages;
    let mut scram = Scram::new(mechanism, None);
    scram.rounds = 4096;
    assert_eq!(scram.first(first), Step::Challenge(server_first.into()));
    let Step::Prove(Proof::Scram(proof)) = scram.last(last) else {
        panic!("no proof in {last}");
    };
    assert_eq!(proof.claim().login, "user");
    assert_eq!(proof.server_final(), Some(server_final.into()));
    // The session is gone with the proof: the same message again proves nothing.
    assert_eq!(scram.last(last), Step::Malformed);
    // Nor does it in another exchange, whose nonce is another one.
    let setting = Setting::new("mx.example.test", None).unwrap();
    let (mut replayed, _) = Exchange::start(mechanism, None, setting);
    let Step::Keys(..) = replayed.respond(first.as_bytes()) else {
        panic!("{first} is as good as before");
    };
    replayed.keys(proof.proof.keys().clone());
    assert_eq!(replayed.respond(last.as_bytes()), Step::Refused);
}

const EXAMPLE_256: [&str; 4] = [
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
];

#[test]
fn scram_sha_256_is_that_of_rfc_7677() {
    check_example(Mechanism::ScramSha256, EXAMPLE_256);
}

#[test]
fn scram_sha_1_is_that_of_rfc_5802() {
    check_example(
        Mechanism::ScramSha1,
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

/// True when the two messages log in; anything else is the same to the outside.
fn logs_in(keys: &ScramKeys, first: &[u8], last: &[u8]) -> bool {
    let setting = Setting {
        host: "mx.example.test".to_owned(),
        nonce: SERVER_NONCE_256.to_owned(),
        binding: None,
    };
    let (mut exchange, _) = Exchange::start(Mechanism::ScramSha256, None, setting);
    let Step::Keys(claim, _) = exchange.respond(first) else {
        return false;
    };
    exchange.keys(keys.clone());
    match exchange.respond(last) {
        Step::Prove(Proof::Scram(proof)) => proof.server_final().is_some() && claim.login == "user",
        _ => false,
    }
}

/// ATTACKS A10: every bit of both messages, every shorter form of them.
#[test]
fn scram_notices_every_flipped_bit_and_every_missing_end() {
    let salt = decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let keys = ScramKeys::derive(ScramHash::Sha256, &"pencil".into(), &salt, 4096);
    let [first, _, last, _] = EXAMPLE_256.map(str::as_bytes);
    assert!(logs_in(&keys, first, last));
    for bit in 0..first.len() * 8 {
        let mut flipped = first.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!logs_in(&keys, &flipped, last), "bit {bit} of the first");
    }
    for bit in 0..last.len() * 8 {
        let mut flipped = last.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!logs_in(&keys, first, &flipped), "bit {bit} of the last");
    }
    for end in 0..first.len() {
        assert!(!logs_in(&keys, &first[..end], last), "first, {end} octets");
    }
    for end in 0..last.len() {
        assert!(!logs_in(&keys, first, &last[..end]), "last, {end} octets");
    }
}

#[test]
fn scram_takes_exactly_the_grammar_of_rfc_5802() {
    for (first, login) in [
        ("n,,n=user,r=abc", Some("user")),
        ("n,,n=user,r=abc,x=ignored", Some("user")),
        ("n,a=other,n=user,r=abc", Some("user")),
        ("n,,n=a=2Cb=3Dc,r=abc", Some("a,b=c")),
        ("n,,n=jürgen,r=abc", Some("jürgen")),
        ("n,,n=a=2cb,r=abc", None),
        ("n,,n=a=,r=abc", None),
        ("n,,n=a=2,r=abc", None),
        ("n,,n=a=3,r=abc", None),
        ("n,,n==,r=abc", None),
        ("n,,n=,r=abc", None),
        ("n,,n=user,r=", None),
        ("n,,n=user,r", None),
        ("n,,n=user,", None),
        ("n,,n=user", None),
        ("n,,", None),
        ("n,", None),
        ("n", None),
        ("", None),
        ("n,x,n=user,r=abc", None),
        ("n,a=,n=user,r=abc", None),
        ("n,,m=must,n=user,r=abc", None),
        ("n,,n=user,r=a\u{7f}c", None),
        ("n,,n=user,r=a c", None),
        ("n,,n=us\0er,r=abc", None),
        ("n,,n=user,r=abc,", None),
        ("n,,n=user,r=abc,xx", None),
        ("p=,,n=user,r=abc", None),
        ("q,,n=user,r=abc", None),
        (",,n=user,r=abc", None),
        ("n,,r=abc,n=user", None),
    ] {
        let setting = Setting::new("mx", None).unwrap();
        let (mut exchange, _) = Exchange::start(Mechanism::ScramSha256, None, setting);
        let found = match exchange.respond(first.as_bytes()) {
            Step::Keys(claim, _) => Some(claim.login),
            Step::Refused => None,
            other => panic!("{first:?}: {other:?}"),
        };
        assert_eq!(found.as_deref(), login, "{first:?}");
    }
    let nonce = "a".repeat(257);
    let mut scram = Scram::new(Mechanism::ScramSha256, None);
    assert_eq!(scram.first(&format!("n,,n=user,r={nonce}")), Step::Refused);
}

/// AUT-24: what the client says about channel binding, by mechanism and by whether we offered it.
#[test]
fn scram_binds_where_it_said_so_and_nowhere_else() {
    let (plus, bare, sha_1) = (
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
    );
    for (mechanism, offered, header, goes_on) in [
        (plus, true, "p=tls-exporter,,", true),
        (plus, true, "n,,", false),
        (plus, true, "y,,", false),
        (plus, true, "p=tls-unique,,", false),
        (plus, true, "p=tls-server-end-point,,", false),
        (plus, true, "p=TLS-EXPORTER,,", false),
        (plus, false, "p=tls-exporter,,", false),
        (bare, true, "n,,", true),
        (bare, false, "n,,", true),
        (bare, false, "y,,", true),
        // The client would have bound the channel, had somebody not hidden our offer.
        (bare, true, "y,,", false),
        (sha_1, true, "y,,", false),
        (bare, true, "p=tls-exporter,,", false),
        (bare, false, "p=tls-exporter,,", false),
    ] {
        let mut scram = Scram::new(mechanism, offered.then_some(BINDING));
        let step = scram.first(&format!("{header}n=user,r=abc"));
        let went_on = matches!(step, Step::Challenge(_));
        assert_eq!(went_on, goes_on, "{mechanism:?} {offered} {header}");
        if !goes_on {
            assert_eq!(step, Step::Refused);
        }
    }
}

#[test]
fn scram_plus_wants_the_data_of_its_own_channel() {
    let right = [b"p=tls-exporter,,", &BINDING[..]].concat();
    let mut other = right.clone();
    other[20] ^= 1;
    for (bound, taken) in [
        (right.as_slice(), true),
        (&other, false),
        (b"p=tls-exporter,,", false),
        (b"n,,", false),
        (&right[..right.len() - 1], false),
        (&[&right[..], b"\0"].concat(), false),
    ] {
        let mut scram = Scram::new(Mechanism::ScramSha256Plus, Some(BINDING));
        scram.first("p=tls-exporter,,n=user,r=abc");
        let (c, p) = (encode_base64(bound), encode_base64([0; 32]));
        let step = scram.last(&format!("c={c},r=abc{SERVER_NONCE_256},p={p}"));
        assert_eq!(matches!(step, Step::Prove(_)), taken, "{bound:?}");
    }
}

#[test]
fn cram_md5_is_that_of_rfc_2195() {
    let (mut exchange, step) = start(Mechanism::CramMd5, None);
    let challenge = "<1896.697170952@postoffice.reston.mci.net>";
    assert_eq!(step, Step::Challenge(challenge.into()));
    let answer = b"tim b913a602c7eda7a495b4e6e7334d3890";
    let Step::Prove(Proof::Digest(proof)) = exchange.respond(answer) else {
        panic!("no proof");
    };
    assert_eq!(proof.claim().login, "tim");
    assert!(proof.fits(&"tanstaaftanstaaf".into()));
    assert!(!proof.fits(&"tanstaaftanstaaF".into()));
    assert_eq!(exchange.respond(answer), Step::Malformed);
    let (mut exchange, _) = start(Mechanism::CramMd5, None);
    assert_eq!(exchange.respond(b"tim b913"), Step::Refused);
}

#[test]
fn no_two_settings_and_no_two_timestamps_are_the_same() {
    let one = Setting::new("mx", None).unwrap();
    assert_ne!(one.nonce, Setting::new("mx", None).unwrap().nonce);
    let timestamp = timestamp("mx.example.test").unwrap();
    assert!(timestamp.starts_with('<') && timestamp.ends_with("@mx.example.test>"));
    assert_ne!(timestamp, super::timestamp("mx.example.test").unwrap());
}

fn credentials(authzid: Option<&str>, login: &str, password: &str) -> Step {
    let authzid = authzid.map(str::to_owned);
    let (login, password) = (login.to_owned(), Secret::from(password));
    Step::Verify(Credentials {
        authzid,
        login,
        password,
    })
}

#[track_caller]
fn check_plain(message: &[u8], step: Step) {
    let (mut exchange, at_once) = start(Mechanism::Plain, Some(message));
    assert_eq!(at_once, step, "initial response {message:?}");
    assert_eq!(exchange.respond(message), Step::Malformed, "after the end");
    let (mut exchange, challenge) = start(Mechanism::Plain, None);
    assert_eq!(challenge, Step::Challenge(Vec::new()));
    assert_eq!(exchange.respond(message), step, "asked for {message:?}");
}

#[test]
fn plain_takes_exactly_the_syntax_of_rfc_4616() {
    check_plain(
        b"\0tim\0tanstaaftanstaaf",
        credentials(None, "tim", "tanstaaftanstaaf"),
    );
    check_plain(
        b"Ursel\0Kurt\0xipj3plmq",
        credentials(Some("Ursel"), "Kurt", "xipj3plmq"),
    );
    check_plain(
        "\0jürgen\0Straße".as_bytes(),
        credentials(None, "jürgen", "Straße"),
    );
    check_plain(b"\0' OR 1=1--\0x", credentials(None, "' OR 1=1--", "x"));
    check_plain(
        b"\0../../etc/passwd\0x",
        credentials(None, "../../etc/passwd", "x"),
    );
    for malformed in [
        &b""[..],
        b"\0",
        b"\0\0",
        b"tim",
        b"tim\0secret",
        b"\0tim\0",
        b"\0\0secret",
        b"\0tim\0secret\0",
        b"\0a\0b\0secret",
        b"\0tim\0sec\xffret",
        b"\0t\xc3\0secret",
        b"\xff\0tim\0secret",
    ] {
        check_plain(malformed, Step::Malformed);
    }
}

/// Plays a LOGIN exchange: the answers given, the last step seen.
fn login(initial: Option<&[u8]>, answers: &[&[u8]]) -> Vec<Step> {
    let (mut exchange, first) = start(Mechanism::Login, initial);
    let rest = answers.iter().map(|answer| exchange.respond(answer));
    std::iter::once(first).chain(rest).collect()
}

#[test]
fn login_asks_for_name_then_password() {
    let user = || Step::Challenge(b"Username:".to_vec());
    let pass = || Step::Challenge(b"Password:".to_vec());
    let done = || credentials(None, "tim", "secret");
    assert_eq!(login(None, &[b"tim", b"secret"]), [user(), pass(), done()]);
    assert_eq!(login(Some(b"tim"), &[b"secret"]), [pass(), done()]);
    assert_eq!(
        login(None, &[b"tim", b"secret", b"x"]),
        [user(), pass(), done(), Step::Malformed]
    );
    assert_eq!(
        login(None, &[b"", b"x"]),
        [user(), Step::Malformed, Step::Malformed]
    );
    assert_eq!(login(Some(b""), &[]), [Step::Malformed]);
    assert_eq!(login(Some(b"t\xff"), &[]), [Step::Malformed]);
    assert_eq!(login(Some(b"tim"), &[b""]), [pass(), Step::Malformed]);
    assert_eq!(login(Some(b"tim"), &[b"\xff"]), [pass(), Step::Malformed]);
    // A NUL is not syntax here; it is a name that nobody has.
    assert_eq!(
        login(Some(b"a\0b"), &[b"x"]),
        [pass(), credentials(None, "a\0b", "x")]
    );
}

#[test]
fn base64_is_taken_strictly() {
    for (text, decoded) in [
        ("", Some(&b""[..])),
        (
            "AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
            Some(b"\0tim\0tanstaaftanstaaf"),
        ),
        ("VXNlcm5hbWU6", Some(b"Username:")),
        ("AA==", Some(b"\0")),
        ("AAA=", Some(b"\0\0")),
        ("=AAA", None),
        ("AAA=BBB", None),
        ("AAA=BBB=", None),
        ("=", None),
        ("*", None),
        ("AA", None),
        ("AA=", None),
        ("AA===", None),
        ("AAA==", None),
        ("AB==", None),
        ("AAB=", None),
        ("AAAA AAAA", None),
        ("AAAA\r\n", None),
        ("A-_A", None),
        ("AAA\u{e9}", None),
    ] {
        assert_eq!(decode_base64(text).ok().as_deref(), decoded, "{text:?}");
    }
    assert_eq!(encode_base64("Password:"), "UGFzc3dvcmQ6");
}

proptest::proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(octets: Vec<u8>) {
        proptest::prop_assert_eq!(decode_base64(encode_base64(&octets)), Ok(octets));
    }

    #[test]
    fn no_message_upsets_an_exchange(messages: Vec<Vec<u8>>) {
        for mechanism in Mechanism::ALL {
            let (mut exchange, _) = start(mechanism, None);
            for message in &messages {
                exchange.respond(message);
            }
        }
    }

    #[test]
    fn no_text_upsets_scram(first in "[nyp=,a-z0-9!]{0,40}", last in "[cprv=,a-zA-Z0-9!+/]{0,80}") {
        for mechanism in [Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::ScramSha1] {
            let mut scram = Scram::new(mechanism, Some(BINDING));
            if let Step::Challenge(_) = scram.first(&first) {
                proptest::prop_assert_eq!(scram.last(&last), Step::Refused);
            }
        }
    }
}
