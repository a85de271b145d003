//! Leaving a mailing list with one click: over the web listener, as a browser and as a mailbox provider do it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::lists::{
    STAFF, done, killed_between_copies, list, message, until_the_queue_is_empty, until_there_are,
    user,
};
use super::server::{Server, Stopped};
use super::sink::{Letter, Sink};
use super::{ALICE, BOB, PASSWORD, fetch_all, send};

const YOU: &str = "you@other.test";
const BASE: &str = "https://lists.example.test/unsubscribe/";

/// A server with a web page that sends everything elsewhere to this sink; `relay` has further lines for that.
fn server(sink: &Sink, relay: &str) -> Server {
    let port = sink.port;
    let stopped = Stopped::before(&format!(
        "[web]\nurl = \"https://lists.example.test\"\n[relay]\nsmarthost = \"127.0.0.1:{port}\"\n\
         smarthost_tls = \"none\"\n{relay}"
    ));
    let server = stopped.start_again();
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    server
}

/// All that is answered to this request, whose connection the server closes.
fn ask(server: &Server, request: &str) -> String {
    ask_at(server.port("web"), request)
}

fn ask_at(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a timeout");
    // So much that it is not all taken is answered all the same.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    String::from_utf8(answer).expect("text")
}

fn get(server: &Server, path: &str) -> String {
    let language = "Accept-Language: en\r\n";
    ask(
        server,
        &format!("GET {path} HTTP/1.1\r\nHost: lists.example.test\r\n{language}\r\n"),
    )
}

fn post(server: &Server, path: &str, kind: &str, body: &str) -> String {
    post_at(server.port("web"), path, kind, body)
}

fn post_at(port: u16, path: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    ask_at(
        port,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: lists.example.test\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
const FORM: &str = "List-Unsubscribe=One-Click";

#[track_caller]
fn says(answer: &str, status: &str, words: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    assert!(answer.contains(words), "no {words:?} in {answer}");
}

/// The path of the address by which whoever has this copy leaves, once everything around it is as RFC 8058 has it.
#[track_caller]
fn path(copy: &str) -> String {
    let (_, behind) = copy.split_once("\r\nList-Unsubscribe: <").expect("a field");
    let (url, rest) = behind.split_once('>').expect("an address");
    let rest = rest.split_once("\r\nList-").expect("another field").0;
    assert_eq!(
        rest,
        ",\r\n <mailto:staff-request@example.test?subject=unsubscribe>"
    );
    let post = "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
    assert_eq!(copy.matches(post).count(), 1, "{copy}");
    let token = url.strip_prefix(BASE).unwrap_or_else(|| panic!("{url}"));
    format!("/unsubscribe/{token}")
}

fn members(server: &Server) -> String {
    done(server.tegami(&["list", "member", "list", STAFF], ""))
}

// REL-10, W12
#[test]
fn each_member_leaves_by_an_address_of_his_own_and_by_its_button_only() {
    let sink = Sink::start();
    let server = server(&sink, "");
    list(
        &server,
        &[BOB, YOU],
        &["--name", "Staff <&>", "--joining", "open"],
    );
    let shown = done(server.tegami(&["list", "show", STAFF], ""));
    let offered =
        "One click    members leave with one click, by way of https://lists.example.test\n";
    assert!(shown.contains(offered), "{shown}");
    send(&mut user(&server, ALICE), ALICE, STAFF, &message("one"));
    let here = until_there_are(&server, BOB, 1).remove(0);
    let away = sink.letter();
    assert_eq!(away.to, [format!("<{YOU}>")]);
    let (bob, you) = (path(&here), path(&away.text));
    assert_ne!(bob, you);
    for copy in [&here, &away.text] {
        assert!(copy.contains("\r\nSubject: one\r\n\r\nbody\r\n"), "{copy}");
    }
    // Looking at it, as scanners of links do, changes nothing, and neither does what is not the form.
    for _ in 0..2 {
        let page = get(&server, &bob);
        says(&page, "200", "<form method=\"post\">");
        assert!(
            page.contains("Staff &lt;&amp;&gt;") && !page.contains(BOB),
            "{page}"
        );
    }
    says(
        &get(&server, &format!("{bob}?{FORM}")),
        "200",
        "Leave staff@example.test",
    );
    says(
        &post(&server, &bob, URLENCODED, "List-Unsubscribe=Yes"),
        "400",
        "Nothing has changed",
    );
    says(
        &post(&server, &bob, URLENCODED, &"x".repeat(100_000)),
        "413",
        "Nothing has changed",
    );
    let other = |at: usize| {
        let mut path = bob.clone().into_bytes();
        path[at] = if path[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(path).expect("letters")
    };
    for altered in [
        other(bob.len() - 3),
        other(20),
        other(60),
        format!("{bob}A"),
        bob[..50].to_owned(),
    ] {
        says(&get(&server, &altered), "404", "not one of this server's");
        says(
            &post(&server, &altered, URLENCODED, FORM),
            "404",
            "not one of this server's",
        );
    }
    assert!(members(&server).contains(BOB), "{}", members(&server));

    says(
        &post(&server, &bob, URLENCODED, FORM),
        "200",
        "You have left staff@example.test",
    );
    assert!(!members(&server).contains(BOB) && members(&server).contains(YOU));
    let notice = until_there_are(&server, BOB, 2).remove(1);
    assert!(
        notice.contains("Subject: You have left staff@example.test\r\n"),
        "{notice}"
    );
    let back = "write to staff-request@example.test with the subject: subscribe";
    assert!(notice.contains(back), "{notice}");
    // Once more is as good as once, also behind a restart, and the server says nothing more about it.
    let server = server.stop().start_again();
    let page = post(&server, &bob, URLENCODED, FORM);
    says(
        &page,
        "200",
        "mailto:staff-request@example.test?subject=subscribe",
    );
    says(&get(&server, &bob), "200", "You have left");
    send(&mut user(&server, ALICE), ALICE, STAFF, &message("two"));
    let again = sink.letter();
    assert!(again.text.contains("Subject: two\r\n"), "{again:?}");
    assert_eq!(path(&again.text), you);
    until_the_queue_is_empty(&server);
    assert_eq!(fetch_all(&server, BOB).len(), 2);

    let part = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let multipart = "multipart/form-data; boundary=b";
    says(
        &post(&server, &you, multipart, part),
        "200",
        "You have left",
    );
    assert!(!members(&server).contains(YOU));
    let notice = sink.letter();
    assert_eq!(notice.to, [format!("<{YOU}>")]);
    assert!(notice.from.starts_with("<>"), "{notice:?}");
    done(server.tegami(&["list", "remove", STAFF], ""));
    says(
        &post(&server, &you, URLENCODED, FORM),
        "200",
        "This list is gone",
    );
}

#[test]
fn copies_that_would_take_too_much_room_are_shared_and_left_by_mail() {
    let sink = Sink::start();
    let server = server(&sink, "");
    list(&server, &[BOB], &[]);
    let many: Vec<String> = (0..1100).map(|n| format!("m{n}@other.test")).collect();
    let mut arguments = vec!["list", "member", "add", STAFF];
    arguments.extend(many.iter().map(String::as_str));
    done(server.tegami(&arguments, ""));
    let long = format!(
        "{}{}",
        message("long"),
        "0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(5200)
    );
    send(&mut user(&server, ALICE), ALICE, STAFF, &long);
    let copy = until_there_are(&server, BOB, 1).remove(0);
    assert!(
        copy.contains("\r\nList-Unsubscribe: <mailto:"),
        "{copy:.2000}"
    );
    assert!(!copy.contains(BASE) && !copy.contains("List-Unsubscribe-Post"));
    until_the_queue_is_empty(&server);
    let to: Vec<Letter> = sink.rest();
    assert_eq!(to.iter().map(|letter| letter.to.len()).sum::<usize>(), 1100);
    assert!(to.iter().any(|letter| letter.to.len() > 1));
}

#[test]
fn every_member_gets_a_copy_of_his_own_once_though_the_server_is_killed_in_between() {
    let sink = Sink::start();
    // The post itself, and one group of copies: in front of each further one it has to stop.
    let server = server(&sink, "queue_messages = 65\n");
    list(&server, &[BOB], &[]);
    let many: Vec<String> = (0..150).map(|n| format!("m{n}@other.test")).collect();
    let mut arguments = vec!["list", "member", "add", STAFF];
    arguments.extend(many.iter().map(String::as_str));
    done(server.tegami(&arguments, ""));
    let (server, letters) = killed_between_copies(server, &sink);
    let mut to: Vec<&str> = letters
        .iter()
        .flat_map(|letter| &letter.to)
        .map(String::as_str)
        .collect();
    to.sort_unstable();
    let mut expected: Vec<String> = many.iter().map(|member| format!("<{member}>")).collect();
    expected.sort_unstable();
    assert_eq!(to, expected);
    let mut paths: Vec<String> = letters.iter().map(|letter| path(&letter.text)).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), many.len());
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

#[test]
fn the_web_listener_says_that_the_server_serves_and_nothing_else() {
    let server = Server::start("[web]\n");
    says(&get(&server, "/healthz"), "200", "\r\n\r\nok\n");
    says(&get(&server, "/"), "404", "There is nothing here.");
    says(&get(&server, "/metrics"), "404", "There is nothing here.");
    let health = server.tegami(&["healthcheck"], "");
    assert!(health.stdout.contains("6 listeners answer"), "{health:?}");
    // An open connection without a request holds nothing up.
    let idle = TcpStream::connect(("127.0.0.1", server.port("web"))).expect("it listens");
    idle.shutdown(Shutdown::Write).expect("our own socket");
    server.stop();
}

#[test]
fn a_reverse_proxy_speaks_plain_http_and_passes_on_as_many_guests_as_come() {
    let server = Server::start(
        "[web]\n[proxy]\nfrom = [\"127.0.0.1\"]\n\
         [limits]\nsessions_per_ip = 1\nconnect_rate = \"1/1h\"\n",
    );
    let idle = TcpStream::connect(("127.0.0.1", server.port("web"))).expect("it listens");
    for _ in 0..40 {
        says(&get(&server, "/healthz"), "200", "\r\n\r\nok\n");
    }
    // The others want to hear for whom it speaks.
    let health = server.tegami(&["healthcheck"], "");
    assert!(health.stdout.contains("6 listeners answer"), "{health:?}");
    drop(idle);
}

#[test]
fn a_web_address_that_nobody_answers_is_refused() {
    let stopped = Stopped::before("");
    let output = stopped.fail(|command| {
        command.env("TEGAMI_WEB__URL", "https://lists.example.test");
    });
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("listen.web is empty"), "{output:?}");
}

#[test]
fn whoever_leaves_while_others_are_taken_off_is_off_and_so_are_they() {
    let sink = Sink::start();
    let server = server(&sink, "");
    list(&server, &[BOB], &[]);
    let here: Vec<String> = (0..20).map(|n| format!("m{n}@other.test")).collect();
    let mut arguments = vec!["list", "member", "add", STAFF];
    arguments.extend(here.iter().map(String::as_str));
    done(server.tegami(&arguments, ""));
    send(&mut user(&server, ALICE), ALICE, STAFF, &message("to all"));
    let letters: Vec<Letter> = here.iter().map(|_| sink.letter()).collect();
    let (clicks, removed) = letters.split_at(10);
    let port = server.port("web");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for copy in clicks {
                let answer = post_at(port, &path(&copy.text), URLENCODED, FORM);
                says(&answer, "200", "");
            }
        });
        for copy in removed {
            let member = copy.to[0].trim_matches(['<', '>']);
            done(server.tegami(&["list", "member", "remove", STAFF, member], ""));
        }
    });
    assert_eq!(members(&server).trim(), BOB);
}
