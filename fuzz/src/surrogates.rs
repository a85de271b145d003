//! Surrogate headers: ASCII, no longer than bounded, the plain fields as they were, and never a field or a blank line
//! that was not there before.

use crate::host_sources::surrogate::{LONGEST_HEADER, header, header_length};

/// All of the input is a message; its header is converted.
pub fn check(input: &[u8]) {
    let whole = header_length(input, 0);
    let length = whole.unwrap_or(input.len());
    assert!(
        length <= input.len() && length <= LONGEST_HEADER,
        "a length beyond the end"
    );
    let section = &input[..length];
    for seen in 0..length.saturating_sub(3).min(64) {
        assert_eq!(
            header_length(input, seen),
            whole,
            "looked for from {seen} on"
        );
    }

    let Some(converted) = header(section) else {
        panic!("a small header has a surrogate");
    };
    assert!(converted.is_ascii());
    if section.is_ascii() {
        assert_eq!(converted, section, "plain fields stay as they are");
    }
    assert_eq!(
        header(&converted).as_deref(),
        Some(&converted[..]),
        "converted twice"
    );
    if whole.is_some() {
        assert_eq!(
            header_length(&converted, 0),
            Some(converted.len()),
            "another end"
        );
    }

    let before = fields(section);
    let mut left = before.iter().filter(|field| !field.is_empty());
    for field in fields(&converted) {
        // Each field comes from one of the same name, in the same order; a plain one as it was.
        assert!(
            left.any(|old| **old == *field || (!old.is_ascii() && name(old) == name(&field))),
            "a field from nowhere: {}",
            field.escape_ascii()
        );
    }
}

/// Fields with their folded lines, the blank line being one of them.
fn fields(section: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut rest = section;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let (line, behind) = rest.split_at(end.map_or(rest.len(), |at| at + 2));
        match fields.last_mut() {
            Some(field)
                if matches!(line.first(), Some(b' ' | b'\t')) && field.ends_with(b"\r\n") =>
            {
                field.extend_from_slice(line);
            }
            _ => fields.push(line.to_vec()),
        }
        rest = behind;
    }
    fields
}

fn name(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|octet| *octet == b':');
    &field[..end.unwrap_or(field.len())]
}
