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
use resolver::{
    Asker, Dane, Dnssec, MailHost, Place, Plan, Resolver, Texts, TrustAnchors, Undeliverable,
};
use zones::{Denial, Records, Trust, Zones, name};

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

fn signed_zone() -> Records {
    let hosts = vec![
        ("signed.test.", mx(10, "mx.signed.test.")),
        ("mx.signed.test.", address("192.0.2.1")),
        ("mx.signed.test.", address("2001:db8::1")),
        ("_25._tcp.mx.signed.test.", tlsa(3)),
        ("_465._tcp.mx.signed.test.", tlsa(2)),
        // A host that promises nothing, and one that promises what mail servers cannot use.
        ("silent.signed.test.", mx(10, "bare.signed.test.")),
        ("bare.signed.test.", address("192.0.2.2")),
        ("odd.signed.test.", mx(10, "pkix.signed.test.")),
        ("pkix.signed.test.", address("192.0.2.3")),
        ("_25._tcp.pkix.signed.test.", tlsa(1)),
        // A domain that is its own host.
        ("own.signed.test.", address("192.0.2.4")),
        ("_25._tcp.own.signed.test.", tlsa(3)),
    ];
    [hosts, aliases_and_accidents()].concat()
}

fn aliases_and_accidents() -> Records {
    vec![
        // Aliases: of the domain, and of its host, with records where it leads and where it begins.
        ("other.signed.test.", alias("signed.test.")),
        ("across.signed.test.", alias("plain.test.")),
        ("led.signed.test.", mx(10, "alias.signed.test.")),
        ("alias.signed.test.", alias("mx.signed.test.")),
        ("begun.signed.test.", mx(10, "begins.signed.test.")),
        ("begins.signed.test.", alias("bare.signed.test.")),
        ("_25._tcp.begins.signed.test.", tlsa(2)),
        ("moved.signed.test.", mx(10, "moves.signed.test.")),
        ("moves.signed.test.", address("192.0.2.5")),
        (
            "_25._tcp.moves.signed.test.",
            alias("_25._tcp.mx.signed.test."),
        ),
        // A host whose servers cannot say what it promises.
        ("faulty.signed.test.", mx(10, "fault.signed.test.")),
        ("dead.signed.test.", mx(10, "dumb.signed.test.")),
        ("dumb.signed.test.", address("192.0.2.6")),
        ("_25._tcp.dumb.signed.test.", alias("fault.signed.test.")),
        // A server on the way finds the first forged.
        ("checked.signed.test.", mx(10, "mx.signed.test.")),
        // Hosts whose promises somebody on the way suppresses.
        ("quiet.signed.test.", mx(10, "hushed.signed.test.")),
        ("hushed.signed.test.", address("192.0.2.7")),
        ("_25._tcp.hushed.signed.test.", tlsa(3)),
        ("gone.signed.test.", mx(10, "denied.signed.test.")),
        ("denied.signed.test.", address("192.0.2.8")),
        ("_25._tcp.denied.signed.test.", tlsa(3)),
        // RFC 5321 section 5.1: with MX records, the address of the domain itself is not for mail.
        ("nowhere.signed.test.", mx(10, "nothing.signed.test.")),
        ("nowhere.signed.test.", address("192.0.2.9")),
        // Hosts elsewhere.
        ("hosted.signed.test.", mx(10, "mx.plain.test.")),
        ("forged.signed.test.", mx(10, "mx.forged.test.")),
        ("null.signed.test.", mx(0, ".")),
        (
            "_mta-sts.signed.test.",
            RData::TXT(TXT::new(vec!["v=STSv1; ".to_owned(), "id=1;".to_owned()])),
        ),
    ]
}

async fn world(denial: Denial) -> (Zones, Resolver) {
    let plain = vec![
        ("plain.test.", mx(10, "mx.plain.test.")),
        ("mx.plain.test.", address("192.0.2.11")),
        ("_25._tcp.mx.plain.test.", tlsa(3)),
        ("hosted.plain.test.", mx(10, "mx.signed.test.")),
        ("elsewhere.plain.test.", alias("signed.test.")),
    ];
    let forged = vec![
        ("forged.test.", mx(10, "mx.forged.test.")),
        ("mx.forged.test.", address("192.0.2.21")),
    ];
    let zones = Zones::start(
        denial,
        &[
            ("signed.test.", Trust::Signed, signed_zone()),
            ("plain.test.", Trust::Unsigned, plain),
            ("forged.test.", Trust::Forged, forged),
            (
                "hidden.test.",
                Trust::Signed,
                vec![("hidden.test.", mx(10, "mx.plain.test."))],
            ),
            (
                "bared.test.",
                Trust::Stripped,
                vec![("bared.test.", mx(10, "mx.plain.test."))],
            ),
        ],
    )
    .await;
    let anchors = TrustAnchors::parse(&zones.anchor).unwrap();
    let resolver = Resolver::new(PATIENCE).trusting(anchors);
    resolver.ask(&[zones.address]);
    (zones, resolver)
}

async fn planned(resolver: &Resolver, domain: &str) -> Plan {
    let domain = Host::parse(domain).unwrap();
    let place = Place {
        dnssec: true,
        ..Place::default()
    };
    resolver.plan(&domain, &place, &mut |_| 0).await
}

async fn host(resolver: &Resolver, domain: &str) -> MailHost {
    let plan = planned(resolver, domain).await;
    let Plan::Hosts(mut hosts) = plan else {
        panic!("{domain}: {plan:?}");
    };
    hosts.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_say_what_dnssec_proves() {
    for denial in [Denial::Nsec, Denial::Nsec3, Denial::OptOut] {
        let (_zones, resolver) = world(denial).await;
        check_plans(&resolver).await;
    }
}

async fn check_plans(resolver: &Resolver) {
    for (domain, name, address, secure) in [
        ("signed.test", "mx.signed.test", "2001:db8::1", true),
        ("other.signed.test", "mx.signed.test", "2001:db8::1", true),
        ("own.signed.test", "own.signed.test", "192.0.2.4", true),
        ("led.signed.test", "alias.signed.test", "2001:db8::1", true),
        ("plain.test", "mx.plain.test", "192.0.2.11", false),
        // RFC 7672 section 2.2.1: a proven host in a list that is not proves nothing, nor does the other way round.
        ("hosted.plain.test", "mx.signed.test", "2001:db8::1", false),
        ("hosted.signed.test", "mx.plain.test", "192.0.2.11", false),
        (
            "elsewhere.plain.test",
            "mx.signed.test",
            "2001:db8::1",
            false,
        ),
        ("across.signed.test", "mx.plain.test", "192.0.2.11", false),
    ] {
        let host = host(resolver, domain).await;
        assert_eq!(host.name.to_string(), name, "{domain}");
        assert_eq!(host.addresses[0].to_string(), address, "{domain}");
        assert_eq!(host.secure, secure, "{domain}");
    }
    let canonical = host(resolver, "led.signed.test").await.canonical;
    assert_eq!(canonical.unwrap().as_str(), "mx.signed.test");
    for (domain, plan) in [
        ("null.signed.test", Plan::Never(Undeliverable::NullMx)),
        (
            "nothing.signed.test",
            Plan::Never(Undeliverable::NoSuchDomain),
        ),
        ("bare", Plan::Never(Undeliverable::NoSuchDomain)),
        ("mx.forged.test", forged("mx.forged.test")),
        ("forged.test", forged("forged.test")),
        // It is the name of the host that is meant.
        ("forged.signed.test", forged("mx.forged.test")),
        ("nowhere.signed.test", Plan::Never(Undeliverable::NoAddress)),
        ("hidden.test", forged("hidden.test")),
        ("bared.test", forged("bared.test")),
        ("fault.signed.test", Plan::Later),
        // A server that looks at DNSSEC itself says of what is forged only that something went wrong.
        ("checked.signed.test", forged("checked.signed.test")),
        ("faulty.signed.test", Plan::Later),
        ("[192.0.2.1]", Plan::Hosts(vec![literal("192.0.2.1")])),
        ("[127.0.0.1]", Plan::Never(Undeliverable::Forbidden)),
    ] {
        assert_eq!(planned(resolver, domain).await, plan, "{domain}");
    }
}

/// A host that is meant itself, whatever its domain says of mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_can_be_planned_without_their_mail() {
    let (_zones, resolver) = world(Denial::Nsec).await;
    let place = Place {
        dnssec: true,
        ..Place::default()
    };
    for (host, expected) in [
        ("mx.signed.test", "2001:db8::1 192.0.2.1 true"),
        ("mx.plain.test", "192.0.2.11 false"),
        ("nowhere.signed.test", "192.0.2.9 true"),
        ("[192.0.2.1]", "192.0.2.1 false"),
        ("[127.0.0.1]", "Never(Forbidden)"),
        ("missing.signed.test", "Never(NoAddress)"),
        ("null.signed.test", "Never(NoAddress)"),
        ("fault.signed.test", "Later"),
        ("mx.forged.test", "Forged mx.forged.test"),
    ] {
        let meant = Host::parse(host).unwrap();
        let told = match resolver.plan_for_host(&meant, &place).await {
            Plan::Hosts(hosts) => {
                assert_eq!((hosts.len(), hosts[0].name.to_string().as_str()), (1, host));
                let addresses = hosts[0].addresses.iter().map(IpAddr::to_string);
                let addresses: Vec<String> = addresses.collect();
                format!("{} {}", addresses.join(" "), hosts[0].secure)
            }
            Plan::Forged(name) => format!("Forged {name}"),
            other @ (Plan::Never(_) | Plan::Later) => format!("{other:?}"),
        };
        assert_eq!(told, expected, "{host}");
    }
}

fn forged(name: &str) -> Plan {
    Plan::Forged(address::Domain::parse(name).unwrap())
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
    for denial in [Denial::Nsec, Denial::Nsec3, Denial::OptOut] {
        let (_zones, resolver) = world(denial).await;
        check_hosts(&resolver).await;
    }
}

async fn check_hosts(resolver: &Resolver) {
    let promised = |usage, name: &str| Dane::Promised {
        records: vec![Tlsa::new(usage, 1, 1, &DIGEST).unwrap()],
        name: address::Domain::parse(name).unwrap(),
    };
    for (domain, port, expected) in [
        ("signed.test", 25, promised(3, "mx.signed.test")),
        ("signed.test", 465, promised(2, "mx.signed.test")),
        ("signed.test", 587, Dane::None),
        ("own.signed.test", 25, promised(3, "own.signed.test")),
        ("led.signed.test", 25, promised(3, "mx.signed.test")),
        ("begun.signed.test", 25, promised(2, "begins.signed.test")),
        ("moved.signed.test", 25, promised(3, "moves.signed.test")),
        ("silent.signed.test", 25, Dane::None),
        ("odd.signed.test", 25, Dane::Encrypted),
        ("dead.signed.test", 25, Dane::Unclear),
        ("quiet.signed.test", 25, Dane::Bogus),
        ("gone.signed.test", 25, Dane::Bogus),
        ("plain.test", 25, Dane::Insecure),
        ("hosted.plain.test", 25, Dane::Insecure),
        ("hosted.signed.test", 25, Dane::Insecure),
        ("[192.0.2.1]", 25, Dane::Insecure),
    ] {
        let host = host(resolver, domain).await;
        assert_eq!(
            resolver.dane(&host, port).await,
            expected,
            "{domain} {port}"
        );
    }
    // A promise in a zone whose signatures are not its owner's.
    let mut host = host(resolver, "signed.test").await;
    host.name = Host::parse("mx.forged.test").unwrap();
    assert_eq!(resolver.dane(&host, 25).await, Dane::Bogus);
    // And one in a zone without any: it is none.
    host.name = Host::parse("mx.plain.test").unwrap();
    assert_eq!(resolver.dane(&host, 25).await, Dane::None);
}

/// Without keys to begin with, everything is as if there were no DNSSEC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_trust_anchors_nothing_is_proven_and_nothing_is_forged() {
    let (zones, _) = world(Denial::Nsec).await;
    let resolver = Resolver::new(PATIENCE);
    resolver.ask(&[zones.address]);
    for domain in ["signed.test", "plain.test", "forged.test"] {
        let host = host(&resolver, domain).await;
        assert!(!host.secure, "{domain}");
        assert_eq!(resolver.dane(&host, 25).await, Dane::Insecure, "{domain}");
    }
}

/// And so it is for whoever does not want to know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dnssec_can_be_left_alone() {
    let (_zones, resolver) = world(Denial::Nsec).await;
    for domain in ["signed.test", "plain.test", "forged.test"] {
        let to = Host::parse(domain).unwrap();
        let plan = resolver.plan(&to, &Place::default(), &mut |_| 0).await;
        let Plan::Hosts(hosts) = plan else {
            panic!("{domain}: {plan:?}");
        };
        assert!(!hosts[0].secure, "{domain}");
    }
}

/// A key that is not the root's proves nothing at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_wrong_trust_anchor_everything_is_forged() {
    let (zones, _) = world(Denial::Nsec).await;
    let wrong = "3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let wrong = TrustAnchors::parse(&format!(". {wrong}")).unwrap();
    let resolver = Resolver::new(PATIENCE).trusting(wrong);
    resolver.ask(&[zones.address]);
    for domain in ["signed.test", "plain.test"] {
        let plan = planned(&resolver, domain).await;
        assert_eq!(plan, forged(domain), "{domain}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_dnssec_works_is_known_before_anything_depends_on_it() {
    let (zones, resolver) = world(Denial::Nsec).await;
    assert_eq!(resolver.dnssec().await, Dnssec::Works);
    let none = Resolver::new(PATIENCE);
    none.ask(&[zones.address]);
    assert_eq!(none.dnssec().await, Dnssec::Off);
    let silent = Resolver::new(PATIENCE).trusting(TrustAnchors::root());
    assert_eq!(silent.dnssec().await, Dnssec::Unclear);
    // To the keys of the real root, this one is as one without signatures.
    silent.ask(&[zones.address]);
    assert_eq!(silent.dnssec().await, Dnssec::Broken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_put_together_from_their_strings() {
    let (_zones, resolver) = world(Denial::Nsec).await;
    let domain = |text| address::Domain::parse(text).unwrap();
    for (label, asked, expected) in [
        (
            "_mta-sts",
            "signed.test",
            Texts::Found(vec![b"v=STSv1; id=1;".to_vec()]),
        ),
        ("_mta-sts", "plain.test", Texts::None),
        ("_mta-sts", "fault.signed.test", Texts::Unclear),
        ("mx", "signed.test", Texts::None),
    ] {
        let found = resolver
            .texts(label, &domain(asked), Asker::Ourselves)
            .await;
        assert_eq!(found, expected, "{label} {asked}");
    }
}
