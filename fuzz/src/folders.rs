//! Mail folders of other programs: mbox in every dialect, lists of unique ids, names in a Maildir.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use mailfolder::mbox::{Dialect, Reader};
use mailfolder::{Fault, Format, Letter, Maildir, Uidls, is_uidl};

use crate::pieces::{Pieces, cut};

/// Largest letter of the folders here, in octets.
const LIMIT: usize = 700;
/// Most messages of a Maildir here.
const MOST: usize = 6;

type Item = Result<Letter, Fault>;

/// One octet chooses what it is, one the cuts; the rest is the file.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let (kind, seed) = (pieces.octet(), pieces.octet());
    let file = pieces.rest();
    match kind % 8 {
        0 => mbox(file, Dialect::Rd, seed),
        1 => mbox(file, Dialect::O, seed),
        2 => mbox(file, Dialect::Cl, seed),
        3 => mbox(file, Dialect::Cl2, seed),
        4 => list(file, "dovecot-uidlist", seed),
        5 => list(file, "courierpop3dsizelist", seed),
        6 => list(file, "ids", seed),
        _ => maildir(file),
    }
}

/// A file that comes in pieces.
fn in_pieces(file: &[u8], seed: u8) -> BufReader<impl Read> {
    let pieces: Vec<_> = cut(file, seed).into_iter().map(<[u8]>::to_vec).collect();
    let mut pieces = pieces.into_iter();
    let empty: Box<dyn Read> = Box::new(std::io::empty());
    let all = pieces.by_ref().fold(empty, |before, piece| {
        Box::new(before.chain(std::io::Cursor::new(piece)))
    });
    BufReader::with_capacity(1 + usize::from(seed), all)
}

fn mbox(file: &[u8], dialect: Dialect, seed: u8) {
    let path = Path::new("inbox");
    let items: Vec<Item> = Reader::new(file, path, dialect, LIMIT).collect();
    // Few pieces, for each is a reader around the others.
    if file.len() < 200 {
        let again: Vec<Item> = Reader::new(in_pieces(file, seed), path, dialect, LIMIT).collect();
        assert_eq!(words(&again), words(&items), "in pieces");
    }
    let mut end = 0;
    for item in &items {
        let place = match item {
            Ok(letter) => {
                assert!(letter.octets.len() <= LIMIT, "larger than allowed");
                assert!(has_crlf(&letter.octets), "a bare LF");
                &letter.place
            }
            Err(fault) => &fault.place,
        };
        assert!(place.octet >= end && place.line > 0, "out of order");
        assert!(place.octet <= file.len() as u64, "behind the end");
        end = place.octet + 1;
    }
    let letters: Vec<&Letter> = items.iter().flatten().collect();
    let written = written(&letters);
    // What was written may be longer by a quote, and then too long.
    let read: Vec<Item> = Reader::new(&*written, path, Dialect::Rd, LIMIT + 1).collect();
    assert_eq!(read.len(), letters.len(), "there and back");
    for (read, letter) in read.iter().zip(letters) {
        let read = read.as_ref().expect("there and back");
        assert_eq!((&read.octets, &read.uidl), (&letter.octets, &letter.uidl));
    }
}

fn words(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| format!("{item:?}")).collect()
}

fn has_crlf(octets: &[u8]) -> bool {
    let bare = |at: usize| octets[at] == b'\n' && (at == 0 || octets[at - 1] != b'\r');
    !(0..octets.len()).any(bare)
}

/// An mboxrd file, line by line.
fn written(letters: &[&Letter]) -> Vec<u8> {
    let mut file = Vec::new();
    for letter in letters {
        file.extend_from_slice(b"From - Sat Jan  3 01:05:34 1996\n");
        if let Some(uidl) = &letter.uidl {
            file.extend_from_slice(format!("X-UIDL: {uidl}\n").as_bytes());
        }
        for line in letter.octets.split_inclusive(|octet| *octet == b'\n') {
            let quotes = line.iter().take_while(|octet| **octet == b'>').count();
            if line[quotes..].starts_with(b"From ") {
                file.push(b'>');
            }
            // More CRs than one are the letter's.
            match line.strip_suffix(b"\r\n") {
                Some(text) if !text.ends_with(b"\r") => {
                    file.extend_from_slice(text);
                    file.push(b'\n');
                }
                Some(_) | None => file.extend_from_slice(line),
            }
        }
        // With an id, a message may be empty.
        if !letter.octets.is_empty() && !letter.octets.ends_with(b"\n") {
            file.push(b'\n');
        }
        file.push(b'\n');
    }
    file
}

fn list(file: &[u8], name: &str, seed: u8) {
    let (first, rest) = match file.iter().position(|octet| *octet == b'\n') {
        // With a format of the person's own.
        Some(end) if seed % 2 == 1 => (&file[..end], &file[end + 1..]),
        Some(_) | None => (&file[..0], file),
    };
    let format = std::str::from_utf8(first).ok();
    let format = format.and_then(|text| Format::parse(text).ok());
    let parse = |file: &[u8]| Uidls::parse(file, Path::new(name), format.as_ref());
    let Ok((uidls, faults)) = parse(rest) else {
        return;
    };
    let lines = rest.split_inclusive(|octet| *octet == b'\n').count();
    assert!(
        uidls.len() + faults.len() <= lines,
        "more than there are lines"
    );
    let mut before = 0;
    for fault in &faults {
        assert!(fault.place.line > before, "out of order");
        assert!(fault.place.line <= lines as u64, "behind the end");
        assert!(fault.place.octet < rest.len() as u64, "behind the end");
        before = fault.place.line;
    }
    if name == "ids" {
        for line in rest.split(|octet| *octet == b'\n') {
            plain(line, &uidls);
        }
    }
    let (again, _) = parse(rest).expect("the same once more");
    assert_eq!(again.len(), uidls.len());
}

/// A line "number id", as plain as can be, is found again, unless a later one says otherwise.
fn plain(line: &[u8], uidls: &Uidls) {
    let words: Option<Vec<&str>> = std::str::from_utf8(line)
        .ok()
        .map(|line| line.split(' ').collect());
    let Some([number, id]) = words.as_deref() else {
        return;
    };
    let digits = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    match number.parse() {
        Ok(number @ 1..) if digits && is_uidl(id) => {
            let found = uidls.find("", number).expect("it is in the list");
            assert!(is_uidl(found), "no unique id");
        }
        _ => {}
    }
}

/// A place for files, emptied before each use.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = std::env::temp_dir().join(format!("tegami-folders-{}", std::process::id()));
    for part in ["cur", "new"] {
        fs::create_dir_all(place.join(part)).expect("a directory");
    }
    place
});

/// Names of messages, a blank line, and a list of unique ids.
fn maildir(file: &[u8]) {
    for part in ["cur", "new"] {
        for entry in fs::read_dir(PLACE.join(part)).expect("our directory") {
            fs::remove_file(entry.expect("an entry").path()).expect("our file");
        }
    }
    let mut lines = file.split(|octet| *octet == b'\n');
    let names: BTreeSet<&[u8]> = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .filter(|name| {
            let plain = !name.contains(&b'/') && !name.contains(&0);
            plain && name.len() < 256 && !name.starts_with(b".")
        })
        .take(MOST)
        .collect();
    let rest: Vec<&[u8]> = lines.collect();
    let parsed = Uidls::parse(&*rest.join(&b'\n'), Path::new("dovecot-uidlist"), None);
    let uidls = Arc::new(parsed.map(|(uidls, _)| uidls).unwrap_or_default());
    for (number, name) in names.iter().enumerate() {
        let part = if number % 2 == 0 { "cur" } else { "new" };
        let path = PLACE.join(part).join(OsStr::from_bytes(name));
        fs::write(path, format!("Number: {number}\n\n")).expect("a file");
    }
    let read = || -> Vec<Letter> {
        let folder = Maildir::open(&PLACE).expect("a Maildir");
        assert_eq!(folder.count(), names.len());
        let letters = folder.letters(Arc::clone(&uidls), LIMIT);
        letters.map(|item| item.expect("a letter")).collect()
    };
    let letters = read();
    assert_eq!(read(), letters, "another order");
    let all: BTreeSet<&[u8]> = letters.iter().map(|letter| &*letter.octets).collect();
    assert_eq!((all.len(), letters.len()), (names.len(), names.len()));
    for letter in &letters {
        let name = letter.place.file.file_name().expect("a name").as_bytes();
        assert!(names.contains(name), "a message of another name");
    }
}
