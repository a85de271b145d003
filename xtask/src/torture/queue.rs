//! Mail that passes through: taken in, kept in the queue, sent on to another server, while this one is killed or its
//! disk loses its power again and again.
//!
//! A ledger outside knows what was acknowledged and what arrived there. Everything acknowledged arrives, as it was sent; and
//! once more only when a crash came between the other server's answer and the record of it: at most once for each crash.

mod ledger;
mod sink;
mod traffic;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::crash;
use super::disk::Disk;
use super::letter::Sizes;
use super::load::between;
use super::outcome::Row;
use super::trial::Trial;
use crate::server::Running;
use crate::workspace;
use ledger::Ledger;
use sink::Sink;
use traffic::Traffic;

/// Every this many rounds everything is waited for; else the next crash finds a full queue.
const DRAIN_EVERY: u32 = 4;
/// How long the queue may take to run dry.
const DRY: Duration = Duration::from_secs(120);
/// How long the last start is watched for what is sent again.
const AGAIN: Duration = Duration::from_secs(3);
/// Room for the disk whose power is cut; its file is sparse.
const DISK: u64 = 12 << 30;

/// Rounds that end with SIGKILL.
///
/// # Errors
/// When anything acknowledged does not arrive, arrives changed or too often, or a round cannot be run.
pub fn kills(binary: &Path, rounds: u32, longest: u64, row: &mut Row) -> Result<()> {
    let place = workspace::fresh("torture/queue-kills")?;
    let mut passage = Passage::begin(binary, &place, &place.join("data"))?;
    let mut server = passage.trial.site.start()?;
    for number in 1..=rounds {
        let traffic = passage.traffic(&server)?;
        thread::sleep(between(50, longest));
        server.kill()?;
        drop(traffic);
        server = passage.after_the_crash(number, rounds, row)?;
    }
    passage.finish(server, row)?;
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// Rounds that end with the power of the disk cut.
///
/// # Errors
/// As [`kills`].
pub fn power_cuts(binary: &Path, rounds: u32, longest: u64, row: &mut Row) -> Result<()> {
    let place = workspace::fresh("torture/queue-power")?;
    let disk = Disk::create(&place, DISK)?;
    disk.mount()?;
    let mut passage = Passage::begin(binary, &place, &disk.mount_point().join("data"))?;
    let mut server = passage.trial.site.start()?;
    for number in 1..=rounds {
        let traffic = passage.traffic(&server)?;
        thread::sleep(between(300, longest));
        crash::cut(&disk, server, number.is_multiple_of(2))?;
        drop(traffic);
        server = passage.after_the_crash(number, rounds, row)?;
    }
    passage.finish(server, row)?;
    disk.unmount()?;
    drop(disk);
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// A server that sends everything on, the one it sends to, and the ledger of both.
struct Passage {
    trial: Trial,
    ledger: Arc<Ledger>,
    _sink: Sink,
}

impl Passage {
    fn begin(binary: &Path, place: &Path, data: &Path) -> Result<Self> {
        let ledger = Arc::new(Ledger::default());
        let sink = Sink::start(Arc::clone(&ledger))?;
        let mut trial = Trial::new(binary, place, data, Sizes::Mixed)?;
        let smarthost = sink.address().to_string();
        trial.site = trial
            .site
            .with("TEGAMI_RELAY__SMARTHOST", &smarthost)
            .with("TEGAMI_RELAY__SMARTHOST_TLS", "none")
            .with("TEGAMI_RELAY__NETWORKS", "[\"127.0.0.0/8\"]")
            .with("TEGAMI_RELAY__RETRY", "[\"1s\"]")
            .with("TEGAMI_RELAY__RECIPIENTS_PER_DAY", "off");
        Ok(Self {
            trial,
            ledger,
            _sink: sink,
        })
    }

    fn traffic(&self, server: &Running) -> Result<Traffic> {
        Traffic::start(server.address("smtp")?, &self.ledger)
    }

    /// Starts the server again, with a store in order, and from time to time waits until all has arrived.
    fn after_the_crash(&mut self, number: u32, rounds: u32, row: &mut Row) -> Result<Running> {
        self.ledger.crashed();
        let acknowledged = self.ledger.newly_acknowledged();
        row.acknowledged(acknowledged);
        let server = self.trial.site.start()?;
        row.round();
        row.recovered(server.took());
        self.trial.verify()?;
        if number.is_multiple_of(DRAIN_EVERY) || number == rounds {
            self.drain()?;
        }
        row.judge(self.ledger.verdict(false))?;
        println!(
            "{} {number}: {acknowledged} acknowledged, {} waiting, {} came twice, ready again after {:.2} s",
            row.kind,
            self.ledger.waiting(),
            self.ledger.twice(),
            server.took().as_secs_f64()
        );
        Ok(server)
    }

    fn drain(&self) -> Result<()> {
        let deadline = Instant::now() + DRY;
        while self.ledger.waiting() > 0 {
            if Instant::now() >= deadline {
                bail!(
                    "{} s after the last crash {} acknowledged copies have not arrived: {}",
                    DRY.as_secs(),
                    self.ledger.waiting(),
                    self.ledger.verdict(true).words.join("; ")
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Everything has arrived; a clean stop and one more start bring nothing again.
    fn finish(&self, server: Running, row: &mut Row) -> Result<()> {
        self.drain()?;
        server.stop()?;
        self.trial.verify().context("after the clean stop")?;
        // What came again now, without a crash, would count as doubled.
        let server = self.trial.site.start()?;
        thread::sleep(AGAIN);
        server.stop()?;
        row.judge(self.ledger.verdict(true))?;
        println!(
            "{}: {} copies arrived, {} of them once more after a crash",
            row.kind,
            self.ledger.arrived(),
            self.ledger.twice()
        );
        Ok(())
    }
}
