//! What a listener does with a connection: makes a session and the host that answers it.

use std::sync::Arc;
use std::time::Instant;

use net::{Connection, Service};
use smtp_server::Role;

use crate::host::House;
use crate::host::doors::Counter;
use crate::host::pop3::Pop3Host;
use crate::host::smtp::SmtpHost;

/// SMTP in one of its two roles.
pub struct SmtpService {
    house: Arc<House>,
    role: Role,
    counter: Counter,
}

impl SmtpService {
    /// Mail from other servers, port 25.
    pub fn exchange(house: Arc<House>, counter: Counter) -> Self {
        Self {
            house,
            role: Role::Exchange,
            counter,
        }
    }

    /// Mail from our users (RFC 6409), ports 587 and 465.
    pub fn submission(house: Arc<House>, counter: Counter) -> Self {
        Self {
            house,
            role: Role::Submission,
            counter,
        }
    }
}

impl Service for SmtpService {
    type Host = SmtpHost;

    fn connect(&self, connection: Connection, now: Instant) -> (smtp_server::Session, SmtpHost) {
        let policy = self.house.policy.load();
        let peer = connection.peer.ip();
        let facts = smtp_server::Connection {
            peer,
            role: self.role,
            tls: connection.tls,
            tls_available: connection.tls_available,
            cleartext_login: policy.allows_cleartext(peer),
            mechanisms: self.house.mechanisms(),
            bare_newline: policy.bare_newline(peer),
            admission: policy.doors.judge(connection.admission, peer),
            taking: self.house.taking(self.role),
            proxy: policy.doors.proxy_commands(peer),
        };
        let session = smtp_server::Session::new(Arc::clone(&policy.smtp), facts, now);
        let host = SmtpHost::new(Arc::clone(&self.house), peer, self.counter.clone());
        (session, host)
    }
}

/// POP3.
pub struct Pop3Service {
    house: Arc<House>,
}

impl Pop3Service {
    /// Mail out to our users, ports 110 and 995.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

impl Service for Pop3Service {
    type Host = Pop3Host;

    fn connect(&self, connection: Connection, now: Instant) -> (pop3_server::Session, Pop3Host) {
        let policy = self.house.policy.load();
        let peer = connection.peer.ip();
        let facts = pop3_server::Connection {
            peer,
            tls: connection.tls,
            tls_available: connection.tls_available,
            cleartext_login: policy.allows_cleartext(peer),
            mechanisms: self.house.mechanisms(),
            timestamp: self.house.apop_timestamp(),
            admission: policy.doors.judge(connection.admission, peer),
        };
        let session = pop3_server::Session::new(Arc::clone(&policy.pop3), facts, now);
        (session, Pop3Host::new(Arc::clone(&self.house), peer))
    }
}
