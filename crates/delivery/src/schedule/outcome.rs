//! What happens next to a recipient after an attempt: a function of what was known and what was heard, no more.

use std::time::SystemTime;

use address::deliver_by::Mode;

use super::backoff::later;
use super::job::{Deadline, Job};
use super::rules::Rules;

/// What an attempt came to for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next hop took it.
    Delivered,
    /// Refused for good.
    Refused,
    /// Put off, or the next hop could not be reached, or the connection was lost, even behind the final dot
    /// (RFC 5321 sections 3.8, 4.1.1.10).
    Deferred,
    /// The next hop takes no more recipients with this message (RFC 5321 section 4.5.3.1.10), or the attempt ended
    /// before this one had its turn.
    Untried,
}

/// Why a recipient is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// The next hop refused it.
    Refused,
    /// It was tried for [`Rules::lifetime`].
    Expired,
    /// The time given with BY is over, and it is to be returned (RFC 2852 section 4.1.3: 5.4.7).
    TooLate,
}

/// Which report on a delay is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// It takes longer than [`Rules::notice`].
    Slow,
    /// The time given with BY is over, and the sender is to hear of it (RFC 2852 section 4.1.3: 4.4.7).
    TooLate,
}

/// What happens next to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It leaves the queue, delivered.
    Done,
    /// It leaves the queue with a failure report.
    Failed(GiveUp),
    /// It stays.
    Again {
        /// When it is due.
        at: SystemTime,
        /// Attempts so far, this one included if it was one.
        attempts: u32,
        /// The sender is to be told now; the job is `told`, or `told_late`, from now on. Whether a report goes out is
        /// also for NOTIFY to say (RFC 3461 section 4.1).
        report: Option<Delay>,
    },
}

/// What happens next to the recipients of `job` of which `verdict` was heard in an attempt that ended `now`. `draw` is
/// uniform over all its values.
#[must_use]
pub fn next(rules: &Rules, job: &Job, verdict: Verdict, now: SystemTime, draw: u64) -> Next {
    let (attempts, pause) = match verdict {
        Verdict::Delivered => return Next::Done,
        Verdict::Refused => return Next::Failed(GiveUp::Refused),
        Verdict::Deferred => {
            let attempts = job.attempts.saturating_add(1);
            (attempts, rules.retry.after(attempts, draw))
        }
        Verdict::Untried => (job.attempts, rules.soon),
    };
    let report = match judge(rules, job, now, true) {
        Some(Judgement::GiveUp(why)) => return Next::Failed(why),
        Some(Judgement::Report(delay)) => Some(delay),
        None => None,
    };
    // It must be looked at when its time is over, not a step of the back-off later; and the last attempt is then.
    let ends = [
        Some(later(job.began(), rules.lifetime)),
        job.deadline.map(|deadline| deadline.at),
    ];
    let at = later(now, pause);
    let at = ends
        .into_iter()
        .flatten()
        .filter(|end| *end > now)
        .fold(at, SystemTime::min);
    Next::Again {
        at,
        attempts,
        report,
    }
}

/// What is due without an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    GiveUp(GiveUp),
    Report(Delay),
}

/// What time alone says about a job. `failing`: it was tried without success, or nothing can be tried; as long as it is
/// merely waiting for its turn, only BY counts.
pub(super) fn judge(rules: &Rules, job: &Job, now: SystemTime, failing: bool) -> Option<Judgement> {
    // RFC 2852 section 4.1.3: what is too late in mode R is not delivered at all.
    let late = |mode| {
        job.deadline
            .is_some_and(|deadline: Deadline| deadline.mode == mode && deadline.at <= now)
    };
    if late(Mode::Return) {
        return Some(Judgement::GiveUp(GiveUp::TooLate));
    }
    if failing && later(job.began(), rules.lifetime) <= now {
        return Some(Judgement::GiveUp(GiveUp::Expired));
    }
    if late(Mode::Notify) && !job.told_late {
        return Some(Judgement::Report(Delay::TooLate));
    }
    let slow = rules
        .notice
        .is_some_and(|notice| later(job.began(), notice) <= now);
    (failing && slow && !job.told && !job.told_late).then_some(Judgement::Report(Delay::Slow))
}

/// When [`judge`] says something (again), if it ever does.
pub(super) fn judged_at(rules: &Rules, job: &Job, failing: bool) -> Option<SystemTime> {
    let by = job
        .deadline
        .filter(|deadline| deadline.mode == Mode::Return || !job.told_late)
        .map(|deadline| deadline.at);
    let expiry = failing.then(|| later(job.began(), rules.lifetime));
    let notice = rules
        .notice
        .filter(|_| failing && !job.told && !job.told_late)
        .map(|notice| later(job.began(), notice));
    [by, expiry, notice].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use address::ReversePath;
    use address::deliver_by::Mode;

    use super::{Deadline, Delay, GiveUp, Next, Verdict, judge, judged_at, next};
    use crate::schedule::{Job, NextHop, Rules, Sender};

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// A job that arrived at 0, with so many attempts behind it.
    fn job(attempts: u32) -> Job {
        Job {
            message: 1,
            next_hop: Arc::new(NextHop::Route("smarthost".into())),
            sender: Arc::new(Sender::Path(ReversePath::Null)),
            recipients: Box::new([0]),
            octets: 1,
            arrived: at(0),
            release: None,
            due: at(0),
            attempts,
            tried: None,
            told: false,
            told_late: false,
            deadline: None,
        }
    }

    fn told(job: Job) -> Job {
        Job { told: true, ..job }
    }

    fn told_late(job: Job) -> Job {
        Job {
            told_late: true,
            ..job
        }
    }

    fn by(job: Job, seconds: u64, mode: Mode) -> Job {
        let deadline = Some(Deadline {
            at: at(seconds),
            mode,
        });
        Job { deadline, ..job }
    }

    fn again(seconds: u64, attempts: u32, report: Option<Delay>) -> Next {
        Next::Again {
            at: at(seconds),
            attempts,
            report,
        }
    }

    /// The middle of every draw, so that times are those of the table.
    #[track_caller]
    fn check(job: &Job, verdict: Verdict, now: u64, expected: Next) {
        let found = next(&Rules::default(), job, verdict, at(now), 1 << 63);
        assert_eq!(found, expected, "{verdict:?} at {now} of {job:?}");
    }

    #[test]
    fn what_is_decided_is_done_however_late() {
        for now in [0, 5 * HOUR, 6 * DAY] {
            check(&job(0), Verdict::Delivered, now, Next::Done);
            check(
                &job(0),
                Verdict::Refused,
                now,
                Next::Failed(GiveUp::Refused),
            );
            let late = by(job(3), 60, Mode::Return);
            check(&late, Verdict::Delivered, now, Next::Done);
            check(&late, Verdict::Refused, now, Next::Failed(GiveUp::Refused));
        }
    }

    // OUT-07, OUT-08, OUT-13
    #[test]
    fn what_is_deferred_comes_again_later_each_time() {
        check(&job(0), Verdict::Deferred, 10, again(910, 1, None));
        check(&job(1), Verdict::Deferred, 910, again(910 + HOUR, 2, None));
        check(
            &job(2),
            Verdict::Deferred,
            5000,
            again(5000 + 2 * HOUR, 3, None),
        );
        check(
            &job(3),
            Verdict::Deferred,
            9000,
            again(9000 + 3 * HOUR, 4, None),
        );
        let last = job(u32::MAX);
        check(
            &last,
            Verdict::Deferred,
            9000,
            again(9000 + 3 * HOUR, u32::MAX, None),
        );
    }

    // OUT-12
    #[test]
    fn whose_turn_did_not_come_is_tried_soon_and_that_was_no_attempt() {
        check(&job(0), Verdict::Untried, 10, again(70, 0, None));
        check(&job(2), Verdict::Untried, 10, again(70, 2, None));
        // But not for ever.
        check(
            &job(2),
            Verdict::Untried,
            5 * DAY,
            Next::Failed(GiveUp::Expired),
        );
    }

    // OUT-07
    #[test]
    fn after_five_days_it_is_given_up_and_the_last_attempt_is_at_their_end() {
        let old = told(job(9));
        let end = 5 * DAY;
        check(
            &old,
            Verdict::Deferred,
            end - 4 * HOUR,
            again(end - HOUR, 10, None),
        );
        check(&old, Verdict::Deferred, end - HOUR, again(end, 10, None));
        check(&old, Verdict::Deferred, end - 1, again(end, 10, None));
        check(&old, Verdict::Deferred, end, Next::Failed(GiveUp::Expired));
        check(
            &old,
            Verdict::Deferred,
            9 * DAY,
            Next::Failed(GiveUp::Expired),
        );
    }

    #[test]
    fn of_a_delay_the_sender_is_told_once() {
        let slow = Some(Delay::Slow);
        check(
            &job(3),
            Verdict::Deferred,
            4 * HOUR - 1,
            again(7 * HOUR - 1, 4, None),
        );
        check(
            &job(3),
            Verdict::Deferred,
            4 * HOUR,
            again(7 * HOUR, 4, slow),
        );
        check(
            &told(job(3)),
            Verdict::Deferred,
            4 * HOUR,
            again(7 * HOUR, 4, None),
        );
        check(
            &job(3),
            Verdict::Untried,
            4 * HOUR,
            again(4 * HOUR + 60, 3, slow),
        );
        let silent = Rules {
            notice: None,
            ..Rules::default()
        };
        let found = next(&silent, &job(3), Verdict::Deferred, at(4 * HOUR), 1 << 63);
        assert_eq!(found, again(7 * HOUR, 4, None));
    }

    // EXT-21
    #[test]
    fn what_is_too_late_goes_back_or_is_reported() {
        let returned = by(job(0), 600, Mode::Return);
        check(&returned, Verdict::Deferred, 10, again(600, 1, None));
        check(
            &returned,
            Verdict::Deferred,
            600,
            Next::Failed(GiveUp::TooLate),
        );
        let notify = by(job(0), 600, Mode::Notify);
        check(&notify, Verdict::Deferred, 10, again(600, 1, None));
        check(
            &notify,
            Verdict::Deferred,
            600,
            again(1500, 1, Some(Delay::TooLate)),
        );
        check(
            &told_late(notify.clone()),
            Verdict::Deferred,
            600,
            again(1500, 1, None),
        );
        // Who was told that it takes long is told of this all the same, but not the other way round.
        let far = by(told(job(0)), 5 * HOUR, Mode::Notify);
        let late = Some(Delay::TooLate);
        check(
            &far,
            Verdict::Untried,
            5 * HOUR,
            again(5 * HOUR + 60, 0, late),
        );
        let far = told_late(notify.clone());
        check(
            &far,
            Verdict::Untried,
            5 * HOUR,
            again(5 * HOUR + 60, 0, None),
        );
        // Mode N ends with the lifetime, as without BY.
        check(
            &told(notify),
            Verdict::Deferred,
            5 * DAY,
            Next::Failed(GiveUp::Expired),
        );
        let far = by(told(job(9)), 9 * DAY, Mode::Return);
        check(
            &far,
            Verdict::Deferred,
            5 * DAY,
            Next::Failed(GiveUp::Expired),
        );
    }

    // SUB-12
    #[test]
    fn the_life_of_a_held_message_begins_at_its_release() {
        let held = Job {
            release: Some(at(3 * DAY)),
            ..job(0)
        };
        check(
            &held,
            Verdict::Deferred,
            3 * DAY,
            again(3 * DAY + 900, 1, None),
        );
        check(
            &told(held.clone()),
            Verdict::Deferred,
            8 * DAY - 1,
            again(8 * DAY, 1, None),
        );
        check(
            &told(held),
            Verdict::Deferred,
            8 * DAY,
            Next::Failed(GiveUp::Expired),
        );
        let past = Job {
            release: Some(at(0)),
            arrived: at(60),
            ..job(0)
        };
        assert_eq!(past.began(), at(60));
    }

    #[test]
    fn what_time_says_is_said_when_it_was_announced() {
        let rules = Rules::default();
        let jobs = [
            job(0),
            told(job(1)),
            by(job(0), 600, Mode::Return),
            by(job(0), 600, Mode::Notify),
            by(told(job(0)), 6 * DAY, Mode::Return),
            by(told(job(0)), 600, Mode::Notify),
            by(told_late(job(0)), 600, Mode::Notify),
            by(job(0), 6 * HOUR, Mode::Notify),
        ];
        for (job, failing) in jobs.iter().flat_map(|job| [(job, false), (job, true)]) {
            let Some(announced) = judged_at(&rules, job, failing) else {
                assert_eq!(judge(&rules, job, at(99 * DAY), failing), None);
                continue;
            };
            let before = announced - Duration::from_secs(1);
            assert_eq!(judge(&rules, job, before, failing), None, "{job:?}");
            assert!(judge(&rules, job, announced, failing).is_some(), "{job:?}");
        }
    }
}
