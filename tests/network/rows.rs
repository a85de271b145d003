//! Replies that hang on the configuration, on limits or on faults of the host, brought about in the built server. The
//! dialogues named after them show the same with a scripted host.

use std::fs;

use super::client::{Client, base64};
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, log_in, send};

fn server(extra: &str) -> Server {
    let server = Server::start(extra);
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    server
}

fn stranger(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220 mail.example.test ESMTP");
    client.command("EHLO other.example", "250");
    client
}

// S-250k, S-250l, X-24, S-552a, S-450d, S-450e, S-421f
#[test]
fn settings_bring_about_the_replies_that_speak_of_them() {
    let server = server(
        "[smtp]\nvrfy = \"verify\"\nexpn = \"on\"\nmax_message_size = \"10kB\"\n\
         [limits]\nerrors = 2\nmail_rate = \"3/1m\"\nrcpt_rate = \"3/1m\"\n",
    );
    let output = server.tegami(&["alias", "add", "staff@example.test", ALICE, BOB], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut client = stranger(&server);
    client.command("VRFY alice", "250 2.1.5 <alice@example.test>");
    client.command("VRFY nosuch", "550 5.1.1");
    client.command("EXPN staff", "250 2.1.5 <bob@example.test>");
    client.command("MAIL FROM:<> SIZE=10001", "552 5.3.4");
    client.command("MAIL FROM:<>", "250 2.1.0");
    for recipient in [ALICE, BOB, "postmaster@example.test"] {
        client.command(&format!("RCPT TO:<{recipient}>"), "250 2.1.5");
    }
    client.command(&format!("RCPT TO:<{ALICE}>"), "450 4.7.1");
    for _ in 0..2 {
        client.command("RSET", "250 2.0.0");
        client.command("MAIL FROM:<>", "250 2.1.0");
    }
    client.command("RSET", "250 2.0.0");
    client.command("MAIL FROM:<>", "450 4.7.1");

    let mut client = stranger(&server);
    client.command("FOO", "500 5.5.2");
    client.command("FOO", "500 5.5.2");
    client.expect("421 4.7.0 mail.example.test Too many errors");
    assert!(client.is_closed());
}

// S-421c, S-421d, T-02, T-P2, T-P3, T-P4
#[test]
fn who_connects_too_often_hears_which_limit_it_was() {
    for (limit, smtp, pop3) in [
        (
            "sessions = 1",
            "421 mail.example.test Too many sessions",
            "-ERR [SYS/TEMP] Too many sessions",
        ),
        (
            "sessions_per_ip = 1",
            "421 mail.example.test Connection limit for 127.0.0.1",
            "-ERR [SYS/TEMP] Connection limit for 127.0.0.1",
        ),
        (
            "connect_rate = \"1/1m\"",
            "421 mail.example.test Too many new connections from 127.0.0.1",
            "-ERR [SYS/TEMP] Too many new connections from 127.0.0.1",
        ),
    ] {
        let server = Server::start(&format!("[limits]\n{limit}\n"));
        for (service, greeting, refusal) in [("smtp", "220", smtp), ("pop3", "+OK", pop3)] {
            let mut first = Client::plain(server.port(service));
            first.expect(greeting);
            let mut second = Client::plain(server.port(service));
            second.expect(refusal);
            assert!(second.is_closed(), "{limit}");
            first.command("QUIT", "");
        }
    }
}

// S-552c, S-550b
#[test]
fn a_full_and_a_disabled_mailbox_are_refused_for_good_where_that_is_wanted() {
    let server = server("[mailbox]\nquota = \"1000\"\nover_quota = \"reject\"\n");
    let mut client = stranger(&server);
    let body = format!("Subject: big\r\n\r\n{}", "x".repeat(900));
    send(&mut client, "", BOB, &body);
    client.command("MAIL FROM:<>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "552 5.2.2");
    let output = server.tegami(&["account", "disable", ALICE], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    client.command(&format!("RCPT TO:<{ALICE}>"), "550 5.2.1");
    client.command("DATA", "554 5.5.1");
}

// S-452a, S-552b, S-451c
#[test]
fn a_store_without_room_and_one_that_cannot_be_written_put_mail_off() {
    let server = server("[smtp]\nmax_message_size = \"0\"\n");
    let mut client = stranger(&server);
    client.command("MAIL FROM:<> SIZE=99999999999999999999", "552 5.3.4");
    client.command("MAIL FROM:<> SIZE=9000000000000000000", "452 4.3.1");
    client.command("MAIL FROM:<>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
    client.command("DATA", "354");
    fs::remove_dir_all(server.data_dir().join("tmp")).expect("bodies on their way in");
    let line = [b"x".repeat(998), b"\r\n".to_vec()].concat();
    client.send(&line.repeat(2000));
    client.command(".", "451 4.3.0 Could not store");
    client.command("MAIL FROM:<>", "250");
}

// S-454b, PE-16: they are for servers that can get there.
#[test]
fn a_certificate_that_was_read_stays_in_use_when_its_files_go_bad() {
    let server = Server::start("");
    let own = |name: &str| server.data_dir().join("tls").join(name);
    for file in ["certificate.pem", "key.pem"] {
        let copy = own(&format!("bought-{file}"));
        fs::copy(own(file), copy).expect("a copy");
    }
    let (certificate, key) = (own("bought-certificate.pem"), own("bought-key.pem"));
    let settings = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n[log]");
    server.reconfigure("[log]", &settings);
    server.reload();
    server.event("certificate loaded");
    fs::write(key, "not any more").expect("the file is written over");
    server.reload();
    server.event("certificate not reloaded; the old one stays in use");
    let mut client = stranger(&server);
    client.command("STARTTLS", "220 2.0.0");
    client.into_tls().command("EHLO other.example", "250");
    let mut client = Client::plain(server.port("pop3"));
    client.expect("+OK");
    client.command("STLS", "+OK");
    client.into_tls().command("QUIT", "+OK");
}

// PE-23, S-454a
#[test]
fn a_login_that_needs_a_lost_key_does_not_blame_the_password() {
    let server =
        Server::start("[pop3]\napop = true\n[auth]\nmechanisms = [\"CRAM-MD5\", \"PLAIN\"]\n");
    server.add_account(ALICE, PASSWORD);
    let arguments = ["account", "allow-apop", ALICE, "--password-file", "-"];
    let output = server.tegami(&arguments, PASSWORD);
    assert_eq!(output.code, Some(0), "{output:?}");
    let stopped = server.stop();
    fs::remove_file(stopped.data_dir().join("secrets.key")).expect("the key is lost");
    let server = stopped.start_again();

    let mut client = Client::plain(server.port("pop3"));
    client.expect("+OK");
    let digest = "c4c9334bac560ecc979e58001b3e22fb";
    client.command(
        &format!("APOP {ALICE} {digest}"),
        "-ERR [SYS/PERM] Login service misconfigured",
    );
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc", "250");
    client.command("AUTH CRAM-MD5", "334");
    client.command(&base64(format!("{ALICE} {digest}").as_bytes()), "454 4.7.0");
    log_in(&mut client, ALICE);
}
