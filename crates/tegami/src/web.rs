//! The web listener: HTTP without TLS, for a reverse proxy in front of it.
//!
//! `net` lets clients in and counts them. Each connection has one request and ten seconds; [`router`] says what is there,
//! and asks a [`Desk`] for whatever has to be known. No sessions, no cookies, nothing that depends on the Host field.

mod connection;
mod form;
mod language;
mod page;
mod router;

use std::net::IpAddr;

use address::Mailbox;
use net::{Connection, Guests, Octets, Stop};
use wire::Admission;

pub use router::UNSUBSCRIBE;

/// What the pages have to know, and bring about.
pub trait Desk: Send + Sync + 'static {
    /// Whether a client that the network let in may come in.
    fn judge(&self, admission: Admission, peer: IpAddr) -> Admission;

    /// Whether all listeners take clients.
    fn is_serving(&self) -> bool;

    /// What a token for leaving a list says, and what is so now.
    fn standing(&self, token: &str) -> Standing;

    /// Takes the member whom a token names off the list; durable on return.
    fn leave(&self, token: &str) -> impl Future<Output = Standing> + Send;
}

/// Who stands where with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The member is on the list.
    Member(About),
    /// The member is not, or not any more.
    Left(About),
    /// The list is gone.
    NoList,
    /// No such token was made here.
    Unknown,
    /// It is not known, or could not be done, just now.
    Later,
}

/// What whoever leaves a list is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name; may be empty.
    pub name: String,
    /// Its address.
    pub address: Mailbox,
    /// How to come back.
    pub back: Back,
}

/// How somebody comes back to a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// By mail to this address with the subject `subscribe`.
    Subscribe(Mailbox),
    /// By asking its owner, who adds people.
    Ask(Mailbox),
}

/// The web listener of a server.
pub struct Web<D>(pub D);

impl<D: Desk> Guests for Web<D> {
    async fn receive(&self, mut line: Box<dyn Octets>, connection: Connection, stop: &Stop) {
        let verdict = self.0.judge(connection.admission, connection.peer.ip());
        if verdict == Admission::Welcome {
            let answer = |request| router::answer(&self.0, request);
            connection::serve(&mut line, stop, answer).await;
        } else {
            connection::turn_away(&mut line, stop, verdict).await;
        }
    }
}

#[cfg(test)]
mod tests;
