//! The load: letters for elsewhere, until the server is no more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::ledger::Ledger;
use crate::torture::letter::{Sizes, letter};
use crate::torture::smtp::{Answer, Sender};

/// Connections that send.
const SENDERS: usize = 6;
/// The most letters over one connection.
const LETTERS: usize = 20;
/// Until the first acknowledgement.
const FIRST: Duration = Duration::from_secs(30);
/// After a refusal or a broken connection.
const PAUSE: Duration = Duration::from_millis(20);

/// Senders at work. Dropped, they stop.
pub struct Traffic {
    over: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts the senders; the first letter is acknowledged when this returns.
    ///
    /// # Errors
    /// When nothing is acknowledged; says what was answered last.
    pub fn start(server: SocketAddr, ledger: &Arc<Ledger>) -> Result<Self> {
        let mut traffic = Self {
            over: Arc::default(),
            workers: Vec::new(),
        };
        let begun = Instant::now();
        while let Err(words) = one(server, ledger) {
            if begun.elapsed() > FIRST {
                bail!("nothing is acknowledged: {words}");
            }
            thread::sleep(PAUSE);
        }
        for _ in 0..SENDERS {
            let (over, ledger) = (Arc::clone(&traffic.over), Arc::clone(ledger));
            traffic.workers.push(thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    send(server, &ledger, &over);
                    thread::sleep(PAUSE);
                }
            }));
        }
        Ok(traffic)
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            // One that panicked has said so.
            let _said = worker.join();
        }
    }
}

/// A letter over a connection of its own.
fn one(server: SocketAddr, ledger: &Ledger) -> Result<(), String> {
    let mut sender = Sender::connect(server).map_err(|error| error.to_string())?;
    match deliver(&mut sender, ledger) {
        Ok(Answer::Acknowledged) => Ok(()),
        Ok(Answer::Refused(command, reply)) => Err(format!("{command}: {reply}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Letters over one connection, until it breaks or somebody says no.
fn send(server: SocketAddr, ledger: &Ledger, over: &AtomicBool) {
    let Ok(mut sender) = Sender::connect(server) else {
        return;
    };
    for _ in 0..LETTERS {
        if over.load(Ordering::Relaxed)
            || !matches!(deliver(&mut sender, ledger), Ok(Answer::Acknowledged))
        {
            return;
        }
    }
}

/// The next letter, to one recipient elsewhere or to three.
fn deliver(sender: &mut Sender, ledger: &Ledger) -> std::io::Result<Answer> {
    let number = ledger.next();
    let copies = if number.is_multiple_of(8) { 3 } else { 1 };
    let recipients: Vec<String> = (0..copies)
        .map(|copy| format!("user{}@far{copy}.test", number % 50))
        .collect();
    let answer = sender.converse(&recipients, &letter(number, Sizes::Mixed))?;
    if answer == Answer::Acknowledged {
        ledger.acknowledged(number, &recipients);
    }
    Ok(answer)
}
