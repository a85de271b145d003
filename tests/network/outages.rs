//! A smarthost that does not take our mail, and settings that cannot be used: what is said, and what happens then.

use super::outbound::{alice, done, sending_to, until_queue_says};
use super::sink::Sink;
use super::{ALICE, send};

const TEXT: &str = "Subject: x\r\n\r\nbody";

#[test]
fn a_smarthost_without_the_tls_it_must_have_is_named_and_mended_by_a_reload() {
    let sink = Sink::start();
    let port = sink.port;
    let server = sending_to(port, "");
    server.reconfigure("smarthost_tls = \"none\"", "smarthost_tls = \"starttls\"");
    let server = server.stop().start_again();
    send(&mut alice(&server), ALICE, "you@other.test", TEXT);
    let warning = server
        .logged("mail cannot leave by a configured server; it waits and is tried again")
        .to_string();
    assert!(warning.contains("it offers none"), "{warning}");
    let name = format!("NOTHING LEAVES by 127.0.0.1:{port} since ");
    let status = until_queue_says(&server, &["status"], &name);
    assert!(status.contains("it offers none"), "{status}");
    // Nobody waits for the next try: it is made because the settings of this server have changed.
    until_queue_says(&server, &["queue", "list"], "next try in");
    server.reconfigure("smarthost_tls = \"starttls\"", "smarthost_tls = \"none\"");
    server.reload();
    assert_eq!(sink.letter().to, ["<you@other.test>"]);
    server.event("mail leaves by a configured server again");
    let status = done(server.tegami(&["status"], ""), "Queue");
    assert!(!status.contains("NOTHING LEAVES"), "{status}");
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_an_error_of_check_and_leaves_a_running_server_as_it_was()
 {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    server.reconfigure(
        "smarthost_tls = \"none\"\n",
        "smarthost_tls = \"none\"\nsmarthost_ca = \"absent.pem\"\n",
    );
    let check = server.tegami(&["check"], "");
    assert_eq!(check.code, Some(1), "{check:?}");
    for part in ["relay: mail cannot leave", "absent.pem", "cannot be read"] {
        assert!(check.stderr.contains(part), "{part} in {check:?}");
    }
    server.reload();
    server.event("relay not reloaded; mail leaves as before");
    let kept = server
        .logged("reloaded, but not what an error was said of: there everything stays as it was");
    assert_eq!(kept["kept"], "relay", "{kept}");
    send(&mut alice(&server), ALICE, "you@other.test", TEXT);
    assert_eq!(sink.letter().to, ["<you@other.test>"]);
}
