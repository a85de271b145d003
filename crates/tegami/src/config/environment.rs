//! `TEGAMI_*` variables: `TEGAMI_SMTP__VRFY` sets `smtp.vrfy`, `TEGAMI_SMTP__VRFY_FILE` sets it from a file.
//!
//! A variable that is no key only gives a warning, since orchestrators put variables of their own into the
//! environment of a service (`TEGAMI_PORT=tcp://10.0.0.7:25`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::bounded;
use super::keys::{self, Key};
use super::load::Layers;
use super::problem::{Place, did_you_mean};
use super::setting::Raw;

const PREFIX: &str = "TEGAMI_";
const FROM_FILE: &str = "_file";

/// The largest file with a value in it.
const LARGEST_VALUE: u64 = 64 * 1024;

/// Names the configuration file; not a key.
pub const CONFIG: &str = "TEGAMI_CONFIG";

/// Puts the variables over what is there.
pub(super) fn apply(variables: &[(OsString, OsString)], layers: &mut Layers) {
    let ours: BTreeMap<String, &OsString> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value)))
        .filter(|(name, _)| name.starts_with(PREFIX) && name != CONFIG)
        .collect();
    let exact: Vec<String> = ours.keys().map(|name| key_name(name)).collect();
    for (variable, value) in &ours {
        let place = Place::Variable(variable.clone());
        let Some(text) = value.to_str() else {
            layers
                .problems
                .push(place.problem("the value is not UTF-8 text"));
            continue;
        };
        let name = key_name(variable);
        if let Some(key) = keys::find(&name) {
            layers.set(key, Raw::Text(text), place);
        } else if let Some(key) = name.strip_suffix(FROM_FILE).and_then(keys::find) {
            if exact.iter().any(|name| name == key.name) {
                layers.warnings.push(format!(
                    "{variable} is ignored: {} is set too and wins",
                    variable_name(key.name)
                ));
            } else {
                set_from_file(layers, key, text, place);
            }
        } else {
            let meant = keys::meant(&name).map(variable_name);
            layers.warnings.push(format!(
                "{variable} is no setting and is ignored{}",
                did_you_mean(meant.as_deref())
            ));
        }
    }
}

fn set_from_file(layers: &mut Layers, key: &'static Key, path: &str, place: Place) {
    match bounded::read(Path::new(path), LARGEST_VALUE) {
        Ok(text) => layers.set(key, Raw::Text(without_newline(&text)), place),
        Err(error) => layers
            .problems
            .push(place.problem(format!("cannot read {path:?}: {error}"))),
    }
}

/// Editors and `echo` end a file with a newline that nobody means to be part of the value.
fn without_newline(text: &str) -> &str {
    text.strip_suffix('\n')
        .map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

/// `TEGAMI_SMTP__VRFY` is `smtp.vrfy`.
fn key_name(variable: &str) -> String {
    variable
        .strip_prefix(PREFIX)
        .unwrap_or(variable)
        .to_ascii_lowercase()
        .replace("__", ".")
}

/// `smtp.vrfy` is `TEGAMI_SMTP__VRFY`.
fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}
