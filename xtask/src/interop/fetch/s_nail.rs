//! s-nail, which opens the maildrop as a folder and copies it into a Maildir.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::super::BOB;
use super::super::client::{Trial, s_nail};
use super::super::route::{Attempt, Security, Sign};
use super::{Afterwards, Fetcher, files, with_crlf};

pub const FETCHER: Fetcher = Fetcher {
    name: "s-nail",
    trial: Trial::Turns,
    logins: &["USER", "APOP"],
    cannot: &[],
    deletes: true,
    slow: false,
    command: fetch,
    messages,
    denied: Sign::Says("[AUTH]"),
    doubted: Some(s_nail::DOUBTED),
    nothing_new: None,
};

fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let copy = format!("copy * \"maildir://{}\"\n", into.join("box").display());
    let end = match afterwards {
        Afterwards::Keep => "exit\n",
        Afterwards::Delete => "delete *\nquit\n",
    };
    let input = into.join("commands");
    fs::write(&input, copy + end)?;
    let scheme = match attempt.route.security {
        Security::Plain | Security::Upgrade => "pop3",
        Security::Tls => "pop3s",
    };
    let mut settings = s_nail::settings(attempt, "pop3-use-starttls");
    settings.extend(["hold", "pop3-bulk-load"].map(str::to_owned));
    if attempt.route.login == Some("USER") {
        settings.push("pop3-no-apop".to_owned());
    }
    let mut command = s_nail::command(&input, &settings);
    command
        .args(["-#", "-f"])
        .arg(s_nail::url(attempt, scheme, Some(BOB))?);
    Ok(command)
}

/// As in an mbox, an empty line stands behind every message; that of a header without a body serves as one. (No body here
/// ends with an empty line of its own.)
fn messages(into: &Path) -> Result<Vec<Vec<u8>>> {
    let mut fetched = files(&into.join("box/new"))?;
    fetched.extend(files(&into.join("box/cur"))?);
    for message in &mut fetched {
        let header = message.windows(2).position(|two| two == b"\n\n");
        if header.context("a message without an empty line")? + 2 < message.len() {
            let text = message.strip_suffix(b"\n").map(<[u8]>::len);
            message.truncate(text.context("no line end at the end")?);
        }
    }
    Ok(with_crlf(&fetched))
}
