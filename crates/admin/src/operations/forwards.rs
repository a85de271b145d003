//! The verbs on what becomes of an account's mail beside its mailbox: forwards, references elsewhere, vacations.

use address::{Host, Mailbox};
use delivery::vacation::{Settings, Vacation};
use mailstore::{Account, Expansion, Forward};

use super::Operations;
use crate::message::{Answer, HandlingRequest, NewForward, Refusal, RefusalKind, Response};

impl Operations {
    pub(super) async fn handling(&self, request: HandlingRequest) -> Answer {
        match request {
            HandlingRequest::Forward { address, forward } => {
                self.forward_account(&address, forward).await
            }
            HandlingRequest::ForwardOff { address } => self.forward_no_more(&address).await,
            HandlingRequest::Refer { address, to } => self.refer_account(&address, to).await,
            HandlingRequest::Vacation { address, settings } => {
                self.set_vacation(&address, settings).await
            }
            HandlingRequest::VacationShow { address } => self.show_vacation(&address),
        }
    }

    async fn forward_account(&self, address: &Mailbox, new: NewForward) -> Answer {
        let mut account = self.find_with_mailbox(self.find_own(address)?)?;
        let before = account.handling.forward.take();
        let NewForward {
            to,
            keep,
            disclosed,
        } = new;
        let (anew, to) = match (to, &before) {
            (Some(to), _) => (true, to),
            (None, Some(before)) => (false, before.to.clone()),
            (None, None) => {
                let message = format!("{} forwards nothing", account.address);
                let remedy = format!(
                    "say where to: tegami account forward {} someone@example.org",
                    account.address
                );
                return Err(Refusal::new(RefusalKind::Unsuitable, message).remedy(remedy));
            }
        };
        self.check_targets(&to)?;
        self.check_leaves(&account, &to)?;
        // One of the two rules the other out; what is said now counts more than what was.
        let (kept, told) = before.map_or((true, false), |before| (before.keep, before.disclosed));
        let disclosed = disclosed.unwrap_or(told && !anew && keep != Some(true));
        let keep = keep.unwrap_or(kept && !disclosed);
        account.handling.forward = Some(Forward {
            to,
            keep,
            disclosed,
        });
        self.put_account(account).await
    }

    /// Refuses a forward to the account itself: keeping a copy is said another way.
    fn check_leaves(&self, account: &Account, to: &[Mailbox]) -> Result<(), Refusal> {
        let directory = self.store.directory();
        let is_own =
            |one: &&Mailbox| directory.by_address(one).map(|own| own.id) == Some(account.id);
        let Some(own) = to.iter().find(is_own) else {
            return Ok(());
        };
        let message = format!("{own} is an address of {} itself", account.address);
        Err(
            Refusal::new(RefusalKind::Unsuitable, message).remedy(format!(
                "leave it out, and keep a copy: tegami account forward {} someone@example.org --keep",
                account.address
            )),
        )
    }

    async fn forward_no_more(&self, address: &Mailbox) -> Answer {
        let mut account = self.find_own(address)?;
        account.handling.forward = None;
        self.put_account(account).await
    }

    /// Of a declared account too: a reload leaves that as it is, since the file does not speak of it.
    async fn refer_account(&self, address: &Mailbox, to: Option<Mailbox>) -> Answer {
        let mut account = self.find(address)?;
        account.handling.moved = to;
        self.put_account(account).await
    }

    /// Likewise.
    async fn set_vacation(&self, address: &Mailbox, settings: Option<Settings>) -> Answer {
        let mut account = self.find(address)?;
        if let Some(settings) = &settings {
            account = self.find_with_mailbox(account)?;
            let unsuitable = |message: String| Refusal::new(RefusalKind::Unsuitable, message);
            Vacation::new(settings.clone()).map_err(|error| unsuitable(error.to_string()))?;
            if let Some(from) = &settings.address
                && !self.store.directory().leads_to(from, account.id)
            {
                let message = format!("{from} is no address of {}", account.address);
                return Err(unsuitable(message).remedy(
                    "reply from one of its addresses, or from its main one by saying nothing",
                ));
            }
        }
        // Plain data: there is nothing JSON could not say.
        let text = settings.and_then(|settings| serde_json::to_string(&settings).ok());
        account.handling.vacation = text;
        self.put_account(account).await
    }

    fn show_vacation(&self, address: &Mailbox) -> Answer {
        let account = self.find(address)?;
        let settings = match account.handling.vacation.as_deref() {
            None => None,
            Some(text) => Some(serde_json::from_str(text).map_err(|error| {
                let message = format!(
                    "the vacation of {} cannot be read: {error}",
                    account.address
                );
                Refusal::new(RefusalKind::Store, message).remedy("set it again")
            })?),
        };
        Ok(Response::Vacation {
            address: account.address,
            settings,
        })
    }

    /// Refuses to do for mail of an account what can never happen.
    fn find_with_mailbox(&self, account: Account) -> Result<Account, Refusal> {
        if account.terms.mailbox {
            return Ok(account);
        }
        let address = &account.address;
        let message = format!("{address} has no mailbox, so nobody can write to it");
        Err(
            Refusal::new(RefusalKind::Unsuitable, message).remedy(format!(
                "give it one first: tegami account set {address} --mailbox yes"
            )),
        )
    }

    /// Refuses what would look like an address here and lose mail.
    pub(super) fn check_targets(&self, targets: &[Mailbox]) -> Result<(), Refusal> {
        let directory = self.store.directory();
        let elsewhere = self.elsewhere(targets);
        for target in targets {
            if !elsewhere.contains(target) && directory.expand(target) == Expansion::Unknown {
                let message =
                    format!("{target} is neither an account nor an alias nor a list here");
                return Err(Refusal::new(RefusalKind::Unsuitable, message)
                    .remedy("correct it, or add the account first: tegami account add"));
            }
        }
        Ok(())
    }

    /// Those that are at no domain of this server.
    pub(super) fn elsewhere(&self, targets: &[Mailbox]) -> Vec<Mailbox> {
        let domains = self.surroundings.domains();
        let is_here = |target: &&Mailbox| match &target.host {
            Host::Domain(domain) => domains.contains(domain),
            Host::Literal(_) => false,
        };
        let elsewhere = targets.iter().filter(|target| !is_here(target));
        elsewhere.cloned().collect()
    }
}
