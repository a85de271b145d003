//! Turns: how many questions are open at once, and how many of them for one asker.
//!
//! A question about a domain whose name servers are silent holds its turn until time is up. Whoever names many such domains
//! fills his own share, and nobody else's. Which questions need a turn is not decided here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions that may be open at once; more wait, within their time.
pub const AT_ONCE: usize = 64;
/// Those of one client.
pub const OF_A_CLIENT: usize = AT_ONCE / 8;
/// Those of nobody but us: a long queue of mail to go out leaves as many for the clients.
pub const OF_OURS: usize = AT_ONCE / 2;

/// For whom something is asked. Nobody holds more than a share of the turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A client at this address. All of an IPv6 /64 are one client, for whoever has one address there has all of them.
    Client(IpAddr),
    /// This server itself, for mail on its way out.
    Ourselves,
}

/// Whose share it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Share {
    Client(IpAddr),
    Ourselves,
}

/// Hands out the turns.
pub struct Turns {
    all: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// The shares that somebody holds a part of, or waits for.
#[derive(Default)]
struct Shares(Mutex<HashMap<Share, Held>>);

struct Held {
    turns: Arc<Semaphore>,
    users: usize,
}

/// The right to have one question open, until it is dropped.
pub struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
    _user: User,
}

/// Somebody who holds a turn of a share, or waits for one; with the last one the share is forgotten.
struct User {
    shares: Arc<Shares>,
    share: Share,
}

impl Turns {
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            shares: Arc::default(),
        }
    }

    /// Waits for a turn, first of the asker's share; whoever waits for his own share is in nobody's way. Nothing comes if
    /// turns are no longer given, which is never so while this lives.
    pub async fn take(&self, asker: Asker) -> Option<Turn> {
        let (user, share) = Shares::join(&self.shares, share(asker));
        let of_share = share.acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn {
            _of_all: of_all,
            _of_share: of_share,
            _user: user,
        })
    }
}

impl Shares {
    fn join(shares: &Arc<Self>, share: Share) -> (User, Arc<Semaphore>) {
        let mut held = shares.lock();
        let held = held.entry(share).or_insert_with(|| Held {
            turns: Arc::new(Semaphore::new(share.size())),
            users: 0,
        });
        held.users += 1;
        let user = User {
            shares: Arc::clone(shares),
            share,
        };
        (user, Arc::clone(&held.turns))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Share, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut shares = self.shares.lock();
        if let Some(held) = shares.get_mut(&self.share) {
            held.users -= 1;
            if held.users == 0 {
                shares.remove(&self.share);
            }
        }
    }
}

impl Share {
    fn size(self) -> usize {
        match self {
            Self::Client(_) => OF_A_CLIENT,
            Self::Ourselves => OF_OURS,
        }
    }
}

fn share(asker: Asker) -> Share {
    match asker {
        Asker::Client(address) => Share::Client(match address.to_canonical() {
            v4 @ IpAddr::V4(_) => v4,
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from(network))
            }
        }),
        Asker::Ourselves => Share::Ourselves,
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn client(address: &str) -> Asker {
        Asker::Client(address.parse().unwrap())
    }

    /// As many turns as `asker` gets without waiting.
    fn all_for(turns: &Turns, asker: Asker) -> Vec<Turn> {
        let mut taken = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(turn)) = std::pin::pin!(turns.take(asker))
            .as_mut()
            .poll(&mut context)
        {
            taken.push(turn);
        }
        taken
    }

    #[test]
    fn nobody_holds_more_than_a_share_and_all_no_more_than_there_are() {
        let turns = Turns::new();
        let first = all_for(&turns, client("192.0.2.1"));
        assert_eq!(first.len(), OF_A_CLIENT);
        // The same client, however its address is written.
        assert_eq!(all_for(&turns, client("::ffff:192.0.2.1")).len(), 0);
        let second = all_for(&turns, client("2001:db8::1"));
        assert_eq!(second.len(), OF_A_CLIENT);
        assert_eq!(all_for(&turns, client("2001:db8::ffff:0:0:1")).len(), 0);
        let third = all_for(&turns, client("2001:db8:0:1::1"));
        assert_eq!(third.len(), OF_A_CLIENT);
        let ours = all_for(&turns, Asker::Ourselves);
        assert_eq!(ours.len(), OF_OURS);
        let rest = all_for(&turns, client("192.0.2.2"));
        assert_eq!(rest.len(), AT_ONCE - 3 * OF_A_CLIENT - OF_OURS);
        assert_eq!(all_for(&turns, client("192.0.2.3")).len(), 0);
        drop(first);
        assert_eq!(all_for(&turns, client("192.0.2.3")).len(), OF_A_CLIENT);
    }

    #[test]
    fn a_share_that_nobody_uses_is_forgotten() {
        let turns = Turns::new();
        for number in 0..1000 {
            let asker = Asker::Client(Ipv6Addr::from(number << 64).into());
            assert_eq!(all_for(&turns, asker).len(), OF_A_CLIENT);
        }
        assert!(turns.shares.lock().is_empty());
    }
}
