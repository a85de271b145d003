//! Reports as they go out: their exact octets, what a foreign parser reads in them, and what strangers try to put there.
#![allow(clippy::unwrap_used)]

#[path = "reports/case.rs"]
mod case;
#[path = "reports/hostile.rs"]
mod hostile;
#[path = "reports/octets.rs"]
mod octets;
#[path = "reports/parsed.rs"]
mod parsed;
#[path = "reports/property.rs"]
mod property;
#[path = "reports/returned.rs"]
mod returned;
