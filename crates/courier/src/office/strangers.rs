//! How many reports an hour go to senders outside who never logged in. Whoever writes under the name of others would have
//! this server write to those.

use std::collections::BTreeMap;
use std::time::SystemTime;

use address::Mailbox;

/// Reports an hour to all of them.
const MOST: u32 = 60;
/// Reports an hour to those of one domain.
const MOST_PER_DOMAIN: u32 = 10;

/// What they were told in this hour.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    hour: u64,
    told: u32,
    /// By domain; no more of them than reports.
    domains: BTreeMap<String, u32>,
}

impl Strangers {
    /// Whether a report may go there; if so, it is counted.
    pub(super) fn may_be_told(&mut self, sender: &Mailbox, now: SystemTime) -> bool {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let hour = since.unwrap_or_default().as_secs() / 3600;
        if self.hour != hour {
            *self = Self {
                hour,
                ..Self::default()
            };
        }
        if self.told >= MOST {
            return false;
        }
        let domain = sender.host.to_string().to_ascii_lowercase();
        let told = self.domains.entry(domain).or_default();
        if *told >= MOST_PER_DOMAIN {
            return false;
        }
        *told += 1;
        self.told += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn strangers_are_told_so_often_an_hour_and_no_domain_takes_all_of_it() {
        let mut strangers = Strangers::default();
        let at = |hour: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600 + 30);
        let mut tell = |domain: usize, hour: u64| -> usize {
            let sender: Mailbox = format!("x@d{domain}.test").parse().unwrap();
            (0..20)
                .filter(|_| strangers.may_be_told(&sender, at(hour)))
                .count()
        };
        let told: Vec<usize> = (0..8).map(|domain| tell(domain, 1)).collect();
        assert_eq!(told, [10, 10, 10, 10, 10, 10, 0, 0]);
        assert_eq!(tell(0, 1), 0);
        assert_eq!(tell(7, 2), 10, "the next hour");
    }
}
