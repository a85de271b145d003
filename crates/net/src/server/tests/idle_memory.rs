//! What an idle connection costs this process. Run one at a time, such as
//! `cargo test --release -p net -- --ignored --nocapture idle_plain`.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls;

const CONNECTIONS: usize = 4000;
const WARM_UP: usize = 200;

/// Resident octets of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A greeted connection of which the client keeps nothing but the socket.
async fn idle(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> TcpStream {
    let Some(config) = tls else {
        return connect(address, "hello").await;
    };
    let client = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("mail.example.test").unwrap();
    let mut client = TlsConnector::from(Arc::clone(config))
        .connect(name, client)
        .await
        .unwrap();
    let mut greeting = said(&["hello"]);
    client.read_exact(&mut greeting).await.unwrap();
    client.into_inner().0
}

async fn measure(what: &str, security: Security, tls: Option<Arc<ClientConfig>>, at_most: usize) {
    crate::raise_open_files().unwrap();
    let many = Limits {
        sessions: usize::MAX,
        sessions_per_address: u32::MAX,
        ..NO_LIMITS
    };
    let (server, bound, toy) = (Server::new(many), bound(), ToyService::new());
    let address = bound.address();
    server.listen(bound, endpoint("toy", security), Arc::new(toy));
    let mut held = Vec::with_capacity(CONNECTIONS + WARM_UP);
    for _ in 0..WARM_UP {
        held.push(idle(address, tls.as_ref()).await);
    }
    let before = resident();
    for _ in 0..CONNECTIONS {
        held.push(idle(address, tls.as_ref()).await);
    }
    let each = resident().saturating_sub(before) / CONNECTIONS;
    println!("{what}: {each} octets per idle connection");
    assert!(each < at_most, "{what}: {each}");
}

async fn measure_tls(what: &str, version: &'static rustls::SupportedProtocolVersion) {
    let (_directory, certificates) = tls::tests::self_signed();
    let server = tls::server_config(Arc::clone(&certificates), Protocol::Pop3).unwrap();
    let client = tls::tests::client(&certificates, &[version], &[]);
    measure(what, Security::Implicit(server), Some(client), 32 * 1024).await;
}

// Each in a process of its own: the second would live on what the first gave back.

#[tokio::test]
#[ignore = "opens thousands of sockets"]
async fn idle_plain() {
    measure("plain", Security::Plain, None, 8 * 1024).await;
}

#[tokio::test]
#[ignore = "opens thousands of sockets"]
async fn idle_tls_1_3() {
    measure_tls("TLS 1.3", &TLS13).await;
}

#[tokio::test]
#[ignore = "opens thousands of sockets"]
async fn idle_tls_1_2() {
    measure_tls("TLS 1.2", &TLS12).await;
}
