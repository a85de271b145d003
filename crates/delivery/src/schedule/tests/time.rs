//! What time does: attempts, reports and the end of a message; holds, deadlines and a start after a pause.

use std::collections::BTreeMap;
use std::time::Duration;

use address::deliver_by::Mode;

use super::world::{Did, Manner, World, at, seconds};
use crate::schedule::{
    Backoff, Deadline, Delay, Ending, Event, GiveUp, Job, Rules, Scope, Verdict,
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Attempts of one message in seconds since its arrival, and what else was said.
fn life(manner: Manner, change: impl Fn(&mut Job), length: u64) -> (Vec<u64>, Vec<(u64, Did)>) {
    let mut world = World::new(Rules::default());
    world.set("a.test", manner);
    let mut job = world.job(1, 1, "a.test");
    change(&mut job);
    world.accept(job);
    let (mut attempts, mut said) = (Vec::new(), Vec::new());
    let mut seen = 0;
    for second in 0..length / 10 {
        let before = world.now;
        world.pass(seconds(10));
        for did in &world.log[seen..] {
            match did {
                Did::Started(..) => attempts.push(second * 10),
                Did::GaveUp(..) | Did::Reported(..) | Did::Warned(..) => {
                    said.push((second * 10, did.clone()));
                }
            }
        }
        seen = world.log.len();
        assert!(world.now > before);
    }
    (attempts, said)
}

// OUT-07, OUT-08
#[test]
fn attempts_follow_the_table_to_the_end_of_the_fifth_day() {
    let (attempts, said) = life(Manner::Defers, |_| (), 6 * DAY);
    let near = |found: u64, expected: u64| found.abs_diff(expected) <= 20;
    let mut expected = 0;
    for (number, attempt) in attempts.iter().enumerate() {
        let last = number + 1 == attempts.len();
        assert!(near(*attempt, expected) || last, "{number}: {attempts:?}");
        expected += [15 * 60, HOUR, 2 * HOUR]
            .get(number)
            .copied()
            .unwrap_or(3 * HOUR);
    }
    let in_first_hour = attempts.iter().filter(|at| **at < HOUR);
    assert_eq!(in_first_hour.count(), 2);
    assert_eq!(attempts.len(), 43);
    assert!(near(*attempts.last().unwrap(), 5 * DAY), "{attempts:?}");
    let [(told, Did::Reported(1, Delay::Slow))] = said[..] else {
        panic!("{said:?}");
    };
    assert!((4 * HOUR..=7 * HOUR).contains(&told));
}

// OUT-07
#[test]
fn a_message_to_a_dead_host_is_reported_and_given_up_in_time() {
    let (attempts, said) = life(Manner::Dead, |_| (), 6 * DAY);
    assert!(attempts.iter().filter(|at| **at < HOUR).count() <= 3);
    assert!(said.contains(&(said[0].0, Did::Reported(1, Delay::Slow))));
    assert!((4 * HOUR..=7 * HOUR).contains(&said[0].0), "{said:?}");
    assert!(*attempts.last().unwrap() <= 5 * DAY + 10);
}

#[test]
fn whoever_waits_for_a_dead_host_untried_is_told_and_given_up_in_time() {
    let mut world = World::new(Rules::default());
    world.set("dead.test", Manner::Dead);
    for message in 0..1_000 {
        world.accept(world.job(message, message % 3, "dead.test"));
        world.settle();
    }
    world.pass(seconds(4 * HOUR - 60));
    let reported = |world: &World| {
        let reports = world.log.iter();
        reports
            .filter(|did| matches!(did, Did::Reported(_, Delay::Slow)))
            .count()
    };
    assert_eq!(reported(&world), 0);
    world.pass(seconds(60 * 10));
    assert!(reported(&world) >= 995, "{}", reported(&world));
    world.pass(seconds(5 * DAY - 4 * HOUR - 11 * 60));
    assert_eq!(reported(&world), 1_000);
    assert_eq!(world.failed.len(), 0);
    world.pass(seconds(30 * 60));
    assert_eq!(world.failed.len(), 1_000);
    assert!(world.failed.values().all(|why| *why == GiveUp::Expired));
    assert!(world.store.is_empty());
    assert_eq!(world.schedule.census().jobs, 0);
}

#[test]
fn a_next_hop_that_dies_with_much_to_do_leaves_nobody_untold() {
    let mut world = World::new(Rules {
        memory: 64,
        page: 16,
        ..Rules::default()
    });
    world.set("a.test", Manner::Hangs);
    for message in 0..500 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.settle();
    world.set("a.test", Manner::Dead);
    let running: Vec<_> = world.running.keys().copied().collect();
    for connection in running {
        let (how, verdict) = (Ending::Unreachable, Verdict::Deferred);
        world.end(connection, how, verdict);
    }
    world.pass(seconds(5 * DAY + 2 * HOUR));
    assert_eq!(world.failed.len(), 500);
    let told = world.log.iter();
    let told = told.filter(|did| matches!(did, Did::Reported(..)));
    assert_eq!(told.count(), 500);
}

#[test]
fn what_was_left_for_a_next_hop_that_dies_is_reported_in_time() {
    let mut world = World::new(Rules {
        memory: 8,
        first_per_hop: 1,
        most_per_hop: 1,
        ..Rules::default()
    });
    world.set("a.test", Manner::Hangs);
    for message in 0..20 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.pass(seconds(4 * HOUR - 120));
    let connection = *world.running.keys().next().unwrap();
    world.set("a.test", Manner::Dead);
    let (how, verdict) = (Ending::Unreachable, Verdict::Deferred);
    world.end(connection, how, verdict);
    world.pass(seconds(240));
    let reports = world.log.iter();
    let reports = reports.filter(|did| matches!(did, Did::Reported(..)));
    // All but the one that was tried, whose own turn comes later.
    assert_eq!(reports.count(), 19);
}

#[test]
fn the_store_is_not_read_for_each_of_many_messages() {
    let mut world = World::new(Rules::default());
    world.set("dead.test", Manner::Dead);
    for message in 0..1_000 {
        world.accept(world.job(message, 1, "dead.test"));
        world.pass(seconds(1));
    }
    world.pass(seconds(3 * HOUR));
    let read = world.read;
    // Now each of them has to be told, a second apart: not more than once a minute all are looked at.
    world.pass(seconds(HOUR));
    let told = world.log.iter();
    let told = told.filter(|did| matches!(did, Did::Reported(..))).count();
    assert!(told > 950, "{told}");
    let readings = (world.read - read) / 1_000;
    assert!((5..=25).contains(&readings), "{readings}");
}

#[test]
fn while_it_is_tried_whether_a_next_hop_is_back_it_still_counts_as_dead() {
    let mut world = World::new(Rules::default());
    world.set("a.test", Manner::Dead);
    for message in 0..50 {
        world.accept(world.job(message, 1, "a.test"));
        world.settle();
    }
    world.pass(seconds(2 * HOUR));
    world.set("a.test", Manner::Hangs);
    world.pass(seconds(HOUR));
    assert_eq!(world.running.len(), 1);
    for message in 50..100 {
        world.accept(world.job(message, 1, "a.test"));
        world.settle();
    }
    let census = world.schedule.census();
    assert!(census.jobs <= 1 + world.rules.kept, "{census:?}");
    world.pass(seconds(HOUR + 180));
    let told = world.log.iter();
    let told = told.filter(|did| matches!(did, Did::Reported(..))).count();
    assert!((45..50).contains(&told), "{told}");
}

#[test]
fn a_dead_next_hop_is_tried_with_what_was_left_when_nothing_else_is_due() {
    let mut world = World::new(Rules {
        kept: 1,
        retry: Backoff::new(&[seconds(20 * HOUR)], 0).unwrap(),
        ..Rules::default()
    });
    world.set("a.test", Manner::Dead);
    for message in 0..10 {
        world.accept(world.job(message, 1, "a.test"));
        world.settle();
    }
    // After 5, 15, 30 and 60 minutes.
    world.pass(seconds(112 * 60));
    assert_eq!(world.started().len(), 5);
}

#[test]
fn who_was_off_for_a_week_tries_once_before_giving_up() {
    let mut store = BTreeMap::new();
    let empty = World::new(Rules::default());
    for message in 0..10 {
        let mut job = empty.job(message, 1, if message < 5 { "a.test" } else { "b.test" });
        (job.arrived, job.due) = (at(0) - seconds(7 * DAY), at(0) - seconds(6 * DAY));
        store.insert(job.key(), job);
    }
    let mut world = World::restarted(Rules::default(), store);
    world.set("b.test", Manner::Defers);
    world.pass(seconds(60));
    assert_eq!(world.delivered.len(), 5);
    assert_eq!(world.failed.len(), 5);
    assert_eq!(world.started().len(), 10);
}

// SUB-12
#[test]
fn nothing_is_released_before_its_time() {
    let mut world = World::new(Rules::default());
    let hold = |mut job: Job, until: u64| {
        (job.release, job.due) = (Some(at(until)), at(until));
        job
    };
    world.accept(hold(world.job(1, 1, "a.test"), 10 * HOUR));
    // A due time that came out wrong does not count.
    let mut wrong = hold(world.job(2, 1, "a.test"), 20 * HOUR);
    wrong.due = at(0);
    world.accept(wrong);
    world.accept(hold(world.job(3, 1, "a.test"), 30));
    world.settle();
    world.handle(Event::RetryAll(Scope::All));
    let job = world.jobs_of(1).remove(0);
    world.handle(Event::Retry(job));
    world.pass(seconds(29));
    assert_eq!(world.started(), [0_u64; 0]);
    world.handle(Event::RetryAll(World::scope("a.test")));
    world.pass(Duration::from_millis(999));
    assert_eq!(world.started(), [0_u64; 0]);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.started(), [3]);
    world.pass(seconds(10 * HOUR - 31));
    assert_eq!(world.started(), [3]);
    world.pass(seconds(1));
    assert_eq!(world.started(), [3, 1]);
    world.pass(seconds(10 * HOUR - 1));
    assert_eq!(world.started(), [3, 1]);
    world.pass(seconds(1));
    assert_eq!(world.started(), [3, 1, 2]);
}

fn by(seconds: u64, mode: Mode) -> impl Fn(&mut Job) {
    move |job| {
        job.deadline = Some(Deadline {
            at: at(seconds),
            mode,
        });
    }
}

// EXT-21
#[test]
fn what_is_too_late_goes_back_at_once_or_is_reported_at_once() {
    for manner in [Manner::Defers, Manner::Dead, Manner::Loses] {
        let (attempts, said) = life(manner, by(600, Mode::Return), DAY);
        assert_eq!(attempts, [0], "{manner:?}");
        assert_eq!(said, [(590, Did::GaveUp(1, GiveUp::TooLate))], "{manner:?}");
        let (attempts, said) = life(manner, by(600, Mode::Notify), DAY);
        assert!(attempts.len() > 5, "{manner:?} {attempts:?}");
        let expected = [(590, Did::Reported(1, Delay::TooLate))];
        assert_eq!(said, expected, "{manner:?}");
    }
}

// EXT-21
#[test]
fn who_waits_for_a_turn_until_it_is_too_late_is_not_delivered() {
    let mut world = World::new(Rules {
        first_per_hop: 1,
        most_per_hop: 1,
        ..Rules::default()
    });
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    let mut late = world.job(2, 1, "a.test");
    by(600, Mode::Return)(&mut late);
    world.accept(late);
    let mut paused = world.job(3, 1, "paused.test");
    by(600, Mode::Return)(&mut paused);
    world.handle(Event::Pause(World::scope("paused.test")));
    world.accept(paused);
    world.pass(seconds(700));
    assert_eq!(world.started(), [1]);
    assert_eq!(world.failed.len(), 2);
    assert!(world.failed.values().all(|why| *why == GiveUp::TooLate));
}

/// Overdue jobs to as many next hops are found at a start; hands back when they start, in milliseconds.
fn restart(jobs: u64) -> Vec<u128> {
    let mut store = BTreeMap::new();
    let empty = World::new(Rules::default());
    for message in 0..jobs {
        let mut job = empty.job(message, message, &format!("d{message}.test"));
        (job.due, job.attempts) = (at(0) - seconds(60 + message), 1);
        store.insert(job.key(), job);
    }
    let mut world = World::restarted(Rules::default(), store);
    world.draw = 0x1234_5678_9abc_def0;
    let mut times = Vec::new();
    for _ in 0..10_000 {
        let Some(until) = world.settle() else { break };
        // Nothing else happens.
        let started = world.log.len();
        let since = world.now.duration_since(at(0)).unwrap().as_millis();
        times.resize(started, since);
        if started as u64 == jobs {
            return times;
        }
        world.now = until;
        world.handle(Event::Tick);
    }
    panic!("{} of {jobs} started", times.len());
}

#[test]
fn after_a_start_the_herd_does_not_thunder() {
    assert_eq!(restart(1), [0]);
    let few = restart(20);
    assert!(*few.last().unwrap() <= 400, "{few:?}");
    let many = restart(3_000);
    let last = *many.last().unwrap();
    assert!((45_000..=60_000).contains(&last), "{last}");
    // No second has more than its share of them by far.
    let mut seconds: BTreeMap<u128, usize> = BTreeMap::new();
    for time in &many {
        *seconds.entry(time / 1000).or_default() += 1;
    }
    let most = seconds.values().max().unwrap();
    assert!(*most < 400, "{seconds:?}");
}

#[test]
fn what_failed_together_does_not_come_back_together() {
    let rules = Rules::default();
    let draws = [0, u64::MAX / 4, u64::MAX / 2, u64::MAX];
    let mut times: Vec<Duration> = draws.map(|draw| rules.retry.after(1, draw)).to_vec();
    times.dedup();
    assert_eq!(times.len(), draws.len());
}

#[test]
fn an_idle_schedule_sleeps_until_something_is_due() {
    let mut world = World::new(Rules::default());
    assert_eq!(world.settle(), None);
    world.set("a.test", Manner::Defers);
    world.accept(world.job(1, 1, "a.test"));
    world.pass(seconds(10));
    assert_eq!(world.settle(), Some(at(900)));
    assert_eq!(world.schedule.census().jobs, 0, "it is left to the store");
}

#[test]
fn new_mail_starts_before_anything_is_read() {
    let mut world = World::new(Rules::default());
    world.pass(seconds(HOUR));
    world.slow_store = true;
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    assert_eq!(world.started(), [1]);
    assert!(world.wants.is_empty());
    let mut unread = World::restarted(Rules::default(), BTreeMap::new());
    unread.slow_store = true;
    unread.settle();
    unread.accept(unread.job(1, 1, "a.test"));
    unread.settle();
    assert_eq!(unread.started(), [1]);
}

#[test]
fn a_clock_that_jumps_does_no_more_than_that() {
    let mut world = World::new(Rules::default());
    world.set("a.test", Manner::Defers);
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    world.now = at(0) - seconds(5 * HOUR);
    world.handle(Event::Tick);
    world.settle();
    world.accept(world.job(2, 1, "b.test"));
    world.pass(seconds(1));
    assert_eq!(world.started(), [1, 2]);
    world.now = at(3 * HOUR);
    world.handle(Event::Tick);
    world.settle();
    assert_eq!(world.started(), [1, 2, 1]);
}
