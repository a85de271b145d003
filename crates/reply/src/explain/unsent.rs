//! Codes the catalogue of this product names and this release does not send: never, or not yet.
//!
//! As soon as one has a row it goes from here; a test compares.

use super::{Words, words};
use crate::row::Enhanced;

/// What a code waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Nothing: it is never sent.
    Never,
    /// Sender checks and content filters.
    Policy,
}

impl Waits {
    /// What that means, in words.
    #[must_use]
    pub const fn words(self) -> Words {
        match self {
            Self::Never => words(
                "tegami never sends this.",
                "tegami がこの応答を送ることはありません。",
            ),
            Self::Policy => words(
                "tegami does not send this yet: it belongs to sender checks and content filters, which are to come.",
                "tegami はまだこの応答を送りません。今後対応する送信元の検証・内容の検査機能に属するものです。",
            ),
        }
    }
}

/// A code without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Its id in the catalogue.
    pub id: &'static str,
    /// The reply code.
    pub code: u16,
    /// The enhanced code.
    pub enhanced: Option<Enhanced>,
    /// Why it is not sent.
    pub waits: Waits,
    /// When it would be.
    pub words: Words,
}

const fn unsent(
    id: &'static str,
    code: u16,
    enhanced: Option<(u8, u16, u16)>,
    waits: Waits,
    en: &'static str,
    ja: &'static str,
) -> Unsent {
    let enhanced = match enhanced {
        Some((class, subject, detail)) => Some(Enhanced(class, subject, detail)),
        None => None,
    };
    Unsent {
        id,
        code,
        enhanced,
        waits,
        words: Words { en, ja },
    }
}

use Waits::{Never, Policy};

/// All of them, by code.
pub const UNSENT: &[Unsent] = &[
    unsent(
        "S-200",
        200,
        None,
        Never,
        "A success of times before SMTP; tegami says 250, and takes 200 from others for a success.",
        "SMTP 以前の成功応答です。tegami は 250 を返し、他のサーバーからの 200 は成功として扱います。",
    ),
    unsent(
        "S-241",
        241,
        None,
        Never,
        "A misprint of 214, the answer to HELP, that is found in some lists.",
        "HELP の応答 214 の誤記で、一部の一覧に見られます。",
    ),
    unsent(
        "S-450c",
        450,
        Some((4, 7, 1)),
        Policy,
        "RCPT: SPF is in doubt, so the first try is put off.",
        "RCPT：SPF の結果が疑わしいため、最初の配送を保留します。",
    ),
    unsent(
        "X-13",
        451,
        Some((4, 7, 1)),
        Policy,
        "RCPT: greylisting puts off the first try of a sender that is not known yet.",
        "RCPT：グレイリストにより、初めての送信元を一度保留します。",
    ),
    unsent(
        "X-04",
        451,
        Some((4, 7, 24)),
        Policy,
        "RCPT: SPF could not be evaluated just now.",
        "RCPT：SPF を一時的に評価できません。",
    ),
    unsent(
        "S-503j",
        503,
        None,
        Never,
        "Some servers refuse a second EHLO or HELO so. It is no mistake: tegami answers 250 and begins anew.",
        "2 回目の EHLO・HELO を拒否するサーバーもありますが、誤りではありません。tegami は 250 を返して最初からやり直します。",
    ),
    unsent(
        "S-541",
        541,
        Some((5, 7, 1)),
        Policy,
        "The recipient's rules refuse the message. No standard knows 541; tegami is to say 550 unless configured otherwise.",
        "受信側の方針による拒否です。541 は標準にない番号のため、tegami は特に設定しないかぎり 550 を使います。",
    ),
    unsent(
        "S-550e",
        550,
        Some((5, 7, 1)),
        Policy,
        "RCPT: the sender is on the server's own block list.",
        "RCPT：差出人がサーバーの拒否リストに登録されています。",
    ),
    unsent(
        "S-550h",
        550,
        Some((5, 7, 1)),
        Policy,
        "A content filter takes the message for spam, or found a virus.",
        "内容検査により、迷惑メールまたはウイルスと判定されました。",
    ),
    unsent(
        "S-550i",
        550,
        Some((5, 7, 1)),
        Policy,
        "RCPT: the client stands on a DNS block list.",
        "RCPT：接続元が DNS ブロックリストに登録されています。",
    ),
    unsent(
        "S-550j",
        550,
        Some((5, 7, 1)),
        Policy,
        "The message breaks a rule about content.",
        "内容に関する規則に違反しています。",
    ),
    unsent(
        "S-550k",
        550,
        Some((5, 7, 1)),
        Policy,
        "The subject is blocked.",
        "件名が拒否対象です。",
    ),
    unsent(
        "X-03",
        550,
        Some((5, 7, 23)),
        Policy,
        "RCPT: SPF failed.",
        "RCPT：SPF の検証に失敗しました。",
    ),
    unsent(
        "X-06",
        550,
        Some((5, 7, 26)),
        Policy,
        "The sender's domain asks for refusal (DMARC), and neither SPF nor DKIM passed.",
        "SPF も DKIM も合格せず、差出人ドメインの DMARC ポリシーに従って拒否します。",
    ),
];
