//! Exim, also as web hosting panels ship it; it sends few enhanced codes.

use super::{Elsewhere, plainly};

const EXIM: &str = "Exim";

pub(super) const SAYS: &[Elsewhere] = &[
    plainly(
        EXIM,
        421,
        &["too many"],
        "Too many connections, or too much load, at the moment. Mail servers retry by themselves.",
        "接続数または負荷が一時的に上限を超えています。メールサーバーは自動的に再送します。",
    ),
    plainly(
        EXIM,
        451,
        &[
            "temporary local problem",
            "could not complete sender verify",
            "greylist",
        ],
        "A passing fault there: a lookup failed, the sender could not be verified yet, or greylisting puts the first try off. Mail servers retry by themselves.",
        "受信側の一時的な問題です（参照の失敗、差出人確認の保留、グレイリストなど）。メールサーバーは自動的に再送します。",
    ),
    plainly(
        EXIM,
        501,
        &["helo argument", "syntactically invalid"],
        "The name in EHLO or HELO is not a proper host name (often one with an underscore). Set the host name of the sending machine right.",
        "EHLO・HELO の名前が正しいホスト名ではありません（アンダースコアを含む場合など）。送信側のホスト名を修正してください。",
    ),
    plainly(
        EXIM,
        503,
        &["must precede data", "valid rcpt"],
        "Every recipient was refused before, so there is nobody to send to; or the client confused the order of commands.",
        "すべての受信者が先に拒否されたか、コマンドの順序が誤っています。",
    ),
    plainly(
        EXIM,
        535,
        &["incorrect authentication data"],
        "The user name or the password is wrong.",
        "ユーザー名またはパスワードが正しくありません。",
    ),
    plainly(
        EXIM,
        550,
        &[
            "relay not permitted",
            "relaying denied",
            "is not permitted to relay",
            "unable to relay",
        ],
        "The server does not pass on mail for this client. Switch on authentication for the outgoing server; or the MX record points at a server that does not know the domain.",
        "このクライアントからの中継は許可されていません。送信サーバーの認証を有効にしてください。または、MX レコードの示すサーバーにそのドメインが登録されていません。",
    ),
    plainly(
        EXIM,
        550,
        &[
            "unrouteable address",
            "no such person",
            "no such user",
            "unknown user",
        ],
        "Nobody of that name has a mailbox there.",
        "その名前のメールボックスは存在しません。",
    ),
    plainly(
        EXIM,
        550,
        &["sender verify failed", "verification failed"],
        "The server asked whether the sender's address exists and was told no. Use a From address that takes mail.",
        "差出人アドレスの実在を確認できませんでした。メールを受信できる差出人アドレスを使ってください。",
    ),
    plainly(
        EXIM,
        550,
        &["black list", "blacklist", "blocklist", "listed at"],
        "The sending address stands on the DNS block list named in the text; that list's page says why, and how to be removed.",
        "送信元 IP アドレスが、本文に示された DNS ブロックリストに登録されています。そのリストのページで理由と解除方法を確認してください。",
    ),
    plainly(
        EXIM,
        550,
        &["invalid helo"],
        "The name in EHLO or HELO is a bare address, the receiver's own name, or no full name.",
        "EHLO・HELO の名前が IP アドレスそのもの、受信側の名前、または完全でない名前です。",
    ),
    plainly(
        EXIM,
        552,
        &["message size exceeds", "maximum permitted"],
        "The message is larger than the server takes.",
        "メッセージがサーバーの受信サイズの上限を超えています。",
    ),
    plainly(
        EXIM,
        554,
        &["synchronization error"],
        "The client spoke before it was its turn, as many spam programs do.",
        "クライアントがサーバーの応答を待たずに送信しました。迷惑メール送信プログラムによく見られる動作です。",
    ),
];
