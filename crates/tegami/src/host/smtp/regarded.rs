//! Whom the refusal is about that the session is about to give. It costs nothing until something is refused.

use address::{ForwardPath, ReversePath};
use net::Regarding;

/// Boxed, because hardly a connection needs it.
#[derive(Debug, Default)]
pub(super) struct Regarded(Option<Box<Regarding>>);

impl Regarded {
    /// A sender.
    pub(super) fn from(sender: String) -> Self {
        Self(Some(Box::new(Regarding {
            from: Some(sender),
            to: None,
        })))
    }

    /// A recipient of the sender's.
    pub(super) fn to(recipient: &ForwardPath) -> Self {
        Self(Some(Box::new(Regarding {
            from: None,
            to: Some(recipient.to_string()),
        })))
    }

    /// What is known, with the transaction's sender where no other was named. The next refusal is about somebody else.
    pub(super) fn take(&mut self, sender: Option<&ReversePath>) -> Regarding {
        let mut regarding = self
            .0
            .take()
            .map_or_else(Regarding::default, |known| *known);
        regarding.from = regarding.from.or_else(|| sender.map(ToString::to_string));
        regarding
    }
}
