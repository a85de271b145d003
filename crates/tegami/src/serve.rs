//! The running server: everything is put together here, in the order in which it must stand.
//!
//! Store, listening sockets, certificate, declared accounts, logins, admin socket; then clients are let in, and
//! it is `ready`. It stops in the opposite order. What the parts do is theirs to know.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use address::Mailbox;
use admin::{AdminSocket, Operations};
use anyhow::{Context, Result};
use auth::{Authenticator, Keyring, Wanted};
use mailstore::{Change, ChangeError, NewAccount, Resolution, Store};
use net::Server;
use net::tls::Certificates;
use rustls::pki_types::CertificateDer;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Loaded};
use crate::declared::{self, Declaration, Workshop};
use crate::host::House;
use crate::host::accounts::StoredAccounts;
use crate::key_file;
use crate::telemetry::Telemetry;

mod activation;
pub mod devices;
pub mod dns;
mod fetching;
mod listeners;
mod manager;
mod memory;
mod open_files;
pub mod outbound;
mod policy;
mod ready;
pub mod refused;
mod reload;
mod services;
mod signals;
mod strangers;
mod surroundings;
mod trust;
pub mod web;

pub use activation::Inherited;
use fetching::{Board, Fetching};
pub use listeners::certificates;
pub use open_files::warning as open_files_warning;
use outbound::Outbound;
pub use outbound::settings as roads;
use ready::Ready;
pub use signals::Signals;
use surroundings::Live;
use trust::Trust;
pub use trust::gateways;

/// How long sessions may finish what they are doing when the server stops.
pub const DRAIN: Duration = Duration::from_secs(10);

/// A server that has been started.
pub struct Running {
    house: Arc<House>,
    server: Arc<Server>,
    certificates: Arc<Certificates>,
    outbound: Outbound,
    fetching: Fetching,
    admin: JoinHandle<()>,
    watch: JoinHandle<()>,
    stopping: CancellationToken,
}

/// `tegami serve`: runs until SIGTERM or SIGINT, reloads on SIGHUP.
///
/// # Errors
/// Something the server cannot do without is not there; the message says what.
pub fn run(loaded: Loaded, explicit: Option<&Path>) -> Result<()> {
    let Loaded {
        mut config,
        warnings,
        ..
    } = loaded;
    let telemetry = Telemetry::start(&config.log)?;
    for warning in warnings {
        tracing::warn!(%warning, "configuration");
    }
    let inherited = Inherited::take()?;
    if let Err(error) = open_files::raise() {
        tracing::warn!(%error, "limit on open files not raised");
    }
    if let Some(warning) = open_files::warning(&config) {
        tracing::warn!(%warning, "configuration");
    }
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let running = tokio::select! {
            running = start(&config, inherited) => running?,
            // Nobody has been served yet, and what was begun is as safe as after a crash.
            () = signals.stop() => {
                tracing::info!("stopped before it was ready");
                return Ok(());
            }
        };
        manager::ready();
        let watchdog = manager::watchdog(&running.server);
        let memory = memory::tend();
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    signals::Signal::Reload => {
                        manager::reloading();
                        let reload = reload::reload(&running, &telemetry, &mut config, explicit);
                        tokio::select! {
                            () = reload => manager::ready(),
                            // Many new passwords take minutes, and the next start comes back to them.
                            () = signals.stop() => break,
                        }
                    }
                    signals::Signal::Stop => break,
                },
                gateways = trust::moved(&running.server) => {
                    trust::apply(&running, &config, gateways);
                }
                servers = dns::moved(&running.house.resolver, &config) => {
                    tracing::info!(?servers, "name servers");
                    running.house.resolver.ask(&servers);
                }
            }
        }
        manager::stopping();
        memory.abort();
        if let Some(watchdog) = watchdog {
            watchdog.abort();
        }
        running.stop(&mut signals).await;
        Ok(())
    })
}

/// Threads for what may block: reading from the store, and long commands of the administrator. The allocator keeps memory
/// for each: with as many as the runtime likes (up to 98 were seen), a process that had sent 30,000 messages on had 188 MiB,
/// with so many 112.
const BLOCKING: usize = 16;

/// The runtime of the server: as many workers as there are cores.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .build()
        .context("cannot start the worker threads")
}

/// Starts a server, on sockets handed over where there are any, and returns once every listener accepts.
///
/// # Errors
/// Something the server cannot do without is not there; nothing keeps running then.
pub async fn start(config: &Config, inherited: Inherited) -> Result<Running> {
    let begun = Instant::now();
    net::tls::begin();
    let store = open_store(config).await?;
    match stand_up(config, inherited, store.clone(), begun).await {
        Ok(running) => Ok(running),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

async fn stand_up(
    config: &Config,
    inherited: Inherited,
    store: Store,
    begun: Instant,
) -> Result<Running> {
    // First what may fail for reasons outside: a start that cannot be leaves a store without anything in it, no account
    // in a domain that was a slip of the finger, and no key.
    let sockets = listeners::bind(config, inherited)?;
    let for_certificates = config.clone();
    let certificates =
        tokio::task::spawn_blocking(move || certificates(&for_certificates)).await??;
    let keyring = Arc::new(key_file::keyring(&config.data_dir)?);
    if let Some(file) = &config.accounts_file {
        reconcile(&store, &keyring, config, file).await?;
    }
    ensure_postmaster(&store, config).await?;
    strangers::mention(&store, config);
    let accounts = Arc::new(StoredAccounts(store.clone()));
    let gateways = trust::gateways();
    devices::refuse_gateways(config, &gateways)?;
    let trust = Trust::new(config, &gateways);
    let options = auth::Options {
        exempt: trust.exempt.clone(),
        ..auth::Options::default()
    };
    let authenticator = Authenticator::new(accounts, Arc::clone(&keyring), options)?;
    let policy = policy::of(config, &trust);
    authenticator.set_disclosure(policy.disclosure);
    let house = Arc::new(House::new(
        store,
        authenticator,
        keyring,
        policy,
        dns::anchors(config)?,
    ));
    dns::settle(&house.resolver, config);
    let server = Arc::new(Server::new(listeners::limits(config, &trust)));
    server.set_gateways(gateways);
    server.set_proxies(config.proxy.from.clone());
    let socket = AdminSocket::bind(&config.data_dir)?;
    let fetched = Arc::new(Board::default());
    let surroundings = Live::new(&house, &certificates, &server, &fetched, &config.data_dir);
    let operations = Operations::new(house.store.clone(), Arc::new(surroundings));
    let operations = Arc::new(operations.in_directory(&config.data_dir));
    undo_import(&operations).await;
    let outbound = Outbound::start(config, &house)?;
    let stopping = CancellationToken::new();
    let ready = Ready::of(&sockets);
    sockets.serve(&server, &house, &certificates)?;
    let fetching = Fetching::start(config, (&house, &server, &outbound), fetched);
    let running = Running {
        admin: tokio::spawn(socket.serve(operations, stopping.clone().cancelled_owned())),
        watch: tokio::spawn(Arc::clone(&certificates).watch()),
        house,
        server,
        certificates,
        outbound,
        fetching,
        stopping,
    };
    ready.log(begun.elapsed());
    Ok(running)
}

impl Running {
    /// What sessions share.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// The certificate its listeners show.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificates.shown()
    }

    /// Turns new clients away, lets sessions finish within [`DRAIN`], or until a second signal to stop comes, then
    /// closes the store.
    pub async fn stop(self, signals: &mut Signals) {
        tracing::info!(within = ?DRAIN, "stopping");
        // Mail that is leaving has the same time; whatever does not make it is tried again after the next start.
        let drain = async {
            tokio::join!(
                self.server.shutdown(DRAIN),
                self.outbound.stop(DRAIN),
                self.fetching.stop(DRAIN)
            )
            .0
        };
        tokio::pin!(drain);
        let drained = tokio::select! {
            drained = &mut drain => drained,
            () = signals.stop() => {
                // What was answered 250 is on disk; a message that is coming in was not, and is sent again.
                tracing::warn!("stopping at once: sessions that are still open are dropped, no mail is lost");
                self.server.cut();
                self.outbound.stop(Duration::ZERO).await;
                drain.await
            }
        };
        self.stopping.cancel();
        self.watch.abort();
        if let Err(error) = self.admin.await {
            tracing::error!(%error, "admin socket failed");
        }
        self.house.store.clone().close().await;
        tracing::info!(
            sessions = drained.open,
            dropped = drained.dropped,
            "stopped"
        );
    }
}

async fn open_store(config: &Config) -> Result<Store> {
    let directory = config.data_dir.clone();
    let options = store_options(config);
    // A thread of its own, for what a thread has freed goes back to the system when it ends.
    let (sender, opened) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("tegami-open".to_owned())
        .spawn(move || sender.send(Store::open(&directory, options)).is_ok())
        .context("cannot start a thread to open the store")?;
    let (store, opened) = opened.await.context("opening the store panicked")??;
    tracing::info!(report = %opened, "store opened");
    Ok(store)
}

/// How the store is opened, by a server or by the command line while no server runs.
pub fn store_options(config: &Config) -> mailstore::Options {
    mailstore::Options {
        default_quota: config.mailbox.quota.0,
        max_message: config.smtp.max_message_size.0,
        undelete_window: config.mailbox.undelete_window,
        outgoing_octets: config.relay.queue_size.0,
        outgoing_messages: u64::from(config.relay.queue_messages),
        ..mailstore::Options::default()
    }
}

/// Nobody shall fetch half an import. What stands in the way of undoing it is said; the next import tries again.
async fn undo_import(operations: &Arc<Operations>) {
    let operations = Arc::clone(operations);
    match tokio::task::spawn_blocking(move || operations.undo_import()).await {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => tracing::error!(%refusal, "half an import is still there"),
        Err(error) => tracing::error!(%error, "half an import is still there"),
    }
}

/// Makes the accounts in the store what the accounts file says.
async fn reconcile(
    store: &Store,
    keyring: &Arc<Keyring>,
    config: &Config,
    file: &Path,
) -> Result<()> {
    // A thousand password files are read, and sessions go on meanwhile.
    let (path, domains) = (file.to_owned(), config.domains.clone());
    let reading = tokio::task::spawn_blocking(move || declared::load(&path, &domains));
    let declarations = reading.await??;
    for warning in &declarations.warnings {
        tracing::warn!(%warning, "accounts file");
    }
    let workshop = Workshop {
        keyring: Arc::clone(keyring),
        wanted: Wanted::by(&config.auth.mechanisms),
    };
    let (domains, data_dir) = (&config.domains, &config.data_dir);
    let report = declared::reconcile(&declarations, store, domains, data_dir, workshop).await?;
    tracing::info!(%report, file = %file.display(), "declared accounts");
    for list in &report.lists_left {
        tracing::warn!(%list, "this list is not declared any more and stays as it is; `tegami list remove` removes it");
    }
    for (list, members) in &report.not_joined {
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        tracing::warn!(
            %list, members = members.join(", "),
            "declared, but not on this list, and whether they left it is not known any more (declared.json was missing or damaged); `tegami list member add` subscribes them"
        );
    }
    for alias in &report.aliases_in_circles {
        tracing::warn!(
            %alias,
            "this alias stays as it was: with aliases made by hand it would lead back to itself; `tegami alias list` shows them"
        );
    }
    judge(declarations.accounts, &report);
    Ok(())
}

/// Says which passwords of new and changed accounts are easy to guess, without keeping anybody waiting for it.
fn judge(mut declared: Vec<Declaration>, report: &declared::Report) {
    let news = report.made.iter().chain(&report.altered);
    let news: HashSet<String> = news.map(Mailbox::key).collect();
    declared.retain(|account| news.contains(&account.address.key()));
    if !declared.is_empty() {
        tokio::task::spawn_blocking(move || {
            if let Some(warning) = declared::weak(&declared) {
                tracing::warn!(%warning, "accounts file");
            }
        });
    }
}

/// RFC 5321 section 4.5.1: mail for postmaster is always taken. With no account to take it, a mailbox without a
/// password is made; `tegami account password` opens it.
async fn ensure_postmaster(store: &Store, config: &Config) -> Result<()> {
    let directory = store.directory();
    if let Some(postmaster) = &config.postmaster
        && directory.resolve(postmaster) == Resolution::Unknown
    {
        tracing::warn!(%postmaster, "postmaster has no account; the first account gets its mail");
    }
    if directory.accounts().any(|account| account.enabled) {
        return Ok(());
    }
    let Some(domain) = config.domains.first() else {
        return Ok(());
    };
    let address = Mailbox::parse_user(&format!("postmaster@{domain}"))?;
    let account = NewAccount {
        name: "Postmaster".to_owned(),
        ..NewAccount::new(address.clone())
    };
    match store.change(Change::AddAccount(account)).await {
        Ok(()) => {
            tracing::info!(%address, "mailbox made for postmaster, since there is no account yet")
        }
        Err(ChangeError::AddressTaken(address)) => {
            tracing::warn!(%address, "nobody gets the mail for postmaster: that account is disabled");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
