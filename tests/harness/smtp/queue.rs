//! The queue as the scripted host of SMTP has it: what is said of it, and to whom.
//!
//! It is run for customer.example, for what is below that, and as `#all`. The customer is alice.

use address::Domain;
use smtp_server::{MailFrom, Node, QueueRefusal, QueueVerdict, TurnVerdict, Wish};

/// What a host says of its queue.
pub struct Queue {
    paused: bool,
    run: QueueVerdict,
    turn: TurnVerdict,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            paused: false,
            run: QueueVerdict::Counted(3),
            turn: TurnVerdict::Granted,
        }
    }
}

impl Queue {
    /// Takes up a fact, if it is one about the queue.
    pub fn given(&mut self, fact: &str) -> bool {
        match fact {
            "queue paused" => {
                self.paused = true;
                self.run = QueueVerdict::Stuck;
            }
            "queue running" => *self = Self::default(),
            "queue empty" => {
                self.run = QueueVerdict::Empty;
                self.turn = TurnVerdict::Empty;
            }
            "queue untold" => self.run = QueueVerdict::Accepted,
            "queue uncounted" => self.run = QueueVerdict::Begun,
            "queue for users" => self.run = QueueVerdict::Forbidden(QueueRefusal::LogIn),
            "queue for others" => self.run = QueueVerdict::Forbidden(QueueRefusal::Client),
            "map down" => self.turn = TurnVerdict::Unclear,
            "turn later" => self.turn = TurnVerdict::TryLater,
            "map sound" => self.turn = TurnVerdict::Granted,
            _ => return false,
        }
        true
    }

    /// The wish that cannot be kept now.
    pub fn hinders(&self, from: &MailFrom) -> Option<Wish> {
        if !self.paused {
            None
        } else if from.deliver_by.is_some() {
            Some(Wish::DeliverBy)
        } else {
            from.hold.map(|_| Wish::Hold)
        }
    }

    /// The answer to ETRN.
    pub fn run(&self, node: &Node) -> QueueVerdict {
        let node = node.to_string();
        if node.ends_with("customer.example") || node == "#all" {
            self.run
        } else {
            QueueVerdict::Forbidden(QueueRefusal::NotListed)
        }
    }

    /// The answer to ATRN.
    pub fn turn(&self, domains: &[Domain]) -> TurnVerdict {
        let owned = |domain: &Domain| domain.as_str().ends_with("customer.example");
        if domains.iter().all(owned) {
            self.turn
        } else {
            TurnVerdict::NotGranted
        }
    }
}
