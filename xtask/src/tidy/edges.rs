//! The edges between our crates, held against the manifests as cargo reads them.
//!
//! Dependencies of tests and `xtask` itself are free: what a test needs shapes no design.

use std::collections::BTreeMap;
use std::fs;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::workspace;

/// Which of our crates each may use. `tegami` wires them and may use all; a new crate needs a row here and a place in
/// `ARCHITECTURE.md`.
const ALLOWED: [(&str, &[&str]); 18] = [
    ("reply", &[]),
    ("address", &[]),
    ("mime", &[]),
    ("mailfolder", &[]),
    ("dane", &["address"]),
    ("resolver", &["address", "dane"]),
    ("mta-sts", &["address"]),
    ("dsn", &["reply", "address", "mime"]),
    ("wire", &["reply"]),
    ("auth", &["address"]),
    ("mailstore", &["address", "auth"]),
    ("smtp-server", &["reply", "wire", "address", "auth"]),
    ("smtp-client", &["reply", "wire", "address", "auth"]),
    ("pop3-server", &["reply", "wire", "address", "auth"]),
    ("net", &["reply", "wire", "address"]),
    ("admin", &["auth", "address", "delivery", "mailstore"]),
    ("delivery", &["address", "mime"]),
    (
        "courier",
        &[
            "reply",
            "wire",
            "address",
            "auth",
            "resolver",
            "dane",
            "mta-sts",
            "smtp-client",
            "dsn",
            "delivery",
            "mailstore",
        ],
    ),
];

/// Crates without a socket, clock, file or randomness of their own: they may not even know who has them.
pub(super) const PURE: [&str; 10] = [
    "reply",
    "address",
    "mime",
    "wire",
    "mta-sts",
    "smtp-server",
    "smtp-client",
    "pop3-server",
    "dsn",
    "delivery",
];

/// Where sockets, files, clocks and randomness come from.
const IMPURE: [&str; 8] = [
    "tokio",
    "rustls",
    "tokio-rustls",
    "rustix",
    "sled",
    "getrandom",
    "jiff",
    "tempfile",
];

/// Every crate of the workspace but `xtask`, with what it uses when it is built for real.
fn crates() -> BTreeMap<String, Vec<String>> {
    // `no_deps`: the manifests alone, so that no network and no lock file is needed.
    let metadata = MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    metadata
        .packages
        .into_iter()
        .filter(|package| package.name.as_str() != "xtask")
        .map(|package| (package.name.to_string(), used(&package)))
        .collect()
}

fn used(package: &Package) -> Vec<String> {
    let real = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development);
    real.map(|dependency| dependency.name.clone()).collect()
}

#[test]
fn crates_use_only_the_crates_they_may() {
    let crates = crates();
    let allowed = BTreeMap::from(ALLOWED);
    for (name, used) in crates.iter().filter(|(name, _)| *name != "tegami") {
        let allowed = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("the crate {name} has no row in xtask/src/tidy/edges.rs"));
        for dependency in used
            .iter()
            .filter(|dependency| crates.contains_key(*dependency))
        {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} may not use {dependency}"
            );
        }
    }
    for name in allowed.keys() {
        assert!(
            crates.contains_key(*name),
            "{name} has a row in xtask/src/tidy/edges.rs and is no crate"
        );
    }
}

#[test]
fn pure_crates_know_no_socket_clock_file_or_randomness() {
    let crates = crates();
    for name in PURE {
        for dependency in &crates[name] {
            assert!(
                !IMPURE.contains(&dependency.as_str()),
                "{name} is pure and may not use {dependency}"
            );
        }
    }
}

#[test]
fn every_crate_has_a_place_in_the_architecture() {
    let architecture = fs::read_to_string(workspace::root().join("ARCHITECTURE.md")).unwrap();
    for name in crates().keys() {
        assert!(
            architecture.contains(&format!("crates/{name}")),
            "ARCHITECTURE.md does not say what crates/{name} is"
        );
    }
}
