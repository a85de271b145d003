//! The verbs on the queue of mail for elsewhere.
//!
//! What they change is durable, so that a server that stops in the middle, or does not run at all, goes by it at its next
//! start. A running one is told besides.

use std::time::{SystemTime, UNIX_EPOCH};

use address::{Envelope, Host};
use mailstore::{Heard, Queued, StoreError, Waiting};

use super::Operations;
use crate::message::{Answer, Refusal, RefusalKind, Response};
use crate::queue::{
    HeardFacts, PAGE, QueueFacts, QueueNews, QueueRequest, QueueResponse, QueuedFacts,
    QueuedRecipient, Which,
};

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
            QueueRequest::Hold { which } => self.hold_queued(which, true).await?,
            QueueRequest::Release { which } => self.hold_queued(which, false).await?,
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
            if concerns(&which, &queued, &envelope) {
                messages.push(self.describe(&queued, &envelope, FEW));
            }
        }
        Ok(QueueResponse::Listed {
            messages,
            next: next.flatten(),
            paused: self.surroundings.paused_queue(),
        })
    }

    async fn show_queued(&self, id: u64) -> Result<QueuedFacts, Refusal> {
        let store = self.store.clone();
        let queued = tokio::task::spawn_blocking(move || store.queued(id)).await;
        let queued = queued.map_err(failed)?.map_err(failed)?;
        let envelope = self.envelope(id).await?;
        match queued.zip(envelope) {
            Some((queued, envelope)) => Ok(self.describe(&queued, &envelope, MANY)),
            None => Err(none(id)),
        }
    }

    async fn retry_queued(&self, which: Which) -> Result<QueueResponse, Refusal> {
        let running = self.surroundings.server().is_some();
        if running && which == Which::All {
            let messages = self.store.queue_counts().messages;
            self.surroundings.queue_news(QueueNews::RetryAll);
            return Ok(QueueResponse::Done { messages });
        }
        let now = milliseconds();
        let mut messages = 0;
        for id in self.chosen(&which).await? {
            // Those that are held stay held.
            let there = self.store.queue_retry(id, now).await.map_err(unchanged)?;
            messages += u64::from(there.is_some());
            self.surroundings.queue_news(QueueNews::Retry(id));
        }
        counted(&which, messages)
    }

    async fn hold_queued(&self, which: Which, held: bool) -> Result<QueueResponse, Refusal> {
        let mut messages = 0;
        for id in self.chosen(&which).await? {
            let there = self.store.queue_hold(id, held).await.map_err(unchanged)?;
            messages += u64::from(there.is_some());
            self.surroundings.queue_news(if held {
                QueueNews::Withdrawn(id)
            } else {
                QueueNews::Released(id)
            });
        }
        counted(&which, messages)
    }

    async fn remove_queued(&self, which: Which) -> Result<QueueResponse, Refusal> {
        let mut messages = 0;
        for id in self.chosen(&which).await? {
            let there = self.store.queue_remove(id).await.map_err(unchanged)?;
            messages += u64::from(there);
            self.surroundings.queue_news(QueueNews::Withdrawn(id));
        }
        counted(&which, messages)
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
        if let Which::Message(id) = which {
            return Ok(vec![*id]);
        }
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
                    Which::Message(_) | Which::Domain(_) => {
                        let envelope = self.envelope(queued.id).await?;
                        envelope.is_some_and(|envelope| concerns(which, &queued, &envelope))
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

    /// Whom a message is from and for; `None` when it has left meanwhile.
    async fn envelope(&self, id: u64) -> Result<Option<Envelope>, Refusal> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.queue_letter(id)).await;
        let read = read.map_err(failed)?.map_err(failed)?;
        Ok(read.map(|(_, envelope, _)| envelope))
    }

    fn describe(&self, queued: &Queued, envelope: &Envelope, most: usize) -> QueuedFacts {
        let directory = self.store.directory();
        let account = queued.account.and_then(|id| directory.account(id));
        let shown = queued.waiting.iter().take(most);
        let shown: Vec<QueuedRecipient> = shown
            .filter_map(|waiting| self.describe_recipient(waiting, envelope))
            .collect();
        QueuedFacts {
            id: queued.id,
            octets: queued.octets,
            sender: envelope.reverse_path.to_string(),
            account: account.map(|account| account.address.clone()),
            received: queued.received,
            release: queued.release,
            more: (queued.waiting.len() - shown.len()) as u64,
            recipients: shown,
        }
    }

    fn describe_recipient(
        &self,
        waiting: &Waiting,
        envelope: &Envelope,
    ) -> Option<QueuedRecipient> {
        let place = usize::try_from(waiting.recipient).ok()?;
        let recipient = envelope.recipients.get(place)?;
        let mailbox = recipient.path.mailbox();
        let address = mailbox.map_or_else(|| recipient.path.to_string(), |one| one.unicode());
        let heard = |heard: &Heard| HeardFacts {
            host: heard.host().to_owned(),
            words: heard.words().to_owned(),
            when: heard.when(),
        };
        Some(QueuedRecipient {
            address,
            hop: self
                .surroundings
                .next_hop(&envelope.reverse_path, &recipient.path),
            forwarded: waiting.forwarded,
            held: waiting.held,
            due: waiting.due,
            attempts: waiting.attempts,
            tried: waiting.tried,
            told: waiting.told,
            heard: waiting.heard.as_ref().map(heard),
        })
    }
}

/// Whether a message is one of these.
fn concerns(which: &Which, queued: &Queued, envelope: &Envelope) -> bool {
    match which {
        Which::All => true,
        Which::Message(id) => queued.id == *id,
        Which::Domain(domain) => goes_to(&Host::Domain(domain.clone()), queued, envelope),
    }
}

/// Whether somebody there does not have it yet.
fn goes_to(host: &Host, queued: &Queued, envelope: &Envelope) -> bool {
    queued.waiting.iter().any(|waiting| {
        let place = usize::try_from(waiting.recipient).ok();
        let recipient = place.and_then(|place| envelope.recipients.get(place));
        let mailbox = recipient.and_then(|recipient| recipient.path.mailbox());
        mailbox.is_some_and(|mailbox| mailbox.host == *host)
    })
}

/// Of one message, nothing is nothing; of several, none is a number like others.
fn counted(which: &Which, messages: u64) -> Result<QueueResponse, Refusal> {
    match which {
        Which::Message(id) if messages == 0 => Err(none(*id)),
        Which::All | Which::Message(_) | Which::Domain(_) => Ok(QueueResponse::Done { messages }),
    }
}

fn none(id: u64) -> Refusal {
    let message = format!("there is no message {id} in the queue (any more)");
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
