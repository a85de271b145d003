//! `tegami suspend` and `tegami resume`: maintenance, while the server runs.

use admin::{Request, Response};
use anyhow::Result;

use super::access::ask;
use super::account::unexpected;
use crate::config::Config;
use crate::terminal::print;

/// What is to be known before.
pub const ABOUT: &str = "Every SMTP port answers 421, which lets senders keep their mail and try again; a message that is\n\
    coming in is still taken. Users can fetch their mail. `tegami resume` ends it, and so does a restart;\n\
    what is to outlast a restart is `suspended = true` in the configuration.\n\n\
    Example: tegami suspend";

/// Says so to the running server.
///
/// # Errors
/// No server runs, or it refuses.
pub fn run(config: &Config, suspended: bool) -> Result<()> {
    let Response::Status(_) = ask(config, &Request::Suspend { suspended })? else {
        return Err(unexpected());
    };
    print(if suspended {
        "no mail is taken until `tegami resume` or a restart; POP3 goes on"
    } else {
        "mail is taken again"
    })
}
