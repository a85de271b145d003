//! `cargo xtask fuzz`: builds the fuzz targets in `fuzz/` and runs each for a while, over what was committed of its
//! corpus and what earlier runs found.
//!
//! It is no part of CI: what ten minutes find is luck, and the build takes its own. A finding is kept where the table
//! says; mended, it becomes a unit test or a dialogue.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, Finished};
use crate::workspace;

/// Building everything with instrumentation, or cargo-fuzz itself.
const BUILD: Duration = Duration::from_secs(30 * 60);
/// What a run may take beyond its time: reading the corpus, and reporting.
const BEYOND: Duration = Duration::from_secs(120);
/// A target that takes more memory than this has a finding.
const MEMORY_MIB: u32 = 1024;
/// An input that takes more seconds than this is one.
const PATIENCE: u32 = 20;
/// Inputs larger than this are not kept in the repository.
const SMALL: u64 = 1024;
/// Inputs of one target that are.
const KEPT: usize = 200;
/// How the names of those begin that were findings.
const FOUND: &str = "found-";
/// The longest inputs, in octets: what is cut into pieces is played several times, and short inputs say more.
const LONGEST: [(&str, u32); 5] = [
    ("files", 2048),
    ("folders", 1500),
    ("intake", 1500),
    ("smtp", 1500),
    ("segment", 1500),
];
/// The longest inputs of the others.
const USUALLY_LONGEST: u32 = 1024;

/// What to run, and for how long.
#[derive(clap::Args)]
pub struct Options {
    /// How long each target runs.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Targets that run at the same time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Puts the smallest inputs that cover the same into the committed corpora afterwards.
    #[arg(long)]
    keep: bool,
    /// The targets; all, if none is named.
    targets: Vec<String>,
}

/// Builds, runs, prints the table.
///
/// # Errors
/// When something cannot be built, a target is not known, or there is a finding.
pub fn run(options: &Options) -> Result<()> {
    let fuzz = Fuzz::new();
    let all = fuzz.targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown:?}, only {}", all.join(", "));
    }
    let targets = if options.targets.is_empty() {
        all
    } else {
        options.targets.clone()
    };
    install()?;
    for target in &targets {
        // One after the other: they share nearly everything, and linking all of them at once takes memory.
        fuzz.build(target)?;
    }
    let mut reports = Vec::new();
    for group in targets.chunks(usize::try_from(options.jobs).unwrap_or(1)) {
        println!("{} for {} s", group.join(", "), options.seconds);
        let run = |target: &String| fuzz.run(target, options.seconds);
        reports.extend(at_once(group, &run)?);
    }
    println!("\n{}", table(&reports));
    let findings = reports
        .iter()
        .filter(|report| report.finding.is_some())
        .count();
    if findings > 0 {
        bail!("{findings} of {} targets found something", reports.len());
    }
    if options.keep {
        for target in &targets {
            fuzz.keep(target)?;
        }
    }
    Ok(())
}

/// Runs each of a group in a thread of its own, and waits for all of them.
fn at_once<T: Send>(
    targets: &[String],
    run: &(impl Fn(&String) -> Result<T> + Sync),
) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = targets
            .iter()
            .map(|target| scope.spawn(|| run(target)))
            .collect();
        let mut done = Vec::new();
        for thread in running {
            match thread.join() {
                Ok(report) => done.push(report?),
                Err(_) => bail!("the thread of a target panicked"),
            }
        }
        Ok(done)
    })
}

/// cargo-fuzz, where it is missing.
fn install() -> Result<()> {
    let asked = process::capture(Command::new("cargo").args(["fuzz", "--version"]), BEYOND)?;
    if asked.status.success() {
        return Ok(());
    }
    println!("installing cargo-fuzz");
    let mut command = Command::new("cargo");
    command.args(["install", "--locked", "cargo-fuzz"]);
    if !process::follow(&mut command, BUILD)? {
        bail!("cargo-fuzz is missing and could not be installed");
    }
    Ok(())
}

/// Where everything is.
struct Fuzz {
    /// The sources, with the committed corpora.
    home: PathBuf,
    /// What runs find, kept from one to the next.
    found: PathBuf,
}

impl Fuzz {
    fn new() -> Self {
        let home = workspace::root().join("fuzz");
        let found = home.join("target").join("found");
        Self { home, found }
    }

    /// A target is a file in `fuzz/targets`.
    fn targets(&self) -> Result<Vec<String>> {
        let place = self.home.join("targets");
        let mut names = Vec::new();
        for entry in fs::read_dir(&place).with_context(|| place.display().to_string())? {
            let path = entry?.path();
            names.extend(
                path.file_stem()
                    .and_then(|name| Some(name.to_str()?.to_owned())),
            );
        }
        names.sort();
        Ok(names)
    }

    /// With assertions and overflow checks. No sanitizer: none of our code is unsafe, and without one the stable toolchain
    /// will do.
    fn build(&self, target: &str) -> Result<()> {
        let mut command = Command::new("cargo");
        command
            .args(["fuzz", "build", "--sanitizer", "none", "--target-dir"])
            .arg(self.home.join("target"))
            .arg(target)
            .current_dir(workspace::root());
        if !process::follow(&mut command, BUILD)? {
            bail!("{target} does not build");
        }
        Ok(())
    }

    fn binary(&self, target: &str) -> PathBuf {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        self.home
            .join("target")
            .join(triple)
            .join("release")
            .join(target)
    }

    fn run(&self, target: &str, seconds: u64) -> Result<Report> {
        let (corpus, findings) = (self.found.join(target), self.found.join("findings"));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&findings)?;
        let longest = LONGEST.iter().find(|(name, _)| *name == target);
        let longest = longest.map_or(USUALLY_LONGEST, |(_, longest)| *longest);
        let mut command = Command::new("nice");
        command
            .args(["-n", "15"])
            .arg(self.binary(target))
            .arg(&corpus)
            .arg(self.home.join("corpus").join(target))
            .arg(format!(
                "-dict={}",
                self.home
                    .join("dictionaries")
                    .join(format!("{target}.dict"))
                    .display()
            ))
            .arg(format!("-artifact_prefix={}/{target}-", findings.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={longest}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-timeout={PATIENCE}"))
            .current_dir(&self.found);
        let finished = process::capture(&mut command, Duration::from_secs(seconds) + BEYOND)?;
        let log = self.found.join(format!("{target}.log"));
        fs::write(&log, &finished.stderr)?;
        Ok(Report::read(target, &finished, &log))
    }

    /// Of everything found and committed, what is small and covers the same edges, however often.
    fn keep(&self, target: &str) -> Result<()> {
        let committed = self.home.join("corpus").join(target);
        let fresh = self.found.join(format!("{target}.smallest"));
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        fs::create_dir_all(&fresh)?;
        let mut command = Command::new(self.binary(target));
        command
            .args([
                "-set_cover_merge=1",
                "-use_counters=0",
                &format!("-max_len={SMALL}"),
            ])
            .args([&fresh, &committed, &self.found.join(target)])
            .current_dir(&self.found);
        process::succeed(&mut command, BUILD)?;
        // What was a finding once stays, whether it covers anything of its own or not.
        for entry in fs::read_dir(&committed)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(FOUND) {
                fs::remove_file(entry.path())?;
            }
        }
        copy_first(&fresh, &committed)
    }
}

/// Copies as many files as are kept, those that were written first: the most useful ones, so libFuzzer says.
fn copy_first(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.file_name()));
    }
    files.sort();
    for (_, name) in files.into_iter().take(KEPT) {
        fs::copy(from.join(&name), to.join(&name))?;
    }
    Ok(())
}

/// What came of one run.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    target: String,
    executions: u64,
    /// Edges seen, and edges told apart by how often they were passed.
    coverage: (u64, u64),
    /// What was found, and where it is told.
    finding: Option<String>,
}

impl Report {
    fn read(target: &str, finished: &Finished, log: &Path) -> Self {
        let words = &finished.stderr;
        let finding = (!finished.status.success()).then(|| {
            let line = |mark: &str| words.lines().find(|line| line.contains(mark));
            let what = line("panicked at").or_else(|| line("SUMMARY:"));
            format!(
                "{} ({})",
                what.unwrap_or("ended before its time").trim(),
                log.display()
            )
        });
        Self {
            target: target.to_owned(),
            executions: last_number(words, "#"),
            coverage: (last_number(words, "cov:"), last_number(words, "ft:")),
            finding,
        }
    }
}

/// The number behind `mark` in the last line of libFuzzer's that begins with `#` and has one.
fn last_number(words: &str, mark: &str) -> u64 {
    let number = |line: &str| {
        let (_, rest) = line.split_once(mark)?;
        let rest = rest.trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    let lines = words.lines().rev().filter(|line| line.starts_with('#'));
    lines.filter_map(number).next().unwrap_or(0)
}

fn table(reports: &[Report]) -> String {
    let mut lines = vec![format!(
        "{:<12} {:>12} {:>9} {:>9}  finding",
        "target", "executions", "coverage", "features"
    )];
    lines.extend(reports.iter().map(|report| {
        let (edges, features) = report.coverage;
        format!(
            "{:<12} {:>12} {edges:>9} {features:>9}  {}",
            report.target,
            report.executions,
            report.finding.as_deref().unwrap_or("none")
        )
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    const WORDS: &str = "INFO: seed corpus: files: 34\n\
        #35\tINITED cov: 307 ft: 438 corp: 25/1035b exec/s: 0 rss: 28Mb\n\
        #708528\tDONE   cov: 440 ft: 729 corp: 185/15078b lim: 2048 exec/s: 64411 rss: 28Mb\n\
        ###### Recommended dictionary. ######\n\
        Done 708528 runs in 11 second(s)\n";

    #[track_caller]
    fn check(mark: &str, number: u64) {
        assert_eq!(last_number(WORDS, mark), number, "{mark}");
    }

    #[test]
    fn figures_are_those_of_the_last_line() {
        check("#", 708_528);
        check("cov:", 440);
        check("ft:", 729);
        check("nothing:", 0);
    }

    #[test]
    fn a_run_that_fails_has_a_finding() {
        let report = |code: i32, words: &str| {
            let finished = Finished {
                status: ExitStatus::from_raw(code << 8),
                stdout: Vec::new(),
                stderr: words.to_owned(),
            };
            Report::read("dots", &finished, Path::new("dots.log"))
        };
        let well = report(0, WORDS);
        assert_eq!((well.executions, well.finding), (708_528, None));
        let panicked = "thread panicked at src/dots.rs:30:5:\nSUMMARY: libFuzzer: deadly signal\n";
        let finding = "thread panicked at src/dots.rs:30:5: (dots.log)";
        assert_eq!(report(77, panicked).finding.as_deref(), Some(finding));
        let slow = "SUMMARY: libFuzzer: timeout\n";
        let finding = "SUMMARY: libFuzzer: timeout (dots.log)";
        assert_eq!(report(70, slow).finding.as_deref(), Some(finding));
    }

    #[test]
    fn every_target_has_a_dictionary_and_a_corpus() {
        let fuzz = Fuzz::new();
        let targets = fuzz.targets().unwrap();
        assert!(targets.len() >= 10, "{targets:?}");
        for target in targets {
            let dictionary = fuzz
                .home
                .join("dictionaries")
                .join(format!("{target}.dict"));
            assert!(dictionary.is_file(), "{}", dictionary.display());
            let corpus = fs::read_dir(fuzz.home.join("corpus").join(&target)).unwrap();
            assert!(corpus.count() > 5, "{target} begins with nothing");
        }
    }
}
