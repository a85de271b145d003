//! POP3 servers: Gmail, Exchange, Dovecot.

use super::{Elsewhere, Words};

const fn err(
    server: &'static str,
    response: &'static str,
    phrases: &'static [&'static str],
    en: &'static str,
    ja: &'static str,
) -> Elsewhere {
    Elsewhere {
        server,
        code: 0,
        enhanced: None,
        up_to: 0,
        response: Some(response),
        phrases,
        words: Words { en, ja },
    }
}

pub(super) const SAYS: &[Elsewhere] = &[
    err(
        "Gmail",
        "AUTH",
        &[
            "username and password not accepted",
            "application-specific",
            "web login",
        ],
        "The password is wrong, or Google wants an app password or a login with OAuth.",
        "パスワードが正しくないか、アプリ パスワードまたは OAuth でのログインが必要です。",
    ),
    err(
        "Gmail",
        "SYS/PERM",
        &["not enabled for pop", "pop access"],
        "POP is switched off in the settings of the Gmail account.",
        "Gmail の設定で POP アクセスが無効になっています。",
    ),
    err(
        "Dovecot",
        "AUTH",
        &["authentication failed"],
        "The user name or the password is wrong.",
        "ユーザー名またはパスワードが正しくありません。",
    ),
    err(
        "Dovecot",
        "IN-USE",
        &["lock", "couldn't open inbox"],
        "Another session holds the mailbox. It is set free when that session ends or times out.",
        "別の接続がメールボックスを使用中です。その接続が終了するか、時間切れになると解放されます。",
    ),
    err(
        "Exchange Online",
        "",
        &["logon failure"],
        "The login failed: a wrong password, POP switched off for the mailbox, or a login by password that is no longer allowed (OAuth is wanted).",
        "認証に失敗しました。パスワードの誤り、POP の無効化、またはパスワード認証の廃止（OAuth が必要）が考えられます。",
    ),
];
