//! The TXT record that announces a policy (RFC 8461 section 3.1). Nothing here asks DNS.

use std::fmt;

use crate::kept::Announced;

/// What stands before the domain in the name of the record.
pub const LABEL: &str = "_mta-sts";

/// The name of a version of a policy: when it changes, the policy may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(Box<str>);

impl Id {
    /// As it was announced.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An id that was kept; nothing when no record could have said it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let right =
            (1..=32).contains(&text.len()) && text.bytes().all(|o| o.is_ascii_alphanumeric());
        right.then(|| Self(text.into()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the TXT records at `_mta-sts.` and the domain say; the strings of each have been put together.
#[must_use]
pub fn announced<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Announced {
    let mut ours = records.into_iter().filter(|text| is_ours(text));
    // RFC 8461 section 3.1: with more than one, or a wrong one, there is no policy.
    match (ours.next(), ours.next()) {
        (Some(text), None) => id(text).map_or(Announced::Nothing, Announced::Id),
        (None | Some(_), _) => Announced::Nothing,
    }
}

/// Other records may stand at that name; they do not count. A delimiter may have white space before it.
fn is_ours(text: &[u8]) -> bool {
    text.strip_prefix(b"v=STSv1".as_slice())
        .is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b';'))
}

/// ```text
/// sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]
/// sts-field       = sts-id / sts-extension
/// sts-field-delim = *WSP ";" *WSP
/// sts-id          = %s"id=" 1*32(ALPHA / DIGIT)
/// ```
fn id(text: &[u8]) -> Option<Id> {
    let text = str::from_utf8(text).ok()?;
    let mut fields: Vec<&str> = text.split(';').map(trim).collect();
    if fields.last() == Some(&"") {
        fields.pop();
    }
    let mut id = None;
    for field in fields.into_iter().skip(1) {
        let (name, value) = field.split_once('=')?;
        if name == "id" {
            let value = Id::parse(value)?;
            if id.replace(value).is_some() {
                return None;
            }
        } else if !is_extension(name, value) {
            return None;
        }
    }
    id
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_extension(name: &str, value: &str) -> bool {
    let value_octet = |octet: u8| matches!(octet, 0x21..=0x3a | 0x3c | 0x3e..=0x7e);
    is_extension_name(name) && !value.is_empty() && value.bytes().all(value_octet)
}

/// `(ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")`, in records and in policies.
pub fn is_extension_name(name: &str) -> bool {
    let later = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.');
    name.len() <= 32
        && name
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric)
        && name.bytes().all(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(records: &[&str], expected: Option<&str>) {
        let expected = expected.map_or(Announced::Nothing, |id| {
            Announced::Id(Id::parse(id).unwrap())
        });
        let octets = records.iter().map(|record| record.as_bytes());
        assert_eq!(announced(octets), expected, "{records:?}");
    }

    #[test]
    fn a_policy_is_announced_by_exactly_one_right_record() {
        check(&["v=STSv1; id=20160831085700Z;"], Some("20160831085700Z"));
        check(&["v=STSv1;id=a"], Some("a"));
        check(&["v=STSv1 ;\tid=a ; "], Some("a"));
        check(&["v=STSv1; x-y.z=1/2:<; id=a"], Some("a"));
        check(
            &["v=spf1 -all", "v=STSv1; id=a", "v=STSv10; id=b"],
            Some("a"),
        );
        check(&[], None);
        check(&["v=STSv1; id=a", "v=STSv1; id=a"], None);
        check(&["v=STSv1; id=a", "v=STSv1; nonsense"], None);
        check(&["v=STSv1"], None);
        check(&["v=STSv1;"], None);
        check(&["v=STSv1; id="], None);
        check(&["v=STSv1; id=a-b"], None);
        check(&["v=STSv1; id=123456789012345678901234567890123"], None);
        check(&["v=STSv1; id=a; id=b"], None);
        check(&["v=STSv1; id=a;; x=1"], None);
        check(&["v=STSv1; id=a; x"], None);
        check(&["v=STSv1; id=a; x="], None);
        check(&["v=STSv1; id=a; x=b c"], None);
        check(&["v=STSv1; id=a; _x=b"], None);
        check(&["v=STSv1; ID=a"], None);
        check(&["V=STSv1; id=a"], None);
        check(&["id=a; v=STSv1"], None);
        check(&[" v=STSv1; id=a"], None);
        check(&["v=STSv1; id=é"], None);
    }
}
