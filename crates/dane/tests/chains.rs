//! Chains of certificates made here, against records made of them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

use std::sync::Arc;
use std::time::Duration;

use address::Domain;
use dane::{DaneError, Records, Tlsa, Verifier, verify};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PublicKeyData as _, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use sha2::{Digest as _, Sha256, Sha512};

/// A day in the time of all certificates here, as seconds since 1970.
const TODAY: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

/// A certificate and its public key.
struct Shown {
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

/// The server's certificate, for `mx.example` and `*.wild.example`, by an intermediate, by a root; and what is strange.
struct Chain {
    own: Shown,
    own_key: KeyPair,
    intermediate: Shown,
    root: Shown,
    stranger: Shown,
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2027, 2, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn chain() -> Chain {
    let key = || KeyPair::generate().unwrap();
    let shown = |der: &CertificateDer<'static>, key: &KeyPair| Shown {
        der: der.clone(),
        key: key.subject_public_key_info(),
    };
    let root = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
    let intermediate = CertifiedIssuer::signed_by(authority("between"), key(), &root).unwrap();
    let mut own = params("own", &["mx.example", "*.wild.example"]);
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let own_key = key();
    let own = own.signed_by(&own_key, &intermediate).unwrap();
    let stranger = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
    Chain {
        own: shown(own.der(), &own_key),
        own_key,
        intermediate: shown(intermediate.der(), intermediate.key()),
        root: shown(root.der(), root.key()),
        stranger: shown(stranger.der(), stranger.key()),
    }
}

fn record(usage: u8, selector: u8, matching: u8, of: &Shown) -> Tlsa {
    let whole: &[u8] = if selector == 0 { &of.der } else { &of.key };
    let data = match matching {
        0 => whole.to_vec(),
        1 => Sha256::digest(whole).to_vec(),
        _ => Sha512::digest(whole).to_vec(),
    };
    Tlsa::new(usage, selector, matching, &data).unwrap()
}

fn judged(records: &[Tlsa], shown: &[&Shown], name: &str, now: u64) -> Result<(), DaneError> {
    let chain: Vec<_> = shown.iter().map(|one| one.der.clone()).collect();
    let provider = aws_lc_rs::default_provider();
    verify(
        records,
        &chain,
        &[
            Domain::parse("other.example").unwrap(),
            Domain::parse(name).unwrap(),
        ],
        UnixTime::since_unix_epoch(Duration::from_secs(now)),
        &provider.signature_verification_algorithms,
    )
}

fn is_chain(result: &Result<(), DaneError>) -> bool {
    matches!(result, Err(DaneError::Chain(_)))
}

#[test]
fn every_kind_of_record_matches_the_certificate_it_was_made_of_and_no_other() {
    let chain = chain();
    let shown = [&chain.own, &chain.intermediate, &chain.root];
    for selector in [0, 1] {
        for matching in [0, 1, 2] {
            let told = format!("{selector} {matching}");
            let judge = |usage, of| {
                let record = record(usage, selector, matching, of);
                judged(&[record], &shown, "mx.example", TODAY)
            };
            assert_eq!(judge(3, &chain.own), Ok(()), "{told}");
            assert_eq!(
                judge(3, &chain.intermediate),
                Err(DaneError::NoMatch),
                "{told}"
            );
            assert_eq!(judge(3, &chain.stranger), Err(DaneError::NoMatch), "{told}");
            assert_eq!(judge(2, &chain.intermediate), Ok(()), "{told}");
            assert_eq!(judge(2, &chain.root), Ok(()), "{told}");
            // A server is not its own trust anchor.
            assert!(judge(2, &chain.own).is_err(), "{told}");
        }
    }
}

/// RFC 7672 section 3.1.1.
#[test]
fn with_the_servers_own_certificate_in_dns_nothing_else_counts() {
    let chain = chain();
    let records = [record(3, 1, 1, &chain.own)];
    let alone = [&chain.own];
    assert_eq!(judged(&records, &alone, "elsewhere.example", TODAY), Ok(()));
    assert_eq!(
        judged(&records, &alone, "mx.example", TODAY + 1000 * DAY),
        Ok(())
    );
    // Beside others that do not match, as while a certificate is being replaced.
    let both = [record(3, 1, 1, &chain.stranger), records[0].clone()];
    assert_eq!(judged(&both, &alone, "mx.example", TODAY), Ok(()));
    assert_eq!(
        judged(&records, &[], "mx.example", TODAY),
        Err(DaneError::NoCertificate)
    );
}

/// RFC 7672 section 3.1.2.
#[test]
fn with_a_trust_anchor_in_dns_chain_name_and_time_count() {
    let chain = chain();
    let records = [record(2, 0, 1, &chain.root)];
    let shown = [&chain.own, &chain.intermediate, &chain.root];
    assert_eq!(judged(&records, &shown, "MX.example", TODAY), Ok(()));
    assert_eq!(judged(&records, &shown, "a.wild.example", TODAY), Ok(()));
    for name in ["elsewhere.example", "a.b.wild.example", "wild.example"] {
        assert_eq!(
            judged(&records, &shown, name, TODAY),
            Err(DaneError::Name),
            "{name}"
        );
    }
    for time in [TODAY - 400 * DAY, TODAY + 400 * DAY] {
        assert!(is_chain(&judged(&records, &shown, "mx.example", time)));
    }
    // The anchor has to be sent, unless DNS has all of it; so have those between.
    let without = [&chain.own, &chain.intermediate];
    assert_eq!(
        judged(&records, &without, "mx.example", TODAY),
        Err(DaneError::NoMatch)
    );
    let whole = [record(2, 0, 0, &chain.root)];
    assert_eq!(judged(&whole, &without, "mx.example", TODAY), Ok(()));
    let gap = [&chain.own, &chain.root];
    assert!(is_chain(&judged(&records, &gap, "mx.example", TODAY)));
    // Everybody can send along a certificate that everybody knows.
    let impostor = [&chain.stranger, &chain.root];
    assert!(is_chain(&judged(&records, &impostor, "mx.example", TODAY)));
    // The same name on the anchor is not the same key.
    let other = [record(2, 0, 0, &chain.stranger)];
    assert!(is_chain(&judged(&other, &shown, "mx.example", TODAY)));
}

#[test]
fn octets_that_are_no_certificate_match_nothing() {
    let chain = chain();
    let noise = Shown {
        der: CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 0x30]),
        key: Vec::new(),
    };
    let records = [record(3, 1, 1, &chain.own), record(2, 1, 1, &chain.root)];
    let judge = |shown: &[&Shown]| judged(&records, shown, "mx.example", TODAY);
    assert_eq!(judge(&[&noise]), Err(DaneError::NoMatch));
    assert!(is_chain(&judge(&[&noise, &chain.root])));
    assert_eq!(judge(&[&chain.own, &noise]), Ok(()));
    // A record that is such octets is an anchor that signs nothing.
    let anchor = [record(2, 0, 0, &noise)];
    let found = judged(&anchor, &[&chain.own], "mx.example", TODAY);
    assert_eq!(found, Err(DaneError::NoMatch));
}

/// A handshake over nothing but memory.
fn handshake(chain: &Chain, records: Records) -> Result<(), rustls::Error> {
    let Records::Usable(records) = records else {
        panic!("no usable records");
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let names = vec![Domain::parse("mx.example").unwrap()];
    let verifier = Verifier::new(records, names, Arc::clone(&provider));
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(chain.own_key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![chain.own.der.clone()], key.into())?;
    let name = ServerName::try_from("mx.example").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        server.read_tls(&mut octets.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut octets = Vec::new();
        server.write_tls(&mut octets).unwrap();
        client.read_tls(&mut octets.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn a_handshake_ends_with_the_wrong_certificate() {
    let chain = chain();
    let of = |key: &[u8]| {
        let digest = Sha256::digest(key);
        Records::new([(3, 1, 1, digest.as_slice())])
    };
    assert_eq!(handshake(&chain, of(&chain.own.key)), Ok(()));
    let refused = handshake(&chain, of(&chain.stranger.key)).unwrap_err();
    let told = format!("{refused:?}");
    assert!(told.contains("NoMatch"), "{told}");
}
