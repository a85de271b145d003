//! What CAPA lists (RFC 2449): what works on this connection at this moment, and nothing else.

use auth::Mechanism;
use reply::{Reply, pop3};
use wire::ChannelBinding;

use crate::config::{Config, Connection};

/// Whether passwords may cross this connection as they are.
pub(crate) fn passwords_allowed(connection: &Connection) -> bool {
    // RFC 2595 section 2.3, RFC 8314 section 4.1: not in the clear, unless the administrator says so.
    connection.tls.is_some() || connection.cleartext_login
}

/// The mechanisms AUTH takes on this connection.
pub(crate) fn mechanisms(connection: &Connection) -> impl Iterator<Item = Mechanism> {
    let passwords = passwords_allowed(connection);
    connection
        .mechanisms
        .iter()
        .filter(move |mechanism| passwords || !mechanism.cleartext())
        .filter(|mechanism| can_use(connection, *mechanism))
}

/// The mechanism is switched on, and there is something to bind to if it binds.
pub(crate) fn can_use(connection: &Connection, mechanism: Mechanism) -> bool {
    connection.mechanisms.contains(mechanism)
        && (!mechanism.binds_channel() || channel_binding(connection).is_some())
}

/// What a login can be bound to, where that is offered.
pub(crate) fn channel_binding(connection: &Connection) -> Option<ChannelBinding> {
    let offered = connection.mechanisms.iter().any(Mechanism::binds_channel);
    let tls = connection.tls.as_ref();
    tls.and_then(|tls| tls.binding).filter(|_| offered)
}

/// Whether the session has come to a point where STLS is refused whatever the connection is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stls {
    /// Before login and before UTF8.
    Permitted,
    /// After one of them.
    TooLate,
}

/// The reply to CAPA.
///
/// RFC 2449 section 5: what is listed before login is listed after it too; STLS (RFC 2595 section 4) is the
/// exception, for it is permitted before login, and before UTF8, only.
pub(crate) fn capabilities(config: &Config, connection: &Connection, stls: Stls) -> Reply {
    let mut reply = Reply::new(&pop3::CAPABILITIES).line("TOP").line("UIDL");
    if passwords_allowed(connection) {
        reply = reply.line("USER");
    }
    let mut names = mechanisms(connection).map(Mechanism::name).peekable();
    if names.peek().is_some() {
        let sasl = names.fold(String::from("SASL"), |line, name| line + " " + name);
        reply = reply.line(sasl);
    }
    reply = reply
        .line("RESP-CODES")
        .line("AUTH-RESP-CODE")
        .line("PIPELINING");
    if stls == Stls::Permitted && connection.tls_available && connection.tls.is_none() {
        reply = reply.line("STLS");
    }
    // RFC 6856 section 2.2: USER says that names and passwords may be UTF-8, where they can be given at all.
    reply = reply
        .line(if passwords_allowed(connection) {
            "UTF8 USER"
        } else {
            "UTF8"
        })
        .line("LANG");
    // RFC 2449 section 6.7: nothing is ever removed because it is old.
    reply = reply.line("EXPIRE NEVER");
    if !config.login_delay.is_zero() {
        // RFC 2449 section 6.5: the same for every account, so there is no USER behind it.
        reply = reply.line(format!("LOGIN-DELAY {}", config.login_delay_seconds()));
    }
    reply.line("IMPLEMENTATION tegami")
}
