//! Fuzz targets of tegami: each module has one `check`, which takes any octets and panics when something does not
//! hold that always must (ARCHITECTURE.md, the session contract). The files in `targets` only hand them over.
//!
//! What is private to a crate is read in below as a source file. Nothing is made public for the sake of fuzzing, but
//! for a door into the store under `cfg(fuzzing)`.

mod memory;
mod pieces;
mod sequence;
mod session;
mod talk;

pub mod addresses;
pub mod admin;
pub mod client;
pub mod dots;
pub mod explain;
pub mod files;
pub mod folders;
pub mod intake;
pub mod lines;
pub mod pop3;
pub mod promises;
pub mod proxy;
pub mod reports;
pub mod sasl;
pub mod segment;
pub mod smtp;
pub mod surrogates;
pub mod web;

#[path = "../../crates/admin/src"]
#[allow(
    dead_code,
    unused_imports,
    reason = "only what is sent over the socket is looked at"
)]
mod admin_sources {
    pub mod comparison;
    pub mod message;
    pub mod queue;
    pub mod route;
    pub mod wire;
}

#[path = "../../crates/net/src"]
mod net_sources {
    pub mod proxy;
}

#[path = "../../crates/tegami/src"]
#[allow(
    dead_code,
    unused_imports,
    reason = "only what reads files is looked at"
)]
mod tegami_sources {
    pub mod config;
    pub mod declared;
    pub mod durable_file;
    pub mod key_file;
    pub mod weakness;
}

#[path = "../../crates/tegami/src/host"]
mod host_sources {
    pub mod surrogate;
}

#[path = "../../crates/tegami/src/web"]
mod web_sources {
    pub mod form;
    pub mod language;
}

#[path = "../../crates/smtp-client/tests/rig"]
#[allow(dead_code, reason = "the dialogues use the rest")]
mod rig_sources {
    pub mod peer;
    pub mod play;
}

#[path = "../../tests"]
#[allow(dead_code, unused_imports, reason = "the dialogues use the rest")]
mod tests_sources {
    pub mod harness;
}

// The names by which those sources know each other.
use admin_sources::{comparison, message, queue, route};
use tegami_sources::{config, durable_file, key_file, weakness};

/// Stands in for the one function that `proxy.rs` takes from its crate; the rest of that file wants a server.
mod gate {
    use std::net::SocketAddr;

    pub fn normalised(address: SocketAddr) -> SocketAddr {
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }
}
