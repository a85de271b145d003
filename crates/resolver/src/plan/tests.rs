//! Plans made of answers: the order, who is left out, and what remains when nobody is left.

use super::*;

/// Exchangers as `preference host`, addresses as `host address,address` (`?` is unclear), the plan as
/// `host address,address`, or why there is none.
#[track_caller]
fn check(exchangers: &[(u16, &str)], addresses: &[(&str, &str)], place: &Place, expected: &str) {
    assert_eq!(
        made(exchangers, addresses, place),
        expected,
        "{exchangers:?} {addresses:?}"
    );
}

fn made(exchangers: &[(u16, &str)], addresses: &[(&str, &str)], place: &Place) -> String {
    let exchangers = exchangers.iter().map(|(preference, host)| Exchanger {
        preference: *preference,
        host: domain(host),
    });
    let order = match order(exchangers.collect(), place, &mut |below| below - 1) {
        Ok(order) => order,
        Err(undeliverable) => return format!("{undeliverable:?}"),
    };
    let candidates = order.into_iter().map(|exchanger| Candidate {
        addresses: located(&exchanger, addresses),
        forged: addresses.contains(&(exchanger.host.as_str(), "!")),
        exchanger,
        secure: false,
        canonical: None,
    });
    told(plan(candidates.collect(), place))
}

fn located(exchanger: &Exchanger, addresses: &[(&str, &str)]) -> Addresses {
    let host = exchanger.host.as_str();
    match addresses.iter().find(|(name, _)| *name == host) {
        None => Addresses::NoSuchHost,
        Some((_, "")) => Addresses::None,
        Some((_, "?" | "!")) => Addresses::Unclear,
        Some((_, listed)) => Addresses::Found(self::addresses(listed)),
    }
}

fn told(plan: Plan) -> String {
    let hosts = match plan {
        Plan::Hosts(hosts) => hosts,
        Plan::Never(undeliverable) => return format!("{undeliverable:?}"),
        Plan::Later => return "Later".to_owned(),
        Plan::Forged(name) => return format!("Forged {name}"),
    };
    let hosts = hosts.iter().map(|host| {
        let addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
        format!("{} {}", host.name, addresses.join(","))
    });
    hosts.collect::<Vec<_>>().join("; ")
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn addresses(listed: &str) -> Vec<IpAddr> {
    listed.split(',').map(|one| one.parse().unwrap()).collect()
}

fn ours() -> Place {
    Place {
        names: vec![domain("we.example"), domain("also.example")],
        addresses: addresses("192.0.2.99,2001:db8::99"),
        ..Place::default()
    }
}

const HOSTS: [(&str, &str); 4] = [
    ("a.example", "192.0.2.1"),
    ("b.example", "192.0.2.2"),
    ("c.example", "192.0.2.3"),
    ("we.example", "192.0.2.99"),
];

#[test]
fn hosts_are_tried_by_preference() {
    check(
        &[(20, "b.example"), (10, "a.example"), (30, "c.example")],
        &HOSTS,
        &ours(),
        "a.example 192.0.2.1; b.example 192.0.2.2; c.example 192.0.2.3",
    );
    // One that is listed twice counts at its best.
    check(
        &[(20, "a.example"), (10, "b.example"), (5, "a.example")],
        &HOSTS,
        &ours(),
        "a.example 192.0.2.1; b.example 192.0.2.2",
    );
}

/// RFC 5321 section 5.1: the load is spread.
#[test]
fn equal_preferences_are_drawn_by_lot() {
    let exchangers: Vec<Exchanger> = [
        (10, "a.example"),
        (10, "b.example"),
        (10, "c.example"),
        (5, "d.example"),
    ]
    .map(|(preference, host)| Exchanger {
        preference,
        host: domain(host),
    })
    .to_vec();
    let mut orders = std::collections::BTreeMap::<String, u32>::new();
    for lot in 0..24 {
        let mut rest = lot;
        let mut draw = |below: usize| {
            let drawn = rest % below;
            rest /= below;
            drawn
        };
        let drawn = order(exchangers.clone(), &ours(), &mut draw).unwrap();
        let names: Vec<&str> = drawn.iter().map(|one| &one.host.as_str()[..1]).collect();
        *orders.entry(names.concat()).or_default() += 1;
    }
    // Every order as often as any other.
    let expected =
        ["dabc", "dacb", "dbac", "dbca", "dcab", "dcba"].map(|order| (order.to_owned(), 4));
    assert_eq!(orders, expected.into());
    // A lot out of bounds is one within.
    let wild = order(exchangers, &ours(), &mut |_| usize::MAX).unwrap();
    assert_eq!(wild.len(), 4);
}

/// RFC 5321 section 5.1: never to a host that is no better than we are, by name or by address.
#[test]
fn we_and_all_that_are_no_better_are_left_out() {
    let ours = ours();
    let first = "a.example 192.0.2.1";
    check(
        &[
            (10, "a.example"),
            (20, "we.example"),
            (20, "b.example"),
            (30, "c.example"),
        ],
        &HOSTS,
        &ours,
        first,
    );
    check(
        &[(10, "a.example"), (20, "also.example"), (30, "b.example")],
        &HOSTS,
        &ours,
        first,
    );
    check(
        &[(10, "we.example"), (10, "a.example"), (20, "b.example")],
        &HOSTS,
        &ours,
        "Loop",
    );
    check(&[(10, "we.example")], &HOSTS, &ours, "Loop");
    // By any other name: one of its addresses is ours.
    for same in ["192.0.2.99", "192.0.2.7,::ffff:192.0.2.99", "2001:db8::99"] {
        let hosts = [HOSTS[0], ("alias.example", same), HOSTS[1]];
        check(
            &[(10, "a.example"), (20, "alias.example"), (20, "b.example")],
            &hosts,
            &ours,
            first,
        );
        check(
            &[(0, "alias.example"), (20, "b.example")],
            &hosts,
            &ours,
            "Loop",
        );
    }
    // The better one cannot be found just now: then later, and not to ourselves.
    check(
        &[(10, "a.example"), (20, "we.example")],
        &[("a.example", "?")],
        &ours,
        "Later",
    );
}

#[test]
fn without_an_address_there_is_nobody() {
    let place = ours();
    let both = [(10, "a.example"), (20, "b.example")];
    check(&[], &[], &place, "NoAddress");
    check(&both, &[], &place, "NoAddress");
    check(&both, &[("a.example", "")], &place, "NoAddress");
    check(
        &both,
        &[("b.example", "192.0.2.2")],
        &place,
        "b.example 192.0.2.2",
    );
    check(
        &both,
        &[("a.example", "?"), ("b.example", "192.0.2.2")],
        &place,
        "b.example 192.0.2.2",
    );
    check(&both, &[("a.example", "?")], &place, "Later");
    // What is forged is named, unless there is another way.
    check(
        &both,
        &[("a.example", "!"), ("b.example", "192.0.2.2")],
        &place,
        "b.example 192.0.2.2",
    );
    let unclear = [("a.example", "?"), ("b.example", "!")];
    check(&both, &unclear, &place, "Forged b.example");
    check(
        &both,
        &[("a.example", "?"), ("b.example", "127.0.0.1")],
        &place,
        "Later",
    );
    check(&both, &[("b.example", "127.0.0.1")], &place, "Forbidden");
    check(
        &both,
        &[("a.example", "169.254.169.254,::1")],
        &place,
        "Forbidden",
    );
    check(
        &both,
        &[
            ("a.example", "10.0.0.1,192.0.2.1"),
            ("b.example", "fd00::1"),
        ],
        &place,
        "a.example 192.0.2.1",
    );
    let at_home = Place {
        allowed: vec!["10.0.0.0/8".parse().unwrap()],
        ..ours()
    };
    check(
        &both,
        &[("a.example", "10.0.0.1")],
        &at_home,
        "a.example 10.0.0.1",
    );
}

#[test]
fn kinds_of_addresses_take_turns() {
    let listed = "192.0.2.1,192.0.2.2,192.0.2.3,2001:db8::1,2001:db8::2,192.0.2.1";
    for (families, expected) in [
        (
            Families::Ipv6First,
            "2001:db8::1,192.0.2.1,2001:db8::2,192.0.2.2,192.0.2.3",
        ),
        (
            Families::Ipv4First,
            "192.0.2.1,2001:db8::1,192.0.2.2,2001:db8::2,192.0.2.3",
        ),
        (Families::Ipv4Only, "192.0.2.1,192.0.2.2,192.0.2.3"),
        (Families::Ipv6Only, "2001:db8::1,2001:db8::2"),
    ] {
        let place = Place { families, ..ours() };
        let expected = format!("a.example {expected}");
        check(
            &[(0, "a.example")],
            &[("a.example", listed)],
            &place,
            &expected,
        );
    }
    let only = Place {
        families: Families::Ipv6Only,
        ..ours()
    };
    check(&[(0, "a.example")], &HOSTS, &only, "NoAddress");
}

#[test]
fn hosts_and_addresses_are_bounded() {
    let names: Vec<String> = (0..100).map(|number| format!("{number}.example")).collect();
    let exchangers: Vec<(u16, &str)> = (0..).zip(names.iter().map(String::as_str)).collect();
    let many: Vec<String> = (0..100).map(|number| format!("192.0.2.{number}")).collect();
    let many = many[..99].join(",");
    let addresses: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), many.as_str()))
        .collect();
    let place = Place {
        addresses: Vec::new(),
        ..ours()
    };
    let plan = made(&exchangers, &addresses, &place);
    let hosts: Vec<&str> = plan.split("; ").collect();
    assert_eq!(hosts.len(), MOST_HOSTS);
    assert_eq!(hosts[0].split(',').count(), MOST_ADDRESSES);
    assert!(hosts[0].starts_with("0.example 192.0.2.0,"), "{}", hosts[0]);
}

#[test]
fn an_address_literal_is_a_host() {
    for (address, expected) in [
        ("192.0.2.1", "[192.0.2.1] 192.0.2.1"),
        ("2001:db8::1", "[IPv6:2001:db8::1] 2001:db8::1"),
        ("192.0.2.99", "Loop"),
        ("127.0.0.1", "Forbidden"),
        ("::ffff:10.0.0.1", "Forbidden"),
    ] {
        let found = told(literal(address.parse().unwrap(), &ours()));
        assert_eq!(found, expected, "{address}");
    }
    let only = Place {
        families: Families::Ipv4Only,
        ..ours()
    };
    let found = told(literal("2001:db8::1".parse().unwrap(), &only));
    assert_eq!(found, "NoAddress");
}
