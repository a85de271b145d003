//! The store against a simple model of it, with a fault at every write, sync, creation and opening there is.
//!
//! One scenario is a list of steps made from a seed. It runs once without a fault to count the operations of the disk,
//! then once for every operation and each kind of fault. After every step, and with all bodies after every start, the
//! store must say exactly what the model says:
//!
//! * what was answered with success is there, once, byte for byte, under the UIDL it had;
//! * what was answered with an error is not there, and never comes;
//! * what was not answered, because the process ended, is there as a whole or not at all;
//! * what was removed never comes back, counters are what listings add up to, both also after compaction, and when
//!   the index is made anew from nothing but the log, which is tried after every start;
//! * what was removed can be brought back, once, until its time is over;
//! * the queue holds what was put into it and has not left it, as it was said last; what becomes of a message and a report
//!   about that come together or not at all;
//! * once nothing removed is kept any longer, the log is at most half as large again as what is in it, and a segment.

mod scenario;
mod world;

use std::io::ErrorKind;

use crate::disk::simulated::Fault;
use scenario::{Step, queue_scenario, scenario};
use world::World;

/// Runs a scenario; gives the number of disk operations it took.
fn run(seed: u64, steps: &[Step], fault: Option<(u64, Fault)>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, fault);
        world.start().await;
        for step in steps {
            world.take(step).await;
        }
        let operations = world.operations();
        world.finish().await;
        operations
    })
}

#[track_caller]
fn check(seeds: std::ops::Range<u64>, fault: Fault) {
    check_all(seeds, scenario, fault);
}

/// The same with mail for elsewhere.
#[track_caller]
fn check_queue(seeds: std::ops::Range<u64>, fault: Fault) {
    check_all(seeds, queue_scenario, fault);
}

#[track_caller]
fn check_all(seeds: std::ops::Range<u64>, scenario: fn(u64) -> Vec<Step>, fault: Fault) {
    for seed in seeds {
        let steps = scenario(seed);
        let operations = run(seed, &steps, None);
        assert!(
            operations > 60,
            "a scenario without much happening: {operations}"
        );
        for at in 1..=operations {
            let context = format!("seed {seed}, {fault:?} at operation {at} of {operations}");
            let result = std::panic::catch_unwind(|| run(seed, &steps, Some((at, fault))));
            assert!(result.is_ok(), "{context}");
        }
    }
}

#[test]
fn keeps_its_word_when_the_power_goes_at_any_operation() {
    check(0..2, Fault::PowerCut);
}

#[test]
fn keeps_its_word_when_any_operation_fails() {
    check(4..6, Fault::Errors(ErrorKind::Other, 1));
}

#[test]
fn keeps_its_word_when_the_disk_is_full_for_a_while() {
    check(7..8, Fault::Errors(ErrorKind::StorageFull, 5));
}

#[test]
fn keeps_its_word_about_the_queue_when_the_power_goes_at_any_operation() {
    check_queue(0..2, Fault::PowerCut);
}

#[test]
fn keeps_its_word_about_the_queue_when_any_operation_fails() {
    check_queue(4..5, Fault::Errors(ErrorKind::Other, 1));
}

#[test]
fn keeps_its_word_about_the_queue_when_the_disk_is_full_for_a_while() {
    check_queue(7..8, Fault::Errors(ErrorKind::StorageFull, 5));
}

/// Minutes, so it is for `cargo xtask torture`.
#[test]
#[ignore = "takes many minutes"]
fn keeps_its_word_in_many_more_scenarios() {
    check(100..105, Fault::PowerCut);
    check(200..210, Fault::Errors(ErrorKind::Other, 1));
    check(300..302, Fault::Errors(ErrorKind::StorageFull, 5));
    check_queue(100..110, Fault::PowerCut);
    check_queue(200..210, Fault::Errors(ErrorKind::Other, 1));
    check_queue(300..305, Fault::Errors(ErrorKind::StorageFull, 5));
}
