//! ETRN (RFC 1985): a customer that was away wants the mail that waits for it to be sent now, over connections that we
//! open as always. Nothing is sent to where it would not go anyway.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use address::{Domain, Envelope, ForwardPath, Mailbox, ReversePath};
use courier::office::Which;
use delivery::schedule::{Door, NextHop, Scope};
use mailstore::{Queued, Store};
use smtp_server::{Node, QueueRefusal, QueueVerdict};

use super::SmtpHost;
use crate::config::EtrnReply;
use crate::host::outward::Outward;

/// Messages that are read from the store at a time.
const PAGE: usize = 256;
/// Messages of the whole queue that are looked at for one command; beyond them what waits is sent, too, but not counted.
const MOST: usize = 20_000;

/// What waits for a customer.
#[derive(Debug, Default)]
struct Found {
    messages: u64,
    /// The queue is longer than what was looked at.
    more: bool,
    hops: HashSet<Arc<NextHop>>,
}

impl SmtpHost {
    pub(super) async fn run_queue(&mut self, node: Node) -> QueueVerdict {
        let policy = self.house.policy.load_full();
        let outward = &policy.outward;
        let Some(domain) = listed(outward, &node) else {
            return QueueVerdict::Forbidden(QueueRefusal::NotListed);
        };
        // Whoever was removed or disabled since the login is nobody any more.
        let is_user = self.login.is_some() && !self.is_gone();
        if !is_user && !outward.etrn.knows(self.peer) {
            return QueueVerdict::Forbidden(if outward.etrn.from.is_empty() {
                QueueRefusal::LogIn
            } else {
                QueueRefusal::Client
            });
        }
        let Some(office) = self.house.office.get() else {
            return QueueVerdict::Stuck;
        };
        // One at a time, also of those that nobody waits for any more: who asks again and again costs no more than who asks
        // once.
        let turn = Arc::clone(&self.house.counting).lock_owned().await;
        let (store, kept, asked) = (self.house.store.clone(), Arc::clone(&policy), node.clone());
        let counting = tokio::task::spawn_blocking(move || {
            let found = count(&store, &kept.outward, &asked);
            drop(turn);
            found
        })
        .await;
        let Ok(Ok(mut found)) = counting else {
            tracing::error!(%node, "ETRN: the queue cannot be read");
            return QueueVerdict::Stuck;
        };
        if let Some(hop) = usual_hop(outward, domain) {
            found.hops.insert(hop);
        }
        if self.house.paused().holds(domain) {
            return QueueVerdict::Stuck;
        }
        let mut open = Vec::new();
        for hop in &found.hops {
            match office.door(NextHop::clone(hop)).await {
                Some(Door::Open | Door::BackedOff(_)) => open.push(hop),
                Some(Door::Paused | Door::Held) | None => {}
            }
        }
        if open.is_empty() {
            return QueueVerdict::Stuck;
        }
        if found.messages > 0 || found.more {
            tracing::info!(%node, messages = found.messages, "ETRN: what waits is sent now");
            for hop in open {
                office.retry(Which::Scope(Scope::NextHop(Arc::clone(hop))));
            }
        }
        told(outward.etrn.reply, &found)
    }
}

/// The domain that is meant, if it is listed. Queues have no names here.
fn listed<'a>(outward: &Outward, node: &'a Node) -> Option<&'a Domain> {
    match node {
        Node::Host(domain) | Node::Below(domain) => {
            outward.etrn.domains.contains(domain).then_some(domain)
        }
        Node::Queue(_) => None,
    }
}

fn told(reply: EtrnReply, found: &Found) -> QueueVerdict {
    let is_empty = found.messages == 0 && !found.more;
    match reply {
        EtrnReply::Plain => QueueVerdict::Accepted,
        EtrnReply::Started | EtrnReply::Count if is_empty => QueueVerdict::Empty,
        EtrnReply::Count if !found.more => QueueVerdict::Counted(found.messages),
        EtrnReply::Started | EtrnReply::Count => QueueVerdict::Begun,
    }
}

/// Where mail for the domain goes that no route takes for its sender.
fn usual_hop(outward: &Outward, domain: &Domain) -> Option<Arc<NextHop>> {
    let local = "postmaster".parse().ok()?;
    let path = ForwardPath::Mailbox(Mailbox::new(local, domain.clone().into()));
    outward.next_hop(&ReversePath::Null, &path)
}

/// Looks through the queue. May block.
fn count(store: &Store, outward: &Outward, node: &Node) -> Result<Found, String> {
    let (mut found, mut after, mut seen) = (Found::default(), 0, 0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
    loop {
        let page = store
            .queue_from(after, PAGE)
            .map_err(|error| error.to_string())?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after = last.id;
        seen += page.len();
        // What is not released yet does not leave before its time, whoever asks (RFC 4865).
        let free = page.iter();
        for queued in free.filter(|one| one.release.is_none_or(|release| release <= now)) {
            let letter = store
                .queue_letter(queued.id)
                .map_err(|error| error.to_string())?;
            // It may have left meanwhile.
            if let Some((_, envelope, _)) = letter {
                add(&mut found, queued, &envelope, outward, node);
            }
        }
        if seen >= MOST {
            found.more = true;
            return Ok(found);
        }
    }
}

/// Held mail is not sent, and not counted.
fn add(found: &mut Found, queued: &Queued, envelope: &Envelope, outward: &Outward, node: &Node) {
    let mut is_meant = false;
    for waiting in queued.waiting.iter().filter(|one| !one.held) {
        let place = usize::try_from(waiting.recipient).ok();
        let recipient = place.and_then(|place| envelope.recipients.get(place));
        let Some(recipient) = recipient else {
            continue;
        };
        let domain = recipient.path.mailbox();
        let domain = domain.and_then(|mailbox| mailbox.host.domain());
        if domain.is_some_and(|domain| covers(node, domain)) {
            is_meant = true;
            found
                .hops
                .extend(outward.next_hop(&envelope.reverse_path, &recipient.path));
        }
    }
    found.messages += u64::from(is_meant);
}

/// RFC 1985 section 5.2: `@` is the domain and all below it.
fn covers(node: &Node, domain: &Domain) -> bool {
    match node {
        Node::Host(asked) => asked == domain,
        Node::Below(asked) => {
            let (asked, domain) = (asked.to_string(), domain.to_string());
            let (asked, domain) = (asked.to_ascii_lowercase(), domain.to_ascii_lowercase());
            domain
                .strip_suffix(&asked)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        Node::Queue(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_itself_and_with_an_at_sign_all_below_it() {
        for (node, domain, expected) in [
            (Node::Host("a.test".parse().unwrap()), "A.test", true),
            (Node::Host("a.test".parse().unwrap()), "x.a.test", false),
            (Node::Below("a.test".parse().unwrap()), "a.test", true),
            (Node::Below("A.test".parse().unwrap()), "x.a.test", true),
            (Node::Below("a.test".parse().unwrap()), "xa.test", false),
            (Node::Below("x.a.test".parse().unwrap()), "a.test", false),
            (Node::Queue("all".to_owned()), "a.test", false),
        ] {
            let meant = covers(&node, &domain.parse().unwrap());
            assert_eq!(meant, expected, "{node} {domain}");
        }
    }

    #[test]
    fn what_is_told_of_the_queue_is_what_the_configuration_lets() {
        let found = |messages, more| Found {
            messages,
            more,
            hops: HashSet::new(),
        };
        for (reply, found, expected) in [
            (EtrnReply::Plain, found(0, false), QueueVerdict::Accepted),
            (EtrnReply::Plain, found(2, false), QueueVerdict::Accepted),
            (EtrnReply::Started, found(0, false), QueueVerdict::Empty),
            (EtrnReply::Started, found(2, false), QueueVerdict::Begun),
            (EtrnReply::Count, found(0, false), QueueVerdict::Empty),
            (EtrnReply::Count, found(2, false), QueueVerdict::Counted(2)),
            (EtrnReply::Count, found(2, true), QueueVerdict::Begun),
        ] {
            assert_eq!(told(reply, &found), expected, "{reply:?} {found:?}");
        }
    }
}
