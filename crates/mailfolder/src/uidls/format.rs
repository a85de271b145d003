//! Dovecot's `pop3_uidl_format`: how a unique id is made, `%08Xu%08Xv` unless somebody chose otherwise.

/// How a server makes a unique id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    parts: Vec<Part>,
}

/// Not a format that is understood here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "%{0} is not understood; known are u (uid), v (uidvalidity), f (file name), g (GUID) and %, as in %08Xu%08Xv"
)]
pub struct FormatError(String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(char),
    Number {
        of: Number,
        width: usize,
        zeros: bool,
        base: Base,
    },
    Name,
    Guid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Uid,
    Validity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Hex,
}

/// What is known about a message.
pub(super) struct Facts<'a> {
    pub(super) uid: u64,
    pub(super) validity: u64,
    pub(super) name: &'a str,
    pub(super) guid: &'a str,
}

impl Default for Format {
    /// `%08Xu%08Xv`
    fn default() -> Self {
        let number = |of| Part::Number {
            of,
            width: 8,
            zeros: true,
            base: Base::Hex,
        };
        Self {
            parts: vec![number(Number::Uid), number(Number::Validity)],
        }
    }
}

impl Format {
    /// Reads a format: text and variables, numbers with a width (`8`, `08`) and `X` for hexadecimal.
    ///
    /// # Errors
    /// A variable or modifier that is not understood.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(letter) = rest.next() {
            if letter != '%' {
                parts.push(Part::Text(letter));
                continue;
            }
            let (mut modifiers, mut digits, mut base) =
                (String::new(), String::new(), Base::Decimal);
            loop {
                let letter = rest.next();
                modifiers.extend(letter);
                match letter {
                    Some(digit @ '0'..='9') => digits.push(digit),
                    // Dovecot's hexadecimal has small letters, whatever the modifier looks like.
                    Some('X') => base = Base::Hex,
                    Some(variable) => {
                        parts
                            .push(Part::of(variable, &digits, base).ok_or(FormatError(modifiers))?);
                        break;
                    }
                    None => return Err(FormatError(modifiers)),
                }
            }
        }
        Ok(Self { parts })
    }

    pub(super) fn fill(&self, facts: &Facts<'_>) -> String {
        let mut id = String::new();
        for part in &self.parts {
            match part {
                Part::Text(letter) => id.push(*letter),
                Part::Name => id.push_str(facts.name),
                Part::Guid => id.push_str(facts.guid),
                Part::Number {
                    of,
                    width,
                    zeros,
                    base,
                } => {
                    let number = match of {
                        Number::Uid => facts.uid,
                        Number::Validity => facts.validity,
                    };
                    id.push_str(&match (base, zeros) {
                        (Base::Hex, true) => format!("{number:0width$x}"),
                        (Base::Hex, false) => format!("{number:width$x}"),
                        (Base::Decimal, true) => format!("{number:0width$}"),
                        (Base::Decimal, false) => format!("{number:width$}"),
                    });
                }
            }
        }
        id
    }
}

impl Part {
    fn of(variable: char, digits: &str, base: Base) -> Option<Self> {
        let width = match digits {
            "" => 0,
            digits => digits.parse().ok().filter(|width| *width <= 70)?,
        };
        let zeros = digits.starts_with('0');
        let number = |of| Self::Number {
            of,
            width,
            zeros,
            base,
        };
        match variable {
            'u' => Some(number(Number::Uid)),
            'v' => Some(number(Number::Validity)),
            'f' => Some(Self::Name),
            'g' => Some(Self::Guid),
            '%' => Some(Self::Text('%')),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, expected: &str) {
        let facts = Facts {
            uid: 27,
            validity: 0x4a5b_6c7d,
            name: "1276528487.M1P1.host",
            guid: "abc",
        };
        assert_eq!(Format::parse(format).unwrap().fill(&facts), expected);
    }

    #[test]
    fn ids_are_made_as_dovecot_makes_them() {
        check("%08Xu%08Xv", "0000001b4a5b6c7d");
        check("%08Xv%08Xu", "4a5b6c7d0000001b");
        check("%v.%u", "1247505533.27");
        check("UID%u-%v", "UID27-1247505533");
        check("%f", "1276528487.M1P1.host");
        check("%g", "abc");
        check("100%%", "100%");
        assert_eq!(Format::parse("%08Xu%08Xv"), Ok(Format::default()));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (format, what) in [
            ("%m", "m"),
            ("%Mf", "M"),
            ("x%", ""),
            ("%999u", "999u"),
            ("%{uid}", "{"),
        ] {
            assert_eq!(
                Format::parse(format),
                Err(FormatError(what.to_owned())),
                "{format}"
            );
        }
    }
}
