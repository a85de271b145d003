//! Somebody at a desktop: Claws Mail in Xvfb, as `tests/interop/desktop.sh` leads its hand. It writes a letter to itself
//! through STARTTLS, fetches it in TLS and opens it; what could then be seen is left in a picture for people to look at.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::route::{Route, Security};
use super::witness::Event;
use super::{ALICE, Ground, PASSWORD};
use crate::{process, workspace};

/// The name of the program.
pub const NAME: &str = "Claws Mail";
/// Three windows and two deliveries on a busy machine.
const AT_THE_DESK: Duration = Duration::from_secs(200);
/// What was typed, as it lies in the inbox, where lines end as on Unix; empty lines may follow.
const LETTER: &str = "\n\nHello,\nthis was written at a desktop.\n.";

/// A letter there and back. The account's maildrop is empty before and holds the letter afterwards.
///
/// # Errors
/// When a window does not come about, the letter is not what was written, or went another way than the account says.
pub fn run(ground: &Ground) -> Result<()> {
    let directory = ground.empty("desktop")?;
    let port =
        |listener| -> Result<String> { Ok(ground.server.address(listener)?.port().to_string()) };
    let mut command = Command::new("sh");
    command
        .arg(workspace::root().join("tests/interop/desktop.sh"))
        .arg(&directory)
        .arg(&ground.certificate)
        .args([port("submission")?, port("pop3s")?])
        .args([ALICE, PASSWORD]);
    process::succeed(&mut command, AT_THE_DESK).context(NAME)?;
    let letter = fs::read_to_string(directory.join("Mail/inbox/1"))?;
    ensure!(
        letter.trim_end().ends_with(LETTER)
            && letter.starts_with("Return-Path: <alice@example.test>\n"),
        "the letter is not what was written:\n{letter}"
    );
    // The first of the offered logins that it knows.
    let sent = Route {
        listener: "submission",
        security: Security::Upgrade,
        login: Some("CRAM-MD5"),
    };
    let fetched = Route {
        listener: "pop3s",
        security: Security::Tls,
        login: Some("USER"),
    };
    ground.witness.expect_each(&[
        (Event::Login, &sent),
        (Event::Delivered, &sent),
        (Event::Login, &fetched),
    ])?;
    let picture = workspace::target().join("xtask/desktop.png");
    fs::copy(directory.join("screenshot.png"), &picture)?;
    println!(
        "{NAME} {sent}, {fetched}: a letter there and back; look at {}",
        picture.display()
    );
    Ok(())
}
