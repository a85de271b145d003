//! `docker stop` with sessions open: who idles is told to come back later, who is in the middle of a message finishes it,
//! and the message is there when the container starts again.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::stack::Stack;
use super::{BOB, LIMIT, STRANGER, mail, password};

/// Everything this file is about; `letter` ends with CRLF and has no line that begins with a dot.
///
/// # Errors
/// When anything is not as it must be.
pub fn run(stack: &Stack<'_>, letter: &[u8]) -> Result<()> {
    let mut idle = Peer::connect()?;
    let mut busy = Peer::connect()?;
    busy.say(&format!("MAIL FROM:<{STRANGER}>\r\n"), 250)?;
    busy.say(&format!("RCPT TO:<{BOB}>\r\n"), 250)?;
    busy.say("DATA\r\n", 354)?;
    let (first, second) = letter.split_at(letter.len() / 2);
    busy.stream.get_mut().write_all(first)?;
    let begun = Instant::now();
    thread::scope(|scope| {
        let stop = scope.spawn(|| stack.compose(&["stop"]));
        idle.hears(421).context("the session that idles")?;
        busy.stream.get_mut().write_all(second)?;
        busy.say(".\r\n", 250)
            .context("the session with a message")?;
        busy.hears(421)?;
        match stop.join() {
            Ok(stopped) => stopped.map(drop),
            Err(_) => bail!("the thread that stops the container panicked"),
        }
    })?;
    let code = stack.inspect("{{.State.ExitCode}}")?;
    ensure!(code == "0", "the container ended with {code}");
    println!(
        "container: stopped in {} ms with two sessions open: one told, one finished; a clean end",
        begun.elapsed().as_millis()
    );
    stack.compose(&["start"])?;
    stack.await_health()?;
    let last = mail::fetch("pop3s://127.0.0.1:23995", 4, BOB, &password("bob"))?;
    mail::is(&last, letter)?;
    println!("container: started again, and the last message is there");
    Ok(())
}

struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn connect() -> Result<Self> {
        let stream = TcpStream::connect("127.0.0.1:23025")?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut peer = Self {
            stream: BufReader::new(stream),
        };
        peer.hears(220)?;
        peer.say("EHLO interop.test\r\n", 250)?;
        Ok(peer)
    }

    fn say(&mut self, line: &str, code: u16) -> Result<()> {
        self.stream.get_mut().write_all(line.as_bytes())?;
        self.hears(code)
    }

    /// Reads one reply, which has this code.
    fn hears(&mut self, code: u16) -> Result<()> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            ensure!(line.starts_with(&code.to_string()), "{line:?}, not {code}");
            if line.as_bytes().get(3) == Some(&b' ') {
                return Ok(());
            }
        }
    }
}
