//! What becomes of the recipients of a job: what the store is to be told of it, and what their sender is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use address::deliver_by::Mode;
use address::{Envelope, Host, Recipient};
use delivery::schedule::{self, Delay, GiveUp, Job, Next, NextHop, Rules, Verdict};
use dsn::{Action, Moment, Outcome, Whom, Why};
use mailstore::{AccountId, Heard, Waiting};
use reply::Enhanced;

use super::entries::{self, Entry};
use super::given::Given;
use super::hands::Hands;
use super::journal;
use super::means::Means;
use super::remembered;
use crate::carry::{Carried, Remote};

/// RFC 3463 section 3.5: the time for delivery is over. Class 4 where only our patience was.
const EXPIRED: Enhanced = Enhanced(4, 4, 7);
const TOO_LATE: Enhanced = Enhanced(5, 4, 7);
/// The account has used up what it may send today: policy (RFC 3463 section 3.8).
const OVER_LIMIT: Enhanced = Enhanced(4, 7, 0);
/// Nobody has come for mail that is fetched.
const UNFETCHED: Enhanced = Enhanced(4, 4, 1);

/// What does not change about a queued message.
#[derive(Clone, Debug)]
pub(super) struct Matter {
    pub(super) id: u64,
    pub(super) received: SystemTime,
    pub(super) envelope: Arc<Envelope>,
    pub(super) account: Option<AccountId>,
}

/// What came of one job, before the store knows it.
pub(super) struct Found {
    pub(super) job: Arc<Job>,
    pub(super) matter: Matter,
    /// These need nothing more.
    pub(super) closed: Vec<u32>,
    /// These are tried again.
    pub(super) again: Vec<Waiting>,
    /// What senders are to hear.
    pub(super) stories: Vec<Story>,
    /// Somebody has the message now: it must be written down at once, or it is sent twice.
    pub(super) delivered: bool,
    /// It goes into these mailboxes here, together with what is written down.
    pub(super) here: Given,
    /// What has it is here, and not another server.
    at_home: bool,
    /// Nobody else attempts these recipients until the store knows.
    pub(super) hands: Option<Hands>,
}

/// What is said of one recipient in a report.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) recipient: u32,
    pub(super) action: Action,
    status: Enhanced,
    why: Why,
    remote: Option<Remote>,
    /// The server's words as a report has them.
    said: Vec<u8>,
    tried: Option<SystemTime>,
    until: Option<SystemTime>,
    deliver_by: bool,
}

impl Matter {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            id: entry.queued.id,
            received: entries::time(entry.queued.received),
            envelope: Arc::clone(&entry.envelope),
            account: entry.queued.account,
        }
    }

    pub(super) fn recipient(&self, at: u32) -> Option<&Recipient> {
        let at = usize::try_from(at).ok()?;
        self.envelope.recipients.get(at)
    }
}

impl Story {
    /// As the report has it. `moment` knows the zone.
    pub(super) fn outcome<'a>(
        &'a self,
        matter: &'a Matter,
        moment: impl Fn(SystemTime) -> Moment,
    ) -> Option<Outcome<'a>> {
        let remote = self.remote.as_ref().map(|remote| dsn::Remote {
            host: &remote.host,
            address: remote.address,
            said: remote.said.as_ref().map(|said| dsn::Said {
                code: said.code,
                text: &self.said,
            }),
        });
        Some(Outcome {
            recipient: matter.recipient(self.recipient)?,
            action: self.action,
            status: self.status,
            why: self.why,
            remote,
            tried: self.tried.map(&moment),
            until: self.until.map(&moment),
            deliver_by: self.deliver_by,
        })
    }

    /// Whether anybody hears of it (RFC 3461 section 4.1).
    fn is_told(&self, matter: &Matter) -> bool {
        let outcome = self.outcome(matter, |_| Moment::new(0, 0));
        let sender = &matter.envelope.reverse_path;
        outcome.is_some_and(|outcome| dsn::whom(sender, &outcome) != Whom::Nobody)
    }
}

impl Found {
    fn new(job: &Arc<Job>, matter: Matter, hands: Option<Hands>) -> Self {
        Self {
            job: Arc::clone(job),
            matter,
            closed: Vec::new(),
            again: Vec::new(),
            stories: Vec::new(),
            delivered: false,
            here: Given::default(),
            at_home: false,
            hands,
        }
    }

    fn tell(&mut self, story: Story) {
        if story.is_told(&self.matter) {
            self.stories.push(story);
        }
    }
}

/// What an attempt came to that began at `began`. `carried` names recipients by their place in the whole envelope.
pub(super) fn of_attempt(
    means: &Means,
    job: &Arc<Job>,
    matter: Matter,
    waiting: &[Waiting],
    attempt: Attempted,
) -> Found {
    let (rules, now, draw) = (means.rules(), means.now(), means.draw());
    let known: BTreeMap<u32, &Waiting> = waiting.iter().map(|one| (one.recipient, one)).collect();
    let mut found = Found::new(job, matter, attempt.hands);
    found.here = attempt.here;
    found.at_home = attempt.at_home;
    let mut one = Job {
        recipients: Box::default(),
        ..Job::clone(job)
    };
    for (recipient, carried) in attempt.carried {
        let Some(before) = known.get(&recipient) else {
            continue;
        };
        // Before its time it was tried because somebody wanted that; the waits go on as if it had not been.
        one.attempts = match entries::time(before.due) > attempt.began {
            true => before.attempts.saturating_sub(1),
            false => before.attempts,
        };
        one.told = before.told;
        one.told_late = before.told_late;
        // One draw for all, so that who is put off together comes together again.
        let next = schedule::next(&rules, &one, carried.verdict, now, draw);
        found.concludes(&rules, before, carried, next, attempt.began);
    }
    found
}

/// An attempt, as far as it is about recipients.
pub(super) struct Attempted {
    pub(super) began: SystemTime,
    pub(super) carried: Vec<(u32, Carried)>,
    /// Mailboxes here that get it.
    pub(super) here: Given,
    /// What has it is here, and not another server.
    pub(super) at_home: bool,
    pub(super) hands: Option<Hands>,
}

impl Found {
    fn concludes(
        &mut self,
        rules: &Rules,
        before: &Waiting,
        carried: Carried,
        next: Next,
        began: SystemTime,
    ) {
        let until = self.job.began().checked_add(rules.lifetime);
        match next {
            Next::Done => {
                self.closed.push(before.recipient);
                self.delivered = true;
                self.passed_on(before.recipient, carried, began);
            }
            Next::Failed(why) => {
                self.closed.push(before.recipient);
                let last = Last::of(&carried, began);
                self.tell(last.given_up(before.recipient, why));
            }
            Next::Again {
                at,
                attempts,
                report,
            } => {
                let untried = carried.verdict == Verdict::Untried && before.heard.is_some();
                let heard = (!untried).then(|| heard(&carried));
                let tried = Some(entries::Tried {
                    began,
                    attempts,
                    due: at,
                });
                let again = entries::again(before, tried, report, heard);
                self.again.push(again);
                if let Some(delay) = report {
                    let last = Last::of(&carried, began);
                    self.tell(last.delayed(before.recipient, delay, until));
                }
            }
        }
    }

    /// RFC 3461 section 5.2.2 and RFC 2852 section 4.1.4: what the next server does not report is reported here.
    fn passed_on(&mut self, recipient: u32, carried: Carried, began: SystemTime) {
        let by = self.matter.envelope.deliver_by;
        let (action, deliver_by) = if !self.at_home {
            let passed = carried.passed;
            let knows_by = passed.is_some_and(|passed| passed.deliver_by);
            let unknown = |mode| mode == Mode::Notify && !knows_by;
            let by = by.is_some_and(|by| by.trace() || unknown(by.mode()));
            let action = dsn::passed_on(passed.is_some_and(|passed| passed.dsn));
            (action.or(by.then_some(Action::Relayed)), by)
        } else {
            (Some(Action::Delivered), false)
        };
        if let Some(action) = action {
            let last = Last::of(&carried, began);
            self.tell(Story {
                action,
                deliver_by,
                ..last.story(recipient)
            });
        }
    }
}

/// What time alone decides about a job: nobody was asked again.
pub(super) fn of_time(
    means: &Means,
    job: &Arc<Job>,
    entry: &Entry,
    (judged, obstacle): (Judged, Option<&Obstacle>),
    hands: Hands,
) -> Found {
    let rules = means.rules();
    let until = job.began().checked_add(rules.lifetime);
    let waiting = entry.queued.waiting.iter();
    let concerned: Vec<&Waiting> = waiting
        .filter(|one| hands.recipients.binary_search(&one.recipient).is_ok())
        .collect();
    let mut found = Found::new(job, Matter::of(entry), Some(hands));
    for before in concerned {
        let last = Last::known(before).kept_by(obstacle).in_line_for(job);
        match judged {
            Judged::GiveUp(why) => {
                journal::given_up(&found.matter, before, why, means.now());
                found.closed.push(before.recipient);
                found.tell(last.given_up(before.recipient, why));
            }
            Judged::Report(delay) => {
                let known = match delay {
                    Delay::Slow => before.told,
                    Delay::TooLate => before.told_late,
                };
                if !known {
                    found.tell(last.delayed(before.recipient, delay, until));
                    let told = entries::again(before, None, Some(delay), None);
                    found.again.push(told);
                }
            }
        }
    }
    found
}

/// What time alone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is not tried any more.
    GiveUp(GiveUp),
    /// Its sender is to be told.
    Report(Delay),
}

/// What keeps a job from being tried at all.
#[derive(Clone, Debug)]
pub(super) enum Obstacle {
    /// Its account has used up what it may send today.
    Allowance,
    /// The next hop is left alone: what was heard there last, with whatever mail that was.
    Heard(Heard),
}

/// What is known of the last attempt.
struct Last {
    status: Option<Enhanced>,
    row: Option<&'static reply::Row>,
    remote: Option<Remote>,
    tried: Option<SystemTime>,
    /// It was the account's limit that kept it from being tried.
    over_limit: bool,
}

impl Last {
    fn of(carried: &Carried, began: SystemTime) -> Self {
        Self {
            status: Some(carried.status),
            row: carried.row,
            remote: carried.remote.clone(),
            tried: Some(began),
            over_limit: false,
        }
    }

    /// As the store remembers it.
    fn known(waiting: &Waiting) -> Self {
        Self {
            tried: waiting.tried.map(entries::time),
            ..Self::heard(waiting.heard.as_ref())
        }
    }

    fn heard(heard: Option<&Heard>) -> Self {
        let host = heard.and_then(|heard| Host::parse(heard.host()).ok());
        Self {
            status: heard.and_then(|heard| status_in(heard.words())),
            row: None,
            remote: host.map(|host| Remote {
                host,
                address: None,
                said: heard.and_then(|heard| remembered::said(heard.words())),
            }),
            tried: None,
            over_limit: false,
        }
    }

    /// What had no attempt of its own tells what kept it from one.
    fn kept_by(self, obstacle: Option<&Obstacle>) -> Self {
        let untried = self.tried.is_none() && self.status.is_none() && self.remote.is_none();
        match obstacle.filter(|_| untried) {
            Some(Obstacle::Allowance) => Self {
                status: Some(OVER_LIMIT),
                over_limit: true,
                ..self
            },
            Some(Obstacle::Heard(heard)) => Self::heard(Some(heard)),
            None => self,
        }
    }

    /// Nobody was ever asked about mail that is fetched, and nobody came for it (RFC 3463 section 3.5).
    fn in_line_for(mut self, job: &Job) -> Self {
        if let NextHop::Held(_) = *job.next_hop {
            self.status = self.status.or(Some(UNFETCHED));
        }
        self
    }

    fn story(self, recipient: u32) -> Story {
        let said = self.remote.as_ref().and_then(|remote| remote.said.as_ref());
        let said = said.map(|said| match said.enhanced {
            Some(enhanced) => format!("{enhanced} {}", said.text),
            None => said.text.clone(),
        });
        Story {
            recipient,
            action: Action::Delivered,
            status: self.status.unwrap_or(Enhanced(4, 0, 0)),
            why: match self.row {
                _ if self.over_limit => Why::Allowance,
                row => row.map_or(Why::Status, Why::Row),
            },
            remote: self.remote,
            said: said.unwrap_or_default().into_bytes(),
            tried: self.tried,
            until: None,
            deliver_by: false,
        }
    }

    /// The cause, where time has run out.
    fn behind(&self) -> Why {
        match self.status {
            _ if self.over_limit => Why::Allowance,
            status => status.map_or(Why::Status, Why::Behind),
        }
    }

    fn given_up(self, recipient: u32, why: GiveUp) -> Story {
        let behind = self.behind();
        let story = self.story(recipient);
        let story = Story {
            action: Action::Failed,
            ..story
        };
        match why {
            GiveUp::Refused => story,
            GiveUp::Expired => Story {
                status: EXPIRED,
                why: behind,
                ..story
            },
            // RFC 2852 section 4.1.3.
            GiveUp::TooLate => Story {
                status: TOO_LATE,
                why: behind,
                deliver_by: true,
                ..story
            },
        }
    }

    fn delayed(self, recipient: u32, delay: Delay, until: Option<SystemTime>) -> Story {
        let behind = self.behind();
        let story = self.story(recipient);
        let story = Story {
            action: Action::Delayed,
            until,
            ..story
        };
        match delay {
            Delay::Slow => story,
            // RFC 2852 section 4.1.3: 4.4.7.
            Delay::TooLate => Story {
                status: EXPIRED,
                why: behind,
                deliver_by: true,
                ..story
            },
        }
    }
}

/// Words kept of a host, so that the status behind them is not cut off.
const WORDS: usize = 480;

/// What the store remembers of an attempt: the words for people, and the status behind them.
fn heard(carried: &Carried) -> Heard {
    let host = carried
        .remote
        .as_ref()
        .map(|remote| remote.host.to_string());
    let words = &carried.words[..carried.words.floor_char_boundary(WORDS)];
    let words = format!("{words} ({})", carried.status);
    Heard::new(
        &host.unwrap_or_default(),
        &words,
        entries::milliseconds(carried.when),
    )
}

/// The status at the end of what [`heard`] wrote.
fn status_in(words: &str) -> Option<Enhanced> {
    let (_, last) = words.strip_suffix(')')?.rsplit_once('(')?;
    let mut numbers = last.split('.');
    let class = numbers.next()?.parse().ok()?;
    let subject = numbers.next()?.parse().ok()?;
    let detail = numbers.next()?.parse().ok()?;
    let whole = numbers.next().is_none() && matches!(class, 2 | 4 | 5);
    whole.then_some(Enhanced(class, subject, detail))
}

#[cfg(test)]
mod tests {
    use reply::Enhanced;

    use super::status_in;

    #[test]
    fn the_status_stands_behind_the_words() {
        let check = |words: &str, expected| assert_eq!(status_in(words), expected, "{words}");
        check("the server said no (5.1.1)", Some(Enhanced(5, 1, 1)));
        check("busy (very) (4.2.0)", Some(Enhanced(4, 2, 0)));
        check("busy (4.2)", None);
        check("busy (4.2.0.0)", None);
        check("busy (9.2.0)", None);
        check("busy (4.2.0) still", None);
        check("", None);
    }
}
