//! Sockets that a service manager opened for us and hands over at the start (socket activation).
//!
//! They come as `LISTEN_FDS`, named in `LISTEN_FDNAMES` (systemd: `FileDescriptorName=`) after the listener they are
//! for. A listener that got sockets this way uses them instead of its addresses under `[listen]`; the others bind as
//! always. Nothing here accepts a connection.

use std::env;
use std::net::TcpListener;

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;

/// Sockets handed over, each with the name of its listener.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, TcpListener)>);

impl Inherited {
    /// Takes what this process was handed, once; the variables are gone afterwards. Without a service manager that
    /// is nothing. Must run before any thread does, since it changes the environment.
    ///
    /// # Errors
    /// Something that is no TCP socket was handed over.
    pub fn take() -> Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(handed.len());
        for number in 0..handed.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = handed.take_tcp_listener(number).with_context(|| {
                format!("cannot use the socket {name:?} of the service manager")
            })?;
            sockets.extend(socket.map(|socket| (name, socket)));
        }
        Ok(Self(sockets))
    }

    /// The sockets of the listener called `name`.
    pub fn of(&mut self, name: &str) -> Vec<TcpListener> {
        let (its, others) = self.0.drain(..).partition(|(whose, _)| whose == name);
        self.0 = others;
        let its: Vec<_> = its;
        its.into_iter().map(|(_, socket)| socket).collect()
    }

    /// Fails where sockets are left that no listener has asked for.
    ///
    /// # Errors
    /// Names the first of them, and the names there are.
    pub fn finish(self, known: &[&str]) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => bail!(
                "the service manager hands over a socket called {name:?}, which is no listener of this server; \
                 FileDescriptorName= must be one of {}",
                known.join(", ")
            ),
        }
    }
}
