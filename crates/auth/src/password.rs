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
