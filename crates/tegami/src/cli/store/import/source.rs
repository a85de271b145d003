//! Where mail is imported from: which kind of folder it is, and its letters, as often as they are asked for.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use mailfolder::mbox::{Dialect, Reader};
use mailfolder::{Fault, Files, Format, Letter, Maildir, Uidls};

use crate::cli::report::Stuck;
use crate::cli::table::counted;

/// Kinds of folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One file, quoted so that nothing is lost: what most programs write
    Mbox,
    /// One file, `From ` quoted, `>From ` not
    Mboxo,
    /// The same with Content-Length
    Mboxcl,
    /// One file, nothing quoted, with Content-Length
    Mboxcl2,
    /// A directory with cur and new, a file per message
    Maildir,
    /// A directory of .eml files, also in directories below
    Eml,
}

/// Letters, or what is none.
pub type Letters = Box<dyn Iterator<Item = Result<Letter, Fault>>>;

/// A place that mail is imported from.
pub struct Source {
    path: PathBuf,
    kind: Kind,
    uidls: Arc<Uidls>,
    list_faults: Vec<Fault>,
    /// Maildir++ folders that are imported, too.
    folders: Vec<(PathBuf, Arc<Uidls>)>,
    limit: usize,
    notes: Vec<String>,
}

impl Source {
    /// Finds out what is there, and reads its lists of unique ids.
    ///
    /// # Errors
    /// There is nothing that could be a folder, or a list that cannot be read.
    pub fn open(
        path: &Path,
        kind: Option<Kind>,
        list: Option<&Path>,
        format: Option<&Format>,
        with_folders: bool,
        limit: usize,
    ) -> Result<Self> {
        let facts = std::fs::metadata(path)
            .with_context(|| format!("cannot look at {}", path.display()))?;
        let kind = match kind {
            Some(kind) => kind,
            None => find_out(path, &facts)?,
        };
        check(path, &facts, kind)?;
        let mut source = Self {
            path: path.to_owned(),
            kind,
            uidls: Arc::default(),
            list_faults: Vec::new(),
            folders: Vec::new(),
            limit,
            notes: Vec::new(),
        };
        let own = (kind == Kind::Maildir)
            .then(|| Uidls::list_of(path))
            .flatten();
        if let Some(list) = list.map(Path::to_owned).or(own) {
            source.uidls = source.read_list(&list, format)?;
        }
        if kind == Kind::Maildir {
            let maildir = Maildir::open(path)?;
            source.look_at_folders(&maildir, with_folders, format)?;
        }
        Ok(source)
    }

    fn read_list(&mut self, list: &Path, format: Option<&Format>) -> Result<Arc<Uidls>> {
        let (uidls, faults) = Uidls::read(list, format)?;
        self.notes.push(format!(
            "{} in {}",
            counted(uidls.len() as u64, "id"),
            list.display()
        ));
        self.list_faults.extend(faults);
        Ok(Arc::new(uidls))
    }

    fn look_at_folders(
        &mut self,
        maildir: &Maildir,
        wanted: bool,
        format: Option<&Format>,
    ) -> Result<()> {
        for folder in maildir.folders() {
            let messages = Maildir::open(folder)?.count() as u64;
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let count = counted(messages, "message");
            if !wanted {
                self.notes.push(format!(
                    "folder {name} is left out ({count}); --folders takes it in"
                ));
                continue;
            }
            self.notes.push(format!("folder {name}: {count}"));
            let uidls = match Uidls::list_of(folder) {
                Some(list) => self.read_list(&list, format)?,
                None => Arc::default(),
            };
            self.folders.push((folder.clone(), uidls));
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was found, for the person.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Lines of lists that are none.
    pub fn list_faults(&self) -> &[Fault] {
        &self.list_faults
    }

    /// How large it is, where that is known beforehand.
    pub fn octets(&self) -> Option<u64> {
        let facts = std::fs::metadata(&self.path).ok()?;
        facts.is_file().then_some(facts.len())
    }

    /// Its letters, from the first one on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn letters(&self) -> Result<Letters> {
        let dialect = match self.kind {
            Kind::Mbox => Dialect::Rd,
            Kind::Mboxo => Dialect::O,
            Kind::Mboxcl => Dialect::Cl,
            Kind::Mboxcl2 => Dialect::Cl2,
            Kind::Maildir => return self.maildirs(),
            Kind::Eml => {
                let uidls = Arc::clone(&self.uidls);
                return Ok(Box::new(if self.path.is_dir() {
                    Files::tree(&self.path, uidls, self.limit)?
                } else {
                    // Whoever names a link means what it leads to.
                    let file = std::fs::canonicalize(&self.path)
                        .with_context(|| format!("cannot read {}", self.path.display()))?;
                    Files::one(file, uidls, self.limit)
                }));
            }
        };
        let uidls = Arc::clone(&self.uidls);
        let letters = Reader::open(&self.path, dialect, self.limit)?;
        let mut number = 0;
        Ok(Box::new(letters.map(move |item| {
            // What is none has its number, too: the person counted it.
            number += 1;
            let mut letter = item?;
            if let Some(uidl) = uidls.find("", number) {
                letter.uidl = Some(uidl.to_owned());
            }
            Ok(letter)
        })))
    }

    fn maildirs(&self) -> Result<Letters> {
        let first = (self.path.clone(), Arc::clone(&self.uidls));
        let mut letters: Letters = Box::new(std::iter::empty());
        for (path, uidls) in std::iter::once(&first).chain(&self.folders) {
            let maildir = Maildir::open(path)?;
            letters = Box::new(letters.chain(maildir.letters(Arc::clone(uidls), self.limit)));
        }
        Ok(letters)
    }
}

fn find_out(path: &Path, facts: &Metadata) -> Result<Kind> {
    if facts.is_file() {
        let name = path.extension().unwrap_or_default();
        let is_eml = name.eq_ignore_ascii_case("eml") && !begins_as_mbox(path)?;
        return Ok(if is_eml { Kind::Eml } else { Kind::Mbox });
    }
    if !facts.is_dir() {
        bail!(Stuck::new(
            format!("{} is neither a file nor a directory", path.display()),
            "save the mail to a file first: it is read twice, to check all of it before any is imported",
        ));
    }
    if Maildir::is_one(path) {
        return Ok(Kind::Maildir);
    }
    let mut files = Files::tree(path, Arc::default(), usize::MAX)?;
    if files.next().is_some() {
        return Ok(Kind::Eml);
    }
    bail!(Stuck::new(
        format!(
            "{} is neither an mbox file nor a Maildir, and there are no .eml files in it",
            path.display()
        ),
        no_maildir(path),
    ))
}

/// Some programs call an mbox file with one message `.eml`.
fn begins_as_mbox(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(5).read_to_end(&mut start))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(start == b"From ")
}

/// Makes sure that what is there can be of this kind.
fn check(path: &Path, facts: &Metadata, kind: Kind) -> Result<()> {
    let (what, remedy) = match kind {
        Kind::Eml => return Ok(()),
        Kind::Maildir if !facts.is_dir() => (
            "is a file, and a Maildir is a directory",
            "for an mbox or .eml file leave --format out; for a Maildir name the directory that has `cur` and `new` in it"
                .to_owned(),
        ),
        Kind::Maildir if !Maildir::is_one(path) => {
            ("is no Maildir: it has no `cur` and `new` in it", no_maildir(path))
        }
        Kind::Mbox | Kind::Mboxo | Kind::Mboxcl | Kind::Mboxcl2 if facts.is_dir() => (
            "is a directory, and an mbox is one file",
            "name one file in it; for a Maildir or .eml files leave --format out".to_owned(),
        ),
        Kind::Maildir | Kind::Mbox | Kind::Mboxo | Kind::Mboxcl | Kind::Mboxcl2 => return Ok(()),
    };
    bail!(Stuck::new(format!("{} {what}", path.display()), remedy))
}

/// Where the Maildir is instead, if that can be told.
fn no_maildir(path: &Path) -> String {
    let around = std::fs::canonicalize(path).ok();
    let near = [around.as_deref().and_then(Path::parent), Some(path)];
    let near = near.into_iter().flatten();
    let near = near.flat_map(|directory| [directory.to_owned(), directory.join("Maildir")]);
    match near
        .into_iter()
        .find(|directory| Maildir::is_one(directory))
    {
        Some(maildir) => format!("{} is one", maildir.display()),
        None => "a Maildir is the directory that has `cur` and `new` in it".to_owned(),
    }
}
