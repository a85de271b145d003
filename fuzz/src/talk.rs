//! How an input becomes a conversation, the same for both protocols: which facts hold, what may come to hold, and
//! whether the rest is a sequence of operations or lines.

use crate::pieces::Pieces;
use crate::sequence;
use crate::session::{alike, one_reply_each};
use crate::tests_sources::harness::player::Stage;

/// What is particular to a protocol.
pub struct Talk {
    /// What may hold from the beginning; each bit of the input's first four octets chooses one.
    pub facts: &'static [&'static str],
    /// What may come to hold under way.
    pub conditions: &'static [&'static str],
    /// The reply behind which lines are a message.
    pub inside: &'static str,
    /// Whether a line is a command with a reply.
    pub is_command: fn(&[u8]) -> bool,
}

impl Talk {
    /// Four octets choose facts, of which the highest bit chooses lines instead of a sequence; the rest is the script.
    pub fn check<S: Stage + Default>(&self, input: &[u8]) {
        let mut pieces = Pieces::new(input);
        let choice = u32::from_le_bytes(std::array::from_fn(|_| pieces.octet()));
        let script = pieces.rest();
        let mut facts = self.chosen(choice);
        if choice >> 31 == 0 {
            alike::<S>(&facts, self.conditions, &sequence::read(script));
            return;
        }
        // Refused at the door, or after some errors, a session has no commands.
        let closes = ["admission", "errors", "taking"];
        facts.retain(|fact| !closes.iter().any(|word| fact.starts_with(word)));
        facts.push("errors 1000000");
        let lines: Vec<&[u8]> = script
            .split(|octet| matches!(octet, b'\r' | b'\n'))
            .filter(|line| (self.is_command)(line))
            .collect();
        one_reply_each::<S>(&facts, &lines, self.inside);
    }

    /// The facts whose bits are set.
    fn chosen(&self, choice: u32) -> Vec<&'static str> {
        let bits = (0..).map(|bit| choice >> bit & 1 == 1);
        let chosen = self.facts.iter().zip(bits).filter(|(_, chosen)| *chosen);
        chosen.map(|(fact, _)| *fact).collect()
    }
}
