//! Holding the files of a store through the socket.

use std::path::Path;
use std::sync::Arc;

use admin::{AdminSocket, Client, Held, Operations, Refusal, RefusalKind, Request, Response};
use mailstore::{AccountId, Census, Change, Damage, NewAccount, Options, Store};
use tokio::sync::oneshot;

use super::{Server, mailbox};

/// A server on a store of its own, serving its socket until told to stop.
struct Serving {
    directory: tempfile::TempDir,
    store: Store,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

async fn serve() -> Serving {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(directory.path(), Options::default()).unwrap();
    let new = NewAccount::new(mailbox("alice@example.test"));
    store.change(Change::AddAccount(new)).await.unwrap();
    let operations = Operations::new(store.clone(), Arc::new(Server::default()));
    let socket = AdminSocket::bind(directory.path()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        socket
            .serve(Arc::new(operations), async { stopped.await.unwrap() })
            .await;
    });
    Serving {
        directory,
        store,
        stop,
        served,
    }
}

async fn hold(directory: &Path) -> Result<(Held, Census), Refusal> {
    let directory = directory.to_owned();
    let held = tokio::task::spawn_blocking(move || {
        let client = Client::connect(&directory).unwrap().unwrap();
        client.hold().unwrap()
    });
    held.await.unwrap()
}

#[tokio::test]
async fn files_are_held_until_the_connection_or_the_server_ends() {
    let serving = serve().await;
    let directory = serving.directory.path().to_owned();
    let (held, census) = hold(&directory).await.unwrap();
    assert!(held.is_held());
    // Hers, and that of the queue.
    assert_eq!((census.messages, census.mailboxes.len()), (0, 2));
    assert!(census.end.offset > 0);
    drop(held);
    // The places of those that ended are given to others, sooner or later.
    let mut all = Vec::new();
    let refusal = loop {
        match hold(&directory).await {
            Ok((held, _)) => all.push(held),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.kind, RefusalKind::Store);
    assert!(refusal.message.contains("at the same time"), "{refusal}");
    assert!(all.len() >= 3, "{}", all.len());
    // A hold ends with the server, which does not wait for it.
    assert!(all.iter().all(Held::is_held));
    serving.stop.send(()).unwrap();
    serving.served.await.unwrap();
    assert!(!all.iter().any(Held::is_held));
    serving.store.close().await;
}

#[tokio::test]
async fn an_answer_alone_holds_nothing() {
    let serving = serve().await;
    let operations = Operations::new(serving.store.clone(), Arc::new(Server::default()));
    let refusal = operations.execute(Request::Hold).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotUnderstood);
    serving.store.clone().close().await;
    let refusal = operations.hold().await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Rebuilding);
}

#[tokio::test]
async fn what_stands_at_a_place_is_told_for_each_place() {
    let serving = serve().await;
    let account = AccountId(1);
    let store = &serving.store;
    for octets in [100, 200] {
        let mut incoming = store.begin();
        incoming.write(vec![b'x'; octets].into()).await.unwrap();
        let reservation = store.reserve(account, 0).unwrap();
        let envelope = address::Envelope::default();
        store
            .deliver(incoming, vec![reservation], envelope)
            .await
            .unwrap();
    }
    let place = |segment, offset, octets| Damage {
        segment,
        offset,
        octets,
    };
    let places = vec![place(2, 0, 9_999), place(1, 0, 80), place(1, 80, 9_999)];
    let operations = Operations::new(store.clone(), Arc::new(Server::default()));
    let answer = operations.execute(Request::Placed { places }).await;
    let Ok(Response::Placed(listed)) = answer else {
        panic!("{answer:?}");
    };
    let octets: Vec<Vec<u64>> = listed
        .iter()
        .map(|hits| hits.iter().map(|hit| hit.octets).collect())
        .collect();
    assert_eq!(octets, [vec![], vec![], vec![100, 200]]);
    assert_eq!(listed[2][0].address, Some(mailbox("alice@example.test")));
}
