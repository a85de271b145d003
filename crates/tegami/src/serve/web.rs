//! The web listener of a running server: its sockets, and what its pages ask the house.

use std::net::IpAddr;
use std::sync::Arc;

use net::{Bound, Server};
use wire::Admission;

use crate::host::House;
use crate::host::errands::one_click;
use crate::web::{Desk, Standing, Web};

/// Its key under `[listen]`, and its name in the log and the status.
pub const NAME: &str = "web";

/// The house as the pages see it.
struct Counter {
    house: Arc<House>,
    server: Server,
}

/// Starts accepting.
pub fn serve(sockets: Vec<Bound>, server: &Server, house: &Arc<House>) {
    let web = Arc::new(Web(Counter {
        house: Arc::clone(house),
        server: server.clone(),
    }));
    for bound in sockets {
        server.listen_for_guests(bound, NAME.into(), "http", Arc::clone(&web));
    }
}

impl Desk for Counter {
    fn judge(&self, admission: Admission, peer: IpAddr) -> Admission {
        self.house.policy.load().doors.judge(admission, peer)
    }

    fn is_serving(&self) -> bool {
        self.server.is_accepting()
    }

    fn standing(&self, token: &str) -> Standing {
        one_click::standing(&self.house, token)
    }

    async fn leave(&self, token: &str) -> Standing {
        one_click::leave(&self.house, token).await
    }
}
