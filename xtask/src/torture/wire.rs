//! A conversation in lines with the server, as a simple client has it: ask, wait, read.
//!
//! A broken connection is an `io::Error`; what the server says is never one.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection, or an answer, takes no longer unless the server hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nobody accepts.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(64 << 10, stream),
        })
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// One line, without its end.
    ///
    /// # Errors
    /// When the connection is broken, or ends.
    pub fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }

    /// A reply of SMTP: the last of its lines (RFC 5321 section 4.2.1).
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn reply(&mut self) -> io::Result<String> {
        loop {
            let line = self.line()?;
            if line.get(3) != Some(&b'-') {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
        }
    }

    /// The lines of a multi-line answer of POP3, with dots as they were (RFC 1939 section 3).
    ///
    /// # Errors
    /// When the connection is broken before the last of them.
    pub fn lines(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix(b".") {
                Some([]) => return Ok(text),
                Some(rest) => text.extend_from_slice(rest),
                None => text.extend_from_slice(&line),
            }
            text.extend_from_slice(b"\r\n");
        }
    }
}
