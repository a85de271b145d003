//! What is counted of TLS (RFC 8460 section 4): each session that was tried once, and nothing that was only asked about.

use courier::roads::Roads;
use delivery::schedule::Verdict;

use crate::server::{Authority, Certificate, Manner, listeners};
use crate::world::{World, hop, make, mx, send_by, told};

fn results(world: &World) -> String {
    let directory = world.directory.path().join("tls-results");
    let files = std::fs::read_dir(directory).into_iter().flatten();
    let files = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    files.collect()
}

async fn one(manner: Manner) -> World {
    let made = make(listeners(1).await);
    made.servers(vec![manner], Authority::new(), |_| Vec::new())
        .await
}

#[tokio::test]
async fn a_failed_handshake_and_what_goes_in_clear_instead_are_one_result() {
    let own = || Certificate::self_signed("mx1");
    for (to, answer) in [
        ("TLS", "HANG"),
        ("STARTTLS", "HANG"),
        ("STARTTLS", "nonsense"),
    ] {
        let broken = Manner::of("mx1").with_tls(own()).says(to, answer);
        for (after, verdict) in [
            ("RSET", Verdict::Delivered),
            // What becomes of the message in clear is no matter.
            ("MAIL", Verdict::Deferred),
        ] {
            let world = one(broken.clone().says(after, "450 4.0.0 later")).await;
            let roads: Roads = world.roads();
            let trip = send_by(&roads, &["a@plain.test"]).await;
            assert_eq!(trip.carried[0].verdict, verdict, "{:?}", told(&trip));
            // For a while nobody tries again, and what was not tried is not counted.
            send_by(&roads, &["a@plain.test"]).await;
            drop(roads);
            assert_eq!(world.servers[0].count("STARTTLS"), 1);
            let failed = "plain.test no-policy-found mx1.plain.test validation-failure 1\n";
            assert_eq!(results(&world), failed, "{to} {answer}");
        }
    }
}

#[tokio::test]
async fn what_is_only_asked_about_is_not_counted() {
    let made = make(listeners(1).await);
    let forged = |_| {
        vec![
            ("gone.signed.test.", mx(10, "denied.signed.test.")),
            ("denied.signed.test.", crate::world::at("127.0.0.1")),
        ]
    };
    let world = made
        .servers(vec![Manner::of("mx1")], Authority::new(), forged)
        .await;
    let roads = world.roads();
    roads.prospect(&hop("gone.signed.test")).await;
    drop(roads);
    assert_eq!(results(&world), "");
    let roads = world.roads();
    send_by(&roads, &["a@gone.signed.test"]).await;
    drop(roads);
    assert_eq!(
        results(&world),
        "gone.signed.test tlsa denied.signed.test dnssec-invalid 1\n"
    );
}
