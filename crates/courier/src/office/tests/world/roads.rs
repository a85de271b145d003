//! Next hops that exist only here: what they do is set, and what they got is kept.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use address::Recipient;
use delivery::schedule::{Ending, NextHop, Verdict};
use reply::{Enhanced, Row, Status};
use smtp_client::{Passed, Said, Transaction};
use tokio::sync::Notify;

use crate::carry::{Carried, Carry, Letter, Remote, Trip};

/// What a next hop does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::office::tests) enum Manner {
    /// Takes it, and knows no DSN.
    Takes,
    /// Takes it, and reports itself.
    Reports,
    /// Refuses it for now.
    Defers,
    /// Refuses it for good.
    Refuses,
    /// Lacks what the message needs, in the words of this row.
    Lacks(&'static Row),
    /// As these local parts say; others are taken.
    Sorts(Vec<(&'static str, Verdict)>),
    /// Cannot be reached.
    Dead,
    /// Lets us in, and says nothing for so long as anybody waits.
    Tarpit(Duration),
    /// Does not believe who we are, and cannot be used.
    Distrusts,
    /// Loses the connection.
    Loses,
    /// Says nothing to the message until it is let go, then takes it.
    Hangs,
    /// Takes it for the first recipient, and then says nothing to the others.
    Splits,
    /// Says nothing to MAIL until it is let go, then takes the message.
    Stalls,
    /// Fails in a way it must not.
    Panics,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(in crate::office::tests) struct Sent {
    pub(in crate::office::tests) hop: String,
    /// Over which line.
    pub(in crate::office::tests) line: u64,
    pub(in crate::office::tests) transaction: Transaction,
    pub(in crate::office::tests) octets: Vec<u8>,
    pub(in crate::office::tests) waives_tls: bool,
}

impl Sent {
    pub(in crate::office::tests) fn to(&self) -> Vec<String> {
        let to = self.transaction.envelope.recipients.iter();
        to.map(|one| one.path.to_string()).collect()
    }
}

#[derive(Default)]
pub(in crate::office::tests) struct Roads {
    manners: Mutex<BTreeMap<String, Manner>>,
    default: Mutex<Option<Manner>>,
    pub(in crate::office::tests) sent: Mutex<Vec<Sent>>,
    /// First line of a message and recipient, as often as the next hop has said that it has it.
    pub(in crate::office::tests) delivered: Mutex<BTreeMap<(String, String), usize>>,
    /// `+` and `-` with the number of a line, as lines come and go.
    pub(in crate::office::tests) lines: Mutex<Vec<(char, u64)>>,
    hanging: Mutex<usize>,
    most: Mutex<usize>,
    let_go: Notify,
    /// Lines that the other side closes while they are idle.
    dying: Mutex<Vec<u64>>,
    last: Mutex<u64>,
}

/// A connection to a next hop.
pub(in crate::office::tests) struct Line {
    number: u64,
    roads: Arc<Roads>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.roads.lines.lock().unwrap().push(('-', self.number));
    }
}

pub(in crate::office::tests) struct Carrier(pub(in crate::office::tests) Arc<Roads>);

impl Roads {
    pub(in crate::office::tests) fn set(&self, hop: &str, manner: Manner) {
        self.manners.lock().unwrap().insert(hop.to_owned(), manner);
    }

    pub(in crate::office::tests) fn set_all(&self, manner: Manner) {
        *self.default.lock().unwrap() = Some(manner);
    }

    fn manner(&self, hop: &str) -> Manner {
        let known = self.manners.lock().unwrap().get(hop).cloned();
        let default = || self.default.lock().unwrap().clone();
        known.or_else(default).unwrap_or(Manner::Takes)
    }

    pub(in crate::office::tests) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(in crate::office::tests) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Attempts that hang.
    pub(in crate::office::tests) fn hanging(&self) -> usize {
        *self.hanging.lock().unwrap()
    }

    /// The most that hung at once.
    pub(in crate::office::tests) fn most(&self) -> usize {
        *self.most.lock().unwrap()
    }

    pub(in crate::office::tests) fn let_go(&self) {
        self.let_go.notify_waiters();
    }

    /// The other side closes all lines as soon as they are idle.
    pub(in crate::office::tests) fn close_idle(&self) {
        let all = 1..=*self.last.lock().unwrap();
        self.dying.lock().unwrap().extend(all);
    }

    pub(in crate::office::tests) fn line(self: &Arc<Self>) -> Line {
        let mut last = self.last.lock().unwrap();
        *last += 1;
        self.lines.lock().unwrap().push(('+', *last));
        Line {
            number: *last,
            roads: Arc::clone(self),
        }
    }

    async fn verdict(&self, manner: &Manner) -> Verdict {
        match manner {
            Manner::Takes
            | Manner::Reports
            | Manner::Sorts(_)
            | Manner::Stalls
            | Manner::Splits
            | Manner::Dead
            | Manner::Distrusts
            | Manner::Tarpit(_) => Verdict::Delivered,
            Manner::Defers | Manner::Loses => Verdict::Deferred,
            Manner::Refuses | Manner::Lacks(_) => Verdict::Refused,
            Manner::Hangs => {
                self.hang().await;
                Verdict::Delivered
            }
            Manner::Panics => panic!("a fault on the way"),
        }
    }

    fn note(&self, octets: &[u8], transaction: &Transaction, carried: &[Carried]) {
        let text = String::from_utf8_lossy(octets);
        let first = text.lines().next().unwrap_or_default();
        let mut delivered = self.delivered.lock().unwrap();
        for one in carried {
            if one.verdict == Verdict::Delivered {
                let to = transaction.envelope.recipients[one.recipient]
                    .path
                    .to_string();
                *delivered.entry((first.to_owned(), to)).or_default() += 1;
            }
        }
    }

    async fn hang(&self) {
        let _over = self.held();
        self.let_go.notified().await;
    }

    fn held(&self) -> Over<'_> {
        let mut hanging = self.hanging.lock().unwrap();
        *hanging += 1;
        let mut most = self.most.lock().unwrap();
        *most = (*most).max(*hanging);
        Over(self)
    }
}

/// Counts a hanging attempt no longer, also when it is cut off.
struct Over<'a>(&'a Roads);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        *self.0.hanging.lock().unwrap() -= 1;
    }
}

pub(in crate::office::tests) fn name(hop: &NextHop) -> String {
    match hop {
        NextHop::Route(name) => format!("route {name}"),
        NextHop::Host(host) => host.to_string(),
        NextHop::Held(domain) => domain.to_string(),
    }
}

impl Carry for Carrier {
    type Line = Line;

    async fn carry(
        &self,
        hop: &NextHop,
        line: Option<Line>,
        transaction: Transaction,
        letter: &mut impl Letter,
    ) -> Trip<Line> {
        let roads = &self.0;
        let hop = name(hop);
        let manner = roads.manner(&hop);
        let used = line.as_ref().map(|line| line.number);
        if used.is_some_and(|number| roads.dying.lock().unwrap().contains(&number)) {
            return Trip {
                carried: Vec::new(),
                how: Ending::Stale,
                line: None,
            };
        }
        let all = |verdict| {
            let each = transaction.envelope.recipients.iter().enumerate();
            let carried = each.map(|(at, to)| carried(at, to, &hop, verdict, &manner));
            carried.collect::<Vec<Carried>>()
        };
        let held = if let Manner::Tarpit(time) = manner {
            let _over = roads.held();
            tokio::time::sleep(time).await;
            true
        } else {
            false
        };
        if held || matches!(manner, Manner::Dead | Manner::Distrusts) {
            return Trip {
                carried: all(Verdict::Deferred),
                how: Ending::Unreachable,
                line: None,
            };
        }
        let line = line.unwrap_or_else(|| roads.line());
        if manner == Manner::Stalls {
            roads.hang().await;
        }
        let mut octets = Vec::new();
        for _ in 0..2 {
            octets.clear();
            letter.rewind().await.unwrap();
            loop {
                match letter.next().await {
                    Ok(Some(piece)) => octets.extend_from_slice(&piece),
                    Ok(None) => break,
                    // Nobody has half a message.
                    Err(_) => return broken_off(all(Verdict::Deferred)),
                }
            }
        }
        roads.sent.lock().unwrap().push(Sent {
            hop: hop.clone(),
            line: line.number,
            transaction: transaction.clone(),
            octets: octets.clone(),
            waives_tls: letter.waives_tls(),
        });
        if manner == Manner::Splits {
            let mut first = all(Verdict::Delivered);
            first.truncate(1);
            roads.note(&octets, &transaction, &first);
            letter.delivered(first.clone());
            roads.hang().await;
            letter.rewind().await.unwrap();
            while letter.next().await.is_ok_and(|piece| piece.is_some()) {}
            if letter.next().await.is_err() {
                let mut trip = broken_off(all(Verdict::Deferred));
                trip.carried[0] = first.remove(0);
                return trip;
            }
        }
        let verdict = roads.verdict(&manner).await;
        let lost = manner == Manner::Loses;
        let carried = all(verdict);
        roads.note(&octets, &transaction, &carried);
        Trip {
            carried,
            how: if lost {
                Ending::Lost
            } else {
                Ending::Finished { open: true }
            },
            line: (!lost).then_some(line),
        }
    }

    async fn gone(&self, line: &mut Line) {
        let dying = self.0.dying.lock().unwrap().contains(&line.number);
        if !dying {
            std::future::pending::<()>().await;
        }
    }

    async fn part(&self, line: Line) {
        drop(line);
    }
}

/// The message was not said to its end: the other side said nothing to it.
fn broken_off(mut carried: Vec<Carried>) -> Trip<Line> {
    for one in &mut carried {
        one.remote = None;
    }
    Trip {
        carried,
        how: Ending::Finished { open: false },
        line: None,
    }
}

fn carried(at: usize, to: &Recipient, hop: &str, verdict: Verdict, manner: &Manner) -> Carried {
    let local = to.path.mailbox().map(|to| to.local.as_str().to_owned());
    let rows = if let Manner::Sorts(rows) = manner {
        &rows[..]
    } else {
        &[]
    };
    let row = rows
        .iter()
        .find(|(name, _)| local.as_deref() == Some(*name));
    let verdict = row.map_or(verdict, |(_, verdict)| *verdict);
    let (code, status, text) = match verdict {
        Verdict::Delivered => (250, Enhanced(2, 0, 0), "thank you"),
        Verdict::Refused => (550, Enhanced(5, 1, 1), "nobody of that name"),
        Verdict::Deferred | Verdict::Untried => (451, Enhanced(4, 3, 2), "busy, come back"),
    };
    let said = Said {
        code,
        enhanced: Some(status),
        text: text.to_owned(),
    };
    let (mut status, failure) = match manner {
        Manner::Dead => (Enhanced(4, 4, 1), Some("it does not answer")),
        Manner::Distrusts => (Enhanced(4, 7, 8), Some("it refused our login")),
        Manner::Takes
        | Manner::Reports
        | Manner::Sorts(_)
        | Manner::Defers
        | Manner::Refuses
        | Manner::Lacks(_)
        | Manner::Loses
        | Manner::Hangs
        | Manner::Stalls
        | Manner::Splits
        | Manner::Tarpit(_)
        | Manner::Panics => (status, None),
    };
    let dead = failure.is_some();
    let lacking = if let Manner::Lacks(row) = manner {
        Some(*row)
    } else {
        None
    };
    if let Some(Status::Smtp(_, Some(lacks))) = lacking.map(|row| row.status) {
        status = lacks;
    }
    Carried {
        recipient: at,
        verdict,
        status,
        row: lacking,
        remote: Some(Remote {
            host: format!("mx.{}", hop.trim_start_matches("route "))
                .parse()
                .unwrap(),
            address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
            said: (!dead && lacking.is_none()).then(|| said.clone()),
        }),
        passed: (verdict == Verdict::Delivered).then_some(Passed {
            dsn: *manner == Manner::Reports,
            deliver_by: *manner == Manner::Reports,
        }),
        words: failure.map_or_else(|| said.to_string(), str::to_owned),
        when: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}
