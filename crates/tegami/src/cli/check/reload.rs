//! What reading the accounts file again would change, as the running server says. It has the store; a check opens none, for
//! that may change it.

use std::path::Path;

use admin::{Client, Compared, Comparison, Request, Response};
use anyhow::{Result, bail};
use auth::Wanted;
use serde::Serialize;

use crate::config::Config;

/// Changes that are shown to people.
const MOST: usize = 20;

/// What came of asking.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reload {
    /// A sentence for everything that would change.
    Changes(Vec<String>),
    /// Why nobody could say.
    NotCompared(String),
}

/// Asks a running server what this accounts file would change.
///
/// # Errors
/// The server would refuse the file, as it goes against what was made by hand.
pub(super) fn compare(config: &Config, file: &Path) -> Result<Reload> {
    let client = match Client::connect(&config.data_dir) {
        Ok(Some(client)) => client,
        Ok(None) => {
            let why = "no server runs with this data directory; one that starts says in its log what it changed";
            return Ok(Reload::NotCompared(why.to_owned()));
        }
        Err(error) => return Ok(Reload::NotCompared(error.to_string())),
    };
    let wanted = Wanted::by(&config.auth.mechanisms);
    let request = Request::Compare(Comparison {
        file: std::path::absolute(file)?,
        domains: config.domains.clone(),
        scram_sha_256: wanted.scram_sha_256,
        scram_sha_1: wanted.scram_sha_1,
    });
    Ok(match client.ask(&request) {
        Ok(Ok(Response::Compared(Compared::Changes(changes)))) => Reload::Changes(changes),
        Ok(Ok(Response::Compared(Compared::Refused(why)))) => bail!(why),
        Ok(Ok(_)) => Reload::NotCompared("the server answered something else".to_owned()),
        Ok(Err(refusal)) => Reload::NotCompared(refusal.to_string()),
        Err(error) => Reload::NotCompared(error.to_string()),
    })
}

impl Reload {
    /// A line for each.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Changes(changes) if changes.is_empty() => {
                vec!["would change no account, alias or list".to_owned()]
            }
            Self::Changes(changes) => {
                let mut lines: Vec<String> = changes.iter().take(MOST).cloned().collect();
                if let more @ 1.. = changes.len().saturating_sub(MOST) {
                    lines.push(format!("and {more} more; --json shows all"));
                }
                lines
            }
            Self::NotCompared(why) => vec![format!("not compared with the store: {why}")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reload;

    #[test]
    fn what_a_reload_would_do_is_shown_as_far_as_people_read() {
        let changes =
            |number: usize| Reload::Changes(vec!["the account a is made".to_owned(); number]);
        assert_eq!(
            changes(0).lines(),
            ["would change no account, alias or list"]
        );
        assert_eq!(changes(20).lines().len(), 20);
        let many = changes(22).lines();
        assert_eq!(many.len(), 21);
        assert_eq!(many[20], "and 2 more; --json shows all");
        assert_eq!(
            Reload::NotCompared("why".to_owned()).lines(),
            ["not compared with the store: why"]
        );
    }
}
