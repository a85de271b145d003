//! Guests on loopback sockets: they may speak first, and the gate counts them like everybody else.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::bind::bind;
use crate::gate::Limits;
use crate::server::Server;
use crate::stop::Level;

/// Repeats what a guest says up to a line end; one that is not welcome hears why. `panic` is too much for it.
struct Parrot;

impl Guests for Parrot {
    async fn receive(&self, mut line: Box<dyn Octets>, connection: Connection, stop: &Stop) {
        if connection.admission != Admission::Welcome {
            let words = format!("{:?}", connection.admission);
            line.write_all(words.as_bytes()).await.unwrap();
            return;
        }
        let mut alarm = stop.alarm();
        let mut heard = Vec::new();
        while !heard.ends_with(b"\n") {
            let octet = tokio::select! {
                () = alarm.at_least(Level::Draining) => return,
                octet = line.read_u8() => octet.unwrap(),
            };
            heard.push(octet);
        }
        assert_ne!(heard, b"panic\n");
        line.write_all(&heard).await.unwrap();
    }
}

fn start(limits: Limits) -> (Server, SocketAddr) {
    let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let (server, address) = (Server::new(limits), bound.address());
    server.listen_for_guests(bound, "parrot".into(), "words", Arc::new(Parrot));
    (server, address)
}

async fn said(address: SocketAddr, words: &str) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(words.as_bytes()).await.unwrap();
    let mut heard = String::new();
    // A guest that is turned away may find its words unread, and the connection reset behind the answer.
    let _ = client.read_to_string(&mut heard).await;
    heard
}

#[tokio::test]
async fn guests_may_speak_before_they_are_met_and_one_that_is_too_much_harms_nobody_else() {
    let (server, address) = start(Limits::default());
    for _ in 0..3 {
        assert_eq!(said(address, "hello\n").await, "hello\n");
        assert_eq!(said(address, "panic\n").await, "");
    }
    let status = server.status();
    assert_eq!((&*status[0].name, status[0].total), ("parrot", 6));
}

#[tokio::test]
async fn guests_count_per_address_and_their_place_is_free_when_they_leave() {
    let (server, address) = start(Limits {
        sessions_per_address: 1,
        ..Limits::default()
    });
    let first = TcpStream::connect(address).await.unwrap();
    while server.status()[0].open == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(said(address, "").await, "TooManyFromAddress");
    assert_eq!(server.status()[0].refused, 1);
    drop(first);
    while server.status()[0].open > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(said(address, "again\n").await, "again\n");
}

#[tokio::test]
async fn guests_of_a_listed_proxy_come_without_a_header_and_its_address_does_not_count() {
    let loopback: Vec<ipnet::IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
    let (server, address) = start(Limits {
        sessions: 8,
        sessions_per_address: 1,
        connect_rate: Some("1/1h".parse().unwrap()),
        fronts: loopback.clone(),
        ..Limits::default()
    });
    server.set_proxies(loopback);
    let first = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(said(address, "hello\n").await, "hello\n");
    }
    // They come to an end before they are no longer counted.
    while server.status()[0].open > 1 {
        tokio::task::yield_now().await;
    }
    let second = TcpStream::connect(address).await.unwrap();
    while server.status()[0].open < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(said(address, "").await, "TooManySessions");
    drop((first, second));
}

#[tokio::test]
async fn a_quarter_is_all_for_guests_at_however_many_addresses_they_are_received() {
    let (server, first) = start(Limits {
        sessions: 4,
        ..Limits::default()
    });
    let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let second = bound.address();
    server.listen_for_guests(bound, "parrot".into(), "words", Arc::new(Parrot));
    let inside = TcpStream::connect(first).await.unwrap();
    while server.status()[0].open == 0 {
        tokio::task::yield_now().await;
    }
    assert_ne!(said(second, "hello\n").await, "hello\n");
    assert_eq!(server.status()[1].refused, 1);
    drop(inside);
    while server.status()[0].open > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(said(second, "hello\n").await, "hello\n");
}

#[tokio::test]
async fn guests_leave_when_the_server_stops() {
    let (server, address) = start(Limits::default());
    let mut waiting = TcpStream::connect(address).await.unwrap();
    while server.status()[0].open == 0 {
        tokio::task::yield_now().await;
    }
    let drained = server.shutdown(std::time::Duration::from_secs(60)).await;
    assert_eq!((drained.open, drained.dropped), (1, 0));
    assert_eq!(waiting.read(&mut [0; 1]).await.unwrap(), 0);
}
