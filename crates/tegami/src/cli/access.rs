//! How the command line reaches accounts, aliases and lists: through the running server, otherwise on the store itself.
//! The user need not know which.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use admin::{Answer, Client, Operations, Request, Response, Stopped};
use anyhow::{Context, Result, bail};
use auth::Keyring;
use mailstore::{OpenError, Store};

use super::report::Stuck;
use crate::config::Config;
use crate::key_file;
use crate::serve;
use crate::terminal::note;

/// How long a store held by somebody who does not answer is waited for: a server that is starting binds its
/// socket in this time, another command is done.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks whoever can answer.
///
/// # Errors
/// A refusal, or nobody could be asked.
pub fn ask(config: &Config, request: &Request) -> Result<Response> {
    Ok(try_ask(config, request)??)
}

/// As [`ask`], with a refusal apart from the failures.
pub fn try_ask(config: &Config, request: &Request) -> Result<Answer> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(client) = Client::connect(&config.data_dir)? {
            return Ok(client.ask(request)?);
        }
        check_directory(&config.data_dir, request)?;
        match Store::open(&config.data_dir, serve::store_options(config)) {
            Ok((store, opened)) => {
                if !opened.damaged.is_empty() || opened.rebuilt.is_some() {
                    opened
                        .sentences()
                        .iter()
                        .for_each(|sentence| note(&format!("note: {sentence}")));
                }
                return offline(config, store, request);
            }
            Err(OpenError::InUse { .. }) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(100))
            }
            Err(error) => return Err(unopened(error, &config.data_dir)),
        }
    }
}

fn offline(config: &Config, store: Store, request: &Request) -> Result<Answer> {
    let stopped = Stopped {
        domains: config.domains.clone(),
        default_quota: config.mailbox.quota.0,
        accounts_file: config.accounts_file.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let operations = Operations::new(store.clone(), Arc::new(stopped));
        let answer = operations.execute(request.clone()).await;
        drop(operations);
        store.close().await;
        Ok(answer)
    })
}

/// Refuses to make a data directory by asking about it, and to leave files in it that its owner cannot read.
pub fn check_directory(data_dir: &Path, request: &Request) -> Result<()> {
    let there = match fs::metadata(data_dir) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match request {
                Request::AccountAdd { .. } | Request::AccountMayAdd { .. } => Ok(()),
                Request::AccountMayChange { .. }
                | Request::AccountList
                | Request::AccountShow { .. }
                | Request::AccountRemove { .. }
                | Request::AccountPassword { .. }
                | Request::AccountForbidApop { .. }
                | Request::AccountQuota { .. }
                | Request::AccountEnable { .. }
                | Request::AccountSuspend { .. }
                | Request::AccountTerms { .. }
                | Request::Handling(_)
                | Request::List(_)
                | Request::AliasAdd { .. }
                | Request::AliasList
                | Request::AliasRemove { .. }
                | Request::Status
                | Request::Suspend { .. }
                | Request::Hold
                | Request::Placed { .. }
                | Request::Queue(_)
                | Request::Route { .. }
                | Request::Compare(_)
                | Request::Carry(_) => Err(Stuck::new(
                    format!("there is no data directory {} yet", data_dir.display()),
                    "add an account with `tegami account add`, or name the right configuration with --config",
                )
                .into()),
            };
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look at {}", data_dir.display()));
        }
    };
    check_owner(data_dir, there.uid())
}

/// The keys of the house. They are made here only if no server ever was, by the user whose they will be.
///
/// # Errors
/// They cannot be read or made.
pub fn keyring(data_dir: &Path) -> Result<Keyring> {
    match fs::metadata(data_dir) {
        Ok(there) => {
            if !key_file::exists(data_dir) {
                check_owner(data_dir, there.uid())?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            key_file::make_directory(data_dir)
                .with_context(|| format!("cannot make {}", data_dir.display()))?;
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look at {}", data_dir.display()));
        }
    }
    Ok(key_file::keyring(data_dir)?)
}

/// Refuses to change files in a data directory for anybody but its owner, who could not read them afterwards.
///
/// # Errors
/// It belongs to somebody else, or cannot be looked at.
pub fn check_owner_of(data_dir: &Path) -> Result<()> {
    let there =
        fs::metadata(data_dir).with_context(|| format!("cannot look at {}", data_dir.display()))?;
    check_owner(data_dir, there.uid())
}

fn check_owner(data_dir: &Path, owner: u32) -> Result<()> {
    let user = rustix::process::geteuid().as_raw();
    if owner != user {
        bail!(Stuck::new(
            format!(
                "{} belongs to user {}, and no server answers there",
                data_dir.display(),
                owner
            ),
            format!("run this as that user: sudo -u '#{}' tegami ...", owner),
        ));
    }
    Ok(())
}

pub fn unopened(error: OpenError, data_dir: &Path) -> anyhow::Error {
    match error {
        OpenError::InUse { .. } => Stuck::new(
            error.to_string() + ", and its admin socket does not answer",
            format!(
                "look at that server's log; its socket should be {}",
                data_dir.join(admin::SOCKET_NAME).display()
            ),
        )
        .into(),
        OpenError::Io { .. }
        | OpenError::Newer { .. }
        | OpenError::UnknownKind { .. }
        | OpenError::Unfinished { .. }
        | OpenError::Index(_)
        | OpenError::Thread(_) => anyhow::Error::new(error).context("cannot open the store"),
    }
}
