//! How it stands with mail that waits: what `tegami queue list` and `show` say of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use admin::{HeardFacts, Question, Standing};
use courier::office::{House as _, Look, Prospect, Route};
use delivery::list::Role;
use delivery::schedule::NextHop;

use super::Rooms;
use crate::host::House;
use crate::host::errands;
use crate::host::outward;

/// What is known of a question without asking the office, or what is to be asked.
enum Known {
    Now(Standing),
    Ask(Arc<NextHop>),
}

/// How it stands with these, in their order. Nothing of whoever waits while there is no office.
pub async fn standing(house: Arc<House>, asked: Vec<Question>) -> Vec<Standing> {
    let Some(office) = house.office.get() else {
        return Vec::new();
    };
    let mut running: HashMap<u64, Vec<u32>> = HashMap::new();
    let (mut known, mut looks): (Vec<Known>, Vec<Look>) = (Vec::new(), Vec::new());
    for one in &asked {
        let running = running.entry(one.message);
        let running = running.or_insert_with(|| office.on_its_way(one.message));
        let found = match running.contains(&one.place) {
            true => Known::Now(Standing::Sending),
            false => of_house(&house, one),
        };
        if let Known::Ask(hop) = &found {
            looks.push((Arc::clone(hop), one.account));
        }
        known.push(found);
    }
    let mut prospects = office.prospects(looks).await.into_iter();
    let told = known.into_iter().map(|one| match one {
        Known::Now(standing) => standing,
        Known::Ask(hop) => match prospects.next() {
            Some(prospect) => of_office(&house, &hop, prospect),
            None => Standing::NotRunning,
        },
    });
    told.collect()
}

fn of_house(house: &Arc<House>, one: &Question) -> Known {
    if one.held {
        let mailbox = one.recipient.mailbox();
        let list = mailbox.and_then(|mailbox| errands::at(house, mailbox));
        let posted = list.filter(|(_, role)| *role == Role::Post);
        return Known::Now(match posted {
            Some((list, _)) => Standing::Moderated {
                list: list.settings().address.clone(),
            },
            None => Standing::Held,
        });
    }
    let rooms = Rooms(Arc::clone(house));
    match rooms.route(&one.recipient, &one.sender, one.account) {
        Route::Hop(hop) => Known::Ask(hop),
        Route::Paused => Known::Now(Standing::Paused {
            hop: one
                .recipient
                .mailbox()
                .map(|mailbox| mailbox.host.to_string()),
        }),
        Route::Nowhere(why) => Known::Now(Standing::NoWay { words: why.words }),
        // Whatever is here is paused with everything only; no other server is called so.
        Route::Here(_) | Route::Errand => Known::Ask(Arc::new(NextHop::Route("".into()))),
    }
}

fn of_office(house: &House, hop: &NextHop, prospect: Prospect) -> Standing {
    match prospect {
        Prospect::Open => Standing::Waits,
        Prospect::Stopped => Standing::Stopped,
        Prospect::Fetched => Standing::Kept {
            account: house.policy.load().outward.fetcher(hop).cloned(),
        },
        Prospect::Paused => {
            let all = house.paused().everything() || !house.policy.load().outward.enabled;
            Standing::Paused {
                hop: (!all).then(|| outward::shown(hop)),
            }
        }
        Prospect::Shut { until, heard } => Standing::Shut {
            hop: outward::shown(hop),
            until: milliseconds(until),
            heard: heard.map(|heard| HeardFacts {
                host: heard.host().to_owned(),
                words: heard.words().to_owned(),
                when: heard.when(),
            }),
        },
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
