//! `tegami queue pause` and `resume`: which mail waits, and what is said of it.

use super::ALICE;
use super::outbound::{alice, done, sending_to, until_queue_says};
use super::send;
use super::sink::Sink;

const TEXT: &str = "Subject: x\r\n\r\nbody";

#[test]
fn a_paused_domain_waits_though_its_mail_goes_by_the_smarthost() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let nobody = done(server.tegami(&["queue", "pause", "World.test"], ""), "");
    assert!(
        nobody.contains("Nothing that waits goes to World.test now"),
        "{nobody}"
    );
    let mut client = alice(&server);
    client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
    client.command("RCPT TO:<a@world.test>", "250");
    client.command("RCPT TO:<b@other.test>", "250");
    client.command("DATA", "354");
    client.command("Subject: two\r\n\r\nbody\r\n.", "250 2.0.0");
    // The other recipient of the same message has it, by the same server.
    assert_eq!(sink.letter().to, ["<b@other.test>"]);
    until_queue_says(&server, &["queue", "list"], "a@world.test");
    done(server.tegami(&["queue", "retry", "--all"], ""), "1 message");
    send(&mut client, ALICE, "c@other.test", TEXT);
    assert_eq!(sink.letter().to, ["<c@other.test>"]);
    assert_eq!(sink.rest(), []);
    let again = done(
        server.tegami(&["queue", "pause", "world.test"], ""),
        "Paused: world.test.",
    );
    assert!(!again.contains("Nothing"), "{again}");
    done(
        server.tegami(&["queue", "resume", "world.test"], ""),
        "Resumed: world.test. All mail leaves.",
    );
    assert_eq!(sink.letter().to, ["<a@world.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
}

#[test]
fn a_server_is_paused_by_its_name_with_or_without_its_port_and_resume_ends_every_pause() {
    let sink = Sink::start();
    let port = sink.port;
    let server = sending_to(port, "");
    let mut client = alice(&server);
    for name in [
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port}"),
        "[127.0.0.1]".to_owned(),
    ] {
        let said = done(server.tegami(&["queue", "pause", &name], ""), &name);
        assert!(!said.contains("Nothing that waits"), "{said}");
        send(&mut client, ALICE, "a@world.test", TEXT);
        done(
            server.tegami(&["queue", "pause", "b.test"], ""),
            &format!("{name}, b.test"),
        );
        done(server.tegami(&["status"], ""), "PAUSED");
        assert_eq!(sink.rest(), []);
        done(
            server.tegami(&["queue", "resume", "c.test"], ""),
            &format!("c.test was not paused. Still paused: {name}, b.test"),
        );
        done(
            server.tegami(&["queue", "resume"], ""),
            &format!("Resumed: {name}, b.test. All mail leaves."),
        );
        assert_eq!(sink.letter().to, ["<a@world.test>"]);
    }
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    done(server.tegami(&["queue", "pause", "b.test"], ""), "b.test");
    done(
        server.tegami(&["queue", "resume"], ""),
        "Resumed: everything, with the pause of b.test. All mail leaves.",
    );
}
