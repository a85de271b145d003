//! s-nail, the mailx of Debian, which makes a header of its own. What it has in common with itself as a fetcher stands
//! here, too.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::route::{Attempt, Security, Sign};
use super::super::{ALICE, BOB, message};
use super::{Client, Keeps, Trial};

/// The words of OpenSSL.
pub const DOUBTED: Sign = Sign::Says("certificate verify failed");

pub const CLIENT: Client = Client {
    name: "s-nail",
    trial: Trial::Turns,
    keeps: Keeps::Body,
    strangers: true,
    logins: &["PLAIN", "LOGIN", "CRAM-MD5"],
    send,
    took: Sign::Status(0),
    denied: Sign::Says("535 5.7.8"),
    doubted: Some(DOUBTED),
};

/// The body comes in by standard input.
fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let route = attempt.route;
    let letter = message::Letter::read(file)?;
    let body = file.with_extension("body");
    fs::write(&body, letter.body_with_lf())?;
    let scheme = match route.security {
        Security::Plain | Security::Upgrade => "smtp",
        Security::Tls => "smtps",
    };
    let login = route.login.map(|_| ALICE);
    let mut settings = settings(attempt, "smtp-use-starttls");
    settings.push(format!("mta={}", url(attempt, scheme, login)?));
    settings.push(format!(
        "smtp-auth={}",
        route.login.unwrap_or("none").to_lowercase()
    ));
    settings.push(format!("from={}", route.reverse_path()));
    settings.extend(["sendwait", "mime-encoding=8bit", "expandaddr"].map(str::to_owned));
    let mut command = command(&body, &settings);
    command
        .args(["-s", "interop", "-C", &format!("X-Interop: {}", letter.id)])
        .arg(BOB);
    Ok(command)
}

/// Without the configuration of whoever runs this, and with what stands in a file as its standard input.
pub fn command(input: &Path, settings: &[String]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec s-nail \"$@\" <\"$0\""])
        .arg(input)
        .arg("-:/")
        .env("LC_ALL", "C.UTF-8");
    for setting in settings {
        command.args(["-S", setting]);
    }
    command
}

/// What is the same for sending and fetching; `upgrade` is the name of the variable for STARTTLS or STLS.
pub fn settings(attempt: &Attempt, upgrade: &str) -> Vec<String> {
    let mut settings = vec![
        "v15-compat".to_owned(),
        "tls-ca-no-defaults".to_owned(),
        "tls-verify=strict".to_owned(),
        format!("tls-ca-file={}", attempt.trust.display()),
    ];
    if attempt.route.security == Security::Upgrade {
        settings.push(upgrade.to_owned());
    }
    settings
}

/// Where to connect and who logs in; the password stands in it as well.
pub fn url(attempt: &Attempt, scheme: &str, user: Option<&str>) -> Result<String> {
    let login = user.map_or_else(String::new, |user| {
        format!("{}:{}@", escaped(user), escaped(attempt.password))
    });
    Ok(format!("{scheme}://{login}localhost:{}", attempt.port()?))
}

/// RFC 3986 section 2.1; s-nail wants only what must be escaped to be.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(octet).to_string()
            }
            _ => format!("%{octet:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_would_take_for_its_own_is_escaped() {
        assert_eq!(escaped("a@b.c: d/7"), "a%40b.c%3A%20d%2F7");
    }
}
