//! Connections that this machine opened, and on which it is the server from some moment on (RFC 2645 section 5.3).
//!
//! Nobody is let in by it: whoever is at the other end was chosen by the configuration, so no limit of a listener counts it.
//! It ends as all connections do when the server stops.

use std::net::SocketAddr;

use super::Server;
use crate::serve::{Endpoint, Meeting, serve};
use crate::service::{Octets, Service};

impl Server {
    /// Serves such a connection to its end.
    pub async fn attend<S: Service>(
        &self,
        line: Box<dyn Octets>,
        service: &S,
        endpoint: &Endpoint,
        (peer, local): (SocketAddr, SocketAddr),
    ) {
        let shared = &self.shared;
        let meeting = Meeting {
            id: shared.next_id(),
            peer,
            local,
            place: Ok(()),
        };
        let served = serve(line, service, endpoint, &shared.stop, meeting);
        shared.sessions.track_future(served).await;
    }
}
