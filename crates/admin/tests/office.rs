//! The verbs and the socket, on a store in memory and a socket in a temporary directory.
#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

#[path = "office/hold.rs"]
mod hold;
#[path = "office/leads.rs"]
mod leads;
#[path = "office/mail.rs"]
mod mail;
#[path = "office/queue.rs"]
mod queue;
#[path = "office/socket.rs"]
mod socket;
#[path = "office/terms.rs"]
mod terms;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use address::{Domain, Envelope, Mailbox};
use admin::{
    Operations, QueueNews, Refusal, RefusalKind, Request, Response, ServerFacts, Stopped,
    Surroundings,
};
use auth::PasswordHash;
use mailstore::{Account, AccountId, Change, Declared, Options, Store};

/// A running server, as far as administration can tell.
#[derive(Default)]
struct Server {
    changed: Mutex<Vec<AccountId>>,
    news: Mutex<Vec<QueueNews>>,
    /// Messages that cannot be called back any more.
    on_its_way: Mutex<Vec<u64>>,
    accounts_file: Mutex<Option<PathBuf>>,
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

    fn accounts_file(&self) -> Option<PathBuf> {
        self.accounts_file.lock().unwrap().clone()
    }

    fn server(&self) -> Option<ServerFacts> {
        Some(ServerFacts {
            version: "1.2.3".to_owned(),
            hostname: "mail.example.test".to_owned(),
            process: 42,
            uptime: 60,
            suspended: None,
            listeners: Vec::new(),
            certificate: None,
            fetches: Vec::new(),
        })
    }

    fn changed(&self, account: AccountId) {
        self.changed.lock().unwrap().push(account);
    }

    fn suspend(&self, _suspended: bool) -> Result<(), Refusal> {
        Ok(())
    }

    fn queue_news(&self, news: QueueNews) -> bool {
        let sent = match &news {
            QueueNews::Withdrawn(id) => self.on_its_way.lock().unwrap().contains(id),
            QueueNews::Retry(_) | QueueNews::RetryAll | QueueNews::Released(_) => false,
        };
        self.news.lock().unwrap().push(news);
        sent
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

fn may_add(address: &str) -> Request {
    Request::AccountMayAdd {
        address: mailbox(address),
    }
}

fn may_change(address: &str) -> Request {
    Request::AccountMayChange {
        address: mailbox(address),
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

/// `label a b`, or nothing.
fn named(label: &str, addresses: &[Mailbox]) -> String {
    if addresses.is_empty() {
        return String::new();
    }
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    format!("{label} {}", addresses.join(" "))
}

fn line(response: &Response) -> String {
    match response {
        Response::Queue(response) => format!("{response:?}"),
        Response::Route(facts) => format!("{facts:?}"),
        Response::Compared(compared) => format!("{compared:?}"),
        Response::Allowed => "allowed".to_owned(),
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
            let elsewhere = named(", elsewhere", &alias.elsewhere);
            format!("{} -> {}{elsewhere}", alias.address, targets.join(" "))
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
            left,
            emptied,
            forwards,
        } => format!(
            "{address} gone with {messages}, {octets}{}{}{}",
            named(", left", left),
            named(", emptied", emptied),
            named(", forwards", forwards)
        ),
        Response::Status(status) => format!(
            "{:?} accounts={} disabled={} aliases={} messages={}",
            status.server.as_ref().map(|server| server.process),
            status.store.accounts,
            status.store.disabled,
            status.store.aliases,
            status.store.messages
        ),
        Response::List(list) => format!(
            "{} of {}{}",
            list.address,
            list.members.len(),
            named(", owned by", &list.owners)
        ),
        Response::Lists(lists) => lists
            .iter()
            .map(|list| format!("{} of {}", list.address, list.members))
            .collect::<Vec<_>>()
            .join(" "),
        Response::Vacation { settings, .. } => match settings {
            Some(settings) => format!("says {}", settings.text),
            None => "says nothing".to_owned(),
        },
        Response::Letters { .. }
        | Response::Held(_)
        | Response::Placed(_)
        | Response::Undeletable(_) => {
            format!("{response:?}")
        }
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
        (may_add("alice@example.test"), "allowed"),
        (
            add("Alice@example.test"),
            "Alice@example.test enabled=true quota=1000",
        ),
        (
            add("alice@EXAMPLE.test"),
            "Taken: alice@example.test is already taken",
        ),
        (
            may_add("ALICE@example.test"),
            "Taken: ALICE@example.test is already taken",
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
            may_add("carol@elsewhere.test"),
            "Unsuitable: elsewhere.test is not a domain of this server, which has: example.org, example.test",
        ),
        (
            may_add("dora+x@example.test"),
            "Unsuitable: dora+x@example.test: an account or list address has no +detail",
        ),
        (may_change("bob@example.org"), "allowed"),
        (
            may_change("carol@example.org"),
            "NoAccount: there is no account carol@example.org",
        ),
        (
            add("dora+x@example.test"),
            "Unsuitable: dora+x@example.test: an account or list address has no +detail",
        ),
        (
            add("dora%example.org@example.test"),
            "Unsuitable: dora%example.org@example.test: with %, ! or @ in its name it would look like a route, and other servers' mail for it is refused",
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
            "Unsuitable: nobody@example.test is neither an account nor an alias nor a list here",
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
        (
            may_add("info@example.test"),
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
    let envelope = Envelope::default();
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
            "alice@example.test gone with 0, 0, left info@example.test, emptied boss@example.test",
        ),
        (Request::AliasList, "info@example.test shop@example.test"),
        (
            no_alias("info@example.test", &[bob]),
            "info@example.test gone with 0, 0",
        ),
        (Request::AliasList, "shop@example.test"),
    ] {
        let seen = office.ask(request.clone()).await;
        assert_eq!(seen, outcome, "{request:?}");
    }
}

/// `tegami alias remove` once left aliases behind that led to nothing, whose mail was refused as unknown.
#[tokio::test]
async fn a_removed_alias_takes_along_what_led_only_to_it() {
    let office = Office::new();
    office.ask(add("alice@example.test")).await;
    office.ask(add("bob@example.test")).await;
    let (alice, bob) = ("alice@example.test", "bob@example.test");
    let info = "info@example.test";
    office.ask(alias(info, &[alice])).await;
    office.ask(alias("help@example.test", &[info])).await;
    office
        .ask(alias("team@example.test", &["help@example.test", bob]))
        .await;
    for (request, outcome) in [
        (
            no_alias(info, &[]),
            "info@example.test gone with 0, 0, left team@example.test, emptied help@example.test",
        ),
        (Request::AliasList, "team@example.test"),
        (
            alias("lists@example.test", &["bob+lists@example.test"]),
            "lists@example.test -> bob+lists@example.test",
        ),
        (
            remove(bob, false),
            "bob@example.test gone with 0, 0, emptied lists@example.test team@example.test",
        ),
        (Request::AliasList, ""),
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

/// Makes an account look as if the accounts file had made it.
async fn declare(office: &Office, address: &str) {
    let account = office
        .store
        .directory()
        .by_address(&mailbox(address))
        .unwrap()
        .clone();
    let declared = Some(Declared {
        fingerprint: vec![1],
        aliases: Vec::new(),
    });
    let change = Change::PutAccount(Account {
        declared,
        ..account
    });
    office.store.change(change).await.unwrap();
}

fn is_declared(office: &Office, address: &str) -> bool {
    let directory = office.store.directory();
    let account = directory.by_address(&mailbox(address)).unwrap();
    account.declared.is_some()
}

#[tokio::test]
async fn what_the_accounts_file_says_is_changed_there() {
    let office = Office::new();
    *office.server.accounts_file.lock().unwrap() = Some("/etc/accounts.toml".into());
    office.ask(add("alice@example.test")).await;
    let address = || mailbox("alice@example.test");
    declare(&office, "alice@example.test").await;
    for (request, outcome) in [
        (
            Request::AccountPassword {
                address: address(),
                password: hash().into(),
            },
            "Declared: alice@example.test is declared in /etc/accounts.toml",
        ),
        (
            Request::AccountQuota {
                address: address(),
                quota: None,
            },
            "Declared: alice@example.test is declared in /etc/accounts.toml",
        ),
        (
            remove("alice@example.test", true),
            "Declared: alice@example.test is declared in /etc/accounts.toml",
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
    assert!(is_declared(&office, "alice@example.test"));
}

/// Without `accounts_file` in the configuration, `account password` once sent people to a file that was not there.
#[tokio::test]
async fn without_an_accounts_file_whoever_changes_an_account_takes_it_over() {
    let office = Office::new();
    for address in ["alice@example.test", "bob@example.test"] {
        office.ask(add(address)).await;
        declare(&office, address).await;
    }
    let quota = Request::AccountQuota {
        address: mailbox("alice@example.test"),
        quota: Some(5),
    };
    for (request, outcome) in [
        (may_change("alice@example.test"), "allowed"),
        (quota, "alice@example.test enabled=true quota=5"),
        (
            remove("bob@example.test", false),
            "bob@example.test gone with 0, 0",
        ),
    ] {
        let seen = office.ask(request.clone()).await;
        assert_eq!(seen, outcome, "{request:?}");
    }
    // Should the file come back, it finds an account made by hand, and puts its own password in place.
    assert!(!is_declared(&office, "alice@example.test"));
}

#[tokio::test]
async fn only_a_running_server_can_be_suspended() {
    let store = Store::in_memory(Options::default()).unwrap();
    let request = Request::Suspend { suspended: true };
    let running = Operations::new(store.clone(), Arc::new(Server::default()));
    let answer = running.execute(request.clone()).await;
    assert!(matches!(answer, Ok(Response::Status(_))), "{answer:?}");
    let stopped = Stopped {
        domains: Vec::new(),
        default_quota: 0,
        accounts_file: None,
    };
    let refusal = Operations::new(store, Arc::new(stopped))
        .execute(request)
        .await;
    assert_eq!(refusal.unwrap_err().kind, RefusalKind::NotRunning);
}
