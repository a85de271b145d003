//! How fast the store takes mail, and what it costs: durable messages a second and processor time per message, by
//! thread. Nothing but the store runs here: no network, no protocol.
//!
//!     cargo run --release -p mailstore --example deliver -- [DIRECTORY [SENDERS [MESSAGES [OCTETS [ACCOUNTS]]]]]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring tool for people: it prints, and panics when something is wrong"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use address::{Envelope, Recipient};
use bytes::Bytes;
use mailstore::{AccountId, Change, NewAccount, Options, Store};

struct Run {
    senders: usize,
    messages: usize,
    octets: usize,
    accounts: usize,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let run = Run {
        senders: number(50),
        messages: number(100_000),
        octets: number(4_096),
        accounts: number(100),
    };
    let place = tempfile::tempdir_in(directory).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&run, place.path()));
}

async fn measure(run: &Run, place: &std::path::Path) {
    let options = Options {
        default_quota: 0,
        ..Options::default()
    };
    let (store, _) = Store::open(place, options.clone()).unwrap();
    let accounts = make_accounts(&store, run.accounts).await;
    let before = processor_time();
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for sender in 0..run.senders {
        let store = store.clone();
        let accounts = accounts.clone();
        let messages = run.messages / run.senders;
        let octets = run.octets;
        tasks.push(tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for message in 0..messages {
                let account = accounts[(sender + message * 7) % accounts.len()];
                let begun = Instant::now();
                send(&store, account, octets).await;
                slowest = slowest.max(begun.elapsed());
            }
            slowest
        }));
    }
    let mut slowest = Duration::ZERO;
    for task in tasks {
        slowest = slowest.max(task.await.unwrap());
    }
    let took = begun.elapsed();
    let lag = store.stats().engine.index_lag;
    let caught_up = Instant::now();
    while store.stats().engine.index_lag > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let behind = caught_up.elapsed();
    let sent = (run.messages / run.senders * run.senders) as f64;
    println!(
        "{:.0} messages/s, slowest {slowest:.1?}",
        sent / took.as_secs_f64()
    );
    println!("index {lag} records behind at the end, {behind:.1?} later none");
    print_times(&before, sent);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    println!("peak of resident memory {}", peak[6..].trim());
    let account = accounts[0];
    let begun = Instant::now();
    let maildrop = store.open_maildrop(account).unwrap();
    println!(
        "{} messages listed in {:.1?}",
        maildrop.messages().len(),
        begun.elapsed()
    );
    drop(maildrop);
    store.close().await;
    let begun = Instant::now();
    let (store, opened) = Store::open(place, options).unwrap();
    println!("opened again in {:.1?}: {opened}", begun.elapsed());
    store.close().await;
}

async fn make_accounts(store: &Store, count: usize) -> Vec<AccountId> {
    let changes = (0..count).map(|number| {
        let address = format!("user{number}@example.test");
        Change::AddAccount(NewAccount::new(address.parse().unwrap()))
    });
    store.change_all(changes.collect()).await.unwrap();
    store
        .directory()
        .accounts()
        .map(|account| account.id)
        .collect()
}

async fn send(store: &Store, account: AccountId, octets: usize) {
    const CHUNK: &[u8] = &[b'x'; 16 << 10];
    let reservation = store.reserve(account, octets as u64).unwrap();
    let mut incoming = store.begin();
    let mut left = octets;
    while left > 0 {
        let chunk = &CHUNK[..left.min(CHUNK.len())];
        incoming.write(Bytes::from_static(chunk)).await.unwrap();
        left -= chunk.len();
    }
    let envelope = Envelope {
        reverse_path: "<sender@example.net>".parse().unwrap(),
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        requiretls: false,
        deliver_by: None,
        recipients: vec![Recipient {
            path: "<user1@example.test>".parse().unwrap(),
            notify: None,
            orcpt: None,
        }],
    };
    store
        .deliver(incoming, vec![reservation], envelope)
        .await
        .unwrap();
}

/// Nanoseconds on a processor by thread name.
fn processor_time() -> BTreeMap<String, f64> {
    let mut times = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let name = fs::read_to_string(task.join("comm"))
            .unwrap()
            .trim()
            .to_owned();
        let spent = fs::read_to_string(task.join("schedstat")).unwrap();
        let nanoseconds: f64 = spent.split(' ').next().unwrap().parse().unwrap();
        *times.entry(name).or_default() += nanoseconds;
    }
    times
}

fn print_times(before: &BTreeMap<String, f64>, sent: f64) {
    let mut sum = 0.0;
    for (name, after) in processor_time() {
        let spent = (after - before.get(&name).unwrap_or(&0.0)) / 1_000.0 / sent;
        println!("{spent:8.2} us per message in {name}");
        sum += spent;
    }
    println!("{sum:8.2} us per message in all");
}
