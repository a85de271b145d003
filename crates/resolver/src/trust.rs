//! Keys that DNSSEC begins with.

use std::sync::Arc;

/// Keys of zones that are believed without anybody vouching for them.
#[derive(Clone)]
pub struct TrustAnchors(Arc<hickory_resolver::proto::dnssec::TrustAnchors>);

/// A text is no list of keys to begin with.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Something in it is no DNSKEY record.
    #[error("these are no DNSKEY records as in a zone file: {0}")]
    NoKeys(String),
    /// Every chain of trust begins at the root.
    #[error("there is no key of the root (`. IN DNSKEY ...`)")]
    NoRoot,
}

impl TrustAnchors {
    /// The keys of the root, as of this version (those of 2017 and 2024).
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::default())
    }

    /// The keys in a text: DNSKEY records as in a zone file, one on each line, and one of them the root's.
    ///
    /// # Errors
    /// It has something else, or nothing of the root.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let keys: hickory_resolver::proto::dnssec::TrustAnchors = text
            .parse()
            .map_err(|error| TrustError::NoKeys(format!("{error}")))?;
        if keys.is_empty() {
            return Err(TrustError::NoRoot);
        }
        Ok(Self(Arc::new(keys)))
    }

    pub(crate) fn keys(&self) -> Arc<hickory_resolver::proto::dnssec::TrustAnchors> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_root() {
        let key = "3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        assert!(TrustAnchors::parse(&format!(". {key}\n")).is_ok());
        for (text, error) in [
            ("", "no key of the root"),
            (&format!("example. {key}"), "no key of the root"),
            (". 3600 IN A 192.0.2.1", "no DNSKEY records"),
            ("<html>", "no DNSKEY records"),
        ] {
            let found = TrustAnchors::parse(text).err().unwrap().to_string();
            assert!(found.contains(error), "{text}: {found}");
        }
    }
}
