//! Mail to the `-request` address of a list: what is asked is done, and answered.

use std::sync::Arc;

use courier::office::Errand;
use delivery::list::{Asked, Asking, List, Request, Requested, Settings};
use mailstore::{Attempt, Change, StoredList};

use super::letter::Post;
use super::words::{self, Words};
use super::{
    Errands, Trouble, addresses, at, delivered, list, memory, moderation, places, seconds,
};
use crate::host::House;

/// Does what is asked, and answers.
pub(super) async fn answer(
    house: &Arc<House>,
    errands: &Errands,
    list: &List,
    post: &Post,
    recipient: u32,
) -> Result<Errand, Trouble> {
    let answer = match list.moderated(&errands.keys, &post.header) {
        Some((decision, number)) => {
            let languages = dsn::suggested(&post.envelope.reverse_path, &post.header);
            let words = moderation::decide(house, list, (decision, number), languages).await?;
            let to = post.envelope.reverse_path.mailbox().cloned();
            to.map(|to| (to, words))
        }
        None => requested(house, errands, list, post).await?,
    };
    let mut parcel = None;
    if let Some((to, words)) = answer {
        let message = words::message(house, list, &to, &words);
        let envelope = words::envelope(std::slice::from_ref(&to));
        parcel = places::own(house, &envelope, message).await?;
    }
    let closed = Attempt {
        closed: vec![recipient],
        again: Vec::new(),
    };
    list::say(house, post.id, closed, parcel).await?;
    Ok(delivered("answered"))
}

async fn requested(
    house: &Arc<House>,
    errands: &Errands,
    list: &List,
    post: &Post,
) -> Result<Option<(address::Mailbox, Words)>, Trouble> {
    let _changing = house.store.changing().await;
    // As it is now that it is our turn.
    let Some((list, _)) = at(house, &list.settings().address) else {
        return Ok(None);
    };
    let name = format!("list-{}", list.id());
    let mut asked: Asked = memory::read(&errands.data_dir, &name)?;
    let account = post.queued.account;
    let login = account.map(|account| addresses(&house.store.directory(), account));
    let request = Request {
        reverse_path: &post.envelope.reverse_path,
        login: login.as_deref().unwrap_or_default(),
        header: &post.header,
    };
    let asking = Asking {
        keys: &errands.keys,
        now: seconds(),
    };
    let before = asked.clone();
    let requested = list.requested(&request, &asking, &mut asked);
    if asked != before {
        let data_dir = errands.data_dir.clone();
        let kept =
            tokio::task::spawn_blocking(move || memory::write(&data_dir, &name, &asked)).await;
        kept.map_err(|_| Trouble::Stopping)??;
    }
    tracing::info!(id = post.id, list = %list.settings().address, ?requested, "asked of a list");
    match &requested {
        Requested::Joined(member) => {
            let join = |settings: &mut Settings| settings.members.push(member.clone());
            change(house, &list, join).await?;
        }
        Requested::Left(member) => {
            leave(house, &list, member).await?;
        }
        Requested::Confirm(..)
        | Requested::AlreadyMember(_)
        | Requested::NotMember(_)
        | Requested::Closed(_)
        | Requested::WrongConfirmation(_)
        | Requested::Help(_)
        | Requested::Ignored(_) => {}
    }
    let languages = dsn::suggested(&post.envelope.reverse_path, &post.header);
    if let Requested::Help(to) = &requested
        && list.is_decision(&post.header)
    {
        let words = words::moderators::unknown(&list, languages);
        return Ok(Some((to.clone(), words)));
    }
    Ok(words::answer(&list, &requested, languages))
}

/// Takes a member off; durable on return. To be called with the right to change lists.
pub(super) async fn leave(
    house: &House,
    list: &List,
    member: &address::Mailbox,
) -> Result<(), Trouble> {
    let leave = |settings: &mut Settings| {
        settings.members.retain(|one| one.key() != member.key());
    };
    change(house, list, leave).await
}

async fn change(
    house: &House,
    list: &List,
    change: impl FnOnce(&mut Settings),
) -> Result<(), Trouble> {
    let mut settings = list.settings().clone();
    change(&mut settings);
    let address = settings.address.clone();
    // A member who cannot be one, for it is an address of the list itself, is answered and changes nothing.
    let (Ok(_), Ok(settings)) = (
        List::new(settings.clone()),
        serde_json::to_string(&settings),
    ) else {
        return Ok(());
    };
    let stored = StoredList { address, settings };
    Ok(house.store.change(Change::PutList(stored)).await?)
}
