//! Password hashes: argon2id as PHC strings, made and checked.
//!
//! It does not decide who may log in, and it never runs by itself on the server: the pool calls
//! [`Recipe::verify`], the command line calls [`PasswordHash::hash`].

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use password_hash::phc;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Most memory a stored hash may ask for: RFC 9106 section 4, second recommended option (64 MiB).
const MAX_MEMORY_KIB: u32 = 64 * 1024;
/// Most passes a stored hash may ask for.
const MAX_PASSES: u32 = 16;
/// Most lanes a stored hash may ask for.
const MAX_LANES: u32 = 16;
/// Octets of salt in hashes made here (RFC 9106 section 3.1).
const SALT_LEN: usize = 16;
/// Octets of output in hashes made here.
const OUTPUT_LEN: usize = Params::DEFAULT_OUTPUT_LEN;
/// Longest PHC string taken; ours have 97 characters.
const MAX_TEXT: usize = 512;

/// Why a password could not be hashed, or a hash not be taken.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum HashError {
    /// The password is empty; RFC 8265 section 4.2.2 rule 5 forbids it.
    #[error("the password is empty")]
    EmptyPassword,
    /// The text is not a PHC string of argon2 with salt and hash.
    #[error("not an argon2 hash such as $argon2id$v=19$m=19456,t=2,p=1$...")]
    NotArgon2,
    /// The hash asks for more work than a login may cost.
    #[error(
        "the hash asks for too much work (at most m={MAX_MEMORY_KIB}, t={MAX_PASSES}, p={MAX_LANES})"
    )]
    TooExpensive,
    /// The system has no random octets to give.
    #[error("no random numbers: {0}")]
    NoRandomness(String),
    /// The computation itself failed, for want of memory for example.
    #[error("argon2: {0}")]
    Failed(String),
}

/// A stored password: a PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
///
/// Every value of this type has been checked to be usable. `Debug` hides salt and hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes a password: argon2id, 19 MiB, two passes, one lane, a fresh salt. Takes tens of milliseconds and
    /// 19 MiB, so never on an async worker.
    ///
    /// # Errors
    /// An empty password, no randomness, no memory.
    pub fn hash(password: &Secret) -> Result<Self, HashError> {
        if password.is_empty() {
            return Err(HashError::EmptyPassword);
        }
        let mut recipe = Recipe::unmatched()?;
        recipe.output = recipe.compute(password, &mut Vec::new())?;
        Ok(Self(recipe.to_phc()?))
    }

    /// Takes a PHC string made here or elsewhere (argon2id, argon2i, argon2d within the limits).
    ///
    /// # Errors
    /// Anything that is not a complete argon2 hash, or one that would make each login too expensive.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        Recipe::parse(text)?;
        Ok(Self(text.to_owned()))
    }

    /// True when this is the hash of that password. Blocks for tens of milliseconds; for tools and tests,
    /// the server goes through its pool.
    pub fn verify(&self, password: &Secret) -> bool {
        self.recipe()
            .is_some_and(|recipe| recipe.verify(password, &mut Vec::new()))
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parsed form; always there, for `parse` has seen the text.
    pub(crate) fn recipe(&self) -> Option<Recipe> {
        Recipe::parse(&self.0).ok()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, HashError> {
        Recipe::parse(&text)?;
        Ok(Self(text))
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.0
    }
}

/// A hash taken apart: how to compute it and what must come out.
pub(crate) struct Recipe {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Recipe {
    /// A recipe of today's cost with random salt and output, which no password fits. Verifying against it is
    /// what makes an unknown user as slow as a wrong password.
    pub(crate) fn unmatched() -> Result<Self, HashError> {
        let mut random = [0; SALT_LEN + OUTPUT_LEN];
        getrandom::fill(&mut random).map_err(|error| HashError::NoRandomness(error.to_string()))?;
        let (salt, output) = random.split_at(SALT_LEN);
        Ok(Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: Params::DEFAULT,
            salt: salt.to_vec(),
            output: output.to_vec(),
        })
    }

    fn parse(text: &str) -> Result<Self, HashError> {
        if text.len() > MAX_TEXT {
            return Err(HashError::NotArgon2);
        }
        let hash = phc::PasswordHash::new(text).map_err(|_| HashError::NotArgon2)?;
        let algorithm =
            Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| HashError::NotArgon2)?;
        let version = match hash.version {
            Some(number) => Version::try_from(number).map_err(|_| HashError::NotArgon2)?,
            // The reference implementation: a string without `v=` is from before version 1.3.
            None => Version::V0x10,
        };
        let params = Params::try_from(&hash).map_err(|_| HashError::NotArgon2)?;
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(HashError::NotArgon2);
        };
        if params.m_cost() > MAX_MEMORY_KIB
            || params.t_cost() > MAX_PASSES
            || params.p_cost() > MAX_LANES
        {
            return Err(HashError::TooExpensive);
        }
        if salt.len() < argon2::MIN_SALT_LEN || output.len() < SALT_LEN {
            return Err(HashError::NotArgon2);
        }
        Ok(Self {
            algorithm,
            version,
            params,
            salt: salt.to_vec(),
            output: output.as_bytes().to_vec(),
        })
    }

    /// True when the password gives this output. `memory` is grown as needed and left as it is, so that a
    /// worker can use one block for all its verifications.
    pub(crate) fn verify(&self, password: &Secret, memory: &mut Vec<Block>) -> bool {
        self.compute(password, memory)
            .is_ok_and(|computed| computed.ct_eq(&self.output).into())
    }

    fn compute(&self, password: &Secret, memory: &mut Vec<Block>) -> Result<Vec<u8>, HashError> {
        let blocks = self.params.block_count();
        if memory.len() < blocks {
            memory.resize(blocks, Block::new());
        }
        let mut computed = vec![0; self.output.len()];
        Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into_with_memory(
                password.prepared().as_bytes(),
                &self.salt,
                &mut computed,
                memory,
            )
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(computed)
    }

    fn to_phc(&self) -> Result<String, HashError> {
        let failed = |error: phc::Error| HashError::Failed(error.to_string());
        let params = phc::ParamsString::try_from(&self.params)
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(phc::PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params,
            salt: Some(phc::Salt::new(&self.salt).map_err(failed)?),
            hash: Some(phc::Output::new(&self.output).map_err(failed)?),
        }
        .to_string())
    }
}

/// Blocks that a hash of today's cost needs: what a worker may keep between logins.
pub(crate) const fn usual_blocks() -> usize {
    Params::DEFAULT.block_count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `password` under argon2id m=64 t=1 p=1, cheap enough for rows.
    fn cheap(password: &str) -> PasswordHash {
        let mut recipe = Recipe::unmatched().unwrap();
        recipe.params = Params::new(64, 1, 1, Some(OUTPUT_LEN)).unwrap();
        recipe.output = recipe
            .compute(&Secret::from(password), &mut Vec::new())
            .unwrap();
        PasswordHash(recipe.to_phc().unwrap())
    }

    #[test]
    fn a_new_hash_has_todays_cost_and_fits_only_its_password() {
        let hash = PasswordHash::hash(&Secret::from("correct horse")).unwrap();
        assert!(
            hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.as_str()
        );
        assert!(hash.verify(&Secret::from("correct horse")));
        assert!(!hash.verify(&Secret::from("correct horsf")));
        assert_eq!(PasswordHash::parse(hash.as_str()), Ok(hash));
    }

    #[test]
    fn takes_hashes_made_elsewhere() {
        // RFC 9106 needs secret and associated data in its vectors; this is the reference implementation's own
        // test (test.c: t=2, m=2^8, p=1, "password", "somesalt").
        let reference =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let hash = PasswordHash::parse(reference).unwrap();
        assert!(hash.verify(&Secret::from("password")));
        assert!(!hash.verify(&Secret::from("Password")));
    }

    #[test]
    fn equal_passwords_in_two_unicode_forms_both_fit() {
        let hash = cheap("caf\u{e9} noir");
        for (typed, fits) in [
            ("caf\u{e9} noir", true),
            ("cafe\u{301} noir", true),
            ("caf\u{e9}\u{a0}noir", true),
            ("cafe noir", false),
            ("Caf\u{e9} noir", false),
        ] {
            assert_eq!(hash.verify(&Secret::from(typed)), fits, "{typed:?}");
        }
    }

    #[test]
    fn memory_left_over_from_another_check_changes_nothing() {
        let (first, second) = (cheap("one"), cheap("two"));
        let mut memory = vec![Block::new(); 200];
        for _ in 0..2 {
            assert!(
                first
                    .recipe()
                    .unwrap()
                    .verify(&Secret::from("one"), &mut memory)
            );
            assert!(
                !second
                    .recipe()
                    .unwrap()
                    .verify(&Secret::from("one"), &mut memory)
            );
            assert!(
                second
                    .recipe()
                    .unwrap()
                    .verify(&Secret::from("two"), &mut memory)
            );
        }
    }

    #[test]
    fn refuses_what_is_no_usable_hash() {
        let salted = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for (text, error) in [
            (String::new(), HashError::NotArgon2),
            ("secret".to_owned(), HashError::NotArgon2),
            (
                "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
                HashError::NotArgon2,
            ),
            (
                format!("$scrypt$ln=16,r=8,p=1{salted}"),
                HashError::NotArgon2,
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ".to_owned(),
                HashError::NotArgon2,
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOg".to_owned(),
                HashError::NotArgon2,
            ),
            (
                format!("$argon2id$v=99$m=256,t=2,p=1{salted}"),
                HashError::NotArgon2,
            ),
            (
                format!("$argon2id$v=19$m=256,t=0,p=1{salted}"),
                HashError::NotArgon2,
            ),
            (
                format!("$argon2id$v=19$m=4294967295,t=2,p=1{salted}"),
                HashError::TooExpensive,
            ),
            (
                format!("$argon2id$v=19$m=256,t=4000000,p=1{salted}"),
                HashError::TooExpensive,
            ),
            (
                format!("$argon2id$v=19$m=65536,t=2,p=64{salted}"),
                HashError::TooExpensive,
            ),
            (
                format!(" $argon2id$v=19$m=256,t=2,p=1{salted}"),
                HashError::NotArgon2,
            ),
            (
                format!("$argon2id$v=19$m=256,t=2,p=1{salted}\n"),
                HashError::NotArgon2,
            ),
            ("$".repeat(100_000), HashError::NotArgon2),
        ] {
            assert_eq!(PasswordHash::parse(&text), Err(error), "{text:.80}");
        }
        assert_eq!(
            PasswordHash::hash(&Secret::default()),
            Err(HashError::EmptyPassword)
        );
    }

    #[test]
    fn stored_as_its_text_and_checked_on_the_way_in() {
        let hash = cheap("x");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("{:?}", hash.as_str()));
        assert_eq!(serde_json::from_str::<PasswordHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<PasswordHash>("\"plain\"").is_err());
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }

    #[test]
    fn nothing_fits_the_unmatched_recipe() {
        let mut recipe = Recipe::unmatched().unwrap();
        recipe.params = Params::new(64, 1, 1, Some(OUTPUT_LEN)).unwrap();
        for typed in ["", "x", "correct horse"] {
            assert!(!recipe.verify(&Secret::from(typed), &mut Vec::new()));
        }
    }
}
