//! A small disk, filled with mail and freed again and again, while one server runs on it.
//!
//! Full means: new mail is refused with 452 4.3.1, reading and deleting go on. In some rounds not even the server's own
//! reserve is left, so that every write fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::disk::Disk;
use super::letter::Sizes;
use super::load::Load;
use super::outcome::Row;
use super::smtp::{Answer, Sender};
use super::trial::Trial;
use crate::server::Running;
use crate::workspace;

/// The largest message taken: the reserve is one segment of 64 MiB and one and a half of it.
const MESSAGE: &str = "4MB";
/// What mail may take before the disk counts as full.
const ROOM: u64 = 12 << 20;
/// The disk: the reserve twice over, the index, the file system's own.
const DISK: u64 = 320 << 20;
/// Every this many rounds nothing at all is left.
const NOTHING_LEFT_EVERY: u32 = 5;
/// Every this many rounds nobody asks for compaction.
const UNASKED_EVERY: u32 = 10;
/// How long filling and freeing may take: compaction looks around every minute.
const PATIENCE: Duration = Duration::from_secs(150);
/// What a full disk is answered with.
const FULL: &str = "452 4.3.1";

/// Fills the disk and frees it `rounds` times.
///
/// # Errors
/// When a full disk is answered otherwise, reading or deleting fails, mail does not flow again, or the books are not met.
pub fn run(binary: &Path, rounds: u32, row: &mut Row) -> Result<()> {
    let place = workspace::fresh("torture/small")?;
    let disk = Disk::create(&place, DISK)?;
    disk.mount()?;
    let data = disk.mount_point().join("data");
    let mut trial = Trial::new(binary, &place, &data, Sizes::Middling)?;
    trial.site = trial.site.with("TEGAMI_SMTP__MAX_MESSAGE_SIZE", MESSAGE);
    let server = trial.site.start()?;
    let ballast = Ballast(disk.mount_point().join("ballast"));
    for number in 1..=rounds {
        fill(&trial, &server, &ballast).with_context(|| format!("filling, round {number}"))?;
        let before = ballast.size()?;
        press(&trial, &ballast)?;
        while_full(&trial, &server).with_context(|| format!("full, round {number}"))?;
        if number.is_multiple_of(NOTHING_LEFT_EVERY) {
            without_reserve(&trial, &server, &ballast)
                .with_context(|| format!("nothing left, round {number}"))?;
        }
        ballast.shrink(before)?;
        let begun = Instant::now();
        let asked = !number.is_multiple_of(UNASKED_EVERY);
        free(&trial, &server, asked).with_context(|| format!("freeing, round {number}"))?;
        let load = Load::start(&server, &trial.books).context("after the disk was freed")?;
        let recovered = begun.elapsed();
        let seen = load.finish();
        row.judge(seen.wrong())?;
        row.judge(trial.look(&server)?)?;
        row.round();
        row.recovered(recovered);
        let acknowledged = trial.books.newly_acknowledged();
        row.acknowledged(acknowledged);
        println!(
            "fill {number}: {acknowledged} acknowledged, mail flows again after {:.2} s",
            recovered.as_secs_f64()
        );
    }
    trial.verify()?;
    server.stop()?;
    trial.verify()?;
    let server = trial.site.start()?;
    row.judge(trial.look(&server)?)
        .context("after the next start")?;
    server.stop()?;
    disk.unmount()?;
    drop(disk);
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// Leaves only a little above the reserve, and sends until the server refuses.
fn fill(trial: &Trial, server: &Running, ballast: &Ballast) -> Result<()> {
    let facts = Facts::of(trial)?;
    ballast.take(facts.free.saturating_sub(facts.reserve + ROOM))?;
    let load = Load::start(server, &trial.books)?;
    let deadline = Instant::now() + PATIENCE;
    while load.seen().refusals().is_empty() {
        if Instant::now() >= deadline {
            bail!("the disk does not get full");
        }
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200));
    let seen = load.finish();
    let refusals = seen.refusals();
    if let Some(other) = refusals.keys().find(|reply| !reply.starts_with(FULL)) {
        bail!("a full disk was answered {other}");
    }
    let wrong = seen.wrong();
    if !wrong.is_clean() {
        bail!("reading while the disk gets full: {:?}", wrong.words);
    }
    Ok(())
}

/// Takes half of the reserve: compaction may have made room again since the last letter was refused.
fn press(trial: &Trial, ballast: &Ballast) -> Result<()> {
    let facts = Facts::of(trial)?;
    ballast.take(facts.free.saturating_sub(facts.reserve / 2))
}

/// What must go on while the disk is full, and what must not.
fn while_full(trial: &Trial, server: &Running) -> Result<()> {
    let answer = Sender::connect(server.address("smtp")?)?.deliver(&trial.books)?;
    if !matches!(&answer, Answer::Refused("MAIL", reply) if reply.starts_with(FULL)) {
        bail!("new mail was answered {answer:?}");
    }
    let verdict = trial.look(server)?;
    if !verdict.is_clean() {
        bail!("reading: {:?}", verdict.words);
    }
    Ok(())
}

/// Takes the reserve away, too. What cannot be written down then fails, and works again as soon as the reserve is back.
fn without_reserve(trial: &Trial, server: &Running, ballast: &Ballast) -> Result<()> {
    let before = ballast.size()?;
    ballast.take(u64::MAX)?;
    while_full(trial, server)?;
    // A removal may still fit into what the last block has left; the books know both.
    let _either = trial.clear(server);
    ballast.shrink(before)?;
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = trial.clear(server) {
        if Instant::now() >= deadline {
            return Err(error.context("deleting does not work again"));
        }
        thread::sleep(Duration::from_millis(100));
    }
    let verdict = trial.look(server)?;
    if !verdict.is_clean() {
        bail!("afterwards: {:?}", verdict.words);
    }
    Ok(())
}

/// Gives space back: all mail is removed, and compaction does the rest, by itself or asked to.
fn free(trial: &Trial, server: &Running, asked: bool) -> Result<()> {
    trial.clear(server)?;
    if asked {
        let ended = trial.store("compact")?;
        if !ended.well {
            bail!("`tegami store compact` did not succeed: {}", ended.words);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let facts = trial.store("stats")?;
        if facts.said["takes_mail"] == true {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!(
                "no mail is taken {} s after all was removed: {}",
                PATIENCE.as_secs(),
                facts.said
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// What the server says of its disk.
struct Facts {
    free: u64,
    reserve: u64,
}

impl Facts {
    fn of(trial: &Trial) -> Result<Self> {
        let said = trial.store("stats")?;
        let number = |name: &str| {
            let number = said.said[name].as_u64();
            number.with_context(|| format!("no {name} in {}", said.words))
        };
        Ok(Self {
            free: number("free")?,
            reserve: number("reserve")?,
        })
    }
}

/// A file that takes space.
struct Ballast(PathBuf);

impl Ballast {
    /// Makes it so much larger, as far as there is room.
    fn take(&self, mut octets: u64) -> Result<()> {
        let file = File::options().create(true).append(true).open(&self.0)?;
        let mut step: u64 = 64 << 20;
        while octets >= 4096 && step >= 4096 {
            let more = step.min(octets);
            let size = file.metadata()?.len();
            match fallocate(&file, FallocateFlags::empty(), size, more) {
                Ok(()) => octets -= more,
                Err(Errno::NOSPC) => step /= 2,
                Err(error) => return Err(error).context("taking space"),
            }
        }
        Ok(())
    }

    fn size(&self) -> Result<u64> {
        Ok(fs::metadata(&self.0)?.len())
    }

    fn shrink(&self, octets: u64) -> Result<()> {
        let file = File::options().write(true).open(&self.0)?;
        file.set_len(octets).context("giving space back")
    }
}
