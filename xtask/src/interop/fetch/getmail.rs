//! getmail, which hands every message to a command; it keeps account of what it has fetched in a file of its own. It knows
//! no STLS.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::client::Trial;
use super::super::route::{Attempt, Security, Sign};
use super::{Afterwards, Fetcher, files, with_crlf};

pub const FETCHER: Fetcher = Fetcher {
    name: "getmail",
    trial: Trial::Turns,
    logins: &["USER", "APOP"],
    cannot: &[(Security::Upgrade, "USER"), (Security::Upgrade, "APOP")],
    deletes: true,
    slow: true,
    command: fetch,
    messages: |into| Ok(with_crlf(&files(&into.join("new"))?)),
    denied: Sign::Says("[AUTH]"),
    doubted: Some(Sign::Says("certificate verify failed")),
    nothing_new: Some(Sign::Says("0 messages (0 bytes) retrieved")),
};

fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let new = into.join("new");
    fs::create_dir_all(&new)?;
    let (retriever, trust) = match attempt.route.security {
        Security::Plain | Security::Upgrade => ("SimplePOP3Retriever", String::new()),
        Security::Tls => (
            "SimplePOP3SSLRetriever",
            format!("ca_certs = {}\n", attempt.trust.display()),
        ),
    };
    // The last two options keep it from adding fields. It writes no Maildir for root, but hands root's mail to a command.
    let text = format!(
        "[retriever]\ntype = {retriever}\nserver = localhost\nport = {}\nusername = {BOB}\npassword = {}\n\
         use_apop = {}\ntimeout = 50\n{trust}\
         [destination]\ntype = MDA_external\npath = /bin/sh\n\
         arguments = (\"-c\", \"cat >$(mktemp {}/XXXXXXXXXX)\")\nallow_root_commands = true\n\
         [options]\nread_all = false\ndelete = {}\ndelivered_to = false\nreceived = false\n",
        attempt.port()?,
        attempt.password,
        attempt.route.login == Some("APOP"),
        new.display(),
        afterwards == Afterwards::Delete,
    );
    let file = into.join("getmailrc");
    fs::write(&file, text)?;
    let mut command = Command::new("getmail");
    command.arg("--getmaildir").arg(into).arg("--rcfile");
    command.arg(file);
    Ok(command)
}
