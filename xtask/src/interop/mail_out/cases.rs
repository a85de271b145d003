//! The cases: each is tried by itself, and what came of it is a row of a table.

mod inward;
mod on_demand;
mod outward;
mod promises;
mod trouble;
mod ways;

use std::time::Instant;

use anyhow::Result;

use super::lab::Lab;
use crate::interop::Options;

/// One of them.
pub struct Case {
    /// With whom.
    pub peer: &'static str,
    /// What is tried.
    pub feature: &'static str,
    /// Tries it; what was seen, in a few words.
    pub run: fn(&Lab) -> Result<String>,
    /// Only with `--all`: it takes long.
    pub long: bool,
}

impl Case {
    const fn short(
        peer: &'static str,
        feature: &'static str,
        run: fn(&Lab) -> Result<String>,
    ) -> Self {
        Self {
            peer,
            feature,
            run,
            long: false,
        }
    }

    const fn long(
        peer: &'static str,
        feature: &'static str,
        run: fn(&Lab) -> Result<String>,
    ) -> Self {
        Self {
            peer,
            feature,
            run,
            long: true,
        }
    }
}

/// Tries them, prints the table, and gives how many failed.
///
/// # Errors
/// None by now; what fails is a row.
pub fn run(lab: &mut Lab, options: &Options) -> Result<usize> {
    let cases = inward::CASES
        .iter()
        .chain(&outward::CASES)
        .chain(&promises::CASES)
        .chain(&ways::CASES)
        .chain(&trouble::CASES)
        .chain(&on_demand::CASES);
    let mut table = Vec::new();
    let mut failed = 0;
    for case in cases {
        let wanted = options.case.is_empty()
            || options
                .case
                .iter()
                .any(|word| case.feature.contains(word.as_str()) || case.peer == word);
        if !wanted || (case.long && !options.all) {
            continue;
        }
        let begun = Instant::now();
        let result = match (case.run)(lab) {
            Ok(seen) => seen,
            Err(error) => {
                failed += 1;
                println!("{}, {}: {error:#}", case.peer, case.feature);
                "FAILED".to_owned()
            }
        };
        let row = format!(
            "{:<10}  {:<44}  {:>5.1} s  {result}",
            case.peer,
            case.feature,
            begun.elapsed().as_secs_f64()
        );
        println!("{row}");
        table.push(row);
    }
    println!(
        "\n{:<10}  {:<44}  {:>7}  result\n{}",
        "peer",
        "feature",
        "time",
        table.join("\n")
    );
    Ok(failed)
}
