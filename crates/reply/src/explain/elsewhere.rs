//! What other servers mean by a code: what their texts and their documentation show, in words of ours.
//!
//! Numbers are few and servers many, so that one number means different things at different places. Nothing here is
//! a promise of those servers; they change.

mod exim;
mod gmail;
mod microsoft;
mod others;
mod pop3;
mod postfix;

use super::{Code, Words};
use crate::row::Enhanced;

/// What one server means by one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Whose server: `Gmail`, `Exchange Online`.
    pub server: &'static str,
    /// The reply code; 0 where it comes with several.
    pub code: u16,
    /// The enhanced code, for servers that send one.
    pub enhanced: Option<Enhanced>,
    /// The last detail, where a range of them means the same; the enhanced code holds the first.
    pub up_to: u16,
    /// The POP3 response code, empty for `-ERR` without; `None` for SMTP.
    pub response: Option<&'static str>,
    /// Parts of its texts by which it is known, in small letters.
    pub phrases: &'static [&'static str],
    /// What it means, and what helps.
    pub words: Words,
}

/// Everything known, server by server.
pub static ELSEWHERE: &[&[Elsewhere]] = &[
    gmail::SAYS,
    microsoft::EXCHANGE_ONLINE,
    microsoft::OUTLOOK_COM,
    postfix::SAYS,
    exim::SAYS,
    others::SAYS,
    pop3::SAYS,
];

impl Elsewhere {
    /// Whether it can be meant by this code.
    pub(super) fn has(&self, wanted: &Code) -> bool {
        match wanted {
            Code::Smtp(code, Some(enhanced)) => {
                (self.code == 0 || self.code == *code)
                    && self.response.is_none()
                    && self.covers(*enhanced)
            }
            Code::Smtp(code, None) => self.response.is_none() && self.code == *code,
            Code::Enhanced(enhanced) => self.covers(*enhanced),
            Code::Err(Some(name)) => self.response == Some(name.as_str()),
            Code::Err(None) => self.response == Some(""),
            Code::Ok | Code::Row(_) | Code::Unsent(_) => false,
        }
    }

    /// How many enhanced codes it stands for, less one.
    pub(super) fn breadth(&self) -> u16 {
        self.enhanced
            .map_or(0, |first| self.up_to.saturating_sub(first.2))
    }

    fn covers(&self, Enhanced(class, subject, detail): Enhanced) -> bool {
        self.enhanced.is_some_and(|first| {
            (first.0, first.1) == (class, subject) && (first.2..=self.up_to).contains(&detail)
        })
    }

    /// The code as it looks on the wire, as far as it is always the same.
    #[must_use]
    pub fn shown(&self) -> String {
        let range = match self.enhanced {
            Some(first) if first.2 < self.up_to => format!("-{}", self.up_to),
            Some(_) | None => String::new(),
        };
        match (self.response, self.code, self.enhanced) {
            (Some(""), ..) => "-ERR".to_owned(),
            (Some(name), ..) => format!("-ERR [{name}]"),
            (None, 0, Some(enhanced)) => format!("{enhanced}{range}"),
            (None, code, Some(enhanced)) => format!("{code} {enhanced}{range}"),
            (None, code, None) => code.to_string(),
        }
    }
}

/// An entry with an enhanced code. `code` 0 stands for any.
const fn says(
    server: &'static str,
    code: u16,
    enhanced: (u8, u16, u16),
    phrases: &'static [&'static str],
    en: &'static str,
    ja: &'static str,
) -> Elsewhere {
    Elsewhere {
        server,
        code,
        enhanced: Some(Enhanced(enhanced.0, enhanced.1, enhanced.2)),
        up_to: enhanced.2,
        response: None,
        phrases,
        words: Words { en, ja },
    }
}

/// The same for all details from that one up to this.
const fn up_to(last: u16, first: Elsewhere) -> Elsewhere {
    Elsewhere {
        up_to: last,
        ..first
    }
}

/// An entry without an enhanced code.
const fn plainly(
    server: &'static str,
    code: u16,
    phrases: &'static [&'static str],
    en: &'static str,
    ja: &'static str,
) -> Elsewhere {
    Elsewhere {
        server,
        code,
        enhanced: None,
        up_to: 0,
        response: None,
        phrases,
        words: Words { en, ja },
    }
}
