//! How many at once, in what order, and in how much memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{Did, Manner, World, account, at, hop, seconds};
use crate::schedule::{Door, Ending, Event, JobKey, Rules, Verdict};

fn rules(connections: u32, first: u32, most: u32) -> Rules {
    Rules {
        connections,
        first_per_hop: first,
        most_per_hop: most,
        ..Rules::default()
    }
}

const WELL: Ending = Ending::Finished { open: true };

/// Ends the job that runs longest, with success.
fn finish_one(world: &mut World) {
    let connection = *world.running.keys().next().unwrap();
    world.end(connection, WELL, Verdict::Delivered);
    world.settle();
}

#[test]
fn a_next_hop_starts_small_and_grows_with_success() {
    let mut world = World::new(rules(100, 3, 7));
    world.set("slow.test", Manner::Hangs);
    for message in 0..100 {
        world.accept(world.job(message, 1, "slow.test"));
    }
    world.settle();
    let mut open = vec![world.connections.len()];
    for _ in 0..6 {
        finish_one(&mut world);
        open.push(world.connections.len());
    }
    assert_eq!(open, [1, 3, 4, 5, 6, 7, 7]);
}

#[test]
fn a_lost_connection_halves_the_number_and_only_patience_raises_it_again() {
    let mut world = World::new(rules(100, 8, 20));
    world.set("slow.test", Manner::Hangs);
    world.prove("slow.test");
    for message in 0..1000 {
        world.accept(world.job(message, 1, "slow.test"));
    }
    world.settle();
    assert_eq!(world.running.len(), 8);
    let connection = *world.running.keys().next().unwrap();
    world.end(connection, Ending::Lost, Verdict::Deferred);
    world.settle();
    while world.running.len() > 4 {
        finish_one(&mut world);
    }
    for _ in 0..40 {
        finish_one(&mut world);
        assert_eq!(world.running.len(), 4);
    }
    for _ in 0..20 {
        finish_one(&mut world);
    }
    assert!(world.running.len() > 4);
}

#[test]
fn idle_connections_beyond_what_there_may_be_are_closed() {
    let mut world = World::new(rules(100, 6, 6));
    world.set("a.test", Manner::Hangs);
    world.prove("a.test");
    for message in 0..6 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.settle();
    for _ in 0..5 {
        finish_one(&mut world);
    }
    assert_eq!(world.connections.len(), 6);
    let connection = *world.running.keys().next().unwrap();
    world.end(connection, Ending::Lost, Verdict::Deferred);
    world.settle();
    assert_eq!(world.connections.len(), 3);
}

#[test]
fn one_message_that_breaks_connections_does_not_stop_the_others() {
    let mut world = World::new(rules(100, 1, 20));
    world.set("a.test", Manner::Loses);
    let door = |world: &World| world.schedule.door(&hop("a.test"));
    for message in 1..=2 {
        world.accept(world.job(message, 1, "a.test"));
        world.settle();
        assert_eq!(door(&world), Door::Open);
    }
    // What comes to its end between them begins the count anew.
    world.set("a.test", Manner::Takes);
    world.accept(world.job(3, 1, "a.test"));
    world.settle();
    assert_eq!(world.started(), [1, 2, 3]);
    world.set("a.test", Manner::Loses);
    for message in 4..=5 {
        world.accept(world.job(message, 1, "a.test"));
        world.settle();
        assert_eq!(door(&world), Door::Open);
    }
    world.accept(world.job(6, 1, "a.test"));
    world.settle();
    assert!(matches!(door(&world), Door::BackedOff(_)));
    assert_eq!(world.schedule.census().failing, 1);
    world.accept(world.job(7, 1, "a.test"));
    world.settle();
    assert_eq!(world.started(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn who_refuses_one_more_connection_is_not_dead() {
    let mut world = World::new(rules(100, 2, 20));
    world.set("few.test", Manner::Hangs);
    world.prove("few.test");
    for message in 0..50 {
        world.accept(world.job(message, 1, "few.test"));
    }
    world.settle();
    finish_one(&mut world);
    assert_eq!(world.running.len(), 3);
    let newest = *world.running.keys().last().unwrap();
    world.end(newest, Ending::Unreachable, Verdict::Deferred);
    world.settle();
    assert_eq!(world.schedule.door(&hop("few.test")), Door::Open);
    finish_one(&mut world);
    assert!(world.running.len() <= 2, "{}", world.running.len());
    assert_eq!(world.schedule.census().failing, 0);
}

#[test]
fn one_connection_carries_many_jobs_but_not_endlessly() {
    let mut world = World::new(Rules {
        jobs_per_connection: 10,
        ..rules(1, 1, 1)
    });
    for message in 0..35 {
        world.accept(world.job(message, 1, "fast.test"));
    }
    world.settle();
    let fresh = world
        .log
        .iter()
        .filter(|did| matches!(did, Did::Started(_, _, true)));
    assert_eq!(fresh.count(), 4);
    assert_eq!(world.started(), (0..35).collect::<Vec<_>>());
    // The last one waits for more, for a while.
    assert_eq!(world.connections.len(), 1);
    world.pass(seconds(4));
    assert_eq!(world.connections.len(), 1);
    world.pass(seconds(2));
    assert_eq!(world.connections.len(), 0);
}

#[test]
fn an_idle_connection_makes_room_for_another_next_hop() {
    let mut world = World::new(rules(2, 1, 2));
    for (message, name) in [(1, "a.test"), (2, "b.test"), (3, "c.test")] {
        world.accept(world.job(message, 1, name));
        world.settle();
    }
    assert_eq!(world.started(), [1, 2, 3]);
    let open: Vec<_> = world.connections.values().cloned().collect();
    assert_eq!(open, [hop("b.test"), hop("c.test")]);
}

#[test]
fn a_connection_that_was_gone_already_costs_nothing() {
    let mut world = World::new(rules(2, 1, 1));
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(2, 1, "a.test"));
    world.settle();
    let connection = *world.running.keys().next().unwrap();
    world.end(connection, Ending::Stale, Verdict::Untried);
    world.settle();
    assert_eq!(world.started(), [1, 2, 2]);
    assert_eq!(
        world.log.last(),
        Some(&Did::Started(2, hop("a.test"), true))
    );
    assert_eq!(world.schedule.door(&hop("a.test")), Door::Open);
}

#[test]
fn what_did_not_begin_is_not_counted_and_still_in_a_hurry() {
    let mut world = World::new(Rules {
        recipients_per_day: Some(2),
        ..rules(2, 1, 1)
    });
    world.set("a.test", Manner::Defers);
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    world.set("a.test", Manner::Hangs);
    let stale = |world: &mut World| {
        let connection = *world.running.keys().next().unwrap();
        world.end(connection, Ending::Stale, Verdict::Untried);
        world.settle();
    };
    // Counted twice, its account would be stopped.
    world.accept(world.job(2, 1, "a.test"));
    world.settle();
    stale(&mut world);
    assert_eq!(world.started(), [1, 2, 2]);
    finish_one(&mut world);
    // Its due time is a quarter of an hour away, but somebody wanted it tried.
    world.now += seconds(1);
    world.handle(Event::RetryAll(World::scope("a.test")));
    world.settle();
    stale(&mut world);
    assert_eq!(world.started(), [1, 2, 2, 1, 1]);
}

/// As when a message is read, leaves, and is begun once more by what was read.
#[test]
fn what_there_was_nothing_to_do_for_is_not_counted() {
    let mut world = World::new(Rules {
        recipients_per_day: Some(2),
        ..rules(2, 1, 1)
    });
    world.set("a.test", Manner::Hangs);
    let job = world.job(1, 1, "a.test");
    world.accept(job.clone());
    world.settle();
    let connection = *world.running.keys().next().unwrap();
    let (key, again) = (job.key(), None);
    world.handle(Event::Settled { key, again });
    world.put_down(connection, Ending::Stale);
    for message in [2, 3] {
        world.accept(world.job(message, 1, "a.test"));
        world.settle();
        finish_one(&mut world);
    }
    assert_eq!(world.started(), [1, 2, 3]);
}

#[test]
fn an_idle_connection_that_the_other_side_closes_means_no_harm() {
    let mut world = World::new(rules(2, 1, 1));
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    let (connection, _) = world.connections.pop_first().unwrap();
    world.handle(Event::Ended {
        connection,
        how: Ending::Lost,
        draw: 0,
    });
    world.settle();
    assert_eq!(world.schedule.census(), Default::default());
}

/// How many jobs start between the arrival of one message and its own start, while others have 10,000 waiting.
#[track_caller]
fn overtakes(mut world: World, crowd: impl Fn(&World, u64) -> crate::schedule::Job) -> usize {
    world.slow_store = false;
    for manner in ["crowd.test", "one.test"] {
        world.set(manner, Manner::Hangs);
    }
    for message in 0..10_000 {
        let job = crowd(&world, message);
        world
            .manners
            .insert(Arc::clone(&job.next_hop), Manner::Hangs);
        world.accept(job);
    }
    world.settle();
    for _ in 0..50 {
        finish_one(&mut world);
    }
    let before = world.log.len();
    let one = world.job(99_999, 2, "one.test");
    world.accept(one);
    world.settle();
    for waited in 0..100 {
        if world.started()[before..].contains(&99_999) {
            return world.started()[before..]
                .iter()
                .position(|message| *message == 99_999)
                .unwrap()
                .max(waited);
        }
        finish_one(&mut world);
    }
    panic!("one message waits for 100 others");
}

#[test]
fn ten_thousand_messages_of_one_sender_do_not_delay_another_sender() {
    // Everybody writes to the same next hop, which is as busy as it may be.
    let waited = overtakes(World::new(rules(20, 3, 5)), |world, message| {
        let mut job = world.job(message, 1, "one.test");
        job.octets = 30_000;
        job
    });
    assert!(waited <= 1, "{waited}");
    // As many next hops as messages, and no connection is free.
    let waited = overtakes(World::new(rules(20, 3, 5)), |world, message| {
        world.job(message, 1, &format!("d{message}.test"))
    });
    assert!(waited <= 1, "{waited}");
}

#[test]
fn ten_thousand_messages_for_one_next_hop_do_not_delay_another_one() {
    // The sender is the same, and the next hop may have every connection.
    let waited = overtakes(World::new(rules(20, 3, 20)), |world, message| {
        world.job(message, 2, "crowd.test")
    });
    assert!(waited <= 1, "{waited}");
}

#[test]
fn a_message_at_the_end_of_a_long_queue_is_found_in_the_store() {
    let mut store = BTreeMap::new();
    let empty = World::new(Rules::default());
    for message in 0..5_000 {
        let job = empty.job(message, 1, "crowd.test");
        store.insert(job.key(), job);
    }
    let mut one = empty.job(5_000, 2, "one.test");
    one.due = at(0);
    store.insert(one.key(), one);
    let small = Rules {
        memory: 64,
        restart_most: seconds(0),
        ..rules(4, 2, 4)
    };
    let mut world = World::restarted(small, store);
    world.set("crowd.test", Manner::Hangs);
    world.settle();
    assert!(world.started().contains(&5_000), "{:?}", world.started());
    assert!(world.most_jobs <= 64, "{}", world.most_jobs);
}

#[test]
fn whoever_fills_the_memory_gives_way_to_others() {
    // Four senders fill it, each with its share.
    let mut world = World::new(Rules {
        memory: 16,
        kept: 2,
        ..rules(1, 1, 1)
    });
    for message in 0..40 {
        let job = world.job(message, message % 4, &format!("d{message}.test"));
        world
            .manners
            .insert(Arc::clone(&job.next_hop), Manner::Hangs);
        world.accept(job);
    }
    world.settle();
    assert_eq!(world.schedule.census().jobs, 16);
    world.accept(world.job(99, 9, "one.test"));
    assert_eq!(world.schedule.census().jobs, 16);
    finish_one(&mut world);
    assert!(world.started().len() <= 2);
    for _ in 0..4 {
        finish_one(&mut world);
    }
    assert!(world.started().contains(&99), "{:?}", world.started());
    // One sender fills the share of a next hop, and then one next hop the share of a sender.
    for (crowd, one) in [
        ((1, "a.test"), (2, "a.test")),
        ((1, "a.test"), (1, "b.test")),
    ] {
        let mut world = World::new(Rules {
            memory: 16,
            kept: 2,
            ..rules(1, 1, 1)
        });
        world.set("a.test", Manner::Hangs);
        for message in 0..40 {
            world.accept(world.job(message, crowd.0, crowd.1));
        }
        world.settle();
        world.accept(world.job(99, one.0, one.1));
        for _ in 0..2 {
            finish_one(&mut world);
        }
        assert!(world.started().contains(&99), "{:?}", world.started());
    }
}

#[test]
fn senders_take_turns_and_so_do_next_hops() {
    let mut world = World::new(rules(1, 1, 1));
    world.set("x.test", Manner::Hangs);
    world.accept(world.job(0, 9, "x.test"));
    world.settle();
    for (message, sender, name) in [
        (1, 1, "a.test"),
        (2, 1, "a.test"),
        (3, 1, "b.test"),
        (4, 2, "a.test"),
        (5, 2, "a.test"),
        (6, 3, "c.test"),
    ] {
        world.accept(world.job(message, sender, name));
    }
    finish_one(&mut world);
    assert_eq!(world.started()[1..], [1, 4, 6, 3, 5, 2]);
}

#[test]
fn large_letters_count_as_many_small_ones() {
    let mut world = World::new(rules(3, 3, 3));
    world.set("a.test", Manner::Hangs);
    world.prove("a.test");
    let mut large = world.job(1, 1, "a.test");
    large.octets = 20 << 20;
    world.accept(large);
    world.settle();
    for message in [2, 3] {
        world.accept(world.job(message, 2, "a.test"));
        world.settle();
    }
    // Two of sender 2 are running and one of sender 1; still it is the turn of sender 2.
    world.accept(world.job(4, 1, "a.test"));
    world.accept(world.job(5, 2, "a.test"));
    let small = *world.running.keys().last().unwrap();
    world.end(small, Ending::Finished { open: true }, Verdict::Delivered);
    world.settle();
    assert_eq!(world.started().get(3), Some(&5));
}

#[test]
fn ten_thousand_messages_to_a_dead_host_cost_flat_memory_and_slow_nobody() {
    let mut world = World::new(Rules::default());
    world.set("dead.test", Manner::Dead);
    for message in 0..10_000 {
        world.accept(world.job(message, message % 7, "dead.test"));
        if message % 100 == 0 {
            world.settle();
        }
    }
    world.settle();
    let census = world.schedule.census();
    assert!(census.jobs <= 8, "{census:?}");
    assert_eq!(world.schedule.census().failing, 1);
    let (tried, read) = (world.started().len(), world.read);
    assert!(tried <= 3, "{tried}");
    for message in 10_000..11_000 {
        world.accept(world.job(message, 1, "living.test"));
        world.settle();
        assert_eq!(world.started().last(), Some(&message));
    }
    assert_eq!(world.read, read, "nobody looks at the others meanwhile");
    // Within the first four hours it is tried a few times; nobody looks at the rest of the jobs but once.
    world.pass(seconds(3 * 3600));
    let tries = world.started().len() - tried - 1_000;
    assert!((4..=30).contains(&tries), "{tries}");
    assert!(
        world.read - read <= 2 * 10_000 + 100,
        "{}",
        world.read - read
    );
    assert!(world.schedule.census().jobs <= 8);
    // It comes back: everything goes, and quickly.
    world.set("dead.test", Manner::Takes);
    world.pass(seconds(2 * 3600));
    assert!(world.store.is_empty(), "{} left", world.store.len());
    assert_eq!(world.delivered.len(), 11_000);
}

#[test]
fn many_dead_hosts_are_known_only_as_far_as_there_is_memory() {
    let mut world = World::new(Rules {
        memory: 100,
        page: 10,
        ..Rules::default()
    });
    for message in 0..1_000 {
        let job = world.job(message, message, &format!("d{message}.test"));
        world
            .manners
            .insert(Arc::clone(&job.next_hop), Manner::Dead);
        world.accept(job);
        world.settle();
    }
    let census = world.schedule.census();
    assert!(census.failing <= 100, "{census:?}");
    assert!(census.jobs <= 110, "{census:?}");
    for manner in world.manners.values_mut() {
        *manner = Manner::Takes;
    }
    world.pass(seconds(6 * 3600));
    assert!(world.store.is_empty(), "{} left", world.store.len());
}

#[test]
fn what_waits_for_others_never_fills_the_memory() {
    let small = || Rules {
        memory: 16,
        kept: 2,
        ..rules(10, 1, 1)
    };
    // Many dead hosts, and many senders.
    let mut world = World::new(small());
    for message in 0..200 {
        let job = world.job(message, message, &format!("d{}.test", message / 2));
        world
            .manners
            .insert(Arc::clone(&job.next_hop), Manner::Dead);
        world.accept(job);
        world.settle();
    }
    world.accept(world.job(1_000, 1_000, "one.test"));
    world.settle();
    assert_eq!(world.started().last(), Some(&1_000));
    // A few slow hosts, and many senders.
    let mut world = World::new(small());
    for slow in 0..5 {
        world.prove(&format!("d{slow}.test"));
    }
    for message in 0..200 {
        let job = world.job(message, message, &format!("d{}.test", message % 5));
        world
            .manners
            .insert(Arc::clone(&job.next_hop), Manner::Hangs);
        world.accept(job);
        world.settle();
    }
    assert_eq!(world.schedule.census().jobs, 16);
    world.accept(world.job(1_000, 1_000, "one.test"));
    world.settle();
    assert_eq!(world.started().last(), Some(&1_000));
}

#[test]
fn a_stopped_account_is_warned_of_once_and_goes_on_tomorrow() {
    let mut world = World::new(Rules {
        recipients_per_day: Some(10),
        ..rules(2, 1, 1)
    });
    for message in 0..25 {
        world.accept(world.job(message, 1, &format!("d{message}.test")));
    }
    world.accept(world.job(100, 2, "a.test"));
    world.settle();
    let warned = |world: &World| {
        let warnings = world
            .log
            .iter()
            .filter(|did| matches!(did, Did::Warned(..)));
        warnings.cloned().collect::<Vec<_>>()
    };
    assert_eq!(warned(&world), [Did::Warned(account(1), 10)]);
    assert_eq!(world.started().len(), 11);
    assert!(world.schedule.is_stopped(&account(1)));
    world.accept(world.job(101, 1, "a.test"));
    world.accept(world.job(102, 2, "a.test"));
    world.pass(seconds(60));
    assert_eq!(world.started().len(), 12);
    // Somebody has looked, and it was right.
    world.handle(Event::Allowed(account(1)));
    world.pass(seconds(60));
    assert_eq!(world.started().len(), 22);
    world.pass(seconds(24 * 3600));
    assert_eq!(world.delivered.len(), 28);
    assert_eq!(warned(&world).len(), 2, "{:?}", warned(&world));
}

#[test]
fn a_higher_limit_lets_a_stopped_account_go_on_at_once() {
    let limited = |limit| Rules {
        recipients_per_day: limit,
        ..rules(2, 1, 1)
    };
    let mut world = World::new(limited(Some(10)));
    for message in 0..40 {
        world.accept(world.job(message, 1, &format!("d{message}.test")));
    }
    let mut started = vec![];
    // The same limit, a lower one, a higher one, and none.
    for limit in [Some(10), Some(5), Some(10), Some(25), None] {
        world.schedule.reload(world.now, limited(limit));
        world.pass(seconds(60));
        started.push(world.started().len());
        let warned = |did: &&Did| matches!(did, Did::Warned(..));
        let warnings = world.log.iter().filter(warned).count();
        assert_eq!(warnings, if started.len() < 4 { 1 } else { 2 }, "{limit:?}");
    }
    assert_eq!(started, [10, 10, 10, 25, 40]);
}

#[test]
fn what_was_sent_before_a_start_counts_and_retries_do_not() {
    let mut world = World::new(Rules {
        recipients_per_day: Some(10),
        ..Rules::default()
    });
    world.handle(Event::Counted {
        sender: account(1),
        recipients: 8,
    });
    for message in 0..2 {
        world.accept(world.job(message, 1, "a.test"));
    }
    let mut old = world.job(50, 1, "a.test");
    (old.attempts, old.recipients) = (1, (0..50).collect());
    world.accept(old);
    world.settle();
    assert_eq!(world.delivered.len(), 3, "{:?}", world.log);
    // Of an account that is stopped nothing goes out, not even what has been tried before.
    world.accept(world.job(2, 1, "a.test"));
    let mut old = world.job(51, 1, "a.test");
    old.attempts = 1;
    world.settle();
    world.accept(old);
    world.settle();
    assert!(world.schedule.is_stopped(&account(1)));
    assert_eq!(world.delivered.len(), 3, "{:?}", world.log);
    let mut sender_elsewhere = world.job(60, 1, "a.test");
    sender_elsewhere.sender =
        Arc::new(crate::schedule::Sender::Path("<a@b.test>".parse().unwrap()));
    sender_elsewhere.recipients = (0..50).collect();
    world.accept(sender_elsewhere);
    world.settle();
    assert_eq!(world.started().last(), Some(&60));
}

#[test]
fn a_message_that_no_day_has_room_for_takes_a_whole_one() {
    let mut world = World::new(Rules {
        recipients_per_day: Some(10),
        ..rules(2, 1, 1)
    });
    world.accept(world.job(1, 1, "a.test"));
    let mut large = world.job(2, 1, "b.test");
    large.recipients = (0..15).collect();
    world.accept(large);
    world.settle();
    assert_eq!(world.started(), [1]);
    world.pass(seconds(24 * 3600));
    assert_eq!(world.started(), [1, 2]);
    world.accept(world.job(3, 1, "a.test"));
    world.settle();
    assert_eq!(world.started(), [1, 2]);
    world.pass(seconds(24 * 3600));
    assert_eq!(world.started(), [1, 2, 3]);
}

#[test]
fn one_message_to_two_next_hops_is_two_jobs() {
    let mut world = World::new(Rules::default());
    world.set("dead.test", Manner::Dead);
    world.accept(world.job(1, 1, "dead.test"));
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    let delivered: Vec<JobKey> = world.delivered.iter().cloned().collect();
    assert_eq!(delivered, [world.job(1, 1, "a.test").key()]);
    assert_eq!(world.store.len(), 1);
}
