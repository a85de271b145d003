//! `TLS-Required: No` (RFC 8689 section 4.2.2): what a domain promises does not stop a message whose sender says so, and
//! TLS is used all the same where it is to be had.

use courier::carry::Carry as _;
use delivery::schedule::Verdict;

use crate::guarded::{counts, policy, promised, results, tlsa, verdict, with_policy};
use crate::server::{Authority, Certificate, Manner, listeners};
use crate::world::{Text, at, hop, make, mx, told, transaction};

const WAIVED: &str = "Subject: your certificate\r\nTLS-Required: No\r\n\r\nhas expired.\r\n";
const ORDINARY: &str = "Subject: your certificate\r\n\r\nTLS-Required: No\r\n";

/// A host that does not keep what DNS promises of its certificate, or has no TLS at all.
#[tokio::test]
async fn what_dns_promises_does_not_stop_it() {
    let right = Certificate::self_signed("anything.test");
    let wrong = Certificate::self_signed("mx1.signed.test");
    let under_tls = || Manner::of("mx1").with_tls(wrong.clone());
    for (manner, tls) in [(under_tls(), 1), (Manner::of("mx1"), 0)] {
        let shut = Manner::of("mx2").says("CONNECT", "HANG");
        let world = promised(manner, vec![tlsa(3, &right)], shut, false).await;
        let ordinary = world.send_text(&["a@signed.test"], ORDINARY, |_| ()).await;
        assert_eq!(
            verdict(&ordinary),
            Verdict::Deferred,
            "{:?}",
            told(&ordinary)
        );
        assert_eq!(counts(&world, 0).2, 0);
        let before = results(&world);
        let (connects, handshakes, _) = counts(&world, 0);
        let waived = world.send_text(&["a@signed.test"], WAIVED, |_| ()).await;
        assert_eq!(verdict(&waived), Verdict::Delivered, "{:?}", told(&waived));
        assert_eq!(counts(&world, 0), (connects + 1, handshakes + tls, 1));
        // It says nothing of the promises, so nothing of it is counted.
        assert_eq!(results(&world), before);
    }
}

/// Nor does what DNS says, if that is forged or cannot be had.
#[tokio::test]
async fn promises_that_are_suppressed_do_not_stop_it() {
    let world = make(listeners(1).await)
        .servers(vec![Manner::of("mx1")], Authority::new(), |_| {
            vec![
                ("gone.signed.test.", mx(10, "denied.signed.test.")),
                ("denied.signed.test.", at("127.0.0.1")),
            ]
        })
        .await;
    for (text, expected) in [(ORDINARY, Verdict::Deferred), (WAIVED, Verdict::Delivered)] {
        let trip = world.send_text(&["a@gone.signed.test"], text, |_| ()).await;
        assert_eq!(verdict(&trip), expected, "{:?}", told(&trip));
    }
}

#[tokio::test]
async fn a_policy_does_not_stop_it() {
    let own = |_: &Authority| {
        vec![Manner::of("mx1").with_tls(Certificate::self_signed("mx1.plain.test"))]
    };
    let bare = |_: &Authority| vec![Manner::of("mx1")];
    type Make = fn(&Authority) -> Vec<Manner>;
    let all: [(Make, &str, usize); 3] = [
        (own, "mx1.plain.test", 1),
        (own, "mx9.plain.test", 1),
        (bare, "mx1.plain.test", 0),
    ];
    for (manners, listed, tls) in all {
        let (world, _web) = with_policy(manners, &policy("enforce", listed)).await;
        for (text, expected, messages) in [
            (ORDINARY, Verdict::Deferred, 0),
            (WAIVED, Verdict::Delivered, 1),
        ] {
            let before = counts(&world, 0).1;
            let trip = world.send_text(&["a@plain.test"], text, |_| ()).await;
            assert_eq!(verdict(&trip), expected, "{:?}", told(&trip));
            assert_eq!(counts(&world, 0).2, messages);
            if messages == 1 {
                assert_eq!(counts(&world, 0).1 - before, tls);
            }
        }
    }
}

/// STARTTLS is tried also where it is not, for other mail; and when it comes to nothing the message goes without.
#[tokio::test]
async fn starttls_is_tried_all_the_same() {
    let own = || Manner::of("mx1").with_tls(Certificate::self_signed("mx1.plain.test"));
    for (manner, expected) in [(own(), (1, 1, 1)), (own().says("TLS", "HANG"), (2, 0, 1))] {
        let mut world = make(listeners(1).await)
            .servers(vec![manner], Authority::new(), |_| Vec::new())
            .await;
        world.settings.opportunistic = false;
        let trip = world.send_text(&["a@plain.test"], WAIVED, |_| ()).await;
        assert_eq!(verdict(&trip), Verdict::Delivered, "{:?}", told(&trip));
        assert_eq!(counts(&world, 0), expected);
        assert_eq!(world.servers[0].count("STARTTLS"), 1);
    }
}

/// RFC 8689 section 4.1: with REQUIRETLS the field is overlooked.
#[tokio::test]
async fn the_mark_wins() {
    let right = Certificate::self_signed("anything.test");
    let wrong = Certificate::self_signed("mx1.signed.test");
    let shut = || Manner::of("mx2").says("CONNECT", "HANG");
    for (certificate, expected) in [
        (right.clone(), Verdict::Delivered),
        (wrong, Verdict::Deferred),
    ] {
        let first = Manner::of("mx1").lists("REQUIRETLS").with_tls(certificate);
        let world = promised(first, vec![tlsa(3, &right)], shut(), false).await;
        let secret = |envelope: &mut address::Envelope| envelope.requiretls = true;
        let trip = world.send_text(&["a@signed.test"], WAIVED, secret).await;
        assert_eq!(verdict(&trip), expected, "{:?}", told(&trip));
    }
}

/// Other mail does not ride along on a connection that has not what it wants; the other way round it does.
#[tokio::test]
async fn a_connection_that_was_opened_so_is_for_no_other_mail() {
    let right = Certificate::self_signed("anything.test");
    let wrong = Certificate::self_signed("mx1.signed.test");
    let shut = || Manner::of("mx2").says("CONNECT", "HANG");
    for (certificate, first, second, expected, connects) in [
        (&wrong, WAIVED, ORDINARY, Verdict::Deferred, 2),
        (&wrong, WAIVED, WAIVED, Verdict::Delivered, 1),
        (&right, ORDINARY, WAIVED, Verdict::Delivered, 1),
        (&right, WAIVED, ORDINARY, Verdict::Delivered, 2),
    ] {
        let manner = Manner::of("mx1").with_tls(certificate.clone());
        let world = promised(manner, vec![tlsa(3, &right)], shut(), false).await;
        let roads = world.roads();
        let mut line = None;
        for (text, expected) in [(first, Verdict::Delivered), (second, expected)] {
            let sent = transaction(&["a@signed.test"], text.len());
            let (hop, mut letter) = (hop("signed.test"), Text::new(text));
            let trip = roads.carry(&hop, line, sent, &mut letter).await;
            assert_eq!(verdict(&trip), expected, "{:?}", told(&trip));
            line = trip.line;
        }
        assert_eq!(counts(&world, 0).0, connects);
    }
}
