//! A sender: one letter after the other over one connection, each entered into the books before it goes and after the
//! server has answered.

use std::io;
use std::net::SocketAddr;

use super::books::Books;
use super::letter::stuffed;
use super::wire::Wire;

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is the server's now.
    Acknowledged,
    /// It is not: the command and the reply that said so.
    Refused(&'static str, String),
}

/// A connection to the listener for other servers.
pub struct Sender(Wire);

impl Sender {
    /// Connects and greets.
    ///
    /// # Errors
    /// When the connection is broken or the server does not take it.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut wire = Wire::connect(address)?;
        let greeting = wire.reply()?;
        wire.send(b"EHLO client.elsewhere.test\r\n")?;
        let welcome = wire.reply()?;
        if greeting.starts_with('2') && welcome.starts_with('2') {
            Ok(Self(wire))
        } else {
            Err(io::Error::other(format!("{greeting} {welcome}")))
        }
    }

    /// Sends the next letter of the books.
    ///
    /// # Errors
    /// When the connection breaks: then the letter may be there or not.
    pub fn deliver(&mut self, books: &Books) -> io::Result<Answer> {
        let (number, users, letter) = books.next();
        let recipients: Vec<String> = users.iter().map(|user| super::address(*user)).collect();
        let answer = self.converse(&recipients, &letter)?;
        books.answered(number, &users, &answer);
        Ok(answer)
    }

    /// Sends a letter to these.
    ///
    /// # Errors
    /// As [`Sender::deliver`].
    pub fn converse(&mut self, recipients: &[String], letter: &[u8]) -> io::Result<Answer> {
        let size = letter.len();
        let mail = format!("MAIL FROM:<sender@elsewhere.test> SIZE={size}");
        if let Some(refused) = self.ask("MAIL", &mail)? {
            return Ok(refused);
        }
        for recipient in recipients {
            let rcpt = format!("RCPT TO:<{recipient}>");
            if let Some(refused) = self.ask("RCPT", &rcpt)? {
                return Ok(refused);
            }
        }
        if let Some(refused) = self.ask("DATA", "DATA")? {
            return Ok(refused);
        }
        self.0.send(&stuffed(letter))?;
        Ok(self.hear("end of DATA")?.unwrap_or(Answer::Acknowledged))
    }

    fn ask(&mut self, command: &'static str, line: &str) -> io::Result<Option<Answer>> {
        self.0.send(format!("{line}\r\n").as_bytes())?;
        self.hear(command)
    }

    fn hear(&mut self, command: &'static str) -> io::Result<Option<Answer>> {
        let reply = self.0.reply()?;
        Ok((!reply.starts_with(['2', '3'])).then_some(Answer::Refused(command, reply)))
    }
}
