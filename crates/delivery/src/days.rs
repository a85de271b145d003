//! Days in two letters, as they stand in addresses and confirmations: counted from 1970-01-01 and round 1024.

/// Days in a round.
pub(crate) const ROUND: u16 = 1024;

/// A day within its round.
pub(crate) fn within_round(day: u64) -> u16 {
    u16::try_from(day % u64::from(ROUND)).unwrap_or_default()
}

/// Days that have passed since `then`, which is within its round. A day of the future is one of long ago.
pub(crate) fn age(today: u64, then: u16) -> u16 {
    (within_round(today) + ROUND - then % ROUND) % ROUND
}

#[cfg(test)]
mod tests {
    use super::{age, within_round};

    #[test]
    fn an_age_is_counted_across_the_end_of_a_round() {
        for (then, today, expected) in [
            (0_u64, 0_u64, 0),
            (20_000, 20_001, 1),
            (1023, 1024, 1),
            (2047, 2068, 21),
            (20_000, 21_023, 1023),
            (20_000, 21_024, 0),
            (20_001, 20_000, 1023),
        ] {
            assert_eq!(age(today, within_round(then)), expected, "{then} {today}");
        }
    }
}
