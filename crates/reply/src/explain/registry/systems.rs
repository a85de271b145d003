//! x.3, x.4 and x.5: mail systems, the network, the conversation between servers.

use super::super::words;
use super::Registered;

pub(super) const CODES: &[Registered] = &[
    (
        3,
        0,
        words(
            "Something about the receiving system is not right.",
            "受信側のメールシステムに何らかの問題があります。",
        ),
        "RFC 3463 section 3.4",
    ),
    (
        3,
        1,
        words(
            "The system has no room left for mail.",
            "受信側のシステムの保存領域が不足しています。",
        ),
        "RFC 3463 section 3.4",
    ),
    (
        3,
        2,
        words(
            "The system takes no mail: it is being stopped, maintained, or never takes any.",
            "受信側のシステムがメールを受け付けていません（停止中、保守中など）。",
        ),
        "RFC 3463 section 3.4",
    ),
    (
        3,
        3,
        words(
            "The system cannot do what the message asks for.",
            "メッセージに必要な機能に、受信側が対応していません。",
        ),
        "RFC 3463 section 3.4",
    ),
    (
        3,
        4,
        words(
            "The message is larger than the system takes.",
            "メッセージが、受信側のシステムの上限を超えています。",
        ),
        "RFC 3463 section 3.4",
    ),
    (
        3,
        5,
        words(
            "The system is configured wrongly for this mail.",
            "受信側のシステムの設定に誤りがあります。",
        ),
        "RFC 3463 section 3.4",
    ),
    (
        3,
        6,
        words(
            "The message was taken with another priority than was asked for.",
            "要求とは異なる優先度で受け付けられました。",
        ),
        "RFC 6710",
    ),
    (
        4,
        0,
        words(
            "Something about the network or the route is not right.",
            "ネットワークまたは配送経路に何らかの問題があります。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        1,
        words(
            "The other server does not answer: it is down or cannot be reached.",
            "相手のサーバーから応答がありません。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        2,
        words(
            "The connection broke off or fell silent.",
            "接続が途中で切れたか、応答が途絶えました。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        3,
        words(
            "DNS, or another directory that is needed, does not answer.",
            "DNS などの名前解決ができません。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        4,
        words(
            "Nobody knows how to get the mail there: no server is listed for the domain, or none that mail can be sent to.",
            "配送経路が見つかりません（ドメインの配送先サーバーが登録されていないか、送信できる配送先がありません）。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        5,
        words(
            "The mail system has too much to do.",
            "メールシステムが混雑しています。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        6,
        words(
            "The message goes round in circles between servers.",
            "メールがサーバー間を循環しています（ループ）。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        4,
        7,
        words(
            "The message could not be delivered in the time it had.",
            "期限内に配送できませんでした。",
        ),
        "RFC 3463 section 3.5",
    ),
    (
        5,
        0,
        words(
            "Something in the conversation between the servers went wrong.",
            "サーバー間のやり取りに何らかの問題があります。",
        ),
        "RFC 3463 section 3.6",
    ),
    (
        5,
        1,
        words(
            "The command is not known, or came at the wrong moment.",
            "コマンドが無効か、順序が正しくありません。",
        ),
        "RFC 3463 section 3.6",
    ),
    (
        5,
        2,
        words(
            "The command could not be read.",
            "コマンドの構文が正しくありません。",
        ),
        "RFC 3463 section 3.6",
    ),
    (
        5,
        3,
        words(
            "One message may not have so many recipients.",
            "1 通あたりの受信者数が多すぎます。",
        ),
        "RFC 3463 section 3.6",
    ),
    (
        5,
        4,
        words(
            "What follows the command is not right, or not supported.",
            "コマンドの引数が正しくないか、対応していません。",
        ),
        "RFC 3463 section 3.6",
    ),
    (
        5,
        5,
        words(
            "The servers do not speak the same version of the protocol.",
            "プロトコルのバージョンが一致しません。",
        ),
        "RFC 3463 section 3.6",
    ),
    (
        5,
        6,
        words(
            "A line of the login exchange is too long.",
            "認証のやり取りの行が長すぎます。",
        ),
        "RFC 4954 section 6",
    ),
];
