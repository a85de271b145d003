//! A sequence of operations on a session, and the script it is read from.
//!
//! Octets of a script are what the client sends, but for 0xff, which begins an operation: so the dialogues of the test
//! suite are scripts as they stand, and a mutation of one is still a conversation.

/// Begins an operation.
pub const ESCAPE: u8 = 0xff;
/// Most octets a client sends in one script, however often it repeats itself.
const MOST: usize = 256 * 1024;

/// One thing that happens to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The client sends.
    Bytes(Vec<u8>),
    /// From now on the host does not answer before it is told to.
    Hold,
    /// The host answers the open question.
    Answer,
    /// From now on the host answers at once again.
    Release,
    /// The handshake is done.
    TlsReady,
    /// Half of the time passes until the session wants to be woken.
    Later,
    /// It is woken when it wanted to be.
    Deadline,
    /// It is woken much later than that.
    Late,
    /// The server drains.
    Shutdown,
    /// The client is gone.
    Closed,
    /// Something about the host changes.
    Fact(u8),
}

/// Reads a script.
pub fn read(script: &[u8]) -> Vec<Operation> {
    let mut operations = Vec::new();
    let mut sent = 0;
    let mut bytes = Vec::new();
    let mut rest = script.iter().copied();
    while let Some(octet) = rest.next() {
        if octet != ESCAPE {
            bytes.push(octet);
            continue;
        }
        let operation = match rest.next().unwrap_or(0) {
            0 => None,
            1 => Some(Operation::Hold),
            2 => Some(Operation::Answer),
            3 => Some(Operation::Release),
            4 => Some(Operation::TlsReady),
            5 => Some(Operation::Later),
            6 => Some(Operation::Deadline),
            7 => Some(Operation::Late),
            8 => Some(Operation::Shutdown),
            9 => Some(Operation::Closed),
            10 => Some(Operation::Fact(rest.next().unwrap_or(0))),
            11 => {
                repeat(&mut bytes, rest.next().unwrap_or(0));
                continue;
            }
            other => {
                bytes.push(other);
                continue;
            }
        };
        flush(&mut bytes, &mut sent, &mut operations);
        operations.extend(operation);
    }
    flush(&mut bytes, &mut sent, &mut operations);
    operations
}

/// The same again and again: up to 64 KiB of one line, and up to 4 KiB of commands, for each of them takes its time.
fn repeat(bytes: &mut Vec<u8>, times: u8) {
    let unit = if bytes.contains(&b'\n') { 16 } else { 256 };
    let end = (usize::from(times) * unit).max(bytes.len());
    if !bytes.is_empty() {
        *bytes = bytes.iter().copied().cycle().take(end).collect();
    }
}

fn flush(bytes: &mut Vec<u8>, sent: &mut usize, operations: &mut Vec<Operation>) {
    if bytes.is_empty() || *sent > MOST {
        bytes.clear();
        return;
    }
    *sent += bytes.len();
    operations.push(Operation::Bytes(std::mem::take(bytes)));
}
