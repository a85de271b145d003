//! The verbs and the socket, on a store in memory and a socket in a temporary directory.
#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use address::{Domain, Envelope, Mailbox, ReversePath};
use admin::{
    AdminSocket, Client, Operations, RefusalKind, Request, Response, SOCKET_NAME, ServerFacts,
    Surroundings,
};
use auth::{PasswordHash, Secret};
use mailstore::{Account, AccountId, Change, Declared, Options, Store};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server, as far as administration can tell.
#[derive(Default)]
struct Server {
    changed: Mutex<Vec<AccountId>>,
}

impl Surroundings for Server {
    fn domains(&self) -> Vec<Domain> {
        vec![
            "example.test".parse().unwrap(),
            "example.org".parse().unwrap(),
        ]
    }

    fn default_quota(&self) -> u64 {
        1000
    }

    fn server(&self) -> Option<ServerFacts> {
        Some(ServerFacts {
            version: "1.2.3".to_owned(),
            hostname: "mail.example.test".to_owned(),
            process: 42,
            uptime: 60,
            listeners: Vec::new(),
            certificate: None,
        })
    }

    fn changed(&self, account: AccountId) {
        self.changed.lock().unwrap().push(account);
    }
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse_user(text).unwrap()
}

/// Cheap to check and the same every time; nobody logs in here.
fn hash() -> PasswordHash {
    PasswordHash::parse(
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    )
    .unwrap()
}

fn add(address: &str) -> Request {
    Request::AccountAdd {
        address: mailbox(address),
        name: "Somebody".to_owned(),
        password: hash().into(),
        quota: None,
    }
}

fn alias(address: &str, targets: &[&str]) -> Request {
    Request::AliasAdd {
        address: mailbox(address),
        targets: targets.iter().map(|target| mailbox(target)).collect(),
    }
}

fn no_alias(address: &str, targets: &[&str]) -> Request {
    Request::AliasRemove {
        address: mailbox(address),
        targets: targets.iter().map(|target| mailbox(target)).collect(),
    }
}

fn remove(address: &str, with_mail: bool) -> Request {
    Request::AccountRemove {
        address: mailbox(address),
        with_mail,
    }
}

struct Office {
    operations: Arc<Operations>,
    server: Arc<Server>,
    store: Store,
}

impl Office {
    fn new() -> Self {
        let store = Store::in_memory(Options::default()).unwrap();
        let server = Arc::new(Server::default());
        let operations = Arc::new(Operations::new(
            store.clone(),
            Arc::<Server>::clone(&server),
        ));
        Self {
            operations,
            server,
            store,
        }
    }

    /// What comes of a request, in a line.
    async fn ask(&self, request: Request) -> String {
        match self.operations.execute(request).await {
            Ok(response) => line(&response),
            Err(refusal) => format!("{:?}: {}", refusal.kind, refusal.message),
        }
    }

    #[track_caller]
    fn is(&self, seen: &str, expected: &str) {
        assert_eq!(seen, expected);
    }
}

fn line(response: &Response) -> String {
    match response {
        Response::Account(account) => {
            format!(
                "{} enabled={} quota={}",
                account.address, account.enabled, account.quota
            )
        }
        Response::Accounts(accounts) => accounts
            .iter()
            .map(|account| account.address.to_string())
            .collect::<Vec<_>>()
            .join(" "),
        Response::Alias(alias) => {
            let targets: Vec<String> = alias.targets.iter().map(ToString::to_string).collect();
            format!("{} -> {}", alias.address, targets.join(" "))
        }
        Response::Aliases(aliases) => aliases
            .iter()
            .map(|alias| alias.address.to_string())
            .collect::<Vec<_>>()
            .join(" "),
        Response::Removed {
            address,
            messages,
            octets,
            aliases,
        } => {
            let aliases: Vec<String> = aliases.iter().map(ToString::to_string).collect();
            let line = format!(
                "{address} gone with {messages}, {octets}, {}",
                aliases.join(" ")
            );
            line.trim_end_matches([',', ' ']).to_owned()
        }
        Response::Status(status) => format!(
            "{:?} accounts={} disabled={} aliases={} messages={}",
            status.server.as_ref().map(|server| server.process),
            status.store.accounts,
            status.store.disabled,
            status.store.aliases,
            status.store.messages
        ),
    }
}

#[tokio::test]
async fn accounts_and_aliases_from_the_first_to_the_last() {
    let office = Office::new();
    let quota = |quota| Request::AccountQuota {
        address: mailbox("ALICE@example.test"),
        quota,
    };
    let enable = |enabled| Request::AccountEnable {
        address: mailbox("alice@example.test"),
        enabled,
    };
    for (request, outcome) in [
        (Request::AccountList, ""),
        (
            add("Alice@example.test"),
            "Alice@example.test enabled=true quota=1000",
        ),
        (
            add("alice@EXAMPLE.test"),
            "Taken: alice@example.test is already taken",
        ),
        (
            add("bob@example.org"),
            "bob@example.org enabled=true quota=1000",
        ),
        (
            add("carol@elsewhere.test"),
            "Unsuitable: elsewhere.test is not a domain of this server, which has: example.org, example.test",
        ),
        (
            add("dora+x@example.test"),
            "Unsuitable: dora+x@example.test: an account address has no +detail",
        ),
        (Request::AccountList, "bob@example.org Alice@example.test"),
        (quota(Some(5)), "Alice@example.test enabled=true quota=5"),
        (quota(Some(0)), "Alice@example.test enabled=true quota=0"),
        (quota(None), "Alice@example.test enabled=true quota=1000"),
        (enable(false), "Alice@example.test enabled=false quota=1000"),
        (
            Request::Status,
            "Some(42) accounts=2 disabled=1 aliases=0 messages=0",
        ),
        (enable(true), "Alice@example.test enabled=true quota=1000"),
        (
            alias("info@example.test", &["nobody@example.test"]),
            "Unsuitable: nobody@example.test is neither an account nor an alias here",
        ),
        (
            alias("info@example.test", &["alice@example.test"]),
            "info@example.test -> alice@example.test",
        ),
        (
            alias(
                "info@example.test",
                &["Alice@example.test", "bob@example.org"],
            ),
            "info@example.test -> alice@example.test bob@example.org",
        ),
        (
            alias("all@example.test", &["info@example.test"]),
            "all@example.test -> info@example.test",
        ),
        (
            alias("info@example.test", &["all@example.test"]),
            "Unsuitable: the alias info@example.test would lead back to itself",
        ),
        (
            alias("alice@example.test", &["bob@example.org"]),
            "Taken: alice@example.test is already taken",
        ),
        (
            add("info@example.test"),
            "Taken: info@example.test is already taken",
        ),
        (Request::AliasList, "all@example.test info@example.test"),
        (
            no_alias("info@example.test", &["carol@example.test"]),
            "NoAlias: the alias info@example.test does not lead to carol@example.test",
        ),
        (
            no_alias("info@example.test", &["bob@example.org"]),
            "info@example.test -> alice@example.test",
        ),
        (
            no_alias("all@example.test", &["info@example.test"]),
            "all@example.test gone with 0, 0",
        ),
        (
            no_alias("all@example.test", &[]),
            "NoAlias: there is no alias all@example.test",
        ),
        (
            no_alias("info@example.test", &[]),
            "info@example.test gone with 0, 0",
        ),
        (
            remove("carol@example.test", true),
            "NoAccount: there is no account carol@example.test",
        ),
        (
            remove("bob@example.org", false),
            "bob@example.org gone with 0, 0",
        ),
        (
            Request::AccountShow {
                address: mailbox("bob@example.org"),
            },
            "NoAccount: there is no account bob@example.org",
        ),
    ] {
        let seen = office.ask(request.clone()).await;
        assert_eq!(seen, outcome, "{request:?}");
    }
}

async fn deliver(store: &Store, address: &str, body: &'static [u8]) {
    let account = store.directory().by_address(&mailbox(address)).unwrap().id;
    let reservation = store.reserve(account, 0).unwrap();
    let mut incoming = store.begin();
    incoming.write(body.into()).await.unwrap();
    let envelope = Envelope {
        reverse_path: ReversePath::Null,
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        recipients: Vec::new(),
    };
    store
        .deliver(incoming, vec![reservation], envelope)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_removed_account_leaves_no_alias_pointing_to_it() {
    let office = Office::new();
    office.ask(add("alice@example.test")).await;
    office.ask(add("bob@example.test")).await;
    let (alice, bob) = ("alice@example.test", "bob@example.test");
    office.ask(alias("info@example.test", &[alice, bob])).await;
    office.ask(alias("boss@example.test", &[alice])).await;
    office.ask(alias("shop@example.test", &[bob])).await;
    for (request, outcome) in [
        (
            remove(alice, false),
            "alice@example.test gone with 0, 0, boss@example.test info@example.test",
        ),
        (Request::AliasList, "info@example.test shop@example.test"),
        (
            no_alias("info@example.test", &[bob]),
            "info@example.test gone with 0, 0",
        ),
    ] {
        let seen = office.ask(request.clone()).await;
        assert_eq!(seen, outcome, "{request:?}");
    }
}

#[tokio::test]
async fn mail_is_only_deleted_by_somebody_who_said_so() {
    let office = Office::new();
    office.ask(add("alice@example.test")).await;
    deliver(
        &office.store,
        "alice@example.test",
        b"Subject: one\r\n\r\nHello\r\n",
    )
    .await;
    deliver(
        &office.store,
        "alice@example.test",
        b"Subject: two\r\n\r\nHello\r\n",
    )
    .await;
    let refused = office.ask(remove("alice@example.test", false)).await;
    office.is(
        &refused,
        "HoldsMail: alice@example.test holds mail: 2 messages would be deleted for good",
    );
    let status = office.ask(Request::Status).await;
    office.is(
        &status,
        "Some(42) accounts=1 disabled=0 aliases=0 messages=2",
    );
    let removed = office.ask(remove("alice@example.test", true)).await;
    office.is(&removed, "alice@example.test gone with 2, 46");
}

#[tokio::test]
async fn whoever_remembers_logins_hears_of_every_change() {
    let office = Office::new();
    let address = || mailbox("alice@example.test");
    office.ask(add("alice@example.test")).await;
    let id = office.store.directory().by_address(&address()).unwrap().id;
    office
        .ask(Request::AccountPassword {
            address: address(),
            password: hash().into(),
        })
        .await;
    office
        .ask(Request::AccountEnable {
            address: address(),
            enabled: false,
        })
        .await;
    office.ask(remove("alice@example.test", false)).await;
    assert_eq!(*office.server.changed.lock().unwrap(), [id, id, id]);
}

#[tokio::test]
async fn what_the_accounts_file_says_is_changed_there() {
    let office = Office::new();
    office.ask(add("alice@example.test")).await;
    let address = || mailbox("alice@example.test");
    let account = office
        .store
        .directory()
        .by_address(&address())
        .unwrap()
        .clone();
    let declared = Some(Declared {
        fingerprint: vec![1],
        aliases: Vec::new(),
    });
    office
        .store
        .change(Change::PutAccount(Account {
            declared,
            ..account
        }))
        .await
        .unwrap();
    for (request, outcome) in [
        (
            Request::AccountPassword {
                address: address(),
                password: hash().into(),
            },
            "Declared: alice@example.test is declared in the accounts file",
        ),
        (
            Request::AccountQuota {
                address: address(),
                quota: None,
            },
            "Declared: alice@example.test is declared in the accounts file",
        ),
        (
            remove("alice@example.test", true),
            "Declared: alice@example.test is declared in the accounts file",
        ),
        (
            Request::AccountEnable {
                address: address(),
                enabled: false,
            },
            "alice@example.test enabled=false quota=1000",
        ),
    ] {
        let seen = office.ask(request.clone()).await;
        assert_eq!(seen, outcome, "{request:?}");
    }
    // Switching it off did not make it an ordinary one.
    assert!(
        office
            .store
            .directory()
            .by_address(&address())
            .unwrap()
            .declared
            .is_some()
    );
}

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
