//! The lines on the admin socket: one JSON object each way, with the version of what is inside.
//!
//! This knows no socket; it turns messages into lines and lines into messages.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::{Answer, Refusal, RefusalKind, Request};

/// The version spoken here. It grows when a request or answer changes its meaning.
pub(crate) const VERSION: u32 = 1;

/// Longest request line in octets, its end included; room for ten thousand new members of a list.
pub(crate) const MAX_REQUEST: usize = 512 * 1024;
/// Longest answer line in octets; room for the list of a hundred thousand accounts.
pub(crate) const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Comes before an answer, as often as the server says that it works on it: space that means nothing in JSON.
pub(crate) const AT_WORK: u8 = b' ';

#[derive(Serialize, Deserialize)]
struct RequestLine {
    version: u32,
    /// Read in a second step, so that a version this one does not know is named as the reason.
    request: Value,
}

#[derive(Serialize, Deserialize)]
struct AnswerLine {
    version: u32,
    answer: AnswerBody,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnswerBody {
    Done(Box<crate::message::Response>),
    Refused(Refusal),
}

pub(crate) fn request_line(request: &Request) -> serde_json::Result<Vec<u8>> {
    line(&RequestLine {
        version: VERSION,
        request: serde_json::to_value(request)?,
    })
}

/// # Errors
/// The refusal to answer with.
pub(crate) fn parse_request(line: &[u8]) -> Result<Request, Refusal> {
    let not_understood = |error: serde_json::Error| {
        Refusal::new(
            RefusalKind::NotUnderstood,
            format!("the request was not understood: {error}"),
        )
    };
    let line: RequestLine = serde_json::from_slice(line).map_err(not_understood)?;
    if line.version != VERSION {
        let message = format!(
            "the running server speaks version {VERSION} of the admin protocol, not {}",
            line.version
        );
        return Err(Refusal::new(RefusalKind::NotUnderstood, message)
            .remedy("restart the server after an update, so that both are the same program"));
    }
    serde_json::from_value(line.request).map_err(not_understood)
}

pub(crate) fn answer_line(answer: Answer) -> serde_json::Result<Vec<u8>> {
    let answer = match answer {
        Ok(response) => AnswerBody::Done(Box::new(response)),
        Err(refusal) => AnswerBody::Refused(refusal),
    };
    line(&AnswerLine {
        version: VERSION,
        answer,
    })
}

pub(crate) fn parse_answer(line: &[u8]) -> serde_json::Result<Answer> {
    let line: AnswerLine = serde_json::from_slice(line)?;
    Ok(match line.answer {
        AnswerBody::Done(response) => Ok(*response),
        AnswerBody::Refused(refusal) => Err(refusal),
    })
}

fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}
