//! Deliveries planned and certificates promised, by zones that are signed, are not, or are not signed by their owner.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

#[path = "signed/zones.rs"]
mod zones;

use std::net::IpAddr;
use std::time::Duration;

use address::Host;
use dane::Tlsa;
use hickory_server::proto::rr::RData;
use hickory_server::proto::rr::rdata::{CNAME, MX, TLSA, TXT};
use resolver::{Asker, Dane, MailHost, Place, Plan, Resolver, Texts, TrustAnchors, Undeliverable};
use zones::{Trust, Zones, name};

const PATIENCE: Duration = Duration::from_secs(60);
const DIGEST: [u8; 32] = [7; 32];

fn mx(preference: u16, host: &str) -> RData {
    RData::MX(MX::new(preference, name(host)))
}

fn address(text: &str) -> RData {
    RData::from(text.parse::<IpAddr>().unwrap())
}

fn alias(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

fn tlsa(usage: u8) -> RData {
    RData::TLSA(TLSA::new(usage.into(), 1.into(), 1.into(), DIGEST.to_vec()))
}

async fn world() -> (Zones, Resolver) {
    let signed = [
        ("signed.", mx(10, "mx.signed.")),
        ("mx.signed.", address("192.0.2.1")),
        ("mx.signed.", address("2001:db8::1")),
        ("_25._tcp.mx.signed.", tlsa(3)),
        ("_465._tcp.mx.signed.", tlsa(2)),
        // A host that promises nothing, and one that promises what mail servers cannot use.
        ("silent.signed.", mx(10, "bare.signed.")),
        ("bare.signed.", address("192.0.2.2")),
        ("odd.signed.", mx(10, "pkix.signed.")),
        ("pkix.signed.", address("192.0.2.3")),
        ("_25._tcp.pkix.signed.", tlsa(1)),
        // A domain that is its own host.
        ("own.signed.", address("192.0.2.4")),
        ("_25._tcp.own.signed.", tlsa(3)),
        // Aliases: of the domain, and of its host, with records where it leads and where it begins.
        ("other.signed.", alias("signed.")),
        ("led.signed.", mx(10, "alias.signed.")),
        ("alias.signed.", alias("mx.signed.")),
        ("begun.signed.", mx(10, "begins.signed.")),
        ("begins.signed.", alias("bare.signed.")),
        ("_25._tcp.begins.signed.", tlsa(2)),
        ("moved.signed.", mx(10, "moves.signed.")),
        ("moves.signed.", address("192.0.2.5")),
        ("_25._tcp.moves.signed.", alias("_25._tcp.mx.signed.")),
        // A host whose servers cannot say what it promises.
        ("faulty.signed.", mx(10, "fault.signed.")),
        ("dead.signed.", mx(10, "dumb.signed.")),
        ("dumb.signed.", address("192.0.2.6")),
        ("_25._tcp.dumb.signed.", alias("fault.signed.")),
        // Hosts whose promises somebody on the way suppresses.
        ("quiet.signed.", mx(10, "hushed.signed.")),
        ("hushed.signed.", address("192.0.2.7")),
        ("_25._tcp.hushed.signed.", tlsa(3)),
        ("gone.signed.", mx(10, "denied.signed.")),
        ("denied.signed.", address("192.0.2.8")),
        ("_25._tcp.denied.signed.", tlsa(3)),
        // Hosts elsewhere.
        ("hosted.signed.", mx(10, "mx.plain.")),
        ("forged.signed.", mx(10, "mx.forged.")),
        ("null.signed.", mx(0, ".")),
        (
            "_mta-sts.signed.",
            RData::TXT(TXT::new(vec!["v=STSv1; ".to_owned(), "id=1;".to_owned()])),
        ),
    ];
    let plain = [
        ("plain.", mx(10, "mx.plain.")),
        ("mx.plain.", address("192.0.2.11")),
        ("_25._tcp.mx.plain.", tlsa(3)),
        ("hosted.plain.", mx(10, "mx.signed.")),
        ("elsewhere.plain.", alias("signed.")),
    ];
    let forged = [
        ("forged.", mx(10, "mx.forged.")),
        ("mx.forged.", address("192.0.2.21")),
    ];
    let zones = Zones::start(&[
        ("signed.", Trust::Signed, &signed),
        ("plain.", Trust::Unsigned, &plain),
        ("forged.", Trust::Forged, &forged),
        (
            "hidden.",
            Trust::Signed,
            &[("hidden.", mx(10, "mx.plain."))],
        ),
        (
            "bared.",
            Trust::Stripped,
            &[("bared.", mx(10, "mx.plain."))],
        ),
    ])
    .await;
    let anchors = TrustAnchors::parse(&zones.anchor).unwrap();
    let resolver = Resolver::new(PATIENCE).trusting(anchors);
    resolver.ask(&[zones.address]);
    (zones, resolver)
}

async fn planned(resolver: &Resolver, domain: &str) -> Plan {
    let domain = Host::parse(domain).unwrap();
    resolver.plan(&domain, &Place::default(), &mut |_| 0).await
}

async fn host(resolver: &Resolver, domain: &str) -> MailHost {
    match planned(resolver, domain).await {
        Plan::Hosts(mut hosts) => hosts.remove(0),
        other => panic!("{domain}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_say_what_dnssec_proves() {
    let (_zones, resolver) = world().await;
    for (domain, name, address, secure) in [
        ("signed", "mx.signed", "2001:db8::1", true),
        ("other.signed", "mx.signed", "2001:db8::1", true),
        ("own.signed", "own.signed", "192.0.2.4", true),
        ("led.signed", "alias.signed", "2001:db8::1", true),
        ("plain", "mx.plain", "192.0.2.11", false),
        // RFC 7672 section 2.2.1: a proven host in a list that is not proves nothing, nor does the other way round.
        ("hosted.plain", "mx.signed", "2001:db8::1", false),
        ("hosted.signed", "mx.plain", "192.0.2.11", false),
        ("elsewhere.plain", "mx.signed", "2001:db8::1", false),
    ] {
        let host = host(&resolver, domain).await;
        assert_eq!(host.name.to_string(), name, "{domain}");
        assert_eq!(host.addresses[0].to_string(), address, "{domain}");
        assert_eq!(host.secure, secure, "{domain}");
    }
    let canonical = host(&resolver, "led.signed").await.canonical;
    assert_eq!(canonical.unwrap().as_str(), "mx.signed");
    for (domain, plan) in [
        ("null.signed", Plan::Never(Undeliverable::NullMx)),
        ("nothing.signed", Plan::Never(Undeliverable::NoSuchDomain)),
        ("bare", Plan::Never(Undeliverable::NoSuchDomain)),
        ("mx.forged", Plan::Later),
        ("forged", Plan::Later),
        ("forged.signed", Plan::Later),
        ("hidden", Plan::Later),
        ("bared", Plan::Later),
        ("fault.signed", Plan::Later),
        ("faulty.signed", Plan::Later),
        ("[192.0.2.1]", Plan::Hosts(vec![literal("192.0.2.1")])),
        ("[127.0.0.1]", Plan::Never(Undeliverable::Forbidden)),
    ] {
        assert_eq!(planned(&resolver, domain).await, plan, "{domain}");
    }
}

fn literal(text: &str) -> MailHost {
    MailHost {
        name: Host::parse(&format!("[{text}]")).unwrap(),
        preference: 0,
        addresses: vec![text.parse().unwrap()],
        secure: false,
        canonical: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_promise_what_dnssec_proves() {
    let (_zones, resolver) = world().await;
    let promised = |usage, name: &str| Dane::Promised {
        records: vec![Tlsa::new(usage, 1, 1, &DIGEST).unwrap()],
        name: address::Domain::parse(name).unwrap(),
    };
    for (domain, port, expected) in [
        ("signed", 25, promised(3, "mx.signed")),
        ("signed", 465, promised(2, "mx.signed")),
        ("signed", 587, Dane::None),
        ("own.signed", 25, promised(3, "own.signed")),
        ("led.signed", 25, promised(3, "mx.signed")),
        ("begun.signed", 25, promised(2, "begins.signed")),
        ("moved.signed", 25, promised(3, "moves.signed")),
        ("silent.signed", 25, Dane::None),
        ("odd.signed", 25, Dane::Encrypted),
        ("dead.signed", 25, Dane::Unclear),
        ("quiet.signed", 25, Dane::Bogus),
        ("gone.signed", 25, Dane::Bogus),
        ("plain", 25, Dane::Insecure),
        ("hosted.plain", 25, Dane::Insecure),
        ("hosted.signed", 25, Dane::Insecure),
        ("[192.0.2.1]", 25, Dane::Insecure),
    ] {
        let host = host(&resolver, domain).await;
        assert_eq!(
            resolver.dane(&host, port).await,
            expected,
            "{domain} {port}"
        );
    }
    // A promise in a zone whose signatures are not its owner's.
    let mut host = host(&resolver, "signed").await;
    host.name = Host::parse("mx.forged").unwrap();
    assert_eq!(resolver.dane(&host, 25).await, Dane::Bogus);
    // And one in a zone without any: it is none.
    host.name = Host::parse("mx.plain").unwrap();
    assert_eq!(resolver.dane(&host, 25).await, Dane::None);
}

/// Without keys to begin with, everything is as if there were no DNSSEC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_trust_anchors_nothing_is_proven_and_nothing_is_forged() {
    let (zones, _) = world().await;
    let resolver = Resolver::new(PATIENCE);
    resolver.ask(&[zones.address]);
    for domain in ["signed", "plain", "forged"] {
        let host = host(&resolver, domain).await;
        assert!(!host.secure, "{domain}");
        assert_eq!(resolver.dane(&host, 25).await, Dane::Insecure, "{domain}");
    }
}

/// A key that is not the root's proves nothing at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_wrong_trust_anchor_everything_is_forged() {
    let (zones, _) = world().await;
    let wrong = "3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let wrong = TrustAnchors::parse(&format!(". {wrong}")).unwrap();
    let resolver = Resolver::new(PATIENCE).trusting(wrong);
    resolver.ask(&[zones.address]);
    for domain in ["signed", "plain"] {
        assert_eq!(planned(&resolver, domain).await, Plan::Later, "{domain}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_put_together_from_their_strings() {
    let (_zones, resolver) = world().await;
    let domain = |text| address::Domain::parse(text).unwrap();
    for (label, asked, expected) in [
        (
            "_mta-sts",
            "signed",
            Texts::Found(vec![b"v=STSv1; id=1;".to_vec()]),
        ),
        ("_mta-sts", "plain", Texts::None),
        ("_mta-sts", "fault.signed", Texts::Unclear),
        ("mx", "signed", Texts::None),
    ] {
        let found = resolver
            .texts(label, &domain(asked), Asker::Ourselves)
            .await;
        assert_eq!(found, expected, "{label} {asked}");
    }
}
