//! MTA-STS (RFC 8461): a domain promises that its mail servers speak TLS with certificates of theirs, and names them.
//!
//! A TXT record [announces](announced) that there is a [`Policy`] and under which id; the policy itself comes over HTTPS and
//! is [kept](Kept) for as long as it says, so that nobody who can tamper with DNS makes it go away. [`decide`] says what to do
//! with what is kept. Here is no socket, no clock and no file: who [fetches](Fetch) and who keeps is not known.
//!
//! ```
//! use mta_sts::{Policy, Treatment};
//!
//! let policy = Policy::parse(b"version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 604800\n").unwrap();
//! let host = address::Domain::parse("mx1.example.net").unwrap();
//! assert_eq!(policy.treatment(&host), Treatment::Verified { enforced: true });
//! ```
#![forbid(unsafe_code)]

mod fetch;
mod kept;
mod policy;
mod record;

pub use fetch::{Fetch, FetchError, LARGEST, Response, read, url};
pub use kept::{Announced, Decision, Failed, Kept, decide};
pub use policy::{Mode, Pattern, Policy, PolicyError, Treatment};
pub use record::{Id, LABEL, announced};
