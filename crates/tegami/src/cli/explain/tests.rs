//! Which language is chosen, what can be typed, what is read, and what a page and its JSON look like.

use clap::Parser;
use serde_json::{Value, to_value};

use super::*;
use crate::cli::{Cli, Command};

/// The command line as the shell hands it over.
fn explain(arguments: &[&str]) -> Explain {
    let words = ["tegami", "explain"].iter().chain(arguments);
    match Cli::try_parse_from(words) {
        Ok(Cli {
            command: Command::Explain(explain),
            ..
        }) => explain,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

fn page(text: &str, source: Source, language: Language) -> String {
    let found = explain::find(text, source);
    let explanations: Vec<Explanation<'_>> = found.iter().map(explain::explain).collect();
    page::pages(&explanations, language)
}

#[test]
fn codes_may_be_typed_in_any_way() {
    for (arguments, text) in [
        (&["550", "5.1.1"][..], "550 5.1.1"),
        (&["550 5.1.1"], "550 5.1.1"),
        (&["5.7.8", "--lang", "ja"], "5.7.8"),
        (&["--json", "S-452b"], "S-452b"),
        (&["-ERR [IN-USE]"], "-ERR [IN-USE]"),
        (&["-ERR", "[IN-USE]"], "-ERR [IN-USE]"),
        (&["-err [in-use]", "--json"], "-Err [in-use]"),
        (&["--lang", "en", "-ERR"], "-ERR"),
        (&["+OK"], "+OK"),
    ] {
        let typed = explain(arguments).typed();
        assert_eq!(typed.text, text, "{arguments:?}");
        assert_eq!(typed.source, Source::Typed, "{arguments:?}");
        assert!(
            !explain::find(&typed.text, typed.source).is_empty(),
            "{text}"
        );
    }
    let lines = explain(&["550-5.1.1 one\n550 5.1.1 two"]).typed();
    assert_eq!(lines.source, Source::Pasted);
}

#[test]
fn what_is_no_command_line_is_a_usage_error() {
    for arguments in [&[][..], &["550", "--lang", "de"], &["550", "--nosuch"]] {
        let words = ["tegami", "explain"].iter().chain(arguments);
        let error = Cli::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
    }
}

#[test]
fn the_language_is_that_of_the_locale() {
    for (variables, expected) in [
        (&[][..], Language::English),
        (&[("LANG", "ja_JP.UTF-8")], Language::Japanese),
        (&[("LANG", "ja")], Language::Japanese),
        (&[("LANG", "ja@x")], Language::Japanese),
        (&[("LANG", "jam_JM.UTF-8")], Language::English),
        (&[("LANG", "C.UTF-8")], Language::English),
        (
            &[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")],
            Language::English,
        ),
        (
            &[("LANG", "en_GB"), ("LC_MESSAGES", "ja_JP")],
            Language::Japanese,
        ),
        (&[("LANG", "ja_JP"), ("LC_ALL", "")], Language::Japanese),
    ] {
        let language = of_environment(|name| {
            let value = variables.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(language, expected, "{variables:?}");
    }
}

#[test]
fn reading_stops_at_the_limit_and_copes_with_any_octets() {
    let text = pasted(&b"Status: 5.1.1 \xff\xfe\x00"[..]).unwrap();
    assert!(!text.cut);
    assert_eq!(explain::find(&text.text, text.source).len(), 1);
    let endless = io::repeat(b'5');
    let text = pasted(endless).unwrap();
    assert!(text.cut);
    assert_eq!(text.text.len() as u64, LONGEST);
}

#[test]
fn a_page_says_what_it_is_why_and_what_to_do() {
    let text = page(
        "550 5.1.1 No mailbox <x@y.test> here; check",
        Source::Typed,
        Language::English,
    );
    assert!(
        text.starts_with("550 5.1.1  No mailbox <x@y.test> here; check\n"),
        "{text}"
    );
    let text = page("S-550a", Source::Typed, Language::English);
    for part in [
        "A reply of tegami\n  S-550a  550 5.1.1 No mailbox <{recipient}> here",
        "    When: RCPT for",
        "    Why: A typing mistake",
        "    What to do: Check the spelling.",
        "    RFC 5321 section 3.3\n",
        "  5.x.x: Permanent:",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let text = page("S-550a", Source::Typed, Language::Japanese);
    for part in [
        "tegami の応答です",
        "    状況：",
        "    原因：入力ミスか",
        "    対処：つづりを",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn whose_words_they_are_stands_first() {
    let text = page(
        "550 5.7.1 <a@b>: Relay access denied",
        Source::Typed,
        Language::English,
    );
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} is not in\n{text}"))
    };
    assert!(place("Postfix (5.7.1): The server") < place("What the numbers say"));
    assert!(place("What the numbers say") < place("S-550c"));
    assert!(text.contains("tegami does not send this yet"));
}

#[test]
fn many_rows_are_a_list() {
    let text = page("503", Source::Typed, Language::English);
    assert!(
        text.contains("  S-503a  503 5.5.1 Give MAIL first\n"),
        "{text}"
    );
    assert!(
        text.contains("`tegami explain` with one of these ids"),
        "{text}"
    );
    assert!(!text.contains("When: "), "{text}");
}

#[test]
fn nothing_on_a_page_drives_a_terminal() {
    let evil = "said: 550 5.1.1 \x1b[2J\x1b]52;c;x\x07\u{202e}\u{9b}31m\r\nStatus: 5.7.1\x08\x08";
    for language in Language::ALL {
        let text = page(evil, Source::Pasted, language);
        assert!(text.contains("5.7.1"));
        assert!(
            text.chars()
                .all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')),
            "{text:?}"
        );
    }
}

#[test]
fn json_has_the_parts_by_name() {
    let found = explain::find("550-5.7.1 <a@b>: Relay access denied", Source::Pasted);
    let explanations: Vec<Explanation<'_>> = found.iter().map(explain::explain).collect();
    let json = to_value(json::document(&explanations, Language::Japanese)).unwrap();
    assert_eq!(json["language"], "ja");
    let code = &json["codes"][0];
    assert_eq!(code["code"], "550 5.7.1");
    assert_eq!(code["reply_code"], 550);
    assert_eq!(code["enhanced_code"], "5.7.1");
    assert_eq!(code["response_code"], Value::Null);
    assert_eq!(code["text"], "<a@b>: Relay access denied");
    assert_eq!(code["ours"], false);
    assert_eq!(code["replies"][0]["id"], "S-550c");
    assert_eq!(code["not_sent"][0]["waits"], "policy");
    assert_eq!(code["meanings"][0]["of"], "x.7.1");
    assert_eq!(code["elsewhere"][0]["server"], "Postfix");
    assert_eq!(code["elsewhere"][0]["quoted"], true);
    let remedy = code["replies"][0]["remedy"].as_str().unwrap();
    assert!(!remedy.is_ascii());
}
