//! Handing a post to the members of a list, to each one a copy of his own: with the address by which that member, and
//! nobody else, leaves the list with one click (RFC 8058).
//!
//! Such a copy is a message in the store by itself, as no two have the same header. That costs room, so it is done only
//! where the copies of a post together stay within [`MOST`]; the others share one body, and its members leave by mail.

use std::num::NonZeroUsize;
use std::sync::Arc;

use address::Envelope;
use bytes::Bytes;
use courier::office::Errand;
use delivery::list::{List, OneClick, PostCopy, UrlBase};
use mailstore::{MOST_PARCELS, Parcel, Waiting};

use super::letter::Post;
use super::places::{Places, return_path};
use super::{Errands, Trouble, delivered, list};
use crate::host::House;

/// Most octets of all personal copies of one post.
const MOST: u64 = 256 * 1024 * 1024;
/// Most octets of copies that become durable together, unless a single one has more.
const MOST_AT_ONCE: u64 = 4 * 1024 * 1024;
/// Octets of a post that are held in memory while its copies are written. Longer ones are read again for each.
const HELD: u64 = 1024 * 1024;

/// What the addresses for leaving begin with, if the members of this list get a copy each.
pub(super) fn base(house: &House, list: &List, post: &Post) -> Option<UrlBase> {
    let members = list.members().count() as u64;
    let octets = post.header.len() as u64 + post.rest;
    let base = house.policy.load().unsubscribe.clone()?;
    (octets.saturating_mul(members) <= MOST).then_some(base)
}

/// Hands it to all members who do not have it yet.
pub(super) async fn hand_out(
    house: &Arc<House>,
    errands: &Errands,
    list: &List,
    post: &Post,
    base: &UrlBase,
    mut waiting: Waiting,
) -> Result<Errand, Trouble> {
    let one_click = OneClick {
        base,
        keys: &errands.keys,
    };
    let theirs = list.theirs(&post.header);
    let rest = held(house, post).await?;
    let served = waiting.served.as_ref().map(address::Mailbox::key);
    let mut copies = list
        .copies(&post.envelope, NonZeroUsize::MIN, Some(one_click))
        .skip_while(|copy| served.is_some() && key(copy) <= served)
        .peekable();
    let one = post.header.len() as u64 + post.rest;
    let at_once = (MOST_AT_ONCE / one.max(1)).clamp(1, MOST_PARCELS as u64);
    let at_once = usize::try_from(at_once).unwrap_or(1);
    while copies.peek().is_some() {
        let group: Vec<PostCopy> = copies.by_ref().take(at_once).collect();
        let mut parcels = Vec::with_capacity(group.len());
        for copy in &group {
            let ours = list.ours(copy.unsubscribe.as_deref());
            let header = Bytes::from([&ours[..], &theirs].concat());
            parcels.extend(parcel(house, &copy.envelope, post, header, rest.as_deref()).await?);
        }
        let last = group
            .last()
            .and_then(|copy| copy.envelope.recipients.last());
        let Some(last) = last.and_then(|one| one.path.mailbox()).cloned() else {
            break;
        };
        let members = group.len();
        if !list::progress(house, list, post, &mut waiting, last, members, parcels).await? {
            return Ok(delivered("removed"));
        }
    }
    Ok(delivered("handed to the members"))
}

/// Whom a copy is for.
fn key(copy: &PostCopy) -> Option<String> {
    let recipient = copy.envelope.recipients.first()?;
    recipient.path.mailbox().map(address::Mailbox::key)
}

/// What stands behind the header, if that is not too long to be held.
async fn held(house: &House, post: &Post) -> Result<Option<Vec<Bytes>>, Trouble> {
    if post.rest > HELD {
        return Ok(None);
    }
    let mut pieces = Vec::new();
    let mut rest = post.read_rest(house).await?;
    while let Some(piece) = rest.next().await? {
        pieces.push(piece);
    }
    Ok(Some(pieces))
}

/// The copy of one member; none if nobody can have it.
async fn parcel(
    house: &House,
    envelope: &Envelope,
    post: &Post,
    header: Bytes,
    rest: Option<&[Bytes]>,
) -> Result<Option<Parcel>, Trouble> {
    let line = return_path(envelope);
    let octets = (line.len() + header.len()) as u64 + post.rest;
    let mut places = Places::new(house, octets);
    for member in &envelope.recipients {
        places.add(member, false, true);
    }
    if places.is_empty() {
        return Ok(None);
    }
    let mut incoming = house.store.begin();
    incoming.write(Bytes::from(line)).await?;
    incoming.write(header).await?;
    match rest {
        Some(pieces) => {
            for piece in pieces {
                incoming.write(piece.clone()).await?;
            }
        }
        None => post.copy_rest(house, &mut incoming).await?,
    }
    places.parcel(envelope.clone(), incoming, false).map(Some)
}
