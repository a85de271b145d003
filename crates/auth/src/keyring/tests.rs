//! Salts that tell nothing, keys that come and go, secrets that open only where they belong.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the step it wants; any other is wrong"
)]

use super::*;
use crate::sasl::{Exchange, Setting, Step};

const HASHES: [ScramHash; 2] = [ScramHash::Sha256, ScramHash::Sha1];

fn keyring(key: u8) -> Keyring {
    Keyring::new(&[key; 32]).unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse_user(text).unwrap()
}

/// What a client sees of somebody's keys: the salt and the count in the server's first message.
fn shown(keys: ScramKeys) -> String {
    let setting = Setting {
        host: String::new(),
        nonce: "nonce".to_owned(),
        binding: None,
    };
    let mechanism = match keys.hash() {
        ScramHash::Sha256 => Mechanism::ScramSha256,
        ScramHash::Sha1 => Mechanism::ScramSha1,
    };
    let (mut exchange, _) = Exchange::start(mechanism, Some(b"n,,n=user,r=abc"), setting);
    match exchange.keys(keys) {
        Step::Challenge(message) => String::from_utf8(message).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_looks_the_same_at_every_attempt_and_after_every_restart() {
    for hash in HASHES {
        let first = shown(keyring(1).unmatched(hash, "nobody@example.test"));
        assert_eq!(
            first,
            shown(keyring(1).unmatched(hash, "nobody@example.test"))
        );
        assert_ne!(
            first,
            shown(keyring(2).unmatched(hash, "nobody@example.test"))
        );
        assert_ne!(
            first,
            shown(keyring(1).unmatched(hash, "somebody@example.test"))
        );
    }
}

/// Whatever can be compared about two names is the same for accounts and for names nobody has.
#[test]
fn salts_do_not_tell_who_exists() {
    let keyring = keyring(1);
    for hash in HASHES {
        let wanted = Wanted {
            scram_sha_256: true,
            scram_sha_1: true,
            sealed: false,
        };
        let real = keyring.scram(&"pencil".into(), &mailbox("Alice@example.test"), wanted);
        let real = shown(real.scram(hash).unwrap().clone());
        for name in ["alice", "ALICE", "alice@example.test", "alice@other.test"] {
            assert_eq!(shown(keyring.unmatched(hash, name)), real, "{name}");
        }
        let quoted = shown(keyring.unmatched(hash, "\"a b\"@example.test"));
        assert_eq!(quoted, shown(keyring.unmatched(hash, "a b")));
    }
}

#[test]
fn only_what_is_wanted_is_kept_of_a_password() {
    let keyring = keyring(1);
    let address = mailbox("alice@example.test");
    for mechanisms in [
        &[Mechanism::Plain, Mechanism::Login][..],
        &[Mechanism::ScramSha256Plus],
        &[Mechanism::ScramSha1, Mechanism::CramMd5],
        &Mechanism::ALL,
    ] {
        for sealed in [false, true] {
            let wanted = Wanted::by(mechanisms).with_sealed(sealed);
            let new = keyring.derive(&"pencil".into(), &address, wanted).unwrap();
            assert!(new.hash.verify(&"pencil".into()));
            assert!(!new.keys.lack(wanted));
            let sha_256 = new.keys.scram(ScramHash::Sha256);
            assert_eq!(sha_256.is_some(), wanted.scram_sha_256, "{mechanisms:?}");
            assert!(sha_256.is_none_or(|keys| keys.iterations() == ITERATIONS));
            let sha_1 = new.keys.scram(ScramHash::Sha1);
            assert_eq!(sha_1.is_some(), wanted.scram_sha_1, "{mechanisms:?}");
            assert_eq!(new.keys.sealed().is_some(), sealed);
        }
    }
}

#[test]
fn a_key_takes_the_place_of_the_one_of_its_kind() {
    let keyring = keyring(1);
    let address = mailbox("alice@example.test");
    let all = Wanted {
        scram_sha_256: true,
        scram_sha_1: true,
        sealed: true,
    };
    let old = keyring.derive(&"old".into(), &address, all).unwrap().keys;
    let new = keyring.derive(&"new".into(), &address, all).unwrap().keys;
    let mut keys = old.clone();
    keys.merge(new.clone());
    assert_eq!(keys, new);
    keys.unseal();
    assert!(keys.sealed().is_none() && keys.lack(all) && !keys.lack(all.with_sealed(false)));
    assert_eq!(keys.scram(ScramHash::Sha1), new.scram(ScramHash::Sha1));
}

#[test]
fn a_sealed_secret_opens_for_its_own_account_in_its_own_house_only() {
    let house = keyring(1);
    let wanted = Wanted::default().with_sealed(true);
    let address = mailbox("Alice@example.test");
    let new = house
        .derive(&"wonder\u{a0}land".into(), &address, wanted)
        .unwrap();
    let sealed = new.keys.sealed().unwrap();
    let opened = |keyring: &Keyring, address| keyring.open(sealed, address);
    assert_eq!(
        opened(&house, "alice@example.test"),
        Some("wonder land".into())
    );
    assert_eq!(
        opened(&house, "ALICE@example.test"),
        Some("wonder land".into())
    );
    assert_eq!(opened(&house, "bob@example.test"), None);
    assert_eq!(opened(&house, "no address"), None);
    assert_eq!(opened(&keyring(2), "alice@example.test"), None);
    for bit in 0..sealed.0.len() * 8 {
        let mut flipped = sealed.clone();
        flipped.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            house.open(&flipped, "alice@example.test"),
            None,
            "bit {bit}"
        );
    }
    for end in 0..sealed.0.len() {
        let cut = SealedSecret(sealed.0[..end].to_vec());
        assert_eq!(house.open(&cut, "alice@example.test"), None, "{end} octets");
    }
    let again = house
        .derive(&"wonder land".into(), &address, wanted)
        .unwrap();
    assert_ne!(again.keys, new.keys, "every seal has its own nonce");
    assert!(house.open_decoy().is_some());
}

#[test]
fn debug_shows_no_key() {
    let house = keyring(1);
    let wanted = Wanted::by(&Mechanism::ALL).with_sealed(true);
    let new = house
        .derive(&"pencil".into(), &mailbox("a@b.test"), wanted)
        .unwrap();
    let shown = format!("{house:?} {:?}", new.keys);
    assert!(
        !shown.contains("stored_key") && !shown.contains("salt"),
        "{shown}"
    );
    assert!(
        shown.contains("SealedSecret(..)") && shown.contains("Keyring(..)"),
        "{shown}"
    );
}
