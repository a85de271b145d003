//! The server on trial in the small world: how it is configured, sent through, and read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::certificate::Authority;
use super::world::{Host, LIMIT, LOOK, World};
use super::{domain, postfix, spoke};
use crate::interop::{ALICE, BOB, PASSWORD};
use crate::process;
use crate::server::{Running, Site};
use crate::workspace;

/// What it is called.
pub const HOST: &str = "mail.example.test";
/// Everybody in the small world.
const EVERYBODY: &str = "[\"10.20.0.0/24\", \"fd20::/64\"]";
/// What is sent another way than the rest: by a smarthost that wants a login.
const ROUTES: [(&str, u16); 2] = [("office587.test", 587), ("office465.test", 465)];

/// The server and its host.
pub struct Server {
    site: Site,
    host: Host,
    running: Option<Running>,
    authority: PathBuf,
}

/// What is asked of a message that goes out.
pub struct Wish<'a> {
    /// The message, as a file.
    pub file: &'a Path,
    /// To whom it goes.
    pub to: &'a [&'a str],
    /// Parameters of MAIL.
    pub mail: &'a [&'a str],
    /// Parameters of every RCPT.
    pub rcpt: &'a [&'a str],
}

impl Server {
    /// Starts the server on a host of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        world: &World,
        place: &Path,
        binary: &Path,
        authority: &Authority,
    ) -> Result<Self> {
        let host = world.host("tegami", None, &domain::SERVER)?;
        let believed = fs::read_to_string(authority.certificate())?;
        host.append("/etc/ssl/certs/ca-certificates.crt", &believed)?;
        let directory = place.join("tegami");
        let site = site(place, &directory, binary)?;
        let pair = authority.sign(&[HOST])?;
        let through = host.through();
        let through: Vec<&str> = through.iter().map(String::as_str).collect();
        let site = site
            .with(
                "TEGAMI_TLS__CERTIFICATE",
                &pair.certificate.display().to_string(),
            )
            .with("TEGAMI_TLS__KEY", &pair.key.display().to_string())
            .through(&through);
        let running = site.start()?;
        Ok(Self {
            site,
            host,
            running: Some(running),
            authority: authority.certificate(),
        })
    }

    /// The host it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Sends a message as Alice, by submission with STARTTLS.
    ///
    /// # Errors
    /// When the message is not taken for every recipient.
    pub fn submit(&self, wish: &Wish<'_>) -> Result<()> {
        let replies = self.offer(wish)?;
        for reply in replies.as_array().into_iter().flatten() {
            if reply[0].as_u64().is_none_or(|code| code >= 300) {
                bail!("the server on trial said {reply}");
            }
        }
        Ok(())
    }

    /// Sends a message as Alice; gives the replies to MAIL, to each RCPT and behind DATA.
    ///
    /// # Errors
    /// When there is no conversation.
    pub fn offer(&self, wish: &Wish<'_>) -> Result<Value> {
        let mut said = json!({
            "host": domain::SERVER[0], "port": 587, "name": HOST, "authority": self.authority, "user": ALICE,
            "password": PASSWORD, "from": ALICE, "to": wish.to, "file": wish.file, "rcpt": wish.rcpt,
        });
        if !wish.mail.is_empty() {
            said["mail"] = json!(wish.mail);
        }
        converse(&said)
    }

    /// Everything in a maildrop.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, login: &str) -> Result<Vec<Value>> {
        let mut command = script("reports.py");
        command
            .args([domain::SERVER[0], HOST])
            .arg(&self.authority)
            .args([login, PASSWORD]);
        let said = process::succeed(&mut command, LIMIT)?.stdout;
        Ok(serde_json::from_slice(&said)?)
    }

    /// Waits until there is a message in the maildrop that is wanted.
    ///
    /// # Errors
    /// When it does not come.
    pub fn await_message(
        &self,
        login: &str,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let there = self.read(login)?;
            let count = there.len();
            if let Some(found) = there.into_iter().find(&wanted) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                bail!(
                    "nothing came to {login} within {} s; there are {count} others",
                    patience.as_secs()
                );
            }
            std::thread::sleep(LOOK * 4);
        }
    }

    /// Runs a command of the product beside the server; gives what it printed.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn tell(&self, words: &[&str]) -> Result<String> {
        let said = process::succeed(&mut self.site.command(words), LIMIT)?.stdout;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Everything it logged up to now.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.site.log()).unwrap_or_default()).into_owned()
    }

    /// What the server logged of a recipient elsewhere, the last attempt first.
    pub fn outcomes(&self, recipient: &str) -> Vec<Value> {
        let (log, path) = (self.log(), format!("<{recipient}>"));
        let lines = log.lines().rev().filter(|line| line.contains("sent on"));
        let read = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        read.filter(|line| line["message"] == "sent on" && line["to"] == path.as_str())
            .collect()
    }

    /// Waits until an attempt for this recipient ended so (`delivered`, `deferred`, `failed`); gives the line of the log.
    ///
    /// # Errors
    /// When none did.
    pub fn await_outcome(
        &self,
        recipient: &str,
        outcome: &str,
        patience: Duration,
    ) -> Result<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let outcomes = self.outcomes(recipient);
            if let Some(found) = outcomes.iter().find(|line| line["outcome"] == outcome) {
                return Ok(found.clone());
            }
            if Instant::now() >= deadline {
                bail!(
                    "{recipient} was never {outcome} within {} s: {outcomes:?}",
                    patience.as_secs()
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// A clean end, and nothing wrong with the store.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn stop(&mut self) -> Result<()> {
        let running = self.running.take().context("it does not run")?;
        running.stop()?;
        self.tell(&["store", "verify"]).map(drop)
    }
}

/// The configuration: all listeners on the host's addresses, everybody may be sent to, and two routes by the smarthost.
fn site(place: &Path, directory: &Path, binary: &Path) -> Result<Site> {
    fs::create_dir_all(directory)?;
    let secret = |name: &str, text: &str| -> Result<String> {
        let path = directory.join(name);
        fs::write(&path, format!("{text}\n"))?;
        Ok(path.display().to_string())
    };
    let password = secret("password", PASSWORD)?;
    let accounts = [ALICE, BOB, "postmaster@example.test", spoke::LOGIN].map(|address| {
        format!("[[account]]\naddress = \"{address}\"\npassword_file = {password:?}\n\n")
    });
    let site = Site::create(
        binary,
        directory,
        &directory.join("data"),
        Some(&accounts.concat()),
    )?;
    let login = secret("smarthost", postfix::PASSWORD)?;
    let path = directory.join("tegami.toml");
    let mut text = fs::read_to_string(&path)?;
    for (domain, port) in ROUTES {
        text.push_str(&format!(
            "\n[[relay.route]]\ndomains = [\"{domain}\"]\nvia = \"smtp.relay.test:{port}\"\nuser = \"{}\"\n\
             password_file = {login:?}\n",
            postfix::LOGIN
        ));
    }
    text.push_str(&format!(
        "\n[[relay.hold]]\ndomains = [\"{}\"]\naccount = \"{}\"\n",
        spoke::DOMAIN,
        spoke::LOGIN
    ));
    fs::write(&path, text)?;
    let anchors = place.join("names/root.key").display().to_string();
    Ok(site
        .with(
            "TEGAMI_LISTEN__SMTP",
            "[\"10.20.0.10:25\", \"[fd20::10]:25\"]",
        )
        .with("TEGAMI_LISTEN__SUBMISSION", "[\"10.20.0.10:587\"]")
        .with("TEGAMI_LISTEN__SUBMISSIONS", "[\"10.20.0.10:465\"]")
        .with("TEGAMI_LISTEN__POP3", "[\"10.20.0.10:110\"]")
        .with("TEGAMI_LISTEN__POP3S", "[\"10.20.0.10:995\"]")
        .with("TEGAMI_LISTEN__ODMR", "[\"10.20.0.10:366\"]")
        .with("TEGAMI_LIMITS__EXEMPT", EVERYBODY)
        .with("TEGAMI_DNS__TRUST_ANCHORS", &anchors)
        .with("TEGAMI_RELAY__ALLOW_TO", EVERYBODY)
        .with("TEGAMI_RELAY__RETRY", "[\"2s\", \"3s\"]")
        .with("TEGAMI_RELAY__DELAY_NOTICE", "8s")
        .with(
            "TEGAMI_RELAY__BACKUP_DOMAINS",
            "[\"backup.test\", \"loop.test\"]",
        ))
}

/// One conversation of `send.py`.
///
/// # Errors
/// When it breaks off.
pub fn converse(wish: &Value) -> Result<Value> {
    let mut command = script("send.py");
    command.arg(wish.to_string());
    let said = process::succeed(&mut command, LIMIT)?.stdout;
    Ok(serde_json::from_slice(&said)?)
}

/// A script of `tests/interop/mail_out`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(workspace::root().join("tests/interop/mail_out").join(name));
    command
}
