//! What a configuration that was read again changes about the servers mail leaves by: what waits for these is tried at once.

use std::sync::Arc;

use courier::office::{Office, Which};
use delivery::schedule::{NextHop, Scope};

use crate::config::Relay;
use crate::host::outward::{Way, ways};

/// Every server that is configured.
fn all(relay: &Relay) -> Vec<Way> {
    let (smarthost, routes) = ways(relay);
    smarthost
        .into_iter()
        .chain(routes.into_iter().flatten())
        .collect()
}

/// Whose mail is to be tried at once.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    /// That of these servers, which are new or talked to in another way.
    Of(Vec<Box<str>>),
    /// All of it: a server is gone, and who knows where its mail goes now.
    All,
}

fn between(before: &[Way], now: &[Way]) -> Again {
    if before
        .iter()
        .any(|way| !now.iter().any(|one| one.name == way.name))
    {
        return Again::All;
    }
    let changed = now.iter().filter(|way| !before.contains(way));
    Again::Of(changed.map(|way| way.name.clone()).collect())
}

/// Tries what waits for servers that changed, and for those that take no mail: perhaps it is their files that changed.
pub(super) fn retry(office: &Office, before: &Relay, now: &Relay) {
    let ways = all(now);
    let names: Vec<Box<str>> = ways.iter().map(|way| way.name.clone()).collect();
    let broken = office.outages();
    office.configured(&names);
    match between(&all(before), &ways) {
        Again::All => office.retry(Which::Scope(Scope::All)),
        Again::Of(mut changed) => {
            changed.extend(broken.into_iter().map(|outage| outage.hop));
            for name in changed {
                let hop = Arc::new(NextHop::Route(name));
                office.retry(Which::Scope(Scope::NextHop(hop)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Hop, HopTls};

    #[test]
    fn mail_of_a_server_that_changed_is_tried_at_once_and_all_of_it_where_one_is_gone() {
        let relay = |smarthost: Option<&str>, tls: HopTls| Relay {
            smarthost: smarthost.map(|name| Hop::parse(name).unwrap()),
            smarthost_tls: tls,
            ..Relay::default()
        };
        let check = |before: &Relay, now: &Relay, expected: Again| {
            assert_eq!(between(&all(before), &all(now)), expected);
        };
        let direct = relay(None, HopTls::Auto);
        let smart = relay(Some("a.test"), HopTls::Auto);
        let plain = relay(Some("a.test"), HopTls::None);
        let other = relay(Some("b.test"), HopTls::Auto);
        check(&smart, &smart, Again::Of(vec![]));
        check(&smart, &plain, Again::Of(vec!["a.test:587".into()]));
        check(&direct, &smart, Again::Of(vec!["a.test:587".into()]));
        check(&smart, &other, Again::All);
        check(&smart, &direct, Again::All);
    }
}
