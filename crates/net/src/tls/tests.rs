//! Certificates on disk: loading, refusing, replacing, making. Also the client side for other tests.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A self-signed certificate for `mail.example.test` in a directory of its own.
pub(crate) fn self_signed() -> (TempDir, Arc<Certificates>) {
    let directory = tempfile::tempdir().unwrap();
    let certificates = Certificates::open(own(directory.path(), &["mail.example.test"])).unwrap();
    (directory, certificates)
}

fn own(directory: &Path, names: &[&str]) -> Source {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Source::SelfSigned {
        directory: directory.join("tls"),
        names,
    }
}

/// The certificate now in use, to be trusted.
pub(crate) fn roots(certificates: &Certificates) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificates.facts().file).unwrap())
        .unwrap();
    roots
}

/// A client that trusts the certificate now in use.
pub(crate) fn client(
    certificates: &Certificates,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(certificates))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A pair for `name` that somebody else might have made, as PEM.
fn pair(name: &str, until: (i32, u8, u8)) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

const LONG: (i32, u8, u8) = (4000, 1, 1);

fn write(directory: &Path, certificate: &str, key: &str) -> Source {
    let source = Source::Files {
        certificate: directory.join("fullchain.pem"),
        key: directory.join("privkey.pem"),
    };
    fs::write(directory.join("fullchain.pem"), certificate).unwrap();
    fs::write(directory.join("privkey.pem"), key).unwrap();
    source
}

#[track_caller]
fn check_refused(certificate: &str, key: &str, file: &str, reason: &str) {
    let directory = tempfile::tempdir().unwrap();
    let error = Certificates::open(write(directory.path(), certificate, key))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(file) && error.contains(reason),
        "{error:?} does not say {file}: {reason}"
    );
}

#[test]
fn says_which_file_is_wrong_and_why() {
    let (certificate, key) = pair("mail.example.test", LONG);
    let (other, other_key) = pair("mail.example.test", LONG);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let large = "x".repeat(1024 * 1024 + 1);
    for (certificate, key, file, reason) in [
        ("", &key[..], "fullchain.pem", "no certificate"),
        (&key, &key, "fullchain.pem", "no certificate"),
        (&certificate, "", "privkey.pem", "no private key"),
        (&certificate, &certificate, "privkey.pem", "no private key"),
        (&certificate, &encrypted, "privkey.pem", "encrypted"),
        (&certificate, old, "privkey.pem", "encrypted"),
        (&certificate, bad_key, "privkey.pem", "cannot be used"),
        (&certificate, &other_key, "privkey.pem", "does not match"),
        (&other, &key, "fullchain.pem", "does not match"),
        (nonsense, &key, "fullchain.pem", "cannot be read"),
        (&certificate[..200], &key, "fullchain.pem", "damaged PEM"),
        (&certificate, &key[..80], "privkey.pem", "damaged PEM"),
        (&large, &key, "fullchain.pem", "1 MiB"),
    ] {
        check_refused(certificate, key, file, reason);
    }
}

#[test]
fn names_a_missing_file() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = pair("mail.example.test", LONG);
    let source = write(directory.path(), &certificate, &key);
    fs::remove_file(directory.path().join("privkey.pem")).unwrap();
    let error = Certificates::open(source).unwrap_err().to_string();
    assert!(
        error.contains("privkey.pem") && error.contains("No such file"),
        "{error}"
    );
}

#[test]
fn a_file_without_an_end_is_too_large() {
    let endless = Source::Files {
        certificate: "/dev/zero".into(),
        key: "/dev/zero".into(),
    };
    let error = Certificates::open(endless).unwrap_err().to_string();
    assert!(
        error.contains("/dev/zero") && error.contains("1 MiB"),
        "{error}"
    );
}

#[test]
fn tells_names_and_expiry() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = pair("mail.example.test", LONG);
    let (intermediate, _) = pair("ca.example.test", LONG);
    let source = write(directory.path(), &(certificate + &intermediate), &key);
    let facts = Certificates::open(source).unwrap().facts();
    assert_eq!(facts.names, ["mail.example.test"]);
    assert_eq!(facts.not_before, SystemTime::UNIX_EPOCH + 18262 * DAY);
    assert!(!facts.is_expired(SystemTime::now()));
    assert!(facts.self_signed);
}

#[test]
fn an_expired_certificate_is_used_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = pair("mail.example.test", (2021, 1, 1));
    let facts = Certificates::open(write(directory.path(), &certificate, &key))
        .unwrap()
        .facts();
    assert!(facts.is_expired(SystemTime::now()));
}

#[test]
fn a_new_pair_is_taken_and_a_bad_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (now, (certificate, key)) = (SystemTime::now(), pair("old.example.test", LONG));
    let store = Certificates::open(write(directory.path(), &certificate, &key)).unwrap();
    assert_eq!(store.refresh(now).unwrap(), Reload::Unchanged);

    let (next, next_key) = pair("new.example.test", LONG);
    write(directory.path(), &next, &key);
    assert!(
        matches!(
            store.refresh(now),
            Err(CertificateError::KeyMismatch { .. })
        ),
        "only half of it is there"
    );
    assert_eq!(store.refresh(now).unwrap(), Reload::Unchanged, "said once");
    assert_eq!(store.facts().names, ["old.example.test"]);
    assert!(store.reload().is_err(), "asked for, it is said again");

    write(directory.path(), &next, &next_key);
    assert!(matches!(store.refresh(now), Ok(Reload::Replaced(_))));
    assert_eq!(store.facts().names, ["new.example.test"]);

    fs::remove_file(directory.path().join("privkey.pem")).unwrap();
    assert!(matches!(
        store.refresh(now),
        Err(CertificateError::Unreadable { .. })
    ));
    assert_eq!(store.facts().names, ["new.example.test"]);
}

#[test]
fn a_source_is_switched_only_when_the_new_one_is_good() {
    let (_kept, store) = self_signed();
    let directory = tempfile::tempdir().unwrap();
    let bad = Source::Files {
        certificate: "/nonexistent/a".into(),
        key: "/nonexistent/b".into(),
    };
    assert!(store.switch(bad).is_err());
    assert_eq!(store.refresh(SystemTime::now()).unwrap(), Reload::Unchanged);
    let (certificate, key) = pair("new.example.test", LONG);
    store
        .switch(write(directory.path(), &certificate, &key))
        .unwrap();
    assert_eq!(store.facts().names, ["new.example.test"]);
}

#[test]
fn the_first_run_makes_a_private_pair_and_later_runs_keep_it() {
    let directory = tempfile::tempdir().unwrap();
    let source = own(
        directory.path(),
        &["Mail.example.test", "example.test", "example.test"],
    );
    let facts = Certificates::open(source.clone()).unwrap().facts();
    assert_eq!(
        facts.names,
        [
            "mail.example.test",
            "example.test",
            "localhost",
            "127.0.0.1",
            "::1"
        ]
    );
    let now = SystemTime::now();
    assert!(!facts.is_expired(now + 395 * DAY) && facts.is_expired(now + 397 * DAY));
    assert!(facts.not_before < now);
    let mode = |name: &str| {
        fs::metadata(directory.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (
            mode("tls"),
            mode("tls/key.pem"),
            mode("tls/certificate.pem")
        ),
        (0o700, 0o600, 0o600)
    );

    let text = fs::read(directory.path().join("tls/certificate.pem")).unwrap();
    Certificates::open(source).unwrap();
    assert_eq!(
        fs::read(directory.path().join("tls/certificate.pem")).unwrap(),
        text
    );
}

#[test]
fn our_own_pair_is_made_anew_when_it_will_not_do() {
    let directory = tempfile::tempdir().unwrap();
    let store = Certificates::open(own(directory.path(), &["a.test"])).unwrap();
    let first = store.facts();
    let later = SystemTime::now() + 400 * DAY;
    assert!(
        matches!(store.refresh(later), Ok(Reload::Replaced(_))),
        "expired"
    );
    assert!(store.facts().not_after > first.not_after);
    assert_eq!(store.refresh(later).unwrap(), Reload::Unchanged);

    let renamed = Certificates::open(own(directory.path(), &["b.test"]))
        .unwrap()
        .facts();
    assert_eq!(
        renamed.names[0], "b.test",
        "does not hold the configured name"
    );

    fs::write(directory.path().join("tls/key.pem"), "damaged").unwrap();
    assert_eq!(
        Certificates::open(own(directory.path(), &["b.test"]))
            .unwrap()
            .facts()
            .names[0],
        "b.test"
    );
}

#[test]
fn a_name_that_no_certificate_can_hold_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let error = Certificates::open(own(directory.path(), &["手紙.test"])).unwrap_err();
    assert!(matches!(error, CertificateError::NotMade { .. }), "{error}");
}

/// Somebody who may sign certificates.
fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    (params, KeyPair::generate().unwrap())
}

/// RFC 8446 section 4.4.2: a client that knows the root alone needs every certificate up to it.
#[test]
fn the_whole_chain_is_sent() {
    let (params, root_key) = authority("root");
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, root_key);
    let (params, middle_key) = authority("middle");
    let middle = params.signed_by(&middle_key, &issuer).unwrap();
    let issuer = Issuer::new(params, middle_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["mail.example.test".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let chain = leaf.pem() + &middle.pem();
    let source = write(directory.path(), &chain, &key.serialize_pem());
    let certificates = Certificates::open(source).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "mail.example.test".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server =
        ServerConnection::new(server_config(certificates, Protocol::Smtp).unwrap()).unwrap();
    while client.is_handshaking() {
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        server.read_tls(&mut &octets[..]).unwrap();
        server.process_new_packets().unwrap();
        octets.clear();
        server.write_tls(&mut octets).unwrap();
        client.read_tls(&mut &octets[..]).unwrap();
        client.process_new_packets().unwrap();
    }
    assert_eq!(client.peer_certificates().map(<[_]>::len), Some(2));
}

/// The name a client asks for (SNI) selects nothing, and no table grows with the number of names.
#[test]
fn nothing_is_kept_of_the_names_that_clients_ask_for() {
    let (_directory, certificates) = self_signed();
    let config = server_config(Arc::clone(&certificates), Protocol::Smtp).unwrap();
    assert!(!config.session_storage.can_cache());
    assert!(
        !config
            .session_storage
            .put(b"n1.elsewhere.test".to_vec(), vec![1])
    );
    for number in 0..20 {
        let name = ServerName::try_from(format!("n{number}.elsewhere.test")).unwrap();
        let trusting = client(&certificates, &[&TLS13, &TLS12], &[]);
        let mut client = ClientConnection::new(trusting, name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut &wire[..]).unwrap();
        server.process_new_packets().unwrap();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut &wire[..]).unwrap();
        // It was shown the one certificate there is, which has another name.
        let error = client.process_new_packets().unwrap_err().to_string();
        assert!(error.contains("mail.example.test"), "{error}");
    }
}
