//! Message ids: short, unique on this machine, rising with time; for Received, the reply and the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static LAST: AtomicU64 = AtomicU64::new(0);

/// A new id: microseconds since 1970 in base 32, moved on by one where two fall together.
pub fn next() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let advance = |last: u64| Some(now.max(last.wrapping_add(1)));
    let last = LAST
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance)
        .unwrap_or_default();
    encode(now.max(last.wrapping_add(1)))
}

fn encode(mut number: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = [0_u8; 13];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number % 32) as usize];
        number /= 32;
    }
    let first = text
        .iter()
        .position(|digit| *digit != b'0')
        .unwrap_or(text.len() - 1);
    text[first..]
        .iter()
        .map(|digit| char::from(*digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_rise() {
        let ids: Vec<String> = (0..10_000).map(|_| next()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert!(ids.is_sorted());
    }

    #[test]
    fn zero_has_a_digit() {
        assert_eq!(encode(0), "0");
        assert_eq!(encode(33), "11");
    }
}
