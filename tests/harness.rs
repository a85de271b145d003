//! What runs the dialogue files: their reader, a player of pure sessions, and a scripted host per protocol.
//!
//! There is no socket, no store and no clock in it: a session is fed, drained and compared, in virtual time.

pub mod passwords;
pub mod player;
pub mod pop3;
pub mod script;
pub mod smtp;
#[cfg(test)]
mod soup;

/// What logins in dialogues are bound to.
fn binding() -> wire::ChannelBinding {
    wire::ChannelBinding([7; 32])
}

/// The verdict a dialogue names.
fn admission(name: &str) -> Result<wire::Admission, String> {
    Ok(match name {
        "too many sessions" => wire::Admission::TooManySessions,
        "too many from address" => wire::Admission::TooManyFromAddress,
        "too fast" => wire::Admission::TooFast,
        "stopping" => wire::Admission::Stopping,
        "early talker" => wire::Admission::EarlyTalker,
        "refused" => wire::Admission::Refused,
        _ => return Err(format!("no admission is called {name:?}")),
    })
}
