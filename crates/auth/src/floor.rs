//! The weakest way an account may log in.
//!
//! Which mechanisms there are at all, and what is offered to everybody, is not decided here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mechanism::Mechanism;

/// What a login must at least be. New kinds go to the end: stored records name them by place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Floor {
    /// Whatever is offered.
    #[default]
    Any,
    /// SCRAM, in which the password never crosses the network and the server proves itself, too.
    Scram,
}

impl Floor {
    /// Whether a login by this mechanism is good enough.
    #[must_use]
    pub fn allows(self, mechanism: Mechanism) -> bool {
        match (self, mechanism) {
            (Self::Any, _)
            | (
                Self::Scram,
                Mechanism::ScramSha256Plus | Mechanism::ScramSha256 | Mechanism::ScramSha1,
            ) => true,
            (Self::Scram, Mechanism::CramMd5 | Mechanism::Plain | Mechanism::Login) => false,
        }
    }
}

/// A word that names no floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write \"any\" or \"scram\"")]
pub struct FloorError;

impl FromStr for Floor {
    type Err = FloorError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "any" => Ok(Self::Any),
            "scram" => Ok(Self::Scram),
            _ => Err(FloorError),
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::Scram => "scram",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Floor, Mechanism};

    #[test]
    fn a_floor_of_scram_lets_only_scram_pass() {
        let passing = |floor: Floor| {
            let all = Mechanism::ALL.into_iter();
            all.filter(|mechanism| floor.allows(*mechanism)).count()
        };
        assert_eq!(passing(Floor::Any), Mechanism::ALL.len());
        assert_eq!(passing(Floor::Scram), 3);
        assert!(!Floor::Scram.allows(Mechanism::Plain));
        for floor in [Floor::Any, Floor::Scram] {
            assert_eq!(floor.to_string().parse(), Ok(floor));
        }
        assert!("SCRAM-SHA-256".parse::<Floor>().is_err());
    }
}
