//! `limits.mail_rate`, `limits.rcpt_rate` and what devices may do: how often one address may do something.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ipnet::IpNet;
use net::{AddressKey, Rate};

/// Addresses remembered at a time (about 3 MiB). Beyond that, those furthest from their limit are forgotten.
const MOST_ADDRESSES: usize = 64 * 1024;

/// Counts events per address (per /64 of IPv6) against one rate.
#[derive(Debug)]
pub struct Pace {
    rate: Option<Rate>,
    exempt: Vec<IpNet>,
    /// Shared with those that go on where this one stands.
    paced_until: Arc<Mutex<HashMap<AddressKey, Instant>>>,
}

impl Pace {
    /// `None` lets everything pass.
    pub fn new(rate: Option<Rate>, exempt: Vec<IpNet>) -> Self {
        Self {
            rate,
            exempt,
            paced_until: Arc::default(),
        }
    }

    /// Goes on where `before` stands, unless that counted against another rate.
    pub fn go_on(&mut self, before: &Self) {
        if self.rate == before.rate {
            self.paced_until = Arc::clone(&before.paced_until);
        }
    }

    /// Whether the next event from `peer` at `now` would be one too many. Nothing is counted.
    pub fn is_spent(&self, peer: IpAddr, now: Instant) -> bool {
        let Some(rate) = self.rate else { return false };
        let paced_until = self
            .paced_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let until = paced_until.get(&AddressKey::from(peer)).copied();
        rate.admit(until, now).is_none()
    }

    /// Whether one more event from `peer` may happen at `now`; if so, it is counted.
    pub fn allows(&self, peer: IpAddr, now: Instant) -> bool {
        let Some(rate) = self.rate else { return true };
        if self.exempt.iter().any(|network| network.contains(&peer)) {
            return true;
        }
        let mut paced_until = self
            .paced_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = AddressKey::from(peer);
        let Some(next) = rate.admit(paced_until.get(&key).copied(), now) else {
            return false;
        };
        if paced_until.len() >= MOST_ADDRESSES && !paced_until.contains_key(&key) {
            make_room(&mut paced_until, now);
        }
        paced_until.insert(key, next);
        true
    }
}

/// Forgets addresses that have been quiet, and failing that the half that is furthest from its limit.
fn make_room(paced_until: &mut HashMap<AddressKey, Instant>, now: Instant) {
    paced_until.retain(|_, until| *until > now);
    if paced_until.len() >= MOST_ADDRESSES {
        let mut times: Vec<Instant> = paced_until.values().copied().collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        paced_until.retain(|_, until| *until > median);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn three_a_minute(exempt: &[&str]) -> Pace {
        let rate = Some(Rate::new(3, Duration::from_secs(60)));
        Pace::new(
            rate,
            exempt
                .iter()
                .map(|network| network.parse().unwrap())
                .collect(),
        )
    }

    #[track_caller]
    fn allowed(pace: &Pace, peer: &str, now: Instant) -> bool {
        pace.allows(peer.parse().unwrap(), now)
    }

    #[test]
    fn the_fourth_in_a_minute_is_too_much() {
        let (pace, now) = (three_a_minute(&[]), Instant::now());
        let verdicts: Vec<bool> = (0..4).map(|_| allowed(&pace, "192.0.2.1", now)).collect();
        assert_eq!(verdicts, [true, true, true, false]);
        assert!(
            allowed(&pace, "192.0.2.2", now),
            "another address has its own"
        );
        assert!(allowed(&pace, "192.0.2.1", now + Duration::from_secs(20)));
    }

    #[test]
    fn the_next_one_of_the_same_rate_goes_on_counting() {
        let (before, now) = (three_a_minute(&[]), Instant::now());
        let mut after = three_a_minute(&["192.0.2.9/32"]);
        after.go_on(&before);
        // Sessions that began before go on with the old one.
        let verdicts =
            [&before, &after, &before, &after, &before].map(|pace| allowed(pace, "192.0.2.1", now));
        assert_eq!(verdicts, [true, true, true, false, false]);
        let mut faster = Pace::new(Some(Rate::new(4, Duration::from_secs(60))), Vec::new());
        faster.go_on(&before);
        assert!(allowed(&faster, "192.0.2.1", now));
    }

    #[test]
    fn a_site_of_ipv6_counts_as_one() {
        let (pace, now) = (three_a_minute(&[]), Instant::now());
        for last in 1..=3 {
            assert!(allowed(&pace, &format!("2001:db8::{last}"), now));
        }
        assert!(!allowed(&pace, "2001:db8::4", now));
    }

    #[test]
    fn exempt_networks_and_no_rate_let_everything_pass() {
        let now = Instant::now();
        let (exempt, off) = (
            three_a_minute(&["192.0.2.0/24"]),
            Pace::new(None, Vec::new()),
        );
        assert!(
            (0..100).all(|_| allowed(&exempt, "192.0.2.1", now) && allowed(&off, "192.0.2.1", now))
        );
    }

    #[test]
    fn memory_is_bounded() {
        let (pace, now) = (three_a_minute(&[]), Instant::now());
        for number in 0..(MOST_ADDRESSES as u32 + 1000) {
            assert!(pace.allows(IpAddr::from(std::net::Ipv4Addr::from_bits(number)), now));
        }
        assert!(pace.paced_until.lock().unwrap().len() <= MOST_ADDRESSES);
    }
}
