//! `cargo xtask torture`: does anything acknowledged get lost? Kills the server under load, and cuts the power of the
//! disk under it, then counts over POP3 what is there.
//!
//! The first wrong message ends it, with everything left in place below `target/xtask/torture`.
//!
//! Whether a message is the one that was sent is the load generator's judgement (hash and id of each); what to do to the
//! server, and when, is decided here.

mod disk;
mod load;
mod round;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::mailload::Mailload;
use crate::server::{Running, Site, numbered_accounts};
use crate::{binary, workspace};
use disk::Disk;
use load::{Load, between};
use round::{Ledger, Outcome};

/// Every this many rounds all mail is deleted by POP3, so that removals are put to the test too.
const CLEAR_EVERY: u32 = 4;
/// Every this many rounds the server is killed once more while it recovers.
const KILL_RECOVERY_EVERY: u32 = 5;

/// What to do to the server.
#[derive(clap::Args)]
pub struct Options {
    /// Directory of the load generator mailload (its build, or its sources with a release build).
    #[arg(long, env = "MAILLOAD", value_name = "DIR")]
    mailload: Option<PathBuf>,
    /// The server to torture; built first where none is named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Rounds of load that end with SIGKILL; 0 leaves them out.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Rounds of load that end with a power cut of a loop-mounted ext4; 0 leaves them out. They need root.
    #[arg(long, default_value_t = 5)]
    power_cuts: u32,
}

/// Runs all rounds and prints their table.
///
/// # Errors
/// When anything acknowledged was lost, doubled or changed, deleted mail came back, or a round could not be run.
pub fn run(options: &Options) -> Result<()> {
    let mailload = Mailload::find(options.mailload.as_deref())?;
    if options.power_cuts > 0 {
        disk::check_privileges()?;
    }
    let binary = binary::release(options.binary.as_deref())?;
    let mut outcomes = Vec::new();
    round::print_head();
    if options.kills > 0 {
        let place = workspace::fresh("torture/kills")?;
        let data = place.join("data");
        let torture = Torture::new(mailload.clone(), &binary, place.clone(), data)?;
        outcomes.extend(torture.kills(options.kills).context("SIGKILL rounds")?);
        fs::remove_dir_all(&place)?;
    }
    if options.power_cuts > 0 {
        let place = workspace::fresh("torture/power")?;
        let disk = Disk::create(&place)?;
        let data = disk.mount_point().join("data");
        let torture = Torture::new(mailload, &binary, place.clone(), data)?;
        outcomes.extend(
            torture
                .power_cuts(options.power_cuts, &disk)
                .context("power cuts")?,
        );
        drop(disk);
        fs::remove_dir_all(&place)?;
    }
    round::print_sum(&outcomes);
    Ok(())
}

struct Torture {
    mailload: Mailload,
    place: PathBuf,
    site: Site,
}

impl Torture {
    fn new(
        mailload: Mailload,
        binary: &std::path::Path,
        place: PathBuf,
        data: PathBuf,
    ) -> Result<Self> {
        let accounts = numbered_accounts(&place, load::USERS, load::PASSWORD)?;
        let site = Site::create(binary, &place, &data, Some(&accounts))?;
        Ok(Self {
            mailload,
            place,
            site,
        })
    }

    fn kills(&self, rounds: u32) -> Result<Vec<Outcome>> {
        let mut ledger = Ledger::new(&self.mailload, &self.place);
        let mut outcomes = Vec::new();
        let mut server = self.site.start()?;
        for number in 1..=rounds {
            let load = Load::start(&self.mailload, &server, &self.place, number)?;
            thread::sleep(between(50, 2500));
            server.kill()?;
            ledger.sent(load.finish()?)?;
            if number.is_multiple_of(KILL_RECOVERY_EVERY) {
                self.site.start_and_kill(between(1, 60))?;
            }
            server = self.site.start()?;
            let clear = number.is_multiple_of(CLEAR_EVERY) || number == rounds;
            outcomes.push(ledger.verify("SIGKILL", number, &server, clear)?);
        }
        server.kill()?;
        outcomes.push(self.nothing_came_back(ledger, "SIGKILL")?);
        Ok(outcomes)
    }

    fn power_cuts(&self, rounds: u32, disk: &Disk) -> Result<Vec<Outcome>> {
        let mut ledger = Ledger::new(&self.mailload, &self.place);
        let mut outcomes = Vec::new();
        disk.mount()?;
        let mut server = self.site.start()?;
        for number in 1..=rounds {
            let load = Load::start(&self.mailload, &server, &self.place, number)?;
            thread::sleep(between(300, 3000));
            Self::cut(disk, server, number.is_multiple_of(2))?;
            ledger.sent(load.finish()?)?;
            server = self.site.start()?;
            let clear = number.is_multiple_of(CLEAR_EVERY) || number == rounds;
            outcomes.push(ledger.verify("power cut", number, &server, clear)?);
        }
        Self::cut(disk, server, false)?;
        outcomes.push(self.nothing_came_back(ledger, "power cut")?);
        disk.unmount()?;
        Ok(outcomes)
    }

    /// Cuts the power and brings the disk back with what it kept.
    ///
    /// In one round server and disk end at one instant, as when the plug is pulled; in the next the server outlives
    /// its disk for a moment. That is harder: an fdatasync that is under way when ext4 is shut down may succeed and
    /// keep nothing (Linux 6.18), and the server must not believe it.
    fn cut(disk: &Disk, server: Running, outlives: bool) -> Result<()> {
        if outlives {
            disk.cut()?;
            thread::sleep(Duration::from_millis(300));
        } else {
            server.freeze()?;
            disk.cut()?;
        }
        server.kill()?;
        disk.unmount()?;
        disk.mount()
    }

    /// The last look, after everything was deleted and one more crash: every maildrop must be empty.
    fn nothing_came_back(&self, ledger: Ledger<'_>, how: &'static str) -> Result<Outcome> {
        let server = self.site.start()?;
        let outcome = ledger.expect_empty(how, &server)?;
        server.stop()?;
        Ok(outcome)
    }
}
