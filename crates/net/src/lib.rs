//! Listeners, TLS, limits, and the one driver loop for both protocols.
//!
//! A socket enters here and leaves here. [`Server`] accepts it, [`Gate`] counts it, [`serve`] drives a pure
//! [`wire::Session`] over it: octets in, replies out, questions to the [`Host`].
//!
//! What this crate deliberately does not know: a command, a reply's words, an account, a message. The session
//! says what goes over the wire, the host answers what the session asks, and nothing here looks inside either.
#![forbid(unsafe_code)]

mod accept;
mod bind;
mod driver;
mod gate;
mod gateway;
mod open_files;
mod own_networks;
mod proxy;
mod reception;
mod routes;
mod serve;
mod server;
mod service;
mod stop;
mod stream;
pub mod tls;
#[cfg(test)]
mod toy;
mod whereabouts;

pub use bind::{BindError, Bound, adopt, bind, bind_all};
pub use driver::{INBOX, OUTBOX, WRITE_DEADLINE};
pub use gate::{AddressKey, Gate, Limits, Permit, Rate, RateError};
pub use gateway::default_gateways;
pub use open_files::{OpenFiles, most_open_files, raise_open_files};
pub use own_networks::own_networks;
pub use reception::Guests;
pub use serve::{Endpoint, Meeting, Security, serve};
pub use server::{Drained, ListenerStatus, Server};
pub use service::{Connection, Host, Octets, Regarding, Service};
pub use stop::{Alarm, Level, Stop};
pub use stream::{HANDSHAKE_DEADLINE, Transport};
pub use whereabouts::Whereabouts;
