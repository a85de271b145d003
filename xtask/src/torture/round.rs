//! The books of the rounds: what was acknowledged so far, what is there now, and the table that says so.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use super::load;
use crate::mailload::{Mailload, Report};
use crate::server::Running;

/// Fetching everything over POP3.
const VERIFY: Duration = Duration::from_secs(300);

/// What one round found.
pub struct Outcome {
    how: &'static str,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    changed: u64,
    came_back: u64,
    recovery: Duration,
}

impl Outcome {
    /// Ends everything at the first message that is not as it must be: what is on the disk then is the evidence.
    fn judge(self, words: &str) -> Result<Self> {
        if self.lost + self.doubled + self.changed + self.came_back > 0 {
            bail!("mail was lost, doubled or changed, or deleted mail came back:\n{words}");
        }
        Ok(self)
    }
}

/// What was acknowledged since the maildrops were last emptied.
pub struct Ledger<'a> {
    mailload: &'a Mailload,
    place: &'a Path,
    files: Vec<PathBuf>,
    /// Rounds whose last, unacknowledged messages may be there.
    rounds: u32,
    acknowledged: u64,
}

impl<'a> Ledger<'a> {
    /// Empty books; reports go to `place`.
    pub fn new(mailload: &'a Mailload, place: &'a Path) -> Self {
        Self {
            mailload,
            place,
            files: Vec::new(),
            rounds: 0,
            acknowledged: 0,
        }
    }

    /// Enters what the senders of one round saw acknowledged.
    ///
    /// # Errors
    /// When their files cannot be read.
    pub fn sent(&mut self, files: Vec<PathBuf>) -> Result<()> {
        self.acknowledged = 0;
        for file in files {
            self.acknowledged += fs::read_to_string(&file)?.lines().count() as u64;
            self.files.push(file);
        }
        self.rounds += 1;
        Ok(())
    }

    /// Fetches all mail and compares; with `clear`, deletes it too. Prints the round's line.
    ///
    /// # Errors
    /// When the maildrops cannot be read, or anything is wrong with them.
    pub fn verify(
        &mut self,
        how: &'static str,
        number: u32,
        server: &Running,
        clear: bool,
    ) -> Result<Outcome> {
        let report = self.fetch(server, &self.files, clear)?;
        let unacknowledged = count(&report, "unacked_delivered")?;
        let outcome = Outcome {
            how,
            acknowledged: self.acknowledged,
            lost: count(&report, "missing")?,
            doubled: count(&report, "duplicate")?,
            changed: count(&report, "body_changed")? + count(&report, "header_changed")?,
            // A sender that never saw its acknowledgement may find the message delivered; more than there were
            // senders can only be mail that was deleted before.
            came_back: unacknowledged.saturating_sub(u64::from(load::CONNECTIONS * self.rounds)),
            recovery: server.took(),
        };
        print_row(&number.to_string(), &outcome);
        if clear {
            self.files.clear();
            self.rounds = 0;
        }
        outcome.judge(&report.words)
    }

    /// Fetches once more after everything was deleted: nothing may be there.
    ///
    /// # Errors
    /// When the maildrops cannot be read, or anything is there.
    pub fn expect_empty(self, how: &'static str, server: &Running) -> Result<Outcome> {
        let none = self.place.join("none.acked");
        File::create(&none)?;
        let report = self.fetch(server, &[none], false)?;
        let outcome = Outcome {
            how,
            acknowledged: 0,
            lost: 0,
            doubled: 0,
            changed: 0,
            came_back: count(&report, "retrieved")?,
            recovery: server.took(),
        };
        print_row("last", &outcome);
        outcome.judge(&report.words)
    }

    fn fetch(&self, server: &Running, files: &[PathBuf], delete: bool) -> Result<Report> {
        let address = server.address("pop3s")?.to_string();
        let users = load::USERS.to_string();
        let mut arguments = vec![
            "verify",
            "--addr",
            &address,
            "--tls",
            "--users",
            &users,
            "--password",
            load::PASSWORD,
        ];
        for file in files {
            arguments.extend(["--acked", file.to_str().unwrap_or_default()]);
        }
        if delete {
            arguments.push("--delete");
        }
        let report = self.mailload.run(&arguments, self.place, VERIFY)?;
        if count(&report, "errors")? > 0 {
            bail!("some maildrops could not be read:\n{}", report.words);
        }
        Ok(report)
    }
}

/// The table's first lines.
pub fn print_head() {
    println!(
        "round  how        acknowledged  lost  doubled  changed  came back  ready again after"
    );
    println!(
        "-----  ---------  ------------  ----  -------  -------  ---------  -----------------"
    );
}

fn print_row(number: &str, outcome: &Outcome) {
    println!(
        "{number:>5}  {:<9}  {:>12}  {:>4}  {:>7}  {:>7}  {:>9}  {:>15.2} s",
        outcome.how,
        outcome.acknowledged,
        outcome.lost,
        outcome.doubled,
        outcome.changed,
        outcome.came_back,
        outcome.recovery.as_secs_f64()
    );
}

/// The last word over all rounds.
pub fn print_sum(outcomes: &[Outcome]) {
    let acknowledged: u64 = outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    let slowest = outcomes
        .iter()
        .map(|outcome| outcome.recovery)
        .max()
        .unwrap_or_default();
    println!(
        "{acknowledged} acknowledged messages, each there once and unchanged; slowest start {:.2} s",
        slowest.as_secs_f64()
    );
}

fn count(report: &Report, name: &str) -> Result<u64> {
    let number = report.number(name)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the report's counts are whole, and far below 2^53"
    )]
    Ok(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lost: u64, doubled: u64, changed: u64, came_back: u64, good: bool) {
        let outcome = Outcome {
            how: "SIGKILL",
            acknowledged: 10,
            lost,
            doubled,
            changed,
            came_back,
            recovery: Duration::ZERO,
        };
        assert_eq!(outcome.judge("").is_ok(), good);
    }

    #[test]
    fn any_wrong_message_ends_the_run() {
        check(0, 0, 0, 0, true);
        check(1, 0, 0, 0, false);
        check(0, 1, 0, 0, false);
        check(0, 0, 1, 0, false);
        check(0, 0, 0, 1, false);
    }
}
