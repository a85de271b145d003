//! `tegami explain`: what a code, a reply, a bounce or a log line means, in English or Japanese.
//!
//! It needs no configuration, no store and no server. What is pasted is anybody's: it is read up to a limit, and
//! nothing of it reaches the terminal but printable text.

mod json;
mod message;
mod nothing;
mod page;
mod wrap;

use std::ffi::OsString;
use std::io::{self, Read};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use reply::Language;
pub use reply::explain::EXAMPLES;
use reply::explain::{self, Explanation, Found, Source};

use super::print_json;
use crate::terminal::{note, print};

/// So much of a pasted text is read. Bounces with a whole message in them are larger; their codes stand in front.
const LONGEST: u64 = 1024 * 1024;

/// What is to be explained, and how.
#[derive(Debug, Args)]
pub struct Explain {
    /// A reply code, an enhanced code, a whole reply, an id of the catalogue; `-` reads a bounce or a log from stdin
    #[arg(value_name = "CODE", required_unless_present = "err")]
    codes: Vec<OsString>,

    /// The language of the explanation [default: the one of LC_ALL, LC_MESSAGES or LANG, else English]
    #[arg(long, value_enum, value_name = "LANG")]
    lang: Option<Lang>,

    /// Write JSON for programs instead of text for people
    #[arg(long)]
    json: bool,

    // A refusal of POP3 begins as an option does; so it is one, and the rest of it is the value.
    #[arg(short = 'E', short_alias = 'e', hide = true, value_name = "RR")]
    err: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lang {
    En,
    Ja,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Ja => Self::Japanese,
        }
    }
}

/// A text to look at.
#[derive(Debug)]
struct Text {
    text: String,
    source: Source,
    /// There was more of it than is read.
    cut: bool,
}

impl Explain {
    /// Explains.
    ///
    /// # Errors
    /// There is no code in it; stdin cannot be read.
    pub fn run(&self) -> Result<()> {
        let language = self.lang.map_or_else(
            || of_environment(|name| std::env::var(name).ok()),
            Language::from,
        );
        let text = if self.err.is_empty() && self.codes == ["-"] {
            pasted(io::stdin().lock()).context("cannot read stdin")?
        } else {
            self.typed()
        };
        if text.cut {
            note("only the first MiB was read");
        }
        let found = explain::find(&text.text, text.source);
        if found.is_empty() {
            let typed = text.source == Source::Typed;
            return Err(nothing::found(&text.text, typed).into());
        }
        let explanations: Vec<Explanation<'_>> = found.iter().map(explain::explain).collect();
        if self.json {
            return print_json(&json::document(&explanations, language));
        }
        print(&page::pages(&explanations, language))
    }

    /// What was typed, as one text.
    fn typed(&self) -> Text {
        let words = self
            .err
            .iter()
            .map(|rest| format!("-E{}", rest.to_string_lossy()));
        let words = words.chain(
            self.codes
                .iter()
                .map(|word| word.to_string_lossy().into_owned()),
        );
        let text = words.collect::<Vec<_>>().join(" ");
        // Several lines were pasted, not typed.
        let (text, source) = if text.contains('\n') {
            (message::decoded(&text), Source::Pasted)
        } else {
            (text, Source::Typed)
        };
        Text {
            text,
            source,
            cut: false,
        }
    }
}

fn pasted(mut from: impl Read) -> io::Result<Text> {
    let mut octets = Vec::new();
    from.by_ref().take(LONGEST).read_to_end(&mut octets)?;
    let cut = from.read(&mut [0])? > 0;
    Ok(Text {
        text: message::decoded(&String::from_utf8_lossy(&octets)),
        source: Source::Pasted,
        cut,
    })
}

/// The language of the user's locale: the first of the variables that says anything (POSIX, section 8.2).
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    let language = locale.split(['_', '.', '@']).next().unwrap_or_default();
    if language.eq_ignore_ascii_case(Language::Japanese.tag()) {
        Language::Japanese
    } else {
        Language::English
    }
}

/// A code that was found, as people read it.
fn shown(found: &Found) -> String {
    found.code.to_string()
}

#[cfg(test)]
mod tests;
