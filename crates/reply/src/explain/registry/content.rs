//! x.6 and x.7: what is in the message, security and policy.

use super::super::words;
use super::Registered;

pub(super) const CODES: &[Registered] = &[
    (
        6,
        0,
        words(
            "Something about the content of the message is not right.",
            "メッセージの内容に何らかの問題があります。",
        ),
        "RFC 3463 section 3.7",
    ),
    (
        6,
        1,
        words(
            "The content is of a kind that the way there or the recipient does not support.",
            "内容の形式に、配送経路または受信者側が対応していません。",
        ),
        "RFC 3463 section 3.7",
    ),
    (
        6,
        2,
        words(
            "The content would have to be converted, which is forbidden.",
            "内容の変換が必要ですが、変換が禁止されています。",
        ),
        "RFC 3463 section 3.7",
    ),
    (
        6,
        3,
        words(
            "The content would have to be converted, which this server cannot do.",
            "内容の変換が必要ですが、このサーバーでは変換できません。",
        ),
        "RFC 3463 section 3.7",
    ),
    (
        6,
        4,
        words(
            "The content was converted, and something was lost.",
            "内容を変換した際に、一部が失われました。",
        ),
        "RFC 3463 section 3.7",
    ),
    (
        6,
        5,
        words(
            "The content should have been converted, and that failed.",
            "内容の変換に失敗しました。",
        ),
        "RFC 3463 section 3.7",
    ),
    (
        6,
        6,
        words(
            "The content of the message cannot be fetched from where it is kept.",
            "メッセージの内容を取得できません。",
        ),
        "RFC 4468",
    ),
    (
        6,
        7,
        words(
            "Addresses with letters beyond ASCII are not permitted for this sender or recipient.",
            "この差出人または受信者では、ASCII 以外の文字を含むアドレスを使えません。",
        ),
        "RFC 6531",
    ),
    (
        6,
        8,
        words(
            "The answer would hold letters beyond ASCII, which the client did not ask for.",
            "応答に ASCII 以外の文字が含まれますが、クライアントが対応を宣言していません。",
        ),
        "RFC 6531",
    ),
    (
        6,
        9,
        words(
            "The header of the message has letters beyond ASCII, and a recipient's system cannot take that.",
            "ヘッダーに ASCII 以外の文字を含むため、一部の受信者へ配送できません。",
        ),
        "RFC 6531",
    ),
    (
        6,
        10,
        words(
            "A double of x.6.8, not to be used any more.",
            "x.6.8 と重複する番号で、現在は使われません。",
        ),
        "RFC 5248",
    ),
    (
        7,
        0,
        words(
            "Something about security or policy stands in the way; the text says what.",
            "セキュリティまたは運用方針による制限です。詳細は本文に示されます。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        1,
        words(
            "Not allowed: a rule of the server refuses this sender, client or recipient.",
            "許可されていません。サーバーの方針により、差出人・接続元・宛先のいずれかが拒否されました。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        2,
        words(
            "The sender may not write to this list.",
            "このメーリングリストへの投稿が許可されていません。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        3,
        words(
            "The message would have to be secured in another way, which cannot be done.",
            "セキュリティ方式の変換が必要ですが、変換できません。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        4,
        words(
            "The security that is asked for is not supported.",
            "要求されたセキュリティ機能に対応していません。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        5,
        words(
            "Something went wrong with encryption or a signature: a key is missing or does not fit.",
            "暗号化または署名の処理に失敗しました（鍵がない、または合わないなど）。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        6,
        words(
            "The method of encryption or signature is not supported.",
            "暗号または署名の方式に対応していません。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        7,
        words(
            "The message was changed on its way, or looks so.",
            "メッセージが途中で改変された可能性があります。",
        ),
        "RFC 3463 section 3.8",
    ),
    (
        7,
        8,
        words(
            "User name or password are wrong.",
            "ユーザー名またはパスワードが正しくありません。",
        ),
        "RFC 4954 section 6",
    ),
    (
        7,
        9,
        words(
            "This way of logging in is too weak for the account.",
            "このアカウントには弱すぎる認証方式です。",
        ),
        "RFC 4954 section 6",
    ),
    (
        7,
        10,
        words(
            "Encryption is needed, and the other side does not offer it.",
            "暗号化が必要ですが、相手側が対応していません。",
        ),
        "RFC 5248",
    ),
    (
        7,
        11,
        words(
            "This way of logging in needs encryption first.",
            "この認証方式には、先に暗号化が必要です。",
        ),
        "RFC 4954 section 6",
    ),
    (
        7,
        12,
        words(
            "The account needs one login with its plain password before this way of logging in works.",
            "この認証方式を使うには、パスワードによるログインを一度行う必要があります。",
        ),
        "RFC 4954 section 6",
    ),
    (
        7,
        13,
        words(
            "The account is disabled; the password may be right.",
            "アカウントが無効になっています（パスワードは正しい可能性があります）。",
        ),
        "RFC 5248",
    ),
    (
        7,
        14,
        words(
            "The server would have to trust another one for this, and does not.",
            "必要な信頼関係が相手のサーバーとの間にありません。",
        ),
        "RFC 5248",
    ),
    (
        7,
        15,
        words(
            "The message's priority is too low to be taken at the moment.",
            "メッセージの優先度が低いため、現在は受け付けられません。",
        ),
        "RFC 6710",
    ),
    (
        7,
        16,
        words(
            "The message is too large for its priority.",
            "指定された優先度に対して、メッセージが大きすぎます。",
        ),
        "RFC 6710",
    ),
    (
        7,
        17,
        words(
            "The mailbox belongs to somebody else than at the date the sender named.",
            "差出人が指定した日付以降に、メールボックスの所有者が変わっています。",
        ),
        "RFC 7293",
    ),
    (
        7,
        18,
        words(
            "The domain belongs to somebody else than at the date the sender named.",
            "差出人が指定した日付以降に、ドメインの所有者が変わっています。",
        ),
        "RFC 7293",
    ),
    (
        7,
        19,
        words(
            "Since when the mailbox has its owner, as the sender asked, cannot be found out.",
            "メールボックスの所有者が変わっていないかどうか、確認できません。",
        ),
        "RFC 7293",
    ),
    (
        7,
        20,
        words(
            "No DKIM signature of the message passes.",
            "有効な DKIM 署名がありません。",
        ),
        "RFC 7372 section 3.1",
    ),
    (
        7,
        21,
        words(
            "The message has a DKIM signature that passes, but none this server accepts.",
            "検証に合格した DKIM 署名はありますが、このサーバーが受け入れるものではありません。",
        ),
        "RFC 7372 section 3.1",
    ),
    (
        7,
        22,
        words(
            "No DKIM signature that passes is of the domain in the From line.",
            "From 欄のドメインによる有効な DKIM 署名がありません。",
        ),
        "RFC 7372 section 3.1",
    ),
    (
        7,
        23,
        words(
            "SPF failed: the sending server is not among those of the sender's domain.",
            "SPF の検証に失敗しました。送信サーバーが差出人ドメインの SPF に含まれていません。",
        ),
        "RFC 7372 section 3.2",
    ),
    (
        7,
        24,
        words(
            "SPF could not be evaluated: the record is faulty, or DNS does not answer.",
            "SPF を評価できません。レコードの誤り、または DNS の障害です。",
        ),
        "RFC 7372 section 3.2",
    ),
    (
        7,
        25,
        words(
            "The sending address has no proper reverse DNS name.",
            "送信元 IP アドレスの逆引き（PTR）が正しく設定されていません。",
        ),
        "RFC 7372 section 3.3",
    ),
    (
        7,
        26,
        words(
            "Several checks of the sender failed, such as SPF and DKIM.",
            "SPF や DKIM など、複数の送信元認証に失敗しました。",
        ),
        "RFC 7372 section 3.4",
    ),
    (
        7,
        27,
        words(
            "The sender's domain takes no mail at all (null MX), so it cannot be answered.",
            "差出人のドメインはメールを受け付けないため（null MX）、返信できません。",
        ),
        "RFC 7505 section 4.2",
    ),
    (
        7,
        28,
        words(
            "Too much mail comes from this sender, or to this recipient, in too short a time.",
            "短時間に大量のメールが送られています。",
        ),
        "RFC 5248",
    ),
    (
        7,
        29,
        words(
            "The chain of ARC seals, by which forwarders vouch for a message, does not hold.",
            "ARC（転送時の認証情報の連鎖）の検証に失敗しました。",
        ),
        "RFC 8617",
    ),
    (
        7,
        30,
        words(
            "The sender asked for TLS all the way (REQUIRETLS), and the next server does not promise that.",
            "差出人が全経路の TLS（REQUIRETLS）を求めていますが、次のサーバーが対応していません。",
        ),
        "RFC 8689",
    ),
];
