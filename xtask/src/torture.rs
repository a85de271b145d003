//! `cargo xtask torture`: does anything acknowledged get lost? Kills the server under load, cuts the power of the disk
//! under it, makes its system calls fail, fills its disk and damages its files, then reads over POP3 what is there.
//!
//! It brings its own load and keeps books of it outside the server. The first wrong message ends it, with everything
//! left in place below `target/xtask/torture`.

mod backups;
mod books;
mod compacting;
mod crash;
mod damage;
mod disk;
mod faults;
mod letter;
mod load;
mod outcome;
mod pop3;
mod queue;
mod small_disk;
mod smtp;
mod trial;
pub mod wire;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use crate::binary;
use faults::Extent;
use outcome::Row;

/// Accounts the load is spread over.
const USERS: u32 = 12;
/// Their password.
const PASSWORD: &str = "correct horse battery";

/// What to do to the server. Where nothing is named, some of everything is done.
#[derive(clap::Args, Default)]
pub struct Options {
    /// The server to torture; built first where none is named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Rounds of load that end with SIGKILL.
    #[arg(long, value_name = "ROUNDS")]
    kills: Option<u32>,
    /// Rounds of load that end with a power cut of a loop-mounted ext4. They need root.
    #[arg(long, value_name = "ROUNDS")]
    power_cuts: Option<u32>,
    /// Put errors and delays into system calls with strace.
    #[arg(long)]
    faults: bool,
    /// Let every system call of a backup fail once.
    #[arg(long)]
    backups: bool,
    /// Fill a small loop-mounted ext4 and free it again. Needs root.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "50")]
    small_disk: Option<u32>,
    /// Rounds of mail that passes through the queue, each ended by SIGKILL, and a third as many by a power cut (as root).
    #[arg(long, value_name = "ROUNDS", num_args = 0..=1, default_missing_value = "30")]
    queue: Option<u32>,
    /// Flip bits and cut files short, each in a copy of a small store.
    #[arg(long, value_name = "CASES", num_args = 0..=1, default_missing_value = "300")]
    damage: Option<u32>,
    /// Makes the cases of `--damage` those of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// Cut the power of a server whose syncs do nothing: succeeds only if that loses mail.
    #[arg(long)]
    control: bool,
    /// A little of everything, within a minute.
    #[arg(long, conflicts_with_all = ["kills", "power_cuts", "faults", "backups", "small_disk", "queue", "damage", "control"])]
    short: bool,
    /// Also write the table there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    /// A little of everything.
    pub fn short() -> Self {
        Self {
            short: true,
            ..Self::default()
        }
    }
}

/// How much of each is done.
struct Plan {
    kills: u32,
    power_cuts: u32,
    faults: Option<Extent>,
    backups: Option<Extent>,
    fills: u32,
    queue: u32,
    damage: u32,
    control: u32,
    /// How long the load lasts before a crash, at most, in milliseconds.
    longest: u64,
}

impl Plan {
    /// What CI does.
    const SHORT: Self = Self {
        kills: 3,
        power_cuts: 2,
        faults: Some(Extent::OneOfEach),
        backups: Some(Extent::OneOfEach),
        fills: 1,
        queue: 3,
        damage: 4,
        control: 0,
        longest: 800,
    };
    const SOME: Self = Self {
        kills: 20,
        power_cuts: 10,
        faults: Some(Extent::All),
        backups: Some(Extent::All),
        fills: 5,
        queue: 12,
        damage: 100,
        control: 3,
        longest: 1200,
    };

    fn of(options: &Options) -> Self {
        if options.short {
            return Self::SHORT;
        }
        let named = Self {
            kills: options.kills.unwrap_or(0),
            power_cuts: options.power_cuts.unwrap_or(0),
            faults: options.faults.then_some(Extent::All),
            backups: options.backups.then_some(Extent::All),
            fills: options.small_disk.unwrap_or(0),
            queue: options.queue.unwrap_or(0),
            damage: options.damage.unwrap_or(0),
            control: if options.control {
                Self::SOME.control
            } else {
                0
            },
            longest: Self::SOME.longest,
        };
        let nothing = named.kills
            + named.power_cuts
            + named.fills
            + named.queue
            + named.damage
            + named.control
            == 0;
        if nothing && named.faults.is_none() && named.backups.is_none() {
            Self::SOME
        } else {
            named
        }
    }
}

/// Runs all and prints the table.
///
/// # Errors
/// When anything acknowledged was lost, doubled or changed, or what was planned could not be done.
pub fn run(options: &Options) -> Result<()> {
    let plan = Plan::of(options);
    if plan.power_cuts + plan.fills + plan.queue + plan.control > 0 {
        disk::check_privileges()?;
    }
    let binary = binary::release(options.binary.as_deref())?;
    let mut rows = Vec::new();
    let done = torture(&plan, &binary, options.seed, &mut rows);
    if !rows.is_empty() {
        println!("\n{}", outcome::HEAD);
        rows.iter().for_each(|row| println!("{row}"));
    }
    if let Some(path) = &options.json {
        let rows: Vec<_> = rows.iter().map(Row::to_json).collect();
        let text =
            serde_json::to_string_pretty(&json!({ "passed": done.is_ok(), "torture": rows }))?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    done
}

fn torture(plan: &Plan, binary: &Path, seed: Option<u64>, rows: &mut Vec<Row>) -> Result<()> {
    let mut row = |kind: &'static str, run: &dyn Fn(&mut Row) -> Result<()>| {
        let mut row = Row::new(kind);
        let done = run(&mut row).context(kind);
        rows.push(row);
        done
    };
    if plan.kills > 0 {
        row("SIGKILL", &|row| {
            crash::kills(binary, plan.kills, plan.longest, row)
        })?;
    }
    if plan.power_cuts > 0 {
        row("power cut", &|row| {
            crash::power_cuts(binary, plan.power_cuts, plan.longest, row)
        })?;
    }
    if let Some(extent) = plan.faults {
        row("fault", &|row| faults::run(binary, extent, row))?;
    }
    if let Some(extent) = plan.backups {
        row("backup fault", &|row| backups::run(binary, extent, row))?;
    }
    if plan.fills > 0 {
        row("small disk", &|row| {
            small_disk::run(binary, plan.fills, row)
        })?;
    }
    if plan.queue > 0 {
        row("queue kill", &|row| {
            queue::kills(binary, plan.queue, plan.longest, row)
        })?;
        row("queue power", &|row| {
            queue::power_cuts(binary, plan.queue.div_ceil(3), plan.longest, row)
        })?;
    }
    if plan.damage > 0 {
        row("damage", &|row| damage::run(binary, plan.damage, seed, row))?;
    }
    if plan.control > 0 {
        crash::control(binary, plan.control).context("control")?;
    }
    Ok(())
}

fn address(user: u32) -> String {
    format!("user{user}@example.test")
}

/// Whose address it is.
fn user(address: &str) -> Option<u32> {
    let name = address.strip_suffix("@example.test")?;
    name.strip_prefix("user")?.parse().ok()
}
