//! Maildir: a file per message, those seen in `cur`, those not yet in `new`; `tmp` holds what is still being written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Files, entries};
use crate::fault::{Fault, Place, Problem};
use crate::line_ends::Unix;
use crate::partial::{Partial, sync_directory};
use crate::uidls::{Uidls, base_name, dovecot};

/// What is in a Maildir.
#[derive(Debug)]
pub struct Maildir {
    messages: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Maildir {
    /// Whether a directory looks like one.
    #[must_use]
    pub fn is_one(directory: &Path) -> bool {
        directory.join("cur").is_dir() && directory.join("new").is_dir()
    }

    /// Lists one. Nothing is moved from `new` to `cur`.
    ///
    /// # Errors
    /// It is none, or cannot be read.
    pub fn open(directory: &Path) -> Result<Self, Fault> {
        let mut messages = Vec::new();
        for part in ["cur", "new"] {
            for entry in entries(&directory.join(part))? {
                // Names with a dot in front are other programs' affairs.
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    messages.push(entry.path());
                }
            }
        }
        let mut folders = Vec::new();
        for entry in entries(directory)? {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") && Self::is_one(&path) {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(Self { messages, folders })
    }

    /// Its Maildir++ folders, such as `.Sent`. They are Maildirs, too.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// How many messages it holds, those in folders not counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.messages.len()
    }

    /// The messages: in the order of their list of unique ids if there is one, then by the time in their names.
    #[must_use]
    pub fn letters(self, uidls: Arc<Uidls>, limit: usize) -> Files {
        let mut messages = self.messages;
        messages.sort_by_cached_key(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let base = base_name(&name);
            let digits = base.bytes().take_while(u8::is_ascii_digit).count();
            let time: u64 = base[..digits].parse().unwrap_or(u64::MAX);
            let order = uidls.order(base).unwrap_or(u64::MAX);
            (order, time, base.to_owned())
        });
        Files::new(messages, uidls, limit)
    }
}

/// A Maildir being written. It bears its name only once [`MaildirWriter::finish`] has said so.
#[derive(Debug)]
pub struct MaildirWriter {
    partial: Partial,
    list: BufWriter<File>,
    message: Option<Message>,
    /// Seconds since 1970.
    now: u64,
    count: u64,
    /// What goes to the file next.
    ready: Vec<u8>,
}

#[derive(Debug)]
struct Message {
    file: BufWriter<File>,
    path: PathBuf,
    uidl: Option<String>,
    unix: Unix,
    /// Octets with CRLF line ends.
    octets: u64,
}

impl MaildirWriter {
    /// Begins one, for its owner alone. `now`, in seconds since 1970, goes into the names.
    ///
    /// # Errors
    /// There is something of this name, or it cannot be written.
    pub fn create(target: &Path, now: u64) -> io::Result<Self> {
        let partial = Partial::beside(target)?;
        let root = partial.path();
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        private(root)?;
        for part in ["cur", "new", "tmp"] {
            private(&root.join(part))?;
        }
        let mut list = BufWriter::new(new_file(&root.join(dovecot::NAME))?);
        dovecot::write_head(&mut list, now, 0)?;
        Ok(Self {
            partial,
            list,
            message: None,
            now,
            count: 0,
            ready: Vec::new(),
        })
    }

    /// Begins a message.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn begin(&mut self, uidl: Option<&str>) -> io::Result<()> {
        self.end()?;
        self.count += 1;
        let path = self
            .partial
            .path()
            .join("tmp")
            .join(format!("{}", self.count));
        self.message = Some(Message {
            file: BufWriter::with_capacity(64 << 10, new_file(&path)?),
            path,
            uidl: uidl.map(str::to_owned),
            unix: Unix::default(),
            octets: 0,
        });
        Ok(())
    }

    /// Goes on with the message: octets with CRLF line ends.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some(message) = &mut self.message else {
            return Err(io::Error::other("no message was begun"));
        };
        message.octets += octets.len() as u64;
        self.ready.clear();
        message.unix.append(octets, &mut self.ready);
        message.file.write_all(&self.ready)
    }

    /// Ends the message.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        let Some(mut message) = self.message.take() else {
            return Ok(());
        };
        self.ready.clear();
        message.unix.finish(&mut self.ready);
        message.file.write_all(&self.ready)?;
        let file = message
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        sync_file(&file)?;
        // The name begins with a time and is unique; `W` is the size with CRLF, as Dovecot reads it.
        let (now, count, octets) = (self.now, self.count, message.octets);
        let name = format!("{now}.Q{count:09}.tegami,W={octets}");
        fs::rename(&message.path, self.partial.path().join("new").join(&name))?;
        dovecot::write_entry(&mut self.list, count, message.uidl.as_deref(), &name)
    }

    /// Ends the Maildir: returns when all of it is on the disk under its name.
    ///
    /// # Errors
    /// Then there is no such Maildir.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()?;
        self.list.seek(SeekFrom::Start(0))?;
        dovecot::write_head(&mut self.list, self.now, self.count)?;
        let list = self
            .list
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        list.sync_all()?;
        sync_tree(self.partial.path())?;
        self.partial.complete()
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// On Linux all files are synced together at the end: one by one takes minutes where that takes seconds.
#[cfg(target_os = "linux")]
fn sync_file(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

fn sync_tree(root: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(File::open(root)?)?;
    for part in ["cur", "new", "tmp", "."] {
        sync_directory(&root.join(part))?;
    }
    Ok(())
}

/// The list of unique ids that a Maildir came with, if any: Dovecot's, otherwise Courier's.
pub(crate) fn own_list(directory: &Path) -> Option<PathBuf> {
    let lists = [dovecot::NAME, crate::uidls::courier::NAME];
    lists
        .map(|name| directory.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

impl From<(&Path, Problem)> for Fault {
    fn from((path, problem): (&Path, Problem)) -> Self {
        Self {
            place: Place::of(path),
            problem,
        }
    }
}
