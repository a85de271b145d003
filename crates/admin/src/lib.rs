//! Administration: the verbs on accounts, aliases and lists, and the Unix socket through which a running server takes
//! them.
//!
//! While a server runs, the command line asks it through [`Client`]; while none runs, it opens the store and
//! uses the same [`Operations`] itself. This crate reads no configuration, asks no questions at a terminal and
//! prints nothing.
#![forbid(unsafe_code)]

mod client;
mod comparison;
mod journal;
mod message;
mod operations;
mod parcel;
mod place;
mod queue;
mod route;
mod socket;
mod wire;

pub use client::{Carrier, Client, ClientError, Held};
pub use comparison::{Compared, Comparison};
pub use message::{
    AccountFacts, AliasFacts, Answer, CertificateFacts, Errand, FetchFacts, FetchTrouble,
    HandlingRequest, IndexFacts, ListFacts, ListRequest, ListenerFacts, NewForward, NewList,
    NewTerms, Refusal, RefusalKind, Request, Response, ServerFacts, Status, StoreFacts, Suspended,
};
pub use operations::{Operations, Stopped, Surroundings};
pub use parcel::{Label, Parcel, Tally};
pub use place::SOCKET_NAME;
pub use queue::{
    HeardFacts, OutageFacts, PauseNews, Question, QueueFacts, QueueNews, QueueRequest,
    QueueResponse, QueuedFacts, QueuedRecipient, Standing, Which,
};
pub use route::{AtList, Place, RouteFacts, Way};
pub use socket::{AdminSocket, SocketError, carry_here};
