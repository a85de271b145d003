//! Whether the system lets us have as many open files as `limits.sessions` promises.

use std::io;

use crate::config::Config;

/// What is open besides sessions: listeners, segments of the log, keys, and the bodies of large messages on their way.
const BESIDES: u64 = 256;

/// Raises the limit as far as the system lets us.
///
/// # Errors
/// The system refuses.
pub fn raise() -> io::Result<()> {
    net::raise_open_files().map(drop)
}

/// What to say when this process may not have a socket for every session.
pub fn warning(config: &Config) -> Option<String> {
    shortage(config.limits.sessions, net::most_open_files())
}

fn shortage(sessions: u32, limit: Option<u64>) -> Option<String> {
    let limit = limit?;
    let needed = u64::from(sessions) + BESIDES;
    (limit < needed).then(|| {
        format!(
            "limits.sessions: {sessions} sessions need about {needed} open files, and this process may have {limit} \
             (ulimit -Hn); when they are used up nobody gets in. Raise that limit, or lower limits.sessions"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_cannot_hold_the_sessions_is_named() {
        for (sessions, limit, short) in [
            (20_000, None, false),
            (20_000, Some(1_048_576), false),
            (20_000, Some(20_256), false),
            (20_000, Some(20_255), true),
            (20_000, Some(1024), true),
            (100, Some(1024), false),
            (u32::MAX, Some(1024), true),
        ] {
            let said = shortage(sessions, limit);
            assert_eq!(said.is_some(), short, "{sessions} {limit:?}");
            assert!(said.is_none_or(|said| said.contains(&format!("{sessions} sessions"))));
        }
    }
}
