//! Mail out of a running server: the roads and the office, made of the configuration, and what the office asks the house.

mod changes;
pub mod prospects;
mod standing;

use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use address::{ForwardPath, Host, Mailbox, Recipient, ReversePath};
use anyhow::{Context, Result};
use auth::Credentials;
use courier::office::{self, Home, Housed, Nowhere, Office, Which};
use courier::roads::{self, Roads, RouteTls, Settings};
use delivery::list::List;
use delivery::schedule::{Backoff, NextHop, Rules, Scope};
use delivery::srs::{Forwarded, Why};
use mailstore::AccountId;
use reply::Enhanced;
use resolver::Place;
use smtp_client::Login;

use crate::config::{Config, Fetch, HopTls, Relay, RelayLogin};
use crate::host::House;
use crate::host::errands::{self, Errands};
use crate::host::on_demand::Customers;
use crate::host::outward::{self, Way};
use crate::host::returning::Returning;
use crate::host::routing::{self, Route};

/// How far each waiting time is drawn out or shortened, in percent, so that what failed together does not come back
/// together.
const JITTER: u8 = 15;

/// What accounts have written today, beside the store.
const COUNTS: &str = "sent-today";

/// What is in front of the reason why the server does not start.
pub const NO_ROADS: &str = "relay: mail cannot leave";

/// Mail out at work.
pub struct Outbound {
    roads: Arc<Roads>,
    office: Office,
}

impl Outbound {
    /// Opens the office of this house, which begins with what is in the queue. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// A file of certificate authorities or the key of rewritten addresses cannot be used.
    pub fn start(config: &Config, house: &Arc<House>) -> Result<Self> {
        settle(config, house)?;
        let roads = Roads::new(
            settings(config, &config.data_dir),
            Arc::clone(&house.resolver),
        );
        let roads = Arc::new(roads.context(NO_ROADS)?);
        Errands::start(&config.data_dir, house)?;
        let (office, hatch) = Office::with_hatch(
            house.store.clone(),
            Arc::clone(&roads),
            rules(&config.relay),
            Arc::new(Rooms(Arc::clone(house))),
            Some(config.data_dir.join(COUNTS)),
        );
        if !config.relay.enabled {
            office.pause(Scope::All);
        }
        // Set once: a house has one office, and one hatch.
        let _ = house.office.set(office.clone());
        let customers = Customers::new(Arc::clone(&roads), hatch);
        let _ = house.customers.set(customers);
        Ok(Self { roads, office })
    }

    /// The way to other servers.
    pub fn roads(&self) -> &Arc<Roads> {
        &self.roads
    }

    /// Takes on a configuration that was read again. What cannot be used of it is said and left as it was.
    pub fn reload(&self, current: &Config, config: &Config, house: &House) {
        if let Err(error) = settle(config, house) {
            tracing::error!(error = format!("{error:#}"), "relay not reloaded");
        }
        if let Err(error) = self.roads.reload(settings(config, &config.data_dir)) {
            tracing::error!(%error, "relay not reloaded; servers are reached as before");
        }
        self.office.reload(rules(&config.relay));
        for hop in house.paused().renew(&house.policy.load().outward) {
            self.office.pause(Scope::NextHop(hop));
        }
        changes::retry(&self.office, &current.relay, &config.relay);
        match (current.relay.enabled, config.relay.enabled) {
            (true, false) => self.office.pause(Scope::All),
            // Whoever paused it says when it goes on.
            (false, true) if !house.paused().everything() => self.office.resume(Scope::All),
            (false, true) | (true, true) | (false, false) => {}
        }
    }

    /// Starts nothing more and lets what is on its way end.
    pub async fn stop(&self, within: Duration) {
        self.office.stop(within).await;
    }
}

/// Forwarded copies leave under addresses of the first domain.
fn settle(config: &Config, house: &House) -> Result<()> {
    if let Some(domain) = config.domains.first() {
        let returning = Returning::new(&config.data_dir, domain.clone())?;
        house.srs.store(Some(Arc::new(returning)));
    }
    Ok(())
}

/// How other servers are reached; `directory` is for what is learnt of them.
pub fn settings(config: &Config, directory: &Path) -> Settings {
    let relay = &config.relay;
    let hostname = Host::Domain(config.hostname.clone());
    let (smarthost, routes) = outward::ways(relay);
    let ways = smarthost.into_iter().chain(routes.into_iter().flatten());
    let ways = ways.chain(relay.fetch.iter().map(to_fetch));
    let (mut source_v4, mut source_v6) = (None, None);
    for address in &relay.source {
        match address {
            IpAddr::V4(v4) => source_v4 = Some(*v4),
            IpAddr::V6(v6) => source_v6 = Some(*v6),
        }
    }
    // Who listens everywhere is known by its name alone.
    let own = config.listen.smtp.iter().map(|address| address.ip());
    Settings {
        place: Place {
            names: vec![config.hostname.clone()],
            addresses: own
                .filter(|address| !address.is_loopback() && !address.is_unspecified())
                .collect(),
            allowed: relay.allow_to.clone(),
            families: relay.families.0,
            dnssec: relay.dane,
        },
        routes: ways.map(|way| (way.name.clone(), route(way))).collect(),
        dane: relay.dane,
        mta_sts: relay.mta_sts,
        source_v4,
        source_v6,
        ..Settings::new(hostname, directory.to_owned())
    }
}

/// The way to a server that keeps mail for us.
fn to_fetch(fetch: &Fetch) -> Way {
    Way {
        name: fetch.name().into(),
        hop: fetch.from.clone(),
        tls: fetch.tls,
        ca: fetch.ca.clone(),
        login: Some(fetch.login.clone()),
    }
}

fn route(way: Way) -> roads::Route {
    roads::Route {
        tls: match way.tls.at(way.hop.port) {
            HopTls::Auto | HopTls::StartTls => RouteTls::StartTls,
            HopTls::Implicit => RouteTls::Implicit,
            HopTls::Opportunistic => RouteTls::Opportunistic,
            HopTls::None => RouteTls::None,
        },
        hosts: vec![(way.hop.host, way.hop.port)],
        mx: false,
        ca: way.ca,
        login: way.login.map(login),
    }
}

fn login(login: RelayLogin) -> Login {
    Login::new(Credentials::new(login.user, login.password))
}

/// An account is as it is now: mail of it that waited because it was disabled leaves if it no longer is, and says why it waits
/// if the account is gone.
pub fn account_changed(house: &House, account: AccountId) {
    if let Some(office) = house.office.get()
        && standing::is_to_be_told(&house.store.directory(), account)
    {
        let (store, office) = (house.store.clone(), office.clone());
        tokio::task::spawn_blocking(move || {
            standing::each_waiting(&store, account, |id| office.retry(Which::Message(id)));
        });
    }
}

/// When what is tried, and how much at once.
fn rules(relay: &Relay) -> Rules {
    let usual = Rules::default();
    // A server that cannot be reached is asked again at least as often as mail is tried.
    let first = relay.retry.first().copied();
    let reconnect: Vec<Duration> = [5, 15, 30, 60]
        .into_iter()
        .enumerate()
        .map(|(at, minutes)| {
            let step = relay.retry.get(at).copied().or(relay.retry.last().copied());
            let step = step.or(first).unwrap_or(Duration::MAX);
            step.min(Duration::from_secs(minutes * 60))
        })
        .collect();
    Rules {
        retry: Backoff::new(&relay.retry, JITTER).unwrap_or(usual.retry),
        reconnect: Backoff::new(&reconnect, JITTER).unwrap_or(usual.reconnect),
        lifetime: relay.give_up_after,
        notice: relay.delay_notice.0,
        connections: relay.connections,
        most_per_hop: relay.connections_per_host,
        recipients_per_day: relay.recipients_per_day.0,
        ..usual
    }
}

/// What the office asks.
struct Rooms(Arc<House>);

impl office::House for Rooms {
    fn route(
        &self,
        recipient: &ForwardPath,
        sender: &ReversePath,
        account: Option<AccountId>,
    ) -> office::Route {
        let policy = self.0.policy.load();
        if let Some(account) = account
            && let Some(waits) = standing::waits(&self.0.store.directory(), account)
        {
            return office::Route::Nowhere(waits);
        }
        let nowhere = |status, words: &str| {
            office::Route::Nowhere(Nowhere {
                status,
                row: None,
                words: words.to_owned(),
            })
        };
        match routing::route(&policy, &self.0.store.directory(), recipient) {
            Route::Foreign => match policy.outward.next_hop(sender, recipient) {
                // The domain waits, and the others who go by the same server do not.
                Some(hop)
                    if matches!(*hop, NextHop::Route(_))
                        && self.0.paused().holds_recipient(recipient) =>
                {
                    office::Route::Paused
                }
                Some(hop) => office::Route::Hop(hop),
                None => nowhere(Enhanced(5, 1, 1), "nobody has this address"),
            },
            // Its domain has become ours since it was taken in.
            Route::Leads(leads) if leads.away.is_empty() && !leads.mailboxes.is_empty() => {
                let accounts = leads.mailboxes.iter().map(|local| local.account);
                office::Route::Here(accounts.collect())
            }
            // A list, or whoever mail for it is sent on to by now.
            Route::Leads(_) => office::Route::Errand,
            Route::Moved(to) => nowhere(
                Enhanced(5, 1, 6),
                &format!("the user has moved to {}", to.unicode()),
            ),
            Route::Circle => nowhere(Enhanced(5, 4, 6), "aliases lead round in a circle"),
            Route::Disabled => nowhere(Enhanced(5, 2, 1), "this mailbox is switched off"),
            Route::Unknown => nowhere(Enhanced(5, 1, 1), "nobody has this address"),
        }
    }

    fn errand(
        &self,
        message: u64,
        recipient: u32,
    ) -> Pin<Box<dyn Future<Output = office::Errand> + Send>> {
        Box::pin(errands::run(Arc::clone(&self.0), message, recipient))
    }

    fn housed(&self, housed: Housed) {
        if let Some(errands) = self.0.errands.get() {
            errands.note_housed(&self.0.store.directory(), &housed);
        }
    }

    fn home(&self, mailbox: &Mailbox) -> Home {
        let policy = self.0.policy.load();
        let path = ForwardPath::Mailbox(mailbox.clone());
        match routing::route(&policy, &self.0.store.directory(), &path) {
            Route::Foreign => Home::Elsewhere,
            // Reports to a list, such as to its `-bounces`, wait in the queue as all mail for it does.
            Route::Leads(leads) if leads.mailboxes.is_empty() && !leads.lists.is_empty() => {
                Home::Elsewhere
            }
            // Whoever forwards all mail reads it there. Our letters come from `<>`, and so do their copies, so that nothing
            // comes back of them.
            Route::Leads(leads)
                if policy.outward.enabled && !(leads.away.is_empty() && leads.lists.is_empty()) =>
            {
                Home::Elsewhere
            }
            Route::Leads(leads) if leads.mailboxes.is_empty() => match leads.accounts.as_slice() {
                [] => Home::Nobody,
                accounts => Home::Accounts(accounts.to_vec()),
            },
            Route::Leads(leads) => {
                Home::Accounts(leads.mailboxes.iter().map(|local| local.account).collect())
            }
            Route::Moved(_) | Route::Circle | Route::Disabled | Route::Unknown => Home::Nobody,
        }
    }

    fn is_foreign(&self, mailbox: &Mailbox) -> bool {
        !routing::is_local(&self.0.policy.load(), mailbox)
    }

    fn forwarded(&self, reverse_path: &ReversePath, day: u64) -> Forwarded {
        let policy = self.0.policy.load();
        let is_ours = |host: &Host| {
            host.domain()
                .is_some_and(|domain| policy.domains.contains(domain))
        };
        match self.0.srs.load_full() {
            Some(srs) => srs.forwarded(reverse_path, day, is_ours),
            None => Forwarded::Kept(Why::TooLong),
        }
    }

    fn hostname(&self) -> Host {
        Host::Domain(self.0.policy.load().host.clone())
    }

    fn postmaster(&self) -> Mailbox {
        let policy = self.0.policy.load();
        routing::postmaster_address(&policy, &self.0.store.directory())
    }

    fn address(&self, account: AccountId) -> Option<Mailbox> {
        let directory = self.0.store.directory();
        directory.account(account).map(|one| one.address.clone())
    }

    fn list_of(
        &self,
        sender: &ReversePath,
        header: &[u8],
        failed: &[&Recipient],
    ) -> Option<(Mailbox, Vec<Mailbox>)> {
        // Anybody can write under the address of a list.
        if !List::is_copy(header) {
            return None;
        }
        let ReversePath::Mailbox(sender) = sender else {
            return None;
        };
        errands::failed_members(&self.0, sender, failed)
    }

    fn zone(&self, at: SystemTime) -> i16 {
        let Ok(at) = jiff::Timestamp::try_from(at) else {
            return 0;
        };
        let offset = at.to_zoned(jiff::tz::TimeZone::system()).offset();
        i16::try_from(offset.seconds() / 60).unwrap_or(0)
    }

    fn random(&self) -> [u8; 16] {
        let mut octets = [0; 16];
        if let Err(error) = getrandom::fill(&mut octets) {
            // Message ids and boundaries become guessable, and stay different from each other.
            tracing::error!(%error, "the system gives no random numbers");
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            octets = since.unwrap_or_default().as_nanos().to_be_bytes();
        }
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OrOff;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_schedule_goes_by_the_configuration() {
        assert_eq!(
            rules(&Relay::default()),
            Rules {
                recipients_per_day: Some(1000),
                ..Rules::default()
            }
        );
        let relay = Relay {
            retry: vec![MINUTE, 2 * MINUTE],
            give_up_after: 60 * MINUTE,
            delay_notice: OrOff(None),
            recipients_per_day: OrOff(None),
            connections: 7,
            connections_per_host: 2,
            ..Relay::default()
        };
        let found = rules(&relay);
        let both = Backoff::new(&[MINUTE, 2 * MINUTE], JITTER).unwrap();
        assert_eq!(found.retry, both);
        let twos = [MINUTE, 2 * MINUTE, 2 * MINUTE, 2 * MINUTE];
        assert_eq!(found.reconnect, Backoff::new(&twos, JITTER).unwrap());
        assert_eq!((found.lifetime, found.notice), (60 * MINUTE, None));
        assert_eq!((found.connections, found.most_per_hop), (7, 2));
        assert_eq!(found.recipients_per_day, None);
    }

    #[test]
    fn a_smarthost_wants_tls_and_its_login_by_default() {
        let mut config = Config::default();
        config.relay.smarthost = Some(crate::config::Hop::parse("smart.test:465").unwrap());
        config.relay.smarthost_user = Some("me".to_owned());
        config.relay.smarthost_password = Some("secret".into());
        let settings = settings(&config, Path::new(""));
        let (name, route) = settings.routes.first_key_value().unwrap();
        assert_eq!(&**name, "smart.test:465");
        assert_eq!(route.tls, RouteTls::Implicit);
        assert_eq!(route.hosts, [("smart.test".parse().unwrap(), 465)]);
        let login = route.login.as_ref().unwrap();
        assert_eq!(login.credentials.login, "me");
        assert!(settings.place.allowed.is_empty() && settings.dane && settings.mta_sts);
    }
}
