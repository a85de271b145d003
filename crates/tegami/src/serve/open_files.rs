//! Whether the system lets us have as many open files as `limits.sessions` promises, and what to do when it does not.

use std::io;

use crate::config::Config;

/// What is open besides sessions: listeners, segments of the log, keys, and the bodies of large messages on their way.
/// So much is kept back from the sessions, for the store must not be the one that gets no file.
const BESIDES: u64 = 256;
/// A smaller part of the sessions than this is not worth a word: nobody reckons so exactly.
const WORTH: u64 = 20;

/// Raises the limit as far as the system lets us.
///
/// # Errors
/// The system refuses.
pub fn raise() -> io::Result<()> {
    net::raise_open_files().map(drop)
}

/// As many sessions as `limits.sessions` allows and the limit on open files can hold.
pub fn sessions(config: &Config) -> u64 {
    let limit = net::most_open_files();
    held(config.limits.sessions.into(), limit, besides(config))
}

/// What to say when that is noticeably less than `limits.sessions`.
pub fn warning(config: &Config) -> Option<String> {
    let limit = net::most_open_files();
    shortage(config.limits.sessions.into(), limit, besides(config))
}

/// What is kept back from the sessions.
fn besides(config: &Config) -> u64 {
    let mut besides = BESIDES;
    if config.sender.asks() || config.relay.enabled {
        besides += resolver::MOST_SOCKETS;
    }
    if config.relay.enabled {
        besides += u64::from(config.relay.connections) + resolver::MOST_SOCKETS_FOR_DNSSEC;
    }
    besides
}

fn held(sessions: u64, limit: Option<u64>, besides: u64) -> u64 {
    let Some(limit) = limit else {
        return sessions;
    };
    // With hardly any files, half of them are for the sessions.
    sessions.min(limit.saturating_sub(besides).max(limit / 2))
}

fn shortage(sessions: u64, limit: Option<u64>, besides: u64) -> Option<String> {
    let limit = limit?;
    let held = held(sessions, Some(limit), besides);
    (held < sessions - sessions / WORTH).then(|| {
        format!(
            "limits.sessions: of {sessions} sessions {held} are served, because this process may have {limit} open \
             files (ulimit -Hn); raise that limit, or lower limits.sessions"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_sessions_are_let_in_than_files_can_be_opened() {
        for (sessions, limit, expected, said) in [
            (20_000, None, 20_000, false),
            (20_000, Some(1_048_576), 20_000, false),
            (20_000, Some(20_256), 20_000, false),
            // The default on a system with a round limit: nobody misses the rest.
            (20_000, Some(20_000), 19_744, false),
            (20_000, Some(19_256), 19_000, false),
            (20_000, Some(19_255), 18_999, true),
            (20_000, Some(1024), 768, true),
            (20_000, Some(100), 50, true),
            (100, Some(1024), 100, false),
            (u32::MAX.into(), Some(1024), 768, true),
            (0, Some(1024), 0, false),
        ] {
            let found = held(sessions, limit, BESIDES);
            assert_eq!(found, expected, "{sessions} {limit:?}");
            let warning = shortage(sessions, limit, BESIDES);
            assert_eq!(warning.is_some(), said, "{sessions} {limit:?}");
            let named = format!("of {sessions} sessions {expected} are served");
            assert!(warning.is_none_or(|warning| warning.contains(&named)));
        }
    }

    #[test]
    fn questions_to_dns_have_files_of_their_own() {
        let mut config = Config::default();
        let leaving = besides(&config);
        config.relay.enabled = false;
        let without = besides(&config);
        config.sender.require_domain = true;
        assert_eq!(besides(&config) - without, resolver::MOST_SOCKETS);
        assert_eq!(held(20_000, Some(2048), besides(&config)), 2048 - 256 - 512);
        let dnssec = resolver::MOST_SOCKETS_FOR_DNSSEC;
        assert_eq!(leaving - besides(&config), dnssec + 100);
    }
}
