//! `tegami store verify`: reads everything, says what is wrong, changes nothing.

use std::ops::ControlFlow;
use std::path::Path;

use admin::{Client, Request, Response};
use anyhow::Result;
use mailstore::{Examination, Examined, is_backup, verify_backup};

use super::progress::Progress;
use super::reach::reach;
use crate::cli::print_json;
use crate::cli::report::Stuck;
use crate::cli::table::{counted, pairs, size};
use crate::terminal::print;

/// Examines the store, or a copy of one, and shows what it found.
///
/// # Errors
/// Something is wrong with the store, or it could not be examined.
pub fn run(data_dir: &Path, json: bool) -> Result<()> {
    let remedy = if is_backup(data_dir) {
        // What was cut off would look like a write that nobody had been told of; the backup's own list knows better.
        let progress = Progress::octets("Comparing", 0);
        verify_backup(data_dir, &mut |step| {
            progress.of(step.done, step.total);
            ControlFlow::Continue(())
        })?;
        "it was so when the backup was made: use an older one, or restore it and run `tegami store repair` there"
    } else {
        "stop the server and run `tegami store repair`; nothing has been changed so far"
    };
    let reached = reach(data_dir)?;
    let examination = Examination::of(data_dir, reached.end)?;
    let progress = Progress::octets("Reading", examination.octets());
    let mut examined = examination.run(reached.census(), &mut |octets| progress.reached(octets))?;
    drop(progress);
    let places = examined.places();
    if reached.census().is_some() && !places.is_empty() {
        // Where the head of a record is destroyed, only the server's index knows whose it was.
        let client = Client::connect(data_dir)?;
        let answer = client.map(|client| client.ask(&Request::Placed { places }));
        if let Some(Ok(Response::Placed(listed))) = answer.transpose()? {
            examined.name(listed);
        }
    }
    reached.check()?;
    if json {
        print_json(&examined)?;
    } else {
        print(&describe(&examined))?;
    }
    match examined.findings.len() as u64 {
        0 => match &examined.unfinished {
            Some(why) => Err(unfinished(why).into()),
            None => Ok(()),
        },
        wrong => Err(Stuck::new(
            format!("the store is not in order: {}", counted(wrong, "finding")),
            remedy,
        )
        .into()),
    }
}

/// Nothing wrong was found in what could be examined, and that was not all.
pub fn unfinished(why: &str) -> Stuck {
    Stuck::new(
        format!("not all has been examined: {why}"),
        "make room there, or name another directory: TMPDIR=/large/disk tegami store ...",
    )
}

/// Figures, then what is harmless, then what is wrong.
pub fn describe(examined: &Examined) -> String {
    let mut rows = vec![
        (
            "Log",
            format!(
                "{} in {}, up to segment {} at {}",
                counted(examined.records, "record"),
                counted(examined.segments, "segment"),
                examined.end.segment,
                examined.end.offset
            ),
        ),
        (
            "Mail",
            format!(
                "{}, {}",
                counted(examined.messages, "message"),
                size(examined.octets)
            ),
        ),
    ];
    if examined.queued > 0 {
        let queued = counted(examined.queued, "message");
        rows.push((
            "Queue",
            format!("{queued}, {}", size(examined.queued_octets)),
        ));
    }
    rows.extend(
        harmless(examined)
            .into_iter()
            .map(|what| ("Harmless", what)),
    );
    let mut text = pairs(rows);
    match &examined.unfinished {
        Some(why) => text.push_str(&format!("\nNOT EXAMINED: {why}")),
        None if examined.findings.is_empty() => text.push_str("\nEverything is in order."),
        None => {}
    }
    for finding in &examined.findings {
        text.push_str(&format!("\nWRONG: {finding}"));
        for hit in finding.messages() {
            text.push_str(&format!("\n  {hit}"));
        }
    }
    text
}

fn harmless(examined: &Examined) -> Vec<String> {
    let mut say = Vec::new();
    let mut some = |number: u64, what: &str| {
        if number > 0 {
            say.push(format!("{number} {what}"));
        }
    };
    some(
        examined.torn,
        "octets of a write that was interrupted before anybody was told that it was done",
    );
    some(
        examined.void,
        "octets of writes that had failed or been interrupted earlier",
    );
    some(
        examined.idle_bodies,
        "large bodies whose messages have been removed",
    );
    some(
        examined.leftovers,
        "large bodies of interrupted deliveries, which the next start removes",
    );
    for place in &examined.set_aside {
        say.push(format!(
            "segment {} at {}: {} damaged octets, in the quarantine since a repair; they hit no message",
            place.segment, place.offset, place.octets
        ));
    }
    if let Some(why) = &examined.index_not_compared {
        say.push(format!("the index was not compared: {why}"));
    }
    say
}
