//! neomutt, into a Maildir. It wants a terminal, which script(1) makes, and is told what to press.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::client::{Trial, neomutt};
use super::super::route::{Attempt, Security, Sign};
use super::{Afterwards, Fetcher, files, with_crlf};

pub const FETCHER: Fetcher = Fetcher {
    name: "neomutt",
    trial: Trial::Turns,
    logins: &["USER", "APOP"],
    cannot: &[],
    deletes: true,
    slow: false,
    command: fetch,
    messages: |into| {
        let mut fetched = files(&into.join("box/cur"))?;
        fetched.extend(files(&into.join("box/new"))?);
        Ok(with_crlf(&fetched))
    },
    denied: Sign::Status(77),
    // It asks, and waits for the answer.
    doubted: None,
    nothing_new: None,
};

/// It ends as if nothing were wrong whatever happens, and what it shows is soon written over: its log tells, to whose name it adds a number.
const RUN: &str = r#"
script -qefc "neomutt -n -F '$0' -f '$1' -d 1 -l '$2' -e 'push <fetch-mail><quit>'" /dev/null </dev/null || exit
! grep -q '<E>.*\(Login failed\|authentication failed\)' "${2}0" || exit 77
"#;

fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let maildir = into.join("box");
    for directory in ["new", "cur", "tmp"] {
        fs::create_dir_all(maildir.join(directory))?;
    }
    let scheme = match attempt.route.security {
        Security::Plain | Security::Upgrade => "pop",
        Security::Tls => "pops",
    };
    let settings = neomutt::settings(attempt)
        + &format!(
            "set pop_host = \"{scheme}://{BOB}@localhost:{}/\"\nset pop_pass = \"{}\"\n\
             set pop_authenticators = \"{}\"\nset pop_delete = {}\nset pop_last = no\nset mbox_type = Maildir\n\
             set spoolfile = {maildir}\nset folder = {maildir}\nset quit = yes\nset mark_old = no\n",
            attempt.port()?,
            attempt.password,
            attempt.route.login.unwrap_or_default().to_lowercase(),
            match afterwards {
                Afterwards::Keep => "no",
                Afterwards::Delete => "yes",
            },
            maildir = maildir.display(),
        );
    let mut command = Command::new("sh");
    command
        .args(["-c", RUN])
        .arg(neomutt::configuration(attempt, &settings)?)
        .arg(maildir)
        .arg(into.join("log"))
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "vt100");
    Ok(command)
}
