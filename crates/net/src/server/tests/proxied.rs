//! Connections that a listed proxy passes on, and proxies nobody has listed.

use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls;

/// A server that believes the loopback network.
fn believing(limits: Limits) -> (Server, SocketAddr, ToyService) {
    let (server, address, toy) = start(limits);
    server.set_proxies(vec!["127.0.0.0/8".parse().unwrap()]);
    (server, address, toy)
}

async fn pass_on(address: SocketAddr, client: &str, behind: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let header = format!("PROXY TCP4 {client} 198.51.100.1 1025 25\r\n{behind}");
    socket.write_all(header.as_bytes()).await.unwrap();
    socket
}

/// The connection ends without a word.
async fn is_closed(socket: &mut TcpStream) -> bool {
    // Closing over unread octets resets the connection, which is as good an end.
    matches!(socket.read(&mut [0; 1]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn the_client_counts_and_not_the_proxy() {
    let (server, address, _) = believing(Limits {
        sessions_per_address: 1,
        ..NO_LIMITS
    });
    let mut first = pass_on(address, "192.0.2.1", "").await;
    hears(&mut first, &["hello"]).await;
    first.write_all(b"peer\r\n").await.unwrap();
    hears(&mut first, &["192.0.2.1:1025"]).await;
    let mut second = pass_on(address, "192.0.2.2", "").await;
    hears(&mut second, &["hello"]).await;
    let mut again = pass_on(address, "192.0.2.1", "").await;
    hears(&mut again, &["TooManyFromAddress"]).await;
    assert_eq!(
        (server.status()[0].open, server.status()[0].refused),
        (2, 1)
    );
}

#[tokio::test]
async fn a_health_check_of_the_proxy_is_its_own() {
    let (_server, address, _) = believing(NO_LIMITS);
    let mut check = TcpStream::connect(address).await.unwrap();
    check.write_all(b"PROXY UNKNOWN\r\n").await.unwrap();
    hears(&mut check, &["hello"]).await;
    check.write_all(b"peer\r\n").await.unwrap();
    let own = check.local_addr().unwrap().to_string();
    hears(&mut check, &[&own]).await;
}

#[tokio::test]
async fn a_listed_peer_without_a_header_is_closed_without_a_word() {
    let (server, address, toy) = believing(NO_LIMITS);
    for sent in ["echo hello\r\n", "PROXY TCP4 nobody\r\n"] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(sent.as_bytes()).await.unwrap();
        assert!(is_closed(&mut socket).await, "{sent:?}");
    }
    assert_eq!(server.status()[0].refused, 2);
    assert_eq!(
        toy.watch.hosts_dropped.load(Ordering::SeqCst),
        0,
        "no session was made"
    );
}

#[tokio::test]
async fn a_header_from_an_unlisted_peer_is_no_header() {
    let (server, toy, bound) = (Server::new(NO_LIMITS), ToyService::new(), bound());
    server.set_proxies(vec!["192.0.2.0/24".parse().unwrap()]);
    let mut hasty = pass_on(bound.address(), "192.0.2.1", "").await;
    server.listen(bound, endpoint("toy", Security::Plain), Arc::new(toy));
    hears(&mut hasty, &["EarlyTalker"]).await;
}

#[tokio::test]
async fn whoever_speaks_behind_the_header_before_the_greeting_is_turned_away() {
    let (_server, address, _) = believing(NO_LIMITS);
    let mut hasty = pass_on(address, "192.0.2.1", "echo smuggled\r\n").await;
    hears(&mut hasty, &["EarlyTalker"]).await;
}

#[tokio::test]
async fn the_header_comes_before_the_handshake_where_tls_is_implicit() {
    let (_directory, certificates) = tls::tests::self_signed();
    let config = tls::server_config(Arc::clone(&certificates), Protocol::Pop3).unwrap();
    let (server, toy, bound) = (Server::new(NO_LIMITS), ToyService::new(), bound());
    let address = bound.address();
    server.set_proxies(vec!["127.0.0.1/32".parse().unwrap()]);
    server.listen(
        bound,
        endpoint("toys", Security::Implicit(config)),
        Arc::new(toy),
    );
    let socket = pass_on(address, "192.0.2.1", "").await;
    let connector = TlsConnector::from(tls::tests::client(&certificates, &[&TLS13], &[]));
    let name = ServerName::try_from("mail.example.test").unwrap();
    let mut client = connector.connect(name, socket).await.unwrap();
    client.write_all(b"peer\r\n").await.unwrap();
    let expected = said(&["hello", "192.0.2.1:1025"]);
    let mut heard = vec![0; expected.len()];
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(
        heard.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

#[tokio::test]
async fn a_header_that_never_comes_does_not_hold_up_the_stop() {
    let (server, address, _) = believing(NO_LIMITS);
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut passed = pass_on(address, "192.0.2.1", "").await;
    hears(&mut passed, &["hello"]).await;
    drop(passed);
    server.shutdown(Duration::from_secs(60)).await;
    assert!(is_closed(&mut silent).await);
}
