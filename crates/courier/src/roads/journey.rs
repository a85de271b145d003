//! One attempt: a message on its way to a next hop, from host to host until everybody is served or there is nobody left to
//! ask (RFC 5321 section 5.1).

mod along;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use delivery::schedule::{Ending, NextHop, Verdict};
use mta_sts::Treatment;
use resolver::MailHost;
use smtp_client::{Ending as Over, Outcome, Reason, Said, Stage, Transaction};
use tokio::time::Instant;

use super::approach::Approach;
use super::conversation::{self, Rest};
use super::feed::Feed;
use super::findings::{Told, Who};
use super::guard::{Barred, Guard, Known};
use super::line::Line;
use super::policies::Found;
use super::stops::{Stop, Way, living_first};
use super::tally::{Finding, Tally};
use super::tls_report::{Failure, Policy};
use super::{Live, Roads};
use crate::carry::{Letter, Trip};

/// Octets a second that a server has to take at the least.
const SLOWEST: u64 = 1024;
/// Connections to one address in one attempt, for servers that take few recipients over one.
const MOST_AGAIN: usize = 64;

/// An attempt on its way.
pub(super) struct Journey<'a, L> {
    roads: &'a Roads,
    live: Arc<Live>,
    transaction: Transaction,
    feed: Feed<'a, L>,
    /// The message waives the TLS that the recipients' domain asks for.
    lax: bool,
    tally: Tally,
    began: Instant,
    /// The addresses that were asked.
    asked: Vec<SocketAddr>,
    /// Some host answered to the end.
    finished: bool,
    /// Some host let us in and was lost.
    lost: bool,
    /// Some host let us in and said that it goes on with nobody (421).
    shut: bool,
    /// What is to be sent cannot be read.
    unread: bool,
}

/// What became of a message at one host.
struct Visit {
    /// The connection, if it stands.
    line: Option<Line>,
    /// There are recipients for whom the same host may be asked again at once.
    again: bool,
    /// Other addresses of the host would say the same.
    said: bool,
}

impl<'a, L: Letter> Journey<'a, L> {
    pub(super) fn new(roads: &'a Roads, transaction: Transaction, letter: &'a mut L) -> Self {
        Self {
            roads,
            live: roads.live.load_full(),
            // RFC 8689 section 4.1: where the sender's mail server asked for TLS, the field is overlooked.
            lax: letter.waives_tls() && !transaction.envelope.requiretls,
            tally: Tally::new(transaction.envelope.recipients.len()),
            feed: Feed::new(letter, transaction.size),
            transaction,
            began: Instant::now(),
            asked: Vec::new(),
            finished: false,
            lost: false,
            shut: false,
            unread: false,
        }
    }

    /// Brings the message to the next hop.
    pub(super) async fn go(mut self, hop: &NextHop, line: Option<Line>) -> Trip<Line> {
        match hop {
            NextHop::Held(domain) => return self.along(domain, line).await,
            NextHop::Route(_) | NextHop::Host(_) => {}
        }
        let line = line.and_then(|line| self.fitting(line));
        if let Some(line) = line {
            let Some(visit) = self.reuse(line).await else {
                return self.stale();
            };
            if self.is_over() {
                return self.arrive(visit.line);
            }
            part(visit.line);
        }
        let way = match Way::to(hop, &self.live.settings) {
            Ok(way) => way,
            Err(finding) => return self.nowhere(&finding),
        };
        let line = match self.travel(&way).await {
            Ok(line) => line,
            Err(finding) => return self.nowhere(&finding),
        };
        self.arrive(line)
    }

    /// Nobody is left to be asked about, or there is nothing to send.
    fn is_over(&self) -> bool {
        self.unread || self.tally.is_settled()
    }

    /// Nothing more is begun.
    fn is_late(&self) -> bool {
        self.began.elapsed() >= self.live.settings.patience
    }

    /// Mail that needs a server known to be the right one (RFC 8689) gets a connection for which that is looked at, and
    /// mail that does not waive what the domain asks for gets one that has it.
    fn fitting(&self, line: Line) -> Option<Line> {
        let secured = line.conversation.secured();
        let known = secured.is_some_and(|secured| secured.authenticated);
        let fits = known || !self.transaction.envelope.requiretls;
        if fits && (self.lax || !line.lax) {
            return Some(line);
        }
        part(Some(line));
        None
    }

    /// Offers the message over a line that stands; nothing when that turns out to be gone.
    async fn reuse(&mut self, mut line: Line) -> Option<Visit> {
        if line.spent || !line.conversation.is_quiet().await {
            return None;
        }
        let address = line.address;
        let (open, transaction) = self.remaining();
        let within = self.within(&line.live, address);
        let sent = line.conversation.send(transaction, &mut self.feed, within);
        let sent = sent.await;
        if is_stale(&sent) {
            return None;
        }
        let visit = self.hear(line, &open, sent);
        if !visit.again {
            self.asked.push(address);
        }
        Some(visit)
    }

    /// Goes from host to host.
    async fn travel(&mut self, way: &Way) -> Result<Option<Line>, Finding> {
        let place = self.roads.place(&self.live).await;
        let settings = &self.live.settings;
        let (mut stops, more) = way.stops(&self.roads.resolver, settings, &place).await?;
        living_first(&mut stops, &self.roads.dead);
        let policy = if self.lax {
            Found::default()
        } else {
            policy(self.roads, &self.live, way).await
        };
        self.count_policy(way, &policy);
        let mut skipped: Option<Arc<MailHost>> = None;
        let mut guards: Vec<(Arc<MailHost>, Result<Guard, Barred>)> = Vec::new();
        for stop in &stops {
            if self.asked.contains(&stop.address)
                || skipped
                    .as_ref()
                    .is_some_and(|host| Arc::ptr_eq(host, &stop.host))
            {
                continue;
            }
            if self.is_late() {
                self.tally.leave_off();
                break;
            }
            let known = guards
                .iter()
                .find(|(host, _)| Arc::ptr_eq(host, &stop.host));
            let guard = match known {
                Some((_, guard)) => guard.clone(),
                None => {
                    // RFC 8689 section 4.2.2: TLS if it is to be had, and nothing that depends on it.
                    let guard = if self.lax {
                        Ok(Guard::Opportunistic { testing: false })
                    } else {
                        guard(self.roads, &self.live, way, stop, &policy).await
                    };
                    self.count_guard(way, stop, &guard);
                    guards.push((Arc::clone(&stop.host), guard.clone()));
                    guard
                }
            };
            let visit = self.visit(way, stop, guard).await;
            if self.is_over() {
                return Ok(visit.line);
            }
            part(visit.line);
            if visit.said {
                skipped = Some(Arc::clone(&stop.host));
            }
        }
        if more {
            self.tally.leave_off();
        }
        Ok(None)
    }

    /// Counts that the policy of the domain cannot be had, if it cannot.
    fn count_policy(&self, way: &Way, found: &Found) {
        if let (Some(failure), Some(domain)) = (found.failure, way.domain()) {
            let results = &self.roads.results;
            results.count(domain, Policy::Sts, None, Some(failure));
        }
    }

    /// Counts that there is no session with a host, if there may be none.
    fn count_guard(&self, way: &Way, stop: &Stop, guard: &Result<Guard, Barred>) {
        if let (Err(barred), Some(domain)) = (guard, way.domain()) {
            let (policy, failure) = match barred {
                Barred::Bogus | Barred::Unclear => (Policy::Tlsa, Failure::DnssecInvalid),
                Barred::NotListed => (Policy::Sts, Failure::Validation),
            };
            let host = Some(&stop.host.name);
            let results = &self.roads.results;
            results.count(domain, policy, host, Some(failure));
        }
    }

    /// Asks one host at one address, as often as it takes more.
    async fn visit(&mut self, way: &Way, stop: &Stop, guard: Result<Guard, Barred>) -> Visit {
        self.asked.push(stop.address);
        let mut who = Who {
            host: stop.host.name.clone(),
            address: None,
        };
        let guard = match guard {
            Ok(guard) => guard,
            Err(barred) => {
                let domain = way
                    .domain()
                    .cloned()
                    .map_or(stop.host.name.clone(), Into::into);
                self.tally.note_open(&who.barred(barred, &domain));
                return Visit::none(true);
            }
        };
        who.address = Some(stop.address);
        let live = Arc::clone(&self.live);
        let approach = Approach {
            roads: self.roads,
            live: &live,
            way,
            stop,
            guard,
            who: &who,
            secret: self.transaction.envelope.requiretls,
            lax: self.lax,
            fetch: None,
        };
        for _ in 0..MOST_AGAIN {
            let mut line = match approach.connect().await {
                Ok(line) => line,
                Err(failed) => {
                    self.tally.note_open(&failed.finding);
                    return Visit::none(false);
                }
            };
            let (open, transaction) = self.remaining();
            let within = self.within(&line.live, line.address);
            let sent = line.conversation.send(transaction, &mut self.feed, within);
            let sent = sent.await;
            let visit = self.hear(line, &open, sent);
            if !visit.again || self.is_over() || self.is_late() {
                return visit;
            }
            part(visit.line);
        }
        Visit::none(false)
    }

    /// Takes down what a host said of everybody who was offered to it.
    fn hear(&mut self, line: Line, open: &[usize], sent: conversation::Said) -> Visit {
        let told = Told {
            unread: self.feed.fault(),
            overtime: line.conversation.is_overtime(),
        };
        let outcomes = || sent.verdicts.iter().map(|verdict| &verdict.outcome);
        let served = outcomes()
            .any(|outcome| matches!(outcome, Outcome::Accepted { .. } | Outcome::Unknown(_)));
        let waiting = outcomes().any(|outcome| *outcome == Outcome::NotTried);
        let progress = outcomes().any(|outcome| *outcome != Outcome::NotTried);
        let said = outcomes().any(is_said);
        self.unread |= outcomes()
            .any(|outcome| matches!(outcome, Outcome::Deferred(Reason::Ended(Over::Unread))));
        for verdict in &sent.verdicts {
            let finding = line.who.outcome(&verdict.outcome, !served, &told);
            if let (Some(recipient), Some(finding)) = (open.get(verdict.recipient), finding) {
                self.tally.note(*recipient, finding);
            }
        }
        if served && !self.tally.is_settled() {
            self.feed.delivered(self.tally.delivered(SystemTime::now()));
        }
        if matches!(sent.rest, Rest::Ready(_) | Rest::Over(Over::Parted)) {
            self.roads.proven.note(line.address);
        } else {
            self.roads.proven.forget(line.address);
        }
        let stands = match &sent.rest {
            Rest::Ready(_) => true,
            Rest::Over(Over::Parted) => {
                self.finished = true;
                false
            }
            Rest::Turned => {
                self.lost = true;
                false
            }
            Rest::Over(over) => {
                let shut = matches!(over, Over::Refused { said, .. } if said.code == 421);
                self.shut |= shut;
                self.lost |= !shut;
                false
            }
        };
        self.finished |= stands;
        Visit {
            line: stands.then_some(line),
            again: waiting && progress,
            said,
        }
    }

    /// The message for those who are open, and their places.
    fn remaining(&self) -> (Vec<usize>, Transaction) {
        let open = self.tally.open();
        let mut transaction = self.transaction.clone();
        if open.len() < transaction.envelope.recipients.len() {
            let all = std::mem::take(&mut transaction.envelope.recipients);
            let all = all.into_iter().enumerate();
            let left = all.filter(|(place, _)| open.binary_search(place).is_ok());
            transaction.envelope.recipients = left.map(|(_, recipient)| recipient).collect();
        }
        (open, transaction)
    }

    /// How long the message may take there.
    fn within(&self, live: &Live, address: SocketAddr) -> Duration {
        let patience = if self.roads.proven.has(address) {
            live.settings.conversation
        } else {
            live.settings.first
        };
        patience + Duration::from_secs(self.transaction.size / SLOWEST)
    }

    fn nowhere(mut self, finding: &Finding) -> Trip<Line> {
        self.tally.note_open(finding);
        // Who says that there is no way has answered.
        self.finished |= finding.verdict == Verdict::Refused;
        self.arrive(None)
    }

    fn stale(self) -> Trip<Line> {
        Trip {
            carried: self.tally.carried(SystemTime::now()),
            how: Ending::Stale,
            line: None,
        }
    }

    fn arrive(self, line: Option<Line>) -> Trip<Line> {
        let how = if line.is_some() {
            Ending::Finished { open: true }
        } else if self.finished || self.unread {
            Ending::Finished { open: false }
        } else if self.lost && !self.shut {
            Ending::Lost
        } else {
            Ending::Unreachable
        };
        Trip {
            carried: self.tally.carried(SystemTime::now()),
            how,
            line,
        }
    }
}

impl Visit {
    fn none(said: bool) -> Self {
        Self {
            line: None,
            again: false,
            said,
        }
    }
}

/// What the domain promises by a policy.
pub(super) async fn policy(roads: &Roads, live: &Arc<Live>, way: &Way) -> Found {
    let Some(domain) = way.domain().filter(|_| live.settings.mta_sts) else {
        return Found::default();
    };
    roads.policy(domain, live).await
}

/// Which TLS a host has to have.
pub(super) async fn guard(
    roads: &Roads,
    live: &Live,
    way: &Way,
    stop: &Stop,
    policy: &Found,
) -> Result<Guard, Barred> {
    let settings = &live.settings;
    let dane = if way.domain().is_some() && settings.dane && stop.host.secure {
        let port = stop.address.port();
        Some(roads.resolver.dane(&stop.host, port).await)
    } else {
        None
    };
    let treatment = match (&policy.policy, stop.host.name.domain()) {
        (Some(policy), Some(host)) => policy.treatment(host),
        (None | Some(_), _) => Treatment::Ordinary,
    };
    Guard::decide(Known {
        opportunistic: settings.opportunistic,
        dane: dane.as_ref(),
        treatment,
    })
}

/// Takes leave where nobody waits for it.
fn part(line: Option<Line>) {
    if let Some(line) = line {
        tokio::spawn(line.part());
    }
}

/// A line that was used before has ended before anything was said about this message: it was gone, or the server had had
/// enough (421, RFC 5321 section 3.8).
fn is_stale(sent: &conversation::Said) -> bool {
    match &sent.rest {
        Rest::Over(Over::Lost(_)) => !sent.answered,
        Rest::Over(Over::Refused { at, said }) => {
            said.code == 421 && matches!(at, Stage::Idle | Stage::Reset | Stage::Mail)
        }
        Rest::Ready(_) | Rest::Turned | Rest::Over(_) => false,
    }
}

/// The host said something about the message that its other addresses would say as well.
fn is_said(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(reason) | Outcome::Deferred(reason) => match reason {
            Reason::Said {
                said: Said { code, .. },
                ..
            } => *code != 421,
            Reason::Lacks(_) | Reason::TooLarge { .. } => true,
            Reason::Ended(_) => false,
        },
        Outcome::Accepted { .. } | Outcome::Unknown(_) | Outcome::NotTried => false,
    }
}
