//! The sentences of a report, in English and Japanese. `{}` stands for what is filled in.

use reply::Language;
use reply::explain::Words;

use crate::facts::Action;
use crate::whom::Whom;

const fn words(en: &'static str, ja: &'static str) -> Words {
    Words { en, ja }
}

pub(crate) const FROM: Words = words("Mail system of {}", "メールシステム {}");
pub(crate) const OPENING: Words = words(
    "This is the mail system of {}. It writes to you about the message that it took from you on {}.",
    "{} のメールシステムです。{} にお預かりしたメールについてお知らせします。",
);
pub(crate) const OPENING_POSTMASTER: Words = words(
    "This is the mail system of {}. A message without a return address, taken in on {}, could not be delivered. Most such messages are reports of failure themselves: mail came that could not be delivered, nor could its sender be told. You hear of it because there is nobody else to tell.",
    "{} のメールシステムです。{} に受け付けた、返送先のないメールを配送できませんでした。このようなメールの多くは不達通知です。元のメールを配送できず、差出人への通知もできなかったため、管理者にお知らせします。",
);
pub(crate) const OPENING_UNTOLD: Words = words(
    "This is the mail system of {}. A message from {}, taken in on {}, could not be delivered, and its sender could not be told: no report can be put into that mailbox. You hear of it because there is nobody else to tell.",
    "{} のメールシステムです。{} からのメール（{} に受け付け）を配送できませんでした。差出人のメールボックスに不達通知を入れることができなかったため、管理者にお知らせします。",
);
pub(crate) const SUBJECT_UNTOLD: Words = words(
    "A message could not be delivered, nor its sender told",
    "メールを配送できず、差出人にも通知できませんでした",
);
pub(crate) const OPENING_LIST: Words = words(
    "This is the mail system of {}. It writes to you because you look after the mailing list {}. It is about members' copies of a post that was taken in on {}.",
    "{} のメールシステムです。メーリングリスト {} を管理されている方にお送りしています。{} に受け付けた投稿の、メンバーへの配送についてお知らせします。",
);
pub(crate) const LIST_REMEDY: Words = words(
    "What you can do: nothing, if it happens now and then. Take whoever has no such address any more off the list; the administrator of the server types:",
    "対処方法：時折届く程度であれば、対応は不要です。宛先がもう使われていない場合は、そのメンバーをリストから外してください。サーバーの管理者が入力するコマンド：",
);
pub(crate) const REFERENCE: Words = words("You gave it the reference: {}", "送信時の識別名：{}");
pub(crate) const WROTE_TO: Words = words("(you wrote to {})", "（送信時の宛先：{}）");
pub(crate) const WRITTEN_TO: Words = words("(written to {})", "（送信時の宛先：{}）");
pub(crate) const HAPPENED: Words = words("What happened: {} ({})", "原因：{}（{}）");
pub(crate) const UNKNOWN: Words = words("The reason was not given.", "理由は示されていません。");
pub(crate) const ALLOWANCE: Words = words(
    "Your account has reached how much it may send a day, so the message has not been sent. Sending goes on after midnight UTC.",
    "お使いのアカウントが 1 日に送信できる数に達したため、メールを送信できませんでした。送信は協定世界時（UTC）の午前 0 時以降に再開されます。",
);
pub(crate) const ALLOWANCE_REMEDY: Words = words(
    "Send the message again after midnight UTC, or ask the administrator for a higher limit.",
    "協定世界時（UTC）の午前 0 時以降にもう一度送信するか、管理者に上限の引き上げを依頼してください。",
);
pub(crate) const GREYLISTED: Words = words(
    "The other side puts off mail of senders it does not know yet and asks to come back later (greylisting), which mail servers do by themselves.",
    "受信側が、初めての送信元からのメールを一時的に保留し、後で再送するよう求めています（グレイリスト）。メールサーバーは自動的に再送します。",
);
pub(crate) const UNTRIED: Words = words(
    "No server could be tried in that time.",
    "その間、どのサーバーにも配送を試みることができませんでした。",
);
pub(crate) const BEHIND: Words = words(
    "What was in the way: {} ({})",
    "配送を妨げていたもの：{}（{}）",
);
pub(crate) const MEANT: Words = words(
    "These words are known from {}, where they mean: {}",
    "この文言は {} で使われており、次の意味です：{}",
);
pub(crate) const SAID: Words = words("The server {} said:", "サーバー {} の応答：");
pub(crate) const SILENT: Words = words("The server that was tried: {}", "接続を試みたサーバー：{}");
pub(crate) const REMEDY: Words = words("What you can do: {}", "対処方法：{}");
pub(crate) const TRIED: Words = words("Last tried on {}.", "最後に配送を試みた日時：{}");
pub(crate) const UNTIL: Words = words("We keep trying until {}.", "{}まで自動的に再送を続けます。");
pub(crate) const ON: Words = words("We keep trying.", "自動的に再送を続けます。");
pub(crate) const TOLD: Words = words(
    "If it does not work in the end, you get another report.",
    "最終的に配送できなければ、あらためてお知らせします。",
);
pub(crate) const POSTMASTER_REMEDY: Words = words(
    "What you can do: nothing, if it happens now and then. If there are many of these, somebody sends mail with forged sender's addresses: have it refused before it is accepted.",
    "対処方法：時折届く程度であれば、対応は不要です。多い場合は、差出人を偽装した迷惑メールが原因です。受信時に拒否するよう設定してください。",
);
pub(crate) const UNTOLD_REMEDY: Words = words(
    "What you can do: look at the mailbox of the sender, which may be full or gone, and tell the sender in another way.",
    "対処方法：差出人のメールボックスを確認してください（容量超過、または削除済みの可能性があります）。配送できなかったことは、別の方法で差出人に伝えてください。",
);
pub(crate) const WHOLE: Words = words("Your message is attached.", "元のメールを添付します。");
pub(crate) const HEADER: Words = words(
    "The header of your message is attached (its subject, date and the like), not its text.",
    "元のメールのヘッダー（件名や日付など）を添付します。本文は含みません。",
);
pub(crate) const WHOLE_POSTMASTER: Words =
    words("The message is attached.", "元のメールを添付します。");
pub(crate) const HEADER_POSTMASTER: Words = words(
    "The header of the message is attached.",
    "元のメールのヘッダーを添付します。",
);

/// The subject, by the gravest action.
pub(crate) const fn subject(whom: Whom, action: Action) -> Words {
    match (whom, action) {
        (Whom::Postmaster, _) => words(
            "A message without a return address could not be delivered",
            "返送先のないメールを配送できませんでした",
        ),
        (Whom::Sender | Whom::Nobody, Action::Failed) => words(
            "Your message could not be delivered",
            "メールを配送できませんでした",
        ),
        (Whom::Sender | Whom::Nobody, Action::Delayed) => words(
            "Your message is delayed, we keep trying",
            "メールの配送が遅れています（再送を続けます）",
        ),
        (Whom::Sender | Whom::Nobody, Action::Delivered) => {
            words("Your message was delivered", "メールを配送しました")
        }
        (Whom::Sender | Whom::Nobody, Action::Relayed) => words(
            "Your message was passed on",
            "メールを次のサーバーへ中継しました",
        ),
        (Whom::Sender | Whom::Nobody, Action::Expanded) => words(
            "Your message was passed on to several recipients",
            "メールを複数の宛先へ転送しました",
        ),
    }
}

/// The subject, where a list is what it is about. Nobody hears of its successes (RFC 3461 section 5.2.7).
pub(crate) const fn list_subject(action: Action) -> Option<Words> {
    match action {
        Action::Failed => Some(words(
            "A post to your mailing list could not be delivered to everybody",
            "メーリングリストの投稿を一部のメンバーに配送できませんでした",
        )),
        Action::Delayed => Some(words(
            "A post to your mailing list is delayed, we keep trying",
            "メーリングリストの投稿の配送が遅れています（再送を続けます）",
        )),
        Action::Delivered | Action::Relayed | Action::Expanded => None,
    }
}

/// What happened to the members of a list that follow.
pub(crate) const fn list_heading(action: Action) -> Option<Words> {
    match action {
        Action::Failed => Some(words(
            "The post COULD NOT BE DELIVERED to the following members. Nothing more will be tried:",
            "【配送できませんでした】次のメンバーに投稿を配送できませんでした。これ以上の再送は行いません。",
        )),
        Action::Delayed => Some(words(
            "The post has NOT YET been delivered to the following members. It need not be sent again:",
            "【配送が遅れています】次のメンバーにはまだ投稿を配送できていません。送り直す必要はありません。",
        )),
        Action::Delivered | Action::Relayed | Action::Expanded => None,
    }
}

/// What happened to the addresses that follow.
pub(crate) const fn heading(whom: Whom, action: Action) -> Words {
    match (whom, action) {
        (Whom::Postmaster, _) => words(
            "It could not be delivered to the following. Nothing more will be tried:",
            "次の宛先に配送できませんでした。これ以上の再送は行いません。",
        ),
        (Whom::Sender | Whom::Nobody, Action::Failed) => words(
            "Your message COULD NOT BE DELIVERED to the following. Nothing more will be tried:",
            "【配送できませんでした】次の宛先に配送できませんでした。これ以上の再送は行いません。",
        ),
        (Whom::Sender | Whom::Nobody, Action::Delayed) => words(
            "Your message has NOT YET been delivered to the following. You need not send it again:",
            "【配送が遅れています】次の宛先にはまだ配送できていません。送り直す必要はありません。",
        ),
        (Whom::Sender | Whom::Nobody, Action::Delivered) => words(
            "Your message WAS DELIVERED to the following, as you wished to be told. Whether it has been read is not known:",
            "【配送しました】ご希望により、次の宛先に配送したことをお知らせします。開封されたかどうかは分かりません。",
        ),
        (Whom::Sender | Whom::Nobody, Action::Relayed) => words(
            "Your message WAS PASSED ON for the following, to a mail system that does not report when it delivers. We shall hear no more of it:",
            "【中継しました】次の宛先へのメールを、配送結果を通知しないサーバーに渡しました。以後の結果は分かりません。",
        ),
        (Whom::Sender | Whom::Nobody, Action::Expanded) => words(
            "Your message WAS DELIVERED to the following, which passes it on to several others. You are not told about each of those:",
            "【転送しました】次の宛先に配送し、そこから複数の宛先へ転送しました。それぞれの結果はお知らせしません。",
        ),
    }
}

/// The words in this language, their gaps filled in order. What is filled in is not looked at for gaps.
pub(crate) fn fill(words: Words, language: Language, given: &[&str]) -> String {
    let mut given = given.iter();
    let mut parts = words.in_language(language).split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(given.next().copied().unwrap_or_default());
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use reply::Language;
    use reply::explain::Words;

    use super::*;

    fn all() -> Vec<Words> {
        let mut all = vec![
            FROM,
            OPENING,
            OPENING_POSTMASTER,
            OPENING_UNTOLD,
            SUBJECT_UNTOLD,
            UNTOLD_REMEDY,
            REFERENCE,
            WROTE_TO,
            WRITTEN_TO,
            HAPPENED,
            UNKNOWN,
            ALLOWANCE,
            ALLOWANCE_REMEDY,
            GREYLISTED,
            UNTRIED,
            BEHIND,
            MEANT,
            SAID,
            SILENT,
            REMEDY,
            TRIED,
            UNTIL,
            ON,
            TOLD,
            POSTMASTER_REMEDY,
            WHOLE,
            HEADER,
            WHOLE_POSTMASTER,
            HEADER_POSTMASTER,
        ];
        for whom in [Whom::Sender, Whom::Postmaster] {
            for action in Action::ALL {
                all.extend([subject(whom, action), heading(whom, action)]);
            }
        }
        all
    }

    #[test]
    fn both_languages_say_it_with_the_same_gaps() {
        for words in all() {
            assert!(words.en.is_ascii(), "{}", words.en);
            assert!(!words.ja.is_ascii(), "{}", words.ja);
            let gaps = |text: &str| text.matches("{}").count();
            assert_eq!(gaps(words.en), gaps(words.ja), "{}", words.en);
        }
    }

    #[test]
    fn gaps_are_filled_once() {
        let filled = fill(HAPPENED, Language::English, &["a {} b", "c"]);
        assert_eq!(filled, "What happened: a {} b (c)");
    }
}
