//! `tegami explain` as people run it, and what `reply.verbose` makes of a refusal.

use super::client::Client;
use super::server::{Server, Stopped};

const BOUNCE: &str = "\
From: MAILER-DAEMON@mx.example.net
Subject: Undelivered Mail Returned to Sender

<nosuch@gmail.example>: host mx.example[192.0.2.1] said:
    550-5.1.1 The email account that you tried to reach does not exist. Please
    550-5.1.1 try double-checking the recipient's email address for typos or
    550 5.1.1 unnecessary spaces. ab12cd - gsmtp (in reply to RCPT TO command)

Final-Recipient: rfc822; nosuch@gmail.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does
    not exist.

Received: from pc (Exim 4.7.1) by mx.example.net; Sun, 22 Nov 2026 11:45:10 +0900
";

#[test]
fn explain_needs_neither_a_server_nor_a_configuration() {
    let home = Stopped::before("nonsense = true");
    for arguments in [
        &["explain", "550", "5.1.1"][..],
        &["explain", "5.7.8"],
        &["explain", "-ERR [IN-USE]"],
        &["explain", "S-452b"],
        &["explain", "S-452b", "--lang", "ja", "--json"],
        &["explain", "599"],
        &["explain", "550 5.7.1 Relay access denied"],
    ] {
        let output = home.tegami(arguments, "");
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
        assert!(output.stdout.len() > 60, "{arguments:?}: {output:?}");
        assert_eq!(output.stderr, "", "{arguments:?}");
    }
    assert!(!home.data_dir().exists());
}

#[test]
fn explain_finds_the_codes_of_a_bounce_once() {
    let home = Stopped::before("");
    let output = home.tegami(&["explain", "-", "--json"], BOUNCE);
    assert_eq!(output.code, Some(0), "{output:?}");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    let codes = json["codes"].as_array().expect("a list");
    assert_eq!(codes.len(), 1, "{codes:?}");
    assert_eq!(codes[0]["code"], "550 5.1.1");
    assert_eq!(codes[0]["elsewhere"][0]["server"], "Gmail");
    let output = home.tegami(&["explain", "-", "--lang", "ja"], BOUNCE);
    assert!(
        output.stdout.contains("宛先のアカウントは存在しません"),
        "{output:?}"
    );
}

#[test]
fn explain_reads_the_encoded_parts_of_a_bounce() {
    let home = Stopped::before("");
    let bounce = "\
Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
<a@b.example>: host mx.example said: 452=20=34.2.2 over=\n quota\n\
--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n\
RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAYi5leGFtcGxlDQpTdGF0\ndXM6IDUuNC43DQo=\n--b--\n";
    let output = home.tegami(&["explain", "-", "--json"], bounce);
    assert_eq!(output.code, Some(0), "{output:?}");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    let codes = json["codes"].as_array().expect("a list");
    let codes: Vec<_> = codes.iter().map(|code| &code["code"]).collect();
    assert_eq!(codes, ["452 4.2.2", "5.4.7"]);
}

#[test]
fn explain_says_so_when_there_is_nothing_to_explain() {
    let home = Stopped::before("");
    for arguments in [&["explain", "hello"][..], &["explain", "-"]] {
        let output = home.tegami(arguments, "a letter without any code");
        assert_eq!(output.code, Some(1), "{output:?}");
        assert_eq!(output.stdout, "");
        assert!(
            output.stderr.contains("try: tegami explain 550 5.1.1"),
            "{output:?}"
        );
    }
    assert_eq!(home.tegami(&["explain"], "").code, Some(2));
}

#[test]
fn verbose_replies_tell_the_sender_why_and_what_to_do() {
    for (extra, lines) in [
        (
            "[reply]\nverbose = true",
            &[
                "550-5.1.1 No mailbox <nosuch@example.test> here; check the spelling\r\n",
                "550-5.1.1 A typing mistake, or an account that was removed.\r\n",
                "550 5.1.1 Check the spelling.\r\n",
            ][..],
        ),
        (
            "",
            &["550 5.1.1 No mailbox <nosuch@example.test> here; check the spelling\r\n"],
        ),
    ] {
        let server = Server::start(extra);
        let mut client = Client::plain(server.port("smtp"));
        client.expect("220");
        client.command("EHLO other.example", "250");
        client.command("MAIL FROM:<>", "250 2.1.0");
        client.send(b"RCPT TO:<nosuch@example.test>\r\n");
        for line in lines {
            assert_eq!(client.line(), *line);
        }
        client.command("NOOP", "250 2.0.0");
    }
}
