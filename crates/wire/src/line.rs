//! Bounded CRLF lines: how commands leave the byte stream.
