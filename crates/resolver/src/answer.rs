//! The answers, as a mail server needs them. Nothing here asks.

use std::net::IpAddr;

use address::Domain;

/// Where mail for a domain goes (RFC 5321 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailRoute {
    /// To the first of these that takes it, most preferred first. A domain without MX records that has an address is its
    /// own exchanger. Exchangers whose names are no host names are left out, so that the list can be empty: such a domain
    /// wants mail and cannot be sent any.
    Exchangers(Vec<Exchanger>),
    /// Nowhere, and the domain says so (RFC 7505).
    NullMx,
    /// Nowhere: the domain exists and has neither MX records nor an address.
    NoMailHere,
    /// There is no such domain.
    NoSuchDomain,
    /// It cannot be said now: no answer in time, or a server has a fault. Ask again later.
    Unclear,
}

/// A host that takes mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchanger {
    /// Lower is tried earlier.
    pub preference: u16,
    /// Its name.
    pub host: Domain,
}

/// The addresses of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// These, at least one.
    Found(Vec<IpAddr>),
    /// The name exists and has none.
    None,
    /// There is no such name.
    NoSuchHost,
    /// It cannot be said now. Ask again later.
    Unclear,
}

/// The texts at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Texts {
    /// These, at least one, in any order.
    Found(Vec<Vec<u8>>),
    /// There are none, or there is no such name.
    None,
    /// It cannot be said now. Ask again later.
    Unclear,
}

/// Whether the name of an address leads back to that address (RFC 8601 section 2.7.3 calls it `iprev`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reverse {
    /// One of its names has this address.
    Confirmed,
    /// It has no name, or none of its names has this address.
    Unconfirmed,
    /// It cannot be said now. Ask again later.
    Unclear,
}
