//! Logging in with proofs as the server does it: accounts, keys, throttle and sealed secrets together.
#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use address::Mailbox;
use auth::{
    AccountRef, Accounts, Authenticator, Claim, DigestProof, Disclosure, Exchange, Floor, Keyring,
    LoginKeys, Mechanism, Options, Proof, Proved, ScramHash, Setting, Step, Verdict, Wanted,
    decode_base64, encode_base64,
};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const TIMESTAMP: &str = "<1@mx.example.test>";

/// Alice (`wonderland`) has everything, Bob (`builder`) has everything and is disabled, Carol has a hash only.
struct Book(Mutex<Vec<AccountRef>>);

impl Accounts for Book {
    fn find(&self, login: &str) -> Option<AccountRef> {
        let login = login.to_ascii_lowercase();
        let accounts = self.0.lock().unwrap();
        let local = |address: &str| address.split('@').next() == Some(login.as_str());
        accounts
            .iter()
            .find(|account| account.address == login || local(&account.address))
            .cloned()
    }
}

struct Office {
    book: Arc<Book>,
    authenticator: Authenticator,
    keyring: Arc<Keyring>,
    now: Instant,
}

impl Office {
    fn new() -> Self {
        let keyring = Arc::new(Keyring::new(&[1; 32]).unwrap());
        let wanted = Wanted::by(&Mechanism::ALL).with_sealed(true);
        let account = |key, address: &str, password: &str| {
            let mailbox = Mailbox::parse_user(address).unwrap();
            let new = keyring.derive(&password.into(), &mailbox, wanted).unwrap();
            AccountRef {
                key,
                address: address.to_owned(),
                generation: 1,
                hash: Some(new.hash),
                keys: new.keys,
                enabled: true,
                floor: Floor::Any,
            }
        };
        let mut accounts = vec![
            account(1, ALICE, "wonderland"),
            account(2, BOB, "builder"),
            account(3, "carol@example.test", "carol"),
        ];
        accounts[1].enabled = false;
        accounts[2].keys = LoginKeys::default();
        let book = Arc::new(Book(Mutex::new(accounts)));
        let authenticator = Authenticator::new(
            Arc::<Book>::clone(&book),
            Arc::clone(&keyring),
            Options::default(),
        )
        .unwrap();
        Self {
            book,
            authenticator,
            keyring,
            now: Instant::now(),
        }
    }

    fn change(&self, address: &str, change: impl FnOnce(&mut AccountRef)) {
        let mut accounts = self.book.0.lock().unwrap();
        let account = accounts.iter_mut().find(|one| one.address == address);
        change(account.unwrap());
    }

    /// A whole SCRAM-SHA-256 exchange, up to the verdict.
    fn scram(&self, login: &str, password: &str, peer: &str) -> Proved {
        let proof = match self.scram_proof(login, password, peer) {
            Ok(proof) => proof,
            Err(verdict) => {
                return Proved {
                    verdict,
                    server_final: None,
                };
            }
        };
        self.prove(&proof, peer)
    }

    fn prove(&self, proof: &Proof, peer: &str) -> Proved {
        self.authenticator.prove(proof, ip(peer), self.now)
    }

    fn scram_proof(&self, login: &str, password: &str, peer: &str) -> Result<Proof, Verdict> {
        let setting = Setting::new("mx.example.test", None).unwrap();
        let bare = format!("n={login},r=client");
        let first = format!("n,,{bare}");
        let (mut exchange, step) =
            Exchange::start(Mechanism::ScramSha256, Some(first.as_bytes()), setting);
        let Step::Keys(claim, hash) = step else {
            panic!("{step:?}");
        };
        let keys = self.authenticator.keys(&claim, hash, ip(peer), self.now)?;
        let Step::Challenge(server_first) = exchange.keys(keys) else {
            panic!("no challenge");
        };
        let last = answer(&bare, &String::from_utf8(server_first).unwrap(), password);
        let Step::Prove(proof) = exchange.respond(last.as_bytes()) else {
            panic!("no proof");
        };
        Ok(proof)
    }

    fn cram(&self, login: &str, password: &str, peer: &str) -> Verdict {
        let setting = Setting::new("mx.example.test", None).unwrap();
        let (mut exchange, step) = Exchange::start(Mechanism::CramMd5, None, setting);
        let Step::Challenge(challenge) = step else {
            panic!("{step:?}");
        };
        let keyed = Hmac::<Md5>::new_from_slice(password.as_bytes()).unwrap();
        let digest = hex(&keyed.chain_update(challenge).finalize().into_bytes());
        let Step::Prove(proof) = exchange.respond(format!("{login} {digest}").as_bytes()) else {
            panic!("no proof");
        };
        self.prove(&proof, peer).verdict
    }

    fn apop(&self, login: &str, password: &str, peer: &str) -> Verdict {
        let digest = Md5::digest(format!("{TIMESTAMP}{password}")).into();
        let proof = DigestProof::apop(login.to_owned(), TIMESTAMP.to_owned(), digest);
        self.prove(&Proof::Digest(proof), peer).verdict
    }
}

/// The client's final message (RFC 5802 section 3).
fn answer(bare: &str, server_first: &str, password: &str) -> String {
    let parts: Vec<&str> = server_first.split(',').map(|part| &part[2..]).collect();
    let [nonce, salt, rounds] = parts.as_slice() else {
        panic!("{server_first}");
    };
    let keyed = Hmac::<Sha256>::new_from_slice(password.as_bytes()).unwrap();
    let salt = decode_base64(salt).unwrap();
    let mut round: [u8; 32] = keyed
        .clone()
        .chain_update(&salt)
        .chain_update([0, 0, 0, 1])
        .finalize()
        .into_bytes()
        .into();
    let mut salted = round;
    for _ in 1..rounds.parse::<u32>().unwrap() {
        let next = keyed.clone().chain_update(round).finalize();
        round = next.into_bytes().into();
        salted
            .iter_mut()
            .zip(round)
            .for_each(|(sum, octet)| *sum ^= octet);
    }
    let hmac = |key: &[u8], octets: &[u8]| -> [u8; 32] {
        let keyed = Hmac::<Sha256>::new_from_slice(key).unwrap();
        keyed.chain_update(octets).finalize().into_bytes().into()
    };
    let without_proof = format!("c=biws,r={nonce}");
    let message = format!("{bare},{server_first},{without_proof}");
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(client_key), message.as_bytes());
    let proof: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(a, b)| a ^ b)
        .collect();
    format!("{without_proof},p={}", encode_base64(proof))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The verdict in a word: the account's address, or why not.
fn word(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted(account) => &account.address,
        Verdict::Rejected => "rejected",
        Verdict::Unreadable => "unreadable",
        Verdict::Busy => "busy",
        Verdict::Throttled => "throttled",
        Verdict::Disabled => "disabled",
        Verdict::TooWeak(_) => "too weak",
        Verdict::Transition => "transition",
    }
}

#[test]
fn every_mechanism_opens_only_its_owners_enabled_account() {
    let office = Office::new();
    let rows = [
        (ALICE, "wonderland", ALICE),
        ("Alice", "wonderland", ALICE),
        (ALICE, "Wonderland", "rejected"),
        (BOB, "builder", "rejected"),
        ("carol", "carol", "rejected"),
        ("nobody", "wonderland", "rejected"),
    ];
    for (number, (login, password, outcome)) in rows.into_iter().enumerate() {
        let peer = format!("10.0.{number}.1");
        let proved = office.scram(login, password, &peer);
        assert_eq!(word(&proved.verdict), outcome, "SCRAM {login} {password}");
        assert_eq!(proved.server_final.is_some(), outcome == ALICE);
        let cram = office.cram(login, password, &peer);
        assert_eq!(word(&cram), outcome, "CRAM-MD5 {login} {password}");
        let apop = office.apop(login, password, &peer);
        assert_eq!(word(&apop), outcome, "APOP {login} {password}");
    }
}

#[test]
fn nobody_sees_whether_an_account_exists() {
    let office = Office::new();
    let shown = |login: &str| {
        let claim = Claim {
            authzid: None,
            login: login.to_owned(),
        };
        let peer = ip("192.0.2.1");
        let keys = office
            .authenticator
            .keys(&claim, ScramHash::Sha256, peer, office.now)
            .unwrap();
        keys.iterations()
    };
    for login in [ALICE, BOB, "carol", "nobody"] {
        assert_eq!(shown(login), auth::ITERATIONS, "{login}");
    }
}

#[test]
fn an_account_changed_during_the_exchange_is_another_one() {
    let office = Office::new();
    let peer = "192.0.2.1";
    let proof = office.scram_proof(ALICE, "wonderland", peer).unwrap();
    let mailbox = Mailbox::parse_user(ALICE).unwrap();
    let wanted = Wanted::by(&Mechanism::ALL);
    let keys = office.keyring.scram(&"new".into(), &mailbox, wanted);
    office.change(ALICE, |alice| alice.keys = keys);
    assert_eq!(word(&office.prove(&proof, peer).verdict), "rejected");
    let proof = office.scram_proof(ALICE, "new", peer).unwrap();
    office.change(ALICE, |alice| alice.enabled = false);
    assert_eq!(word(&office.prove(&proof, peer).verdict), "rejected");
}

#[test]
fn guesses_are_counted_whatever_the_mechanism_and_only_where_they_come_from() {
    let mut office = Office::new();
    let home = "192.0.2.1";
    // Known here, Alice has a counter of her own; nobody else's guesses go into it.
    assert_eq!(
        word(&office.scram(ALICE, "wonderland", home).verdict),
        ALICE
    );

    let guesser = "198.51.100.7";
    for number in 0..10 {
        let verdict = match number % 3 {
            0 => office.cram("nobody", "guess", guesser),
            1 => office.apop(ALICE, &format!("guess {number}"), guesser),
            _ => {
                office
                    .scram("nobody", &format!("guess {number}"), guesser)
                    .verdict
            }
        };
        assert_eq!(word(&verdict), "rejected", "guess {number}");
    }
    for login in [ALICE, "nobody"] {
        let throttled = office.scram(login, "wonderland", guesser);
        assert_eq!(word(&throttled.verdict), "throttled", "{login}");
        assert_eq!(
            word(&office.cram(login, "wonderland", guesser)),
            "throttled"
        );
        assert_eq!(
            word(&office.apop(login, "wonderland", guesser)),
            "throttled"
        );
    }
    assert_eq!(word(&office.apop(ALICE, "wonderland", home)), ALICE);
    office.now += Duration::from_secs(60);
    assert_eq!(word(&office.apop(ALICE, "wonderland", guesser)), ALICE);
}

// PE-23: RFC 3206 section 4.
#[test]
fn a_secret_sealed_with_another_key_is_no_wrong_password() {
    let office = Office::new();
    let other = Keyring::new(&[2; 32]).unwrap();
    let mailbox = Mailbox::parse_user(ALICE).unwrap();
    let wanted = Wanted::default().with_sealed(true);
    let sealed = other
        .derive(&"wonderland".into(), &mailbox, wanted)
        .unwrap();
    office.change(ALICE, |account| account.keys.merge(sealed.keys));
    let peer = "192.0.2.1";
    assert_eq!(word(&office.apop(ALICE, "wonderland", peer)), "unreadable");
    assert_eq!(word(&office.cram(ALICE, "wonderland", peer)), "unreadable");
    assert_eq!(
        word(&office.scram("alice", "wonderland", peer).verdict),
        ALICE
    );
    for guess in 0..200 {
        office.apop(ALICE, &format!("guess {guess}"), "198.51.100.7");
    }
    let verdict = office.apop(ALICE, "wonderland", "198.51.100.7");
    assert_eq!(word(&verdict), "throttled", "it is guessing like any other");
}

#[test]
fn a_floor_of_scram_refuses_digests_and_lets_scram_pass() {
    let office = Office::new();
    office.change(ALICE, |alice| alice.floor = Floor::Scram);
    let verdict = office.scram(ALICE, "wonderland", "10.0.0.1").verdict;
    assert_eq!(word(&verdict), ALICE);
    for (password, outcome) in [("wonderland", "too weak"), ("Wonderland", "rejected")] {
        let cram = office.cram(ALICE, password, "10.0.0.1");
        let apop = office.apop(ALICE, password, "10.0.0.1");
        assert_eq!((word(&cram), word(&apop)), (outcome, outcome), "{password}");
    }
}

#[test]
fn a_disabled_account_is_named_after_the_right_proof_only_where_wanted() {
    let office = Office::new();
    let told = |password: &str| {
        let proved = office.scram(BOB, password, "10.0.0.1");
        assert!(proved.server_final.is_none());
        let cram = office.cram(BOB, password, "10.0.0.1");
        (word(&proved.verdict).to_owned(), word(&cram).to_owned())
    };
    let both = |outcome: &str| (outcome.to_owned(), outcome.to_owned());
    assert_eq!(told("builder"), both("rejected"));
    office.authenticator.set_disclosure(Disclosure {
        disabled: true,
        transition: false,
    });
    assert_eq!(told("builder"), both("disabled"));
    assert_eq!(told("Builder"), both("rejected"));
}

/// S-432: only where it is wanted, only for an account that really lacks the keys; and asking for many names is
/// guessing like any other.
#[test]
fn an_account_without_keys_is_told_so_only_where_wanted() {
    let office = Office::new();
    let told = |login: &str, from: &str| match office.scram_proof(login, "carol", from) {
        Ok(_) => "goes on".to_owned(),
        Err(verdict) => word(&verdict).to_owned(),
    };
    assert_eq!(told("carol", "10.0.0.1"), "goes on");
    office.authenticator.set_disclosure(Disclosure {
        disabled: false,
        transition: true,
    });
    for (login, outcome) in [
        ("carol", "transition"),
        (ALICE, "goes on"),
        (BOB, "goes on"),
        ("nobody", "goes on"),
    ] {
        // Often, for a mail program tries at every start; the same question counts once.
        for _ in 0..20 {
            assert_eq!(told(login, "10.0.0.1"), outcome, "{login}");
        }
    }
    office.change("carol@example.test", |carol| carol.enabled = false);
    assert_eq!(told("carol", "10.0.0.1"), "goes on");
    office.change("carol@example.test", |carol| {
        carol.enabled = true;
        carol.hash = None;
    });
    assert_eq!(told("carol", "10.0.0.1"), "goes on", "no password, no way");
}
