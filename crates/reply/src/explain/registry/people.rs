//! x.0, x.1 and x.2: nothing in particular, addresses, mailboxes.

use super::super::words;
use super::Registered;

pub(super) const CODES: &[Registered] = &[
    (
        0,
        0,
        words(
            "Something happened for which there is no better number.",
            "ほかに当てはまる番号のない状態です。",
        ),
        "RFC 3463 section 3.1",
    ),
    (
        1,
        0,
        words(
            "Something about the address is not right.",
            "アドレスに何らかの問題があります。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        1,
        words(
            "No such mailbox: the part before the @ does not exist there.",
            "宛先のメールボックスが存在しません（@ の前の部分の誤りです）。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        2,
        words(
            "No such domain, or it takes no mail: the part behind the @ is wrong.",
            "宛先のドメインが存在しないか、メールを受け付けません（@ の後ろの部分の誤りです）。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        3,
        words(
            "The recipient's address is not written as an address.",
            "受信者アドレスの書式が正しくありません。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        4,
        words(
            "The name fits several recipients.",
            "名前に該当する受信者が複数あります。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        5,
        words(
            "The recipient's address is good.",
            "受信者アドレスは有効です。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        6,
        words(
            "The mailbox has moved, and mail is not forwarded.",
            "メールボックスは移転しており、転送は行われません。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        7,
        words(
            "The sender's address is not written as an address.",
            "差出人アドレスの書式が正しくありません。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        8,
        words(
            "The sender's domain does not exist, or takes no mail.",
            "差出人のドメインが存在しないか、メールを受け付けません。",
        ),
        "RFC 3463 section 3.2",
    ),
    (
        1,
        9,
        words(
            "The message was passed on to a system that does not speak all of these standards; no further report may come.",
            "標準に完全には準拠していないシステムへ中継されました。以後の配送通知は届かないことがあります。",
        ),
        "RFC 3886",
    ),
    (
        1,
        10,
        words(
            "The domain takes no mail at all and says so in DNS (null MX).",
            "宛先のドメインは、メールを受け付けないことを DNS で宣言しています（null MX）。",
        ),
        "RFC 7505 section 4.1",
    ),
    (
        2,
        0,
        words(
            "Something about the mailbox is not right.",
            "メールボックスに何らかの問題があります。",
        ),
        "RFC 3463 section 3.3",
    ),
    (
        2,
        1,
        words(
            "The mailbox exists but is switched off or does not take mail.",
            "メールボックスは存在しますが、停止中または受信できない状態です。",
        ),
        "RFC 3463 section 3.3",
    ),
    (
        2,
        2,
        words(
            "The mailbox is full.",
            "メールボックスの容量がいっぱいです。",
        ),
        "RFC 3463 section 3.3",
    ),
    (
        2,
        3,
        words(
            "The message is larger than this mailbox takes, even when it is empty.",
            "メッセージが、このメールボックスで受信できる大きさを超えています。",
        ),
        "RFC 3463 section 3.3",
    ),
    (
        2,
        4,
        words(
            "The address is a list whose members could not be found out.",
            "メーリングリストの宛先を展開できません。",
        ),
        "RFC 3463 section 3.3",
    ),
];
