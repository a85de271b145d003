//! TLS on the stream: who gets it, who does not, and what is forgotten on the way.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::stream::HANDSHAKE_DEADLINE;
use crate::tls::{self, Certificates};

struct Keys {
    _directory: TempDir,
    certificates: Arc<Certificates>,
    server: Arc<ServerConfig>,
}

fn keys() -> Keys {
    let (directory, certificates) = tls::tests::self_signed();
    let server = tls::server_config(Arc::clone(&certificates), Protocol::Smtp).unwrap();
    Keys {
        _directory: directory,
        certificates,
        server,
    }
}

impl Keys {
    fn starttls(&self, window: usize) -> Scene {
        open(
            window,
            Security::StartTls(Arc::clone(&self.server)),
            Admission::Welcome,
        )
    }

    fn implicit(&self, window: usize) -> Scene {
        open(
            window,
            Security::Implicit(Arc::clone(&self.server)),
            Admission::Welcome,
        )
    }

    fn client(&self) -> Arc<ClientConfig> {
        tls::tests::client(&self.certificates, &[&TLS13, &TLS12], &[])
    }
}

impl Scene {
    /// The client's side of a handshake.
    async fn secured(
        mut self,
        config: Arc<ClientConfig>,
    ) -> io::Result<Scene<TlsStream<DuplexStream>>> {
        let name = ServerName::try_from("mail.example.test").unwrap();
        let client = std::mem::replace(&mut self.client, tokio::io::duplex(1).0);
        let client = TlsConnector::from(config).connect(name, client).await?;
        Ok(self.with(client))
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_under_tls() {
    let keys = keys();
    for (version, expected) in [
        (&TLS13, "TLS1.3 TLS_AES_256_GCM_SHA384"),
        (&TLS12, "TLS1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let mut scene = keys.starttls(1 << 20);
        scene.send("facts\r\ntls\r\n").await;
        scene.hears(&["hello tls", "plain", "go ahead"]).await;
        let config = tls::tests::client(&keys.certificates, &[version], &[]);
        let mut scene = scene.secured(config).await.unwrap();
        scene.send("facts\r\nquit\r\n").await;
        scene.hears(&[expected, "bye"]).await;
        let mut rest = Vec::new();
        scene
            .client
            .read_to_end(&mut rest)
            .await
            .expect("closed with close_notify");
    }
}

#[tokio::test(start_paused = true)]
async fn under_tls_even_a_peer_that_took_its_leave_is_told_of_the_end_and_waited_for() {
    let keys = keys();
    let mut scene = keys.implicit(1 << 20).secured(keys.client()).await.unwrap();
    scene.send("part\r\n").await;
    scene.hears(&["hello", "bye"]).await;
    let mut rest = Vec::new();
    (scene.client.read_to_end(&mut rest).await).expect("closed with close_notify");
    scene.served.await.unwrap();
    assert_eq!((now() - scene.begun).as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn implicit_tls_greets_after_the_handshake() {
    let keys = keys();
    let mut scene = keys.implicit(1 << 20).secured(keys.client()).await.unwrap();
    scene.hears(&["hello"]).await;
    scene.send("facts\r\n").await;
    scene.hears(&["TLS1.3 TLS_AES_256_GCM_SHA384"]).await;
}

#[tokio::test(start_paused = true)]
async fn commands_behind_starttls_are_forgotten() {
    let keys = keys();
    let mut scene = keys.starttls(1 << 20);
    scene.send("tls\r\necho injected\r\n").await;
    scene.hears(&["hello tls", "go ahead"]).await;
    let mut scene = scene.secured(keys.client()).await.unwrap();
    scene.send("echo after\r\n").await;
    scene.hears(&["after"]).await;
}

#[tokio::test(start_paused = true)]
async fn commands_read_ahead_of_starttls_are_forgotten() {
    let keys = keys();
    let mut scene = keys.starttls(1 << 20);
    scene.send("later tls\r\n").await;
    scene.hears(&["hello tls"]).await;
    scene.settle().await;
    scene.send("echo injected\r\n").await;
    scene.settle().await;
    scene.service.answers.add_permits(1);
    scene.hears(&["go ahead"]).await;
    let mut scene = scene.secured(keys.client()).await.unwrap();
    scene.send("echo after\r\n").await;
    scene.hears(&["after"]).await;
}

#[tokio::test(start_paused = true)]
async fn commands_in_place_of_the_handshake_end_the_connection() {
    let keys = keys();
    for mut scene in [keys.starttls(1 << 20), keys.implicit(1 << 20)] {
        scene.send("tls\r\n").await;
        scene.settle().await;
        scene.send("echo injected\r\nGET / HTTP/1.1\r\n").await;
        let heard = scene.rest().await;
        assert!(!String::from_utf8_lossy(&heard).contains("injected"));
        scene.served.await.unwrap();
        assert!(scene.service.watch.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_may_come_octet_by_octet() {
    let keys = keys();
    let security = Security::Implicit(Arc::clone(&keys.server));
    let scene = open_reading(1, 1 << 20, security, Admission::Welcome);
    let mut scene = scene.secured(keys.client()).await.unwrap();
    scene.hears(&["hello"]).await;
    scene.send("echo a\r\n").await;
    scene.hears(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_alpn_is_refused_and_none_is_fine() {
    let keys = keys();
    for (offered, expected) in [
        (&[][..], true),
        (&["smtp"], true),
        (&["http/1.1", "smtp"], true),
        (&["http/1.1"], false),
        (&["h2", "http/1.1"], false),
        (&["pop3"], false),
    ] {
        let config = tls::tests::client(&keys.certificates, &[&TLS13, &TLS12], offered);
        let secured = keys.implicit(1 << 20).secured(config).await;
        let served = match secured {
            Ok(mut scene) => {
                scene.hears(&["hello"]).await;
                true
            }
            Err(error) => {
                assert!(
                    error.to_string().contains("NoApplicationProtocol"),
                    "{error}"
                );
                false
            }
        };
        assert_eq!(served, expected, "{offered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_order_of_cipher_suites_counts() {
    let keys = keys();
    for version in [&TLS13, &TLS12] {
        let usual = tls::tests::client(&keys.certificates, &[version], &[]);
        let mut provider = (**usual.crypto_provider()).clone();
        provider.cipher_suites.reverse();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(tls::tests::roots(&keys.certificates))
            .with_no_client_auth();
        let scene = keys.implicit(1 << 20).secured(Arc::new(config)).await;
        let suite = scene.unwrap().client.get_ref().1.negotiated_cipher_suite();
        let name = suite.unwrap().suite().as_str().unwrap();
        assert!(name.contains("AES_256_GCM"), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn tls_1_1_is_refused_with_an_alert() {
    // A ClientHello of TLS 1.1: no supported_versions, one cipher suite, null compression, no extensions.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x09, 1, 0]);
    let mut record = vec![
        22,
        3,
        1,
        0,
        hello.len() as u8 + 4,
        1,
        0,
        0,
        hello.len() as u8,
    ];
    record.extend(&hello);
    let mut scene = keys().implicit(1 << 20);
    scene.client.write_all(&record).await.unwrap();
    let (alert, fatal) = (21, 2);
    assert_eq!(scene.rest().await[..6], [alert, 3, 3, 0, 2, fatal]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_in_the_handshake_is_gone_at_once() {
    let keys = keys();
    for octets in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let mut scene = keys.implicit(1 << 20);
        scene.client.write_all(octets).await.unwrap();
        scene.settle().await;
        drop(scene.client);
        scene.served.await.unwrap();
        assert_eq!(now(), scene.begun);
    }
}

#[tokio::test(start_paused = true)]
async fn stalled_handshakes_are_dropped_and_new_ones_served_meanwhile() {
    let keys = keys();
    let stalled: Vec<Scene> = (0..2000).map(|_| keys.implicit(64)).collect();
    stalled[0].settle().await;
    tokio::time::advance(HANDSHAKE_DEADLINE / 2).await;
    let mut scene = keys.implicit(1 << 20).secured(keys.client()).await.unwrap();
    scene.hears(&["hello"]).await;
    for stalled in stalled {
        stalled.served.await.unwrap();
        assert_eq!(now() - stalled.begun, HANDSHAKE_DEADLINE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_starttls_is_dropped_with_its_session() {
    let mut scene = keys().starttls(1 << 20);
    scene.send("tls\r\n").await;
    scene.hears(&["hello tls", "go ahead"]).await;
    scene.served.await.unwrap();
    assert_eq!(now() - scene.begun, HANDSHAKE_DEADLINE);
    assert!(scene.service.watch.closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_handshakes() {
    let scene = keys().implicit(1 << 20);
    scene.settle().await;
    scene.stop.raise(Level::Draining);
    scene.served.await.unwrap();
    assert_eq!(now(), scene.begun);
}

#[tokio::test(start_paused = true)]
async fn a_refused_peer_gets_no_handshake() {
    let keys = keys();
    let security = Security::Implicit(Arc::clone(&keys.server));
    let mut scene = open(1 << 20, security, Admission::TooManyFromAddress);
    assert_eq!(scene.rest().await, b"");
    assert!(scene.writes().is_empty());
    assert_eq!(
        scene.watch().hosts_dropped.load(Ordering::SeqCst),
        0,
        "no session was made"
    );
}

#[tokio::test(start_paused = true)]
async fn back_pressure_works_under_tls() {
    let keys = keys();
    let mut scene = keys.implicit(700).secured(keys.client()).await.unwrap();
    scene.hears(&["hello"]).await;
    let texts: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    let commands: String = texts
        .iter()
        .map(|text| format!("echo {text}\r\n"))
        .collect();
    scene.send(&commands).await;
    scene.client.flush().await.unwrap();
    scene
        .hears(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    scene.send("huge 300000\r\nquit\r\n").await;
    let mut all = Vec::new();
    scene.client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), 300_000 + said(&["bye"]).len());
    assert_eq!(scene.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_serves_the_next_handshake() {
    let keys = keys();
    let old = keys.client();
    let mut before = keys
        .implicit(1 << 20)
        .secured(Arc::clone(&old))
        .await
        .unwrap();
    std::fs::remove_file(keys.certificates.facts().file).unwrap();
    keys.certificates.reload().unwrap();
    assert!(keys.implicit(1 << 20).secured(keys.client()).await.is_ok());
    assert!(
        keys.implicit(1 << 20).secured(old).await.is_err(),
        "the old one is no longer shown"
    );
    before.send("echo still here\r\n").await;
    before.hears(&["hello", "still here"]).await;
}
