//! A message on its way to a customer who fetches it (RFC 2645): it goes along the line that the customer gave us, or not at
//! all. Nobody is looked up and nobody is dialled, whatever is said over that line.

use address::Domain;

use super::{Journey, MOST_AGAIN};
use crate::carry::{Letter, Trip};
use crate::roads::findings;
use crate::roads::line::Line;

impl<L: Letter> Journey<'_, L> {
    /// Brings the message along this line.
    pub(super) async fn along(mut self, domain: &Domain, line: Option<Line>) -> Trip<Line> {
        let Some(mut line) = line else {
            self.tally.note_open(&findings::held(domain));
            self.finished = true;
            return self.arrive(None);
        };
        if self.is_too_open(&line) {
            self.tally.note_open(&findings::too_open(&line.who));
            return self.arrive(Some(line));
        }
        for again in 0..MOST_AGAIN {
            let Some(visit) = self.reuse(line).await else {
                // What was said about those before still counts.
                return if again == 0 {
                    self.stale()
                } else {
                    self.arrive(None)
                };
            };
            match visit.line {
                Some(open) if visit.again && !self.is_over() => line = open,
                left => return self.arrive(left),
            }
        }
        self.arrive(None)
    }

    /// Whether the message may not go over this line.
    fn is_too_open(&self, line: &Line) -> bool {
        let secured = line.conversation.secured();
        let known = secured.is_some_and(|secured| secured.authenticated);
        self.transaction.envelope.requiretls && !known
    }
}
