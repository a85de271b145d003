//! The clients that fetch: how each is told to take the whole maildrop by a route, and where it puts it.

mod fetchmail;
mod getmail;
mod mpop;
mod neomutt;
mod node;
mod perl;
mod pop3test;
mod s_nail;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::client::{
    CURL_DENIED, CURL_DOUBTED, MSMTP_DENIED, MSMTP_DOUBTED, PYTHON_DENIED, PYTHON_DOUBTED, Trial,
    curl_with, script,
};
use super::route::{Attempt, Route, Security, Sign};
use super::{BOB, LIMIT};
use crate::process::{self, Finished};

/// What is to become of the maildrop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// Nothing.
    Keep,
    /// It is emptied.
    Delete,
}

impl Afterwards {
    /// As the scripts are told.
    fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Delete => "delete",
        }
    }
}

/// A fetching program.
pub struct Fetcher {
    /// Its name.
    pub name: &'static str,
    /// How much of it is tried.
    pub trial: Trial,
    /// The logins it knows.
    pub logins: &'static [&'static str],
    /// What it cannot do with one of them.
    cannot: &'static [(Security, &'static str)],
    /// Whether it can delete what it has fetched.
    pub deletes: bool,
    /// Whether it takes seconds for a megabyte, or processes for every message; then it gets few messages.
    pub slow: bool,
    /// The command that fetches so many messages into an empty directory, beside which it may leave files.
    command: fn(&Attempt, Afterwards, usize, &Path) -> Result<Command>,
    /// The messages it got.
    messages: fn(&Path) -> Result<Vec<Vec<u8>>>,
    /// When it says that the login was refused.
    pub denied: Sign,
    /// When it says that the certificate is not to be believed; none if it does not look.
    pub doubted: Option<Sign>,
    /// When it says that there is nothing new, if it keeps account of what it has fetched.
    pub nothing_new: Option<Sign>,
}

/// The fetchers.
pub static FETCHERS: [Fetcher; 10] = [
    Fetcher {
        name: "curl",
        trial: Trial::Turns,
        logins: &["PLAIN", "LOGIN", "CRAM-MD5", "APOP"],
        cannot: &[],
        deletes: false,
        slow: false,
        command: curl,
        messages: files,
        denied: CURL_DENIED,
        doubted: Some(CURL_DOUBTED),
        nothing_new: None,
    },
    Fetcher {
        name: "poplib",
        trial: Trial::Turns,
        logins: &["USER", "APOP"],
        cannot: &[],
        deletes: true,
        slow: false,
        command: poplib,
        messages: files,
        denied: PYTHON_DENIED,
        doubted: Some(PYTHON_DOUBTED),
        nothing_new: None,
    },
    Fetcher {
        name: "fetchmail",
        trial: Trial::Turns,
        logins: &["CRAM-MD5", "APOP", "USER"],
        // It never says STLS before APOP, whatever it was told about certificates.
        cannot: &[(Security::Upgrade, "APOP")],
        deletes: true,
        slow: false,
        command: fetchmail::fetch,
        messages: |into| Ok(with_crlf(&files(&into.join("new"))?)),
        // fetchmail(1): the user authentication step failed.
        denied: Sign::Status(3),
        doubted: Some(Sign::Says("certificate verify failed")),
        // fetchmail(1): there was no mail awaiting retrieval.
        nothing_new: Some(Sign::Status(1)),
    },
    Fetcher {
        name: "mpop",
        trial: Trial::Turns,
        logins: &[
            "SCRAM-SHA-1",
            "SCRAM-SHA-256",
            "APOP",
            "CRAM-MD5",
            "USER",
            "PLAIN",
            "LOGIN",
        ],
        cannot: &[],
        deletes: true,
        slow: false,
        command: mpop::fetch,
        messages: |into| Ok(with_crlf(&files(&into.join("new"))?)),
        denied: MSMTP_DENIED,
        doubted: Some(MSMTP_DOUBTED),
        nothing_new: Some(Sign::Status(0)),
    },
    Fetcher {
        name: "pop3test",
        trial: Trial::Turns,
        logins: &[
            "SCRAM-SHA-1",
            "SCRAM-SHA-256",
            "CRAM-MD5",
            "APOP",
            "PLAIN",
            "LOGIN",
        ],
        cannot: &[],
        deletes: true,
        slow: false,
        command: pop3test::fetch,
        messages: files,
        denied: PYTHON_DENIED,
        doubted: None,
        nothing_new: None,
    },
    perl::FETCHER,
    getmail::FETCHER,
    s_nail::FETCHER,
    neomutt::FETCHER,
    node::FETCHER,
];

impl Fetcher {
    /// Every way it can take.
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Route::fetching(self.logins);
        routes.retain(|route| {
            let cannot = |(security, login): &(Security, &str)| {
                *security == route.security && Some(*login) == route.login
            };
            !self.cannot.iter().any(cannot)
        });
        routes
    }

    /// Fetches the maildrop; `count` is how many messages there must be.
    ///
    /// # Errors
    /// When the client fails, or fetches again what it has fetched.
    pub fn run(
        &self,
        attempt: &Attempt,
        afterwards: Afterwards,
        count: usize,
    ) -> Result<Vec<Vec<u8>>> {
        let into = attempt.ground.empty("fetched")?;
        let mut command = (self.command)(attempt, afterwards, count, &into)?;
        process::succeed(&mut command, LIMIT)?;
        let fetched = (self.messages)(&into)?;
        ensure!(
            fetched.len() == count,
            "{} messages fetched, {count} are there",
            fetched.len()
        );
        Ok(fetched)
    }

    /// Comes again to what it has just fetched and kept.
    ///
    /// # Errors
    /// When it does not say `sign`, or fetches anything.
    pub fn come_again(&self, attempt: &Attempt, sign: Sign, count: usize) -> Result<()> {
        let into = attempt.ground.place.join("fetched");
        let mut command = (self.command)(attempt, Afterwards::Keep, count, &into)?;
        let finished = process::capture(&mut command, LIMIT)?;
        ensure!(
            sign.is_given(&finished),
            "coming again: {}: {}",
            finished.status,
            finished.last_words()
        );
        let there = (self.messages)(&into)?.len();
        ensure!(
            there == count,
            "coming again, {count} messages became {there}"
        );
        Ok(())
    }

    /// Tries to fetch one message, whatever comes of it.
    ///
    /// # Errors
    /// When the client cannot be started or does not end.
    pub fn knock(&self, attempt: &Attempt) -> Result<Finished> {
        let into = attempt.ground.empty("fetched")?;
        let mut command = (self.command)(attempt, Afterwards::Keep, 1, &into)?;
        process::capture(&mut command, LIMIT)
    }
}

fn curl(attempt: &Attempt, _: Afterwards, count: usize, into: &Path) -> Result<Command> {
    let scheme = match attempt.route.security {
        Security::Plain | Security::Upgrade => "pop3",
        Security::Tls => "pop3s",
    };
    // curl(1): what is not a SASL mechanism is asked for with a plus sign.
    let login = match attempt.route.login.unwrap_or_default() {
        "APOP" => "+APOP",
        mechanism => mechanism,
    };
    let url = format!("{scheme}://localhost:{}/[1-{count}]", attempt.port()?);
    let mut command = curl_with(attempt);
    command
        .args(["--user", &format!("{BOB}:{}", attempt.password)])
        .args(["--login-options", &format!("AUTH={login}")])
        .args(["--url", &url, "--output"])
        .arg(into.join("#1"));
    Ok(command)
}

fn poplib(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let security = upgrade_name(attempt.route.security);
    let login = attempt.route.login.unwrap_or_default();
    let mut command = script("fetch.py");
    command
        .arg(attempt.trust)
        .args([&attempt.port()?, security, login, BOB, attempt.password])
        .arg(into)
        .arg(afterwards.name());
    Ok(command)
}

/// As the scripts are told.
fn upgrade_name(security: Security) -> &'static str {
    match security {
        Security::Plain => "plain",
        Security::Upgrade => "stls",
        Security::Tls => "tls",
    }
}

/// What is in the files of a directory, or nothing where there is no directory.
fn files(directory: &Path) -> Result<Vec<Vec<u8>>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    if !directory.exists() {
        return Ok(Vec::new());
    }
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths
        .iter()
        .map(|path| fs::read(path).with_context(|| path.display().to_string()))
        .collect()
}

/// Some clients write line ends as Unix does. Nothing is lost by it, for no message here has others than CRLF.
fn with_crlf(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let convert = |message: &Vec<u8>| {
        let mut converted = Vec::with_capacity(message.len() + message.len() / 16);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => {
                    converted.extend(text);
                    converted.extend(b"\r\n");
                }
                None => converted.extend(line),
            }
        }
        converted
    };
    messages.iter().map(convert).collect()
}
