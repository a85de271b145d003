//! The admin socket, in a temporary directory.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use admin::{AdminSocket, Client, RefusalKind, Request, Response, SOCKET_NAME};
use auth::{PasswordHash, Secret};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Office, add, line, mailbox};

/// A socket that is being served, and the way to stop it.
struct Serving {
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

fn serve(office: &Office, directory: &Path) -> Serving {
    let socket = AdminSocket::bind(directory).unwrap();
    let (stop, stopped) = oneshot::channel();
    let operations = Arc::clone(&office.operations);
    let served = tokio::spawn(async move {
        socket
            .serve(operations, async { stopped.await.unwrap() })
            .await;
    });
    Serving { stop, served }
}

impl Serving {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
    }
}

/// Blocking work beside the server's thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn a_request_goes_through_the_socket_and_back() {
    for name in ["d", &"long-directory-name".repeat(12)] {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        let office = Office::new();
        assert!(
            Client::connect(&directory).unwrap().is_none(),
            "nobody is there yet"
        );
        let serving = serve(&office, &directory);
        let mode = std::fs::metadata(directory.join(SOCKET_NAME))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let ask = |request: Request| {
            let directory = directory.clone();
            blocking(move || {
                Client::connect(&directory)
                    .unwrap()
                    .unwrap()
                    .ask(&request)
                    .unwrap()
            })
        };
        let added = ask(add("alice@example.test")).await.unwrap();
        assert_eq!(line(&added), "alice@example.test enabled=true quota=1000");
        let refusal = ask(add("alice@example.test")).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Taken);
        assert!(refusal.remedy.is_some());
        let Response::Status(status) = ask(Request::Status).await.unwrap() else {
            panic!("not a status")
        };
        assert_eq!(status.server.unwrap().version, "1.2.3");
        serving.stop().await;
        assert!(!directory.join(SOCKET_NAME).exists());
        assert!(
            Client::connect(&directory).unwrap().is_none(),
            "nobody is there any more"
        );
    }
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_anything_else_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(SOCKET_NAME);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(
        Client::connect(directory.path()).unwrap().is_none(),
        "a stale socket is nobody"
    );
    let serving = serve(&Office::new(), directory.path());
    assert!(Client::connect(directory.path()).unwrap().is_some());
    serving.stop().await;
    std::fs::write(&path, "precious").unwrap();
    let error = AdminSocket::bind(directory.path()).unwrap_err();
    assert!(error.to_string().contains("is in the way"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

/// Sends octets and reads what comes back, as one JSON value; `None` when nothing does.
fn raw(directory: &Path, octets: &[u8]) -> Option<Value> {
    let mut stream = UnixStream::connect(directory.join(SOCKET_NAME)).unwrap();
    // The server may close before it has taken all of an over-long request.
    let _ = stream.write_all(octets);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

#[tokio::test]
async fn nonsense_on_the_socket_is_refused_and_harms_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::new();
    let serving = serve(&office, directory.path());
    let unterminated = br#"{"version":1,"request":{"verb":"account-list"}}"#;
    let mut long = br#"{"version":1,"request":{"verb":""#.to_vec();
    long.resize(64 * 1024 - 1, b'x');
    long.push(b'\n');
    let rows: [(&[u8], &str); 9] = [
        (b"\n", "not understood"),
        (b"GET / HTTP/1.1\r\n\r\n", "not understood"),
        (b"{}\n", "version"),
        (b"{\"version\":2,\"request\":{\"verb\":\"novelty\"}}\n", "version 1 of the admin protocol, not 2"),
        (b"{\"version\":1,\"request\":{\"verb\":\"novelty\"}}\n", "unknown variant"),
        (b"{\"version\":1,\"request\":{\"verb\":\"account-show\",\"address\":\"alice\"}}\n", "full address"),
        (
            b"{\"version\":1,\"request\":{\"verb\":\"account-password\",\"address\":\"a@example.test\",\"password\":\"plain\"}}\n",
            "NewPassword",
        ),
        (unterminated, "one line"),
        (&long, "not understood"),
    ];
    for (octets, expected) in rows {
        let (octets, path) = (octets.to_vec(), directory.path().to_owned());
        let shown = String::from_utf8_lossy(&octets[..octets.len().min(80)]).into_owned();
        let answer = blocking(move || raw(&path, &octets)).await.unwrap();
        let refused = answer["answer"]["refused"]["message"].as_str().unwrap();
        assert!(refused.contains(expected), "{shown}: {refused}");
    }
    // One octet too many: refused, or cut off when the rest is still on its way.
    let path = directory.path().to_owned();
    let endless = blocking(move || raw(&path, &[b'x'; 1_000_000])).await;
    assert!(endless.is_none_or(|answer| answer["answer"]["refused"].is_object()));
    let path = directory.path().to_owned();
    assert!(
        blocking(move || raw(&path, b"")).await.is_none(),
        "silence gets no answer"
    );
    let good = office.ask(Request::AccountList).await;
    office.is(&good, "");
    serving.stop().await;
}

#[tokio::test]
async fn no_password_is_in_an_answer() {
    let office = Office::new();
    let password = PasswordHash::hash(&Secret::from("wonderland")).unwrap();
    let text = password.as_str().to_owned();
    let address = mailbox("alice@example.test");
    let add = Request::AccountAdd {
        address,
        name: String::new(),
        password: password.into(),
        quota: None,
    };
    let response = office.operations.execute(add).await.unwrap();
    let json = serde_json::to_string(&response).unwrap();
    assert!(!json.contains("argon2") && !json.contains(&text), "{json}");
    assert!(json.contains("\"password\":true"), "{json}");
}
