//! Dot transparency (RFC 5321 section 4.5.2, RFC 1939 section 3), in both directions.
