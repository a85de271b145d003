//! Words for the person at the terminal: results on stdout, everything else on stderr.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// A result, on stdout, ended by a line end.
///
/// # Errors
/// stdout cannot be written to. A reader that has gone away (`| head -1`) is no failure.
pub fn print(text: &str) -> Result<()> {
    write_out(format!("{}\n", text.trim_end()).as_bytes())
}

/// Octets as they are, on stdout.
///
/// # Errors
/// As [`print()`].
pub fn write_out(octets: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// A line beside the result, on stderr. Nobody is left to tell when that fails.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
