//! Puts the configuration together: defaults, the file over them, the environment over that.
//!
//! It reports everything that is wrong at once, each with its place. It reads no account, opens no listener and
//! does not look whether a certificate exists.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml_edit::{Item, TableLike};

use super::document::Document;
use super::environment;
use super::keys::{self, Key};
use super::problem::{ConfigError, Place, Problem, did_you_mean};
use super::setting::Raw;
use super::{Config, USUAL_FILE, check, device, relay};

/// A configuration that is fit for use.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file it came from, if there was one.
    pub source: Option<PathBuf>,
    /// What is odd without being wrong, one sentence each.
    pub warnings: Vec<String>,
}

/// Where a configuration may come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file of `--config`.
    pub explicit: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The file to use if it exists and nothing else is said.
    pub usual: PathBuf,
}

impl Sources {
    /// What this process has.
    pub fn of_this_process(explicit: Option<&Path>) -> Self {
        Self {
            explicit: explicit.map(Path::to_owned),
            variables: env::vars_os().collect(),
            usual: PathBuf::from(USUAL_FILE),
        }
    }

    /// The file to read: `--config`, else `TEGAMI_CONFIG`, else the usual one if it is there.
    fn file(&self) -> Option<PathBuf> {
        let variable = || {
            let (_, value) = self
                .variables
                .iter()
                .find(|(name, _)| name == environment::CONFIG)?;
            (!value.is_empty()).then(|| PathBuf::from(value))
        };
        // A file that is there and unreadable is an error later on, never a silent fall back to the defaults.
        let usual = || {
            self.usual
                .symlink_metadata()
                .is_ok()
                .then(|| self.usual.clone())
        };
        self.explicit.clone().or_else(variable).or_else(usual)
    }

    /// Loads and checks the configuration.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.load_with("")
    }

    /// The same, as if the file ended with `addition`.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load_with(&self, addition: &str) -> Result<Loaded, ConfigError> {
        let mut layers = Layers::default();
        let source = self.file();
        if let Some(path) = &source {
            layers.take_file(&Document::read_with(path, addition)?);
        } else if !addition.is_empty() {
            layers.take_file(&Document::parse_addition(&self.usual, addition)?);
        }
        environment::apply(&self.variables, &mut layers);
        layers.finish(source)
    }
}

/// Loads the configuration of this process, at start and at every reload: `explicit` is `--config`.
///
/// # Errors
/// [`ConfigError`] with everything that is wrong.
pub fn load(explicit: Option<&Path>) -> Result<Loaded, ConfigError> {
    Sources::of_this_process(explicit).load()
}

/// The same, as if the configuration file ended with `addition`.
///
/// # Errors
/// [`ConfigError`] with everything that is wrong.
pub fn load_with(explicit: Option<&Path>, addition: &str) -> Result<Loaded, ConfigError> {
    Sources::of_this_process(explicit).load_with(addition)
}

/// The configuration as it grows, and where each value came from.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) config: Config,
    /// Where each key that was set was set last.
    pub(super) origins: BTreeMap<&'static str, Place>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Layers {
    /// Sets one key; a value that cannot be read is a problem and changes nothing.
    pub(super) fn set(&mut self, key: &'static Key, raw: Raw<'_>, place: Place) {
        match (key.slot)(&mut self.config).put(raw) {
            Ok(()) => {
                self.origins.insert(key.name, place);
            }
            Err(message) => self
                .problems
                .push(place.problem(format!("{}: {message}", key.name))),
        }
    }

    pub(super) fn take_file(&mut self, document: &Document) {
        self.take_table(document, "", document.table());
        let Some(base) = document.path().parent() else {
            return;
        };
        let set: Vec<&'static str> = self.origins.keys().copied().collect();
        for name in set {
            if let Some(path) = keys::path(&mut self.config, name) {
                *path = base.join(&*path);
            }
        }
    }

    fn take_table(&mut self, document: &Document, section: &str, table: &dyn TableLike) {
        for (word, item) in table.iter() {
            let place = document.place(table.key(word).and_then(toml_edit::Key::span));
            let name = if section.is_empty() {
                word.to_owned()
            } else {
                format!("{section}.{word}")
            };
            if name == device::SECTION {
                device::take(self, document, item, &place);
            } else if name == relay::ROUTES {
                relay::take(self, document, item, &place);
            } else if name == relay::FETCHES {
                relay::take_fetch(self, document, item, &place);
            } else if name == relay::HOLDS {
                relay::take_hold(self, document, item, &place);
            } else if let Some(key) = keys::find(&name) {
                match item.as_value() {
                    Some(value) => self.set(key, Raw::Toml(value), place),
                    None => self
                        .problems
                        .push(place.problem(format!("{name} is a single value, not a section"))),
                }
            } else if keys::is_section(&name) {
                match item.as_table_like() {
                    Some(table) => self.take_table(document, &name, table),
                    None => self.problems.push(place.problem(format!(
                        "{name} is a section; write [{name}] and its keys below it"
                    ))),
                }
            } else {
                self.problems.push(place.problem(unknown(&name, item)));
            }
        }
    }

    fn finish(mut self, source: Option<PathBuf>) -> Result<Loaded, ConfigError> {
        check::check(&mut self);
        let mut problems = self.problems;
        problems.sort_by_key(|problem| match &problem.place {
            Place::BuiltIn => (0, 0),
            Place::File { line, .. } => (1, line.unwrap_or(0)),
            Place::Addition => (2, 0),
            Place::Variable(_) => (3, 0),
        });
        ConfigError::unless_empty(problems)?;
        Ok(Loaded {
            config: self.config,
            source,
            warnings: self.warnings,
        })
    }
}

fn unknown(name: &str, item: &Item) -> String {
    if item.is_table_like() || item.is_array_of_tables() {
        let hint = did_you_mean(keys::meant_section(name));
        format!("unknown section {name:?}{hint}")
    } else {
        format!("unknown key {name:?}{}", did_you_mean(keys::meant(name)))
    }
}
