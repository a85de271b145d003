//! What `tegami check` finds out about mail that is to go on: whether postmaster is somebody, and whether what the accounts file
//! sends on can be sent on. What was made by hand is known only while the server runs.

use std::collections::HashSet;

use address::Mailbox;
use admin::{Client, Request, Response, RouteFacts};
use anyhow::Result;

use crate::config::{Config, Place};
use crate::declared::{self, Declarations};

/// A postmaster whom nobody is. An accounts file says who there will be, and so does a running server.
///
/// # Errors
/// The accounts file is wrong.
pub(super) fn postmaster(config: &Config) -> Result<Option<String>> {
    let Some(address) = &config.postmaster else {
        return Ok(None);
    };
    let mut known = false;
    let mut looked = false;
    if let Some(file) = &config.accounts_file {
        let declarations = declared::load(file, &config.domains)?;
        known = Known::new(config, &declarations).has(address);
        looked = true;
    }
    if !known {
        match running(config, address) {
            Some(RouteFacts::Leads { .. }) => known = true,
            Some(_) => looked = true,
            None => {}
        }
    }
    Ok((looked && !known).then(|| {
        format!(
            "postmaster: nobody has the address {}, so the first account gets this mail; name an account, or make that one: tegami account add {address}",
            address.unicode()
        )
    }))
}

/// What a running server says of it; nothing if none answers.
fn running(config: &Config, address: &Mailbox) -> Option<RouteFacts> {
    let client = Client::connect(&config.data_dir).ok()??;
    let request = Request::Route {
        postmaster: false,
        address: address.clone(),
    };
    let Response::Route(facts) = client.ask(&request).ok()?.ok()? else {
        return None;
    };
    Some(facts)
}

/// What an accounts file sends on to nobody, or where nothing leaves.
pub(super) fn declared(config: &Config, declarations: &Declarations) -> Vec<String> {
    let known = Known::new(config, declarations);
    let mut warnings = Vec::new();
    let mut warn = |place: &Place, message: String| {
        warnings.push(place.problem(message).to_string());
    };
    for account in &declarations.accounts {
        let Some(forward) = &account.forward else {
            continue;
        };
        for to in forward
            .to
            .iter()
            .filter(|to| known.is_here(to) && !known.has(to))
        {
            warn(
                &account.place,
                format!(
                    "forward: {to} is not in this file; the server starts only if it was made by hand"
                ),
            );
        }
        if !config.relay.enabled && forward.to.iter().any(|to| !known.is_here(to)) {
            let then = match forward.keep {
                true => "mail stays in the mailbox",
                false => "mail is refused (550) unless somebody here gets it",
            };
            warn(
                &account.place,
                format!("forward: relay.enabled is false, so {then}"),
            );
        }
    }
    if config.relay.enabled {
        return warnings;
    }
    for alias in &declarations.aliases {
        if alias.to.iter().any(|to| !known.is_here(to)) {
            let message = "to: relay.enabled is false, so nobody elsewhere gets this mail";
            warn(&alias.place, message.to_owned());
        }
    }
    for list in &declarations.lists {
        let message = "address: relay.enabled is false, so posts to this list are refused (550)";
        warn(&list.place, message.to_owned());
    }
    warnings
}

/// Who is in the accounts file.
struct Known<'a> {
    config: &'a Config,
    keys: HashSet<String>,
}

impl<'a> Known<'a> {
    fn new(config: &'a Config, declarations: &Declarations) -> Self {
        let accounts = declarations.accounts.iter();
        let accounts = accounts.flat_map(|one| std::iter::once(&one.address).chain(&one.aliases));
        let aliases = declarations.aliases.iter().map(|one| &one.address);
        let lists = declarations.lists.iter().map(|one| &one.settings.address);
        let keys = accounts.chain(aliases).chain(lists).map(Mailbox::key);
        Self {
            config,
            keys: keys.collect(),
        }
    }

    fn is_here(&self, address: &Mailbox) -> bool {
        let domain = address.host.domain();
        domain.is_some_and(|domain| self.config.domains.contains(domain))
    }

    /// Whether mail for it goes anywhere: by its name, the name before a `+`, the list it belongs to, or the catch-all.
    fn has(&self, address: &Mailbox) -> bool {
        let folded = address.local.folded();
        let named = |local: &str| {
            let local = local.parse().ok();
            let address = local.map(|local| Mailbox::new(local, address.host.clone()));
            address.is_some_and(|address| self.keys.contains(&address.key()))
        };
        let beside = ["-request", "-bounces", "-owner"];
        let lists = beside.iter().filter_map(|end| folded.strip_suffix(end));
        self.keys.contains(&address.key())
            || folded == "postmaster"
            || named(address.local.base())
            || named("*")
            || lists.into_iter().any(named)
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::check::understand;
    use crate::config::Sources;

    #[track_caller]
    fn check(config: &str, accounts: &str, expected: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tegami.toml");
        let data = directory.path().join("data");
        let text = format!(
            "domains = [\"a.test\"]\naccounts_file = \"accounts.toml\"\ndata_dir = {data:?}\n{config}"
        );
        std::fs::write(&path, text).unwrap();
        let hash = auth::PasswordHash::hash(&"vq7-Rmd2-kLw9".into()).unwrap();
        let account = format!(
            "[[account]]\naddress = \"me@a.test\"\npassword_hash = \"{}\"\n",
            hash.as_str()
        );
        std::fs::write(directory.path().join("accounts.toml"), account + accounts).unwrap();
        let sources = Sources {
            explicit: Some(path),
            variables: Vec::new(),
            usual: "absent".into(),
        };
        let warnings = understand(&sources.load().unwrap()).unwrap().warnings;
        for part in expected {
            let about = warnings.iter().any(|one| one.contains(part));
            assert!(about, "no {part:?} in {warnings:?}");
        }
        let ours = ["forward:", "postmaster:", "relay.enabled"];
        let ours = |one: &&String| ours.iter().any(|part| one.contains(part));
        assert_eq!(
            warnings.iter().filter(ours).count(),
            expected.len(),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_postmaster_who_is_nobody_is_said() {
        check(
            "postmaster = \"nobody@a.test\"",
            "",
            &["postmaster: nobody has the address nobody@a.test"],
        );
        check("postmaster = \"Me+x@a.test\"", "", &[]);
        check(
            "postmaster = \"any@a.test\"",
            "[[alias]]\naddress = \"*@a.test\"\nto = [\"me@a.test\"]\n",
            &[],
        );
    }

    #[test]
    fn mail_that_is_to_go_where_nothing_goes_is_said() {
        check(
            "",
            "forward = [\"nobody@a.test\"]\n",
            &["accounts.toml:1: forward: nobody@a.test is not in this file"],
        );
        check("", "forward = [\"you@b.test\"]\n", &[]);
        let beside = "[[alias]]\naddress = \"all@a.test\"\nto = [\"me@a.test\", \"you@b.test\"]\n\
                      [[list]]\naddress = \"staff@a.test\"\nowners = [\"me@a.test\"]\n";
        check("", &format!("forward = [\"you@b.test\"]\n{beside}"), &[]);
        check(
            "[relay]\nenabled = false\n",
            &format!("forward = [\"you@b.test\"]\n{beside}"),
            &[
                "accounts.toml:1: forward: relay.enabled is false, so mail stays in the mailbox",
                "to: relay.enabled is false, so nobody elsewhere gets this mail",
                "address: relay.enabled is false, so posts to this list are refused (550)",
            ],
        );
    }
}
