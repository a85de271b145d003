//! The `KEY=VALUE` parameters of MAIL and RCPT, before anybody knows what they mean.

use reply::{Reply, smtp};

use super::words;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    /// Left of the `=`; letters, digits and hyphens.
    pub(super) keyword: &'a [u8],
    /// Right of it, if there is one.
    pub(super) value: Option<&'a [u8]>,
}

/// Reads what follows a path.
///
/// ```text
/// Mail-parameters = esmtp-param *(SP esmtp-param)                  ; RFC 5321 section 4.1.2
/// esmtp-param     = esmtp-keyword ["=" esmtp-value]
/// esmtp-keyword   = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// esmtp-value     = 1*(%d33-60 / %d62-126)
/// esmtp-value     =/ UTF8-non-ascii                                 ; RFC 6531 section 3.3
/// ```
pub(super) fn parse(rest: &[u8]) -> impl Iterator<Item = Result<Parameter<'_>, Reply>> {
    // `<a@b>SIZE=1` has no space where one belongs.
    let glued = !rest.is_empty() && !matches!(rest.first(), Some(b' ' | b'\t'));
    let fault = glued.then(|| Err(Reply::new(&smtp::BAD_ARGUMENT)));
    fault.into_iter().chain(words(rest).map(parameter))
}

fn parameter(word: &[u8]) -> Result<Parameter<'_>, Reply> {
    let (keyword, value) = match word.iter().position(|octet| *octet == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let keyword_fits = keyword.first().is_some_and(u8::is_ascii_alphanumeric)
        && keyword
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
    let value_fits = value.is_none_or(|value| {
        !value.is_empty()
            && value
                .iter()
                .all(|octet| matches!(octet, 33..=60 | 62..=126 | 128..))
            && str::from_utf8(value).is_ok()
    });
    if keyword_fits && value_fits {
        Ok(Parameter { keyword, value })
    } else {
        Err(Reply::new(&smtp::BAD_ARGUMENT))
    }
}

impl Parameter<'_> {
    /// Whether it is this one; keywords have no case (RFC 5321 section 2.4).
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// RFC 5321 section 4.1.1.11: 555 for what EHLO did not list.
    pub(super) fn unknown(&self) -> Reply {
        Reply::new(&smtp::UNKNOWN_PARAMETER).arg("parameter", self.keyword_text())
    }

    /// A value of ours that is wrong, or given twice.
    pub(super) fn bad(&self) -> Reply {
        Reply::new(&smtp::BAD_PARAMETER).arg("parameter", self.keyword_text())
    }

    /// The same for RET, ENVID, NOTIFY and ORCPT (RFC 3461 sections 4.5 and 5.1).
    pub(super) fn bad_dsn(&self) -> Reply {
        Reply::new(&smtp::BAD_DSN_PARAMETER).arg("parameter", self.keyword_text())
    }

    fn keyword_text(&self) -> String {
        String::from_utf8_lossy(self.keyword).to_ascii_uppercase()
    }
}

/// Sets what may be set once: `fault` says what is wrong when it was set before, or when there is no value.
pub(super) fn set_once<T>(
    slot: &mut Option<T>,
    value: Option<T>,
    fault: impl FnOnce() -> Reply,
) -> Result<(), Reply> {
    match (slot.is_none(), value) {
        (true, Some(value)) => {
            *slot = Some(value);
            Ok(())
        }
        (_, _) => Err(fault()),
    }
}
