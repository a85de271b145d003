//! Where mail is imported from: which kind of folder it is, and its letters, as often as they are asked for.

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
        let kind = match kind {
            Some(kind) => kind,
            None => find_out(path)?,
        };
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
                return Ok(Box::new(Files::tree(&self.path, uidls, self.limit)?));
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

fn find_out(path: &Path) -> Result<Kind> {
    let facts =
        std::fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    if facts.is_file() {
        return Ok(Kind::Mbox);
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
        "a Maildir is the directory that has `cur` and `new` in it",
    ))
}
