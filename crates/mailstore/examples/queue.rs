//! What a long queue costs: memory and time for taking mail for elsewhere, asking what is due, attempts and leaving.
//!
//!     cargo run --release -p mailstore --example queue -- [DIRECTORY [MESSAGES [OCTETS [AT_A_TIME]]]]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring tool for people: it prints, and panics when something is wrong"
)]

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::time::Instant;

use address::{Envelope, Recipient};
use bytes::Bytes;
use mailstore::{Attempt, Heard, Options, Outgoing, Parcel, Store, Waiting};

/// Messages asked for at once.
const PAGE: usize = 500;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let mut number = |default: u64| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (messages, octets, at_a_time) = (number(100_000), number(1_000), number(100));
    let place = tempfile::tempdir_in(directory).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(place.path(), messages, octets, at_a_time));
}

async fn measure(place: &std::path::Path, messages: u64, octets: u64, at_a_time: u64) {
    let options = Options {
        outgoing_messages: messages,
        outgoing_octets: 0,
        ..Options::default()
    };
    let (store, _) = Store::open(place, options.clone()).unwrap();
    say("nothing queued", 0, Instant::now());
    let begun = Instant::now();
    let of = store.clone();
    each(0..messages, at_a_time, move |number| {
        post(of.clone(), number, octets)
    })
    .await;
    say("queued", messages, begun);
    store.close().await;

    let begun = Instant::now();
    let (store, opened) = Store::open(place, options).unwrap();
    say(&format!("opened again: {opened}"), 0, begun);
    let begun = Instant::now();
    let ids = due(&store);
    assert_eq!(ids.len() as u64, messages);
    say("asked for in pages of what is due", messages, begun);
    let begun = Instant::now();
    let of = store.clone();
    each(ids.iter().copied(), at_a_time, move |id| {
        attempt(of.clone(), id)
    })
    .await;
    say("tried in vain", messages, begun);
    println!("{:?}", store.queue_counts());
    let begun = Instant::now();
    let of = store.clone();
    each(ids.iter().copied(), at_a_time, move |id| {
        leave(of.clone(), id)
    })
    .await;
    say("read and gone", messages, begun);
    assert_eq!(due(&store), [0; 0]);
    store.close().await;
}

/// Ids of all that is due, page by page.
fn due(store: &Store) -> Vec<u64> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = store.queue_due(u64::MAX, after, PAGE).unwrap();
        let Some(last) = page.last() else { return ids };
        after = last.due().map(|due| (due, last.id));
        ids.extend(page.iter().map(|queued| queued.id));
    }
}

/// Some work for each, so many at a time.
async fn each<Work>(
    all: impl Iterator<Item = u64>,
    at_a_time: u64,
    work: impl Fn(u64) -> Work + Clone + Send + 'static,
) where
    Work: Future<Output = ()> + Send,
{
    let all: Vec<u64> = all.collect();
    let mut tasks = Vec::new();
    for first in 0..at_a_time {
        let mine: Vec<u64> = all
            .iter()
            .copied()
            .skip(first as usize)
            .step_by(at_a_time as usize)
            .collect();
        let work = work.clone();
        tasks.push(tokio::spawn(async move {
            for one in mine {
                work(one).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn post(store: Store, number: u64, octets: u64) {
    let mut incoming = store.begin();
    let body = vec![b'x'; usize::try_from(octets).unwrap()];
    incoming.write(Bytes::from(body)).await.unwrap();
    let recipient = Recipient {
        path: format!("<user{number}@example.org>").parse().unwrap(),
        notify: None,
        orcpt: None,
    };
    let parcel = Parcel {
        incoming,
        reservations: Vec::new(),
        envelope: Envelope {
            reverse_path: "<sender@example.net>".parse().unwrap(),
            recipients: vec![recipient],
            ..Envelope::default()
        },
        outgoing: Some(Outgoing {
            room: store.reserve_outgoing(octets).unwrap(),
            account: None,
            release: None,
            waiting: vec![Waiting::new(0, number % 1_000)],
        }),
    };
    store.post(parcel).await.unwrap();
}

async fn attempt(store: Store, id: u64) {
    let words = "too many messages, come back later";
    let attempt = Attempt {
        closed: Vec::new(),
        again: vec![Waiting {
            attempts: 1,
            heard: Some(Heard::new("mx.example.org", words, 1)),
            ..Waiting::new(0, 1_000 + id % 1_000)
        }],
    };
    let left = store
        .queue_attempted(id, attempt, Vec::new())
        .await
        .unwrap();
    assert_eq!(left.unwrap().queued.waiting.len(), 1);
}

async fn leave(store: Store, id: u64) {
    let of = store.clone();
    let read = move || {
        let (_, envelope, letter) = of.queue_letter(id).unwrap().unwrap();
        assert_eq!(envelope.recipients.len(), 1);
        while !letter.read().unwrap().last {}
    };
    tokio::task::spawn_blocking(read).await.unwrap();
    let attempt = Attempt {
        closed: vec![0],
        again: Vec::new(),
    };
    store
        .queue_attempted(id, attempt, Vec::new())
        .await
        .unwrap();
}

fn say(what: &str, messages: u64, begun: Instant) {
    let took = begun.elapsed();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().to_owned()
    };
    let rate = if messages > 0 {
        format!(", {:.0}/s", messages as f64 / took.as_secs_f64())
    } else {
        String::new()
    };
    println!(
        "{messages} {what} in {took:.1?}{rate}; resident {}, peak {}",
        kib("VmRSS:"),
        kib("VmHWM:")
    );
}
