//! What the gate lets in, at which address and when.

use super::*;

fn gate(sessions: usize, per_address: u32, rate: Option<&str>, exempt: &[&str]) -> Arc<Gate> {
    Gate::new(Limits {
        sessions,
        sessions_per_address: per_address,
        connect_rate: rate.map(|text| text.parse().unwrap()),
        exempt: exempt.iter().map(|text| text.parse().unwrap()).collect(),
        speakers: Vec::new(),
        fronts: Vec::new(),
    })
}

/// Lets `peers` in one after the other and keeps them inside.
#[track_caller]
fn check(gate: &Arc<Gate>, peers: &[(u16, &str, Admission)]) -> Vec<Permit> {
    let now = Instant::now();
    let mut inside = Vec::new();
    for (listener, peer, expected) in peers {
        let verdict = gate.admit(*listener, peer.parse().unwrap(), now);
        let (permit, verdict) = match verdict {
            Ok(permit) => (Some(permit), Admission::Welcome),
            Err(refusal) => (None, refusal),
        };
        assert_eq!(verdict, *expected, "{peer} at listener {listener}");
        inside.extend(permit);
    }
    inside
}

use Admission::{TooFast, TooManyFromAddress, TooManySessions, Welcome};

#[test]
fn counts_a_v4_mapped_address_as_ipv4() {
    check(
        &gate(9, 1, None, &[]),
        &[
            (0, "192.0.2.1", Welcome),
            (0, "::ffff:192.0.2.1", TooManyFromAddress),
            (0, "::ffff:192.0.2.2", Welcome),
        ],
    );
}

#[test]
fn counts_a_slash_64_of_ipv6_as_one_address() {
    check(
        &gate(9, 2, None, &[]),
        &[
            (0, "2001:db8:1:2::1", Welcome),
            (0, "2001:db8:1:2:ffff:ffff:ffff:ffff", Welcome),
            (0, "2001:db8:1:2:3::", TooManyFromAddress),
            (0, "2001:db8:1:3::1", Welcome),
        ],
    );
}

#[test]
fn counts_addresses_per_listener_and_sessions_in_total() {
    check(
        &gate(3, 1, None, &[]),
        &[
            (0, "192.0.2.1", Welcome),
            (0, "192.0.2.1", TooManyFromAddress),
            (1, "192.0.2.1", Welcome),
            (1, "192.0.2.2", Welcome),
            (1, "192.0.2.3", TooManySessions),
        ],
    );
}

#[test]
fn exempt_networks_still_count_towards_the_total() {
    check(
        &gate(4, 1, Some("1/1m"), &["10.0.0.0/8", "2001:db8::/32"]),
        &[
            (0, "10.1.2.3", Welcome),
            (0, "::ffff:10.1.2.3", Welcome),
            (0, "2001:db8::1", Welcome),
            (0, "192.0.2.1", Welcome),
            (0, "10.1.2.3", TooManySessions),
        ],
    );
}

#[test]
fn guests_of_a_reverse_proxy_count_towards_a_quarter_of_all_and_clients_there_as_everywhere() {
    let gate = Gate::new(Limits {
        sessions: 10,
        sessions_per_address: 1,
        connect_rate: Some("2/1h".parse().unwrap()),
        fronts: vec!["192.0.2.0/24".parse().unwrap()],
        ..Limits::default()
    });
    let (now, proxy) = (Instant::now(), "::ffff:192.0.2.1".parse().unwrap());
    let guest = |peer, inside| gate.admit_guest(7, peer, inside, now);
    let inside: Vec<_> = (0..3).map(|inside| guest(proxy, inside).unwrap()).collect();
    assert_eq!(guest(proxy, 3).unwrap_err(), TooManySessions);
    let stranger = "203.0.113.1".parse().unwrap();
    let _one = guest(stranger, 2).unwrap();
    assert_eq!(guest(stranger, 2).unwrap_err(), TooManyFromAddress);
    let _more = check(
        &gate,
        &[
            (0, "192.0.2.1", Welcome),
            (0, "192.0.2.1", TooManyFromAddress),
        ],
    );
    assert_eq!(gate.open(), 5);
    drop(inside);
    assert_eq!(gate.open(), 2);
}

#[test]
fn a_refused_connection_leaves_no_trace_in_the_count() {
    let gate = gate(9, 1, Some("2/1m"), &[]);
    let peer = "192.0.2.1".parse().unwrap();
    let now = Instant::now();
    let first = gate.admit(0, peer, now).unwrap();
    assert_eq!(gate.admit(0, peer, now).unwrap_err(), TooManyFromAddress);
    drop(first);
    assert_eq!(gate.open(), 0);
    drop(gate.admit(0, peer, now).unwrap());
    assert_eq!(gate.admit(0, peer, now).unwrap_err(), TooFast);
    assert_eq!(gate.open(), 0);
    gate.admit(0, peer, now + Duration::from_secs(30)).unwrap();
}

#[test]
fn new_limits_hold_for_the_next_connection() {
    let gate = gate(9, 1, None, &[]);
    let _inside = check(
        &gate,
        &[
            (0, "192.0.2.1", Welcome),
            (0, "192.0.2.1", TooManyFromAddress),
        ],
    );
    gate.set_limits(Limits {
        sessions_per_address: 2,
        ..Limits::default()
    });
    let _more = check(
        &gate,
        &[
            (0, "192.0.2.1", Welcome),
            (0, "192.0.2.1", TooManyFromAddress),
        ],
    );
    gate.set_limits(Limits {
        sessions: 2,
        ..Limits::default()
    });
    check(&gate, &[(0, "192.0.2.9", TooManySessions)]);
}

#[test]
fn any_number_of_addresses_stays_bounded_and_those_inside_are_not_forgotten() {
    let gate = gate(usize::MAX, 1, Some("5/1h"), &[]);
    let now = Instant::now();
    let stayer: IpAddr = "192.0.2.1".parse().unwrap();
    let _inside = gate.admit(0, stayer, now).unwrap();
    let mut most = 0;
    for n in 0..200_000_u32 {
        drop(gate.admit(0, IpAddr::from(n.to_be_bytes()), now));
        most = most.max(gate.lock().entries.len());
    }
    assert!(most <= MOST_ADDRESSES, "{most}");
    assert_eq!(gate.admit(0, stayer, now).unwrap_err(), TooManyFromAddress);
}

#[test]
fn addresses_that_came_long_ago_are_swept() {
    let gate = gate(9, 9, Some("60/1m"), &[]);
    let now = Instant::now();
    for n in 0..1000_u32 {
        drop(gate.admit(0, IpAddr::from(n.to_be_bytes()), now));
    }
    let later = now + Duration::from_secs(61);
    for n in 1000..1100_u32 {
        drop(gate.admit(0, IpAddr::from(n.to_be_bytes()), later));
    }
    assert!(gate.lock().entries.len() <= 100);
}

#[test]
fn a_proxy_is_free_of_limits_and_those_it_speaks_for_are_not() {
    let gate = Gate::new(Limits {
        sessions_per_address: 2,
        speakers: vec!["192.0.2.0/24".parse().unwrap()],
        exempt: vec!["198.51.100.0/24".parse().unwrap()],
        ..Limits::default()
    });
    let (now, client) = (Instant::now(), "203.0.113.7".parse().unwrap());
    let proxied: Vec<_> = (0..5)
        .map(|_| gate.admit(1, "192.0.2.1".parse().unwrap(), now).unwrap())
        .collect();
    let first = gate.readmit(1, client, now).unwrap();
    // One of its own counts like one behind the proxy.
    let own = gate.admit(1, client, now).unwrap();
    assert_eq!(
        gate.readmit(1, client, now).unwrap_err(),
        TooManyFromAddress
    );
    drop(first);
    let second = gate.readmit(1, client, now).unwrap();
    assert_eq!(gate.open(), 6, "the session is counted once");
    // A proxy's address is nothing special once it is only claimed.
    let claimed: Vec<_> = (0..3)
        .map(|_| gate.readmit(1, "192.0.2.1".parse().unwrap(), now).is_ok())
        .collect();
    assert_eq!(
        claimed, [true; 3],
        "dropped at once, so never two at a time"
    );
    let held: Vec<_> = (0..3)
        .map(|_| gate.readmit(1, "192.0.2.1".parse().unwrap(), now).ok())
        .collect();
    assert_eq!(held.iter().flatten().count(), 2);
    let free: Vec<_> = (0..5)
        .map(|_| {
            gate.readmit(1, "198.51.100.7".parse().unwrap(), now)
                .unwrap()
        })
        .collect();
    drop((proxied, own, second, held, free));
    assert_eq!(gate.open(), 0);
    assert!(gate.lock().entries.values().all(|entry| entry.open == 0));
}
