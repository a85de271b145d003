//! The reply codes of SMTP, those of old and rare extensions included, whether or not this server sends them.

use super::{Words, words};

/// Each code: what it means, and where that is written.
pub const CODES: &[(u16, Words, &str)] = &[
    (
        200,
        words(
            "Success, in a form older than SMTP as it is now; no server sends it any more.",
            "現在の SMTP より古い形式の成功応答です。今では使われません。",
        ),
        "RFC 821 section 4.3",
    ),
    (
        211,
        words(
            "System status, or the answer to a HELP about it.",
            "システムの状態、またはそれに関する HELP の応答です。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        214,
        words(
            "Help for the person who types commands.",
            "コマンドを入力する人のためのヘルプです。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        220,
        words(
            "The server is ready; after STARTTLS: encryption may begin.",
            "サーバーの準備ができました。STARTTLS の後では、暗号化を開始できることを示します。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        221,
        words(
            "Goodbye: the server closes the connection because it was asked to.",
            "終了の要求を受けて、サーバーが接続を閉じます。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        235,
        words("The login succeeded.", "認証に成功しました。"),
        "RFC 4954 section 6",
    ),
    (
        250,
        words("Done.", "正常に処理されました。"),
        "RFC 5321 section 4.2.3",
    ),
    (
        251,
        words(
            "The recipient is elsewhere now; the server forwards the mail to the address it names.",
            "受信者は別の場所に移っています。示されたアドレスへサーバーが転送します。",
        ),
        "RFC 5321 section 3.4",
    ),
    (
        252,
        words(
            "Not verified: the server does not say whether the address exists, but would take mail and try.",
            "アドレスの実在は確認していませんが、メールは受け付けて配送を試みます。",
        ),
        "RFC 5321 section 3.5.3",
    ),
    (
        253,
        words(
            "The queue for that host is being run; some messages are waiting (ETRN).",
            "そのホスト宛てのキューの配送を開始しました。待機中のメッセージがあります（ETRN）。",
        ),
        "RFC 1985 section 5",
    ),
    (
        334,
        words(
            "The login goes on: the server sent a question in base64 and waits for the answer.",
            "認証の途中です。サーバーが base64 の問いかけを送り、応答を待っています。",
        ),
        "RFC 4954 section 4",
    ),
    (
        354,
        words(
            "Send the message now; a line with only a dot ends it.",
            "メッセージ本体を送信してください。ドットだけの行で終わります。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        421,
        words(
            "The server closes the connection: it is stopping, busy, or has had enough of this client. Mail servers try again later.",
            "サーバーが接続を閉じます。停止中、混雑、またはクライアントに対する制限が理由です。メールサーバーは後で再送します。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        432,
        words(
            "The account needs one login with its plain password (over TLS) before this way of logging in works. Exchange uses the number when too many connections are open.",
            "この認証方式を使うには、TLS 上でパスワードによるログインを一度行う必要があります。Exchange では同時接続が多すぎる場合に使われます。",
        ),
        "RFC 4954 section 6",
    ),
    (
        450,
        words(
            "Not now: the mailbox cannot take mail at the moment, or a rule of the server puts it off (greylisting, rate limits). Mail servers try again by themselves.",
            "一時的に受け付けられません。メールボックスが使用中か、サーバーの方針（グレイリスト、流量制限など）によるものです。メールサーバーは自動的に再送します。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        451,
        words(
            "Not now: something went wrong on the receiving server. Mail servers try again by themselves.",
            "受信側サーバーの一時的な障害です。メールサーバーは自動的に再送します。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        452,
        words(
            "Not now: too little space, or too many recipients in one message. Mail servers try again by themselves.",
            "一時的に受け付けられません。保存領域の不足、または 1 通あたりの受信者数の超過です。メールサーバーは自動的に再送します。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        453,
        words(
            "There is no mail waiting for the domains asked about (ATRN). Some servers mean: you send too much.",
            "問い合わせたドメイン宛ての待機中のメールはありません（ATRN）。送信量の超過を意味するサーバーもあります。",
        ),
        "RFC 2645 section 5.2.1",
    ),
    (
        454,
        words(
            "Logins or TLS do not work just now. The password is not in doubt.",
            "認証または TLS が一時的に利用できません。パスワードの問題ではありません。",
        ),
        "RFC 4954 section 6",
    ),
    (
        455,
        words(
            "A parameter of MAIL or RCPT cannot be honoured just now.",
            "MAIL または RCPT のパラメーターに一時的に対応できません。",
        ),
        "RFC 5321 section 4.1.1.11",
    ),
    (
        458,
        words(
            "The queue for that host cannot be run just now (ETRN).",
            "そのホスト宛てのキューを現在処理できません（ETRN）。",
        ),
        "RFC 1985 section 5",
    ),
    (
        459,
        words(
            "That host may not have its queue run, for the reason named (ETRN).",
            "そのホストのキュー処理は許可されていません（ETRN）。",
        ),
        "RFC 1985 section 5",
    ),
    (
        500,
        words(
            "The command was not understood: unknown, or the line is too long.",
            "コマンドを認識できません。未知のコマンドか、行が長すぎます。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        501,
        words(
            "The command is known, but what follows it is not right: an address that is misspelled, a value that makes no sense.",
            "コマンドの引数が正しくありません（アドレスの書式の誤りなど）。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        502,
        words(
            "The command is known but not offered here.",
            "コマンドは認識できますが、このサーバーでは提供していません。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        503,
        words(
            "The command came at the wrong moment, often because the one before was refused.",
            "コマンドの順序が正しくありません。直前のコマンドが拒否されたことが原因の場合が多くあります。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        504,
        words(
            "A value of the command is not supported: for AUTH a login method, elsewhere an option. Postfix refuses incomplete host names with it.",
            "指定された値（AUTH の認証方式など）に対応していません。Postfix では不完全なホスト名の拒否にも使われます。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        521,
        words(
            "This server never takes any mail. Look at the domain's MX records.",
            "このサーバーはメールをいっさい受け付けません。ドメインの MX レコードを確認してください。",
        ),
        "RFC 7504 section 3",
    ),
    (
        523,
        words(
            "The message is larger than the server takes; from no standard.",
            "メッセージがサーバーの上限を超えています。標準にはない番号です。",
        ),
        "no RFC",
    ),
    (
        525,
        words(
            "The account is disabled.",
            "アカウントが無効になっています。",
        ),
        "RFC 5248",
    ),
    (
        530,
        words(
            "Log in first, or start TLS first.",
            "先に認証、または TLS の開始が必要です。",
        ),
        "RFC 4954 section 6",
    ),
    (
        534,
        words(
            "This way of logging in is too weak for the account. Gmail: an app password is needed.",
            "このアカウントには弱すぎる認証方式です。Gmail ではアプリ パスワードが必要なことを示します。",
        ),
        "RFC 4954 section 6",
    ),
    (
        535,
        words(
            "The login failed: user name or password are wrong, or the account may not log in this way.",
            "認証に失敗しました。ユーザー名かパスワードが誤っているか、この方法でのログインが許可されていません。",
        ),
        "RFC 4954 section 6",
    ),
    (
        538,
        words(
            "This way of logging in needs TLS first.",
            "この認証方式を使うには、先に TLS を開始する必要があります。",
        ),
        "RFC 4954 section 4",
    ),
    (
        541,
        words(
            "Refused by a rule of the recipient's side, usually its spam filter; from no standard.",
            "受信側の方針（多くは迷惑メール対策）により拒否されました。標準にはない番号です。",
        ),
        "no RFC",
    ),
    (
        550,
        words(
            "Refused: the mailbox does not exist, or a rule of the server does not let the mail in. The enhanced code and the text say which.",
            "拒否されました。メールボックスが存在しないか、サーバーの方針によるものです。どちらかは拡張コードと本文でわかります。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        551,
        words(
            "The recipient is elsewhere now, and the server does not forward; try the address it names.",
            "受信者は別の場所に移っており、転送は行われません。示されたアドレスへ送ってください。",
        ),
        "RFC 5321 section 3.4",
    ),
    (
        552,
        words(
            "Too much: the message is larger than the server takes, or the mailbox is full. Gmail: a forbidden attachment.",
            "容量の超過です。メッセージが大きすぎるか、メールボックスの容量制限に達しています。Gmail では受け付けない添付ファイルの場合もあります。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        553,
        words(
            "The address is not allowed here: a name against the rules, or a sender that is not the user's own.",
            "そのアドレスは使用できません。名前の規則に反しているか、差出人が本人のものではありません。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        554,
        words(
            "Refused, without a better number: the message cannot be taken, or, as the first line of a connection, this client may not connect.",
            "拒否されました。メッセージを受け付けられないか、接続直後であれば、このクライアントの接続自体が拒否されています。",
        ),
        "RFC 5321 section 4.2.3",
    ),
    (
        555,
        words(
            "A parameter of MAIL or RCPT is not known to the server.",
            "MAIL または RCPT のパラメーターにサーバーが対応していません。",
        ),
        "RFC 5321 section 4.1.1.11",
    ),
    (
        556,
        words(
            "The recipient's domain takes no mail and says so in DNS (null MX).",
            "宛先のドメインはメールを受け付けないことを DNS で宣言しています（null MX）。",
        ),
        "RFC 7504 section 4",
    ),
];

/// What a code means, and where that is written.
pub(super) fn meaning(code: u16) -> Option<(Words, &'static str)> {
    let known = CODES.iter().find(|(known, ..)| *known == code);
    known.map(|(_, words, rfc)| (*words, *rfc))
}
