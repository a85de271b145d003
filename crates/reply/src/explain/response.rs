//! The response codes of POP3, in brackets behind `-ERR` (RFC 2449 section 8, RFC 3206, RFC 6856), and `-ERR` itself.

use super::{Words, words};

/// Longest name in brackets that is looked at.
const LONGEST: usize = 32;

/// What `-ERR` and `+OK` say by themselves.
pub const STATUS: [(&str, Words); 2] = [
    (
        "+OK",
        words(
            "The command was carried out.",
            "コマンドは正常に処理されました。",
        ),
    ),
    (
        "-ERR",
        words(
            "The command was refused. The text says why; a word in brackets, where there is one, says it to the mail program.",
            "コマンドは拒否されました。理由は後ろの文に、メールソフト向けの分類は角かっこの中に書かれています。",
        ),
    ),
];

/// Each response code: its name, what it means, where that is written.
pub const RESPONSES: &[(&str, Words, &str)] = &[
    (
        "AUTH",
        words(
            "The login failed because of the user name or the password. The mail program may ask for the password again.",
            "ユーザー名またはパスワードが原因で、ログインに失敗しました。メールソフトはパスワードを再入力するよう求めることがあります。",
        ),
        "RFC 3206 section 5",
    ),
    (
        "IN-USE",
        words(
            "The password is right, but another session holds the mailbox: another device is fetching mail, or a connection broke off a moment ago. Try again in a few minutes.",
            "パスワードは正しいものの、別の接続がメールボックスを使用中です。ほかの端末が受信しているか、直前の接続が切れずに残っています。数分後にもう一度お試しください。",
        ),
        "RFC 2449 section 8.1.2",
    ),
    (
        "LOGIN-DELAY",
        words(
            "The last login to this account was too short a time ago. Let the mail program look for mail less often.",
            "前回のログインから十分な時間がたっていません。メールソフトの受信間隔を長くしてください。",
        ),
        "RFC 2449 section 8.1.1",
    ),
    (
        "SYS/TEMP",
        words(
            "Something on the server does not work just now. The password is not in doubt; try again later.",
            "サーバー側の一時的な障害です。パスワードの問題ではありません。後でもう一度お試しください。",
        ),
        "RFC 3206 section 4",
    ),
    (
        "SYS/PERM",
        words(
            "Something on the server, or in the account's settings there, is wrong and will stay so until an administrator sees to it.",
            "サーバー側、またはサーバー上のアカウント設定に問題があります。管理者が対処するまで解消しません。",
        ),
        "RFC 3206 section 4",
    ),
    (
        "UTF8",
        words(
            "The message, or the mailbox, is international and can only be read in UTF8 mode, which the mail program did not ask for.",
            "国際化されたメッセージ（またはメールボックス）のため、UTF8 モードでなければ読み出せません。メールソフトが UTF8 モードを要求していません。",
        ),
        "RFC 6856 section 5",
    ),
];

/// Whether this is one of them.
pub(super) fn is_registered(name: &str) -> bool {
    RESPONSES.iter().any(|(known, ..)| *known == name)
}

/// What a response code says, also one with a more precise end of its own (RFC 2449 section 8).
pub(super) fn meaning(name: &str) -> Option<(&'static str, Words, &'static str)> {
    let exact = RESPONSES.iter().find(|(known, ..)| *known == name);
    let begins = |known: &str| {
        name.strip_prefix(known)
            .is_some_and(|tail| tail.starts_with('/'))
    };
    exact
        .or_else(|| RESPONSES.iter().find(|(known, ..)| begins(known)))
        .copied()
}

/// The name in the brackets at the beginning of `text`, in capitals, and the length of both.
pub(super) fn bracketed(text: &str) -> Option<(String, usize)> {
    let inside = text.strip_prefix('[')?;
    // Only so far, so that a long line of brackets costs no more than its length.
    let end = inside.bytes().take(LONGEST + 1).position(|c| c == b']')?;
    let name = &inside[..end];
    let fits = (1..=LONGEST).contains(&name.len())
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'/' | b'_' | b'.'));
    fits.then(|| (name.to_ascii_uppercase(), name.len() + 2))
}
