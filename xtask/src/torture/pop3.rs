//! A reader: one maildrop over one connection, read, held against what was sent, emptied.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::letter::{self, Sizes};
use super::wire::Wire;

/// How long another session, killed a moment ago, may hold the maildrop, and how long the index may be built anew.
const NOT_NOW: Duration = Duration::from_secs(20);
/// What a maildrop that can be had later is refused with (RFC 2449 section 8.1.1, RFC 3206 section 3).
const LATER: [&str; 2] = ["[IN-USE]", "[SYS/TEMP]"];
/// How often a connection may break while one maildrop is read, each time over one message.
const BREAKS: usize = 50;

/// A message of a maildrop.
#[derive(Clone, Debug)]
pub struct Found {
    /// What the server calls it for ever.
    pub uidl: String,
    /// What it is; none when the server said that it cannot be read, or broke off in the middle.
    pub read: Option<letter::Read>,
}

/// A session behind its login.
pub struct Reader(Wire);

impl Reader {
    /// Logs in; waits while the server says that the maildrop can be had later.
    ///
    /// # Errors
    /// When the connection is broken, or the server refuses for any other reason.
    pub fn login(address: SocketAddr, user: u32) -> io::Result<Self> {
        let deadline = Instant::now() + NOT_NOW;
        loop {
            let mut reader = Self(Wire::connect(address)?);
            reader.hear()?;
            reader.ask(&format!("USER {}", super::address(user)))?;
            match reader.ask(&format!("PASS {}", super::PASSWORD)) {
                Ok(()) => return Ok(reader),
                Err(error) if is_for_now(&error) && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(50));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The unique ids, by message number from 1.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn uidls(&mut self) -> io::Result<Vec<String>> {
        self.ask("UIDL")?;
        let text = String::from_utf8_lossy(&self.0.lines()?).into_owned();
        let uidls = text
            .lines()
            .map(|line| line.split(' ').nth(1).map(str::to_owned));
        uidls
            .collect::<Option<_>>()
            .ok_or_else(|| io::Error::other("UIDL without an id"))
    }

    /// Reads message `number`.
    ///
    /// # Errors
    /// As [`Reader::ask`]: the server may say that it cannot be read.
    pub fn retrieve(&mut self, number: usize, sizes: Sizes) -> io::Result<letter::Read> {
        self.ask(&format!("RETR {number}"))?;
        Ok(letter::read(&self.0.lines()?, sizes))
    }

    /// Marks message `number` as deleted.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn delete(&mut self, number: usize) -> io::Result<()> {
        self.ask(&format!("DELE {number}"))
    }

    /// Ends the session; what was marked is gone once this succeeds.
    ///
    /// # Errors
    /// As [`Reader::ask`]: then the removals may have happened or not.
    pub fn quit(mut self) -> io::Result<()> {
        self.ask("QUIT")
    }

    /// One command and the first line of its answer.
    ///
    /// # Errors
    /// When the connection is broken; and a refusal, as an error of kind `Other` with its words.
    fn ask(&mut self, line: &str) -> io::Result<()> {
        self.0.send(format!("{line}\r\n").as_bytes())?;
        self.hear()
    }

    fn hear(&mut self) -> io::Result<()> {
        let line = self.0.line()?;
        if line.starts_with(b"+OK") {
            return Ok(());
        }
        Err(io::Error::other(
            String::from_utf8_lossy(&line).into_owned(),
        ))
    }
}

fn is_for_now(error: &io::Error) -> bool {
    let words = error.to_string();
    LATER.iter().any(|code| words.contains(code))
}

/// Reads a whole maildrop. A message that cannot be had does not keep the others away.
///
/// # Errors
/// When the server cannot be reached, does not list the maildrop, or breaks the connection over and over.
pub fn fetch(address: SocketAddr, user: u32, sizes: Sizes) -> io::Result<Vec<Found>> {
    let mut reader = Reader::login(address, user)?;
    let uidls = reader.uidls()?;
    let mut found = Vec::with_capacity(uidls.len());
    let mut breaks = 0;
    for (number, uidl) in (1..).zip(uidls) {
        let read = match reader.retrieve(number, sizes) {
            Ok(read) => Some(read),
            Err(refused) if refused.kind() == io::ErrorKind::Other => None,
            Err(broken) => {
                breaks += 1;
                if breaks > BREAKS {
                    return Err(broken);
                }
                // Numbers stay while nothing is removed, and nobody removes anything now.
                reader = Reader::login(address, user)?;
                None
            }
        };
        found.push(Found { uidl, read });
    }
    reader.quit()?;
    Ok(found)
}
