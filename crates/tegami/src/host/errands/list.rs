//! Handing a post to the members of a list, and mail for its owners to them.
//!
//! Members get their copies some at a time, in the order of their addresses; the copies become durable together with how
//! far it got, so that an end in between neither loses nor doubles one.

use std::num::NonZeroUsize;
use std::sync::Arc;

use address::dsn::Notify;
use address::{Envelope, Mailbox, Recipient, ReversePath};
use bytes::Bytes;
use courier::office::Errand;
use delivery::list::{AfterData, List, Poster, Role};
use mailstore::{Attempt, Parcel, Waiting};
use reply::Enhanced;

use super::letter::{MOST_HEADER, Post};
use super::places::{Places, return_path};
use super::{Errands, Trouble, delivered, path, personal, postmaster, refused};
use crate::host::House;

/// Members who get their copies at once: one message in the store, whatever their number.
const GROUP: usize = 500;

/// Hands a post to all members who do not have it yet. Whether it may be posted was decided when it came, or by a
/// moderator; only that it does not go round is looked at again, for a list can be the member of another.
pub(super) async fn expand(
    house: &Arc<House>,
    errands: &Errands,
    list: &List,
    post: &Post,
    recipient: u32,
) -> Result<Errand, Trouble> {
    let Some(mut waiting) = post.waiting(recipient).cloned() else {
        return Ok(delivered("removed"));
    };
    // What is not looked at cannot be taken out either: fields that are for the list alone would reach the members.
    if post.is_cut {
        let most = MOST_HEADER / 1024;
        let words = format!("lists take posts with a header of {most} KiB at most");
        return Ok(refused(Enhanced(5, 6, 0), words));
    }
    let poster = Poster {
        reverse_path: &post.envelope.reverse_path,
        login: &[],
        is_local: false,
    };
    let hostname = house.policy.load().hostname.clone();
    let looped = list.after_data(&poster, post.came_with(), &hostname);
    if matches!(looped, AfterData::Loop(_)) {
        let words = "the list has had this post before".to_owned();
        return Ok(refused(Enhanced(5, 4, 6), words));
    }
    if let Some(base) = personal::base(house, list, post) {
        return personal::hand_out(house, errands, list, post, &base, waiting).await;
    }
    let Some(copy) = list.copies(&post.envelope, NonZeroUsize::MAX, None).next() else {
        return Ok(delivered("the list has no members"));
    };
    let header = [list.ours(None), list.theirs(&post.header)].concat();
    loop {
        let group = next_group(&copy.envelope.recipients, &waiting);
        let Some(last) = group.last().and_then(|one| one.path.mailbox()).cloned() else {
            return Ok(delivered("handed to the members"));
        };
        let parcel = copies(house, &copy.envelope, post, &header, &group).await?;
        if !progress(house, list, post, &mut waiting, last, group.len(), parcel).await? {
            return Ok(delivered("removed"));
        }
    }
}

/// Says to the store, with the copies themselves, that members up to this one have theirs; false when the post has left the
/// queue.
pub(super) async fn progress(
    house: &Arc<House>,
    list: &List,
    post: &Post,
    waiting: &mut Waiting,
    last: Mailbox,
    members: usize,
    copies: impl IntoIterator<Item = Parcel>,
) -> Result<bool, Trouble> {
    waiting.served = Some(last);
    let progress = Attempt {
        closed: Vec::new(),
        again: vec![waiting.clone()],
    };
    let is_there = say(house, post.id, progress, copies).await?;
    if is_there {
        tracing::info!(id = post.id, list = %list.settings().address, members, "posted to members");
    }
    Ok(is_there)
}

/// The next members whose turn it is.
fn next_group(members: &[Recipient], waiting: &Waiting) -> Vec<Recipient> {
    let served = waiting.served.as_ref().map(address::Mailbox::key);
    let is_next = |one: &&Recipient| {
        let key = one.path.mailbox().map(address::Mailbox::key);
        served.is_none() || key > served
    };
    members
        .iter()
        .filter(is_next)
        .take(GROUP)
        .cloned()
        .collect()
}

/// The copies for some people, as one message; none if nobody of them can have one.
async fn copies(
    house: &House,
    envelope: &Envelope,
    post: &Post,
    header: &[u8],
    to: &[Recipient],
) -> Result<Option<Parcel>, Trouble> {
    let line = return_path(envelope);
    let octets = (line.len() + header.len()) as u64 + post.rest;
    let mut places = Places::new(house, octets);
    for member in to {
        places.add(member, false, true);
    }
    if places.is_empty() {
        return Ok(None);
    }
    let mut incoming = house.store.begin();
    incoming.write(Bytes::from(line)).await?;
    incoming.write(Bytes::copy_from_slice(header)).await?;
    post.copy_rest(house, &mut incoming).await?;
    places.parcel(envelope.clone(), incoming, false).map(Some)
}

/// Says to the store how far it got, with what comes of it; false when the message has left the queue.
pub(super) async fn say(
    house: &Arc<House>,
    id: u64,
    attempt: Attempt,
    parcels: impl IntoIterator<Item = Parcel>,
) -> Result<bool, Trouble> {
    let parcels = parcels.into_iter().collect();
    let noted = house.store.queue_attempted(id, attempt, parcels).await?;
    let is_there = noted.is_some();
    for posted in noted.into_iter().flat_map(|noted| noted.posted).flatten() {
        house.sends(posted);
    }
    Ok(is_there)
}

/// Hands mail for `-bounces` and `-owner` to the owners. What bounced has no sender any more, and makes no further
/// report.
pub(super) async fn to_owners(
    house: &Arc<House>,
    list: &List,
    role: Role,
    post: &Post,
    recipient: u32,
) -> Result<Errand, Trouble> {
    let bounced = role == Role::Bounces;
    let envelope = Envelope {
        reverse_path: if bounced {
            ReversePath::Null
        } else {
            post.envelope.reverse_path.clone()
        },
        deliver_by: None,
        recipients: Vec::new(),
        ..post.envelope.clone()
    };
    let line = return_path(&envelope);
    let octets = (line.len() + post.header.len()) as u64 + post.rest;
    let mut places = Places::new(house, octets);
    let to = |mailbox: &address::Mailbox| Recipient {
        path: path(mailbox),
        notify: bounced.then_some(Notify::Never),
        orcpt: None,
    };
    for owner in &list.settings().owners {
        places.add(&to(owner), true, false);
    }
    if places.is_empty() {
        places.add(&to(&postmaster(house)), false, false);
    }
    let mut parcel = None;
    if !places.is_empty() {
        let mut incoming = house.store.begin();
        incoming.write(Bytes::from(line)).await?;
        let header = Bytes::copy_from_slice(&post.header);
        incoming.write(header).await?;
        post.copy_rest(house, &mut incoming).await?;
        parcel = Some(places.parcel(envelope, incoming, true)?);
    }
    let closed = Attempt {
        closed: vec![recipient],
        again: Vec::new(),
    };
    say(house, post.id, closed, parcel).await?;
    Ok(delivered("handed to the owners"))
}
