//! UTF8 and LANG (RFC 6856): modes, languages, and what they change.

use proptest::prelude::*;
use wire::Input;

use super::desk::{Desk, Standing, Talk, check, check_end, facts, play};

const OPEN: &str = "USER bob\r\nPASS two words\r\n";
const OPENED: &str = "+OK Send PASS\n+OK Maildrop open, messages: 2";

#[test]
fn utf8_is_for_before_login_and_takes_no_argument() {
    check(&Desk::new(), "UTF8\r\n", "+OK UTF8 enabled");
    check(
        &Desk::new(),
        "utf8 \r\nUTF8\r\n",
        "+OK UTF8 enabled\n+OK UTF8 enabled",
    );
    check(
        &Desk::new(),
        "UTF8 USER\r\n",
        "-ERR Wrong arguments for this command",
    );
    check(
        &Desk::new(),
        &format!("{OPEN}UTF8\r\n"),
        &format!("{OPENED}\n-ERR Only before login; the session is in the TRANSACTION state"),
    );
    // The name that was given stays.
    check(
        &Desk::new(),
        "USER bob\r\nUTF8\r\nPASS two words\r\n",
        "+OK Send PASS\n+OK UTF8 enabled\n+OK Maildrop open, messages: 2",
    );
}

#[test]
fn the_host_learns_of_utf8_mode_before_it_opens_the_maildrop() {
    let mut talk = Talk::new(Desk::new());
    talk.say(format!("UTF8\r\n{OPEN}").as_bytes());
    assert_eq!(talk.asked[0], "Utf8");
    assert!(talk.asked[1].starts_with("Login"), "{:?}", talk.asked);
}

#[test]
fn after_utf8_it_is_too_late_for_stls() {
    let clear = Desk::in_clear().with(|desk| desk.connection.cleartext_login = true);
    let mut talk = Talk::new(clear.clone());
    talk.say(b"CAPA\r\nUTF8\r\nCAPA\r\n");
    assert_eq!(talk.hear().matches("\r\nSTLS\r\n").count(), 1);
    check(
        &clear,
        &format!("UTF8\r\nSTLS\r\n{OPEN}"),
        &format!("+OK UTF8 enabled\n-ERR STLS comes before UTF8; QUIT and connect again\n{OPENED}"),
    );
    // The refusals that hold for the connection hold first.
    check(
        &Desk::new(),
        "UTF8\r\nSTLS\r\n",
        "+OK UTF8 enabled\n-ERR TLS is on already",
    );
}

#[test]
fn names_and_passwords_are_utf8_or_nothing() {
    for (client, expected) in [
        (
            "USER b\u{f6}b\r\nPASS \u{fc}\r\n",
            "+OK Send PASS\r\n-ERR [AUTH] User name or password incorrect\r\n",
        ),
        (
            "UTF8\r\nUSER b\u{f6}b\r\n",
            "+OK UTF8 enabled\r\n+OK Send PASS\r\n",
        ),
    ] {
        let (heard, _) = play(&Desk::new(), [client.as_bytes()]);
        assert_eq!(heard, expected, "{client:?}");
    }
    let mut talk = Talk::new(Desk::new());
    talk.hear();
    // Overlong, cut off, a surrogate half, beyond Unicode.
    for octets in [
        &b"\xc0\xaf"[..],
        b"\xe6\x97",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"b\xf6b",
    ] {
        talk.say(&[b"USER ", octets, b"\r\n"].concat());
        assert_eq!(
            talk.hear(),
            "-ERR Wrong arguments for this command\r\n",
            "{octets:?}"
        );
    }
    assert_eq!(talk.asked, Vec::<String>::new());
}

#[test]
fn a_message_without_a_surrogate_is_refused_by_name_and_nothing_else_is() {
    let desk = Desk::new().with(|desk| desk.international = Some(0));
    let needs = "-ERR [UTF8] Message 1 needs UTF8 mode";
    check(
        &desk,
        &format!(
            "{OPEN}RETR 1\r\nTOP 1 0\r\nLIST 1\r\nUIDL 1\r\nLIST 2\r\nSTAT\r\nDELE 1\r\nRETR 1\r\n"
        ),
        &format!(
            "{OPENED}\n{needs}\n{needs}\n{needs}\n+OK 1 1.1\n+OK 2 22\n+OK 2 49
             +OK Message 1 flagged for removal\n-ERR Message 1 is flagged as deleted"
        ),
    );
    check(
        &desk,
        &format!("UTF8\r\n{OPEN}LIST 1\r\nTOP 1 0\r\n"),
        &format!(
            "+OK UTF8 enabled\n{OPENED}\n+OK 1 27\n+OK Top of message follows\nSubject: one\n\n."
        ),
    );
}

#[test]
fn lang_lists_chooses_and_keeps() {
    let list = "+OK Languages follow\nen English\nja \u{65e5}\u{672c}\u{8a9e}\n.";
    let english = "+OK en Replies are in English from now on";
    let unknown = "-ERR Language not known; LANG lists those that are";
    check(&Desk::new(), "LANG\r\n", list);
    check(
        &Desk::new(),
        "lang EN\r\nLANG *\r\nLANG en-GB\r\n",
        &format!("{english}\n{english}\n{english}"),
    );
    check(
        &Desk::new(),
        "LANG de\r\nNOOP\r\n",
        &format!("{unknown}\n-ERR Log in first; the session is in the AUTHORIZATION state"),
    );
    check(
        &Desk::new(),
        "LANG en ja\r\n",
        "-ERR Wrong arguments for this command",
    );
    check(
        &Desk::new(),
        "LANG ja-JP\r\nLANG de\r\nPASS x\r\nLANG *\r\nPASS x\r\n",
        &format!(
            "+OK ja これからは日本語で応答します
             -ERR その言語には対応していません。対応している言語は LANG でご確認ください
             -ERR 先に USER を送信してください
             {english}\n-ERR Give USER first"
        ),
    );
    let mut talk = Talk::new(Desk::new());
    talk.hear();
    talk.say(b"LANG \xe6\x97\r\nLANG \xff\xfe\r\n");
    assert_eq!(talk.hear(), format!("{unknown}\r\n{unknown}\r\n"));
}

#[test]
fn the_language_stays_after_login_and_to_the_end() {
    check_end(
        &Desk::new(),
        &format!("LANG ja\r\n{OPEN}STAT\r\nLIST 2\r\nRETR 9\r\nDELE 1\r\nQUIT\r\n"),
        "+OK ja これからは日本語で応答します
         +OK PASS を送信してください
         +OK メールボックスを開きました。メッセージは 2 通です
         +OK 2 49
         +OK 2 22
         -ERR 番号 9 のメッセージはありません
         +OK メッセージ 1 に削除の印を付けました
         +OK 1 通のメッセージを削除しました。ご利用ありがとうございました",
        Standing::Closed,
    );
}

#[test]
fn lang_with_an_asterisk_is_the_same_for_everybody() {
    // RFC 6856 section 7: it must not tell whose session this is going to be.
    let english = "+OK en Replies are in English from now on";
    check(
        &Desk::new(),
        "LANG *\r\nUSER bob\r\nLANG *\r\nUSER nobody\r\nLANG *\r\n",
        &format!("{english}\n+OK Send PASS\n{english}\n+OK Send PASS\n{english}"),
    );
}

#[test]
fn a_handshake_makes_the_server_forget_the_language() {
    let mut talk = Talk::new(Desk::in_clear());
    talk.say(b"LANG ja\r\nSTLS\r\n");
    assert_eq!(talk.standing, Standing::Handshake);
    talk.standing = Standing::Waiting;
    talk.hear();
    talk.give(Input::TlsReady(facts()));
    talk.say(b"PASS x\r\n");
    assert_eq!(talk.hear(), "-ERR Give USER first\r\n");
}

/// Everything a program may read of a conversation: statuses, codes, numbers, listings, messages; not the words.
fn skeleton(heard: &str) -> Vec<String> {
    let line = |line: &str| {
        let Some(rest) = line
            .strip_prefix("-ERR ")
            .or_else(|| line.strip_prefix("+OK "))
        else {
            return line.to_owned();
        };
        let code = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let numbers = rest
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| !digits.is_empty());
        let numbers: Vec<&str> = numbers.collect();
        format!(
            "{} {:?} {numbers:?}",
            &line[..3],
            code.map(|(code, _)| code)
        )
    };
    heard.lines().map(line).collect()
}

proptest! {
    #[test]
    fn a_language_changes_no_status_no_code_and_no_number(
        commands in prop::collection::vec(prop::sample::select(vec![
            "USER bob", "PASS two words", "PASS x", "AUTH", "AUTH FOO", "AUTH PLAIN AGJvYgB0d28gd29yZHM=", "UTF8",
            "UTF8 x", "STAT", "LIST", "LIST 1", "LIST 7", "UIDL", "UIDL 2", "RETR 1", "RETR 0", "TOP 1 1", "TOP 2 x",
            "DELE 1", "DELE 2", "RSET", "NOOP", "FOO", "QUIT", "STLS", "LANG xx", "APOP x y",
        ]), 0..30),
        international in any::<bool>(),
    ) {
        let desk = Desk::new().with(|desk| desk.international = international.then_some(1));
        let client = |language: &str| {
            let mut client = format!("LANG {language}\r\n");
            client.extend(commands.iter().flat_map(|command| [*command, "\r\n"]));
            client
        };
        let (english, end) = play(&desk, [client("en").as_bytes()]);
        let (japanese, same_end) = play(&desk, [client("ja").as_bytes()]);
        prop_assert!(english.is_ascii());
        prop_assert_eq!(skeleton(&english), skeleton(&japanese));
        prop_assert_eq!(end, same_end);
    }
}
