//! The verbs on the queue of mail for elsewhere.
//!
//! What they change is durable, so that a server that stops in the middle, or does not run at all, goes by it at its next
//! start. A running one is told besides.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use address::{Envelope, Host, Mailbox, Recipient, ReversePath};
use mailstore::{Directory, Heard, ListAddress, Queued, StoreError, Waiting};

use super::Operations;
use crate::message::{Answer, Refusal, RefusalKind, Response};
use crate::queue::{
    HeardFacts, PAGE, Question, QueueFacts, QueueNews, QueueRequest, QueueResponse, QueuedFacts,
    QueuedRecipient, Standing, Which,
};

/// A message, and what is to be asked of each of the recipients that are shown.
type Described = (QueuedFacts, Vec<Question>);

/// Recipients of a message that a list shows.
const FEW: usize = 3;
/// Recipients that are shown of one message.
const MANY: usize = 10_000;

impl Operations {
    pub(super) async fn queue(&self, request: QueueRequest) -> Answer {
        let response = match request {
            QueueRequest::List { which, after } => self.list_queue(which, after).await?,
            QueueRequest::Show { id } => QueueResponse::Shown(self.show_queued(id).await?),
            QueueRequest::Retry { which } => self.retry_queued(which).await?,
            QueueRequest::Hold { which } => self.hold_queued(which).await?,
            QueueRequest::Release { which } => self.release_queued(which).await?,
            QueueRequest::Remove { which } => self.remove_queued(which).await?,
            QueueRequest::Pause { hop, paused } => {
                let news = self.surroundings.pause_queue(hop.as_deref(), paused)?;
                let idle = match hop.filter(|_| paused && !news.is_server) {
                    Some(hop) => !self.has_mail_for(&hop).await?,
                    None => false,
                };
                QueueResponse::Paused {
                    now: self.surroundings.paused_queue(),
                    ended: news.ended,
                    idle,
                }
            }
        };
        Ok(Response::Queue(response))
    }

    /// What there is in the queue, for the status.
    pub(super) async fn queue_facts(&self) -> QueueFacts {
        let store = self.store.clone();
        // Ids grow with time.
        let oldest = tokio::task::spawn_blocking(move || store.queue_from(0, 1)).await;
        let oldest = oldest.ok().and_then(Result::ok).unwrap_or_default();
        let counts = self.store.queue_counts();
        QueueFacts {
            messages: counts.messages,
            octets: counts.octets,
            held: counts.held,
            tried: counts.tried,
            oldest: oldest.first().map(|queued| queued.received),
            paused: self.surroundings.paused_queue(),
            outages: self.surroundings.outages(),
        }
    }

    async fn list_queue(&self, which: Which, after: u64) -> Result<QueueResponse, Refusal> {
        let page = self.page(after).await?;
        let next = (page.len() == PAGE).then(|| page.last().map(|last| last.id));
        let mut messages = Vec::with_capacity(page.len());
        for queued in page {
            let Some(envelope) = self.envelope(queued.id).await? else {
                continue;
            };
            if concerns(&self.store.directory(), &which, &queued, &envelope) {
                messages.push(self.describe(&queued, &envelope, FEW));
            }
        }
        let messages = self.with_standing(messages).await;
        Ok(QueueResponse::Listed {
            messages,
            next: next.flatten(),
            paused: self.surroundings.paused_queue(),
        })
    }

    async fn show_queued(&self, id: u64) -> Result<QueuedFacts, Refusal> {
        let queued = self.queued(id).await?;
        let envelope = self.envelope(id).await?;
        match queued.zip(envelope) {
            Some((queued, envelope)) => {
                let described = vec![self.describe(&queued, &envelope, MANY)];
                let mut all = self.with_standing(described).await;
                all.pop().ok_or_else(|| none(&[id]))
            }
            None => Err(none(&[id])),
        }
    }

    async fn retry_queued(&self, which: Which) -> Result<QueueResponse, Refusal> {
        let running = self.surroundings.server().is_some();
        if running && which == Which::All {
            let messages = self.store.queue_counts().messages;
            self.surroundings.queue_news(QueueNews::RetryAll);
            return Ok(QueueResponse::Done {
                messages,
                missing: Vec::new(),
                perhaps_sent: Vec::new(),
                left_out: Vec::new(),
            });
        }
        let now = milliseconds();
        let mut tally = Tally::default();
        for id in self.chosen(&which).await? {
            // Those that are held stay held.
            let there = self.store.queue_retry(id, now).await.map_err(unchanged)?;
            tally.count(id, there.is_some());
            self.surroundings.queue_news(QueueNews::Retry(id));
        }
        tally.told(&which)
    }

    async fn hold_queued(&self, which: Which) -> Result<QueueResponse, Refusal> {
        let mut tally = Tally::default();
        for id in self.chosen(&which).await? {
            let there = self.store.queue_hold(id, true).await.map_err(unchanged)?;
            tally.count(id, there.is_some());
            tally.sent(id, self.surroundings.queue_news(QueueNews::Withdrawn(id)));
        }
        tally.told(&which)
    }

    /// A post that waits for the moderators of a list is released by its id only: whoever releases a domain's mail, or all
    /// of it, has not decided that everybody on a list shall read it.
    async fn release_queued(&self, which: Which) -> Result<QueueResponse, Refusal> {
        let mut tally = Tally::default();
        for id in self.chosen(&which).await? {
            if !matches!(which, Which::Messages(_)) && self.waits_for_moderators(id).await? {
                tally.left_out.push(id);
                continue;
            }
            let there = self.store.queue_hold(id, false).await.map_err(unchanged)?;
            tally.count(id, there.is_some());
            tally.sent(id, self.surroundings.queue_news(QueueNews::Released(id)));
        }
        tally.told(&which)
    }

    /// Whether the moderators of a list are to decide about it.
    async fn waits_for_moderators(&self, id: u64) -> Result<bool, Refusal> {
        let Some(queued) = self.queued(id).await? else {
            return Ok(false);
        };
        if !queued.waiting.iter().any(|one| one.held) {
            return Ok(false);
        }
        let envelope = self.envelope(id).await?;
        Ok(envelope
            .is_some_and(|envelope| is_held_post(&self.store.directory(), &queued, &envelope)))
    }

    async fn remove_queued(&self, which: Which) -> Result<QueueResponse, Refusal> {
        let mut tally = Tally::default();
        for id in self.chosen(&which).await? {
            let there = self.store.queue_remove(id).await.map_err(unchanged)?;
            tally.count(id, there);
            // Behind the store, so that nobody takes it in hand who does not see that it is gone.
            tally.sent(id, self.surroundings.queue_news(QueueNews::Withdrawn(id)));
        }
        tally.told(&which)
    }

    /// Whether something waits for a domain, or an address literal.
    async fn has_mail_for(&self, host: &str) -> Result<bool, Refusal> {
        let Ok(host) = host.parse::<Host>() else {
            return Ok(false);
        };
        let mut after = 0;
        loop {
            let page = self.page(after).await?;
            let Some(last) = page.last() else {
                return Ok(false);
            };
            after = last.id;
            for queued in page {
                let envelope = self.envelope(queued.id).await?;
                if envelope.is_some_and(|envelope| goes_to(&host, &queued, &envelope)) {
                    return Ok(true);
                }
            }
        }
    }

    /// The ids of these messages, as of now.
    async fn chosen(&self, which: &Which) -> Result<Vec<u64>, Refusal> {
        if let Which::Messages(ids) = which {
            let mut known = HashSet::new();
            let ids = ids.iter().copied();
            return Ok(ids.filter(|id| known.insert(*id)).collect());
        }
        let directory = self.store.directory();
        let (mut ids, mut after) = (Vec::new(), 0);
        loop {
            let page = self.page(after).await?;
            let Some(last) = page.last() else {
                return Ok(ids);
            };
            after = last.id;
            for queued in page {
                let is_meant = match which {
                    Which::All => true,
                    Which::Messages(_) | Which::Domain(_) | Which::Sender(_) => {
                        let envelope = self.envelope(queued.id).await?;
                        envelope
                            .is_some_and(|envelope| concerns(&directory, which, &queued, &envelope))
                    }
                };
                if is_meant {
                    ids.push(queued.id);
                }
            }
        }
    }

    async fn page(&self, after: u64) -> Result<Vec<Queued>, Refusal> {
        let store = self.store.clone();
        let page = tokio::task::spawn_blocking(move || store.queue_from(after, PAGE)).await;
        page.map_err(failed)?.map_err(failed)
    }

    /// How it stands with a message; `None` when it has left meanwhile.
    async fn queued(&self, id: u64) -> Result<Option<Queued>, Refusal> {
        let store = self.store.clone();
        let queued = tokio::task::spawn_blocking(move || store.queued(id)).await;
        queued.map_err(failed)?.map_err(failed)
    }

    /// Whom a message is from and for; `None` when it has left meanwhile.
    async fn envelope(&self, id: u64) -> Result<Option<Envelope>, Refusal> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.queue_letter(id)).await;
        let read = read.map_err(failed)?.map_err(failed)?;
        Ok(read.map(|(_, envelope, _)| envelope))
    }

    /// The same messages, with how it stands with each recipient that is shown.
    async fn with_standing(&self, described: Vec<Described>) -> Vec<QueuedFacts> {
        let asked = described
            .iter()
            .flat_map(|(_, asked)| asked.iter().cloned());
        let standing = self.surroundings.standing(asked.collect()).await;
        let mut standing = standing.into_iter();
        let messages = described.into_iter().map(|(mut message, _)| {
            for recipient in &mut message.recipients {
                if let Some(known) = standing.next() {
                    recipient.standing = known;
                }
            }
            message
        });
        messages.collect()
    }

    fn describe(&self, queued: &Queued, envelope: &Envelope, most: usize) -> Described {
        let directory = self.store.directory();
        let account = queued.account.and_then(|id| directory.account(id));
        let shown = queued.waiting.iter().take(most);
        let (shown, asked): (Vec<QueuedRecipient>, Vec<Question>) = shown
            .filter_map(|waiting| self.describe_recipient(waiting, queued, envelope))
            .unzip();
        let facts = QueuedFacts {
            id: queued.id,
            octets: queued.octets,
            sender: envelope.reverse_path.to_string(),
            account: account.map(|account| account.address.clone()),
            received: queued.received,
            release: queued.release,
            more: (queued.waiting.len() - shown.len()) as u64,
            recipients: shown,
        };
        (facts, asked)
    }

    fn describe_recipient(
        &self,
        waiting: &Waiting,
        queued: &Queued,
        envelope: &Envelope,
    ) -> Option<(QueuedRecipient, Question)> {
        let recipient = recipient(envelope, waiting)?;
        let mailbox = recipient.path.mailbox();
        let address = mailbox.map_or_else(|| recipient.path.to_string(), |one| one.unicode());
        let heard = |heard: &Heard| HeardFacts {
            host: heard.host().to_owned(),
            words: heard.words().to_owned(),
            when: heard.when(),
        };
        let question = Question {
            message: queued.id,
            place: waiting.recipient,
            recipient: recipient.path.clone(),
            sender: envelope.reverse_path.clone(),
            account: queued.account,
            held: waiting.held,
        };
        let facts = QueuedRecipient {
            address,
            hop: self
                .surroundings
                .next_hop(&envelope.reverse_path, &recipient.path),
            forwarded: waiting.forwarded,
            held: waiting.held,
            standing: match waiting.held {
                true => Standing::Held,
                false => Standing::NotRunning,
            },
            due: waiting.due,
            attempts: waiting.attempts,
            tried: waiting.tried,
            told: waiting.told,
            heard: waiting.heard.as_ref().map(heard),
        };
        Some((facts, question))
    }
}

/// Who it is that waits.
fn recipient<'a>(envelope: &'a Envelope, waiting: &Waiting) -> Option<&'a Recipient> {
    let place = usize::try_from(waiting.recipient).ok()?;
    envelope.recipients.get(place)
}

/// Whether it is held on its way to a list.
fn is_held_post(directory: &Directory, queued: &Queued, envelope: &Envelope) -> bool {
    let mut held = queued.waiting.iter().filter(|one| one.held);
    held.any(|one| {
        let to = recipient(envelope, one).and_then(|to| to.path.mailbox());
        let list = to.and_then(|mailbox| directory.list(mailbox));
        matches!(list, Some((_, ListAddress::Post)))
    })
}

/// Whether a message is one of these.
fn concerns(directory: &Directory, which: &Which, queued: &Queued, envelope: &Envelope) -> bool {
    match which {
        Which::All => true,
        Which::Messages(ids) => ids.contains(&queued.id),
        Which::Domain(domain) => goes_to(&Host::Domain(domain.clone()), queued, envelope),
        Which::Sender(ReversePath::Null) => envelope.reverse_path == ReversePath::Null,
        Which::Sender(ReversePath::Mailbox(sender)) => is_of(directory, sender, queued, envelope),
    }
}

/// Whether somebody there does not have it yet.
fn goes_to(host: &Host, queued: &Queued, envelope: &Envelope) -> bool {
    queued.waiting.iter().any(|waiting| {
        let mailbox = recipient(envelope, waiting).and_then(|one| one.path.mailbox());
        mailbox.is_some_and(|mailbox| mailbox.host == *host)
    })
}

/// Whether this is the sender that a message names, or the address of who handed it in: whoever has a password that is not
/// theirs may write under all addresses of its account.
fn is_of(directory: &Directory, sender: &Mailbox, queued: &Queued, envelope: &Envelope) -> bool {
    let named = match &envelope.reverse_path {
        ReversePath::Mailbox(mailbox) => mailbox.key() == sender.key(),
        ReversePath::Null => false,
    };
    let account = queued.account.and_then(|id| directory.account(id));
    named || account.is_some_and(|account| account.address.key() == sender.key())
}

/// To how many messages something was done, which were not there, which may be elsewhere by now, and which were left out.
#[derive(Default)]
struct Tally {
    messages: u64,
    missing: Vec<u64>,
    perhaps_sent: Vec<u64>,
    left_out: Vec<u64>,
}

impl Tally {
    fn count(&mut self, id: u64, there: bool) {
        if there {
            self.messages += 1;
        } else {
            self.missing.push(id);
        }
    }

    fn sent(&mut self, id: u64, perhaps: bool) {
        if perhaps && !self.missing.contains(&id) {
            self.perhaps_sent.push(id);
        }
    }

    /// Of messages that were asked for by their ids, nothing is nothing; of others, none is a number like others.
    fn told(self, which: &Which) -> Result<QueueResponse, Refusal> {
        let Self {
            messages,
            missing,
            perhaps_sent,
            left_out,
        } = self;
        let missing = match which {
            Which::Messages(_) if messages == 0 => return Err(none(&missing)),
            Which::Messages(_) => missing,
            // They have left since they were looked for.
            Which::All | Which::Domain(_) | Which::Sender(_) => Vec::new(),
        };
        Ok(QueueResponse::Done {
            messages,
            missing,
            perhaps_sent,
            left_out,
        })
    }
}

fn none(ids: &[u64]) -> Refusal {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let message = format!(
        "there is no message {} in the queue (any more)",
        ids.join(" or ")
    );
    Refusal::new(RefusalKind::NotQueued, message).remedy("see `tegami queue list`")
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        RefusalKind::Store,
        format!("the queue cannot be read: {error}"),
    )
    .remedy("the server's log says more; `tegami store verify` looks for damage")
}

fn unchanged(error: StoreError) -> Refusal {
    Refusal::new(
        RefusalKind::Store,
        format!("the queue was not changed: {error}"),
    )
    .remedy("the server's log says more; `tegami status` shows free space")
}

fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
