//! Every answer, from a name server on loopback that has been told what to say.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

#[path = "../../../tests/network/dns.rs"]
mod dns;
#[path = "answers/turns.rs"]
mod turns;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use address::Domain;
use dns::{NameServer, Says};
use resolver::{Addresses, Asker, Exchanger, MailRoute, Resolver, Reverse};

/// Far longer than any answer on loopback takes.
const PATIENCE: Duration = Duration::from_secs(60);
const US: Asker = Asker::Ourselves;

fn asking(server: &NameServer) -> Resolver {
    let resolver = Resolver::new(PATIENCE);
    resolver.ask(&[server.address]);
    resolver
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn exchangers(hosts: &[(u16, &str)]) -> MailRoute {
    let exchanger = |(preference, host): &(u16, &str)| Exchanger {
        preference: *preference,
        host: domain(host),
    };
    MailRoute::Exchangers(hosts.iter().map(exchanger).collect())
}

#[track_caller]
fn is(found: MailRoute, expected: MailRoute, asked: &str) {
    assert_eq!(found, expected, "{asked}");
}

#[tokio::test]
async fn mail_goes_where_rfc_5321_section_5_1_says() {
    use Says::{Address, Alias, Mx};
    let server = NameServer::start(&[
        ("mx.example", Mx(20, "b.mx.example")),
        ("mx.example", Mx(10, "a.mx.example")),
        ("address.example", Address("192.0.2.1")),
        ("address6.example", Address("2001:db8::1")),
        ("alias.example", Alias("mx.example")),
        ("alias-of-address.example", Alias("address.example")),
        ("null-and-more.example", Mx(0, ".")),
        ("null-and-more.example", Mx(10, "mx.example")),
        ("underscore.example", Mx(10, "mail_1.example")),
        ("xn--bcher-kva.example", Mx(10, "xn--mx-fka.example")),
    ]);
    let resolver = asking(&server);
    let mx = [(10, "a.mx.example"), (20, "b.mx.example")];
    for (asked, expected) in [
        ("mx.example", &mx[..]),
        ("MX.Example", &mx),
        ("alias.example", &mx),
        ("address.example", &[(0, "address.example")]),
        ("address6.example", &[(0, "address6.example")]),
        (
            "alias-of-address.example",
            &[(0, "alias-of-address.example")],
        ),
        ("null-and-more.example", &[(10, "mx.example")]),
        ("underscore.example", &[]),
        ("bücher.example", &[(10, "xn--mx-fka.example")]),
    ] {
        let route = resolver.mail_route(&domain(asked), US).await;
        is(route, exchangers(expected), asked);
    }
}

#[tokio::test]
async fn what_is_certain_and_what_is_not_are_told_apart() {
    use Says::{Alias, Exists, Fault, Mx, Referral, Refused};
    let server = NameServer::start(&[
        ("null.example", Mx(0, ".")),
        ("empty.example", Exists),
        ("alias-of-null.example", Alias("null.example")),
        ("alias-of-nothing.example", Alias("nothing.example")),
        ("circle.example", Alias("elcric.example")),
        ("elcric.example", Alias("circle.example")),
        ("fault.example", Fault),
        ("alias-of-fault.example", Alias("fault.example")),
        ("refused.example", Refused),
        ("referral.example", Referral),
    ]);
    let resolver = asking(&server);
    for (asked, expected) in [
        ("null.example", MailRoute::NullMx),
        ("alias-of-null.example", MailRoute::NullMx),
        ("empty.example", MailRoute::NoMailHere),
        ("circle.example", MailRoute::NoMailHere),
        ("nothing.example", MailRoute::NoSuchDomain),
        ("nothing", MailRoute::NoSuchDomain),
        ("anything.invalid", MailRoute::NoSuchDomain),
        ("alias-of-nothing.example", MailRoute::NoSuchDomain),
        ("fault.example", MailRoute::Unclear),
        ("alias-of-fault.example", MailRoute::Unclear),
        ("refused.example", MailRoute::Unclear),
        ("referral.example", MailRoute::Unclear),
    ] {
        is(
            resolver.mail_route(&domain(asked), US).await,
            expected,
            asked,
        );
    }
}

/// RFC 1035 section 2.3.4: 255 octets of SMTP are more than DNS has.
#[tokio::test]
async fn a_name_longer_than_names_can_be_does_not_exist() {
    let server = NameServer::start(&[]);
    let resolver = asking(&server);
    let label = "a".repeat(63);
    let longest = [label.as_str(); 4].join(".");
    assert_eq!(
        resolver.mail_route(&domain(&longest), US).await,
        MailRoute::NoSuchDomain
    );
    assert_eq!(
        resolver.addresses(&domain(&longest), US).await,
        Addresses::NoSuchHost
    );
}

#[tokio::test]
async fn hosts_have_addresses_of_both_kinds() {
    use Says::{Address, Alias, Exists, Fault};
    let server = NameServer::start(&[
        ("both.example", Address("2001:db8::1")),
        ("both.example", Address("192.0.2.1")),
        ("alias.example", Alias("both.example")),
        ("empty.example", Exists),
        ("fault.example", Fault),
    ]);
    let resolver = asking(&server);
    let both = Addresses::Found(vec![
        "192.0.2.1".parse().unwrap(),
        "2001:db8::1".parse().unwrap(),
    ]);
    for (asked, expected) in [
        ("both.example", both.clone()),
        ("alias.example", both),
        ("empty.example", Addresses::None),
        ("nothing.example", Addresses::NoSuchHost),
        ("fault.example", Addresses::Unclear),
    ] {
        assert_eq!(
            resolver.addresses(&domain(asked), US).await,
            expected,
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_client_is_confirmed_when_a_name_of_it_leads_back() {
    use Says::{Address, Exists, Fault, Pointer};
    let server = NameServer::start(&[
        ("192.0.2.1", Pointer("one.example")),
        ("one.example", Address("192.0.2.1")),
        ("2001:db8::1", Pointer("other.example")),
        ("2001:db8::1", Pointer("one6.example")),
        ("other.example", Address("2001:db8::2")),
        ("one6.example", Address("2001:db8::1")),
        ("192.0.2.2", Pointer("other.example")),
        ("192.0.2.3", Pointer("nothing.example")),
        ("192.0.2.4", Exists),
        ("192.0.2.5", Fault),
        ("192.0.2.6", Pointer("fault.example")),
        ("fault.example", Fault),
        ("192.0.2.7", Pointer("fault.example")),
        ("192.0.2.7", Pointer("seven.example")),
        ("seven.example", Address("192.0.2.7")),
    ]);
    let resolver = asking(&server);
    for (address, expected) in [
        ("192.0.2.1", Reverse::Confirmed),
        ("::ffff:192.0.2.1", Reverse::Confirmed),
        ("2001:db8::1", Reverse::Confirmed),
        ("192.0.2.2", Reverse::Unconfirmed),
        ("192.0.2.3", Reverse::Unconfirmed),
        ("192.0.2.4", Reverse::Unconfirmed),
        ("192.0.2.99", Reverse::Unconfirmed),
        ("192.0.2.5", Reverse::Unclear),
        ("192.0.2.6", Reverse::Unclear),
        ("192.0.2.7", Reverse::Confirmed),
    ] {
        let asked: IpAddr = address.parse().unwrap();
        assert_eq!(resolver.reverse(asked, US).await, expected, "{address}");
    }
}

/// Whoever owns an address can give it a thousand names; each would be a question of ours.
#[tokio::test]
async fn only_some_names_of_a_client_are_followed() {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let pointers = NAMES.map(|name| ("192.0.2.1", Says::Pointer(name)));
    let server = NameServer::start(&pointers);
    let reverse = asking(&server)
        .reverse("192.0.2.1".parse().unwrap(), US)
        .await;
    assert_eq!(reverse, Reverse::Unconfirmed);
    let followed: usize = NAMES.iter().map(|name| server.asked_for(name)).sum();
    assert_eq!(followed, 5);
}

#[tokio::test]
async fn a_silent_server_is_waited_for_no_longer_than_agreed() {
    let server = NameServer::start(&[("silent.example", Says::Silence)]);
    let within = Duration::from_millis(200);
    let resolver = Resolver::new(within);
    resolver.ask(&[server.address]);
    let begun = Instant::now();
    assert_eq!(
        resolver.mail_route(&domain("silent.example"), US).await,
        MailRoute::Unclear
    );
    assert!(begun.elapsed() >= within / 2);
    assert!(begun.elapsed() < PATIENCE);
    assert!(server.asked_for("silent.example") >= 1);
}

#[tokio::test]
async fn without_servers_everything_is_unclear() {
    let resolver = Resolver::new(PATIENCE);
    let mx = domain("mx.example");
    assert_eq!(resolver.mail_route(&mx, US).await, MailRoute::Unclear);
    assert_eq!(resolver.addresses(&mx, US).await, Addresses::Unclear);
    let client = "192.0.2.1".parse().unwrap();
    assert_eq!(resolver.reverse(client, US).await, Reverse::Unclear);
}

#[tokio::test]
async fn other_servers_are_asked_anew_and_the_same_ones_are_not() {
    let first = NameServer::start(&[("mx.example", Says::Mx(0, "first.example"))]);
    let second = NameServer::start(&[("mx.example", Says::Mx(0, "second.example"))]);
    let (resolver, mx) = (asking(&first), domain("mx.example"));
    let route = |host| exchangers(&[(0, host)]);
    assert_eq!(resolver.mail_route(&mx, US).await, route("first.example"));
    resolver.ask(&[first.address]);
    assert_eq!(resolver.mail_route(&mx, US).await, route("first.example"));
    assert_eq!(first.asked_for("mx.example"), 1);
    resolver.ask(&[second.address]);
    assert_eq!(resolver.servers(), [second.address]);
    assert_eq!(resolver.mail_route(&mx, US).await, route("second.example"));
}

/// RFC 7766: what does not fit into a datagram comes over TCP.
#[tokio::test]
async fn a_long_answer_comes_over_tcp() {
    let hosts: Vec<String> = (0..100)
        .map(|number| format!("a-rather-long-name-of-host-{number}.example"))
        .collect();
    let hosts: Vec<&'static str> = hosts.into_iter().map(|host| &*host.leak()).collect();
    let names: Vec<(&str, Says)> = hosts
        .iter()
        .map(|host| ("many.example", Says::Mx(10, host)))
        .collect();
    let server = NameServer::start(&names);
    let MailRoute::Exchangers(found) = asking(&server)
        .mail_route(&domain("many.example"), US)
        .await
    else {
        panic!("no exchangers");
    };
    assert_eq!(found.len(), hosts.len());
}
