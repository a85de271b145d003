//! `tegami store import`: a mailbox from another server. All of it is read and checked first; only then is anything
//! written, and what fails then is undone.

mod source;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use address::Mailbox;
use admin::{Carrier, Errand, Label, Parcel, Response, Tally};
use anyhow::{Result, bail};
use clap::Args;
use mailfolder::{Fault, Letter, is_uidl};

use self::source::{Kind, Source};
use super::carry::{Moving, carry};
use super::progress::Progress;
use crate::cli::account::unexpected;
use crate::cli::report::Stuck;
use crate::cli::table::{counted, size};
use crate::config::Config;
use crate::terminal::{note, print};

/// So many faults are shown when an import is refused.
const SHOWN: usize = 20;
/// Unique ids that came along.
const KEPT: &str = "the ids that POP3 clients know them by";
/// Largest message that is read, in octets, whatever SMTP takes.
const LARGEST: usize = 256 << 20;
/// Octets of a letter sent at once.
const PIECE: usize = 64 << 10;

/// What is imported, and how.
#[derive(Debug, Args)]
pub struct Import {
    /// Into whose mailbox
    #[arg(value_parser = Mailbox::parse_user)]
    address: Mailbox,

    /// An mbox file, a Maildir, a directory of .eml files, or one of them
    source: PathBuf,

    /// What it is, if it is not to be found out: mbox is mboxrd, which most are
    #[arg(long, value_enum)]
    format: Option<Kind>,

    /// Lines with a message's number or file name and the id POP3 clients know it by, or a dovecot-uidlist or
    /// courierpop3dsizelist from elsewhere; those in a Maildir are found without
    #[arg(long, value_name = "FILE")]
    uidls: Option<PathBuf>,

    /// Dovecot's pop3_uidl_format, if it is not %08Xu%08Xv
    #[arg(long, value_name = "FORMAT", value_parser = mailfolder::Format::parse)]
    uidl_format: Option<mailfolder::Format>,

    /// Import the folders of a Maildir, too, all into the one mailbox
    #[arg(long)]
    folders: bool,

    /// Leave out what is no message, instead of importing nothing
    #[arg(long)]
    skip_malformed: bool,

    /// Import also what is in the mailbox already with the same id and the same content
    #[arg(long)]
    again: bool,

    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    /// Carries it out.
    ///
    /// # Errors
    /// What is wrong with the source, a refusal, or nobody could be asked; then nothing has been imported.
    pub fn run(self, config: &Config) -> Result<()> {
        // 0 is no limit for SMTP, which keeps large messages in files; here they are in memory, one at a time.
        let limit = match config.smtp.max_message_size.0 {
            0 => LARGEST,
            limit => usize::try_from(limit).map_or(LARGEST, |limit| limit.min(LARGEST)),
        };
        let source = Source::open(
            &self.source,
            self.format,
            self.uidls.as_deref(),
            self.uidl_format.as_ref(),
            self.folders,
            limit,
        )?;
        source.notes().iter().for_each(|line| note(line));
        let survey = self.survey(&source)?;
        let what = format!(
            "{} ({})",
            counted(survey.messages, "message"),
            size(survey.octets)
        );
        if self.dry_run {
            return print(&format!("{what} would be imported{}", survey.addition()));
        }
        if survey.messages == 0 {
            return print("There is nothing to import");
        }
        let request = Errand::Import {
            address: self.address.clone(),
            messages: survey.messages,
            octets: survey.octets,
            again: self.again,
        };
        let (moving, response) = carry(config, &request)?;
        if response != Response::Allowed {
            return Err(unexpected());
        }
        let Moving { mut carrier, here } = moving;
        let sent = send(&source, &mut carrier, &survey)?;
        let tally = carrier.end(sent)??;
        drop(here);
        print(&survey.outcome(&tally, &self.address))
    }

    /// Reads everything, and says what is wrong with it.
    fn survey(&self, source: &Source) -> Result<Survey> {
        let mut survey = Survey::default();
        let progress = source
            .octets()
            .map(|octets| Progress::octets("checking", octets));
        let mut faults = Faults {
            left_out: self.skip_malformed,
            ..Faults::default()
        };
        for fault in source.list_faults() {
            faults.in_lists += 1;
            faults.tell(fault);
        }
        for item in source.letters()? {
            match item {
                Ok(letter) => {
                    if let Some(progress) = &progress {
                        progress.reached(letter.place.octet);
                    }
                    survey.add(&letter);
                }
                Err(fault) => {
                    survey.faults += 1;
                    faults.tell(&fault);
                }
            }
        }
        drop(progress);
        match faults.refusal(source) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(survey),
        }
    }
}

/// What was found wrong so far.
#[derive(Default)]
struct Faults {
    /// It is left out and said at once, all of it; otherwise all is refused, and some of it is shown.
    left_out: bool,
    shown: Vec<Fault>,
    /// Lines of lists of unique ids.
    in_lists: u64,
    count: u64,
}

impl Faults {
    fn tell(&mut self, fault: &Fault) {
        self.count += 1;
        if self.left_out {
            note(&format!("left out: {fault}"));
        } else if self.shown.len() < SHOWN {
            self.shown.push(fault.clone());
        }
    }

    fn refusal(&self, source: &Source) -> Option<Stuck> {
        if self.count == 0 || self.left_out {
            return None;
        }
        self.shown.iter().for_each(|fault| note(&fault.to_string()));
        let shown = self.shown.len() as u64;
        if self.count > shown {
            note(&format!("and {} more", self.count - shown));
        }
        let mut places = Vec::new();
        let mut place = |count: u64, what: &str, path: &Path| {
            if count > 0 {
                let faults = counted(count, "fault");
                places.push(format!("{faults} in {what}{}", path.display()));
            }
        };
        place(self.count - self.in_lists, "", source.path());
        let lists: BTreeMap<_, u64> =
            source
                .list_faults()
                .iter()
                .fold(BTreeMap::new(), |mut lists, fault| {
                    *lists.entry(&fault.place.file).or_default() += 1;
                    lists
                });
        for (list, count) in lists {
            place(count, "the list of ids ", list);
        }
        Some(Stuck::new(
            format!("{}: nothing has been imported", places.join(", ")),
            "mend it, or leave that out with --skip-malformed",
        ))
    }
}

/// Sends all letters; false when the other side takes no more, which it gives its reason for.
fn send(source: &Source, carrier: &mut Carrier, survey: &Survey) -> Result<bool> {
    let progress = Progress::octets("importing", survey.octets);
    let mut again = Survey::default();
    for item in source.letters()? {
        // What was left out the first time is left out again.
        let Ok(letter) = item else {
            again.faults += 1;
            continue;
        };
        let uidl = again.add(&letter);
        // More than was announced is no longer what was checked.
        if again.messages > survey.messages || again.octets > survey.octets {
            break;
        }
        if send_one(carrier, uidl, &letter.octets).is_err() {
            return Ok(false);
        }
        progress.reached(again.octets);
    }
    if !again.same(survey) {
        bail!(Stuck::new(
            "the source has changed while it was read; nothing has been imported",
            "make sure that no other server or mail program uses it, then repeat",
        ));
    }
    Ok(true)
}

fn send_one(carrier: &mut Carrier, uidl: Option<String>, octets: &[u8]) -> std::io::Result<()> {
    carrier.send(&Parcel::Letter(Label {
        octets: octets.len() as u64,
        uidl,
    }))?;
    for piece in octets.chunks(PIECE) {
        carrier.send(&Parcel::Octets(piece.to_vec()))?;
    }
    carrier.send(&Parcel::Complete)
}

/// What a source holds.
#[derive(Default)]
struct Survey {
    messages: u64,
    octets: u64,
    faults: u64,
    /// Messages whose clients need not fetch them again.
    kept: u64,
    /// Messages with an id that cannot be kept.
    lost: u64,
    /// Ids so far, as hashes: eight octets each, whatever they look like.
    ids: HashSet<u64>,
    /// Of all octets, in order.
    digest: DefaultHasher,
}

impl Survey {
    /// Counts a letter; gives back the unique id that it keeps.
    fn add(&mut self, letter: &Letter) -> Option<String> {
        self.messages += 1;
        self.octets += letter.octets.len() as u64;
        letter.octets.hash(&mut self.digest);
        letter.uidl.hash(&mut self.digest);
        let uidl = letter.uidl.as_ref()?;
        let mut hasher = DefaultHasher::new();
        uidl.hash(&mut hasher);
        // RFC 1939 section 7: no two messages of a maildrop have the same.
        if is_uidl(uidl) && self.ids.insert(hasher.finish()) {
            self.kept += 1;
            Some(uidl.clone())
        } else {
            self.lost += 1;
            None
        }
    }

    fn same(&self, other: &Self) -> bool {
        (self.messages, self.octets, self.faults) == (other.messages, other.octets, other.faults)
            && self.digest.finish() == other.digest.finish()
    }

    /// What else there is to say before anything is imported.
    fn addition(&self) -> String {
        let mut text = self.left_out();
        if self.kept > 0 {
            text += &format!("; {} with {KEPT}", self.kept);
        }
        text + &self.without_ids(0)
    }

    /// What an import has come to.
    fn outcome(&self, tally: &Tally, address: &Mailbox) -> String {
        let mut text = match tally.messages {
            0 => "Nothing new".to_owned(),
            messages => format!(
                "{} ({}) imported",
                counted(messages, "message"),
                size(tally.octets)
            ),
        };
        text += &format!(" for {}{}", address.unicode(), self.left_out());
        if tally.here > 0 {
            text += &format!(
                "; {} already here with the same id and the same content, left out",
                tally.here
            );
        }
        if tally.kept > 0 {
            text += &format!("; {} with {KEPT}", tally.kept);
        }
        text += &self.without_ids(tally.renamed);
        if tally.alike > 0 {
            text += &format!(
                "; {} of them with the same content as a message that was there before",
                tally.alike
            );
        }
        text
    }

    fn left_out(&self) -> String {
        match self.faults {
            0 => String::new(),
            faults => format!(", {faults} left out"),
        }
    }

    /// So many more have ids that other messages in the mailbox have.
    fn without_ids(&self, renamed: u64) -> String {
        match self.lost + renamed {
            0 => String::new(),
            lost => format!(
                "; {lost} with ids that are none or that another message has: they got new ones, and clients fetch them again"
            ),
        }
    }
}
