//! A second server of ours, on a host that nobody sends mail to: it fetches its mail from the server on trial (ODMR, RFC 2645).

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::certificate::Authority;
use super::server::{self, HOST};
use super::world::{Host, LIMIT, World};
use crate::interop::PASSWORD;
use crate::process;
use crate::server::{Running, Site};

/// The domain whose mail it fetches.
pub const DOMAIN: &str = "spoke.test";
/// Who it is at the server on trial.
pub const LOGIN: &str = "spoke@example.test";
/// The mailbox at home.
pub const MAILBOX: &str = "user@spoke.test";

const ADDRESS: &str = "10.20.0.70";
/// What its certificate says.
const NAME: &str = "home.spoke.test";

/// The server and its host.
pub struct Spoke {
    site: Site,
    running: RefCell<Option<Running>>,
    authority: PathBuf,
    data: PathBuf,
    _host: Host,
}

impl Spoke {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        world: &World,
        place: &Path,
        binary: &Path,
        authority: &Authority,
    ) -> Result<Self> {
        let host = world.host("spoke", None, &[ADDRESS])?;
        let directory = place.join("spoke");
        fs::create_dir_all(&directory)?;
        let password = directory.join("password");
        fs::write(&password, format!("{PASSWORD}\n"))?;
        let account =
            format!("[[account]]\naddress = \"{MAILBOX}\"\npassword_file = {password:?}\n");
        let data = directory.join("data");
        let site = Site::create(binary, &directory, &data, Some(&account))?;
        let path = directory.join("tegami.toml");
        let mut text = fs::read_to_string(&path)?;
        text.push_str(&format!(
            "\n[[relay.fetch]]\nfrom = \"{HOST}:366\"\nuser = \"{LOGIN}\"\npassword_file = {password:?}\n\
             domains = [\"{DOMAIN}\"]\nevery = \"10s\"\nca = {:?}\n",
            authority.certificate()
        ));
        fs::write(&path, text)?;
        let pair = authority.sign(&[NAME])?;
        let through = host.through();
        let through: Vec<&str> = through.iter().map(String::as_str).collect();
        let site = site
            .with("TEGAMI_HOSTNAME", NAME)
            .with("TEGAMI_DOMAINS", &format!("[\"{DOMAIN}\"]"))
            .with("TEGAMI_LISTEN__SMTP", "[]")
            .with("TEGAMI_LISTEN__POP3", &format!("[\"{ADDRESS}:110\"]"))
            .with("TEGAMI_LIMITS__EXEMPT", "[\"10.20.0.0/24\"]")
            .with(
                "TEGAMI_TLS__CERTIFICATE",
                &pair.certificate.display().to_string(),
            )
            .with("TEGAMI_TLS__KEY", &pair.key.display().to_string())
            .through(&through);
        let running = site.start()?;
        Ok(Self {
            site,
            running: RefCell::new(Some(running)),
            authority: authority.certificate(),
            data,
            _host: host,
        })
    }

    /// The messages in the mailbox with this mark.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn there(&self, mark: &str) -> Result<Vec<Value>> {
        let mut command = server::script("reports.py");
        command
            .args([ADDRESS, NAME])
            .arg(&self.authority)
            .args([MAILBOX, PASSWORD]);
        let said = process::succeed(&mut command, LIMIT)?.stdout;
        let all: Vec<Value> = serde_json::from_slice(&said)?;
        Ok(all.into_iter().filter(|one| one["id"] == mark).collect())
    }

    /// Waits until so many octets have come in since `before`, then kills it, in the middle of whatever it is doing.
    ///
    /// # Errors
    /// When they do not come, or it was gone.
    pub fn kill_in_the_middle(&self, octets: u64, patience: Duration) -> Result<()> {
        let (deadline, before) = (Instant::now() + patience, size(&self.data));
        while size(&self.data) < before + octets {
            if Instant::now() >= deadline {
                bail!("nothing came within {} s", patience.as_secs());
            }
        }
        let running = self.running.take().context("it does not run")?;
        running.kill()
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not start, or runs.
    pub fn start_again(&self) -> Result<()> {
        ensure!(self.running.borrow().is_none(), "it runs");
        self.running.replace(Some(self.site.start()?));
        Ok(())
    }
}

/// Octets of all files below; those that come and go meanwhile count as they are found.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
