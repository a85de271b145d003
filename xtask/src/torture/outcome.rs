//! The table of what came of it: one row for each kind of torture, for people and as JSON.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::books::Verdict;

/// One kind of torture.
pub struct Row {
    /// What was done to the server.
    pub kind: &'static str,
    rounds: u32,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    changed: u64,
    recoveries: Vec<Duration>,
}

impl Row {
    /// Before the first round.
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            rounds: 0,
            acknowledged: 0,
            lost: 0,
            doubled: 0,
            changed: 0,
            recoveries: Vec::new(),
        }
    }

    /// One more round is over.
    pub fn round(&mut self) {
        self.rounds += 1;
    }

    /// So many more letters were acknowledged.
    pub fn acknowledged(&mut self, more: u64) {
        self.acknowledged += more;
    }

    /// The server was of use again after so long.
    pub fn recovered(&mut self, after: Duration) {
        self.recoveries.push(after);
    }

    /// Enters what a look found.
    ///
    /// # Errors
    /// At the first message that is not as it must be: what is on the disk then is the evidence.
    pub fn judge(&mut self, verdict: Verdict) -> Result<()> {
        self.lost += verdict.lost;
        self.doubled += verdict.doubled;
        self.changed += verdict.changed;
        if verdict.is_clean() {
            return Ok(());
        }
        bail!(
            "{} lost, {} doubled, {} changed:\n{}",
            verdict.lost,
            verdict.doubled,
            verdict.changed,
            verdict.words.join("\n")
        );
    }

    fn median(&self) -> Option<Duration> {
        let mut sorted = self.recoveries.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    fn worst(&self) -> Option<Duration> {
        self.recoveries.iter().max().copied()
    }

    /// For programs; times in seconds.
    pub fn to_json(&self) -> Value {
        json!({
            "kind": self.kind,
            "rounds": self.rounds,
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "doubled": self.doubled,
            "changed": self.changed,
            "recover_median": self.median().map(|time| time.as_secs_f64()),
            "recover_worst": self.worst().map(|time| time.as_secs_f64()),
        })
    }
}

/// The table's first lines.
pub const HEAD: &str = "\
kind         rounds  acknowledged  lost  doubled  changed  time to recover (median / worst)
-----------  ------  ------------  ----  -------  -------  --------------------------------";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = match (self.median(), self.worst()) {
            (Some(median), Some(worst)) => {
                format!(
                    "{:.2} s / {:.2} s",
                    median.as_secs_f64(),
                    worst.as_secs_f64()
                )
            }
            (None, _) | (_, None) => "-".to_owned(),
        };
        write!(
            f,
            "{:<11}  {:>6}  {:>12}  {:>4}  {:>7}  {:>7}  {time:>32}",
            self.kind, self.rounds, self.acknowledged, self.lost, self.doubled, self.changed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lost: u64, doubled: u64, changed: u64, good: bool) {
        let mut row = Row::new("SIGKILL");
        let verdict = Verdict {
            lost,
            doubled,
            changed,
            words: Vec::new(),
        };
        assert_eq!(row.judge(verdict).is_ok(), good);
        assert_eq!(row.to_json()["lost"], lost);
    }

    #[test]
    fn any_wrong_message_ends_the_run() {
        check(0, 0, 0, true);
        check(1, 0, 0, false);
        check(0, 1, 0, false);
        check(0, 0, 1, false);
    }

    #[test]
    fn a_row_stands_below_its_heading() {
        let mut row = Row::new("power cut");
        row.round();
        row.acknowledged(1234);
        for after in [100, 300, 200] {
            row.recovered(Duration::from_millis(after));
        }
        let line = row.to_string();
        assert!(line.ends_with("0.20 s / 0.30 s"), "{line}");
        assert_eq!(line.len(), HEAD.lines().next().unwrap().len());
    }
}
