//! The `copyright` file of the package: ours, and the licence notices of every crate linked into the binary.
//!
//! The crates are those cargo resolves for the release build; their notices are the files they came with. The same lock
//! file gives the same text. It does not judge licences: `cargo deny` does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::{process, workspace};

/// How the names of files with notices begin.
const NAMES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];
/// What cargo may take to say what it would build.
const TREE: Duration = Duration::from_secs(120);
/// Directories below a crate's own that are looked into: some bring libraries of C along.
const DEEPEST: usize = 4;
/// Debian has this one on every system, and wants it named, not repeated.
const APACHE: &str = "Apache-2.0";

/// The whole file.
///
/// # Errors
/// When cargo does not know the crates, or their sources are not there.
pub fn text() -> Result<String> {
    let ours = workspace::root().join("config/deb/copyright");
    let mut text = fs::read_to_string(&ours).with_context(|| ours.display().to_string())?;
    let metadata = MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .other_options(["--locked", "--filter-platform", &triple()].map(str::to_owned))
        .exec()?;
    let mut notices = Notices::default();
    let mut crates = BTreeMap::<(String, Vec<String>), Vec<String>>::new();
    for package in linked(&metadata)? {
        let home = package.manifest_path.parent().context("a crate nowhere")?;
        let mut numbers = BTreeSet::new();
        notices.look(home.as_std_path(), 0, &mut numbers)?;
        let mut names: Vec<String> = numbers.into_iter().collect();
        if names.is_empty() {
            // It brought none; its manifest says whose it is.
            names = package.authors.clone();
        }
        let licence = package.license.clone().context(package.name.to_string())?;
        let files = format!("vendor/{}-{}/*", package.name, package.version);
        crates.entry((licence, names)).or_default().push(files);
    }
    for ((licence, names), files) in crates {
        text.push_str(&format!(
            "\nFiles: {}\nCopyright: {}\nLicense: {licence}\n",
            files.join("\n "),
            names.join(", ")
        ));
    }
    text.push_str(&notices.paragraphs());
    Ok(text)
}

/// The crates of others whose code is in the binary, by name and version.
fn linked(metadata: &Metadata) -> Result<Vec<&Package>> {
    // Metadata alone has the features of all that could be built here; the tree has those of the binary.
    let mut tree = Command::new("cargo");
    tree.args([
        "tree",
        "--package",
        "tegami",
        "--locked",
        "--prefix",
        "none",
    ])
    .args(["--edges", "normal,no-proc-macro", "--format", "{p}"])
    .args(["--target", &triple()])
    .current_dir(workspace::root());
    let tree = process::succeed(&mut tree, TREE)?;
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let linked: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let mut others: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| {
            let version = package.version.to_string();
            package.source.is_some() && linked.contains(&(package.name.as_str(), &*version))
        })
        .collect();
    others.sort_by_key(|package| (package.name.to_string(), package.version.clone()));
    if others.is_empty() {
        bail!("cargo knows of no crate that tegami uses");
    }
    Ok(others)
}

fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Every notice once, however many crates have it.
#[derive(Default)]
struct Notices {
    names: BTreeMap<String, String>,
    texts: Vec<String>,
}

impl Notices {
    /// Reads the notices in a directory of a crate and below.
    fn look(&mut self, directory: &Path, depth: usize, found: &mut BTreeSet<String>) -> Result<()> {
        let mut entries = Vec::new();
        let read = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
        for entry in read {
            entries.push(entry?.path());
        }
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.to_lowercase();
            let is_code = path
                .extension()
                .is_some_and(|kind| kind == "rs" || kind == "h");
            if path.is_dir() {
                if depth < DEEPEST {
                    self.look(&path, depth + 1, found)?;
                }
            } else if NAMES.iter().any(|begins| name.starts_with(begins)) && !is_code {
                let octets = fs::read(&path).with_context(|| path.display().to_string())?;
                found.insert(self.name(&String::from_utf8_lossy(&octets)));
            }
        }
        Ok(())
    }

    /// What a notice is called here.
    fn name(&mut self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let text = lines.join("\n").trim_matches('\n').to_owned();
        let begins_as_apache = text
            .lines()
            .take(6)
            .any(|line| line.trim().trim_start_matches('#').trim() == "Apache License");
        // Alone: what stands behind it in one file is another notice.
        if begins_as_apache && text.len() < 12_000 {
            return APACHE.to_owned();
        }
        let next = format!("notice-{}", self.texts.len() + 1);
        let name = self.names.entry(text.clone()).or_insert_with(|| {
            self.texts.push(text);
            next
        });
        name.clone()
    }

    /// As Debian's format wants them: a line begins with a blank, and an empty one has a dot.
    fn paragraphs(&self) -> String {
        let mut all = String::new();
        for (number, text) in self.texts.iter().enumerate() {
            all.push_str(&format!("\nLicense: notice-{}\n", number + 1));
            for line in text.lines() {
                all.push_str(if line.is_empty() { " ." } else { " " });
                all.push_str(line);
                all.push('\n');
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_the_notices_of_what_is_linked_into_it() {
        let file = text().unwrap();
        assert_eq!(file, text().unwrap(), "the same every time");
        for crate_with in [
            "vendor/aws-lc-sys-",
            "vendor/rustls-",
            "vendor/sled-",
            "vendor/tokio-",
        ] {
            assert!(file.contains(crate_with), "{crate_with}");
        }
        for notice in [
            "Copyright (c) Tokio Contributors",
            "Microsoft Corporation, Daan Leijen",
            "The Rust Project Developers",
        ] {
            assert!(file.contains(notice), "{notice}");
        }
        // What only compiles or tests is not in the package.
        for other in [
            "vendor/syn-",
            "vendor/proptest-",
            "vendor/ring-",
            "vendor/cc-",
            "vendor/cargo_metadata-",
        ] {
            assert!(!file.contains(other), "{other}");
        }
        // Only where it stands together with others, or with an exception.
        let repeated = file
            .matches("TERMS AND CONDITIONS FOR USE, REPRODUCTION")
            .count();
        assert!(repeated < 6, "{repeated} times what Debian has");
        // Each paragraph begins with its field, and every other line with a blank.
        let fields = [
            "Format: ",
            "Upstream-Name: ",
            "Files: ",
            "Copyright: ",
            "License: ",
            "Comment: ",
        ];
        for line in file.lines().filter(|line| !line.is_empty()) {
            let is_field = fields.iter().any(|field| line.starts_with(field));
            assert!(is_field || line.starts_with(' '), "{line}");
        }
        // Every notice that is named is there.
        for line in file.lines().filter(|line| line.starts_with("Copyright: ")) {
            for name in line["Copyright: ".len()..].split(", ") {
                let stands =
                    !name.starts_with("notice-") || file.contains(&format!("\nLicense: {name}\n"));
                assert!(stands, "{name}");
            }
        }
    }
}
