//! What opening the store found and did, in words for the log.

use std::fmt;
use std::time::Duration;

use crate::error::Low;

/// What was found and done when the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The data directory was new.
    pub created: bool,
    /// The last process stopped without closing the store.
    pub unclean: bool,
    /// Records read from the log because the index did not have them yet.
    pub replayed: u64,
    /// Octets behind the last whole record, left by an interrupted write that nobody had been told was done.
    pub torn: u64,
    /// Octets that the log itself says do not count: writes that failed or were interrupted earlier.
    pub void: u64,
    /// Places of the log that are not what had been written: segment, offset, octets.
    pub damaged: Vec<Damage>,
    /// Why the index was built from the log, if it was.
    pub rebuilt: Option<String>,
    /// Large bodies removed because no record ever named them.
    pub orphans: u64,
    /// Unfinished messages removed from `tmp`.
    pub leftovers: u64,
    /// New mail is refused until space returns.
    pub low: Option<Low>,
    /// How long all of it took.
    pub took: Duration,
}

/// A damaged place of the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Damage {
    /// Number of the segment.
    pub segment: u32,
    /// Where it begins.
    pub offset: u64,
    /// How far it goes.
    pub octets: u64,
}

impl Opened {
    /// One sentence for everything worth saying, the most ordinary first.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut say = Vec::new();
        if self.created {
            say.push("The data directory was new.".to_owned());
        }
        if self.unclean {
            say.push(
                "The last stop was not a clean one; the whole index is being checked.".to_owned(),
            );
        }
        if self.replayed > 0 {
            say.push(format!(
                "{} records of the log were replayed.",
                self.replayed
            ));
        }
        if self.torn > 0 {
            say.push(format!(
                "{} octets of an interrupted write, which nobody had been told was done, are ignored.",
                self.torn
            ));
        }
        if self.void > 0 {
            say.push(format!(
                "{} octets of writes that had failed or been interrupted earlier are ignored.",
                self.void
            ));
        }
        for place in &self.damaged {
            say.push(format!(
                "Segment {} is damaged at {}: {} octets are not what had been written; nothing else is affected.",
                place.segment, place.offset, place.octets
            ));
        }
        if let Some(why) = &self.rebuilt {
            say.push(format!("The index was built from the log: {why}."));
        }
        if self.orphans > 0 {
            say.push(format!(
                "{} large bodies that belong to no message were removed.",
                self.orphans
            ));
        }
        if self.leftovers > 0 {
            say.push(format!(
                "{} unfinished messages were removed from tmp.",
                self.leftovers
            ));
        }
        if let Some(low) = self.low {
            say.push(format!("New mail is refused for want of space: {low}."));
        }
        say
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = self.sentences();
        if say.is_empty() {
            return f.write_str("Everything was in order.");
        }
        f.write_str(&say.join(" "))
    }
}
