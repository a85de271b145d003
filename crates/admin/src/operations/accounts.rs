//! The account verbs.

use address::Mailbox;
use auth::NewPassword;
use mailstore::{Account, Change, ChangeError, NewAccount, Terms};

use super::{Operations, refusal};
use crate::message::{AccountFacts, Answer, NewTerms, Refusal, RefusalKind, Response};

/// Longest name for people, in octets.
const MAX_NAME: usize = 200;

impl Operations {
    pub(super) async fn add_account(
        &self,
        address: Mailbox,
        name: String,
        password: NewPassword,
        quota: Option<u64>,
    ) -> Answer {
        self.check_new(&address)?;
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            let message = format!("a name has at most {MAX_NAME} octets and no control characters");
            return Err(Refusal::new(RefusalKind::Unsuitable, message));
        }
        let account = NewAccount {
            name,
            password: Some(password.hash),
            keys: password.keys,
            quota,
            ..NewAccount::new(address.clone())
        };
        self.change(Change::AddAccount(account)).await?;
        tracing::info!(account = %address, "account added");
        self.show_account(&address).map(Response::Account)
    }

    /// Refuses an address that no account can be made for. The store would do so too, except for the domain.
    pub(super) fn check_new(&self, address: &Mailbox) -> Result<(), Refusal> {
        self.check_domain(address)?;
        let directory = self.store.directory();
        if address.local.detail().is_some() {
            return Err(refusal(ChangeError::Detail(address.clone())));
        }
        if address.local.as_str() == "*" {
            return Err(refusal(ChangeError::CatchAll(address.clone())));
        }
        let taken = directory.by_address(address).is_some()
            || directory.alias(address).is_some()
            || directory.list(address).is_some();
        if taken {
            return Err(refusal(ChangeError::AddressTaken(address.clone())));
        }
        Ok(())
    }

    pub(super) fn list_accounts(&self) -> Vec<AccountFacts> {
        let directory = self.store.directory();
        let mut accounts: Vec<AccountFacts> = directory
            .accounts()
            .map(|account| self.facts(account))
            .collect();
        accounts.sort_by_key(|account| (account.address.host.to_string(), account.address.key()));
        accounts
    }

    pub(super) fn show_account(&self, address: &Mailbox) -> Result<AccountFacts, Refusal> {
        self.find(address).map(|account| self.facts(&account))
    }

    pub(super) async fn remove_account(&self, address: &Mailbox, with_mail: bool) -> Answer {
        let account = self.find_own(address)?;
        let usage = self.store.usage(account.id);
        if usage.messages > 0 && !with_mail {
            let messages = match usage.messages {
                1 => "1 message".to_owned(),
                several => format!("{several} messages"),
            };
            let message = format!(
                "{} holds mail: {messages} would be deleted for good",
                account.address
            );
            return Err(Refusal::new(RefusalKind::HoldsMail, message)
                .remedy("fetch the mail first, or say --yes; `account disable` keeps it"));
        }
        // All or nothing: an account of that name made later must not get mail meant for this one.
        let mut without = self.without(vec![account.address.clone()]);
        without.changes.push(Change::RemoveAccount(account.id));
        self.store
            .change_all(without.changes)
            .await
            .map_err(refusal)?;
        self.surroundings.changed(account.id);
        let (messages, octets) = (usage.messages, usage.octets);
        tracing::info!(account = %account.address, messages, octets, "account removed");
        Ok(Response::Removed {
            address: account.address,
            messages,
            octets,
            left: without.left,
            emptied: without.emptied,
            forwards: without.forwards,
        })
    }

    pub(super) async fn set_password(&self, address: &Mailbox, password: NewPassword) -> Answer {
        let change = |account: &mut Account| {
            account.password = Some(password.hash);
            account.keys = password.keys;
        };
        self.change_account(address, change).await
    }

    pub(super) async fn forbid_apop(&self, address: &Mailbox) -> Answer {
        let change = |account: &mut Account| account.keys.unseal();
        self.change_account(address, change).await
    }

    /// Changes what the accounts file would say about a declared account.
    pub(super) async fn change_account(
        &self,
        address: &Mailbox,
        change: impl FnOnce(&mut Account),
    ) -> Answer {
        let mut account = self.find_own(address)?;
        change(&mut account);
        self.put_account(account).await
    }

    /// Switches an account on or off, a declared one too: what is switched off by hand stays off at a reload.
    pub(super) async fn enable_account(&self, address: &Mailbox, enabled: bool) -> Answer {
        let account = self.find(address)?;
        self.put_account(Account { enabled, ..account }).await
    }

    /// Puts new mail off, or takes it again; of a declared account too, since a reload leaves that as it is.
    pub(super) async fn suspend_account(&self, address: &Mailbox, suspended: bool) -> Answer {
        let mut account = self.find(address)?;
        account.terms.suspended = suspended;
        self.put_account(account).await
    }

    pub(super) async fn put_account(&self, account: Account) -> Answer {
        let (id, address) = (account.id, account.address.clone());
        self.change(Change::PutAccount(account)).await?;
        self.surroundings.changed(id);
        tracing::info!(account = %address, "account changed");
        self.show_account(&address).map(Response::Account)
    }

    pub(super) fn find(&self, address: &Mailbox) -> Result<Account, Refusal> {
        let directory = self.store.directory();
        match directory.by_address(address) {
            Some(account) => Ok(account.clone()),
            None => Err(Refusal::new(
                RefusalKind::NoAccount,
                format!("there is no account {address}"),
            )
            .remedy("see `tegami account list`")),
        }
    }

    /// An account that may be changed here: one that stands in the accounts file would be set back, or made
    /// again, at the next reload. Where there is no such file any more, whoever changes an account takes it over.
    pub(super) fn find_own(&self, address: &Mailbox) -> Result<Account, Refusal> {
        let account = self.find(address)?;
        if account.declared.is_none() {
            return Ok(account);
        }
        let Some(file) = self.surroundings.accounts_file() else {
            return Ok(Account {
                declared: None,
                ..account
            });
        };
        let message = format!("{} is declared in {}", account.address, file.display());
        Err(Refusal::new(RefusalKind::Declared, message)
            .remedy("change it there, then reload the server (SIGHUP) or start it"))
    }
}

impl NewTerms {
    /// Replaces what is named, and leaves the rest.
    pub(super) fn put_into(self, terms: &mut Terms) {
        let Self {
            mailbox,
            utf8,
            login,
            send_to,
        } = self;
        terms.mailbox = mailbox.unwrap_or(terms.mailbox);
        terms.utf8 = utf8.unwrap_or(terms.utf8);
        terms.login = login.unwrap_or(terms.login);
        if let Some(send_to) = send_to {
            terms.send_to = send_to;
        }
    }
}
