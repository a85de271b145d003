//! What every source file must look like, and what may stand only in one place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

/// A file larger than this has more than one idea in it.
const LARGEST: usize = 24 * 1024;

/// Crates whose sessions get the time as an argument and everything else as an answer.
const PURE: [&str; 6] = [
    "reply",
    "address",
    "wire",
    "smtp-server",
    "pop3-server",
    "delivery",
];

/// What a pure crate would have to write to cheat.
const IMPURE: [&str; 7] = [
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "std::env",
    "TcpStream",
    "std::thread",
    "std::process",
];

struct Source {
    /// Relative to the workspace.
    path: PathBuf,
    text: String,
}

impl Source {
    /// In which crate it is, for sources of the product; none for tests and tasks.
    fn product_crate(&self) -> Option<&str> {
        let mut parts = self.path.iter().map(|part| part.to_str().unwrap());
        let (first, name) = (parts.next()?, parts.next()?);
        let tests = self
            .path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        (first == "crates" && !tests).then_some(name)
    }

    /// The lines of code: numbered, without comments, and without the tests, which stand at the end of a file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = lines
            .windows(2)
            .position(|two| two[0].trim() == "#[cfg(test)]" && two[1].trim_end().ends_with('{'))
            .unwrap_or(lines.len());
        let code: Vec<(usize, &str)> = (1..).zip(lines).take(end).collect();
        code.into_iter()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let root = workspace::root();
    let mut found = Vec::new();
    for place in ["crates", "xtask", "tests", "fuzz/src", "fuzz/targets"] {
        collect(&root.join(place), &mut found);
    }
    assert!(found.len() > 20, "only {} source files found", found.len());
    found
}

fn collect(directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(workspace::root()).unwrap().to_owned();
            found.push(Source { path, text });
        }
    }
}

/// Fails with every complaint at once: one run tells all.
#[track_caller]
fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "));
    no_complaints(
        &silent
            .map(|source| format!("{} does not open with //!", source.path.display()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_too_large_to_read() {
    let large = sources()
        .into_iter()
        .filter(|source| source.text.len() > LARGEST);
    let complaint =
        |source: Source| format!("{} has {} octets", source.path.display(), source.text.len());
    no_complaints(&large.map(complaint).collect::<Vec<_>>());
}

#[test]
fn modules_are_files_beside_their_directory() {
    let old = sources()
        .into_iter()
        .filter(|source| source.path.file_name().is_some_and(|name| name == "mod.rs"));
    no_complaints(
        &old.map(|source| format!("{}: foo.rs beside foo/", source.path.display()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_named_for_everything() {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc"];
    let named = |source: &Source| {
        source
            .path
            .file_stem()
            .is_some_and(|stem| vague.iter().any(|word| stem == *word))
    };
    let found = sources().into_iter().filter(named);
    no_complaints(
        &found
            .map(|source| format!("{} names nothing", source.path.display()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn replies_stand_only_in_the_catalogue() {
    let mut complaints = Vec::new();
    for source in sources() {
        if source.product_crate().is_none_or(|name| name == "reply") {
            continue;
        }
        for (number, line) in source.code().filter(|(_, line)| looks_like_a_reply(line)) {
            complaints.push(format!(
                "{}:{number}: a reply outside crates/reply: {}",
                source.path.display(),
                line.trim()
            ));
        }
    }
    no_complaints(&complaints);
}

#[test]
fn pure_crates_do_not_reach_outside() {
    let mut complaints = Vec::new();
    for source in sources() {
        if source
            .product_crate()
            .is_none_or(|name| !PURE.contains(&name))
        {
            continue;
        }
        for (number, line) in source.code() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                complaints.push(format!(
                    "{}:{number}: {word} in a pure crate",
                    source.path.display()
                ));
            }
        }
    }
    no_complaints(&complaints);
}

/// A string literal, or a line within one, that begins as a reply does: `2xx ` to `5xx-`, `+OK`, `-ERR`.
fn looks_like_a_reply(line: &str) -> bool {
    line.match_indices('"')
        .map(|(at, _)| at + 1)
        .chain(line.match_indices("\\n").map(|(at, _)| at + 2))
        .any(|at| {
            let rest = &line[at..];
            rest.starts_with("+OK")
                || rest.starts_with("-ERR")
                || begins_with_a_code(rest.as_bytes())
        })
}

fn begins_with_a_code(text: &[u8]) -> bool {
    matches!(
        text,
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..]
    )
}

#[track_caller]
fn check(line: &str, reply: bool) {
    assert_eq!(looks_like_a_reply(line), reply, "{line}");
}

#[test]
fn a_reply_is_known_by_its_beginning() {
    check(r#"out.extend(b"250 OK\r\n");"#, true);
    check(r#"write!(out, "354-{text}")"#, true);
    check(r#"push("+OK")"#, true);
    check(r#"push("-ERR no such message")"#, true);
    check(r#"concat("220 a\r\n550 b")"#, true);
    check(r#""line one\n421 gone""#, true);
    check(r#"("quota", "250MB")"#, false);
    check(r#""2026-01-01""#, false);
    check(r#"let port = 250;"#, false);
    check(r#""1.250 seconds""#, false);
}

#[test]
fn tests_at_the_end_of_a_file_are_not_code() {
    let source = Source {
        path: PathBuf::from("crates/net/src/driver.rs"),
        text: "//! x\nlet a;\n// \"250 \"\n#[cfg(test)]\nmod tests {\n\"250 OK\"\n}\n".to_owned(),
    };
    assert_eq!(source.product_crate(), Some("net"));
    assert_eq!(source.code().collect::<Vec<_>>(), [(2, "let a;")]);
    let test = Source {
        path: PathBuf::from("crates/net/tests/driver.rs"),
        text: String::new(),
    };
    assert_eq!(test.product_crate(), None);
}
