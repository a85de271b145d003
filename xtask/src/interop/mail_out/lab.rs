//! The small world with everybody in it, and what is done in every case: a message is written, sent, and looked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::certificate::Authority;
use super::domain;
use super::exim::Exim;
use super::names::{Names, POLICIES};
use super::opensmtpd::Opensmtpd;
use super::postfix::{self, Postfix};
use super::server::{self, Server};
use super::spoke::Spoke;
use super::world::{LOOK, Service, World};
use crate::interop::ALICE;

/// How long mail may be under way that nothing holds up.
pub const SOON: Duration = Duration::from_secs(30);
/// The name of the field every message is known by.
const MARK: &str = "X-Lab";

/// Everybody.
pub struct Lab {
    pub server: Server,
    pub postfix: Postfix,
    pub exim: Exim,
    pub opensmtpd: Opensmtpd,
    pub names: Names,
    pub spoke: Spoke,
    place: PathBuf,
    count: AtomicU32,
    _policies: Service,
}

/// Who sends, or gets mail, beside the server on trial.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Postfix,
    Exim,
    Opensmtpd,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postfix, Self::Exim, Self::Opensmtpd];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postfix => "Postfix",
            Self::Exim => "Exim",
            Self::Opensmtpd => "OpenSMTPD",
        }
    }

    /// The address of its mailbox.
    pub fn mailbox(self) -> &'static str {
        match self {
            Self::Postfix => "user@postfix.test",
            Self::Exim => "user@exim.test",
            Self::Opensmtpd => "user@opensmtpd.test",
        }
    }

    /// Where it listens.
    pub fn address(self) -> &'static str {
        match self {
            Self::Postfix => "10.20.0.20",
            Self::Exim => "10.20.0.40",
            Self::Opensmtpd => "10.20.0.50",
        }
    }
}

impl Lab {
    /// Brings everybody up.
    ///
    /// # Errors
    /// When somebody does not come up.
    pub fn start(place: &Path, binary: &Path) -> Result<Self> {
        let world = World::create(place)?;
        let authority = Authority::create(&place.join("certificates"))?;
        let records = domain::records(&authority)?;
        let names = Names::start(&world, place, &records).context("names")?;
        names.host().add_address(postfix::REFUSES)?;
        let policies = policies(place, &names, &authority).context("policies of MTA-STS")?;
        let postfix = Postfix::start(&world, place, &authority).context("Postfix")?;
        let exim = Exim::start(&world, place, &authority).context("Exim")?;
        let opensmtpd = Opensmtpd::start(&world, place, &authority).context("OpenSMTPD")?;
        let server =
            Server::start(&world, place, binary, &authority).context("the server on trial")?;
        let spoke = Spoke::start(&world, place, binary, &authority).context("the spoke")?;
        Ok(Self {
            server,
            postfix,
            exim,
            opensmtpd,
            names,
            spoke,
            place: place.to_owned(),
            count: AtomicU32::new(0),
            _policies: policies,
        })
    }

    /// Writes a message with this subject and text; gives its mark and its file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, from: &str, subject: &str, text: &str) -> Result<(String, PathBuf)> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mark = format!("lab-{number}");
        let file = self.place.join(format!("{mark}.eml"));
        let message = format!(
            "{MARK}: {mark}\r\nFrom: <{from}>\r\nTo: somebody\r\nSubject: {subject}\r\n\
             Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{mark}@lab.test>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
        );
        fs::write(&file, message)?;
        Ok((mark, file))
    }

    /// Sends from Alice through the server on trial; gives the message's mark.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn send(&self, to: &[&str]) -> Result<String> {
        self.send_with(to, "a letter", "Good day.\r\n", &[], &[])
    }

    /// The same, with a subject, a text and parameters of MAIL and RCPT.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn send_with(
        &self,
        to: &[&str],
        subject: &str,
        text: &str,
        mail: &[&str],
        rcpt: &[&str],
    ) -> Result<String> {
        let (mark, file) = self.write(ALICE, subject, text)?;
        self.server.submit(&server::Wish {
            file: &file,
            to,
            mail,
            rcpt,
        })?;
        Ok(mark)
    }

    /// Sends by one of the peers, as a client in its network; gives the message's mark.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn send_by(&self, peer: Peer, to: &[&str]) -> Result<String> {
        let from = peer.mailbox();
        let (mark, file) = self.write(from, "a letter", "Good day.\r\n")?;
        let wish =
            json!({"host": peer.address(), "port": 25, "from": from, "to": to, "file": file});
        let said = server::converse(&wish)?;
        let taken = said.as_array().is_some_and(|replies| {
            replies
                .iter()
                .all(|reply| reply[0].as_u64().is_some_and(|code| code < 300))
        });
        ensure!(taken, "{} said {said}", peer.name());
        Ok(mark)
    }

    /// Waits until the message is in the peer's inbox as often as it was sent; gives it as it came, once.
    ///
    /// # Errors
    /// When it does not come; says what peer and server logged of it.
    pub fn arrives(
        &self,
        peer: Peer,
        mark: &str,
        times: usize,
        patience: Duration,
    ) -> Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            let found = self.there(peer, mark)?;
            if found.len() >= times {
                ensure!(
                    found.len() == times,
                    "{mark} came {} times, not {times}",
                    found.len()
                );
                return found.into_iter().next().context("no message");
            }
            if Instant::now() >= deadline {
                bail!(
                    "{mark} came {} times of {times} within {} s.\n{}",
                    found.len(),
                    patience.as_secs(),
                    self.last_words(peer)
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for a report of a recipient whose address has these words in Alice's maildrop.
    ///
    /// # Errors
    /// When it does not come.
    pub fn report(&self, words: &str) -> Result<Value> {
        let of = |one: &Value| {
            one["final-recipient"]
                .as_str()
                .is_some_and(|path| path.contains(words))
        };
        self.server.await_message(ALICE, SOON, |message| {
            message["recipients"]
                .as_array()
                .is_some_and(|all| all.iter().any(of))
        })
    }

    /// Sends to somebody to whom it does not go now: it stays, people who ask are told why, in these words among others, and
    /// it is taken out again.
    ///
    /// # Errors
    /// When it is delivered, or given back.
    pub fn kept(&self, to: &str, words: &str) -> Result<String> {
        let mark = self.send(&[to])?;
        let line = self.server.await_outcome(to, "deferred", SOON)?;
        for peer in Peer::ALL {
            ensure!(self.there(peer, &mark)?.is_empty(), "it was delivered");
        }
        let id = line["id"].to_string();
        let shown = self.server.tell(&["queue", "show", &id])?;
        let said = line["words"].as_str().unwrap_or_default();
        ensure!(
            said.contains(words),
            "{words:?} is not in the words: {said}"
        );
        let begin: String = said.chars().take(20).collect();
        ensure!(
            shown.contains(&begin),
            "`queue show` does not say {said:?}:\n{shown}"
        );
        self.server.tell(&["queue", "remove", &id])?;
        Ok(format!(
            "kept: {}",
            said.chars().take(90).collect::<String>()
        ))
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn await_that(&self, patience: Duration, so: impl Fn() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !so()? {
            ensure!(
                Instant::now() < deadline,
                "not within {} s",
                patience.as_secs()
            );
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Everybody forgets who has which address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_neighbours(&self) -> Result<()> {
        let hosts = [self.server.host(), self.postfix.host(), self.exim.host()];
        hosts.iter().try_for_each(|host| host.forget_neighbours())
    }

    /// The copies of a message in the peer's inbox.
    ///
    /// # Errors
    /// When the inbox cannot be read.
    pub fn there(&self, peer: Peer, mark: &str) -> Result<Vec<String>> {
        let inbox = match peer {
            Peer::Postfix => self.postfix.inbox(),
            Peer::Exim => self.exim.inbox(),
            Peer::Opensmtpd => self.opensmtpd.inbox(),
        };
        let field = format!("\n{MARK}: {mark}\n");
        let mut found = Vec::new();
        for entry in fs::read_dir(inbox.join("new")).into_iter().flatten() {
            let text = String::from_utf8_lossy(&fs::read(entry?.path())?).replace("\r\n", "\n");
            if text.contains(&field) {
                found.push(text);
            }
        }
        Ok(found)
    }

    /// Everything a peer logged.
    pub fn log(&self, peer: Peer) -> String {
        match peer {
            Peer::Postfix => self.postfix.log(),
            Peer::Exim => self.exim.log(),
            Peer::Opensmtpd => self.opensmtpd.log(),
        }
    }

    fn last_words(&self, peer: Peer) -> String {
        let tail = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(6)..].join("\n")
        };
        format!(
            "{}:\n{}\nserver:\n{}",
            peer.name(),
            tail(&self.log(peer)),
            tail(&self.server.log())
        )
    }
}

/// The web server with a policy for each domain that makes a promise.
fn policies(place: &Path, names: &Names, authority: &Authority) -> Result<Service> {
    let directory = place.join("policies");
    fs::create_dir_all(&directory)?;
    for (domain, exchanger) in domain::PROMISES {
        let name = format!("mta-sts.{domain}");
        let pair = authority.sign(&[&name])?;
        fs::copy(pair.certificate, directory.join(format!("{name}.pem")))?;
        fs::copy(pair.key, directory.join(format!("{name}.key")))?;
        let policy =
            format!("version: STSv1\r\nmode: enforce\r\nmx: {exchanger}\r\nmax_age: 86400\r\n");
        fs::write(directory.join(format!("{domain}.txt")), policy)?;
    }
    let script = place.join("policies.py");
    fs::copy(
        crate::workspace::root().join("tests/interop/mail_out/policies.py"),
        &script,
    )?;
    let words = format!(
        "python3 {} {POLICIES} {}",
        script.display(),
        directory.display()
    );
    names
        .host()
        .serve("policies", &words)?
        .await_ready(|| super::answers("10.20.0.60:443"))
}
