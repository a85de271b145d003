//! SASL exchanges with passwords in the clear: PLAIN (RFC 4616) and LOGIN, and the strict base64 around them.
//!
//! It draws no nonce, knows no account and decides nothing: an exchange ends in [`Credentials`] or not at all.
//! Whether the channel may carry a password is the sessions' question.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// A way to log in that this server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616: everything in one message.
    Plain,
    /// draft-murchison-sasl-login: user name and password asked for one after the other.
    Login,
}

impl Mechanism {
    /// Every mechanism, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// The name as EHLO and CAPA list it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Finds a mechanism by name, in any letter case (RFC 4954 section 4: an ABNF string).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// True when the password itself crosses the wire, so that TLS is needed under it.
    pub fn cleartext(self) -> bool {
        match self {
            Self::Plain | Self::Login => true,
        }
    }
}

/// Who someone says they are, and their proof. Only an authenticator can tell whether it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Whom they want to act as, when they said so; anybody but themselves is refused.
    pub authzid: Option<String>,
    /// The user name as typed.
    pub login: String,
    /// The password as typed.
    pub password: Secret,
}

impl Credentials {
    /// A user name and a password, as POP3's USER and PASS give them.
    pub fn new(login: impl Into<String>, password: Secret) -> Self {
        Self {
            authzid: None,
            login: login.into(),
            password,
        }
    }
}

/// What an exchange wants next. The octets are plain: base64 is the session's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the client and give its answer to [`Exchange::respond`].
    Challenge(Vec<u8>),
    /// The exchange is complete: check these.
    Verify(Credentials),
    /// The client's message breaks the mechanism's syntax; the exchange is over.
    Malformed,
}

/// One exchange, from AUTH to its end.
#[derive(Debug)]
pub struct Exchange(State);

#[derive(Debug)]
enum State {
    AwaitingPlain,
    AwaitingUser,
    AwaitingPassword { login: String },
    Ended,
}

impl Exchange {
    /// Begins an exchange. `initial` is the decoded initial response; `Some(b"")` is one that is present but
    /// empty (RFC 4954 section 4, the single `=`).
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>) -> (Self, Step) {
        let state = match mechanism {
            Mechanism::Plain => State::AwaitingPlain,
            Mechanism::Login => State::AwaitingUser,
        };
        let mut exchange = Self(state);
        let step = match (initial, mechanism) {
            // The draft's server speaks first, yet clients in the field send the user name at once.
            (Some(response), _) => exchange.respond(response),
            // RFC 4616 section 2: the server sends nothing, so the challenge is empty.
            (None, Mechanism::Plain) => Step::Challenge(Vec::new()),
            (None, Mechanism::Login) => Step::Challenge(b"Username:".to_vec()),
        };
        (exchange, step)
    }

    /// Takes the client's decoded answer. After the end every answer is malformed.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        match std::mem::replace(&mut self.0, State::Ended) {
            State::AwaitingPlain => plain(response).map_or(Step::Malformed, Step::Verify),
            State::AwaitingUser => match text(response) {
                Some(login) => {
                    self.0 = State::AwaitingPassword { login };
                    Step::Challenge(b"Password:".to_vec())
                }
                None => Step::Malformed,
            },
            State::AwaitingPassword { login } => match text(response) {
                Some(password) => Step::Verify(Credentials::new(login, Secret::new(password))),
                None => Step::Malformed,
            },
            State::Ended => Step::Malformed,
        }
    }
}

/// RFC 4616 section 2: `message = [authzid] UTF8NUL authcid UTF8NUL passwd`, where authcid and passwd have at
/// least one character and none contains NUL.
fn plain(message: &[u8]) -> Option<Credentials> {
    let mut fields = message.split(|octet| *octet == 0);
    let (authzid, authcid, passwd) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let authzid = match authzid {
        [] => None,
        named => Some(text(named)?),
    };
    Some(Credentials {
        authzid,
        login: text(authcid)?,
        password: Secret::new(text(passwd)?),
    })
}

/// UTF-8 of at least one character.
fn text(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text is not base64 as RFC 4954 section 4 wants it.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not valid base64")]
pub struct Base64Error;

/// Decodes base64 strictly: only the standard alphabet, padding complete and only at the end, no left-over
/// bits, no white space. The lone `=` of an empty initial response is not base64 and is the caller's case.
///
/// # Errors
/// RFC 4954 section 4: anything else, such as `=AAA` or `AAA=BBB`, is refused as a whole.
pub fn decode_base64(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    STANDARD.decode(text).map_err(|_| Base64Error)
}

/// Encodes octets as base64 with padding, on one line (RFC 4648 section 4).
pub fn encode_base64(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(authzid: Option<&str>, login: &str, password: &str) -> Step {
        let authzid = authzid.map(str::to_owned);
        let (login, password) = (login.to_owned(), Secret::from(password));
        Step::Verify(Credentials {
            authzid,
            login,
            password,
        })
    }

    #[track_caller]
    fn check_plain(message: &[u8], step: Step) {
        let (mut exchange, at_once) = Exchange::start(Mechanism::Plain, Some(message));
        assert_eq!(at_once, step, "initial response {message:?}");
        assert_eq!(exchange.respond(message), Step::Malformed, "after the end");
        let (mut exchange, challenge) = Exchange::start(Mechanism::Plain, None);
        assert_eq!(challenge, Step::Challenge(Vec::new()));
        assert_eq!(exchange.respond(message), step, "asked for {message:?}");
    }

    #[test]
    fn plain_takes_exactly_the_syntax_of_rfc_4616() {
        check_plain(
            b"\0tim\0tanstaaftanstaaf",
            credentials(None, "tim", "tanstaaftanstaaf"),
        );
        check_plain(
            b"Ursel\0Kurt\0xipj3plmq",
            credentials(Some("Ursel"), "Kurt", "xipj3plmq"),
        );
        check_plain(
            "\0jürgen\0Straße".as_bytes(),
            credentials(None, "jürgen", "Straße"),
        );
        check_plain(b"\0' OR 1=1--\0x", credentials(None, "' OR 1=1--", "x"));
        check_plain(
            b"\0../../etc/passwd\0x",
            credentials(None, "../../etc/passwd", "x"),
        );
        for malformed in [
            &b""[..],
            b"\0",
            b"\0\0",
            b"tim",
            b"tim\0secret",
            b"\0tim\0",
            b"\0\0secret",
            b"\0tim\0secret\0",
            b"\0a\0b\0secret",
            b"\0tim\0sec\xffret",
            b"\0t\xc3\0secret",
            b"\xff\0tim\0secret",
        ] {
            check_plain(malformed, Step::Malformed);
        }
    }

    /// Plays a LOGIN exchange: the answers given, the last step seen.
    fn login(initial: Option<&[u8]>, answers: &[&[u8]]) -> Vec<Step> {
        let (mut exchange, first) = Exchange::start(Mechanism::Login, initial);
        let rest = answers.iter().map(|answer| exchange.respond(answer));
        std::iter::once(first).chain(rest).collect()
    }

    #[test]
    fn login_asks_for_name_then_password() {
        let user = || Step::Challenge(b"Username:".to_vec());
        let pass = || Step::Challenge(b"Password:".to_vec());
        let done = || credentials(None, "tim", "secret");
        assert_eq!(login(None, &[b"tim", b"secret"]), [user(), pass(), done()]);
        assert_eq!(login(Some(b"tim"), &[b"secret"]), [pass(), done()]);
        assert_eq!(
            login(None, &[b"tim", b"secret", b"x"]),
            [user(), pass(), done(), Step::Malformed]
        );
        assert_eq!(
            login(None, &[b"", b"x"]),
            [user(), Step::Malformed, Step::Malformed]
        );
        assert_eq!(login(Some(b""), &[]), [Step::Malformed]);
        assert_eq!(login(Some(b"t\xff"), &[]), [Step::Malformed]);
        assert_eq!(login(Some(b"tim"), &[b""]), [pass(), Step::Malformed]);
        assert_eq!(login(Some(b"tim"), &[b"\xff"]), [pass(), Step::Malformed]);
        // A NUL is not syntax here; it is a name that nobody has.
        assert_eq!(
            login(Some(b"a\0b"), &[b"x"]),
            [pass(), credentials(None, "a\0b", "x")]
        );
    }

    #[test]
    fn mechanism_names_are_found_in_any_case() {
        for (name, mechanism) in [
            ("PLAIN", Some(Mechanism::Plain)),
            ("plain", Some(Mechanism::Plain)),
            ("LoGiN", Some(Mechanism::Login)),
            ("CRAM-MD5", None),
            ("PLAIN ", None),
            ("", None),
        ] {
            assert_eq!(Mechanism::parse(name), mechanism, "{name:?}");
        }
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
            assert!(mechanism.cleartext());
        }
    }

    #[test]
    fn base64_is_taken_strictly() {
        for (text, decoded) in [
            ("", Some(&b""[..])),
            (
                "AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
                Some(b"\0tim\0tanstaaftanstaaf"),
            ),
            ("VXNlcm5hbWU6", Some(b"Username:")),
            ("AA==", Some(b"\0")),
            ("AAA=", Some(b"\0\0")),
            ("=AAA", None),
            ("AAA=BBB", None),
            ("AAA=BBB=", None),
            ("=", None),
            ("*", None),
            ("AA", None),
            ("AA=", None),
            ("AA===", None),
            ("AAA==", None),
            ("AB==", None),
            ("AAB=", None),
            ("AAAA AAAA", None),
            ("AAAA\r\n", None),
            ("A-_A", None),
            ("AAA\u{e9}", None),
        ] {
            assert_eq!(decode_base64(text).ok().as_deref(), decoded, "{text:?}");
        }
        assert_eq!(encode_base64("Password:"), "UGFzc3dvcmQ6");
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(octets: Vec<u8>) {
            proptest::prop_assert_eq!(decode_base64(encode_base64(&octets)), Ok(octets));
        }

        #[test]
        fn no_message_upsets_an_exchange(messages: Vec<Vec<u8>>) {
            for mechanism in Mechanism::ALL {
                let (mut exchange, _) = Exchange::start(mechanism, None);
                for message in &messages {
                    exchange.respond(message);
                }
            }
        }
    }
}
