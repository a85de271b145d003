//! The other server: takes letters, enters them into the ledger before it answers, and puts off every seventh at first.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::ledger::Ledger;
use crate::torture::letter::{self, Sizes};

/// Every letter whose number is a multiple of it is put off once.
const PUT_OFF: u64 = 7;
/// Nobody is silent for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// It listens until it is dropped.
pub struct Sink {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Sink {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(ledger: Arc<Ledger>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let desk = Arc::new(Desk {
            ledger,
            put_off: Mutex::default(),
        });
        let ended = Arc::clone(&over);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    let desk = Arc::clone(&desk);
                    // A client that was killed breaks off: that is what it is for.
                    thread::spawn(move || desk.serve(stream).ok());
                }
            }
        });
        Ok(Self { address, over })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _gone = TcpStream::connect(self.address);
    }
}

struct Desk {
    ledger: Arc<Ledger>,
    put_off: Mutex<HashSet<u64>>,
}

impl Desk {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::with_capacity(64 << 10, stream);
        let mut recipients = Vec::new();
        // A client says nothing before the greeting: one that is gone has sent nothing over a connection made since.
        let crashes = self.ledger.crashes();
        out.write_all(b"220 far.test\r\n")?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => out
                    .write_all(b"250-far.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")?,
                "RCPT" => {
                    let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                    recipients.push(address.to_owned());
                    out.write_all(b"250 OK\r\n")?;
                }
                "DATA" => {
                    out.write_all(b"354 go on\r\n")?;
                    let text = message(&mut lines)?;
                    out.write_all(self.take(&text, &recipients, crashes))?;
                    recipients.clear();
                }
                "MAIL" | "RSET" => {
                    recipients.clear();
                    out.write_all(b"250 OK\r\n")?;
                }
                "QUIT" => return out.write_all(b"221 bye\r\n"),
                _ => out.write_all(b"502 what?\r\n")?,
            }
        }
    }

    /// Enters it, then says so.
    fn take(&self, text: &[u8], recipients: &[String], crashes: u32) -> &'static [u8] {
        match letter::read(text, Sizes::Mixed) {
            letter::Read::Whole(number) => {
                let mut put_off = self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
                if number.is_multiple_of(PUT_OFF) && put_off.insert(number) {
                    return b"451 4.3.0 later\r\n";
                }
                drop(put_off);
                self.ledger.arrived_for(number, recipients, crashes);
            }
            other @ (letter::Read::Changed(_) | letter::Read::Strange) => {
                self.ledger
                    .changed(format!("{other:?} arrived for {recipients:?}"));
            }
        }
        b"250 2.0.0 taken\r\n"
    }
}

/// Until the last dot, with dots as they were.
fn message(lines: &mut BufReader<impl Read>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.strip_prefix(b".") {
            Some(b"\r\n") => return Ok(text),
            Some(rest) => text.extend_from_slice(rest),
            None => text.extend_from_slice(&line),
        }
    }
}
