//! What the sender of a message can do, by the subject and detail of the status (RFC 3463): plain words, no blame.
//!
//! What a code means stands in the registry of `reply`; this is what follows from it for somebody who wrote a letter.

use reply::Enhanced;
use reply::explain::Words;

const fn words(en: &'static str, ja: &'static str) -> Words {
    Words { en, ja }
}

/// Where nothing better is known.
const ANYTHING: Words = words(
    "Reach the recipient in another way, or show this report to those who run your mail.",
    "別の方法で相手に連絡するか、この通知をメールの管理者に見せてご相談ください。",
);

const ANOTHER_WAY: Words = words(
    "Reach the recipient in another way, such as by telephone, and ask for an address that works.",
    "電話など別の方法で相手に連絡し、受信できるアドレスを確認してください。",
);

const LATER: Words = words(
    "Send the message again later. If it fails again, reach the recipient in another way.",
    "しばらくしてから、もう一度送信してください。繰り返し失敗する場合は、別の方法で相手に連絡してください。",
);

const SMALLER: Words = words(
    "Send less at once: split the message, or put large files where they can be fetched and send a link.",
    "メールを小さく分けて送るか、大きなファイルは共有サービスなどに置き、リンクを送ってください。",
);

const THEIR_ADMINISTRATORS: Words = words(
    "Only those who run the recipient's mail can put this right. Tell the recipient in another way.",
    "受信側のメールの管理者でなければ解決できません。別の方法で相手に知らせてください。",
);

const OWN_SENDER: Words = words(
    "Check the sender's address in the settings of your mail program. If it is right, show this report to those who run your mail.",
    "メールソフトの差出人アドレスの設定を確認してください。正しい場合は、この通知をメールの管理者に見せてください。",
);

const OWN_ADMINISTRATORS: Words = words(
    "Show this report to those who run your mail: the other side checks senders, and what it found has to be put right there.",
    "この通知をメールの管理者に見せてください。相手側の送信元の検証に合格するよう、送信側の設定を直す必要があります。",
);

const OTHER_FORM: Words = words(
    "Send it in another form: as plain text, or without the attachment.",
    "プレーンテキストにする、添付ファイルを外すなど、別の形式で送信してください。",
);

const ASCII_ADDRESS: Words = words(
    "The recipient's system takes only letters without accents, digits and signs in addresses and headers. Ask the recipient for such an address, and send from one.",
    "受信側は、アドレスやヘッダーに半角英数字と記号しか使えません。そのようなアドレスを相手に確認し、差出人にも同様のアドレスを使ってください。",
);

const REFUSED: Words = words(
    "The other side does not want this message. If its words do not say why, show this report to those who run your mail, or reach the recipient in another way, who can ask for your mail to be let in.",
    "受信側が受け取りを拒否しています。相手サーバーの応答に理由がない場合は、この通知をメールの管理者に見せるか、別の方法で相手に連絡し、受信を許可してもらってください。",
);

/// Where that was said for the time being, every time.
const PUT_OFF: Words = words(
    "The other side put the message off each time and asked to come back later. Reach the recipient in another way, who can ask for your mail to be let in.",
    "受信側から毎回、後で再送するよう求められました。別の方法で相手に連絡し、受信を許可してもらってください。",
);

/// Subject, detail, what to do.
const BY_STATUS: &[(u16, u16, Words)] = &[
    (
        1,
        1,
        words(
            "Check how the part before the @ is spelt. If it is right, reach the recipient in another way and ask for an address that works.",
            "@ の前の部分のつづりを確認してください。正しい場合は、別の方法で相手に連絡し、受信できるアドレスを確認してください。",
        ),
    ),
    (
        1,
        2,
        words(
            "Check how the part behind the @ is spelt. If it is right, reach the recipient in another way.",
            "@ の後ろの部分のつづりを確認してください。正しい場合は、別の方法で相手に連絡してください。",
        ),
    ),
    (
        1,
        3,
        words(
            "Write the address in full, such as name@example.org, without spaces or commas in it.",
            "name@example.org のように、空白や読点を入れずにアドレス全体を入力してください。",
        ),
    ),
    (
        1,
        6,
        words(
            "Ask the recipient for the new address.",
            "新しいアドレスを相手に確認してください。",
        ),
    ),
    (1, 7, OWN_SENDER),
    (1, 8, OWN_SENDER),
    (
        1,
        10,
        words(
            "Check how the part behind the @ is spelt. No mail can be sent to this domain; reach the recipient in another way.",
            "@ の後ろの部分のつづりを確認してください。このドメインにはメールを送れないため、別の方法で相手に連絡してください。",
        ),
    ),
    (2, 1, ANOTHER_WAY),
    (
        2,
        2,
        words(
            "Tell the recipient in another way to make room. Then send the message again.",
            "メールボックスの空きを増やすよう別の方法で相手に伝え、その後もう一度送信してください。",
        ),
    ),
    (2, 3, SMALLER),
    (2, 4, THEIR_ADMINISTRATORS),
    (3, 1, LATER),
    (3, 2, LATER),
    (3, 3, OTHER_FORM),
    (3, 4, SMALLER),
    (3, 5, THEIR_ADMINISTRATORS),
    (4, 1, LATER),
    (4, 2, LATER),
    (4, 3, LATER),
    (
        4,
        4,
        words(
            "Check how the part behind the @ is spelt. If it is right, those who run that domain have to put it right.",
            "@ の後ろの部分のつづりを確認してください。正しい場合は、そのドメインの管理者による対応が必要です。",
        ),
    ),
    (4, 5, LATER),
    (
        4,
        6,
        words(
            "You can do nothing about it: addresses forward mail to each other in a circle. Tell the recipient in another way.",
            "送信者側では解決できません。転送設定が循環しています。別の方法で相手に知らせてください。",
        ),
    ),
    (4, 7, LATER),
    (
        5,
        3,
        words(
            "Send the message to fewer people at once.",
            "一度に送る宛先の数を減らしてください。",
        ),
    ),
    (6, 7, ASCII_ADDRESS),
    (6, 8, ASCII_ADDRESS),
    (6, 9, ASCII_ADDRESS),
    (
        7,
        2,
        words(
            "Ask those who run the list to let you write to it, or write from the address that is its member.",
            "メーリングリストの管理者に投稿の許可を求めるか、登録されているアドレスから送信してください。",
        ),
    ),
    (
        7,
        10,
        words(
            "Nothing was sent without encryption. Reach the recipient in another way, or show this report to those who run your mail.",
            "暗号化なしでは送信していません。別の方法で相手に連絡するか、この通知をメールの管理者に見せてください。",
        ),
    ),
    (7, 20, OWN_ADMINISTRATORS),
    (7, 21, OWN_ADMINISTRATORS),
    (7, 22, OWN_ADMINISTRATORS),
    (7, 23, OWN_ADMINISTRATORS),
    (7, 24, OWN_ADMINISTRATORS),
    (7, 25, OWN_ADMINISTRATORS),
    (7, 26, OWN_ADMINISTRATORS),
    (7, 27, OWN_SENDER),
    (
        7,
        28,
        words(
            "Wait some hours, and send less mail at once.",
            "数時間おいてから、一度に送る量を減らして送信してください。",
        ),
    ),
    (7, 29, OWN_ADMINISTRATORS),
    (
        7,
        30,
        words(
            "You asked that the message travel under encryption all the way, and the next server does not promise it. Send it without that wish if what it says may be read on the way.",
            "全経路の暗号化が指定されていますが、次のサーバーが対応していません。途中で読まれても差し支えない内容であれば、この指定を外して送信してください。",
        ),
    ),
];

/// By the subject alone.
const BY_SUBJECT: &[(u16, Words)] = &[
    (1, ANOTHER_WAY),
    (2, ANOTHER_WAY),
    (3, LATER),
    (4, LATER),
    (6, OTHER_FORM),
    (7, REFUSED),
];

/// What the sender can do about a failure with this status.
pub(crate) fn for_sender(Enhanced(class, subject, detail): Enhanced) -> Words {
    let known = BY_STATUS
        .iter()
        .find(|known| (known.0, known.1) == (subject, detail));
    let general = || BY_SUBJECT.iter().find(|known| known.0 == subject);
    // RFC 3463 section 2: of class 4, nobody has said that the message is not wanted.
    if (class, subject) == (4, 7) && known.is_none() {
        return PUT_OFF;
    }
    known
        .map(|known| known.2)
        .or_else(|| general().map(|known| known.1))
        .unwrap_or(ANYTHING)
}

#[cfg(test)]
mod tests {
    use reply::Enhanced;
    use reply::explain::REGISTRY;

    use super::{ANYTHING, BY_STATUS, BY_SUBJECT, PUT_OFF, for_sender};

    #[test]
    fn advice_is_given_for_registered_codes_once_each() {
        for (at, (subject, detail, _)) in BY_STATUS.iter().enumerate() {
            let registered = REGISTRY.iter().flat_map(|part| part.iter());
            let known = registered
                .filter(|known| (known.0, known.1) == (*subject, *detail))
                .count();
            assert_eq!(known, 1, "x.{subject}.{detail} is not registered");
            let before = &BY_STATUS[..at];
            assert!(
                before
                    .iter()
                    .all(|other| (other.0, other.1) < (*subject, *detail)),
                "x.{subject}.{detail} is out of order"
            );
        }
    }

    #[test]
    fn every_advice_is_there_in_both_languages() {
        let by_status = BY_STATUS.iter().map(|known| known.2);
        let by_subject = BY_SUBJECT.iter().map(|known| known.1);
        for words in by_status.chain(by_subject).chain([ANYTHING, PUT_OFF]) {
            assert!(
                words.en.is_ascii() && words.en.ends_with('.'),
                "{}",
                words.en
            );
            assert!(
                !words.ja.is_ascii() && words.ja.ends_with('。'),
                "{}",
                words.ja
            );
        }
    }

    #[test]
    fn the_most_precise_advice_wins() {
        let says = |subject, detail| for_sender(Enhanced(5, subject, detail)).en;
        assert!(says(1, 1).starts_with("Check how the part before"));
        assert!(says(1, 999).starts_with("Reach the recipient in another way, such"));
        let refused = says(7, 509);
        assert!(refused.starts_with("The other side does not want"));
        // That may be a smarthost of ours.
        assert!(refused.contains("show this report to those who run your mail"));
        let put_off = for_sender(Enhanced(4, 7, 1)).en;
        assert!(put_off.starts_with("The other side put the message off"));
        assert_eq!(says(0, 0), ANYTHING.en);
        assert_eq!(says(9, 9), ANYTHING.en);
    }
}
