//! Two servers by the example in `config/hub-and-spoke`: one keeps mail, the other, which nobody can reach, fetches it.

use std::path::Path;

use super::client::Client;
use super::server::{Server, Stopped};
use super::sink::Sink;
use super::{PASSWORD, fetch_all, log_in, send};

const ALICE: &str = "alice@spoke.example";

/// One of the examples, so that it runs beside others on this machine.
fn example(name: &str, changes: &[(&str, &str)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("config/hub-and-spoke").join(name);
    let mut text = std::fs::read_to_string(path).expect("the example is there");
    let here = "submission = [\"127.0.0.1:0\"]\nsubmissions = [\"127.0.0.1:0\"]\npop3 = [\"127.0.0.1:0\"]\n\
                pop3s = [\"127.0.0.1:0\"]\nweb = []\n";
    let changes = changes.iter().copied();
    for (old, new) in changes.chain([("\n[listen]\n", &*format!("\n[listen]\n{here}"))]) {
        assert_eq!(text.matches(old).count(), 1, "{old} is in {name} once");
        text = text.replace(old, new);
    }
    text
}

/// The hub, whose own mail goes to a server on this port.
fn hub(port: u16) -> Server {
    let ports = "smtp = [\"127.0.0.1:0\"]\nodmr = [\"127.0.0.1:0\"]";
    let relay = format!(
        "\n[relay]\nsmarthost = \"127.0.0.1:{port}\"\nsmarthost_tls = \"none\"\n[[relay.hold]]\n"
    );
    let hub = Stopped::by(&example(
        "hub.toml",
        &[
            ("odmr = [\"[::]:366\"]", ports),
            ("\n[[relay.hold]]\n", &relay),
        ],
    ));
    hub.add_account("spoke@hub.example", PASSWORD);
    hub.start_again()
}

/// The server at home, which knows the certificate that the hub made itself.
fn spoke(hub: &Server, files: &Path) -> Server {
    let (ca, password) = (files.join("hub.pem"), files.join("hub.password"));
    let made = hub.data_dir().join("tls/certificate.pem");
    std::fs::copy(made, &ca).expect("the hub made a certificate");
    std::fs::write(&password, PASSWORD).expect("our own file");
    let from = format!("from = \"127.0.0.1:{}\"", hub.port("odmr"));
    let smarthost = format!("smarthost = \"127.0.0.1:{}\"", hub.port("submission"));
    let spoke = Stopped::by(&example(
        "spoke.toml",
        &[
            ("from = \"hub.example:366\"", &from),
            (
                "\npassword_file = \"/etc/tegami/hub.password\"",
                &format!("\npassword_file = {password:?}"),
            ),
            ("#ca = \"/etc/tegami/hub.pem\"", &format!("ca = {ca:?}")),
            ("smarthost = \"hub.example:587\"", &smarthost),
            (
                "smarthost_password_file = \"/etc/tegami/hub.password\"",
                &format!("smarthost_password_file = {password:?}"),
            ),
            (
                "#smarthost_ca = \"/etc/tegami/hub.pem\"",
                &format!("smarthost_ca = {ca:?}"),
            ),
            // The first visit comes within a second then.
            ("every = \"2m\"", "every = \"20s\""),
        ],
    ));
    spoke.add_account(ALICE, PASSWORD);
    spoke.start_again()
}

#[test]
fn mail_that_the_hub_keeps_is_fetched_by_the_spoke_and_in_its_mailboxes() {
    let sink = Sink::start();
    let hub = hub(sink.port);
    let mut world = Client::plain(hub.port("smtp"));
    world.expect("220");
    world.ehlo();
    for subject in ["one", "two"] {
        let text = format!("Subject: {subject}\r\n\r\n..dots and all");
        send(&mut world, "you@elsewhere.test", ALICE, &text);
    }
    let files = tempfile::tempdir().expect("a temporary directory");
    let spoke = spoke(&hub, files.path());
    let entry = spoke.logged("mail fetched");
    assert_eq!(entry["messages"], 2, "{entry}");
    let mut letters = fetch_all(&spoke, ALICE);
    letters.sort_by_key(|letter| letter.contains("Subject: two"));
    let [one, two] = &letters[..] else {
        panic!("{letters:?}");
    };
    assert!(
        one.ends_with("Subject: one\r\n\r\n.dots and all\r\n")
            && two.ends_with("Subject: two\r\n\r\n.dots and all\r\n"),
        "{letters:?}"
    );
    let fields: Vec<&str> = one
        .split("\r\n")
        .filter(|line| line.starts_with("Received: "))
        .collect();
    assert!(
        matches!(fields[..], [here, there]
            if here.starts_with("Received: from hub.example ([127.0.0.1])")
                && there.starts_with("Received: from client.example ")),
        "{one}"
    );
    let shown = spoke.tegami(&["status"], "").stdout;
    assert!(
        shown.contains("as spoke@hub.example for spoke.example: last went well"),
        "{shown}"
    );
    let listed = hub.tegami(&["queue", "list"], "").stdout;
    assert!(listed.contains("No mail waits to leave."), "{listed}");
}

#[test]
fn mail_of_the_spokes_users_leaves_by_the_hub_under_their_own_addresses_and_no_others() {
    let sink = Sink::start();
    let hub = hub(sink.port);
    let files = tempfile::tempdir().expect("a temporary directory");
    let spoke = spoke(&hub, files.path());
    let mut user = Client::tls(spoke.port("submissions"));
    user.expect("220");
    user.ehlo();
    log_in(&mut user, ALICE);
    send(
        &mut user,
        ALICE,
        "you@elsewhere.test",
        "Subject: out\r\n\r\nbody",
    );
    let letter = sink.letter();
    assert!(letter.from.starts_with(&format!("<{ALICE}>")), "{letter:?}");
    assert_eq!(letter.to, ["<you@elsewhere.test>"]);
    // The login of the spoke is good for the domains that it fetches.
    let mut other = Client::tls(hub.port("submissions"));
    other.expect("220");
    other.ehlo();
    log_in(&mut other, "spoke@hub.example");
    for (from, reply) in [
        ("spoke@hub.example", "250"),
        ("anybody@spoke.example", "250"),
        ("anybody@sub.spoke.example", "553"),
        ("anybody@hub.example", "553"),
        ("anybody@elsewhere.test", "553"),
    ] {
        other.command(&format!("MAIL FROM:<{from}>"), reply);
        other.command("RSET", "250");
    }
}
