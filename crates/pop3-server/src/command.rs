//! Commands: from a line to what the client wants.
//!
//! Syntax only. Whether a command fits the state of the session, and what happens then, is the session's
//! business.

use auth::Secret;

use crate::number::{MessageNumber, NumberFault, parse_u32};

/// A well-formed command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// With everything behind it; what that means depends on whether there is APOP.
    Apop(Vec<u8>),
    /// AUTH without an argument: old clients ask for the mechanisms that way.
    AuthList,
    Auth {
        mechanism: String,
        /// Still in base64.
        initial: Option<Vec<u8>>,
    },
    Capa,
    Dele(MessageNumber),
    /// A language range, or `None` to see which languages there are.
    Lang(Option<String>),
    List(Option<MessageNumber>),
    Noop,
    /// `None` when what was sent is not UTF-8 and so cannot be anybody's password.
    Pass(Option<Secret>),
    Quit,
    Retr(MessageNumber),
    Rset,
    Stat,
    Stls,
    Top {
        message: MessageNumber,
        lines: u32,
    },
    Uidl(Option<MessageNumber>),
    User(String),
    Utf8,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    UnknownVerb,
    WrongArguments,
    MessageNumber(NumberFault),
    LineCount(NumberFault),
    /// A request of HTTP, which is never a slip of a mail program.
    WebRequest,
}

/// First words of HTTP requests (RFC 9110 section 9.3, RFC 5789, RFC 9113 section 3.4).
const WEB_VERBS: [&[u8]; 10] = [
    b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI",
];

impl Command {
    /// Reads a line without its CRLF.
    ///
    /// `command = keyword *(SP argument)`, RFC 1939 section 3: keywords in any letter case. Extra spaces are
    /// forgiven, except in PASS, where they belong to the password.
    pub(crate) fn parse(mut line: Vec<u8>) -> Result<Self, Fault> {
        let verb_length = memchr::memchr(b' ', &line).unwrap_or(line.len());
        let verb = line[..verb_length].to_ascii_uppercase();
        if verb == b"PASS" {
            // RFC 1939 section 7: spaces may be part of the password, so it is all that follows the first.
            // The line's own memory becomes the secret's and is wiped with it.
            line.drain(..line.len().min(verb_length + 1));
            return pass(line);
        }
        let rest = &line[verb_length..];
        match verb.as_slice() {
            b"APOP" => Ok(Self::Apop(rest.to_vec())),
            b"AUTH" => auth(rest),
            b"CAPA" => no_argument(rest, Self::Capa),
            b"DELE" => number(rest).map(Self::Dele),
            b"LANG" => lang(rest),
            b"LIST" => optional_number(rest).map(Self::List),
            b"NOOP" => no_argument(rest, Self::Noop),
            b"QUIT" => no_argument(rest, Self::Quit),
            b"RETR" => number(rest).map(Self::Retr),
            b"RSET" => no_argument(rest, Self::Rset),
            b"STAT" => no_argument(rest, Self::Stat),
            b"STLS" => no_argument(rest, Self::Stls),
            b"TOP" => top(rest),
            b"UIDL" => optional_number(rest).map(Self::Uidl),
            b"USER" => user(rest),
            // RFC 6856 section 2.1: no parameters.
            b"UTF8" => no_argument(rest, Self::Utf8),
            other if WEB_VERBS.contains(&other) => Err(Fault::WebRequest),
            _ => Err(Fault::UnknownVerb),
        }
    }
}

fn arguments<const N: usize>(rest: &[u8]) -> Result<[Option<&[u8]>; N], Fault> {
    let mut words = rest
        .split(|octet| *octet == b' ')
        .filter(|word| !word.is_empty());
    let arguments = std::array::from_fn(|_| words.next());
    if words.next().is_some() {
        Err(Fault::WrongArguments)
    } else {
        Ok(arguments)
    }
}

fn no_argument(rest: &[u8], command: Command) -> Result<Command, Fault> {
    arguments(rest).map(|[]| command)
}

fn optional_number(rest: &[u8]) -> Result<Option<MessageNumber>, Fault> {
    let [argument] = arguments(rest)?;
    argument
        .map(|text| MessageNumber::parse(text).map_err(Fault::MessageNumber))
        .transpose()
}

fn number(rest: &[u8]) -> Result<MessageNumber, Fault> {
    optional_number(rest)?.ok_or(Fault::WrongArguments)
}

fn top(rest: &[u8]) -> Result<Command, Fault> {
    let [Some(message), Some(lines)] = arguments(rest)? else {
        return Err(Fault::WrongArguments);
    };
    let message = MessageNumber::parse(message).map_err(Fault::MessageNumber)?;
    let lines = parse_u32(lines).map_err(Fault::LineCount)?;
    Ok(Command::Top { message, lines })
}

/// RFC 6856 section 3.2: one language range at most. One that is not even text is simply not known.
fn lang(rest: &[u8]) -> Result<Command, Fault> {
    let [range] = arguments(rest)?;
    let range = range.map(|text| String::from_utf8_lossy(text).into_owned());
    Ok(Command::Lang(range))
}

fn user(rest: &[u8]) -> Result<Command, Fault> {
    // A local part may be quoted and hold spaces, so the name is the whole rest of the line. RFC 6856 section 2.2:
    // it may be UTF-8, and what is no UTF-8 is refused.
    let name = std::str::from_utf8(rest.trim_ascii()).map_err(|_| Fault::WrongArguments)?;
    if name.is_empty() {
        Err(Fault::WrongArguments)
    } else {
        Ok(Command::User(name.to_owned()))
    }
}

fn pass(password: Vec<u8>) -> Result<Command, Fault> {
    if password.is_empty() {
        return Err(Fault::WrongArguments);
    }
    Ok(Command::Pass(
        String::from_utf8(password).ok().map(Secret::new),
    ))
}

fn auth(rest: &[u8]) -> Result<Command, Fault> {
    let [mechanism, initial] = arguments(rest)?;
    let Some(mechanism) = mechanism else {
        return Ok(Command::AuthList);
    };
    let mechanism = String::from_utf8_lossy(mechanism).into_owned();
    Ok(Command::Auth {
        mechanism,
        initial: initial.map(<[u8]>::to_vec),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command, Fault>) {
        assert_eq!(
            Command::parse(line.as_bytes().to_vec()),
            expected,
            "{line:?}"
        );
    }

    fn message(number: u32) -> MessageNumber {
        MessageNumber::parse(number.to_string().as_bytes()).expect("a number above zero")
    }

    fn password(text: &str) -> Result<Command, Fault> {
        Ok(Command::Pass(Some(Secret::from(text))))
    }

    #[test]
    fn keywords_come_in_any_case_and_forgive_trailing_spaces() {
        check("STAT", Ok(Command::Stat));
        check("sTaT ", Ok(Command::Stat));
        check("quit   ", Ok(Command::Quit));
        check("noop", Ok(Command::Noop));
        check("Rset", Ok(Command::Rset));
        check("CAPA", Ok(Command::Capa));
        check("stls", Ok(Command::Stls));
        check("list", Ok(Command::List(None)));
        check("LIST  2 ", Ok(Command::List(Some(message(2)))));
        check("uidl", Ok(Command::Uidl(None)));
        check("UIDL 7", Ok(Command::Uidl(Some(message(7)))));
        check("retr 3", Ok(Command::Retr(message(3))));
        check("dele 3", Ok(Command::Dele(message(3))));
        check(
            "top 3 0",
            Ok(Command::Top {
                message: message(3),
                lines: 0,
            }),
        );
        check(
            "TOP 3 4294967295",
            Ok(Command::Top {
                message: message(3),
                lines: u32::MAX,
            }),
        );
        check("APOP u 0123", Ok(Command::Apop(b" u 0123".to_vec())));
    }

    #[test]
    fn unknown_words_are_no_commands() {
        for line in [
            "",
            " ",
            " STAT",
            "STATS",
            "FOO",
            "UTF-8",
            "LANGUAGE",
            "\tSTAT",
            "STAT\t",
            "XTND",
            "\u{ff33}TAT",
        ] {
            check(line, Err(Fault::UnknownVerb));
        }
    }

    #[test]
    fn web_requests_are_recognised() {
        for line in [
            "GET / HTTP/1.1",
            "post /x",
            "CONNECT a:25 HTTP/1.1",
            "DELETE /",
            "PRI * HTTP/2.0",
        ] {
            check(line, Err(Fault::WebRequest));
        }
        check("GETS", Err(Fault::UnknownVerb));
    }

    #[test]
    fn too_few_and_too_many_arguments_are_wrong() {
        let lines = [
            "STAT 1",
            "RETR",
            "RETR ",
            "RETR 1 2",
            "DELE",
            "LIST 1 2",
            "TOP",
            "TOP 1",
            "TOP 1 2 3",
            "UIDL 1 2",
            "QUIT x",
            "NOOP x",
            "RSET 1",
            "CAPA x",
            "STLS x",
            "USER",
            "USER  ",
            "PASS",
            "PASS ",
            "AUTH PLAIN a b",
        ];
        for line in lines {
            check(line, Err(Fault::WrongArguments));
        }
    }

    #[test]
    fn numbers_that_are_none_say_which_one() {
        let not_a_number = NumberFault::NotANumber;
        let out_of_range = NumberFault::OutOfRange;
        check("RETR abc", Err(Fault::MessageNumber(not_a_number)));
        check("DELE 0", Err(Fault::MessageNumber(not_a_number)));
        check("LIST -1", Err(Fault::MessageNumber(not_a_number)));
        check("UIDL 4294967297", Err(Fault::MessageNumber(out_of_range)));
        check(
            "TOP 18446744073709551616 1",
            Err(Fault::MessageNumber(out_of_range)),
        );
        check("TOP 1 abc", Err(Fault::LineCount(not_a_number)));
        check("TOP 1 -1", Err(Fault::LineCount(not_a_number)));
        check(
            "TOP 1 99999999999999999999",
            Err(Fault::LineCount(out_of_range)),
        );
        check(
            "TOP 0 99999999999999999999",
            Err(Fault::MessageNumber(not_a_number)),
        );
    }

    #[test]
    fn a_password_is_the_whole_rest_of_the_line() {
        check("PASS secret", password("secret"));
        check("pass two words ", password("two words "));
        check("PASS  leading", password(" leading"));
        check("PASS \u{e9}\t", password("\u{e9}\t"));
        assert_eq!(
            Command::parse(b"PASS \xff".to_vec()),
            Ok(Command::Pass(None))
        );
    }

    #[test]
    fn a_name_is_the_rest_of_the_line_without_the_spaces_around_it() {
        check("USER bob", Ok(Command::User("bob".into())));
        check(
            "user  bob@example.test ",
            Ok(Command::User("bob@example.test".into())),
        );
        check(
            "USER \"a b\"@example.test",
            Ok(Command::User("\"a b\"@example.test".into())),
        );
        assert_eq!(
            Command::parse(b"USER \xff".to_vec()),
            Err(Fault::WrongArguments)
        );
    }

    #[test]
    fn auth_with_and_without_arguments() {
        check("AUTH", Ok(Command::AuthList));
        check(
            "auth plain",
            Ok(Command::Auth {
                mechanism: "plain".into(),
                initial: None,
            }),
        );
        check(
            "AUTH PLAIN =",
            Ok(Command::Auth {
                mechanism: "PLAIN".into(),
                initial: Some(b"=".to_vec()),
            }),
        );
    }
}
