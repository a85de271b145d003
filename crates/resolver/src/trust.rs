//! Keys that DNSSEC begins with.

use std::sync::Arc;

/// Keys of zones that are believed without anybody vouching for them.
#[derive(Clone)]
pub struct TrustAnchors(Arc<hickory_resolver::proto::dnssec::TrustAnchors>);

/// A text is no list of keys.
#[derive(Debug, thiserror::Error)]
#[error("no DNSKEY records as in a zone file: {0}")]
pub struct TrustError(String);

impl TrustAnchors {
    /// The keys of the root, as of this version (those of 2017 and 2024).
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::default())
    }

    /// The keys in a text: DNSKEY records as in a zone file, one on each line.
    ///
    /// # Errors
    /// It has none, or something else.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let keys: hickory_resolver::proto::dnssec::TrustAnchors = text
            .parse()
            .map_err(|error| TrustError(format!("{error}")))?;
        Ok(Self(Arc::new(keys)))
    }

    pub(crate) fn keys(&self) -> Arc<hickory_resolver::proto::dnssec::TrustAnchors> {
        Arc::clone(&self.0)
    }
}
