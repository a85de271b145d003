//! fetchmail, which hands every message to a command; it keeps account of what it has fetched in a file of its own. To
//! fetch and keep it asks for TOP, to fetch and delete for RETR.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::BOB;
use super::super::route::{Attempt, Security};
use super::Afterwards;

pub fn fetch(attempt: &Attempt, afterwards: Afterwards, _: usize, into: &Path) -> Result<Command> {
    let new = into.join("new");
    fs::create_dir_all(&new)?;
    let (protocol, auth) = match attempt.route.login.unwrap_or_default() {
        "APOP" => ("APOP", "any"),
        "CRAM-MD5" => ("POP3", "cram-md5"),
        _ => ("POP3", "password"),
    };
    let security = match attempt.route.security {
        // fetchmail(1): an empty version is no STLS even where it is offered; any other insists on it.
        Security::Plain => "sslproto \"\"",
        Security::Upgrade => "sslproto \"TLS1.2+\"",
        Security::Tls => "ssl sslproto \"TLS1.2+\"",
    };
    let trust = match attempt.route.security {
        Security::Plain => String::new(),
        Security::Upgrade | Security::Tls => {
            format!("sslcertck sslcertfile \"{}\"", attempt.trust.display())
        }
    };
    let keep = match afterwards {
        Afterwards::Keep => "keep",
        Afterwards::Delete => "nokeep",
    };
    // The other options keep it from rewriting what it fetched.
    let text = format!(
        "poll localhost protocol {protocol} port {} auth {auth} uidl timeout 50\n\
         user \"{BOB}\" password \"{}\" {security} {trust}\n\
         {keep} no rewrite no mimedecode pass8bits mda \"cat >$(mktemp {}/XXXXXXXXXX)\"\n",
        attempt.port()?,
        attempt.password,
        new.display(),
    );
    let place = &attempt.ground.place;
    let file = place.join("fetchmailrc");
    fs::write(&file, text)?;
    // It refuses one that others could read.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let mut command = Command::new("fetchmail");
    command
        // Its lock would be the user's, and so would the account of what was fetched.
        .env("FETCHMAILHOME", place)
        .args(["--silent", "--nosyslog", "--nodetach", "--invisible"])
        .arg("--fetchmailrc")
        .arg(file)
        .arg("--idfile")
        .arg(into.join("ids"));
    Ok(command)
}
