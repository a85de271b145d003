//! The throttle, played through: who is refused after which failures, and who is spared.

use super::*;

/// A throttle and its clock. Names and passwords are single letters.
struct Play {
    throttle: Throttle,
    now: Instant,
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `account` is a letter from `a` on for accounts that exist, upper case for names that do not.
fn attempt(account: char, password: u32, peer: &str) -> Attempt {
    let mut login = [account as u8; 32];
    login[..4].copy_from_slice(&password.to_be_bytes());
    Attempt {
        name: [account as u8; 32],
        account: account.is_ascii_lowercase().then_some(u64::from(account)),
        login,
        peer: ip(peer),
    }
}

impl Play {
    fn new() -> Self {
        Self::exempting(&[])
    }

    fn exempting(networks: &[&str]) -> Self {
        let exempt = networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        let throttle = Throttle::new(ThrottleRules::default(), exempt);
        Self {
            throttle,
            now: Instant::now(),
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Tries passwords of a range in vain; tells how many were checked before the throttle refused.
    fn fail(&mut self, account: char, passwords: std::ops::Range<u32>, peer: &str) -> usize {
        passwords
            .take_while(|password| {
                let attempt = attempt(account, *password, peer);
                let refused = self.throttle.refuses(&attempt, self.now);
                if !refused {
                    self.throttle.failed(&attempt, self.now);
                }
                !refused
            })
            .count()
    }

    fn log_in(&mut self, account: char, peer: &str) {
        self.throttle
            .succeeded(u64::from(account), ip(peer), self.now);
    }

    #[track_caller]
    fn check(&self, account: char, peer: &str, refused: bool) {
        let attempt = attempt(account, 999_999, peer);
        assert_eq!(
            self.throttle.refuses(&attempt, self.now),
            refused,
            "{account} from {peer}"
        );
    }
}

#[test]
fn the_eleventh_failure_of_a_minute_is_refused_and_the_victim_logs_in_from_elsewhere() {
    let mut play = Play::new();
    assert_eq!(play.fail('a', 0..50, "192.0.2.1"), 10);
    play.check('a', "192.0.2.1", true);
    play.check('b', "192.0.2.1", true);
    play.check('a', "192.0.2.2", false);
    play.check('a', "198.51.100.7", false);
    assert!(play.throttle.refuses_address(ip("192.0.2.1"), play.now));
    assert!(!play.throttle.refuses_address(ip("192.0.2.2"), play.now));
    play.wait(59);
    play.check('a', "192.0.2.1", true);
    play.wait(1);
    play.check('a', "192.0.2.1", false);
    assert!(!play.throttle.refuses_address(ip("192.0.2.1"), play.now));
}

#[test]
fn ten_failures_spread_over_more_than_a_minute_are_fine() {
    let mut play = Play::new();
    for round in 0..20 {
        assert_eq!(
            play.fail('a', round * 10..round * 10 + 5, "192.0.2.1"),
            5,
            "round {round}"
        );
        play.wait(61);
    }
}

#[test]
fn one_stale_phone_counts_once() {
    let mut play = Play::new();
    for _ in 0..100 {
        assert_eq!(play.fail('a', 0..1, "192.0.2.1"), 1);
        play.wait(1);
    }
    play.check('b', "192.0.2.1", false);
    assert!(
        play.throttle
            .failed_before(&attempt('a', 0, "192.0.2.1"), play.now)
    );
    assert!(
        !play
            .throttle
            .failed_before(&attempt('a', 1, "192.0.2.1"), play.now)
    );
    assert!(
        !play
            .throttle
            .failed_before(&attempt('a', 0, "192.0.2.2"), play.now)
    );
    play.wait(3600);
    assert!(
        !play
            .throttle
            .failed_before(&attempt('a', 0, "192.0.2.1"), play.now)
    );
}

#[test]
fn colleagues_behind_a_throttled_address_pass_where_they_have_logged_in_before() {
    let mut play = Play::new();
    play.log_in('b', "192.0.2.1");
    assert_eq!(play.fail('a', 0..50, "192.0.2.1"), 10);
    play.check('b', "192.0.2.1", false);
    play.check('c', "192.0.2.1", true);
    // So AUTH may begin there, and each attempt is judged by itself.
    assert!(!play.throttle.refuses_address(ip("192.0.2.1"), play.now));
    play.wait(8 * 24 * 3600);
    assert_eq!(play.fail('a', 100..150, "192.0.2.1"), 10);
    play.check('b', "192.0.2.1", true);
    assert!(play.throttle.refuses_address(ip("192.0.2.1"), play.now));
}

#[test]
fn a_known_address_gives_no_endless_guesses_at_the_account() {
    let mut play = Play::new();
    play.log_in('b', "192.0.2.1");
    assert_eq!(play.fail('b', 0..50, "192.0.2.1"), 10);
    play.check('b', "192.0.2.1", true);
    // Those were the pair's: the address and the account itself are not charged.
    play.check('a', "192.0.2.1", false);
    play.check('b', "192.0.2.9", false);
    // A login at the same time (a second client with the right password) does not wipe the slate.
    play.log_in('b', "192.0.2.1");
    play.check('b', "192.0.2.1", true);
    play.wait(60);
    play.check('b', "192.0.2.1", false);
}

#[test]
fn spraying_from_a_network_is_refused_for_the_network() {
    for (spray, neighbour, outside) in [
        ("203.0.113.", "203.0.113.200", "203.0.112.1"),
        ("::ffff:203.0.113.", "203.0.113.200", "::ffff:203.0.112.1"),
        ("2001:db8:7:", "2001:db8:7:ffff::1", "2001:db8:8::1"),
    ] {
        let mut play = Play::new();
        let mut checked = 0;
        for host in 1..=60 {
            let peer = if spray.ends_with('.') {
                format!("{spray}{host}")
            } else {
                format!("{spray}{host}::1")
            };
            checked += play.fail(
                char::from(b'A' + host % 26),
                u32::from(host)..u32::from(host) + 1,
                &peer,
            );
        }
        assert_eq!(checked, 40, "{spray}");
        play.check('a', neighbour, true);
        play.check('a', outside, false);
    }
}

#[test]
fn guessing_at_one_account_from_everywhere_is_refused_but_not_where_its_owner_is() {
    for account in ['a', 'A'] {
        let mut play = Play::new();
        play.log_in('a', "198.51.100.7");
        let checked: usize = (0..250)
            .map(|n| play.fail(account, n..n + 1, &format!("10.1.{n}.1")))
            .sum();
        assert_eq!(
            checked, 100,
            "{account}: the same for names that do not exist"
        );
        play.check(account, "172.16.0.1", true);
        play.check('b', "172.16.0.1", false);
        play.check('a', "198.51.100.7", false);
        play.wait(600);
        play.check(account, "172.16.0.1", false);
    }
}

#[test]
fn one_ipv6_customer_is_one_address_and_a_mapped_address_is_ipv4() {
    let mut play = Play::new();
    let checked: usize = (0..30)
        .map(|n| play.fail('a', n..n + 1, &format!("2001:db8:1:2::{n:x}")))
        .sum();
    assert_eq!(checked, 10);
    play.check('a', "2001:db8:1:2:ffff::1", true);
    play.check('a', "2001:db8:1:3::1", false);

    let mut play = Play::new();
    assert_eq!(play.fail('a', 0..7, "::ffff:192.0.2.1"), 7);
    assert_eq!(play.fail('a', 7..20, "192.0.2.1"), 3);
    play.check('a', "::ffff:192.0.2.1", true);
}

#[test]
fn exempt_networks_are_never_refused() {
    let mut play = Play::exempting(&["192.0.2.0/24", "2001:db8::/32"]);
    for peer in ["192.0.2.1", "::ffff:192.0.2.2", "2001:db8::1"] {
        assert_eq!(play.fail('a', 0..200, peer), 200, "{peer}");
        assert!(!play.throttle.refuses_address(ip(peer), play.now));
    }
    assert_eq!(play.fail('a', 0..200, "192.0.3.1"), 10);
    play.throttle
        .set_exempt(vec!["192.0.3.0/24".parse().unwrap()]);
    play.check('a', "192.0.3.1", false);
    assert_eq!(play.fail('a', 300..400, "192.0.2.1"), 10);
}

#[test]
fn a_flood_of_origins_stays_within_its_bound() {
    let rules = ThrottleRules {
        bound: 64,
        ..ThrottleRules::default()
    };
    let mut play = Play {
        throttle: Throttle::new(rules, Vec::new()),
        now: Instant::now(),
    };
    for n in 0..5_000_u32 {
        play.fail(
            'a',
            n..n + 1,
            &format!("2001:db8:{:x}:{:x}::1", n >> 4, n & 15),
        );
        play.wait(7);
    }
    // The map still works: someone guessing right now is seen.
    assert_eq!(play.fail('Z', 0..50, "192.0.2.1"), 10);
}
