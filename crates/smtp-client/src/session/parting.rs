//! Taking leave: QUIT, and a short wait for its reply (RFC 5321 section 4.1.1.10). Whatever that is, it changes nothing.

use super::State;
use super::context::Context;
use crate::ending::Ending;

/// Says QUIT. The connection has ended for this reason once the reply is there, or too late.
pub(super) fn part(ending: Ending, context: &mut Context) -> State {
    context.line("QUIT");
    context.allow(context.config.timeouts.quit);
    State::Parting(ending)
}
