//! What the admin verbs may know of the running server.

mod pausing;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use address::{Domain, ForwardPath, ReversePath};
use admin::{
    CertificateFacts, Compared, Comparison, ListenerFacts, OutageFacts, PauseNews, Question,
    QueueNews, Refusal, RefusalKind, ServerFacts, Standing, Surroundings,
};
use auth::Wanted;
use courier::office::{Office, Outage, Which};
use delivery::schedule::Scope;
use mailstore::AccountId;
use net::Server;
use net::tls::Certificates;

use crate::declared::{self, Stored};
use crate::host::House;
use crate::host::{outward, routing};
use crate::probe::fingerprint;
use crate::serve::fetching::Board;
use crate::serve::outbound::{self, prospects};

/// The running server, looked at from the admin socket.
pub struct Live {
    house: Arc<House>,
    certificates: Arc<Certificates>,
    server: Arc<Server>,
    fetched: Arc<Board>,
    data_dir: PathBuf,
    since: Instant,
}

impl Live {
    /// Looks at these.
    pub fn new(
        house: &Arc<House>,
        certificates: &Arc<Certificates>,
        server: &Arc<Server>,
        fetched: &Arc<Board>,
        data_dir: &Path,
    ) -> Self {
        Self {
            house: Arc::clone(house),
            certificates: Arc::clone(certificates),
            server: Arc::clone(server),
            fetched: Arc::clone(fetched),
            data_dir: data_dir.to_owned(),
            since: Instant::now(),
        }
    }
}

/// What reading an accounts file would change. Blocks.
///
/// # Errors
/// The file cannot be read from here, or is wrong.
fn compare(house: &House, data_dir: &Path, with: &Comparison) -> Result<Compared, String> {
    let file = declared::load(&with.file, &with.domains).map_err(|error| error.to_string())?;
    let wanted = Wanted {
        scram_sha_256: with.scram_sha_256,
        scram_sha_1: with.scram_sha_1,
        sealed: false,
    };
    let stored = Stored::from(&*house.store.directory());
    let changes = declared::compare(&file, &stored, &with.domains, data_dir, wanted);
    Ok(match changes {
        Ok(changes) => Compared::Changes(changes),
        Err(error) => Compared::Refused(error.to_string()),
    })
}

impl Surroundings for Live {
    fn compare(
        &self,
        with: Comparison,
    ) -> Pin<Box<dyn Future<Output = Result<Compared, Refusal>> + Send>> {
        let (house, data_dir) = (Arc::clone(&self.house), self.data_dir.clone());
        Box::pin(async move {
            let compared = tokio::task::spawn_blocking(move || compare(&house, &data_dir, &with));
            let refused = |message| Refusal {
                kind: RefusalKind::Configured,
                message: format!("the server cannot read that accounts file: {message}"),
                remedy: None,
            };
            let compared = compared.await.map_err(|error| refused(error.to_string()))?;
            compared.map_err(refused)
        })
    }

    fn domains(&self) -> Vec<Domain> {
        self.house.policy.load().domains.iter().cloned().collect()
    }

    fn default_quota(&self) -> u64 {
        self.house.policy.load().default_quota
    }

    fn accounts_file(&self) -> Option<PathBuf> {
        self.house.policy.load().accounts_file.clone()
    }

    fn server(&self) -> Option<ServerFacts> {
        let listeners = self
            .server
            .status()
            .into_iter()
            .map(|listener| ListenerFacts {
                service: listener.name.to_string(),
                address: listener.address,
                sessions: listener.open,
            });
        Some(ServerFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.house.policy.load().hostname.clone(),
            process: process::id(),
            uptime: self.since.elapsed().as_secs(),
            suspended: self.house.suspended(),
            listeners: listeners.collect(),
            certificate: certificate(&self.certificates),
            fetches: self.fetched.facts(),
        })
    }

    fn changed(&self, account: AccountId) {
        self.house.authenticator.forget(account.0);
        outbound::account_changed(&self.house, account);
    }

    fn suspend(&self, suspended: bool) -> Result<(), Refusal> {
        self.house.suspension.set(suspended);
        if !suspended && self.house.suspended().is_some() {
            return Err(Refusal {
                kind: RefusalKind::Configured,
                message: "the configuration says `suspended = true`, so no mail is taken"
                    .to_owned(),
                remedy: Some(
                    "set it to false, then reload the configuration (SIGHUP to the server)"
                        .to_owned(),
                ),
            });
        }
        tracing::info!(
            suspended,
            "mail is {} taken",
            if suspended { "no longer" } else { "again" }
        );
        Ok(())
    }

    fn queue_news(&self, news: QueueNews) -> bool {
        let Some(office) = self.house.office.get() else {
            return false;
        };
        match news {
            QueueNews::Retry(id) => office.retry(Which::Message(id)),
            QueueNews::RetryAll => office.retry(Which::Scope(Scope::All)),
            // Whoever lets it go wants to see it go.
            QueueNews::Released(id) => office.retry(Which::Message(id)),
            QueueNews::Withdrawn(id) => return office.withdrawn(id),
        }
        false
    }

    fn pause_queue(&self, hop: Option<&str>, paused: bool) -> Result<PauseNews, Refusal> {
        let policy = self.house.policy.load();
        if !paused && hop.is_none() && !policy.outward.enabled {
            return Err(Refusal {
                kind: RefusalKind::Configured,
                message:
                    "the configuration says `enabled = false` under [relay], so no mail leaves"
                        .to_owned(),
                remedy: Some(
                    "set it to true, then reload the configuration (SIGHUP to the server)"
                        .to_owned(),
                ),
            });
        }
        let Some(office) = self.house.office.get() else {
            return Err(Refusal {
                kind: RefusalKind::NotRunning,
                message: "the server is still starting".to_owned(),
                remedy: Some("try again in a moment".to_owned()),
            });
        };
        let done = match hop {
            None => pausing::everything(&self.house, office, paused),
            Some(name) => pausing::named(&self.house, &policy.outward, office, name, paused)?,
        };
        tracing::info!(
            hop,
            paused,
            "mail {}",
            if paused { "waits" } else { "leaves again" }
        );
        Ok(done)
    }

    fn paused_queue(&self) -> Vec<String> {
        let by_command = self.house.paused().names();
        if self.house.policy.load().outward.enabled {
            return by_command;
        }
        let configured = "everything, by relay.enabled = false".to_owned();
        std::iter::once(configured).chain(by_command).collect()
    }

    fn outages(&self) -> Vec<OutageFacts> {
        let office = self.house.office.get();
        let outages = office.map(Office::outages).unwrap_or_default();
        let facts = |outage: Outage| OutageFacts {
            server: outage.hop.into(),
            since: milliseconds(outage.since),
            words: outage.words,
        };
        outages.into_iter().map(facts).collect()
    }

    fn standing(
        &self,
        asked: Vec<Question>,
    ) -> Pin<Box<dyn Future<Output = Vec<Standing>> + Send>> {
        Box::pin(prospects::standing(Arc::clone(&self.house), asked))
    }

    fn next_hop(&self, sender: &ReversePath, recipient: &ForwardPath) -> Option<String> {
        let policy = self.house.policy.load();
        if recipient
            .mailbox()
            .is_some_and(|to| routing::is_local(&policy, to))
        {
            return Some("this server".to_owned());
        }
        let hop = policy.outward.next_hop(sender, recipient)?;
        Some(outward::shown(&hop))
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn certificate(certificates: &Certificates) -> Option<CertificateFacts> {
    let facts = certificates.facts();
    let expires = jiff::Timestamp::try_from(facts.not_after).ok()?;
    let left = expires.as_second()
        - jiff::Timestamp::try_from(SystemTime::now())
            .ok()?
            .as_second();
    Some(CertificateFacts {
        names: facts.names,
        expires: expires.to_string(),
        days_left: left.div_euclid(24 * 60 * 60),
        self_signed: facts.self_signed,
        sha256: fingerprint(&certificates.shown()),
    })
}
