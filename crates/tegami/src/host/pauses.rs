//! What of the mail for elsewhere waits because somebody said so: everything, or what goes to a domain or by a server.
//!
//! Names are kept as they were said, with the next hops they stand for. A restart forgets them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use address::{Domain, ForwardPath, Host};
use delivery::schedule::NextHop;

use super::outward::Outward;

/// What is paused.
#[derive(Debug, Default)]
pub struct Pauses {
    everything: bool,
    named: BTreeMap<String, BTreeSet<Arc<NextHop>>>,
}

/// What is to be told to the office.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What was paused and no longer is, in words.
    pub names: Vec<String>,
    /// Everything was paused.
    pub everything: bool,
    /// These are open again.
    pub hops: Vec<Arc<NextHop>>,
}

impl Pauses {
    /// Whether nothing at all leaves.
    pub fn everything(&self) -> bool {
        self.everything
    }

    /// Nothing leaves from now on.
    pub fn pause_everything(&mut self) {
        self.everything = true;
    }

    /// What goes by these next hops waits from now on, known by the name that somebody gave.
    pub fn pause(&mut self, name: &str, hops: impl IntoIterator<Item = Arc<NextHop>>) {
        self.named.entry(known_as(name)).or_default().extend(hops);
    }

    /// Ends every pause.
    pub fn resume_everything(&mut self) -> Ended {
        let names = self.names();
        let everything = std::mem::take(&mut self.everything);
        let named = std::mem::take(&mut self.named);
        let hops: BTreeSet<Arc<NextHop>> = named.into_values().flatten().collect();
        Ended {
            names,
            everything,
            hops: hops.into_iter().collect(),
        }
    }

    /// Ends one pause: that of this name, or without one those of the servers that the name stands for.
    pub fn resume(&mut self, name: &str, hops: &BTreeSet<Arc<NextHop>>) -> Ended {
        let name = known_as(name);
        let names: Vec<String> = if self.named.contains_key(&name) {
            vec![name]
        } else {
            let within = |of: &BTreeSet<Arc<NextHop>>| !of.is_empty() && of.is_subset(hops);
            let named = self.named.iter().filter(|(_, of)| within(of));
            named.map(|(name, _)| name.clone()).collect()
        };
        let mut open = BTreeSet::new();
        for name in &names {
            open.extend(self.named.remove(name).unwrap_or_default());
        }
        open.retain(|hop| !self.named.values().any(|hops| hops.contains(hop)));
        Ended {
            names,
            everything: false,
            hops: open.into_iter().collect(),
        }
    }

    /// What is paused, in words.
    pub fn names(&self) -> Vec<String> {
        let everything = self.everything.then(|| "everything".to_owned());
        everything
            .into_iter()
            .chain(self.named.keys().cloned())
            .collect()
    }

    /// The next hops that the names stand for by other routes, to be paused as well.
    pub fn renew(&mut self, outward: &Outward) -> Vec<Arc<NextHop>> {
        let mut all = Vec::new();
        for (name, hops) in &mut self.named {
            hops.extend(outward.hops_named(name));
            all.extend(hops.iter().cloned());
        }
        all
    }

    /// Whether nothing goes by this next hop.
    pub fn hold_back(&self, hop: &NextHop) -> bool {
        self.everything || self.named.values().any(|hops| hops.contains(hop))
    }

    /// Whether mail for this domain waits, whichever server it goes by.
    pub fn holds(&self, domain: &Domain) -> bool {
        let hop = || NextHop::Host(Host::Domain(domain.clone()));
        !self.named.is_empty() && self.named.values().any(|hops| hops.contains(&hop()))
    }

    /// Whether mail for this recipient waits although the server it goes by does not.
    pub fn holds_recipient(&self, recipient: &ForwardPath) -> bool {
        let domain = recipient
            .mailbox()
            .and_then(|mailbox| mailbox.host.domain());
        domain.is_some_and(|domain| self.holds(domain))
    }
}

/// One name for all that differ only in case.
fn known_as(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(name: &str) -> Arc<NextHop> {
        match name.contains(':') {
            true => Arc::new(NextHop::Route(name.into())),
            false => Arc::new(NextHop::Host(name.parse().unwrap())),
        }
    }

    #[test]
    fn a_resume_without_a_name_ends_every_pause() {
        let mut pauses = Pauses::default();
        pauses.pause("B.test", [hop("b.test")]);
        pauses.pause("smart.test", [hop("smart.test:587")]);
        assert_eq!(pauses.names(), ["b.test", "smart.test"]);
        pauses.pause_everything();
        let ended = pauses.resume_everything();
        assert_eq!(ended.names, ["everything", "b.test", "smart.test"]);
        assert!(ended.everything);
        assert_eq!(ended.hops.len(), 2);
        assert_eq!(pauses.names(), Vec::<String>::new());
    }

    #[test]
    fn a_resume_with_a_name_ends_that_pause_and_opens_what_no_other_holds() {
        let mut pauses = Pauses::default();
        let all = [hop("smart.test"), hop("smart.test:587")];
        pauses.pause("smart.test", all.clone());
        pauses.pause("smart.test:587", [hop("smart.test:587")]);
        let ended = pauses.resume("SMART.test", &BTreeSet::from(all.clone()));
        assert_eq!(ended.names, ["smart.test"]);
        assert_eq!(ended.hops, [hop("smart.test")]);
        // The name without the port is known for the server.
        let ended = pauses.resume("smart.test", &BTreeSet::from(all));
        assert_eq!(ended.names, ["smart.test:587"]);
        assert_eq!(ended.hops, [hop("smart.test:587")]);
        let none = pauses.resume("smart.test", &BTreeSet::new());
        assert_eq!(none, Ended::default());
    }

    #[test]
    fn what_is_fetched_waits_when_its_domain_is_paused() {
        let held = |domain: &str| NextHop::Held(domain.parse().unwrap());
        let mut pauses = Pauses::default();
        pauses.pause("b.test", [Arc::new(held("b.test"))]);
        assert!(pauses.hold_back(&held("b.test")) && !pauses.hold_back(&held("c.test")));
        pauses.pause_everything();
        assert!(pauses.hold_back(&held("c.test")));
        pauses.resume_everything();
        assert!(!pauses.hold_back(&held("b.test")));
    }

    #[test]
    fn a_paused_domain_holds_its_recipients_and_no_others() {
        let mut pauses = Pauses::default();
        pauses.pause("b.test", [hop("b.test")]);
        for (recipient, held) in [
            ("<you@B.test>", true),
            ("<you@sub.b.test>", false),
            ("<you@[192.0.2.1]>", false),
            ("<postmaster>", false),
        ] {
            let path = recipient.parse().unwrap();
            assert_eq!(pauses.holds_recipient(&path), held, "{recipient}");
        }
    }
}
