//! `tegami store compact`: gives back what removed messages take on the disk, at once.

use admin::{Errand, Parcel};
use anyhow::Result;
use clap::Args;
use mailstore::Compacted;

use super::carry::{Moving, carry};
use super::progress::Progress;
use crate::cli::account::unexpected;
use crate::cli::print_json;
use crate::cli::table::{counted, size};
use crate::config::Config;
use crate::terminal::print;

/// What can be typed.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Also where there is little to give back
    #[arg(long)]
    force: bool,

    /// Write JSON for programs instead of text for people
    #[arg(long)]
    json: bool,
}

/// Compacts, whether the server runs or not.
///
/// # Errors
/// Somebody holds the files, or the disk fails; what was done until then stands.
pub fn run(config: &Config, arguments: &Arguments) -> Result<()> {
    let force = arguments.force;
    let (moving, _) = carry(config, &Errand::Compact { force })?;
    let Moving { mut carrier, here } = moving;
    let progress = Progress::count("Compacting", 0);
    let mut last = Compacted::default();
    loop {
        match carrier.receive()? {
            Parcel::Compacted(done) => {
                progress.of(done.looked_at, done.segments);
                last = done;
            }
            Parcel::End => break,
            Parcel::Refused(refusal) => return Err(refusal.into()),
            Parcel::Letter(_)
            | Parcel::Octets(_)
            | Parcel::Complete
            | Parcel::Taken(_)
            | Parcel::Undeleted(_) => {
                return Err(unexpected());
            }
        }
    }
    drop((progress, carrier, here));
    if arguments.json {
        return print_json(&last);
    }
    print(&describe(&last))
}

fn describe(done: &Compacted) -> String {
    let mut said = if done.removed == 0 && done.no_room == 0 {
        "Nothing is worth it: what removed messages take is little (--force gives that back, too), or they are still \
        kept for undelete."
            .to_owned()
    } else {
        format!(
            "{} removed, {} given back; {} moved.",
            counted(done.removed, "file"),
            size(done.freed),
            size(done.moved)
        )
    };
    if done.no_room > 0 {
        said.push_str(&format!(
            "\nNot all of it: {} that are still needed would have to be moved first, and there is no room for them.",
            size(done.no_room)
        ));
    }
    if done.damaged > 0 {
        said.push_str(&format!(
            "\n{} left alone because of damage: `tegami store verify` says what is hit.",
            counted(done.damaged, "segment")
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_said_and_what_was_left_alone() {
        let done = Compacted {
            segments: 3,
            looked_at: 3,
            removed: 2,
            freed: 70_000_000,
            moved: 1_500_000,
            damaged: 1,
            no_room: 37_000_000,
        };
        assert_eq!(
            describe(&done),
            "2 files removed, 70.0 MB given back; 1.5 MB moved.\n\
            Not all of it: 37.0 MB that are still needed would have to be moved first, and there is no room for them.\n\
            1 segment left alone because of damage: `tegami store verify` says what is hit."
        );
        assert!(describe(&Compacted::default()).starts_with("Nothing is worth it"));
    }
}
