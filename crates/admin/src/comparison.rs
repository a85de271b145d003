//! What reading an accounts file would change: asked for and answered as plain values. Nothing is changed by asking.

use std::path::PathBuf;

use address::Domain;
use serde::{Deserialize, Serialize};

/// An accounts file, and what counts of the configuration beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The file, by its absolute path.
    pub file: PathBuf,
    /// The domains served here.
    pub domains: Vec<Domain>,
    /// Whether a login mechanism needs keys for SCRAM-SHA-256.
    pub scram_sha_256: bool,
    /// Whether one needs keys for SCRAM-SHA-1.
    pub scram_sha_1: bool,
}

/// What came of comparing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// A sentence for everything that would change; none, if nothing would.
    Changes(Vec<String>),
    /// The file goes against what is there, and would be refused; why, a line for each reason.
    Refused(String),
}
