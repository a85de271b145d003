//! The client's two messages of SCRAM, read strictly (RFC 5802 section 7).
//!
//! Every octet of them is a stranger's. What does not fit the grammar is no message; nothing is guessed, and
//! nothing is taken apart twice: the parts that are signed are kept exactly as they came.

use crate::sasl::decode_base64;

/// Longest nonce taken from a client; the usual ones have 18 to 64 characters.
const MAX_NONCE: usize = 256;

/// What the client says about channel binding (`gs2-cbind-flag`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// `n`: it cannot.
    Unable,
    /// `y`: it could, but believes that the server cannot.
    Unoffered,
    /// `p=`: it does, with this type.
    Used(String),
}

/// `client-first-message`.
#[derive(Debug)]
pub(crate) struct ClientFirst {
    pub(crate) binding: Binding,
    /// Whom the client wants to act as.
    pub(crate) authzid: Option<String>,
    /// The user name, `=2C` and `=3D` undone.
    pub(crate) user: String,
    pub(crate) nonce: String,
    /// The GS2 header as it came, its final comma included.
    pub(crate) header: String,
    /// `client-first-message-bare` as it came.
    pub(crate) bare: String,
}

/// `client-final-message`.
#[derive(Debug)]
pub(crate) struct ClientFinal {
    /// What `c=` decodes to.
    pub(crate) bound: Vec<u8>,
    pub(crate) nonce: String,
    pub(crate) proof: Vec<u8>,
    /// `client-final-message-without-proof` as it came.
    pub(crate) without_proof: String,
}

impl ClientFirst {
    /// ```text
    /// client-first-message      = gs2-header client-first-message-bare
    /// gs2-header                = gs2-cbind-flag "," [ "a=" saslname ] ","
    /// gs2-cbind-flag            = "p=" cb-name / "n" / "y"
    /// client-first-message-bare = [reserved-mext ","] "n=" saslname "," "r=" c-nonce ["," extensions]
    /// ```
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let message = str::from_utf8(message).ok()?;
        let (flag, rest) = message.split_once(',')?;
        let (authzid, bare) = rest.split_once(',')?;
        let binding = match flag {
            "n" => Binding::Unable,
            "y" => Binding::Unoffered,
            other => Binding::Used(cb_name(other.strip_prefix("p=")?)?),
        };
        let authzid = match authzid {
            "" => None,
            named => Some(saslname(named.strip_prefix("a=")?)?),
        };
        let mut parts = bare.split(',');
        // A mandatory extension (`m=`) is not a user name, so it ends here, as RFC 5802 section 5.1 wants.
        let user = saslname(parts.next()?.strip_prefix("n=")?)?;
        let nonce = nonce(parts.next()?.strip_prefix("r=")?)?;
        extensions(parts)?;
        Some(Self {
            binding,
            authzid,
            user,
            nonce,
            header: message[..message.len() - bare.len()].to_owned(),
            bare: bare.to_owned(),
        })
    }
}

impl ClientFinal {
    /// ```text
    /// client-final-message-without-proof = "c=" base64 "," "r=" nonce ["," extensions]
    /// client-final-message               = client-final-message-without-proof "," "p=" base64
    /// ```
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let message = str::from_utf8(message).ok()?;
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let mut parts = without_proof.split(',');
        let bound = decode_base64(parts.next()?.strip_prefix("c=")?).ok()?;
        let nonce = parts.next()?.strip_prefix("r=")?.to_owned();
        extensions(parts)?;
        Some(Self {
            bound,
            nonce,
            proof: decode_base64(proof).ok()?,
            without_proof: without_proof.to_owned(),
        })
    }
}

/// Extensions are signed with the rest and mean nothing here (RFC 5802 section 5.1: unknown ones are ignored).
fn extensions<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<()> {
    let well_formed = |part: &str| {
        let octets = part.as_bytes();
        octets.len() >= 3
            && octets[0].is_ascii_alphabetic()
            && octets[1] == b'='
            && !octets.contains(&0)
    };
    parts.all(well_formed).then_some(())
}

/// RFC 5802 section 7: `cb-name = 1*(ALPHA / DIGIT / "." / "-")`.
fn cb_name(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'));
    fits.then(|| text.to_owned())
}

/// RFC 5802 section 5.1: `=` stands only at the head of `=2C` (a comma) and `=3D` (itself).
fn saslname(text: &str) -> Option<String> {
    if text.is_empty() || text.contains('\0') {
        return None;
    }
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (letter, rest) = if let Some(rest) = piece.strip_prefix("2C") {
            (',', rest)
        } else {
            ('=', piece.strip_prefix("3D")?)
        };
        name.push(letter);
        name.push_str(rest);
    }
    Some(name)
}

/// RFC 5802 section 7: `printable = %x21-2B / %x2D-7E`, at least one.
fn nonce(text: &str) -> Option<String> {
    let fits = (1..=MAX_NONCE).contains(&text.len())
        && text.bytes().all(|octet| matches!(octet, 0x21..=0x7e));
    fits.then(|| text.to_owned())
}
