//! Posts that wait for a moderator: the moderators are told, and decide by mail or with `tegami queue`.
//!
//! Such a post stands in the queue, held. That the moderators have been told is written down together with what they are
//! told, so that an end in between does not leave a post that nobody knows of.

use std::sync::{Arc, Weak};

use address::{Mailbox, ReversePath};
use delivery::list::{List, Moderation, Role};
use dsn::Languages;
use mailstore::{Attempt, Heard, Queued, Waiting};
use mime::transfer::Transfer;

use super::letter::Post;
use super::words::{self, Words, moderators};
use super::{Trouble, at, list, milliseconds, places, random};
use crate::host::House;

/// Messages of the queue looked at together.
const PAGE: usize = 100;
/// Most octets of a post that moderators are shown.
const SHOWN: usize = 128 * 1024;

/// Tells the moderators of all posts that they do not know of: what the server was ended in the middle of.
pub(super) async fn announce_all(house: Weak<House>) {
    let mut after = 0;
    loop {
        let Some(house) = house.upgrade() else {
            return;
        };
        let store = house.store.clone();
        let page = tokio::task::spawn_blocking(move || store.queue_from(after, PAGE)).await;
        let page = match page {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                tracing::error!(%error, "posts that wait for a moderator are not looked for");
                return;
            }
            Err(_) => return,
        };
        let Some(last) = page.last() else {
            return;
        };
        after = last.id;
        for queued in page.iter().filter(|one| unknown(one).next().is_some()) {
            announce(&house, queued.id).await;
        }
    }
}

/// Recipients who are held and about whom nothing has been said yet.
fn unknown(queued: &Queued) -> impl Iterator<Item = &Waiting> {
    let waiting = queued.waiting.iter();
    waiting.filter(|one| one.held && one.heard.is_none())
}

/// Tells the moderators of the lists that a post waits for.
pub async fn announce(house: &Arc<House>, id: u64) {
    if let Err(error) = announced(house, id).await {
        tracing::error!(id, %error, "moderators are not told of a post until the next start; see `tegami queue list`");
    }
}

async fn announced(house: &Arc<House>, id: u64) -> Result<(), Trouble> {
    let Some(post) = Post::read(house, id).await? else {
        return Ok(());
    };
    for waiting in unknown(&post.queued) {
        let place = usize::try_from(waiting.recipient).ok();
        let recipient = place.and_then(|place| post.envelope.recipients.get(place));
        let address = recipient.and_then(|one| one.path.mailbox());
        let Some((list, Role::Post)) = address.and_then(|address| at(house, address)) else {
            continue;
        };
        let Some((envelope, notice)) = notice(house, &list, &post) else {
            continue;
        };
        let parcel = places::own(house, &envelope, notice).await?;
        let name = &list.settings().address;
        let words = format!("waits for a moderator of {name}");
        let told = Attempt {
            closed: Vec::new(),
            again: vec![Waiting {
                heard: Some(Heard::new("", &words, milliseconds())),
                ..waiting.clone()
            }],
        };
        list::say(house, id, told, parcel).await?;
        tracing::info!(id, list = %name, "a post waits for a moderator");
    }
    Ok(())
}

/// What the moderators are told, with the post; nothing while the house is being set up.
fn notice(house: &House, list: &List, post: &Post) -> Option<(address::Envelope, Vec<u8>)> {
    let to: Vec<Mailbox> = list.moderators().to_vec();
    let words = explanation(house, list, post)?;
    let boundary = format!("{:032x}", u128::from_le_bytes(random()));
    let mut message = words::header(house, list, &to, &words.subject);
    message.push_str(&format!(
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
    ));
    let (transfer, text) = Transfer::suiting(&words.text.replace('\n', "\r\n"));
    message.push_str(&words::part(transfer));
    message.push_str("\r\n");
    let mut message = message.into_bytes();
    message.extend_from_slice(&text);
    let shown = &post.beginning[..post.beginning.len().min(SHOWN)];
    let cut = shown.len() as u64 != post.header.len() as u64 + post.rest;
    let kind = if cut {
        "text/rfc822-headers"
    } else {
        "message/rfc822"
    };
    let shown = if cut { &post.header[..] } else { shown };
    let encoding = if shown.is_ascii() { "7bit" } else { "8bit" };
    message.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        .as_bytes(),
    );
    message.extend_from_slice(shown);
    message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut envelope = words::envelope(&to);
    envelope.body8bit = !message.is_ascii();
    envelope.smtputf8 |= post.envelope.smtputf8;
    Some((envelope, message))
}

fn explanation(house: &House, list: &List, post: &Post) -> Option<Words> {
    let errands = house.errands.get()?;
    let approve = list.moderation(&errands.keys, Moderation::Approve, post.id);
    let reject = list.moderation(&errands.keys, Moderation::Reject, post.id);
    let sender = &post.envelope.reverse_path;
    let languages = languages(list.moderators(), &post.header);
    let words = moderators::waiting(list, sender, (&approve, &reject), post.id, languages);
    Some(words)
}

/// What moderators read, by their addresses and by what is posted to their list.
fn languages(moderators: &[Mailbox], header: &[u8]) -> Languages {
    let mut each = moderators
        .iter()
        .map(|one| dsn::suggested(&ReversePath::Mailbox(one.clone()), header));
    each.find(|languages| *languages != Languages::English)
        .unwrap_or(Languages::English)
}

/// Does what a moderator decided, and says what came of it.
pub(super) async fn decide(
    house: &Arc<House>,
    list: &List,
    (decision, number): (Moderation, u64),
    languages: Languages,
) -> Result<Words, Trouble> {
    let name = &list.settings().address;
    let gone = || moderators::gone(name, languages);
    let Some(post) = Post::read(house, number).await? else {
        return Ok(gone());
    };
    let held = post.queued.waiting.iter().filter(|one| one.held);
    let mut ours = held.filter(|one| {
        let place = usize::try_from(one.recipient).ok();
        let recipient = place.and_then(|place| post.envelope.recipients.get(place));
        let address = recipient.and_then(|one| one.path.mailbox());
        address.is_some_and(|address| list.role(address) == Some(Role::Post))
    });
    let Some(waiting) = ours.next() else {
        return Ok(gone());
    };
    tracing::info!(id = number, list = %name, ?decision, "a moderator has decided");
    match decision {
        Moderation::Approve => {
            let store = &house.store;
            let due = milliseconds();
            store.queue_release(number, waiting.recipient, due).await?;
            house.sends(number);
            Ok(moderators::approved(name, languages))
        }
        Moderation::Reject => {
            let closed = Attempt {
                closed: vec![waiting.recipient],
                again: Vec::new(),
            };
            list::say(house, number, closed, None).await?;
            Ok(moderators::rejected(name, languages))
        }
    }
}
