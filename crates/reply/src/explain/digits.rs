//! What the digits of a code say when nobody knows the code: RFC 5321 section 4.2.1 and RFC 3463 sections 2 and 3.

use super::{Words, words};

/// First digit of a reply code.
pub const FIRST: &[(u16, Words)] = &[
    (
        2,
        words(
            "Done: the command was carried out.",
            "成功です。コマンドは処理されました。",
        ),
    ),
    (
        3,
        words(
            "Go on: the command was understood, and the server waits for the rest of it.",
            "続行です。コマンドは受け付けられ、サーバーは続きのデータを待っています。",
        ),
    ),
    (
        4,
        words(
            "Not now: the refusal is temporary, and the same thing may work later. Mail servers try again by themselves, usually for some days.",
            "一時的なエラーです。時間をおけば同じ操作が成功する可能性があります。メールサーバーは通常、数日間にわたって自動的に再送します。",
        ),
    ),
    (
        5,
        words(
            "No: the refusal is permanent. The same thing will fail again until something is changed, and mail servers do not retry.",
            "恒久的なエラーです。何かを変えないかぎり、同じ操作は再び失敗します。メールサーバーは再送しません。",
        ),
    ),
];

/// Second digit of a reply code.
pub const SECOND: &[(u16, Words)] = &[
    (
        0,
        words(
            "About the command itself: how it is written, or whether the server knows it.",
            "コマンドの書き方、またはサーバーがそのコマンドに対応しているかどうかに関する応答です。",
        ),
    ),
    (
        1,
        words(
            "An answer to a question, such as HELP.",
            "HELP などの問い合わせに対する情報です。",
        ),
    ),
    (
        2,
        words("About the connection.", "接続（通信路）に関する応答です。"),
    ),
    (
        3,
        words(
            "Not assigned by the basic standard; extensions use it for logins and encryption.",
            "基本仕様では割り当てられていません。拡張仕様では認証や暗号化に使われています。",
        ),
    ),
    (
        4,
        words(
            "Not assigned by any standard.",
            "どの標準でも割り当てられていません。",
        ),
    ),
    (
        5,
        words(
            "About the mail system: mailboxes, storage, messages, rules of the receiving side.",
            "受信側のメールシステム（メールボックス、保存領域、メッセージ、受信側の方針）に関する応答です。",
        ),
    ),
];

/// First number of an enhanced code.
pub const CLASSES: &[(u8, Words)] = &[
    (2, words("Success.", "成功です。")),
    (
        4,
        words(
            "Temporary: the message is in order, but something does not work just now. Sending it later may succeed.",
            "一時的な失敗です。メッセージ自体に問題はなく、後で再送すれば届く可能性があります。",
        ),
    ),
    (
        5,
        words(
            "Permanent: sending the message again as it is will not help.",
            "恒久的な失敗です。同じメッセージをそのまま再送しても届きません。",
        ),
    ),
];

/// Second number of an enhanced code: what the trouble is about.
pub const SUBJECTS: &[(u16, Words)] = &[
    (
        0,
        words(
            "Nothing more precise is known about the subject.",
            "分類は特に示されていません。",
        ),
    ),
    (
        1,
        words(
            "About an address, of the sender or of a recipient: how it is written, or whether it exists.",
            "アドレス（差出人または受信者）の書式や存在に関するものです。",
        ),
    ),
    (
        2,
        words(
            "About the recipient's mailbox: full, disabled, restricted.",
            "受信者のメールボックスの状態（容量超過、停止、制限など）に関するものです。",
        ),
    ),
    (
        3,
        words(
            "About the receiving mail system as a whole: its storage, its settings, what it can do.",
            "受信側のメールシステム全体（保存領域、設定、対応機能）に関するものです。",
        ),
    ),
    (
        4,
        words(
            "About the network and the way there: DNS, connections, loops, time run out.",
            "ネットワークや配送経路（DNS、接続、ループ、期限切れ）に関するものです。",
        ),
    ),
    (
        5,
        words(
            "About the conversation between the two servers: commands and their order.",
            "サーバー間のやり取り（コマンドやその順序）に関するものです。",
        ),
    ),
    (
        6,
        words(
            "About the content of the message: its form, its encoding, its character set.",
            "メッセージの内容（形式、符号化、文字コード）に関するものです。",
        ),
    ),
    (
        7,
        words(
            "About security and policy: logins, encryption, sender checks, spam rules.",
            "セキュリティや運用方針（認証、暗号化、送信元の検証、迷惑メール対策）に関するものです。",
        ),
    ),
];
