//! A store on trial: a server's site, the books of what it took, and the two questions asked after everything that is
//! done to it: is all there as the books say, and does `tegami store verify` find nothing?

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::books::{Books, Verdict};
use super::letter::{Read, Sizes};
use super::pop3::{self, Found, Reader};
use super::{PASSWORD, USERS};
use crate::process;
use crate::server::{Running, Site, numbered_accounts};

/// `tegami store ...`, which reads all there is.
const STORE: Duration = Duration::from_secs(300);
/// Maildrops read at once.
const READERS: u32 = 2;

/// A site and its books.
pub struct Trial {
    /// The server's.
    pub site: Site,
    /// What it took.
    pub books: Arc<Books>,
}

/// What a `tegami store` command came to.
pub struct Ended {
    /// Exit status 0.
    pub well: bool,
    /// What it printed as JSON; null if it printed none.
    pub said: Value,
    /// Its words for people.
    pub words: String,
}

impl Trial {
    /// A new site in `place` with its data in `data`, and empty books.
    ///
    /// # Errors
    /// When the site cannot be written.
    pub fn new(binary: &Path, place: &Path, data: &Path, sizes: Sizes) -> Result<Self> {
        let accounts = numbered_accounts(place, USERS, PASSWORD)?;
        let site = Site::create(binary, place, data, Some(&accounts))?
            .with("TEGAMI_MAILBOX__QUOTA", "0")
            .with("TEGAMI_MAILBOX__UNDELETE_WINDOW", "0s")
            .with("TEGAMI_AUTH__ALLOW_CLEARTEXT_FROM", "[\"127.0.0.0/8\"]");
        Ok(Self {
            site,
            books: Arc::new(Books::new(sizes)),
        })
    }

    /// Everything that is there, by user.
    ///
    /// # Errors
    /// When a maildrop cannot be read.
    pub fn fetch(&self, server: &Running) -> Result<Vec<Vec<Found>>> {
        let (address, sizes) = (server.address("pop3")?, self.books.sizes);
        let one = move |user| {
            let found = pop3::fetch(address, user, sizes);
            found.with_context(|| format!("reading the maildrop of user{user}"))
        };
        let lanes: Vec<_> = (0..READERS)
            .map(|lane| {
                let users = (0..USERS).filter(move |user| user % READERS == lane);
                thread::spawn(move || {
                    users
                        .map(|user| Ok((user, one(user)?)))
                        .collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for lane in lanes {
            all.extend(lane.join().map_err(|_| anyhow!("a reader panicked"))??);
        }
        all.sort_by_key(|(user, _)| *user);
        Ok(all.into_iter().map(|(_, found)| found).collect())
    }

    /// Reads everything and holds it against the books.
    ///
    /// # Errors
    /// When a maildrop cannot be read.
    pub fn look(&self, server: &Running) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        for (user, maildrop) in (0..).zip(self.fetch(server)?) {
            verdict.add(self.books.audit(user, &maildrop));
        }
        Ok(verdict)
    }

    /// Removes all mail over POP3.
    ///
    /// # Errors
    /// When a maildrop cannot be emptied.
    pub fn clear(&self, server: &Running) -> Result<()> {
        let address = server.address("pop3")?;
        for user in 0..USERS {
            self.empty(address, user)
                .with_context(|| format!("emptying the maildrop of user{user}"))?;
        }
        Ok(())
    }

    fn empty(&self, address: SocketAddr, user: u32) -> io::Result<()> {
        let mut reader = Reader::login(address, user)?;
        let mut letters = Vec::new();
        for number in 1..=reader.uidls()?.len() {
            if let Read::Whole(letter) = reader.retrieve(number, self.books.sizes)? {
                reader.delete(number)?;
                letters.push(letter);
            }
        }
        self.books.leaving(user, &letters);
        reader.quit()?;
        self.books.gone(user, &letters);
        Ok(())
    }

    /// `tegami store verify`, whether the server runs or not: it has to find nothing.
    ///
    /// # Errors
    /// When it finds something, or cannot look.
    pub fn verify(&self) -> Result<()> {
        let ended = self.store("verify")?;
        if !ended.well {
            bail!(
                "`tegami store verify` is not content: {} {}",
                ended.said["findings"],
                ended.words
            );
        }
        Ok(())
    }

    /// Runs `tegami store VERB --json`; further words may follow the verb.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub fn store(&self, verb: &str) -> Result<Ended> {
        let words: Vec<&str> = ["store"]
            .into_iter()
            .chain(verb.split(' '))
            .chain(["--json"])
            .collect();
        run_store(&mut self.site.command(&words))
    }
}

fn run_store(command: &mut Command) -> Result<Ended> {
    let finished = process::capture(command, STORE)?;
    Ok(Ended {
        well: finished.status.success(),
        said: serde_json::from_slice(&finished.stdout).unwrap_or(Value::Null),
        words: finished.last_words(),
    })
}
