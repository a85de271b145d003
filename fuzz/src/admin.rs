//! Messages on the admin socket: what is understood is written and understood again, on one line.

use crate::admin_sources::wire::{answer_line, parse_answer, parse_request, request_line};

/// All of the input is one line, of either direction.
pub fn check(input: &[u8]) {
    match parse_request(input) {
        Ok(request) => {
            let line = request_line(&request).expect("what was read can be written");
            one_line(&line);
            assert_eq!(parse_request(&line).as_ref(), Ok(&request));
        }
        Err(refusal) => {
            let line = answer_line(Err(refusal.clone())).expect("a refusal can be written");
            one_line(&line);
            assert_eq!(parse_answer(&line).ok(), Some(Err(refusal)));
        }
    }
    if let Ok(answer) = parse_answer(input) {
        let line = answer_line(answer.clone()).expect("what was read can be written");
        one_line(&line);
        assert_eq!(parse_answer(&line).ok(), Some(answer));
    }
}

fn one_line(line: &[u8]) {
    let end = line.iter().position(|octet| *octet == b'\n');
    assert_eq!(end, Some(line.len() - 1), "one line and no more");
}
