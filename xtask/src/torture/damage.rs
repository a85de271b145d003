//! Damage at rest: a bit flipped, or a file cut short, anywhere in log, bodies and index of a stopped store.
//!
//! After each: `store verify` reports it, or it is without consequence, for the octets carried nothing or the log made
//! good what the index lost; the server starts and hands out every message that
//! is not hit; after `store repair` the store is in order. Damage to the index costs no message.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::books::Verdict;
use super::letter::{Random, Read, Sizes};
use super::load::any;
use super::outcome::Row;
use super::pop3::{Found, Reader};
use super::smtp::Sender;
use super::trial::{Ended, Trial};
use crate::workspace;

/// Letters of the store; some are removed again.
const LETTERS: u32 = 200;
/// Letters that are removed from each maildrop.
const REMOVED: usize = 2;

/// How often a place is looked for that holds anything but a zero.
const EMPTY: u32 = 64;

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip { at: u64, bit: u8 },
    Cut { to: u64 },
}

/// A case: which file, and what is done to it.
struct Case {
    /// Relative to the data directory.
    file: PathBuf,
    harm: Harm,
}

/// How cases came out, by the kind of file.
#[derive(Default)]
struct Sum {
    cases: u32,
    reported: u32,
    hit: usize,
}

/// Damages a small store in `cases` ways; `seed` makes them the same again.
///
/// # Errors
/// When damage costs more than the messages it hits, is not reported, or cannot be repaired.
pub fn run(binary: &Path, cases: u32, seed: Option<u64>, row: &mut Row) -> Result<()> {
    let seed = seed.unwrap_or_else(any);
    println!("damage: seed {seed}");
    let place = workspace::fresh("torture/damage")?;
    let (data, whole) = (place.join("data"), place.join("whole"));
    let trial = Trial::new(binary, &place, &data, Sizes::Mixed)?;
    let there = build(&trial, row)?;
    fs::rename(&data, &whole)?;
    let files = files(&whole)?;
    let mut random = Random::new(seed);
    let mut sums: BTreeMap<&'static str, Sum> = BTreeMap::new();
    for number in 1..=cases {
        let case = pick(&whole, &files, &mut random)?;
        let name = format!(
            "damage {number}, {:?} of {}",
            case.harm,
            case.file.display()
        );
        copy(&whole, &data)?;
        case.harm(&data)?;
        let outcome = try_case(&trial, &case, &there, row).with_context(|| name.clone())?;
        row.round();
        let sum = sums.entry(kind(&case.file)).or_default();
        sum.cases += 1;
        sum.reported += u32::from(outcome.is_some());
        sum.hit += outcome.as_ref().map_or(0, BTreeSet::len);
        match outcome {
            Some(hit) => println!("{name}: reported, {} messages hit", hit.len()),
            None => println!("{name}: without consequence"),
        }
        fs::remove_dir_all(&data)?;
    }
    for (kind, sum) in sums {
        println!(
            "{kind}: {} cases, {} reported with {} messages hit, {} without consequence",
            sum.cases,
            sum.reported,
            sum.hit,
            sum.cases - sum.reported
        );
    }
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// What is there, by user: unique id and letter.
type There = Vec<Vec<(String, u64)>>;

/// Messages that verify or repair named, by user and unique id.
type Hit = BTreeSet<(u32, String)>;

/// A store with letters of every size, removals, and two segments.
fn build(trial: &Trial, row: &mut Row) -> Result<There> {
    for _ in 0..2 {
        let server = trial.site.start()?;
        let mut sender = Sender::connect(server.address("smtp")?)?;
        for _ in 0..LETTERS / 2 {
            let answer = sender.deliver(&trial.books)?;
            if !matches!(answer, super::smtp::Answer::Acknowledged) {
                bail!("a letter was answered {answer:?}");
            }
        }
        for user in 0..super::USERS {
            let mut reader = Reader::login(server.address("pop3")?, user)?;
            let mut removed = Vec::new();
            for number in 1..=REMOVED {
                if let Read::Whole(letter) = reader.retrieve(number, trial.books.sizes)? {
                    reader.delete(number)?;
                    removed.push(letter);
                }
            }
            trial.books.leaving(user, &removed);
            reader.quit()?;
            trial.books.gone(user, &removed);
        }
        row.acknowledged(trial.books.newly_acknowledged());
        row.judge(trial.look(&server)?)?;
        server.stop()?;
    }
    let server = trial.site.start()?;
    let mut there = Vec::new();
    for maildrop in trial.fetch(&server)? {
        let letters = maildrop.into_iter().map(|Found { uidl, read }| match read {
            Some(Read::Whole(letter)) => Ok((uidl, letter)),
            Some(Read::Changed(_) | Read::Strange) | None => {
                bail!("{uidl} is not whole before any damage")
            }
        });
        there.push(letters.collect::<Result<Vec<_>>>()?);
    }
    server.stop()?;
    trial.verify()?;
    Ok(there)
}

/// Verify, serve, repair, verify, serve. Gives the messages that are hit; none when there was nothing to report.
fn try_case(trial: &Trial, case: &Case, there: &There, row: &mut Row) -> Result<Option<Hit>> {
    let found = trial.store("verify")?;
    let reported = !found.well || !found.said["index_not_compared"].is_null();
    let mut hit = Hit::new();
    named(&found.said["findings"], &mut hit);
    if kind(&case.file) == "index" {
        // What the index says of a message may be wrong; the message is not.
        hit.clear();
    }
    let server = trial.site.start().with_context(|| told(&found))?;
    row.recovered(server.took());
    row.judge(compare(there, &trial.fetch(&server)?, &hit, &hit))
        .with_context(|| told(&found))?;
    server.stop()?;
    let repaired = trial.store("repair")?;
    if !repaired.well {
        bail!("`tegami store repair` did not succeed: {}", told(&repaired));
    }
    // Named by the repair: removed, or whole under another id.
    let (mut removed, mut renewed) = (hit.clone(), hit.clone());
    named(&repaired.said["removed"], &mut removed);
    named(&repaired.said["renewed"], &mut renewed);
    trial.verify().context("after the repair")?;
    let server = trial.site.start().context("after the repair")?;
    row.judge(compare(there, &trial.fetch(&server)?, &removed, &renewed))
        .with_context(|| format!("after the repair: {}", told(&repaired)))?;
    server.stop()?;
    Ok(reported.then_some(hit))
}

fn told(ended: &Ended) -> String {
    format!("{} {}", ended.said, ended.words)
}

/// Every message named anywhere in what was said: an address with an id.
fn named(said: &Value, hit: &mut Hit) {
    match said {
        Value::Array(several) => several.iter().for_each(|one| named(one, hit)),
        Value::Object(fields) => {
            let user = fields
                .get("address")
                .and_then(Value::as_str)
                .and_then(super::user);
            if let (Some(user), Some(uidl)) = (user, fields.get("uidl").and_then(Value::as_str)) {
                hit.insert((user, uidl.to_owned()));
            }
            fields.values().for_each(|one| named(one, hit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Holds what is there now against what was there: everything but the `hit`, unchanged, and nothing else; of the
/// `renewed`, the letters may be there under another id.
fn compare(there: &There, now: &[Vec<Found>], hit: &Hit, renewed: &Hit) -> Verdict {
    let mut verdict = Verdict::default();
    for (user, (before, now)) in (0..).zip(there.iter().zip(now)) {
        let mut left: BTreeMap<&str, u64> = before
            .iter()
            .map(|(uidl, letter)| (uidl.as_str(), *letter))
            .collect();
        for Found { uidl, read } in now {
            let is_hit = hit.contains(&(user, uidl.clone()));
            match read {
                Some(Read::Whole(letter)) if left.get(uidl.as_str()) == Some(letter) => {
                    left.remove(uidl.as_str());
                }
                Some(Read::Whole(letter)) if may_be_new(user, *letter, &left, renewed) => {
                    left.retain(|_, known| known != letter);
                }
                Some(Read::Whole(letter)) => {
                    verdict.double(format!("user{user}: letter {letter} is there as {uidl}"));
                }
                Some(Read::Changed(_) | Read::Strange) => {
                    verdict.change(format!("user{user}: {uidl} is handed out changed"));
                }
                None if is_hit => {
                    left.remove(uidl.as_str());
                }
                None => {}
            }
        }
        for (uidl, letter) in left {
            if !hit.contains(&(user, uidl.to_owned())) {
                verdict.lose(format!(
                    "user{user}: {uidl}, letter {letter}, is not to be had and was not reported"
                ));
            }
        }
    }
    verdict
}

fn may_be_new(user: u32, letter: u64, left: &BTreeMap<&str, u64>, renewed: &Hit) -> bool {
    let before = left.iter().find(|(_, known)| **known == letter);
    before.is_some_and(|(uidl, _)| renewed.contains(&(user, (*uidl).to_owned())))
}

/// Files by kind.
type Files = BTreeMap<&'static str, Vec<PathBuf>>;

/// Files of log, bodies and index that hold anything.
fn files(data: &Path) -> Result<Files> {
    let mut found = Files::new();
    let mut open = vec![PathBuf::from("log"), PathBuf::from("index")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(data.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if entry.metadata()?.len() > 0 {
                found.entry(kind(&path)).or_default().push(path);
            }
        }
    }
    found.values_mut().for_each(|files| files.sort());
    Ok(found)
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        _ if file.starts_with("index") => "index",
        Some("body") => "body",
        Some(_) | None => "log",
    }
}

/// A file of one kind or another, and a place in it that is not empty: most of an index is.
fn pick(data: &Path, files: &Files, random: &mut Random) -> Result<Case> {
    let kind = match random.below(10) {
        0..5 => "log",
        5 => "body",
        _ => "index",
    };
    let some = files
        .get(kind)
        .with_context(|| format!("no file of the kind {kind}"))?;
    let one = usize::try_from(random.below(some.len() as u64))?;
    let octets = fs::read(data.join(&some[one]))?;
    let mut place = || usize::try_from(random.below(octets.len() as u64));
    let mut at = place()?;
    for _ in 0..EMPTY {
        if octets[at] != 0 {
            break;
        }
        at = place()?;
    }
    let at = at as u64;
    let harm = match random.below(3) {
        0 => Harm::Cut { to: at },
        _ => Harm::Flip {
            at,
            bit: u8::try_from(random.below(8))?,
        },
    };
    Ok(Case {
        file: some[one].clone(),
        harm,
    })
}

impl Case {
    fn harm(&self, data: &Path) -> Result<()> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(data.join(&self.file))?;
        match self.harm {
            Harm::Cut { to } => file.set_len(to)?,
            Harm::Flip { at, bit } => {
                let mut octet = [0];
                file.read_exact_at(&mut octet, at)?;
                octet[0] ^= 1 << bit;
                file.write_all_at(&octet, at)?;
            }
        }
        Ok(())
    }
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_are_found_wherever_they_are_named() {
        let said = json!([
            {"kind": "record", "messages": [{"address": "user3@example.test", "uidl": "4.1a"}]},
            {"kind": "not-in-log", "message": {"address": "user5@example.test", "uidl": "4.1b"}},
            {"kind": "entries"},
        ]);
        let mut hit = Hit::new();
        named(&said, &mut hit);
        assert_eq!(
            hit,
            Hit::from([(3, "4.1a".to_owned()), (5, "4.1b".to_owned())])
        );
    }

    #[track_caller]
    fn check(now: &[(&str, Option<Read>)], hit: &[&str], renewed: &[&str], wrong: (u64, u64, u64)) {
        let there = vec![vec![("a".to_owned(), 1), ("b".to_owned(), 2)]];
        let ids = |ids: &[&str]| ids.iter().map(|id| (0, (*id).to_owned())).collect::<Hit>();
        let now: Vec<Found> = now
            .iter()
            .map(|(uidl, read)| Found {
                uidl: (*uidl).to_owned(),
                read: *read,
            })
            .collect();
        let verdict = compare(&there, &[now], &ids(hit), &ids(renewed));
        assert_eq!(
            (verdict.lost, verdict.doubled, verdict.changed),
            wrong,
            "{:?}",
            verdict.words
        );
    }

    #[test]
    fn only_what_is_hit_may_be_missed() {
        let (one, two) = (Some(Read::Whole(1)), Some(Read::Whole(2)));
        check(&[("a", one), ("b", two)], &[], &[], (0, 0, 0));
        check(&[("a", one)], &[], &[], (1, 0, 0));
        check(&[("a", one)], &["b"], &[], (0, 0, 0));
        check(&[("a", one), ("b", None)], &[], &[], (1, 0, 0));
        check(&[("a", one), ("b", None)], &["b"], &[], (0, 0, 0));
        check(
            &[("a", one), ("b", Some(Read::Changed(2)))],
            &["b"],
            &[],
            (0, 0, 1),
        );
        check(&[("a", one), ("c", two)], &[], &[], (1, 1, 0));
        check(&[("a", one), ("c", two)], &[], &["b"], (0, 0, 0));
        check(&[("a", one), ("b", two), ("c", two)], &[], &[], (0, 1, 0));
    }
}
