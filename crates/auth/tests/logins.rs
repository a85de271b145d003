//! Logging in as the server does it: accounts, cache, pool and throttle together.
#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use auth::{
    AccountRef, Accounts, Authenticator, Credentials, Disclosure, Floor, Keyring, LoginKeys,
    Options, PasswordHash, Secret, Verdict,
};
use tokio::task::JoinSet;

/// Accounts under their full address; found by it or by local part.
#[derive(Default)]
struct Book(Mutex<BTreeMap<String, AccountRef>>);

impl Book {
    fn with(accounts: &[(&str, &str)]) -> Arc<Self> {
        let book = Arc::new(Self::default());
        for (address, password) in accounts {
            book.put(address, password);
        }
        book
    }

    fn put(&self, address: &str, password: &str) {
        let hash = PasswordHash::hash(&Secret::from(password)).unwrap();
        let mut accounts = self.0.lock().unwrap();
        let key = accounts
            .get(address)
            .map_or(accounts.len() as u64, |old| old.key);
        let generation = accounts.get(address).map_or(0, |old| old.generation + 1);
        let account = AccountRef {
            key,
            address: address.to_owned(),
            generation,
            hash: Some(hash),
            keys: LoginKeys::default(),
            enabled: true,
            floor: Floor::Any,
        };
        accounts.insert(address.to_owned(), account);
    }

    fn change(&self, address: &str, change: impl FnOnce(&mut AccountRef)) {
        change(self.0.lock().unwrap().get_mut(address).unwrap());
    }
}

impl Accounts for Book {
    fn find(&self, login: &str) -> Option<AccountRef> {
        let login = login.to_ascii_lowercase();
        let accounts = self.0.lock().unwrap();
        let found = accounts.values().find(|account| {
            account.address == login
                || account
                    .address
                    .split_once('@')
                    .is_some_and(|(local, _)| local == login)
        });
        found.cloned()
    }
}

fn peer(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn credentials(authzid: Option<&str>, login: &str, password: &str) -> Credentials {
    let authzid = authzid.map(str::to_owned);
    Credentials {
        authzid,
        ..Credentials::new(login, password.into())
    }
}

fn keyring() -> Arc<Keyring> {
    Arc::new(Keyring::new(&[1; 32]).unwrap())
}

fn authenticator(book: &Arc<Book>) -> Authenticator {
    Authenticator::new(Arc::<Book>::clone(book), keyring(), Options::default()).unwrap()
}

/// The verdict in a word: the account's address, or why not.
fn word(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted(account) => &account.address,
        Verdict::Rejected => "rejected",
        Verdict::Unreadable => "unreadable",
        Verdict::Busy => "busy",
        Verdict::Throttled => "throttled",
        Verdict::Disabled => "disabled",
        Verdict::TooWeak(_) => "too weak",
        Verdict::Transition => "transition",
    }
}

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

#[tokio::test]
async fn the_right_password_opens_only_its_own_enabled_account() {
    let book = Book::with(&[(ALICE, "wonderland"), (BOB, "builder")]);
    book.change(BOB, |bob| bob.enabled = false);
    let authenticator = authenticator(&book);
    let now = Instant::now();
    let rows = [
        (None, "alice@example.test", "wonderland", ALICE),
        (None, "ALICE@Example.Test", "wonderland", ALICE),
        (None, "alice", "wonderland", ALICE),
        (Some("alice@example.test"), "alice", "wonderland", ALICE),
        (Some("Alice"), "alice", "wonderland", ALICE),
        (Some("bob@example.test"), "alice", "wonderland", "rejected"),
        (Some("root"), "alice", "wonderland", "rejected"),
        (None, "alice", "Wonderland", "rejected"),
        (None, "bob@example.test", "builder", "rejected"),
        (None, "carol@example.test", "wonderland", "rejected"),
        (None, "a\0lice", "wonderland", "rejected"),
        (None, "' OR 1=1--", "wonderland", "rejected"),
        (None, "../../etc/passwd", "wonderland", "rejected"),
        (None, "%{x}", "", "rejected"),
    ];
    for (number, (authzid, login, password, outcome)) in rows.into_iter().enumerate() {
        let credentials = credentials(authzid, login, password);
        // Each from its own network, or the failures would be throttled.
        let verdict = authenticator
            .verify(&credentials, peer(&format!("10.0.{number}.1")), now)
            .await;
        assert_eq!(
            word(&verdict),
            outcome,
            "{authzid:?} {login:?} {password:?}"
        );
    }
}

#[tokio::test]
async fn a_remembered_login_ends_with_any_change_of_the_account() {
    let book = Book::with(&[(ALICE, "old")]);
    let authenticator = authenticator(&book);
    let (old, new) = (
        Credentials::new("alice", "old".into()),
        Credentials::new("alice", "new".into()),
    );
    let (home, now) = (peer("192.0.2.1"), Instant::now());
    for _ in 0..3 {
        assert_eq!(ALICE, word(&authenticator.verify(&old, home, now).await));
    }
    book.put(ALICE, "new");
    assert_eq!(
        "rejected",
        word(&authenticator.verify(&old, home, now).await)
    );
    assert_eq!(ALICE, word(&authenticator.verify(&new, home, now).await));
    // Even a store that forgot to count generations cannot let a disabled account in.
    book.change(ALICE, |account| account.enabled = false);
    assert_eq!(
        "rejected",
        word(&authenticator.verify(&new, home, now).await)
    );
    book.change(ALICE, |account| account.enabled = true);
    assert_eq!(ALICE, word(&authenticator.verify(&new, home, now).await));
}

/// Occupies the pool's one worker and its one waiting place with checks of seconds.
async fn occupy(authenticator: &Arc<Authenticator>, now: Instant) -> JoinSet<Verdict> {
    let mut checks = JoinSet::new();
    let mut number = 0;
    while checks.len() < 2 {
        number += 1;
        let authenticator = Arc::clone(authenticator);
        checks.spawn(async move {
            let guess = Credentials::new("slow", Secret::new(format!("guess {number}")));
            authenticator.verify(&guess, peer("172.16.0.1"), now).await
        });
        tokio::task::yield_now().await;
        // Turned away because the worker has not yet taken the first: again.
        while let Some(refused) = checks.try_join_next() {
            assert_eq!(word(&refused.unwrap()), "busy");
        }
    }
    checks
}

/// What is answered while the pool is full took no hash; what is told "busy" would have. So this shows, with no
/// clock, that everyone who cannot log in costs the same and that a remembered login costs nothing.
#[tokio::test]
async fn only_remembered_logins_take_no_hash() {
    let book = Book::with(&[
        (ALICE, "wonderland"),
        (BOB, "builder"),
        ("slow@example.test", "x"),
    ]);
    book.change(BOB, |bob| bob.enabled = false);
    let costly =
        "$argon2id$v=19$m=65536,t=16,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    book.change("slow@example.test", |slow| {
        slow.hash = Some(PasswordHash::parse(costly).unwrap())
    });
    let options = Options {
        workers: 1,
        queue: 1,
        ..Options::default()
    };
    let authenticator =
        Arc::new(Authenticator::new(Arc::<Book>::clone(&book), keyring(), options).unwrap());
    let (home, start) = (peer("192.0.2.1"), Instant::now());
    let alice = Credentials::new("alice", "wonderland".into());
    let stale = Credentials::new("alice", "stale".into());
    assert_eq!(
        word(&authenticator.verify(&alice, home, start).await),
        ALICE
    );
    assert_eq!(
        word(&authenticator.verify(&stale, home, start).await),
        "rejected"
    );

    let _checks = occupy(&authenticator, start).await;
    for (authzid, login, password, seconds, outcome) in [
        (None, "alice", "wonderland", 0, ALICE),
        (None, "alice@example.test", "wonderland", 599, ALICE),
        (None, "alice", "wonderland", 600, "busy"),
        (None, "alice", "wrong", 0, "busy"),
        (None, "nobody", "wrong", 0, "busy"),
        (None, "bob", "builder", 0, "busy"),
        (None, "a\0b", "x", 0, "busy"),
        (Some("bob"), "alice", "wonderland", 0, "busy"),
        (None, "alice", "stale", 3599, "rejected"),
        (None, "alice", "stale", 3600, "busy"),
    ] {
        let now = start + Duration::from_secs(seconds);
        let credentials = credentials(authzid, login, password);
        let verdict = authenticator.verify(&credentials, home, now).await;
        assert_eq!(
            word(&verdict),
            outcome,
            "{authzid:?} {login:?} {password:?} after {seconds} s"
        );
    }
    authenticator.forget(0);
    assert_eq!(
        word(&authenticator.verify(&alice, home, start).await),
        "busy"
    );
}

#[tokio::test]
async fn a_flood_is_told_to_come_back_and_costs_a_bounded_number_of_hashes() {
    let book = Book::with(&[(ALICE, "wonderland")]);
    let options = Options {
        workers: 1,
        queue: 8,
        ..Options::default()
    };
    let authenticator =
        Arc::new(Authenticator::new(Arc::<Book>::clone(&book), keyring(), options).unwrap());
    let now = Instant::now();
    let mut flood = JoinSet::new();
    for number in 0..500_u32 {
        let authenticator = Arc::clone(&authenticator);
        flood.spawn(async move {
            let credentials = Credentials::new("alice", Secret::new(format!("guess {number}")));
            let [.., high, low] = number.to_be_bytes();
            authenticator
                .verify(&credentials, peer(&format!("10.{high}.{low}.1")), now)
                .await
        });
    }
    let verdicts = flood.join_all().await;
    let rejected = verdicts
        .iter()
        .filter(|verdict| word(verdict) == "rejected")
        .count();
    let busy = verdicts
        .iter()
        .filter(|verdict| word(verdict) == "busy")
        .count();
    assert_eq!(rejected + busy, 500);
    // Eight waiting, one running; more only if the flood itself took long to arrive.
    assert!((8..=100).contains(&rejected), "{rejected} were checked");
    // And afterwards the owner gets in.
    let alice = Credentials::new("alice", "wonderland".into());
    let verdict = authenticator.verify(&alice, peer("192.0.2.1"), now).await;
    assert_eq!(ALICE, word(&verdict));
}

#[tokio::test]
async fn many_connections_of_one_client_cost_one_hash() {
    let book = Book::with(&[(ALICE, "wonderland")]);
    // Room for one: without sharing, the others would be told Busy.
    let options = Options {
        workers: 1,
        queue: 1,
        ..Options::default()
    };
    let authenticator =
        Arc::new(Authenticator::new(Arc::<Book>::clone(&book), keyring(), options).unwrap());
    let mut clients = JoinSet::new();
    for _ in 0..200 {
        let authenticator = Arc::clone(&authenticator);
        clients.spawn(async move {
            let alice = Credentials::new("alice", "wonderland".into());
            authenticator
                .verify(&alice, peer("192.0.2.1"), Instant::now())
                .await
        });
    }
    for verdict in clients.join_all().await {
        assert_eq!(ALICE, word(&verdict));
    }
}

#[tokio::test]
async fn guessing_is_throttled_where_it_happens_and_nowhere_else() {
    let book = Book::with(&[(ALICE, "wonderland"), (BOB, "builder")]);
    let authenticator = authenticator(&book);
    let now = Instant::now();
    let (office, elsewhere) = (peer("192.0.2.1"), peer("198.51.100.7"));
    let alice = Credentials::new("alice", "wonderland".into());
    let bob = Credentials::new("bob", "builder".into());
    assert_eq!(BOB, word(&authenticator.verify(&bob, office, now).await));
    for number in 0..10 {
        let guess = Credentials::new("alice", Secret::new(format!("guess {number}")));
        assert_eq!(
            "rejected",
            word(&authenticator.verify(&guess, office, now).await)
        );
        // The stale phone in the same office: again and again the same.
        let stale = Credentials::new(BOB, "last year's".into());
        assert_eq!(
            "rejected",
            word(&authenticator.verify(&stale, office, now).await)
        );
    }
    let eleventh = Credentials::new("alice", "guess 11".into());
    assert_eq!(
        "throttled",
        word(&authenticator.verify(&eleventh, office, now).await)
    );
    assert_eq!(
        "throttled",
        word(&authenticator.verify(&alice, office, now).await)
    );
    assert_eq!(
        ALICE,
        word(&authenticator.verify(&alice, elsewhere, now).await)
    );
    assert_eq!(BOB, word(&authenticator.verify(&bob, office, now).await));
    assert!(
        !authenticator.throttled(office, now),
        "someone from there may still log in"
    );
    let later = now + Duration::from_secs(60);
    assert_eq!(
        ALICE,
        word(&authenticator.verify(&alice, office, later).await)
    );
    authenticator.set_exempt(vec!["203.0.113.0/24".parse().unwrap()]);
    for number in 0..15 {
        let guess = Credentials::new("carol", Secret::new(format!("guess {number}")));
        assert_eq!(
            "rejected",
            word(&authenticator.verify(&guess, peer("203.0.113.9"), now).await)
        );
    }
}

#[tokio::test]
async fn a_disabled_account_is_named_to_whoever_knows_its_password_and_only_where_wanted() {
    let book = Book::with(&[(ALICE, "wonderland")]);
    book.change(ALICE, |alice| alice.enabled = false);
    let authenticator = authenticator(&book);
    let now = Instant::now();
    let told = async |password: &str, from: &str| {
        let credentials = credentials(None, ALICE, password);
        let verdict = authenticator.verify(&credentials, peer(from), now).await;
        word(&verdict).to_owned()
    };
    assert_eq!(told("wonderland", "10.0.1.1").await, "rejected");
    authenticator.set_disclosure(Disclosure {
        disabled: true,
        transition: false,
    });
    // Twice: what is remembered of the first must not change the answer.
    assert_eq!(told("wonderland", "10.0.1.1").await, "disabled");
    assert_eq!(told("wonderland", "10.0.1.1").await, "disabled");
    assert_eq!(told("Wonderland", "10.0.2.1").await, "rejected");
    book.change(ALICE, |alice| {
        alice.enabled = true;
        alice.generation += 1;
    });
    assert_eq!(told("wonderland", "10.0.1.1").await, ALICE);
    book.change(ALICE, |alice| {
        alice.enabled = false;
        alice.generation += 1;
    });
    authenticator.set_disclosure(Disclosure::default());
    assert_eq!(told("wonderland", "10.0.3.1").await, "rejected");
}

#[tokio::test]
async fn an_account_held_to_scram_opens_with_no_password_and_a_wrong_one_says_nothing_of_it() {
    let book = Book::with(&[(ALICE, "wonderland")]);
    book.change(ALICE, |alice| alice.floor = Floor::Scram);
    let authenticator = authenticator(&book);
    let now = Instant::now();
    for (password, outcome) in [
        ("wonderland", "too weak"),
        // Remembered by now.
        ("wonderland", "too weak"),
        ("Wonderland", "rejected"),
    ] {
        let credentials = credentials(None, ALICE, password);
        let verdict = authenticator
            .verify(&credentials, peer("10.0.0.1"), now)
            .await;
        assert_eq!(word(&verdict), outcome, "{password}");
    }
}
