//! Headings and introductions of the documents, in both languages.

use crate::explain::Words;
use crate::language::Language;
use crate::row::{Row, Status};

/// One group of replies: heading, introduction, and which rows belong to it.
pub(super) struct Chapter {
    pub(super) heading: Words,
    pub(super) introduction: Words,
    pub(super) holds: fn(&Row) -> bool,
}

pub(super) const CHAPTERS: [Chapter; 5] = [
    Chapter {
        heading: Words {
            en: "SMTP: done, or go on",
            ja: "SMTP：成功・続行",
        },
        introduction: Words {
            en: "Codes that begin with 2 or 3. Mail programs act on them by themselves.",
            ja: "2 または 3 で始まる応答です。メールソフトが自動的に処理します。",
        },
        holds: |row| matches!(row.status, Status::Smtp(..=399, _)),
    },
    Chapter {
        heading: Words {
            en: "SMTP: not now",
            ja: "SMTP：一時的なエラー",
        },
        introduction: Words {
            en: "Codes that begin with 4. The same thing may work later; mail servers retry for days.",
            ja: "4 で始まる応答です。時間をおけば成功する可能性があり、メールサーバーは数日間再送を続けます。",
        },
        holds: |row| matches!(row.status, Status::Smtp(400..=499, _)),
    },
    Chapter {
        heading: Words {
            en: "SMTP: no",
            ja: "SMTP：恒久的なエラー",
        },
        introduction: Words {
            en: "Codes that begin with 5. Trying again without a change will not help.",
            ja: "5 で始まる応答です。何かを変えないかぎり、再送しても成功しません。",
        },
        holds: |row| matches!(row.status, Status::Smtp(500.., _)),
    },
    Chapter {
        heading: Words {
            en: "POP3: yes",
            ja: "POP3：成功",
        },
        introduction: Words {
            en: "Replies that begin with `+`. Mail programs act on them by themselves.",
            ja: "`+` で始まる応答です。メールソフトが自動的に処理します。",
        },
        holds: |row| matches!(row.status, Status::Ok | Status::Continue),
    },
    Chapter {
        heading: Words {
            en: "POP3: no",
            ja: "POP3：エラー",
        },
        introduction: Words {
            en: "Replies that begin with `-ERR`. A word in brackets tells the mail program what kind of refusal it is; \
                 [the list of all codes](CODES.md#pop3) says what each means.",
            ja: "`-ERR` で始まる応答です。角かっこの中の語は、拒否の種類をメールソフトに伝えます。\
                 意味は[コードの一覧](CODES.ja.md#pop3)にあります。",
        },
        holds: |row| matches!(row.status, Status::Err(_)),
    },
];

/// What stands around the entries.
pub(super) struct Frame {
    pub(super) title: &'static str,
    pub(super) introduction: &'static str,
    pub(super) index: &'static str,
    pub(super) code: &'static str,
    pub(super) replies: &'static str,
    pub(super) in_japanese: &'static str,
    pub(super) when: &'static str,
    pub(super) why: &'static str,
    pub(super) what_to_do: &'static str,
}

pub(super) fn words(language: Language) -> &'static Frame {
    match language {
        Language::English => &ENGLISH,
        Language::Japanese => &JAPANESE,
    }
}

const ENGLISH: Frame = Frame {
    title: "Replies",
    introduction: "<!-- Written by `cargo xtask replies` from crates/reply; edit the rows there. -->\n\n\
                   [日本語](REPLIES.ja.md) | [Codes of every server](CODES.md)\n\n\
                   Every line tegami can answer over SMTP and POP3: when it comes, why, and what to do. Words in braces are\n\
                   filled in at run time. The three dotted numbers are the enhanced code of RFC 3463. The id at the end of an\n\
                   entry is what the log shows with a refusal, and at level debug with every reply; `REPLIES.md#s-550a` links to the entry of S-550a, for as long as there is a\n\
                   tegami. POP3 clients that say `LANG ja` read the texts in Japanese. `tegami explain` says all this at the\n\
                   command line. [PROOF.md](PROOF.md) says what proves each of them.",
    index: "By code",
    code: "Code",
    replies: "Replies",
    in_japanese: "In Japanese: ",
    when: "When: ",
    why: "Why: ",
    what_to_do: "What to do: ",
};

const JAPANESE: Frame = Frame {
    title: "応答一覧",
    introduction: "<!-- Written by `cargo xtask replies` from crates/reply; edit crates/reply/src/japanese. -->\n\n\
                   [English](REPLIES.md) | [すべてのサーバーのコード](CODES.ja.md)\n\n\
                   tegami が SMTP と POP3 で返すすべての応答について、どのようなときに送られるか、その原因、対処方法をまとめて\
                   います。波かっこの中の語は、実行時に実際の値に置き換わります。ドットで区切られた 3 つの数字は、RFC 3463 の拡張\
                   コードです。各項目の末尾の ID は、ログに表示されるものと同じです（拒否の応答は通常のログに、それ以外は debug レベルで記録されます）。たとえば `REPLIES.ja.md#s-550a` で、S-550a の\
                   項目に直接リンクできます。`LANG ja` を送った POP3 クライアントには、日本語の文面を返します。コマンドラインでは \
                   `tegami explain` で同じ説明を表示できます。\n\
                   各応答の検証方法は [PROOF.md](PROOF.md)（英語）にあります。",
    index: "コード別の索引",
    code: "コード",
    replies: "応答",
    in_japanese: "日本語の文面：",
    when: "状況：",
    why: "原因：",
    what_to_do: "対処：",
};
