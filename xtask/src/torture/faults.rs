//! Faults of the disk, put into the running server's system calls by strace: each once, now and then, and for a while
//! without end; while it serves, and while it starts.
//!
//! `write` itself is left alone: what counts is written by position (pwritev, pwrite64), and sockets, the log for people
//! and the threads' own signals are not disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::letter::Sizes;
use super::load::Load;
use super::outcome::Row;
use super::pop3::Reader;
use super::trial::Trial;
use crate::server::Running;
use crate::{process, workspace};

/// What syncs, writes and opens.
const CALLS: [&str; 5] = ["fdatasync", "fsync", "pwritev", "pwrite64", "openat"];
/// How they fail: the disk, for want of room (or of inodes, where a file is made), and read-only as from one moment on.
const ERRORS: [&str; 3] = ["EIO", "ENOSPC", "EROFS"];
/// Which of a thread's calls fail: strace's `when`.
const TIMES: [&str; 4] = ["1", "4", "2+5", "1+"];
/// Slow syncs, in microseconds, up to what makes a person think that it hangs.
const SLOW: [&str; 2] = ["50000", "1500000"];

/// How long a fault may wait for its call.
const HIT: Duration = Duration::from_secs(20);
/// How soon mail has to flow again once they are over, without a restart.
const WELL: Duration = Duration::from_secs(20);
/// How long strace may take to begin or to let go.
const STRACE: Duration = Duration::from_secs(10);
/// Installing strace.
const INSTALL: Duration = Duration::from_secs(120);
/// How many faults are put into one store.
const SERIES: usize = 10;

/// How many faults are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every call, every error, every time.
    All,
    /// Each call once, and a slow sync.
    OneOfEach,
}

impl Extent {
    /// How long faults go on.
    fn faulty(self) -> Duration {
        match self {
            Self::All => Duration::from_millis(1500),
            Self::OneOfEach => Duration::from_millis(500),
        }
    }
}

struct Fault {
    call: &'static str,
    /// What strace does to the call.
    action: String,
}

impl Fault {
    fn name(&self) -> String {
        format!("{}:{}", self.call, self.action)
    }
}

fn all(extent: Extent, times: &[&str]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, call) in CALLS.into_iter().enumerate() {
        for error in ERRORS {
            for when in times {
                let action = format!("error={error}:when={when}");
                faults.push((number, Fault { call, action }));
            }
        }
    }
    if extent == Extent::OneOfEach {
        // Of each call another one, so that they differ in error and time as well.
        let each = ERRORS.len() * times.len();
        let kept = |at: usize, number: usize| at % each == (number * 3) % each;
        let few = faults.into_iter().enumerate();
        return few
            .filter(|(at, (number, _))| kept(*at, *number))
            .map(|(_, (_, fault))| fault)
            .collect();
    }
    faults.into_iter().map(|(_, fault)| fault).collect()
}

fn slow(extent: Extent) -> impl Iterator<Item = Fault> {
    let some = if extent == Extent::All { SLOW.len() } else { 1 };
    SLOW.into_iter().take(some).map(|delay| Fault {
        call: "fdatasync",
        action: format!("delay_exit={delay}"),
    })
}

/// Puts every fault into a server under load, and then some into its starts.
///
/// # Errors
/// When anything acknowledged is lost, doubled or changed, the server does not recover by itself, or strace is missing
/// and cannot be installed.
pub fn run(binary: &Path, extent: Extent, row: &mut Row) -> Result<()> {
    install()?;
    let faults: Vec<Fault> = all(extent, &TIMES)
        .into_iter()
        .chain(slow(extent))
        .collect();
    for some in faults.chunks(SERIES) {
        let place = workspace::fresh("torture/faults")?;
        let trial = Trial::new(binary, &place, &place.join("data"), Sizes::Mixed)?;
        let mut server = trial.site.start()?;
        for fault in some {
            server = under_load(&trial, server, fault, extent.faulty(), row)
                .with_context(|| fault.name())?;
        }
        server.stop()?;
        fs::remove_dir_all(&place)?;
    }
    let place = workspace::fresh("torture/faults")?;
    let mut trial = Trial::new(binary, &place, &place.join("data"), Sizes::Mixed)?;
    let server = trial.site.start()?;
    let load = Load::start(&server, &trial.books)?;
    load.acknowledges(100, WELL);
    load.finish();
    server.kill()?;
    for fault in all(extent, &["1", "2", "5"]) {
        // The dynamic linker opens files before the server is one.
        if fault.call != "openat" {
            while_starting(&mut trial, &fault, row)
                .with_context(|| format!("starting, {}", fault.name()))?;
        }
    }
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// One fault into a server that serves. It has to go on, refuse plainly, and take mail again when the fault is over.
fn under_load(
    trial: &Trial,
    server: Running,
    fault: &Fault,
    faulty: Duration,
    row: &mut Row,
) -> Result<Running> {
    let load = Load::start(&server, &trial.books)?;
    let strace = Strace::attach(&server, fault, trial.site.directory())?;
    let injected = strace.work(faulty)?;
    strace.detach()?;
    let over = Instant::now();
    if !load.acknowledges(1, WELL) {
        bail!(
            "no mail is taken {} s after the fault; refusals: {:?}",
            WELL.as_secs(),
            load.seen().refusals()
        );
    }
    let seen = load.finish();
    // The index may have to be built anew, and its reader waits for that.
    Reader::login(server.address("pop3")?, 0)
        .and_then(Reader::quit)
        .context("no maildrop is opened after the fault")?;
    let recovered = over.elapsed();
    row.round();
    row.recovered(recovered);
    let acknowledged = trial.books.newly_acknowledged();
    row.acknowledged(acknowledged);
    let refusals = seen.refusals();
    println!(
        "fault {}: hit {injected} times, {acknowledged} acknowledged, refusals {refusals:?}, all well again after {:.2} s",
        fault.name(),
        recovered.as_secs_f64()
    );
    if let Some(hard) = refusals.keys().find(|reply| !reply.starts_with('4')) {
        bail!("a fault of the disk was answered {hard}: the sender would give up");
    }
    row.judge(seen.wrong())?;
    row.judge(trial.look(&server)?)?;
    trial.verify()?;
    server.stop()?;
    trial.verify().context("after the stop")?;
    let server = trial.site.start()?;
    row.judge(trial.look(&server)?)
        .context("after the next start")?;
    trial.clear(&server)?;
    Ok(server)
}

/// One fault into a start: it gets ready all the same, or ends and says why; the next one is as if nothing had been.
fn while_starting(trial: &mut Trial, fault: &Fault, row: &mut Row) -> Result<()> {
    let inject = format!("inject={}", fault.name());
    let trace = format!("trace={}", fault.call);
    // -D: the tracer is nobody's parent, so that the process we start is the server.
    let words = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let faulty = trial.site.clone().through(&words);
    match faulty.start() {
        Ok(server) => {
            println!(
                "start with {}: ready after {:.2} s",
                fault.name(),
                server.took().as_secs_f64()
            );
            server.kill()?;
        }
        Err(error) => {
            let words = format!("{error:#}");
            let last = words.lines().last().unwrap_or_default();
            println!("start with {}: refused: {last}", fault.name());
            if !words.contains("ended with exit status") {
                bail!("it neither got ready nor ended by itself: {words}");
            }
        }
    }
    let server = trial.site.start()?;
    row.round();
    row.recovered(server.took());
    trial.verify()?;
    row.judge(trial.look(&server)?)?;
    server.stop()
}

/// strace at work on a running server. Dropped, it is killed, which lets go of the server.
struct Strace {
    child: Child,
    said: PathBuf,
}

impl Strace {
    fn attach(server: &Running, fault: &Fault, place: &Path) -> Result<Self> {
        let said = place.join("strace.log");
        let notes = place.join("strace.err");
        let child = Command::new("strace")
            .args(["-f", "-e", &format!("trace={}", fault.call)])
            .args(["-e", &format!("inject={}", fault.name())])
            .arg("-o")
            .arg(&said)
            .args(["-p", &server.pid().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&notes)?)
            .spawn()
            .context("cannot start strace")?;
        let strace = Self { child, said };
        let deadline = Instant::now() + STRACE;
        while !fs::read_to_string(&notes)?.contains("attached") {
            if Instant::now() >= deadline {
                bail!("strace does not attach: {}", fs::read_to_string(&notes)?);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(strace)
    }

    /// Waits for so long, and until something was hit; says how often.
    fn work(&self, long: Duration) -> Result<usize> {
        let begun = Instant::now();
        loop {
            thread::sleep(Duration::from_millis(50));
            let said = fs::read(&self.said)?;
            let said = String::from_utf8_lossy(&said);
            let hits = said.matches("(INJECTED)").count() + said.matches("(DELAYED)").count();
            if hits > 0 && begun.elapsed() >= long {
                return Ok(hits);
            }
            if begun.elapsed() >= long + HIT {
                bail!("the server never came to the call that was to fail");
            }
        }
    }

    /// Lets go of the server.
    fn detach(mut self) -> Result<()> {
        process::signal(self.child.id(), Signal::TERM);
        process::wait(&mut self.child, STRACE).context("strace")?;
        Ok(())
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _nothing_left_to_do = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}

/// Installs strace from Debian where it is missing.
pub fn install() -> Result<()> {
    let there = || {
        process::capture(Command::new("strace").arg("--version"), STRACE)
            .is_ok_and(|done| done.status.success())
    };
    if there() {
        return Ok(());
    }
    println!("installing strace");
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "strace"]);
    if !process::follow(&mut install, INSTALL)? || !there() {
        bail!("faults need strace: install it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_few_are_one_of_each_call() {
        let few = all(Extent::OneOfEach, &TIMES);
        let calls: Vec<&str> = few.iter().map(|fault| fault.call).collect();
        assert_eq!(calls, CALLS);
        assert_eq!(all(Extent::All, &TIMES).len(), 60);
    }
}
