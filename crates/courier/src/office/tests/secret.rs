//! Mail with the mark REQUIRETLS (RFC 8689) that comes back: its sender reads what was missing, and its report is as secret
//! as it was.

use address::Envelope;
use address::dsn::Ret;
use delivery::schedule::Rules;
use reply::{Language, Row, smtp};

use super::world::{Letterhead, MINUTE, Manner, World};

fn secret(from: &str) -> Letterhead {
    let mut letter = Letterhead::new(from, &["<bob@a.test>"]);
    letter.envelope = Envelope {
        requiretls: true,
        ret: Some(Ret::Full),
        ..Envelope::default()
    };
    letter
}

// X-22, TLS-12
#[tokio::test(start_paused = true)]
async fn a_report_names_what_was_missing_on_the_way() {
    let rows: [(&'static Row, &str); 2] = [
        (&smtp::REQUIRETLS_LACKING, "5.7.30"),
        (&smtp::ENCRYPTION_LACKING, "5.7.10"),
    ];
    for (row, status) in rows {
        let world = World::new(Rules::default()).await;
        world.roads.set("a.test", Manner::Lacks(row));
        world.post(&secret("<alice@here.test>")).await;
        world.pass(MINUTE).await;
        let told = world.alices();
        assert_eq!(told.len(), 1);
        let words: Vec<&str> = told[0].split_whitespace().collect();
        let text = words.join(" ");
        assert!(text.contains(&format!("Status: {status} ")), "{text}");
        assert!(text.contains("Action: failed"), "{text}");
        let reasons = row.reasons(Language::English);
        for words in [reasons.cause, reasons.remedy] {
            let first = words.split_inclusive(". ").next().unwrap().trim();
            assert!(text.contains(first), "{first} in {text}");
        }
    }
}

// TLS-13
#[tokio::test(start_paused = true)]
async fn its_report_has_only_the_header_and_the_mark_and_is_never_lost_in_silence() {
    let world = World::new(Rules::default()).await;
    world
        .roads
        .set("a.test", Manner::Lacks(&smtp::REQUIRETLS_LACKING));
    world.post(&secret("<eve@far.test>")).await;
    world.pass(MINUTE).await;
    let sent = world.roads.sent();
    let report = sent.iter().find(|one| one.hop == "far.test").unwrap();
    let envelope = &report.transaction.envelope;
    assert_eq!(envelope.reverse_path.to_string(), "<>");
    assert!(envelope.requiretls);
    let text = String::from_utf8_lossy(&report.octets);
    assert!(
        text.contains("Subject: lunch") && !text.contains("at noon"),
        "{text}"
    );
    assert_eq!(world.postmasters().len(), 0);
    // Where the way back is in the clear, it does not go there.
    world
        .roads
        .set("far.test", Manner::Lacks(&smtp::ENCRYPTION_LACKING));
    world.post(&secret("<eve@far.test>")).await;
    world.pass(MINUTE).await;
    let told = world.postmasters();
    assert_eq!(told.len(), 1);
    let of_whom = "Final-Recipient: rfc822; eve@far.test";
    assert!(
        told[0].contains(of_whom) && !told[0].contains("at noon"),
        "{}",
        told[0]
    );
    assert_eq!(world.queue(), []);
}
