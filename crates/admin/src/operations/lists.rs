//! The verbs on mailing lists. What makes sense in a list is known to `delivery`; here it is asked.

use address::Mailbox;
use delivery::list::{List, Settings};
use mailstore::{Change, ListAddress, StoredList};

use super::{Operations, refusal};
use crate::message::{Answer, ListFacts, ListRequest, NewList, Refusal, RefusalKind, Response};

impl Operations {
    pub(super) async fn lists(&self, request: ListRequest) -> Answer {
        match request {
            ListRequest::Add { settings } => self.add_list(*settings).await,
            ListRequest::Set { address, changes } => self.set_list(&address, changes).await,
            ListRequest::Members {
                address,
                add,
                remove,
            } => self.change_members(&address, add, remove).await,
            ListRequest::List => self.list_lists().map(Response::Lists),
            ListRequest::Show { address } => {
                let list = self.list(&address)?;
                Ok(Response::List(Box::new(list)))
            }
            ListRequest::Remove { address } => self.remove_list(&address).await,
        }
    }

    async fn add_list(&self, settings: Settings) -> Answer {
        let address = &settings.address;
        self.check_domain(address)?;
        if self.store.directory().list(address).is_some() {
            let message = format!("{address} is a list already");
            return Err(Refusal::new(RefusalKind::Taken, message)
                .remedy("change it with `tegami list set` and `tegami list member`"));
        }
        let people = [&settings.owners, &settings.members, &settings.moderators];
        for people in people {
            self.check_targets(people)?;
        }
        self.put_list(settings).await
    }

    async fn set_list(&self, address: &Mailbox, new: NewList) -> Answer {
        let mut settings = self.list(address)?;
        for people in [&new.owners, &new.moderators].into_iter().flatten() {
            self.check_targets(people)?;
        }
        new.put_into(&mut settings);
        self.put_list(settings).await
    }

    async fn change_members(
        &self,
        address: &Mailbox,
        add: Vec<Mailbox>,
        remove: Vec<Mailbox>,
    ) -> Answer {
        let mut settings = self.list(address)?;
        self.check_targets(&add)?;
        for gone in &remove {
            let before = settings.members.len();
            settings.members.retain(|member| member.key() != gone.key());
            if settings.members.len() == before {
                let message = format!("{gone} is not on the list {}", settings.address);
                let remedy = format!("see `tegami list member list {}`", settings.address);
                return Err(Refusal::new(RefusalKind::Unsuitable, message).remedy(remedy));
            }
        }
        let mut known: std::collections::HashSet<String> =
            settings.members.iter().map(Mailbox::key).collect();
        for new in add {
            if known.insert(new.key()) {
                settings.members.push(new);
            }
        }
        self.put_list(settings).await
    }

    fn list_lists(&self) -> Result<Vec<ListFacts>, Refusal> {
        let directory = self.store.directory();
        let mut lists = Vec::new();
        for stored in directory.lists() {
            lists.push(ListFacts::from(&read(stored)?));
        }
        lists.sort_by_key(|list| (list.address.host.to_string(), list.address.key()));
        Ok(lists)
    }

    async fn remove_list(&self, address: &Mailbox) -> Answer {
        let address = self.list(address)?.address;
        // An account of one of these names made later must not get mail meant for this list.
        let mut without = self.without(self.addresses_of(&address));
        without.changes.push(Change::RemoveList(address.clone()));
        self.store
            .change_all(without.changes)
            .await
            .map_err(refusal)?;
        tracing::info!(list = %address, "list removed");
        Ok(Response::Removed {
            address,
            messages: 0,
            octets: 0,
            left: without.left,
            emptied: without.emptied,
            forwards: without.forwards,
        })
    }

    /// The list that posts to this address go to.
    fn list(&self, address: &Mailbox) -> Result<Settings, Refusal> {
        let directory = self.store.directory();
        match directory.list(address) {
            Some((list, ListAddress::Post)) => read(list),
            Some((_, ListAddress::Request | ListAddress::Bounces | ListAddress::Owner)) | None => {
                let message = format!("there is no list {address}");
                Err(Refusal::new(RefusalKind::NoList, message).remedy("see `tegami list list`"))
            }
        }
    }

    /// The addresses that aliases and forwards lead to and that belong to this list.
    fn addresses_of(&self, list: &Mailbox) -> Vec<Mailbox> {
        let directory = self.store.directory();
        let forwards = directory.accounts().flat_map(|account| {
            let forward = account.handling.forward.as_ref();
            forward.map_or(&[][..], |forward| &forward.to)
        });
        let targets = directory.aliases().flat_map(|alias| &alias.targets);
        let its_own = |target: &&Mailbox| {
            let belongs = directory.list(target);
            belongs.is_some_and(|(to, _)| to.address.key() == list.key())
        };
        let mut addresses: Vec<Mailbox> =
            targets.chain(forwards).filter(its_own).cloned().collect();
        addresses.push(list.clone());
        addresses
    }

    async fn put_list(&self, settings: Settings) -> Answer {
        let unsuitable = |message: String| Refusal::new(RefusalKind::Unsuitable, message);
        let list = List::new(settings).map_err(|error| unsuitable(error.to_string()))?;
        let settings = Settings::from(list);
        let text = serde_json::to_string(&settings);
        let stored = StoredList {
            address: settings.address.clone(),
            settings: text.map_err(|error| unsuitable(error.to_string()))?,
        };
        self.change(Change::PutList(stored)).await?;
        tracing::info!(list = %settings.address, members = settings.members.len(), "list set");
        Ok(Response::List(Box::new(settings)))
    }
}

fn read(list: &StoredList) -> Result<Settings, Refusal> {
    serde_json::from_str(&list.settings).map_err(|error| {
        let message = format!("the list {} cannot be read: {error}", list.address);
        Refusal::new(RefusalKind::Store, message)
            .remedy("remove it and make it again, or go back to the version that made it")
    })
}
