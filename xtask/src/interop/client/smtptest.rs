//! Cyrus' smtptest, a client on libsasl2: it logs in and then says what stands in a file, without waiting for
//! the replies. It looks at the certificate and goes on whatever it is, since there is no way to tell it whom to believe.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::route::{Attempt, Security};
use super::super::{ALICE, BOB, cyrus, message};

/// The whole transaction in one go (RFC 2920), the message included.
pub fn send(attempt: &Attempt, file: &Path) -> Result<Command> {
    let mut session = format!(
        "MAIL FROM:<{}> BODY=8BITMIME\r\nRCPT TO:<{BOB}>\r\nDATA\r\n",
        attempt.route.reverse_path()
    )
    .into_bytes();
    session.extend(message::on_the_wire(&fs::read(file)?));
    session.extend(b"\r\nQUIT\r\n");
    let script = file.with_extension("session");
    fs::write(&script, session)?;
    // Options are taken behind the name of the server, too.
    let mut command = command("smtptest", attempt, ALICE)?;
    command.args([OsStr::new("-f"), script.as_os_str()]);
    Ok(command)
}

/// One of Cyrus' clients, logging in.
pub fn command(name: &str, attempt: &Attempt, user: &str) -> Result<Command> {
    let mut command = cyrus::command(name);
    match attempt.route.security {
        Security::Plain => {}
        Security::Upgrade => {
            command.args(["-t", ""]);
        }
        Security::Tls => {
            command.arg("-s");
        }
    }
    let login = match attempt.route.login.unwrap_or_default() {
        "APOP" => "apop",
        "USER" => "user",
        mechanism => mechanism,
    };
    command
        .args(["-p", &attempt.port()?, "-m", login])
        .args(["-a", user, "-u", user, "-w", attempt.password])
        .arg("localhost");
    Ok(command)
}
