//! Word that a message has arrived, for senders who asked for it (NOTIFY=SUCCESS, RFC 3461 sections 4.1 and 5.2.3).
//!
//! Written when the message is in its mailboxes. For what goes through the queue the office reports, and for what goes to
//! other servers either they or the office.

use std::sync::Arc;
use std::time::SystemTime;

use address::{Envelope, ForwardPath, Host};
use dsn::{Action, Facts, Limits, MessageId, Moment, Outcome, Survey, Why};
use reply::Enhanced;

use super::{Trouble, header_end, places, postmaster, random};
use crate::host::House;

/// Tells the sender that these of the recipients, by their place in the envelope, have the message. `header` is what the
/// message begins with.
pub async fn report(
    house: &Arc<House>,
    envelope: &Envelope,
    header: &[u8],
    arrived: &[(usize, Action)],
) {
    if let Err(error) = reported(house, envelope, header, arrived).await {
        let from = &envelope.reverse_path;
        tracing::error!(%from, %error, "a sender is not told that a message has arrived");
    }
}

async fn reported(
    house: &Arc<House>,
    envelope: &Envelope,
    header: &[u8],
    arrived: &[(usize, Action)],
) -> Result<(), Trouble> {
    let Some(report) = compose(house, envelope, header, arrived) else {
        return Ok(());
    };
    let (envelope, message) = report;
    let Some(parcel) = places::own(house, &envelope, message).await? else {
        return Ok(());
    };
    if let Some(id) = house.store.post(parcel).await? {
        house.sends(id);
    }
    Ok(())
}

fn compose(
    house: &House,
    envelope: &Envelope,
    header: &[u8],
    arrived: &[(usize, Action)],
) -> Option<(Envelope, Vec<u8>)> {
    let outcome = |(place, action): &(usize, Action)| {
        Some(Outcome {
            recipient: envelope.recipients.get(*place)?,
            action: *action,
            status: Enhanced(2, 0, 0),
            why: Why::Status,
            remote: None,
            tried: None,
            until: None,
            deliver_by: false,
        })
    };
    let outcomes: Vec<Outcome<'_>> = arrived.iter().filter_map(outcome).collect();
    // Of success only the header comes back (RFC 3461 section 4.3); none that does not end in what is known of it.
    let end = header_end(header);
    let header = &header[..end.unwrap_or(header.len())];
    let mut survey = Survey::new();
    survey.read(header);
    let original = end.map(|_| survey.finish());
    let now = SystemTime::now();
    let message_id = MessageId::find(header);
    let hostname = Host::Domain(house.policy.load().host.clone());
    let report = dsn::compose(&Facts {
        reporting: &hostname,
        postmaster: &postmaster(house),
        envelope,
        arrived: moment(now),
        now: moment(now),
        outcomes: &outcomes,
        languages: dsn::suggested(&envelope.reverse_path, header),
        original: original.as_ref(),
        message_id: message_id.as_ref(),
        list: None,
        untold: None,
        limits: Limits {
            octets: 512 * 1024,
            eight_bit: true,
        },
        random: random(),
    })?;
    let mut message = report.front;
    if let Some(between) = report.between {
        let end = usize::try_from(between.octets.end).unwrap_or(usize::MAX);
        let mut encoder = between.transfer.encoder();
        encoder.push(&header[..end.min(header.len())], &mut message);
        encoder.finish(&mut message);
    }
    message.extend_from_slice(&report.back);
    let to = report.envelope.recipients.first().map(|one| &one.path);
    match to {
        Some(ForwardPath::Mailbox(_)) => Some((report.envelope, message)),
        Some(ForwardPath::Postmaster) | None => None,
    }
}

fn moment(at: SystemTime) -> Moment {
    let Ok(at) = jiff::Timestamp::try_from(at) else {
        return Moment::new(0, 0);
    };
    let offset = at.to_zoned(jiff::tz::TimeZone::system()).offset();
    let minutes = i16::try_from(offset.seconds() / 60).unwrap_or(0);
    Moment::new(at.as_second(), minutes)
}
