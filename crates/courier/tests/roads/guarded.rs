//! TLS with hosts of MX records: what each promises by DNS (DANE) or by a policy (MTA-STS), and what becomes of the mail.

use std::sync::Arc;
use std::time::Duration;

use courier::carry::{Carry as _, Trip};
use courier::roads::Line;
use delivery::schedule::{Ending, Verdict};
use hickory_server::proto::rr::RData;
use hickory_server::proto::rr::rdata::TLSA;
use resolver::{Resolver, TrustAnchors};

use crate::server::{Authority, Certificate, Manner, listeners};
use crate::web::Web;
use crate::world::{TEXT, Text, World, at, hop, make, mx, send_by, told, transaction, txt};

pub fn results(world: &World) -> String {
    let directory = world.directory.path().join("tls-results");
    let files = std::fs::read_dir(directory).into_iter().flatten();
    let files = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    files.collect()
}

/// How often a server heard `CONNECT`, `TLS` and a message.
pub fn counts(world: &World, server: usize) -> (usize, usize, usize) {
    let server = &world.servers[server];
    (
        server.count("CONNECT"),
        server.count("TLS"),
        server.count("MESSAGE"),
    )
}

/// RFC 7435: some protection is better than none, and none better than no mail.
#[tokio::test]
async fn any_certificate_will_do_where_nothing_is_promised() {
    for name in ["mx1.plain.test", "other.test"] {
        let manner = Manner::of("mx1").with_tls(Certificate::self_signed(name));
        let world = make(listeners(1).await)
            .servers(vec![manner], Authority::new(), |_| Vec::new())
            .await;
        let trip = world.send(&["a@plain.test"]).await;
        assert_eq!(
            trip.carried[0].verdict,
            Verdict::Delivered,
            "{:?}",
            told(&trip)
        );
        assert_eq!(counts(&world, 0), (1, 1, 1));
        assert_eq!(
            results(&world),
            "plain.test no-policy-found mx1.plain.test - 1\n"
        );
    }
    // Nothing is used that is not offered, or that is refused in words.
    let own = || Certificate::self_signed("mx1");
    for manner in [
        Manner::of("mx1"),
        Manner::of("mx1")
            .with_tls(own())
            .says("STARTTLS", "454 4.7.0 not now"),
    ] {
        let world = make(listeners(1).await)
            .servers(vec![manner], Authority::new(), |_| Vec::new())
            .await;
        world.send(&["a@plain.test"]).await;
        assert_eq!(counts(&world, 0), (1, 0, 1));
        assert_eq!(
            results(&world),
            "plain.test no-policy-found mx1.plain.test starttls-not-supported 1\n"
        );
    }
}

/// When the handshake fails, a new connection goes without, and for a while nobody tries again.
#[tokio::test]
async fn without_tls_if_it_comes_to_nothing() {
    for manner in [
        Manner::of("mx1")
            .with_tls(Certificate::self_signed("mx1"))
            .says("TLS", "HANG"),
        Manner::of("mx1")
            .with_tls(Certificate::self_signed("mx1"))
            .says("STARTTLS", "HANG"),
    ] {
        let world = make(listeners(1).await)
            .servers(vec![manner], Authority::new(), |_| Vec::new())
            .await;
        let roads = world.roads();
        let trip = send_by(&roads, &["a@plain.test"]).await;
        assert_eq!(
            trip.carried[0].verdict,
            Verdict::Delivered,
            "{:?}",
            told(&trip)
        );
        assert_eq!(counts(&world, 0), (2, 0, 1));
        send_by(&roads, &["a@plain.test"]).await;
        assert_eq!(counts(&world, 0), (3, 0, 2));
        assert_eq!(world.servers[0].count("STARTTLS"), 1);
        // Not with mail that must not go in the clear (RFC 8689).
        let mut secret = transaction(&["a@plain.test"], TEXT.len());
        secret.envelope.requiretls = true;
        let trip = roads
            .carry(&hop("plain.test"), None, secret, &mut Text::new(TEXT))
            .await;
        assert_eq!(
            (trip.how, trip.carried[0].verdict),
            (Ending::Unreachable, Verdict::Deferred)
        );
        assert_eq!(world.servers[0].count("MESSAGE"), 2);
        drop(roads);
        let failed = "plain.test no-policy-found mx1.plain.test validation-failure 2\n";
        assert_eq!(results(&world), failed);
    }
}

pub fn tlsa(usage: u8, certificate: &Certificate) -> RData {
    let data = certificate.key.clone();
    RData::TLSA(TLSA::new(usage.into(), 1.into(), 0.into(), data))
}

/// Both hosts of `signed.test` have TLSA records: the first those, the second none that can be used or none at all.
pub async fn promised(first: Manner, records: Vec<RData>, second: Manner, unusable: bool) -> World {
    make(listeners(2).await)
        .servers(vec![first, second], Authority::new(), |port| {
            let name: &'static str = format!("_{port}._tcp.mx1.signed.test.").leak();
            let other: &'static str = format!("_{port}._tcp.mx2.signed.test.").leak();
            let odd = RData::TLSA(TLSA::new(1.into(), 1.into(), 1.into(), vec![7; 32]));
            let unusable = unusable.then_some((other, odd));
            records
                .into_iter()
                .map(|record| (name, record))
                .chain(unusable)
                .collect()
        })
        .await
}

#[tokio::test]
async fn certificates_promised_in_dns_are_wanted() {
    let right = Certificate::self_signed("anything.test");
    let wrong = Certificate::self_signed("mx1.signed.test");
    let bare = || Manner::of("mx1");
    let barred = |why: &str| {
        format!(
            "Deferred 4.7.5 TLS is required with mx1.signed.test [127.0.0.1], and came to nothing: {why}."
        )
    };
    for (manner, usage, words, result) in [
        (bare().with_tls(right.clone()), 3, String::new(), "-"),
        (
            bare().with_tls(wrong),
            3,
            barred("no TLSA record matches the certificates of the server"),
            "tlsa-invalid",
        ),
        (
            bare(),
            3,
            "Deferred 4.7.10 TLS is required with mx1.signed.test [127.0.0.1], and it offers none."
                .to_owned(),
            "starttls-not-supported",
        ),
    ] {
        // The second host would do, but has a fault of its own: it is shut.
        let shut = Manner::of("mx2").says("CONNECT", "HANG");
        let world = promised(manner, vec![tlsa(usage, &right)], shut, false).await;
        let trip = world.send(&["a@signed.test"]).await;
        if words.is_empty() {
            assert_eq!(
                trip.carried[0].verdict,
                Verdict::Delivered,
                "{:?}",
                told(&trip)
            );
            assert_eq!(counts(&world, 0), (1, 1, 1));
        } else {
            assert_eq!((told(&trip), trip.how), (vec![words], Ending::Unreachable));
            // One connection: there is no second without TLS.
            assert_eq!((counts(&world, 0).0, counts(&world, 0).2), (1, 0));
        }
        let found = results(&world);
        assert!(
            found.starts_with(&format!("signed.test tlsa mx1.signed.test {result} 1\n")),
            "{found}"
        );
    }
}

/// RFC 7672 section 2.2: records that cannot be used mean TLS, with any certificate.
#[tokio::test]
async fn records_that_cannot_be_used_mean_tls_all_the_same() {
    let shut = || Manner::of("mx1").says("CONNECT", "HANG");
    let own = Certificate::self_signed("x.test");
    let world = promised(shut(), vec![], Manner::of("mx2").with_tls(own), true).await;
    let trip = world.send(&["a@signed.test"]).await;
    assert_eq!(
        trip.carried[0].verdict,
        Verdict::Delivered,
        "{:?}",
        told(&trip)
    );
    assert_eq!(counts(&world, 1), (1, 1, 1));
    let world = promised(shut(), vec![], Manner::of("mx2"), true).await;
    let trip = world.send(&["a@signed.test"]).await;
    assert_eq!(
        (trip.carried[0].verdict, counts(&world, 1)),
        (Verdict::Deferred, (1, 0, 0))
    );
}

/// What cannot be asked, or is forged, is no reason to go without.
#[tokio::test]
async fn a_host_whose_promises_are_suppressed_is_not_used() {
    let world = make(listeners(1).await)
        .servers(vec![Manner::of("mx1")], Authority::new(), |port| {
            let leads: &'static str = format!("_{port}._tcp.dumb.signed.test.").leak();
            let name = crate::zones::name;
            let alias = hickory_server::proto::rr::rdata::CNAME(name("fault.signed.test."));
            vec![
                ("dead.signed.test.", mx(10, "dumb.signed.test.")),
                ("dumb.signed.test.", at("127.0.0.1")),
                (leads, RData::CNAME(alias)),
                ("gone.signed.test.", mx(10, "denied.signed.test.")),
                ("denied.signed.test.", at("127.0.0.1")),
            ]
        })
        .await;
    for (domain, words) in [
        (
            "dead.signed.test",
            "Deferred 4.4.3 DNS could not say which certificate dumb.signed.test must have (TLSA), so nothing is sent there for now.",
        ),
        (
            "gone.signed.test",
            "Deferred 4.7.5 The DNS answer for the certificate of denied.signed.test (TLSA) fails DNSSEC validation: its owner has not signed it, or somebody has forged it. Nothing is sent there until that is mended.",
        ),
        // What a name server says that finds it forged is only that something went wrong.
        (
            "checked.signed.test",
            "Deferred 4.7.5 The DNS answer for checked.signed.test fails DNSSEC validation: its owner has not signed it, or somebody has forged it. Mail waits until that is mended.",
        ),
    ] {
        let trip = world.send(&[&format!("a@{domain}")]).await;
        assert_eq!(
            (told(&trip), trip.how),
            (vec![words.to_owned()], Ending::Unreachable)
        );
    }
    assert_eq!(counts(&world, 0).0, 0);
}

#[tokio::test]
async fn without_dane_nobody_asks() {
    let right = Certificate::self_signed("anything.test");
    let mut world = promised(
        Manner::of("mx1"),
        vec![tlsa(3, &right)],
        Manner::of("mx2"),
        false,
    )
    .await;
    world.settings.dane = false;
    let trip = world.send(&["a@signed.test"]).await;
    assert_eq!(
        (trip.carried[0].verdict, counts(&world, 0)),
        (Verdict::Delivered, (1, 0, 1))
    );
}

/// RFC 8689: only to servers that are known to be the right ones, and offer it.
#[tokio::test]
async fn mail_that_requires_tls_goes_where_it_is_safe() {
    let right = Certificate::self_signed("anything.test");
    let shut = || Manner::of("mx2").says("CONNECT", "554 5.3.2 no");
    let secret = |envelope: &mut address::Envelope| envelope.requiretls = true;
    for (extension, verdict) in [
        ("REQUIRETLS", Verdict::Delivered),
        ("8BITMIME", Verdict::Refused),
    ] {
        let first = Manner::of("mx1").lists(extension).with_tls(right.clone());
        let world = promised(first, vec![tlsa(3, &right)], shut(), false).await;
        let trip = world.send_text(&["a@signed.test"], TEXT, secret).await;
        assert_eq!(trip.carried[0].verdict, verdict, "{:?}", told(&trip));
    }
    // By a certificate that is trusted, for a name that DNSSEC vouches for, or does not.
    for (domain, verdict) in [
        ("signed.test", Verdict::Delivered),
        ("plain.test", Verdict::Refused),
    ] {
        let authority = Authority::new();
        let certificate = authority.signs(&format!("mx1.{domain}"));
        let first = Manner::of("mx1").lists("REQUIRETLS").with_tls(certificate);
        let world = make(listeners(1).await)
            .servers(vec![first], authority, |_| Vec::new())
            .await;
        let trip = world
            .send_text(&[&format!("a@{domain}")], TEXT, secret)
            .await;
        assert_eq!(trip.carried[0].verdict, verdict, "{:?}", told(&trip));
    }
}

/// A world where `plain.test` announces a policy, and its web server shows this.
pub async fn with_policy(
    manners: impl FnOnce(&Authority) -> Vec<Manner>,
    policy: &str,
) -> (World, Web) {
    let authority = Authority::new();
    let web = Web::start(authority.signs("mta-sts.plain.test"), policy).await;
    let manners = manners(&authority);
    let count = u8::try_from(manners.len()).unwrap();
    let mut world = make(listeners(count).await)
        .servers(manners, authority, |_| {
            vec![
                ("_mta-sts.plain.test.", txt("v=STSv1; id=1;")),
                ("mta-sts.plain.test.", at("127.0.0.1")),
            ]
        })
        .await;
    world.settings.https_port = web.port;
    (world, web)
}

pub fn policy(mode: &str, host: &str) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: {host}\nmax_age: 86400\n")
}

pub fn verdict(trip: &Trip<Line>) -> Verdict {
    trip.carried[0].verdict
}

/// Every row of the table.
#[tokio::test]
async fn certificates_promised_by_a_policy_are_wanted() {
    let good =
        |authority: &Authority| vec![Manner::of("mx1").with_tls(authority.signs("mx1.plain.test"))];
    let other =
        |authority: &Authority| vec![Manner::of("mx1").with_tls(authority.signs("mx2.plain.test"))];
    let old = |authority: &Authority| {
        vec![Manner::of("mx1").with_tls(authority.signed("mx1.plain.test"))]
    };
    let own = |_: &Authority| {
        vec![Manner::of("mx1").with_tls(Certificate::self_signed("mx1.plain.test"))]
    };
    let bare = |_: &Authority| vec![Manner::of("mx1")];
    type Make = fn(&Authority) -> Vec<Manner>;
    let all: [(&str, Make, &str); 5] = [
        ("good", good, "-"),
        ("other", other, "certificate-host-mismatch"),
        ("old", old, "certificate-expired"),
        ("own", own, "certificate-not-trusted"),
        ("bare", bare, "starttls-not-supported"),
    ];
    for (name, manners, result) in all {
        for mode in ["enforce", "testing", "none"] {
            let (world, web) = with_policy(manners, &policy(mode, "*.plain.test")).await;
            let trip = world.send(&["a@plain.test"]).await;
            let kept = name == "good" || mode != "enforce";
            let expected = if kept {
                Verdict::Delivered
            } else {
                Verdict::Deferred
            };
            assert_eq!(verdict(&trip), expected, "{name} {mode} {:?}", told(&trip));
            assert_eq!(
                world.servers[0].count("MESSAGE"),
                usize::from(kept),
                "{name} {mode}"
            );
            let found = results(&world);
            if mode != "none" {
                assert_eq!(
                    found,
                    format!("plain.test sts mx1.plain.test {result} 1\n"),
                    "{name} {mode}"
                );
            }
            assert_eq!(web.asked(), 1);
        }
    }
}

#[tokio::test]
async fn hosts_that_a_policy_does_not_list_are_left_out() {
    let both = |authority: &Authority| {
        vec![
            Manner::of("mx1").with_tls(authority.signs("mx1.plain.test")),
            Manner::of("mx2").with_tls(authority.signs("mx2.plain.test")),
        ]
    };
    let (world, _web) = with_policy(both, &policy("enforce", "mx2.plain.test")).await;
    let trip = world.send(&["a@plain.test"]).await;
    assert_eq!(
        (verdict(&trip), counts(&world, 0).0, counts(&world, 1)),
        (Verdict::Delivered, 0, (1, 1, 1))
    );
    let (world, _web) = with_policy(both, &policy("enforce", "mx9.plain.test")).await;
    let trip = world.send(&["a@plain.test"]).await;
    assert_eq!(
        told(&trip),
        [
            "Deferred 4.7.5 The policy of plain.test (MTA-STS) does not list mx2.plain.test among its mail servers, so nothing is sent there."
        ]
    );
    let (world, _web) = with_policy(both, &policy("testing", "mx9.plain.test")).await;
    let trip = world.send(&["a@plain.test"]).await;
    assert_eq!(verdict(&trip), Verdict::Delivered);
}

/// What is kept on disk holds when the web server cannot be reached; what never came is no reason to hold mail back.
#[tokio::test]
async fn a_policy_outlives_its_web_server() {
    let own = |_: &Authority| {
        vec![Manner::of("mx1").with_tls(Certificate::self_signed("mx1.plain.test"))]
    };
    let (world, web) = with_policy(own, &policy("enforce", "mx1.plain.test")).await;
    assert_eq!(
        verdict(&world.send(&["a@plain.test"]).await),
        Verdict::Deferred
    );
    drop(web);
    // New roads, as after a restart.
    assert_eq!(
        verdict(&world.send(&["a@plain.test"]).await),
        Verdict::Deferred
    );
    std::fs::remove_dir_all(world.directory.path().join("mta-sts")).unwrap();
    assert_eq!(
        verdict(&world.send(&["a@plain.test"]).await),
        Verdict::Delivered
    );
    assert!(
        results(&world).contains("plain.test sts - sts-policy-fetch-error 1\n"),
        "{}",
        results(&world)
    );
    let mut world = world;
    world.settings.mta_sts = false;
    assert_eq!(
        verdict(&world.send(&["a@plain.test"]).await),
        Verdict::Delivered
    );
}

/// RFC 8461 section 3.3: the web server has to be the right one.
#[tokio::test]
async fn policies_of_other_web_servers_do_not_count() {
    let own = |_: &Authority| {
        vec![Manner::of("mx1").with_tls(Certificate::self_signed("mx1.plain.test"))]
    };
    let (mut world, _web) = with_policy(own, "").await;
    let forged = Web::start(
        Certificate::self_signed("mta-sts.plain.test"),
        &policy("enforce", "mx9.test"),
    )
    .await;
    world.settings.https_port = forged.port;
    assert_eq!(
        verdict(&world.send(&["a@plain.test"]).await),
        Verdict::Delivered
    );
    assert_eq!(forged.asked(), 0);
    assert!(
        results(&world).contains("plain.test sts - sts-webpki-invalid 1\n"),
        "{}",
        results(&world)
    );
}

/// A line that is good enough for other mail is not for mail that needs the right server; that gets one of its own.
#[tokio::test]
async fn mail_that_requires_tls_does_not_ride_along() {
    let authority = Authority::new();
    let certificate = authority.signs("mx1.signed.test");
    let first = Manner::of("mx1").lists("REQUIRETLS").with_tls(certificate);
    let world = make(listeners(1).await)
        .servers(vec![first], authority, |_| Vec::new())
        .await;
    let roads = world.roads();
    let mut sent = transaction(&["a@signed.test"], TEXT.len());
    let trip = roads
        .carry(
            &hop("signed.test"),
            None,
            sent.clone(),
            &mut Text::new(TEXT),
        )
        .await;
    sent.envelope.requiretls = true;
    let mut line = trip.line;
    for _ in 0..2 {
        let trip = roads
            .carry(
                &hop("signed.test"),
                line,
                sent.clone(),
                &mut Text::new(TEXT),
            )
            .await;
        assert_eq!(verdict(&trip), Verdict::Delivered, "{:?}", told(&trip));
        assert_eq!(counts(&world, 0).0, 2);
        line = trip.line;
    }
}

/// Name servers that leave out the signatures would make everything look forged; so mail goes without, as it did before.
#[tokio::test]
async fn where_dnssec_never_worked_mail_goes_without() {
    let mut world = make(listeners(1).await)
        .servers(vec![Manner::of("mx1")], Authority::new(), |_| Vec::new())
        .await;
    let servers = world.resolver.servers();
    let resolver = Resolver::new(Duration::from_secs(60)).trusting(TrustAnchors::root());
    resolver.ask(&servers);
    world.resolver = Arc::new(resolver);
    for domain in ["signed.test", "plain.test"] {
        let trip = world.send(&[&format!("a@{domain}")]).await;
        assert_eq!(verdict(&trip), Verdict::Delivered, "{:?}", told(&trip));
    }
}
