//! Leaving a list with one click: what its token says, and doing it.
//!
//! Whoever has a member's message has the token, and can do this; so the member is told by mail, which also says how to
//! come back.

use std::sync::Arc;

use address::{Mailbox, ReversePath};
use delivery::list::{Joining, List, Requested, Role, one_click_member};

use super::{Trouble, at, places, request, words};
use crate::host::House;
use crate::web::{About, Back, Standing};

/// What a token says, and what is so now.
pub fn standing(house: &House, token: &str) -> Standing {
    let Some(errands) = house.errands.get() else {
        return Standing::Later;
    };
    let Some((list, member)) = one_click_member(&errands.keys, token) else {
        return Standing::Unknown;
    };
    match list_at(house, &list) {
        Some(list) if list.is_member(&member) => Standing::Member(about(&list)),
        Some(list) => Standing::Left(about(&list)),
        None => Standing::NoList,
    }
}

/// Takes a member off the list, whether or not somebody still waits for that; durable on return.
pub async fn leave(house: &Arc<House>, token: &str) -> Standing {
    let (house, token) = (Arc::clone(house), token.to_owned());
    let leaving = tokio::spawn(async move {
        left(&house, &token).await.unwrap_or_else(|trouble| {
            tracing::warn!(error = %trouble, "a member cannot leave a list by one click now");
            Standing::Later
        })
    });
    leaving.await.unwrap_or(Standing::Later)
}

async fn left(house: &Arc<House>, token: &str) -> Result<Standing, Trouble> {
    let Some(errands) = house.errands.get() else {
        return Ok(Standing::Later);
    };
    let Some((list, member)) = one_click_member(&errands.keys, token) else {
        return Ok(Standing::Unknown);
    };
    let _changing = house.store.changing().await;
    let Some(list) = list_at(house, &list) else {
        return Ok(Standing::NoList);
    };
    if !list.is_member(&member) {
        return Ok(Standing::Left(about(&list)));
    }
    request::leave(house, &list, &member).await?;
    tracing::info!(list = %list.settings().address, %member, "left a list by one click");
    if let Err(error) = tell(house, &list, &member).await {
        tracing::warn!(%member, %error, "who left a list is not told");
    }
    Ok(Standing::Left(about(&list)))
}

/// Tells the member.
async fn tell(house: &Arc<House>, list: &List, member: &Mailbox) -> Result<(), Trouble> {
    // Nothing but the address tells what is read there.
    let languages = dsn::suggested(&ReversePath::Mailbox(member.clone()), &[]);
    let requested = Requested::Left(member.clone());
    let Some((to, words)) = words::answer(list, &requested, languages) else {
        return Ok(());
    };
    let message = words::message(house, list, &to, &words);
    let envelope = words::envelope(std::slice::from_ref(&to));
    if let Some(parcel) = places::own(house, &envelope, message).await?
        && let Some(posted) = house.store.post(parcel).await?
    {
        house.sends(posted);
    }
    Ok(())
}

fn list_at(house: &House, address: &Mailbox) -> Option<List> {
    let (list, role) = at(house, address)?;
    (role == Role::Post).then_some(list)
}

fn about(list: &List) -> About {
    let settings = list.settings();
    About {
        name: settings.name.clone(),
        address: settings.address.clone(),
        back: match settings.joining {
            Joining::Open => Back::Subscribe(list.mailbox(Role::Request)),
            Joining::Closed => Back::Ask(list.mailbox(Role::Owner)),
        },
    }
}
