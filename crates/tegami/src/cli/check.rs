//! `tegami check`: what the configuration means, in the words of the configuration. Everything wrong with it has
//! been said before this is reached, except what stands in the accounts file.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::table::{counted, pairs, quota, size};
use crate::config::{Config, Loaded};
use crate::declared;
use crate::terminal::note;

/// What was understood.
#[derive(Serialize)]
struct Understood {
    file: Option<PathBuf>,
    hostname: String,
    domains: Vec<String>,
    data_dir: PathBuf,
    accounts_file: Option<PathBuf>,
    accounts_declared: Option<usize>,
    listen: Vec<Listener>,
    certificate: Option<PathBuf>,
    mechanisms: Vec<&'static str>,
    max_message_size: u64,
    quota: u64,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Listener {
    service: &'static str,
    addresses: Vec<SocketAddr>,
}

/// The result as text or JSON; warnings go to stderr, or into the JSON.
///
/// # Errors
/// The accounts file is wrong.
pub fn show(loaded: &Loaded, json: bool) -> Result<String> {
    let understood = understand(loaded)?;
    if json {
        return Ok(serde_json::to_string_pretty(&understood)?);
    }
    for warning in &understood.warnings {
        note(&format!("warning: {warning}"));
    }
    Ok(describe(&understood))
}

fn understand(loaded: &Loaded) -> Result<Understood> {
    let Loaded {
        config,
        source,
        warnings,
    } = loaded;
    let mut warnings = warnings.clone();
    let mut accounts_declared = None;
    if let Some(file) = &config.accounts_file {
        let declarations = declared::load(file, &config.domains)?;
        warnings.extend(declarations.warnings);
        accounts_declared = Some(declarations.accounts.len());
    }
    Ok(Understood {
        file: source.clone(),
        hostname: config.hostname.to_string(),
        domains: config.domains.iter().map(ToString::to_string).collect(),
        data_dir: config.data_dir.clone(),
        accounts_file: config.accounts_file.clone(),
        accounts_declared,
        listen: listeners(config),
        certificate: config
            .tls
            .files()
            .map(|(certificate, _)| certificate.to_owned()),
        mechanisms: config
            .auth
            .mechanisms
            .iter()
            .map(|mechanism| mechanism.name())
            .collect(),
        max_message_size: config.smtp.max_message_size.0,
        quota: config.mailbox.quota.0,
        warnings,
    })
}

fn listeners(config: &Config) -> Vec<Listener> {
    let listen = &config.listen;
    [
        ("smtp", &listen.smtp),
        ("submission", &listen.submission),
        ("submissions", &listen.submissions),
        ("pop3", &listen.pop3),
        ("pop3s", &listen.pop3s),
    ]
    .map(|(service, addresses)| Listener {
        service,
        addresses: addresses.clone(),
    })
    .into_iter()
    .collect()
}

fn describe(understood: &Understood) -> String {
    let path = |path: &Option<PathBuf>, none: &str| {
        path.as_ref()
            .map_or_else(|| none.to_owned(), |path| path.display().to_string())
    };
    let accounts = match understood.accounts_declared {
        Some(number) => format!(
            "{} declared in {}",
            number,
            path(&understood.accounts_file, "-")
        ),
        None => "added with `tegami account add`".to_owned(),
    };
    let mut rows = vec![
        ("Configuration", path(&understood.file, "built-in defaults")),
        ("Hostname", understood.hostname.clone()),
        ("Domains", understood.domains.join(", ")),
        ("Data", understood.data_dir.display().to_string()),
        ("Accounts", accounts),
        (
            "Certificate",
            path(
                &understood.certificate,
                "self-signed, made at the first start",
            ),
        ),
    ];
    for (index, listener) in understood.listen.iter().enumerate() {
        let addresses: Vec<String> = listener.addresses.iter().map(ToString::to_string).collect();
        let addresses = if addresses.is_empty() {
            "off".to_owned()
        } else {
            addresses.join(", ")
        };
        rows.push((
            if index == 0 { "Listen" } else { "" },
            format!("{} {addresses}", listener.service),
        ));
    }
    rows.push(("Logins", understood.mechanisms.join(" ")));
    let largest = match understood.max_message_size {
        0 => "any size".to_owned(),
        octets => size(octets),
    };
    rows.push((
        "Limits",
        format!("message {largest}, quota {}", quota(understood.quota)),
    ));
    let odd = counted(understood.warnings.len() as u64, "warning");
    format!("{}\nThe configuration is good; {odd}.", pairs(rows))
}
