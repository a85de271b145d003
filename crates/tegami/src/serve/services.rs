//! What a listener does with a connection: makes a session and the host that answers it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use auth::Mechanisms;
use net::{Connection, Service};
use smtp_server::{BareNewline, ProxyCommands, Role, Taking};
use wire::Admission;

use crate::host::House;
use crate::host::device::{Places, Visit};
use crate::host::doors::Counter;
use crate::host::pop3::Pop3Host;
use crate::host::smtp::SmtpHost;

/// SMTP in one of its roles.
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

    /// Mail to customers who fetch it (RFC 2645), port 366.
    pub fn on_demand(house: Arc<House>, counter: Counter) -> Self {
        Self {
            house,
            role: Role::OnDemand,
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
            clock: SystemTime::now(),
        };
        let session = smtp_server::Session::new(Arc::clone(&policy.smtp), facts, now);
        let host = SmtpHost::new(Arc::clone(&self.house), peer, Some(self.counter.clone()));
        (session, host)
    }
}

/// SMTP from the devices of one `[[device]]`.
pub struct DeviceService {
    house: Arc<House>,
    name: String,
    places: Places,
}

impl DeviceService {
    /// The devices called `name`; what holds for them is looked up for each connection.
    pub fn new(house: Arc<House>, name: String) -> Self {
        Self {
            house,
            name,
            places: Places::default(),
        }
    }

    /// Whoever has no business here, or comes one too many, is turned away by its session.
    fn turn_away(
        &self,
        connection: Connection,
        admission: Admission,
        role: Role,
        now: Instant,
    ) -> (smtp_server::Session, SmtpHost) {
        let policy = self.house.policy.load();
        let peer = connection.peer.ip();
        let facts = smtp_server::Connection {
            peer,
            role,
            tls: None,
            tls_available: false,
            cleartext_login: false,
            mechanisms: Mechanisms::default(),
            bare_newline: BareNewline::Reject,
            admission,
            taking: Taking::Mail,
            proxy: ProxyCommands::Off,
            clock: SystemTime::now(),
        };
        let session = smtp_server::Session::new(Arc::clone(&policy.smtp), facts, now);
        (session, SmtpHost::new(Arc::clone(&self.house), peer, None))
    }
}

impl Service for DeviceService {
    type Host = SmtpHost;

    fn connect(&self, connection: Connection, now: Instant) -> (smtp_server::Session, SmtpHost) {
        let policy = self.house.policy.load();
        let peer = connection.peer.ip();
        let admission = connection.admission;
        let device = policy.devices.get(&self.name);
        let Some(device) = device.filter(|device| device.admits(peer)) else {
            return self.turn_away(connection, admission, Role::Outsider, now);
        };
        if admission != Admission::Welcome {
            return self.turn_away(connection, admission, Role::Device, now);
        }
        let Some(place) = self.places.take(device.sessions) else {
            let admission = Admission::TooManySessions;
            return self.turn_away(connection, admission, Role::Device, now);
        };
        let facts = smtp_server::Connection {
            peer,
            role: Role::Device,
            tls: connection.tls,
            tls_available: connection.tls_available,
            // Here, and nowhere else, because these devices know no better.
            cleartext_login: true,
            mechanisms: device.mechanisms(),
            bare_newline: device.bare_newline,
            admission: policy.doors.judge(admission, peer),
            taking: self.house.taking(Role::Device),
            proxy: ProxyCommands::Off,
            clock: SystemTime::now(),
        };
        let session = smtp_server::Session::new(Arc::clone(&device.smtp), facts, now);
        let visit = Visit::new(Arc::clone(device), place);
        let host = SmtpHost::of_device(Arc::clone(&self.house), peer, visit);
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
