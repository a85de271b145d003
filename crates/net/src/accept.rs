//! A listener's accept loop: takes connections off the socket, asks the gate, starts a task for each.
//!
//! It never waits for a peer, and it never spins: when the system has no descriptor left it pauses.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::net::{TcpListener, TcpStream};
use wire::Admission;

use crate::driver::now;
use crate::gate::{Permit, normalised};
use crate::proxy::{self, Passed, ProxyError};
use crate::reception::Reception;
use crate::serve::Meeting;
use crate::server::{Listening, Shared};
use crate::stop::{Alarm, Level};

/// The pause after the first failed accept, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// One listener at work.
pub(crate) struct Door<R> {
    /// The same for all addresses of one listener.
    pub(crate) number: u16,
    pub(crate) listening: Arc<Listening>,
    pub(crate) reception: R,
    pub(crate) shared: Arc<Shared>,
}

/// Failed accepts in a row, usually for want of a descriptor. Sessions end meanwhile and give theirs back.
#[derive(Debug, Default)]
struct Failures {
    last_pause: Option<Duration>,
}

impl Failures {
    fn is_first(&self) -> bool {
        self.last_pause.is_none()
    }

    /// How long to wait after one more failure.
    fn pause(&mut self) -> Duration {
        let next = self
            .last_pause
            .map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        *self.last_pause.insert(next)
    }

    /// An accept went well; whether failures came before it.
    fn end(&mut self) -> bool {
        self.last_pause.take().is_some()
    }
}

/// A connection's place: its permit, and its count at the listener.
struct Place {
    listening: Arc<Listening>,
    _permit: Permit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listening.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Marks a listener as not accepting when its loop ends, whatever ends it.
struct Accepting(Arc<Listening>);

impl Accepting {
    fn set(&self, accepting: bool) {
        self.0.accepting.store(accepting, Ordering::Relaxed);
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.set(false);
    }
}

impl<R: Reception> Door<R> {
    /// Accepts until the server drops everything. While it drains, newcomers are turned away politely.
    pub(crate) async fn keep(self: Arc<Self>, listener: TcpListener) {
        let mut alarm = self.shared.stop.alarm();
        let mut failures = Failures::default();
        let accepting = Accepting(Arc::clone(&self.listening));
        while let Some(accepted) = accept(&listener, &mut alarm).await {
            match accepted {
                Ok((socket, peer)) => {
                    if failures.end() {
                        accepting.set(true);
                        tracing::info!(listener = &*self.listening.name, "accepting again");
                    }
                    self.welcome(socket, peer);
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    if failures.is_first() {
                        accepting.set(false);
                        tracing::warn!(listener = &*self.listening.name, %error, "cannot accept");
                    }
                    let stopped = alarm.at_least(Level::Dropping);
                    let _waited = tokio::time::timeout(failures.pause(), stopped).await;
                }
            }
        }
    }

    fn welcome(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        let Ok(local) = socket.local_addr() else {
            return;
        };
        // A reverse proxy speaks the guests' own protocol, and has no header in front of it.
        if self.reception.is_for_mail() && self.shared.is_proxy(peer) {
            self.hear_proxy(socket, peer, local);
        } else {
            self.receive(socket, peer, local);
        }
    }

    /// Lets the proxy at `proxy` say whose connection this is; until then it is nobody's.
    fn hear_proxy(self: &Arc<Self>, mut socket: TcpStream, proxy: SocketAddr, local: SocketAddr) {
        let Ok(arrival) = Arc::clone(&self.shared.arrivals).try_acquire_owned() else {
            self.listening.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let door = Arc::clone(self);
        self.shared.doorstep.spawn(async move {
            let _arrival = arrival;
            let mut alarm = door.shared.stop.alarm();
            let header = tokio::select! {
                biased;
                () = alarm.at_least(Level::Dropping) => return,
                header = proxy::read(&mut socket) => header,
            };
            match header {
                Ok(Passed::On { peer, local }) => {
                    tracing::debug!(%proxy, %peer, listener = &*door.listening.name, "passed on");
                    door.receive(socket, peer, local);
                }
                Ok(Passed::Own) => door.receive(socket, proxy, local),
                Err(error) => door.turn_proxy_away(proxy, &error),
            }
        });
    }

    /// Without a header nobody knows who the client is, so it hears nothing.
    fn turn_proxy_away(&self, proxy: SocketAddr, error: &ProxyError) {
        self.listening.refused.fetch_add(1, Ordering::Relaxed);
        let (proxy, listener) = (normalised(proxy), &*self.listening.name);
        match error {
            // How a balancer looks whether the port is open.
            ProxyError::Silent => tracing::debug!(%proxy, listener, %error, "proxy refused"),
            ProxyError::TooSlow
            | ProxyError::Missing
            | ProxyError::Malformed
            | ProxyError::Foreign
            | ProxyError::Broken(_) => {
                tracing::warn!(%proxy, listener, %error, "proxy refused");
            }
        }
    }

    fn receive(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, local: SocketAddr) {
        self.shared.look_at(peer);
        let place = self.admit(&socket, peer);
        let (tracker, refusal) = match &place {
            Ok(_) => (&self.shared.sessions, None),
            Err(_) => {
                self.listening.refused.fetch_add(1, Ordering::Relaxed);
                // A flood of refusals must not cost what the limits save.
                let Ok(refusal) = Arc::clone(&self.shared.refusals).try_acquire_owned() else {
                    return;
                };
                (&self.shared.doorstep, Some(refusal))
            }
        };
        let meeting = Meeting {
            id: self.shared.next_id(),
            peer,
            local,
            place,
        };
        let door = Arc::clone(self);
        tracker.spawn(async move {
            let stop = &door.shared.stop;
            door.reception.receive(socket, stop, meeting).await;
            drop(refusal);
        });
    }

    fn admit(&self, socket: &TcpStream, peer: SocketAddr) -> Result<Place, Admission> {
        if self.shared.stop.level() > Level::Serving {
            return Err(Admission::Stopping);
        }
        let (gate, peer) = (&self.shared.gate, peer.ip());
        let permit = if self.reception.is_for_mail() {
            gate.admit(self.number, peer, now())
        } else {
            let inside = self.shared.inside(&self.listening.name);
            gate.admit_guest(self.number, peer, inside, now())
        }?;
        if self.reception.greets() && has_spoken(socket) {
            return Err(Admission::EarlyTalker);
        }
        self.listening.open.fetch_add(1, Ordering::Relaxed);
        self.listening.total.fetch_add(1, Ordering::Relaxed);
        Ok(Place {
            listening: Arc::clone(&self.listening),
            _permit: permit,
        })
    }
}

/// The next connection, or `None` when the server drops everything.
async fn accept(
    listener: &TcpListener,
    alarm: &mut Alarm,
) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    poll_fn(|cx| match alarm.check(cx) {
        Level::Dropping => Poll::Ready(None),
        Level::Serving | Level::Draining => listener.poll_accept(cx).map(Some),
    })
    .await
}

/// Whether octets have come before we said a word (RFC 5321 section 4.3.1: the client waits for the greeting).
/// One look, without waiting: a client that is merely quick finds its greeting on the way already.
fn has_spoken(socket: &TcpStream) -> bool {
    let mut octet = [0; 1];
    matches!(rustix::net::recv(socket, &mut octet[..], RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((read, _)) if read > 0)
}

/// Errors that accept(2) passes on from the connection it would have returned.
fn is_of_the_peer(error: &io::Error) -> bool {
    const PASSED_ON: [Errno; 10] = [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NOPROTOOPT,
        Errno::OPNOTSUPP,
        Errno::TIMEDOUT,
    ];
    let raw = error.raw_os_error();
    PASSED_ON
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_start_again_after_a_success() {
        let mut failures = Failures::default();
        assert!(!failures.end() && failures.is_first());
        let pauses: Vec<u128> = (0..9).map(|_| failures.pause().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert!(failures.end() && !failures.end());
        assert_eq!(failures.pause(), FIRST_PAUSE);
    }

    #[test]
    fn only_errors_of_our_own_make_it_pause() {
        for (errno, of_the_peer) in [
            (Errno::CONNABORTED, true),
            (Errno::PROTO, true),
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOBUFS, false),
            (Errno::NOMEM, false),
        ] {
            assert_eq!(is_of_the_peer(&errno.into()), of_the_peer, "{errno:?}");
        }
    }
}
