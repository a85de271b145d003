//! Mail with the mark REQUIRETLS (RFC 8689) at servers that do not keep it, and reports about such mail on their way back.

use address::{Envelope, ReversePath};
use delivery::schedule::Verdict;

use crate::guarded::{counts, verdict};
use crate::server::{Authority, Certificate, Manner, listeners};
use crate::world::{TEXT, make, told};

const ONE: &[&str] = &["a@plain.test"];

fn secret(envelope: &mut Envelope) {
    envelope.requiretls = true;
}

fn secret_report(envelope: &mut Envelope) {
    envelope.requiretls = true;
    envelope.reverse_path = ReversePath::Null;
}

fn own() -> Manner {
    Manner::of("mx1").with_tls(Certificate::self_signed("mx1.plain.test"))
}

// TLS-12, X-22
#[tokio::test]
async fn what_is_missing_has_a_row_of_its_own() {
    for (manner, row, status) in [
        (Manner::of("mx1"), "X-22b", (5, 7, 10)),
        (Manner::of("mx1").lists("REQUIRETLS"), "X-22b", (5, 7, 10)),
        (own(), "X-22a", (5, 7, 30)),
        (own().lists("REQUIRETLS"), "X-22a", (5, 7, 30)),
    ] {
        let world = make(listeners(1).await)
            .servers(vec![manner], Authority::new(), |_| Vec::new())
            .await;
        let trip = world.send_text(ONE, TEXT, secret).await;
        let one = &trip.carried[0];
        let found = (one.status.0, one.status.1, one.status.2);
        let rows = one.row.map(|row| row.id);
        assert_eq!(
            (one.verdict, rows, found),
            (Verdict::Refused, Some(row), status),
            "{:?}",
            told(&trip)
        );
        assert_eq!(counts(&world, 0).2, 0);
    }
}

/// RFC 8689 section 5. The other mail of the same kind does not go to any of these servers.
// TLS-13
#[tokio::test]
async fn a_report_goes_where_there_is_tls_and_nowhere_else() {
    for (manner, expected, messages, marked) in [
        (own(), Verdict::Delivered, 1, 0),
        (own().lists("REQUIRETLS"), Verdict::Delivered, 1, 1),
        (Manner::of("mx1"), Verdict::Refused, 0, 0),
        (own().says("TLS", "HANG"), Verdict::Deferred, 0, 0),
    ] {
        let world = make(listeners(1).await)
            .servers(vec![manner], Authority::new(), |_| Vec::new())
            .await;
        let ordinary = world.send_text(ONE, TEXT, secret).await;
        assert_ne!(verdict(&ordinary), Verdict::Delivered);
        assert_eq!(counts(&world, 0).2, 0);
        let report = world.send_text(ONE, TEXT, secret_report).await;
        assert_eq!(verdict(&report), expected, "{:?}", told(&report));
        assert_eq!(counts(&world, 0).2, messages);
        let said = world.servers[0].heard();
        let mails: Vec<_> = said.iter().filter(|one| one.starts_with("MAIL")).collect();
        assert_eq!(mails.len(), messages, "{mails:?}");
        let with_mark = mails.iter().filter(|one| one.contains(" REQUIRETLS"));
        assert_eq!(with_mark.count(), marked, "{mails:?}");
    }
}
