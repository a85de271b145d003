//! Postal and rabid, the load generators that know each other: Postal sends letters of random text, each with its hash, for
//! ten minutes; rabid fetches them meanwhile, compares the hashes, and removes them. Nothing may fail, nothing may be lost.
//!
//! rabid knows no TLS, and is let in without. One of it is started: several would meet in one maildrop, and what they are
//! then told is an error to them. Postal ends a letter of two or three octets without a line end, so that the dot behind it
//! ends nothing (RFC 5321 section 4.1.1.4): it is told to write a kilobyte at least. Both go on whatever signal they get, and are killed in the end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;

use super::LIMIT;
use crate::server::{Running, Site};
use crate::{binary, process, workspace};

/// How long letters are sent.
const SENDING: Duration = Duration::from_secs(600);
/// How long rabid may go on fetching what is left.
const REST: Duration = Duration::from_secs(180);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(500);
/// As many accounts as there are letters underway at once, and some.
const ACCOUNTS: usize = 8;
/// rabid splits its list of users at spaces.
const PASSWORD: &str = "postal-and-rabid-7";

/// Starts the server, and both against it.
///
/// # Errors
/// When one of them counts an error, or a letter that was sent is not fetched.
pub fn run(chosen: Option<&Path>) -> Result<()> {
    let binary = binary::release(chosen)?;
    let place = workspace::fresh("postal")?;
    let site = Site::create(&binary, &place, &place.join("data"), None)?
        .with("TEGAMI_AUTH__ALLOW_CLEARTEXT_FROM", "[\"127.0.0.0/8\"]");
    let server = accounts(&site, &place)?.start()?;
    let mut postal = start(
        &server,
        &place,
        "smtp",
        "postal",
        &["-t", "3", "-c", "3", "-M", "1", "-m", "20", "-r", "600"],
    )?;
    let mut rabid = start(&server, &place, "pop3", "rabid", &["-p", "1", "-r", "600"])?;
    let worked = exchange(&mut postal, &mut rabid, &place);
    for child in [&mut postal, &mut rabid] {
        child.kill()?;
        child.wait()?;
    }
    let count = worked?;
    server.stop()?;
    println!(
        "postal and rabid: {count} letters in {} s, every one fetched with its hash, 0 errors",
        SENDING.as_secs()
    );
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// Letters for a while, and then none until all are fetched.
fn exchange(postal: &mut Child, rabid: &mut Child, place: &Path) -> Result<usize> {
    let watch = |postal: &mut Child, rabid: &mut Child| -> Result<()> {
        for (child, name) in [(postal, "postal"), (rabid, "rabid")] {
            no_errors(name, &fs::read_to_string(place.join(name).join("output"))?)?;
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended by itself: {status}");
            }
        }
        Ok(())
    };
    let end = Instant::now() + SENDING;
    while Instant::now() < end {
        watch(postal, rabid)?;
        thread::sleep(LOOK);
    }
    // It begins no further letter.
    process::signal(postal.id(), Signal::INT);
    let end = Instant::now() + REST;
    loop {
        watch(postal, rabid)?;
        let (sent, fetched) = (hashes(place, "postal")?, hashes(place, "rabid")?);
        if sent == fetched && !sent.is_empty() {
            return Ok(sent.len());
        }
        ensure!(
            Instant::now() < end,
            "{} letters were sent, {} fetched",
            sent.len(),
            fetched.len()
        );
        thread::sleep(LOOK);
    }
}

/// The hashes of a log, in order; the first word of each line.
fn hashes(place: &Path, name: &str) -> Result<Vec<String>> {
    let log = place.join(name).join(format!("{name}.log"));
    if !log.exists() {
        return Ok(Vec::new());
    }
    let mut hashes: Vec<String> = fs::read_to_string(log)?
        .lines()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    hashes.sort();
    Ok(hashes)
}

/// Each minute they print a row of figures, of which the fourth is the number of errors; an error they also tell in words.
fn no_errors(name: &str, output: &str) -> Result<()> {
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        let figures: Vec<&str> = line.split(',').collect();
        let heading = line.starts_with("time,messages,data(K),errors,");
        let clean = figures.len() >= 5 && figures[3] == "0";
        ensure!(heading || clean, "{name}: {line}");
    }
    Ok(())
}

fn accounts<'a>(site: &'a Site, place: &Path) -> Result<&'a Site> {
    let password = place.join("password");
    fs::write(&password, PASSWORD)?;
    let file = password.to_string_lossy();
    let mut users = String::new();
    for number in 0..ACCOUNTS {
        let address = format!("user{number}@example.test");
        let add = ["account", "add", &address, "--password-file", &file];
        process::succeed(&mut site.command(&add), LIMIT)?;
        users.push_str(&format!("{address} {PASSWORD}\n"));
    }
    fs::write(place.join("users"), users)?;
    Ok(site)
}

/// One of them, in a directory of its own, where it leaves its log.
fn start(
    server: &Running,
    place: &Path,
    listener: &str,
    name: &str,
    options: &[&str],
) -> Result<Child> {
    let own: PathBuf = place.join(name);
    fs::create_dir_all(&own)?;
    let output = File::create(own.join("output"))?;
    // stdbuf: they would keep their words to themselves until there are many.
    let child = Command::new("stdbuf")
        .args(["-oL", name])
        .args(options)
        .arg(format!("[127.0.0.1]{}", server.address(listener)?.port()))
        .arg(place.join("users"))
        .current_dir(&own)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    Ok(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_seen_in_figures_and_in_words() {
        let heading = "time,messages,data(K),errors,connections,SSL connections\n";
        let check = |rows: &str| no_errors("postal", &format!("{heading}{rows}")).is_ok();
        assert!(check("11:33,75,879,0,37,0\n11:34,280,2931,0,137,0\n"));
        assert!(!check("11:33,75,879,1,37,0\n"));
        assert!(!check(
            "Server error:-ERR [IN-USE] Maildrop locked by another session.\n"
        ));
        assert!(!check("MD5 mis-match, calculated a, expected b!\n"));
    }
}
