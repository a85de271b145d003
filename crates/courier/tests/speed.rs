//! How fast messages leave over lines that are used again, and what an idle line costs. Not for every day:
//! `cargo test --release -p courier --test speed -- --ignored --nocapture`, with `SINK=ADDRESS` for a mail server elsewhere
//! that takes everything (under TLS if it offers that); without it there is one in this process.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement says what it measured, or fails where it stands"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use address::{Envelope, Host, Recipient};
use bytes::Bytes;
use courier::carry::{Carry as _, Letter};
use courier::roads::{Roads, Route, RouteTls, Settings};
use delivery::schedule::{NextHop, Verdict};
use resolver::Resolver;
use smtp_client::Transaction;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

const LINES: usize = 20;
const MESSAGES: usize = 2_000;
const OCTETS: usize = 4096;
const IDLE: usize = 1_000;

struct Text(Bytes, bool);

impl Letter for Text {
    async fn rewind(&mut self) -> io::Result<()> {
        self.1 = false;
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let read = std::mem::replace(&mut self.1, true);
        Ok((!read).then(|| self.0.clone()))
    }

    fn waives_tls(&self) -> bool {
        false
    }
}

/// Takes everything.
async fn sink(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            stream.set_nodelay(true).unwrap();
            let (read, mut write) = stream.into_split();
            let (mut read, mut out) = (BufReader::new(read), Vec::new());
            let mut line = Vec::new();
            let mut data = false;
            out.extend_from_slice(b"220 sink\r\n");
            loop {
                if read.buffer().is_empty() {
                    write.write_all(&out).await?;
                    out.clear();
                }
                line.clear();
                if read.read_until(b'\n', &mut line).await? == 0 {
                    return Ok::<(), io::Error>(());
                }
                if data {
                    data = line != b".\r\n";
                    if !data {
                        out.extend_from_slice(b"250 taken\r\n");
                    }
                    continue;
                }
                data = line.starts_with(b"DATA");
                let reply: &[u8] = if data {
                    b"354 go\r\n"
                } else if line.starts_with(b"EHLO") {
                    b"250-sink\r\n250 PIPELINING\r\n"
                } else {
                    b"250 ok\r\n"
                };
                out.extend_from_slice(reply);
            }
        });
    }
}

fn address() -> SocketAddr {
    if let Ok(sink) = std::env::var("SINK") {
        return sink.parse().unwrap();
    }
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            sink(listener).await;
        });
    });
    told.recv().unwrap()
}

fn roads(directory: &std::path::Path, sink: SocketAddr) -> Arc<Roads> {
    let mut settings = Settings::new("we.test".parse().unwrap(), directory.to_owned());
    let route = Route {
        hosts: vec![(Host::Literal(sink.ip()), sink.port())],
        mx: false,
        tls: RouteTls::Opportunistic,
        ca: None,
        login: None,
    };
    settings.routes = [("sink".into(), route)].into();
    settings.most_transactions = u32::MAX;
    settings.timeouts.idle = Duration::from_secs(3600);
    let resolver = Arc::new(Resolver::new(Duration::from_secs(5)));
    Arc::new(Roads::new(settings, resolver).unwrap())
}

fn transaction() -> Transaction {
    Transaction {
        envelope: Envelope {
            reverse_path: "<from@we.test>".parse().unwrap(),
            recipients: vec![Recipient {
                path: "<to@sink.test>".parse().unwrap(),
                notify: None,
                orcpt: None,
            }],
            ..Envelope::default()
        },
        size: OCTETS as u64,
        submitter: None,
    }
}

fn text() -> Bytes {
    let line = "0123456789".repeat(7) + "\r\n";
    Bytes::from(line.repeat(OCTETS / line.len() + 1).into_bytes()).slice(..OCTETS)
}

#[test]
#[ignore = "a measurement"]
fn messages_in_a_second_over_lines_that_stand() {
    let (directory, sink, text) = (tempfile::tempdir().unwrap(), address(), text());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = runtime.block_on(async {
        let roads = roads(directory.path(), sink);
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..LINES {
            let (roads, text) = (Arc::clone(&roads), text.clone());
            tasks.spawn(async move {
                let hop = NextHop::Route("sink".into());
                let mut line = None;
                for _ in 0..MESSAGES {
                    let mut letter = Text(text.clone(), false);
                    let trip = roads.carry(&hop, line, transaction(), &mut letter).await;
                    assert_eq!(trip.carried[0].verdict, Verdict::Delivered);
                    line = trip.line;
                }
                roads.part(line.unwrap()).await;
            });
        }
        tasks.join_all().await;
        began
    });
    let seconds = began.elapsed().as_secs_f64();
    let messages = (LINES * MESSAGES) as f64;
    println!(
        "{:.0} messages of {OCTETS} octets in a second over {LINES} lines",
        messages / seconds
    );
}

#[test]
#[ignore = "a measurement"]
fn memory_of_an_idle_line() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let (directory, sink, text) = (tempfile::tempdir().unwrap(), address(), text());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let roads = roads(directory.path(), sink);
        let hop = NextHop::Route("sink".into());
        let mut lines = Vec::with_capacity(IDLE + IDLE / 10);
        let mut before = 0;
        for number in 0..IDLE + IDLE / 10 {
            if number == IDLE / 10 {
                before = resident();
            }
            let mut letter = Text(text.clone(), false);
            let trip = roads.carry(&hop, None, transaction(), &mut letter).await;
            lines.push(trip.line.unwrap());
        }
        let each = (resident() - before) / IDLE;
        println!("{each} octets for an idle line (with its other end, unless that is elsewhere)");
    });
}
