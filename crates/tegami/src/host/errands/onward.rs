//! Mail of the queue for an address of ours that leads on by now: it has become one of ours, or a forward was set, while the
//! message waited. Its sender need not send it again.

use std::sync::Arc;

use address::{Envelope, Mailbox, Recipient};
use bytes::Bytes;
use courier::office::Errand;
use delivery::schedule::Verdict;
use mailstore::{Attempt, Leads};
use reply::Enhanced;

use super::letter::Post;
use super::list::say;
use super::places::{Places, at, return_path};
use super::vacation::Note;
use super::{Trouble, delivered, refused, role};
use crate::host::House;
use crate::host::routing::{self, Route};
use crate::host::smtp::rounds::Rounds;

/// Hands it to everybody whom the recipient leads to and who is not among the recipients already.
pub(super) async fn send_on(
    house: &Arc<House>,
    post: &Post,
    recipient: u32,
) -> Result<Errand, Trouble> {
    let place = usize::try_from(recipient).unwrap_or(usize::MAX);
    let waits = post.waiting(recipient).is_some();
    let Some(to) = post.envelope.recipients.get(place).filter(|_| waits) else {
        return Ok(delivered("removed"));
    };
    let route = routing::route(&house.policy.load(), &house.store.directory(), &to.path);
    let leads = match route {
        Route::Leads(leads) => leads,
        // It has changed this moment, and is looked at again.
        Route::Moved(_) | Route::Circle | Route::Disabled | Route::Unknown | Route::Foreign => {
            return Ok(Errand {
                verdict: Verdict::Untried,
                status: Enhanced(4, 4, 4),
                words: "the way to the recipient has changed this moment".to_owned(),
            });
        }
    };
    let rounds = rounds(house, post, &leads);
    let fields = rounds.fields(&house.policy.load().hostname.to_string());
    let before = rounds.before();
    let line = return_path(&post.envelope);
    let octets = (line.len() + fields.len() + post.header.len()) as u64 + post.rest;
    if let Some(full) = without_room(house, &leads, octets) {
        return Ok(full);
    }
    let vacations = leads.vacations.clone();
    let places = places(house, post, to, leads, &before, octets);
    if places.is_empty() && !before.is_empty() {
        let words = "this address has sent the message on before".to_owned();
        return Ok(refused(Enhanced(5, 4, 6), words));
    }
    let mut parcel = None;
    if !places.is_empty() {
        let mut incoming = house.store.begin();
        for octets in [line.into_bytes(), fields.into_bytes(), post.header.clone()] {
            incoming.write(Bytes::from(octets)).await?;
        }
        post.copy_rest(house, &mut incoming).await?;
        let envelope = Envelope {
            recipients: Vec::new(),
            ..post.envelope.clone()
        };
        parcel = Some(places.parcel(envelope, incoming, true)?);
    }
    let closed = Attempt {
        closed: vec![recipient],
        again: Vec::new(),
    };
    if say(house, post.id, closed, parcel).await? {
        note(house, post, vacations);
    }
    Ok(delivered("sent on"))
}

/// The addresses of ours that send it on now, looked for among those that have done so before.
fn rounds(house: &House, post: &Post, leads: &Leads) -> Rounds {
    let Some(srs) = house.srs.load_full() else {
        return Rounds::default();
    };
    let mut by: Vec<Mailbox> = Vec::new();
    let through = leads.away.iter().filter_map(|away| away.through.first());
    for one in through {
        if by.iter().all(|known| known.key() != one.key()) {
            by.push(one.clone());
        }
    }
    let mut rounds = Rounds::new(by, |by| srs.sent_on(by));
    rounds.take_in(&post.header);
    rounds
}

/// A mailbox that has no room now: everything waits for it where it is, or those who have it would get it once more.
fn without_room(house: &House, leads: &Leads, octets: u64) -> Option<Errand> {
    let mut mailboxes = leads.mailboxes.iter();
    let full = mailboxes.find_map(|local| house.store.reserve(local.account, octets).err())?;
    Some(Errand {
        verdict: Verdict::Deferred,
        status: Enhanced(4, 2, 2),
        words: format!("the mailbox here has no room: {full}"),
    })
}

fn places<'a>(
    house: &'a House,
    post: &Post,
    to: &Recipient,
    leads: Leads,
    before: &[Mailbox],
    octets: u64,
) -> Places<'a> {
    let directory = house.store.directory();
    // Whoever has been named, or was led to when the message came, has a copy of their own.
    let is_known = |mailbox: &Mailbox| {
        let mut known = post.envelope.recipients.iter();
        known.any(|one| {
            one.path
                .mailbox()
                .is_some_and(|one| one.key() == mailbox.key())
        })
    };
    let mut places = Places::new(house, octets);
    for local in leads.mailboxes {
        if let Some(account) = directory.account(local.account) {
            places.keep(local.account, to, &account.address);
        }
    }
    for away in leads.away {
        let again = away.through.first().is_some_and(|by| before.contains(by));
        if !again && !is_known(&away.address) {
            places.wait(&at(to, &away.address), true);
        }
    }
    for found in leads.lists {
        let list = directory.list(&found.list);
        if let Some(list) = list.and_then(|(stored, _)| super::read(stored)) {
            let address = list.mailbox(role(found.address));
            if !is_known(&address) {
                places.wait(&at(to, &address), false);
            }
        }
    }
    places
}

/// Who of these is away answers.
fn note(house: &House, post: &Post, vacations: Vec<mailstore::AccountId>) {
    let Some(errands) = house.errands.get() else {
        return;
    };
    let header: Arc<[u8]> = post.header.as_slice().into();
    for account in vacations {
        errands.note(Note {
            account,
            reverse_path: post.envelope.reverse_path.clone(),
            header: Arc::clone(&header),
            requiretls: post.envelope.requiretls,
        });
    }
}
