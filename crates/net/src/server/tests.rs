//! Listeners on loopback sockets: who is let in, who is turned away, and how it all ends.

mod idle_memory;
mod proxied;

use std::net::Ipv4Addr;

use reply::Protocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::bind::bind;
use crate::serve::Security;
use crate::toy::{ToyService, said};

const NO_LIMITS: Limits = Limits {
    sessions: 1000,
    sessions_per_address: 1000,
    connect_rate: None,
    exempt: Vec::new(),
    speakers: Vec::new(),
    fronts: Vec::new(),
};

fn bound() -> Bound {
    bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}

/// A server with one plain listener.
fn start(limits: Limits) -> (Server, SocketAddr, ToyService) {
    let (server, bound, toy) = (Server::new(limits), bound(), ToyService::new());
    let address = bound.address();
    server.listen(
        bound,
        endpoint("toy", Security::Plain),
        Arc::new(toy.clone()),
    );
    (server, address, toy)
}

fn endpoint(name: &str, security: Security) -> Endpoint {
    Endpoint {
        name: name.into(),
        protocol: Protocol::Pop3,
        security,
    }
}

#[track_caller]
fn hears(client: &mut TcpStream, texts: &[&str]) -> impl Future<Output = ()> {
    let (expected, caller) = (said(texts), std::panic::Location::caller());
    async move {
        let mut heard = vec![0; expected.len()];
        client
            .read_exact(&mut heard)
            .await
            .unwrap_or_else(|error| panic!("{error}, at {caller}"));
        assert_eq!(
            heard.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "at {caller}"
        );
    }
}

async fn connect(address: SocketAddr, greeting: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    hears(&mut client, &[greeting]).await;
    client
}

async fn quit(client: &mut TcpStream) {
    client.write_all(b"quit\r\n").await.unwrap();
    hears(client, &["bye"]).await;
}

#[tokio::test]
async fn a_place_is_free_again_when_the_last_reply_is_read() {
    let (_server, address, _) = start(Limits {
        sessions_per_address: 2,
        ..NO_LIMITS
    });
    let mut first = connect(address, "hello").await;
    let _second = connect(address, "hello").await;
    for _ in 0..20 {
        let mut refused = connect(address, "TooManyFromAddress").await;
        assert_eq!(refused.read(&mut [0; 1]).await.unwrap(), 0);
        quit(&mut first).await;
        first = connect(address, "hello").await;
    }
}

/// On a real socket, where closing too early would be a reset.
#[tokio::test]
async fn the_answer_to_a_leave_is_read_whole_however_late() {
    let (server, address, _) = start(NO_LIMITS);
    for big in [0, 200_000] {
        let mut client = connect(address, "hello").await;
        let words = format!("big {big}\r\npart\r\n");
        client.write_all(words.as_bytes()).await.unwrap();
        while big == 0 && server.status().iter().any(|listener| listener.open > 0) {
            tokio::task::yield_now().await;
        }
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard.len(), big + said(&["bye"]).len());
        assert!(heard.ends_with(&said(&["bye"])));
    }
}

#[tokio::test]
async fn a_client_that_vanishes_frees_its_place() {
    let (server, address, _) = start(Limits {
        sessions: 1,
        ..NO_LIMITS
    });
    let client = connect(address, "hello").await;
    connect(address, "TooManySessions").await;
    drop(client);
    while server.status()[0].open > 0 {
        tokio::task::yield_now().await;
    }
    connect(address, "hello").await;
}

#[tokio::test]
async fn addresses_of_one_listener_count_together_and_listeners_apart() {
    let (server, toy) = (
        Server::new(Limits {
            sessions_per_address: 1,
            ..NO_LIMITS
        }),
        ToyService::new(),
    );
    let addresses = ["smtp", "smtp", "pop3"].map(|name| {
        let bound = bound();
        let address = bound.address();
        server.listen(
            bound,
            endpoint(name, Security::Plain),
            Arc::new(toy.clone()),
        );
        address
    });
    let _held = connect(addresses[0], "hello").await;
    connect(addresses[1], "TooManyFromAddress").await;
    let _other = connect(addresses[2], "hello").await;
}

#[tokio::test]
async fn new_limits_hold_at_once() {
    let (server, address, _) = start(Limits {
        connect_rate: "2/1h".parse().ok(),
        ..NO_LIMITS
    });
    for greeting in ["hello", "hello", "TooFast", "TooFast"] {
        connect(address, greeting).await;
    }
    server.set_limits(Limits {
        exempt: vec!["127.0.0.0/8".parse().unwrap()],
        ..NO_LIMITS
    });
    connect(address, "hello").await;
}

#[tokio::test]
async fn a_client_in_the_clothes_of_a_gateway_is_noticed_once() {
    let (server, address, _) = start(NO_LIMITS);
    server.set_gateways(vec!["192.0.2.1".parse().unwrap()]);
    connect(address, "hello").await;
    let seen = || server.shared.gateway_seen.load(Ordering::Relaxed);
    assert!(!seen());
    server.set_gateways(vec!["127.0.0.1".parse().unwrap()]);
    connect(address, "hello").await;
    assert!(seen());
}

#[tokio::test]
async fn a_peer_that_speaks_before_it_is_greeted_is_turned_away() {
    let (server, toy, bound) = (Server::new(NO_LIMITS), ToyService::new(), bound());
    let mut hasty = TcpStream::connect(bound.address()).await.unwrap();
    hasty.write_all(b"echo smuggled\r\n").await.unwrap();
    let mut patient = TcpStream::connect(bound.address()).await.unwrap();
    server.listen(bound, endpoint("toy", Security::Plain), Arc::new(toy));
    hears(&mut hasty, &["EarlyTalker"]).await;
    let mut rest = Vec::new();
    hasty
        .read_to_end(&mut rest)
        .await
        .expect("closed in order, so that the reply is read");
    assert_eq!(rest, b"");
    hears(&mut patient, &["hello"]).await;
    assert_eq!(server.status()[0].refused, 1);
}

#[tokio::test]
async fn counts_what_comes_and_goes() {
    let (server, address, _) = start(Limits {
        sessions: 2,
        ..NO_LIMITS
    });
    let _first = connect(address, "hello").await;
    let mut second = connect(address, "hello").await;
    connect(address, "TooManySessions").await;
    let status = |open, total, refused| ListenerStatus {
        name: "toy".into(),
        address,
        open,
        total,
        refused,
    };
    assert_eq!(server.status(), [status(2, 2, 1)]);
    quit(&mut second).await;
    assert_eq!(server.status(), [status(1, 2, 1)]);
}

#[tokio::test]
async fn a_drain_lets_sessions_finish_and_turns_newcomers_away() {
    let (server, address, toy) = start(NO_LIMITS);
    let mut idle = connect(address, "hello").await;
    let mut busy = connect(address, "hello").await;
    busy.write_all(b"later stored\r\n").await.unwrap();
    while toy.watch.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let stopping = server.clone();
    let drain = tokio::spawn(async move { stopping.shutdown(Duration::from_secs(60)).await });
    hears(&mut idle, &["stopping"]).await;
    connect(address, "Stopping").await;
    toy.answers.add_permits(1);
    hears(&mut busy, &["stored", "stopping"]).await;
    drop((idle, busy));
    assert_eq!(
        drain.await.unwrap(),
        Drained {
            open: 2,
            dropped: 0
        }
    );
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the port is closed"
    );
}

#[tokio::test]
async fn a_drain_drops_what_is_open_at_its_deadline() {
    let (server, address, toy) = start(NO_LIMITS);
    let mut busy = connect(address, "hello").await;
    busy.write_all(b"later never\r\n").await.unwrap();
    while toy.watch.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        server.shutdown(Duration::from_millis(1)).await,
        Drained {
            open: 1,
            dropped: 1
        }
    );
    let mut rest = Vec::new();
    let _reset = busy.read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn who_is_cut_off_in_a_drain_is_counted_though_he_is_gone_by_then() {
    let (server, address, toy) = start(NO_LIMITS);
    let mut busy = connect(address, "hello").await;
    busy.write_all(b"later never\r\n").await.unwrap();
    while toy.watch.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut drain = std::pin::pin!(server.shutdown(Duration::from_secs(60)));
    tokio::select! {
        biased;
        drained = &mut drain => panic!("{drained:?}"),
        () = std::future::ready(()) => (),
    }
    server.cut();
    let mut rest = Vec::new();
    let _reset = busy.read_to_end(&mut rest).await;
    while !server.shared.sessions.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        drain.await,
        Drained {
            open: 1,
            dropped: 1
        }
    );
}

#[tokio::test]
async fn a_server_without_connections_stops_at_once() {
    let (server, address, _) = start(NO_LIMITS);
    assert!(server.is_accepting());
    assert_eq!(
        server.shutdown(Duration::from_secs(60)).await,
        Drained {
            open: 0,
            dropped: 0
        }
    );
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!server.is_accepting());
}
