//! Where passwords come from: a prompt, a file, stdin. Never the command line, where everybody on the machine can
//! read them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use address::Mailbox;
use anyhow::{Context, Result, bail, ensure};
use auth::{NewPassword, Secret, Wanted};
use clap::Args;

use super::access;
use super::report::Stuck;
use crate::config::Config;
use crate::terminal::note;
use crate::weakness;

/// Longest password taken, in octets; a file larger than this is not a password.
const MAX_LENGTH: u64 = 1024;

/// How the password is given.
#[derive(Debug, Args)]
pub struct PasswordSource {
    /// Read the password from this file (one line), or from stdin with `-`; otherwise it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordSource {
    /// Whether a person has to type it, twice: not for a change that will be refused.
    pub fn is_typed(&self) -> bool {
        self.password_file.is_none()
    }

    /// Gets the password for `address`, warns when it is weak, and turns it into what is stored of it: what the
    /// configured mechanisms need, and sealed if `apop` is allowed.
    ///
    /// # Errors
    /// No password, two different ones, an unreadable file, no keys of the house.
    pub fn derive(&self, config: &Config, address: &Mailbox, apop: bool) -> Result<NewPassword> {
        let password = self.read(&address.to_string())?;
        let wanted = Wanted::by(&config.auth.mechanisms).with_sealed(apop);
        let keyring = access::keyring(&config.data_dir)?;
        Ok(keyring.derive(&password, address, wanted)?)
    }

    fn read(&self, address: &str) -> Result<Secret> {
        let password = match self.password_file.as_deref() {
            Some(path) if path == Path::new("-") => {
                read_line(io::stdin().lock()).context("stdin")?
            }
            Some(path) => {
                let file =
                    File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                read_line(file).with_context(|| path.display().to_string())?
            }
            None => ask(address)?,
        };
        ensure!(
            !password.is_empty(),
            Stuck::new(
                "the password is empty",
                "give one line with the password in it"
            )
        );
        if let Some(why) = weakness::of(&password, address) {
            note(&format!(
                "warning: this password is easy to guess{why}; a longer one would be safer"
            ));
        }
        Ok(password)
    }
}

/// One line, without its end; a second line would mean that this is not a password file.
fn read_line(source: impl Read) -> Result<Secret> {
    let mut text = String::new();
    source
        .take(MAX_LENGTH + 2)
        .read_to_string(&mut text)
        .context("cannot read the password")?;
    let whole = Secret::new(text);
    let line = whole.expose();
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    ensure!(
        line.len() as u64 <= MAX_LENGTH,
        "a password has at most {MAX_LENGTH} octets"
    );
    ensure!(
        !line.contains(['\n', '\r', '\0']),
        "more than one line; a password is exactly one"
    );
    Ok(Secret::from(line))
}

fn ask(address: &str) -> Result<Secret> {
    let prompt = |text: String| rpassword::prompt_password(text).map(Secret::new);
    let Ok(first) = prompt(format!("Password for {address}: ")) else {
        bail!(Stuck::new(
            "there is no terminal to ask for the password",
            "give it with --password-file FILE, or --password-file - for stdin",
        ));
    };
    let again = prompt("The same again: ".to_owned()).context("cannot read from the terminal")?;
    ensure!(
        first == again,
        Stuck::new("the two passwords are different", "type the command again")
    );
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_file_is_one_line() {
        for (file, password) in [
            (&b"secret"[..], Some("secret")),
            (b"secret\n", Some("secret")),
            (b"secret\r\n", Some("secret")),
            (b" with blanks \n", Some(" with blanks ")),
            ("Straße\n".as_bytes(), Some("Straße")),
            (b"", Some("")),
            (b"\n", Some("")),
            (b"one\ntwo\n", None),
            (b"one\n\n", None),
            (b"a\0b", None),
            (b"\xff\n", None),
            (&[b'x'; 1024], Some(&"x".repeat(1024))),
            (&[b'x'; 1025], None),
            (&[b'x'; 100_000], None),
        ] {
            let read = read_line(file).ok();
            assert_eq!(
                read.as_ref().map(Secret::expose),
                password,
                "{:?}",
                String::from_utf8_lossy(file)
            );
        }
    }
}
