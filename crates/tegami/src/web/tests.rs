//! Requests over an in-memory stream, with a desk of one list and a clock that stands still.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use net::Level;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

use super::connection::{HEAD, PATIENCE};
use super::router::BODY;
use super::*;

const TOKEN: &str = "T0KEN";

/// A list with one member.
#[derive(Default)]
struct Paper {
    has_left: AtomicBool,
    is_shut: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Paper {
    fn about() -> About {
        About {
            name: "Staff".to_owned(),
            address: "staff@example.test".parse().unwrap(),
            back: Back::Ask("staff-owner@example.test".parse().unwrap()),
        }
    }
}

/// On the desk.
struct On(&'static Paper);

impl Desk for On {
    fn judge(&self, admission: Admission, _: IpAddr) -> Admission {
        admission
    }

    fn is_serving(&self) -> bool {
        !self.0.is_shut.load(Ordering::SeqCst)
    }

    fn standing(&self, token: &str) -> Standing {
        self.0.asked.lock().unwrap().push(token.to_owned());
        match token {
            TOKEN if self.0.has_left.load(Ordering::SeqCst) => Standing::Left(Paper::about()),
            TOKEN => Standing::Member(Paper::about()),
            "GONE" => Standing::NoList,
            "LATER" => Standing::Later,
            _ => Standing::Unknown,
        }
    }

    async fn leave(&self, token: &str) -> Standing {
        if token == TOKEN {
            self.0.has_left.store(true, Ordering::SeqCst);
        }
        self.standing(token)
    }
}

fn paper() -> &'static Paper {
    Box::leak(Box::default())
}

/// A connection to a web listener of this desk.
struct Visit {
    client: DuplexStream,
    stop: Stop,
    served: tokio::task::JoinHandle<()>,
}

fn visit(paper: &'static Paper, admission: Admission) -> Visit {
    let (client, line) = tokio::io::duplex(64 * 1024);
    let (stop, here) = (Stop::new(), "127.0.0.1:1".parse().unwrap());
    let connection = Connection {
        id: 1,
        peer: here,
        local: here,
        tls: None,
        tls_available: false,
        admission,
    };
    let raised = stop.clone();
    let served = tokio::spawn(async move {
        Web(On(paper))
            .receive(Box::new(line), connection, &raised)
            .await;
    });
    Visit {
        client,
        stop,
        served,
    }
}

/// All that is answered to these octets, behind which the client says nothing more and goes on listening.
async fn answer(paper: &'static Paper, octets: &[u8]) -> String {
    let mut visit = visit(paper, Admission::Welcome);
    // What is not read to its end cannot be written to its end.
    let (mut reads, mut writes) = tokio::io::split(visit.client);
    let octets = octets.to_vec();
    let written = tokio::spawn(async move {
        let _ = writes.write_all(&octets).await;
        writes
    });
    let mut heard = Vec::new();
    reads.read_to_end(&mut heard).await.unwrap();
    drop(reads);
    written.abort();
    let _ = written.await;
    (&mut visit.served).await.unwrap();
    String::from_utf8(heard).unwrap()
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: lists.example.test\r\n{more}\r\n")
}

fn post(path: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: lists.example.test\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
}

const FORM: &str = "List-Unsubscribe=One-Click";

fn status(answer: &str) -> &str {
    answer
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| answer.strip_prefix("HTTP/1.0 "))
        .map_or("-", |rest| &rest[..3])
}

#[tokio::test(start_paused = true)]
async fn opening_the_page_changes_nothing_and_its_button_does_once_and_for_all() {
    let paper = paper();
    let path = format!("/unsubscribe/{TOKEN}");
    for _ in 0..3 {
        let page = answer(paper, get(&path, "").as_bytes()).await;
        assert_eq!(status(&page), "200");
        assert!(page.contains("<h1>Leave staff@example.test</h1>"), "{page}");
        assert!(page.contains("<form method=\"post\">"), "{page}");
    }
    let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = answer(paper, head.as_bytes()).await;
    assert!(
        status(&head) == "200" && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(!paper.has_left.load(Ordering::SeqCst));
    for _ in 0..3 {
        let page = answer(paper, post(&path, "", FORM).as_bytes()).await;
        assert_eq!(status(&page), "200");
        assert!(page.contains("You have left staff@example.test"), "{page}");
        assert!(page.contains("mailto:staff-owner@example.test"), "{page}");
    }
    assert!(paper.has_left.load(Ordering::SeqCst));
    let page = answer(paper, get(&path, "Accept-Language: ja\r\n").as_bytes()).await;
    assert!(
        page.contains("staff@example.test から退会しました"),
        "{page}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_closed_uncached_unframed_and_without_cookies() {
    let paper = paper();
    for request in [
        get("/healthz", ""),
        get("/nothing", "Cookie: a=b\r\nConnection: keep-alive\r\n"),
        get(&format!("/unsubscribe/{TOKEN}"), ""),
        post("/unsubscribe/x", "", FORM),
    ] {
        let answer = answer(paper, request.as_bytes()).await.to_lowercase();
        for field in [
            "connection: close\r\n",
            "cache-control: no-store\r\n",
            "content-security-policy: default-src 'none';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff\r\n",
            "x-frame-options: deny\r\n",
            "referrer-policy: no-referrer\r\n",
            "charset=utf-8\r\n",
        ] {
            assert!(answer.contains(field), "no {field} in {answer}");
        }
        assert!(!answer.contains("cookie"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn health_is_what_the_listeners_are() {
    let paper = paper();
    let well = answer(paper, get("/healthz", "").as_bytes()).await;
    assert!(
        status(&well) == "200" && well.ends_with("\r\n\r\nok\n"),
        "{well}"
    );
    let post = post("/healthz", "", "");
    assert_eq!(status(&answer(paper, post.as_bytes()).await), "405");
    paper.is_shut.store(true, Ordering::SeqCst);
    let ill = answer(paper, get("/healthz", "").as_bytes()).await;
    assert!(
        status(&ill) == "503" && ill.contains("retry-after: 60"),
        "{ill}"
    );
}

// W11
#[tokio::test(start_paused = true)]
async fn hostile_requests_change_nothing_and_are_answered_in_a_line_or_not_at_all() {
    let path = format!("/unsubscribe/{TOKEN}");
    let long = "x".repeat(HEAD);
    let chunked = |body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    let fields = "x: y\r\n".repeat(100);
    let half = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-Unsub");
    let two_lengths = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\nContent-Length: 5\r\n\r\n{FORM}"
    );
    let mut wrong = Vec::new();
    for (request, expected) in [
        // The wrong thing, or not the form.
        (post(&path, "", ""), "400"),
        (post(&path, "", "List-Unsubscribe=One-Clicks"), "400"),
        (
            post(&path, "Content-Type: application/json\r\n", FORM),
            "400",
        ),
        (post(&path, "Content-Type: text/plain\r\n", FORM), "400"),
        (post(&path, "Content-Type: \u{fc}\r\n", "x"), "400"),
        (get(&format!("{path}?{FORM}"), ""), "200"),
        (format!("DELETE {path} HTTP/1.1\r\nHost: x\r\n\r\n"), "405"),
        (format!("PUT {path} HTTP/1.1\r\nHost: x\r\n\r\n"), "405"),
        (format!("CONNECT {path} HTTP/1.1\r\nHost: x\r\n\r\n"), "405"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "404"),
        // The wrong place.
        (get("/", ""), "404"),
        (get("//", ""), "404"),
        (get("/unsubscribe", ""), "404"),
        (get("/unsubscribe/", ""), "404"),
        (get(&format!("{path}/"), ""), "404"),
        (get(&format!("{path}/x"), ""), "404"),
        (get(&format!("{path}x"), ""), "404"),
        (get(&format!("/Unsubscribe/{TOKEN}"), ""), "404"),
        (get("/unsubscribe/../healthz", ""), "404"),
        (get("/unsubscribe/%2e%2e%2fhealthz", ""), "404"),
        (get("/unsubscribe/%00", ""), "404"),
        (get("/healthz/", ""), "404"),
        (post(&format!("{path}x"), "", FORM), "404"),
        (get("http://elsewhere.test/", ""), "404"),
        // Too much.
        (get(&format!("/{long}"), ""), "431"),
        (get("/", &format!("x: {long}\r\n")), "431"),
        (get("/", &fields), "431"),
        (post(&path, "", &"x".repeat(BODY + 1)), "413"),
        (post(&path, "", &"x".repeat(1_000_000)), "413"),
        (
            chunked(&format!("401\r\n{}\r\n0\r\n\r\n", "x".repeat(0x401))),
            "413",
        ),
        (
            format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"
            ),
            "431",
        ),
        (
            format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000000000000\r\n\r\n"
            ),
            "413",
        ),
        // Not HTTP, or not as it has to be.
        ("EHLO client.example\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        ("\0\0\0\0".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), "400"),
        (get("/", "na me: x\r\n"), "400"),
        (get("/", "x: a\0b\r\n"), "400"),
        (get("/", " folded\r\n"), "400"),
        (two_lengths, "400"),
        (chunked("zz\r\nList\r\n0\r\n\r\n"), "400"),
        (chunked("-1\r\n\r\n"), "400"),
        (
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{FORM}"),
            "400",
        ),
        (
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n{FORM}"),
            "400",
        ),
        // Never finished: cut, and that is all.
        (String::new(), "-"),
        ("GET".to_owned(), "-"),
        (get("/healthz", "").trim_end().to_owned(), "-"),
        (half, "-"),
        (chunked("1a\r\nList"), "-"),
    ] {
        let paper = paper();
        let answer = answer(paper, request.as_bytes()).await;
        let shown = &request[..request.len().min(200)];
        let said_once = answer.matches("HTTP/1.").count() <= 1;
        if status(&answer) != expected || !said_once || paper.has_left.load(Ordering::SeqCst) {
            wrong.push(format!("{shown:?} has {}: {answer}", status(&answer)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One connection, one request: what is behind it is nobody's.
#[tokio::test(start_paused = true)]
async fn a_second_request_on_a_connection_is_not_obeyed() {
    let paper = paper();
    let path = format!("/unsubscribe/{TOKEN}");
    let both = format!("{}{}", get("/healthz", ""), post(&path, "", FORM));
    let answer = answer(paper, both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    assert!(!paper.has_left.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn the_host_field_is_of_no_consequence() {
    let path = format!("/unsubscribe/{TOKEN}");
    let mut pages = Vec::new();
    for host in [
        "Host: a.test\r\n",
        "Host: b.test\r\nHost: c.test\r\n",
        "Host: <>\r\n",
        "",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\n{host}X-Forwarded-Host: d.test\r\n\r\n");
        let page = answer(paper(), request.as_bytes()).await;
        let (_, body) = page.split_once("\r\n\r\n").unwrap();
        pages.push(body.to_owned());
    }
    assert!(pages[0].contains("<form"), "{}", pages[0]);
    assert!(pages.iter().all(|page| *page == pages[0]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dawdles_is_cut_after_ten_seconds_whatever_it_sends() {
    let paper = paper();
    let request = post(&format!("/unsubscribe/{TOKEN}"), "", FORM);
    let began = Instant::now();
    let mut visit = visit(paper, Admission::Welcome);
    for octet in request.as_bytes() {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if visit.client.write_all(&[*octet]).await.is_err() {
            break;
        }
    }
    (&mut visit.served).await.unwrap();
    let took = began.elapsed();
    assert!(
        took >= PATIENCE && took < PATIENCE + Duration::from_secs(1),
        "{took:?}"
    );
    assert!(!paper.has_left.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_speaking_behind_its_answer_is_left_soon() {
    let began = Instant::now();
    let mut visit = visit(paper(), Admission::Welcome);
    visit
        .client
        .write_all(get("/healthz", "").as_bytes())
        .await
        .unwrap();
    let mut heard = Vec::new();
    visit.client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    while visit.client.write_all(b"more").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_let_in_is_told_so_without_being_read() {
    for (admission, expected) in [
        (Admission::TooManySessions, "503"),
        (Admission::TooManyFromAddress, "503"),
        (Admission::TooFast, "503"),
        (Admission::Stopping, "503"),
        (Admission::Refused, "403"),
    ] {
        let paper = paper();
        let mut visit = visit(paper, admission);
        let request = post(&format!("/unsubscribe/{TOKEN}"), "", FORM);
        visit.client.write_all(request.as_bytes()).await.unwrap();
        let mut heard = String::new();
        visit.client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(status(&heard), expected, "{heard}");
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{heard}"
        );
        assert!(paper.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_lets_a_request_end_and_waits_for_none_that_never_comes() {
    let began = Instant::now();
    let mut idle = visit(paper(), Admission::Welcome);
    idle.stop.raise(Level::Draining);
    (&mut idle.served).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let mut last = visit(paper(), Admission::Welcome);
    last.stop.raise(Level::Draining);
    last.client
        .write_all(get("/healthz", "").as_bytes())
        .await
        .unwrap();
    let mut heard = String::new();
    last.client.read_to_string(&mut heard).await.unwrap();
    assert_eq!(status(&heard), "200");
    let began = Instant::now();
    let mut dropped = visit(paper(), Admission::Welcome);
    dropped.stop.raise(Level::Dropping);
    (&mut dropped.served).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}
