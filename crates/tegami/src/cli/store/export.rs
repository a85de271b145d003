//! `tegami store export`: a mailbox as an mbox file or a Maildir, with the unique ids its clients know.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use address::Mailbox;
use admin::{Errand, Parcel, Response};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use mailfolder::{MaildirWriter, mbox};

use super::carry::{Moving, carry};
use super::progress::Progress;
use crate::cli::account::unexpected;
use crate::cli::report::Stuck;
use crate::cli::table::{counted, size};
use crate::config::Config;
use crate::terminal::print;

/// What is exported, and where to.
#[derive(Debug, Args)]
pub struct Export {
    /// Whose mailbox
    #[arg(value_parser = Mailbox::parse_user)]
    address: Mailbox,

    /// The file or directory to write; it must not exist
    target: PathBuf,

    /// As what: one file (mboxrd), or a directory with a file per message
    #[arg(long, value_enum, default_value_t = Format::Mbox)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Mbox,
    Maildir,
}

enum Writer {
    Mbox(mbox::Writer),
    Maildir(MaildirWriter),
}

impl Writer {
    fn create(format: Format, target: &Path) -> io::Result<Self> {
        match format {
            Format::Mbox => mbox::Writer::create(target).map(Self::Mbox),
            Format::Maildir => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default().as_secs();
                MaildirWriter::create(target, now).map(Self::Maildir)
            }
        }
    }

    fn begin(&mut self, uidl: Option<&str>) -> io::Result<()> {
        match self {
            Self::Mbox(writer) => {
                writer.begin(uidl);
                Ok(())
            }
            Self::Maildir(writer) => writer.begin(uidl),
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Mbox(writer) => writer.write(octets),
            Self::Maildir(writer) => writer.write(octets),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Mbox(writer) => writer.end(),
            Self::Maildir(writer) => writer.end(),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Mbox(writer) => writer.finish(),
            Self::Maildir(writer) => writer.finish(),
        }
    }
}

impl Export {
    /// Carries it out.
    ///
    /// # Errors
    /// A refusal, a message that cannot be read, or a target that cannot be written; then there is none.
    pub fn run(self, config: &Config) -> Result<()> {
        let target = &self.target;
        let written = || format!("cannot write {}", target.display());
        let mut writer = match Writer::create(self.format, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(Stuck::new(
                format!("{} is there already", target.display()),
                "name something that is not, or move it away",
            )),
            created => created.with_context(written)?,
        };
        let address = self.address.clone();
        let (moving, response) = carry(config, &Errand::Export { address })?;
        let Response::Letters { messages, octets } = response else {
            return Err(unexpected());
        };
        let Moving { mut carrier, here } = moving;
        let progress = Progress::octets("exporting", octets);
        let (mut came, mut done) = (0, 0);
        loop {
            match carrier.receive()? {
                Parcel::Letter(label) => {
                    came += 1;
                    writer.begin(label.uidl.as_deref()).with_context(written)?;
                }
                Parcel::Octets(octets) => {
                    done += octets.len() as u64;
                    progress.reached(done);
                    writer.write(&octets).with_context(written)?;
                }
                Parcel::Complete => writer.end().with_context(written)?,
                Parcel::End if (came, done) == (messages, octets) => break,
                Parcel::End | Parcel::Taken(_) | Parcel::Compacted(_) | Parcel::Undeleted(_) => {
                    return Err(unexpected());
                }
                Parcel::Refused(refusal) => return Err(refusal.into()),
            }
        }
        drop((progress, carrier, here));
        writer.finish().with_context(written)?;
        print(&format!(
            "{} ({}) of {} exported to {}",
            counted(messages, "message"),
            size(octets),
            self.address.unicode(),
            target.display()
        ))
    }
}
