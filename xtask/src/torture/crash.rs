//! Crashes under load: SIGKILL, and the power of the disk cut; and the control, which must lose mail.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::compacting::Compacting;
use super::disk::Disk;
use super::letter::Sizes;
use super::load::{Load, between};
use super::outcome::Row;
use super::trial::Trial;
use crate::server::Running;
use crate::workspace;

/// Rounds on one store; then a new one is begun, so that neither stays what it always was.
const SERIES: u32 = 25;
/// Every this many rounds all mail is deleted by POP3.
const CLEAR_EVERY: u32 = 4;
/// Every this many rounds the server is killed once more while it recovers.
const KILL_RECOVERY_EVERY: u32 = 5;
/// Room for a series on the disk whose power is cut; its file is sparse.
const DISK: u64 = 12 << 30;

/// Runs every system call that asks for durability as one that does nothing and succeeds: a seccomp filter, kept over
/// execve, that answers them with error 0. The numbers are those of x86-64 and of the generic table.
const WITHOUT_SYNC: &str = "import ctypes, os, platform, struct, sys
calls = {'x86_64': (74, 75, 162, 306, 277), 'aarch64': (82, 83, 81, 267, 84)}[platform.machine()]
code = [struct.pack('HBBI', 0x20, 0, 0, 0)]
for n, call in enumerate(calls):
    code.append(struct.pack('HBBI', 0x15, len(calls) - n, 0, call))
code.append(struct.pack('HBBI', 0x06, 0, 0, 0x7fff0000))
code.append(struct.pack('HBBI', 0x06, 0, 0, 0x00050000))
filters = ctypes.create_string_buffer(b''.join(code))
program = struct.pack('HxxxxxxP', len(code), ctypes.addressof(filters))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0):
    sys.exit('no seccomp: ' + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])";

/// Rounds of load that end with SIGKILL, each after at most `longest` milliseconds.
///
/// # Errors
/// When anything acknowledged is lost, doubled or changed, or a round cannot be run.
pub fn kills(binary: &Path, rounds: u32, longest: u64, row: &mut Row) -> Result<()> {
    let mut compacted = 0;
    for first in (1..=rounds).step_by(SERIES as usize) {
        let place = workspace::fresh("torture/kills")?;
        let trial = Trial::new(binary, &place, &place.join("data"), Sizes::Mixed)?;
        let mut server = trial.site.start()?;
        for number in first..=rounds.min(first + SERIES - 1) {
            let load = Load::start(&server, &trial.books)?;
            let compacting = Compacting::start(&trial);
            thread::sleep(between(50, longest));
            compacted += compacting.finish()?;
            server.kill()?;
            let seen = load.finish();
            row.judge(seen.wrong())?;
            if number.is_multiple_of(KILL_RECOVERY_EVERY) {
                trial.site.start_and_kill(between(1, 60))?;
            }
            server = after_the_crash(&trial, number, row)?;
        }
        finish(&trial, server, row)?;
        fs::remove_dir_all(&place)?;
    }
    println!(
        "{}: the log was compacted {compacted} times meanwhile",
        row.kind
    );
    Ok(())
}

/// Rounds of load that end with the power of the disk cut, each after at most `longest` milliseconds.
///
/// # Errors
/// As [`kills`].
pub fn power_cuts(binary: &Path, rounds: u32, longest: u64, row: &mut Row) -> Result<()> {
    let mut compacted = 0;
    for first in (1..=rounds).step_by(SERIES as usize) {
        let place = workspace::fresh("torture/power")?;
        let disk = Disk::create(&place, DISK)?;
        disk.mount()?;
        let data = disk.mount_point().join("data");
        let trial = Trial::new(binary, &place, &data, Sizes::Mixed)?;
        let mut server = trial.site.start()?;
        for number in first..=rounds.min(first + SERIES - 1) {
            let load = Load::start(&server, &trial.books)?;
            let compacting = Compacting::start(&trial);
            thread::sleep(between(300, longest));
            compacted += compacting.finish()?;
            cut(&disk, server, number.is_multiple_of(2))?;
            let seen = load.finish();
            row.judge(seen.wrong())?;
            server = after_the_crash(&trial, number, row)?;
        }
        finish(&trial, server, row)?;
        disk.unmount()?;
        drop(disk);
        fs::remove_dir_all(&place)?;
    }
    println!(
        "{}: the log was compacted {compacted} times meanwhile",
        row.kind
    );
    Ok(())
}

/// Power cuts of a server whose syncs do nothing: a test that this does not fail proves nothing.
///
/// # Errors
/// When nothing was lost, or a round cannot be run.
pub fn control(binary: &Path, rounds: u32) -> Result<()> {
    let mut told = 0;
    for number in 1..=rounds {
        let place = workspace::fresh("torture/control")?;
        let disk = Disk::create(&place, DISK)?;
        disk.mount()?;
        let data = disk.mount_point().join("data");
        let mut trial = Trial::new(binary, &place, &data, Sizes::Mixed)?;
        trial.site.start()?.stop()?;
        trial.site = trial.site.through(&["python3", "-c", WITHOUT_SYNC]);
        let server = trial.site.start()?;
        let load = Load::start(&server, &trial.books)?;
        thread::sleep(between(300, 3000));
        cut(&disk, server, false)?;
        load.finish();
        let acknowledged = trial.books.newly_acknowledged();
        let verdict = trial.site.start().and_then(|server| trial.look(&server));
        match verdict {
            Ok(verdict) => {
                told += u32::from(verdict.lost > 0);
                println!(
                    "control {number}: {acknowledged} acknowledged, {} copies lost, {} doubled, {} changed",
                    verdict.lost, verdict.doubled, verdict.changed
                );
                for words in verdict.words.iter().take(2) {
                    println!("  {words}");
                }
            }
            Err(error) => {
                told += u32::from(acknowledged > 0);
                println!(
                    "control {number}: {acknowledged} acknowledged, and no mail to be had: {error:#}"
                );
            }
        }
        disk.unmount()?;
        drop(disk);
        fs::remove_dir_all(&place)?;
    }
    if told == 0 {
        bail!(
            "a server that syncs nothing lost nothing in {rounds} power cuts: they prove nothing"
        );
    }
    println!(
        "without its syncs the server lost mail in {told} of {rounds} power cuts, as it has to"
    );
    Ok(())
}

/// Starts the server again and asks both questions.
fn after_the_crash(trial: &Trial, number: u32, row: &mut Row) -> Result<Running> {
    let acknowledged = trial.books.newly_acknowledged();
    row.acknowledged(acknowledged);
    let server = trial.site.start()?;
    row.round();
    row.recovered(server.took());
    println!(
        "{} {number}: {acknowledged} acknowledged, ready again after {:.2} s",
        row.kind,
        server.took().as_secs_f64()
    );
    trial.verify()?;
    row.judge(trial.look(&server)?)?;
    if number.is_multiple_of(CLEAR_EVERY) {
        trial.clear(&server)?;
    }
    Ok(server)
}

/// The last look at a store: everything is deleted, then one more crash; every maildrop must be empty.
fn finish(trial: &Trial, server: Running, row: &mut Row) -> Result<()> {
    trial.clear(&server)?;
    server.kill()?;
    let server = trial.site.start()?;
    row.judge(trial.look(&server)?)?;
    server.stop()?;
    trial.verify().context("after the clean stop")
}

/// Cuts the power and brings the disk back with what it kept.
///
/// In one round server and disk end at one instant, as when the plug is pulled; in the next the server outlives
/// its disk for a moment. That is harder: an fdatasync that is under way when ext4 is shut down may succeed and
/// keep nothing (Linux 6.18), and the server must not believe it.
///
/// # Errors
/// When the kernel refuses.
pub fn cut(disk: &Disk, server: Running, outlives: bool) -> Result<()> {
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
