//! Addresses under which forwarded copies leave, so that what bounces comes back through here (SRS).
//!
//! The scheme itself is in `delivery`; here are its key, its domain and its time.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use address::{Domain, Mailbox};
use delivery::keys::{Key, Keys};
use delivery::srs::{Forwarded, Srs, Unreturnable};

use crate::key_file::{self, KeyFileError};

/// The key file. Without it, what was forwarded in the last weeks cannot bounce; nothing else is lost.
const KEY: &str = "srs.key";
/// Days for which a bounce finds its way back: mail is tried for five, and others are slower.
const VALIDITY: u16 = 21;

/// Makes such addresses, and turns them back.
#[derive(Debug)]
pub struct Returning {
    srs: Srs,
    domain: Domain,
}

impl Returning {
    /// With the key in this directory, made the first time, and addresses at this domain.
    ///
    /// # Errors
    /// The key can be neither read nor made.
    pub fn new(data_dir: &Path, domain: Domain) -> Result<Self, KeyFileError> {
        let key = match key_file::read(data_dir, KEY)? {
            Some(octets) => Key::new(&octets).ok(),
            None => None,
        };
        let key = match key {
            Some(key) => key,
            None => {
                let made = key_file::make(data_dir, KEY)?;
                Key::new(&made).map_err(|_| KeyFileError::Damaged {
                    path: data_dir.join(KEY),
                })?
            }
        };
        let srs = Srs::new(Keys::new(key, Vec::new()), domain.clone(), VALIDITY);
        Ok(Self { srs, domain })
    }

    /// Where such addresses are.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The scheme, for copies that leave.
    pub fn forwarded(
        &self,
        reverse_path: &address::ReversePath,
        day: u64,
        is_ours: impl FnOnce(&address::Host) -> bool,
    ) -> Forwarded {
        self.srs.forwarded(reverse_path, day, is_ours)
    }

    /// What a `Delivered-To` field says of a message that this address sends on. Who else gets the message learns
    /// nothing from it; we know it again.
    pub fn sent_on(&self, by: &Mailbox) -> String {
        self.srs.sent_on(by)
    }

    /// Whom mail for such an address is for; nobody if it is none, or no longer.
    pub fn reverse(&self, mailbox: &Mailbox) -> Option<Mailbox> {
        match self.srs.reverse(&mailbox.local, today()) {
            Ok(original) => Some(original),
            Err(Unreturnable::NotRewritten) => None,
            Err(why @ (Unreturnable::Malformed | Unreturnable::Forged | Unreturnable::TooOld)) => {
                tracing::debug!(to = %mailbox, %why, "not sent back");
                None
            }
        }
    }
}

fn today() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / (24 * 60 * 60)
}
