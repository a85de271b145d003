//! Mail out: how a message in the queue reaches another server.
//!
//! Two halves that know each other by one seam, [`carry`]: `roads` reaches servers (DNS, TCP, TLS, the conversation) and
//! knows no queue; `office` takes what the store holds, lets the schedule say what is tried when, and writes down and
//! reports what came of it, and knows no socket.
#![forbid(unsafe_code)]

pub mod carry;
pub mod office;
pub mod roads;
