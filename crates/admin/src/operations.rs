//! The verbs, carried out on the store. The same code serves the admin socket and the command line while no
//! server runs; it knows neither of them.

mod accounts;
mod aliases;
mod forwards;
mod lists;
mod mail;
mod queue;
mod route;
mod upkeep;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use address::{Domain, ForwardPath, Host, Mailbox, ReversePath};
use auth::ScramHash;
use mailstore::{
    Account, AccountId, Census, Change, ChangeError, Damage, Hold, IndexState, Store, StoreError,
};
use tokio::sync::Mutex;

use crate::comparison::{Compared, Comparison};
use crate::message::{
    AccountFacts, Answer, IndexFacts, Refusal, RefusalKind, Request, Response, ServerFacts, Status,
    StoreFacts,
};
use crate::queue::{OutageFacts, PauseNews, Question, QueueNews, Standing};

/// What the verbs need to know of everything that is not the store.
pub trait Surroundings: Send + Sync {
    /// The domains served here.
    fn domains(&self) -> Vec<Domain>;

    /// The quota of an account that names none, in octets; 0 is no limit.
    fn default_quota(&self) -> u64;

    /// The accounts file in force. Without one, nothing is declared, whatever was declared before.
    fn accounts_file(&self) -> Option<PathBuf>;

    /// How the running server is; `None` when this is not one.
    fn server(&self) -> Option<ServerFacts>;

    /// An account has been changed or removed.
    fn changed(&self, account: AccountId);

    /// Stops taking mail for the time being, or goes on with it.
    ///
    /// # Errors
    /// [`Refusal`]: there is no server, or the configuration wants it otherwise.
    fn suspend(&self, suspended: bool) -> Result<(), Refusal>;

    /// The queue has been changed. Nobody has to be told while no server runs. True of a message that is withdrawn too late:
    /// whatever is on its way of it is cut off, but another server may have it already.
    fn queue_news(&self, _news: QueueNews) -> bool {
        false
    }

    /// Starts no more mail for this next hop (a domain or a route), or none at all, or goes on: with one, or with
    /// everything that was paused.
    ///
    /// # Errors
    /// [`Refusal`]: there is no server, or the configuration wants it otherwise.
    fn pause_queue(&self, _hop: Option<&str>, _paused: bool) -> Result<PauseNews, Refusal> {
        let refusal = Refusal::new(RefusalKind::NotRunning, "no server runs, so no mail leaves");
        Err(refusal.remedy("for a server that sends nothing from its start on, set `enabled = false` under [relay] in the configuration"))
    }

    /// What is paused, in words.
    fn paused_queue(&self) -> Vec<String> {
        Vec::new()
    }

    /// How it stands with these, in their order; nothing is known of those for whom there is no answer.
    fn standing(
        &self,
        _asked: Vec<Question>,
    ) -> Pin<Box<dyn Future<Output = Vec<Standing>> + Send>> {
        Box::pin(async { Vec::new() })
    }

    /// Servers of the configuration that take no mail of ours.
    fn outages(&self) -> Vec<OutageFacts> {
        Vec::new()
    }

    /// What reading an accounts file would change.
    fn compare(
        &self,
        _with: Comparison,
    ) -> Pin<Box<dyn Future<Output = Result<Compared, Refusal>> + Send>> {
        Box::pin(async {
            let message = "no server runs, so none reads an accounts file again";
            Err(Refusal::new(RefusalKind::NotRunning, message))
        })
    }

    /// By which route or to which domain mail for this recipient goes, where that is known.
    fn next_hop(&self, _sender: &ReversePath, _recipient: &ForwardPath) -> Option<String> {
        None
    }
}

/// The surroundings while no server runs: what the configuration says.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The domains served here.
    pub domains: Vec<Domain>,
    /// Octets; 0 is no limit.
    pub default_quota: u64,
    /// The accounts file.
    pub accounts_file: Option<PathBuf>,
}

impl Surroundings for Stopped {
    fn domains(&self) -> Vec<Domain> {
        self.domains.clone()
    }

    fn default_quota(&self) -> u64 {
        self.default_quota
    }

    fn accounts_file(&self) -> Option<PathBuf> {
        self.accounts_file.clone()
    }

    fn server(&self) -> Option<ServerFacts> {
        None
    }

    fn changed(&self, _account: AccountId) {}

    fn suspend(&self, _suspended: bool) -> Result<(), Refusal> {
        let refusal = Refusal::new(
            RefusalKind::NotRunning,
            "no server runs, so none takes mail",
        );
        Err(refusal.remedy("for a server that takes none from its start on, set `suspended = true` in the configuration"))
    }
}

/// Carries out requests.
pub struct Operations {
    store: Store,
    surroundings: Arc<dyn Surroundings>,
    /// Held while letters are imported.
    importing: Mutex<()>,
    /// Where an import keeps its journal.
    data_dir: Option<PathBuf>,
}

impl Operations {
    /// Verbs on this store.
    pub fn new(store: Store, surroundings: Arc<dyn Surroundings>) -> Self {
        Self {
            store,
            surroundings,
            importing: Mutex::new(()),
            data_dir: None,
        }
    }

    /// With the data directory of the store, without which nothing can be imported.
    #[must_use]
    pub fn in_directory(self, data_dir: &Path) -> Self {
        Self {
            data_dir: Some(data_dir.to_owned()),
            ..self
        }
    }

    /// Carries out one request. When it answers that something is done, it is durable.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has been changed then, unless the store failed in the middle of it.
    pub async fn execute(&self, request: Request) -> Answer {
        let _changing = if request.changes() {
            Some(self.store.changing().await)
        } else {
            None
        };
        match request {
            Request::AccountAdd {
                address,
                name,
                password,
                quota,
            } => self.add_account(address, name, password, quota).await,
            Request::AccountMayAdd { address } => {
                self.check_new(&address).map(|()| Response::Allowed)
            }
            Request::AccountMayChange { address } => {
                self.find_own(&address).map(|_| Response::Allowed)
            }
            Request::AccountList => Ok(Response::Accounts(self.list_accounts())),
            Request::AccountShow { address } => self.show_account(&address).map(Response::Account),
            Request::AccountRemove { address, with_mail } => {
                self.remove_account(&address, with_mail).await
            }
            Request::AccountPassword { address, password } => {
                self.set_password(&address, password).await
            }
            Request::AccountForbidApop { address } => self.forbid_apop(&address).await,
            Request::AccountQuota { address, quota } => {
                self.change_account(&address, |account| account.quota = quota)
                    .await
            }
            Request::AccountEnable { address, enabled } => {
                self.enable_account(&address, enabled).await
            }
            Request::AccountSuspend { address, suspended } => {
                self.suspend_account(&address, suspended).await
            }
            Request::AccountTerms { address, terms } => {
                self.change_account(&address, |account| terms.put_into(&mut account.terms))
                    .await
            }
            Request::Handling(request) => self.handling(request).await,
            Request::List(request) => self.lists(request).await,
            Request::AliasAdd { address, targets } => self.add_alias(address, targets).await,
            Request::AliasList => Ok(Response::Aliases(self.list_aliases())),
            Request::AliasRemove { address, targets } => self.remove_alias(address, targets).await,
            Request::Status => Ok(Response::Status(self.status().await)),
            Request::Suspend { suspended } => self.suspend(suspended).await,
            Request::Queue(request) => self.queue(request).await,
            Request::Route {
                postmaster: true, ..
            } => Ok(Response::Route(self.postmaster())),
            Request::Route { address, .. } => Ok(Response::Route(self.route(&address))),
            Request::Compare(with) => self.compare(with).await,
            Request::Placed { places } => self.placed(places).await,
            // Whoever wants to hold calls `hold`; an answer alone holds nothing.
            Request::Hold => Err(not_asked_so("only a running server can hold its files")),
            // Whoever moves mail calls `carry`; there is more to it than an answer.
            Request::Carry(_) => Err(not_asked_so("this takes a connection of its own")),
        }
    }

    /// Keeps the files of the store from going away while the [`Hold`] lives, and counts what they lead to.
    ///
    /// # Errors
    /// A [`Refusal`] when too many hold already, or the index is not there to be counted.
    pub async fn hold(&self) -> Result<(Hold, Census), Refusal> {
        self.store.hold().await.map_err(|error| match error {
            StoreError::Rebuilding => {
                let message =
                    "the index is being built from the log, so nothing can be compared with it";
                Refusal::new(RefusalKind::Rebuilding, message)
                    .remedy("repeat it when `tegami status` says that the index is ready")
            }
            StoreError::Held => {
                Refusal::new(RefusalKind::Store, error.to_string()).remedy("let them end first")
            }
            StoreError::Full
            | StoreError::MailboxFull { .. }
            | StoreError::QueueFull { .. }
            | StoreError::Io { .. }
            | StoreError::Incomplete
            | StoreError::NoRecipients
            | StoreError::TooLarge
            | StoreError::Stopped => Refusal::new(RefusalKind::Store, error.to_string()),
        })
    }

    async fn compare(&self, with: Comparison) -> Answer {
        let compared = self.surroundings.compare(with).await?;
        Ok(Response::Compared(compared))
    }

    async fn placed(&self, places: Vec<Damage>) -> Answer {
        let store = self.store.clone();
        // It goes through all mailboxes, which is no work for the threads that serve sessions.
        let looked = tokio::task::spawn_blocking(move || store.placed(&places)).await;
        let failed = |why: String| Refusal::new(RefusalKind::Store, why);
        let listed = looked.map_err(|error| failed(error.to_string()))?;
        let listed = listed.map_err(|error| failed(error.to_string()))?;
        Ok(Response::Placed(listed))
    }

    async fn suspend(&self, suspended: bool) -> Answer {
        self.surroundings.suspend(suspended)?;
        Ok(Response::Status(self.status().await))
    }

    async fn status(&self) -> Status {
        let queue = Box::new(self.queue_facts().await);
        let directory = self.store.directory();
        let stats = self.store.stats();
        let count = |counts: fn(&Account) -> bool| {
            let accounts = directory.accounts().filter(|account| counts(account));
            accounts.count() as u64
        };
        let store = StoreFacts {
            accounts: directory.accounts().len() as u64,
            disabled: count(|account| !account.enabled),
            suspended: count(|account| account.terms.suspended),
            without_mailbox: count(|account| !account.terms.mailbox),
            aliases: directory.aliases().len() as u64,
            queue,
            messages: stats.messages,
            octets: stats.octets,
            free: stats.free,
            reserve: stats.reserve,
            takes_mail: self.store.room(0).is_ok(),
            log: stats.engine.log_octets,
            removed_messages: stats.engine.removed.messages,
            removed_octets: stats.engine.removed.octets,
            undelete_window: self.store.undelete_window().as_secs(),
            index: index(stats.engine.index),
            write_failure: stats.engine.write_failure,
        };
        Status {
            server: self.surroundings.server(),
            store,
        }
    }

    async fn change(&self, change: Change) -> Result<(), Refusal> {
        self.store.change(change).await.map_err(refusal)
    }

    /// Refuses an address that mail cannot reach here.
    fn check_domain(&self, address: &Mailbox) -> Result<(), Refusal> {
        let domains = self.surroundings.domains();
        let served = match &address.host {
            Host::Domain(domain) => domains.contains(domain),
            Host::Literal(_) => false,
        };
        if served && address.local.is_route() {
            let message = format!(
                "{address}: with %, ! or @ in its name it would look like a route, and other servers' mail for it is refused"
            );
            return Err(
                Refusal::new(RefusalKind::Unsuitable, message).remedy("choose another name")
            );
        }
        if served {
            return Ok(());
        }
        let mut served: Vec<String> = domains.iter().map(ToString::to_string).collect();
        served.sort();
        let message = format!(
            "{} is not a domain of this server, which has: {}",
            address.host,
            served.join(", ")
        );
        Err(Refusal::new(RefusalKind::Unsuitable, message).remedy(
            "correct the address, or add the domain to `domains` in the configuration and reload",
        ))
    }

    fn facts(&self, account: &Account) -> AccountFacts {
        let usage = self.store.usage(account.id);
        let key = account.address.key();
        let directory = self.store.directory();
        let aliases = directory
            .aliases()
            .filter(|alias| alias.targets.iter().any(|target| target.key() == key))
            .map(|alias| alias.address.clone());
        AccountFacts {
            address: account.address.clone(),
            name: account.name.clone(),
            enabled: account.enabled,
            suspended: account.terms.suspended,
            mailbox: account.terms.mailbox,
            utf8: account.terms.utf8,
            login: account.terms.login,
            send_to: account.terms.send_to.clone(),
            password: account.password.is_some(),
            scram_sha_256: account.keys.scram(ScramHash::Sha256).is_some(),
            scram_sha_1: account.keys.scram(ScramHash::Sha1).is_some(),
            apop: account.keys.sealed().is_some(),
            declared: account.declared.is_some() && self.surroundings.accounts_file().is_some(),
            quota: account
                .quota
                .unwrap_or_else(|| self.surroundings.default_quota()),
            quota_is_default: account.quota.is_none(),
            messages: usage.messages,
            octets: usage.octets,
            aliases: aliases.collect(),
            forward: account.handling.forward.clone(),
            moved: account.handling.moved.clone(),
            vacation: account.handling.vacation.is_some(),
        }
    }
}

/// It can be done, but not by asking for it like this.
fn not_asked_so(message: &str) -> Refusal {
    Refusal::new(RefusalKind::NotUnderstood, message)
}

fn index(state: IndexState) -> IndexFacts {
    match state {
        IndexState::Ready => IndexFacts::Ready,
        IndexState::Checking => IndexFacts::Checking,
        IndexState::Rebuilding => IndexFacts::Rebuilding,
        IndexState::InMemory => IndexFacts::InMemory,
    }
}

/// What a failed change means to the person who wanted it.
fn refusal(error: ChangeError) -> Refusal {
    let message = error.to_string();
    match error {
        ChangeError::AddressTaken(_) => Refusal::new(RefusalKind::Taken, message)
            .remedy("see `tegami account list`, `tegami alias list` and `tegami list list`"),
        ChangeError::NoAccount(_) => Refusal::new(RefusalKind::NoAccount, message),
        ChangeError::Changed(_) => {
            Refusal::new(RefusalKind::Unsuitable, message).remedy("look at it, then try again")
        }
        ChangeError::NoAlias(_) => {
            Refusal::new(RefusalKind::NoAlias, message).remedy("see `tegami alias list`")
        }
        ChangeError::NoList(_) => {
            Refusal::new(RefusalKind::NoList, message).remedy("see `tegami list list`")
        }
        ChangeError::NoTargets(_) | ChangeError::AliasCycle(_) => {
            Refusal::new(RefusalKind::Unsuitable, message)
        }
        ChangeError::TooMany { .. } => Refusal::new(RefusalKind::Unsuitable, message)
            .remedy("for many people make a list: tegami list add"),
        ChangeError::CatchAll(_) => Refusal::new(RefusalKind::Unsuitable, message).remedy(
            "to give one account all mail there is nobody else for: tegami alias add '*@DOMAIN' ACCOUNT",
        ),
        ChangeError::ListName(_)
        | ChangeError::SettingsTooLong(_)
        | ChangeError::MovedToItself(_) => Refusal::new(RefusalKind::Unsuitable, message),
        ChangeError::Disclosed(_) => Refusal::new(RefusalKind::Unsuitable, message)
            .remedy("leave out --disclose, or name one address and say --no-keep"),
        ChangeError::ForwardAndMoved(address) => Refusal::new(RefusalKind::Unsuitable, message)
            .remedy(format!(
                "take one back first: tegami account refer {address} --off, or tegami account forward {address} --off"
            )),
        ChangeError::Detail(_) => Refusal::new(RefusalKind::Unsuitable, message)
            .remedy("mail to name+detail goes to the account without it by itself"),
        ChangeError::Store(_) => Refusal::new(RefusalKind::Store, message)
            .remedy("the server's log says more; `tegami status` shows free space"),
    }
}
