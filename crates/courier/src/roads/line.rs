//! A connection that stands, with what is known of it. An idle one in the clear holds a few KiB: the session, and what this
//! file has.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::timeout;

use super::Live;
use super::conversation::Conversation;
use super::findings::Who;
use super::stream::Io;

/// A connection to a server, between two messages.
pub struct Line {
    /// Over a connection of ours, or over one that a customer gave us.
    pub(super) conversation: Box<Conversation<Box<dyn Io>>>,
    pub(super) who: Who,
    pub(super) address: SocketAddr,
    /// The settings it began with.
    pub(super) live: Arc<Live>,
    /// It was opened for a message that waives the TLS its recipients' domain asks for, and is for no other.
    pub(super) lax: bool,
    /// The other side has closed it, or said something.
    pub(super) spent: bool,
}

impl Line {
    /// Waits until it is of no more use.
    pub(super) async fn gone(&mut self) {
        if !self.spent {
            let stands = self.conversation.gone().await;
            // From here on no message goes over it, even if nobody waits until leave is taken.
            self.spent = true;
            if stands {
                self.leave().await;
            }
        }
    }

    /// Takes leave.
    pub(super) async fn part(mut self) {
        if !self.spent {
            self.leave().await;
        }
    }

    async fn leave(&mut self) {
        let within = self.live.settings.timeouts.quit;
        let parted = self.conversation.part(within);
        // The session's own time is up before.
        let _in_time = timeout(within * 2, parted).await;
    }
}
