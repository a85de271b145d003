//! Which hosts and which of their addresses are asked at all (RFC 5321 section 5.1), and which of them may have mail that
//! requires TLS (RFC 8689 section 4.2.1).

use delivery::schedule::Verdict;

use crate::server::{Authority, Manner, listeners};
use crate::world::{TEXT, World, at, make, mx, told};

/// A world whose one server is at 127.0.0.1; nobody is at 127.0.0.9.
async fn with_records(records: &'static [(&'static str, &'static str)]) -> World {
    make(listeners(1).await)
        .servers(vec![Manner::of("mx1")], Authority::new(), |_| {
            let records = records.iter().map(|(owner, data)| {
                let is_address = data.starts_with("127.");
                (*owner, if is_address { at(data) } else { mx(10, data) })
            });
            records.collect()
        })
        .await
}

// OUT-02
#[tokio::test]
async fn where_there_are_mx_records_the_domains_own_address_is_not_used() {
    let world = with_records(&[
        ("both.plain.test.", "127.0.0.1"),
        ("both.plain.test.", "dead.plain.test."),
        ("dead.plain.test.", "127.0.0.9"),
        ("lost.plain.test.", "127.0.0.1"),
        ("lost.plain.test.", "nowhere.plain.test."),
        ("bare.plain.test.", "127.0.0.1"),
    ])
    .await;
    for (domain, verdict, connections) in [
        ("both.plain.test", Verdict::Deferred, 0),
        ("lost.plain.test", Verdict::Refused, 0),
        // Without MX records it is.
        ("bare.plain.test", Verdict::Delivered, 1),
    ] {
        let trip = world.send(&[&format!("a@{domain}")]).await;
        assert_eq!(trip.carried[0].verdict, verdict, "{:?}", told(&trip));
        assert_eq!(world.servers[0].count("CONNECT"), connections, "{domain}");
    }
}

// OUT-03
#[tokio::test]
async fn a_host_is_tried_at_each_of_its_addresses() {
    let world = with_records(&[
        ("many.plain.test.", "host.plain.test."),
        ("host.plain.test.", "127.0.0.8"),
        ("host.plain.test.", "127.0.0.9"),
        ("host.plain.test.", "127.0.0.1"),
    ])
    .await;
    for _ in 0..3 {
        let trip = world.send(&["a@many.plain.test"]).await;
        let words = "Delivered 2.0.0 host.plain.test [127.0.0.1] took the message: 250 2.0.0 taken";
        assert_eq!(told(&trip), [words]);
    }
}

// TLS-12
#[tokio::test]
async fn mail_that_requires_tls_goes_to_the_next_host_or_back() {
    let secret = |envelope: &mut address::Envelope| envelope.requiretls = true;
    for (second, verdict, status) in [
        ("REQUIRETLS", Verdict::Delivered, (2, 0, 0)),
        ("8BITMIME", Verdict::Refused, (5, 7, 30)),
    ] {
        let authority = Authority::new();
        let signed = |host: &str| authority.signs(&format!("{host}.signed.test"));
        let manners = vec![
            Manner::of("mx1").with_tls(signed("mx1")),
            Manner::of("mx2").lists(second).with_tls(signed("mx2")),
        ];
        let world = make(listeners(2).await)
            .servers(manners, authority, |_| Vec::new())
            .await;
        let trip = world.send_text(&["a@signed.test"], TEXT, secret).await;
        let one = &trip.carried[0];
        let found = (one.status.0, one.status.1, one.status.2);
        assert_eq!((one.verdict, found), (verdict, status), "{:?}", told(&trip));
        let messages = world.servers.iter().map(|server| server.count("MESSAGE"));
        let taken = usize::from(verdict == Verdict::Delivered);
        assert_eq!(messages.collect::<Vec<_>>(), [0, taken]);
    }
}
