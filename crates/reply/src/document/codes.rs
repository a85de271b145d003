//! Codes of every server as a document: what their digits say, what is registered, what others mean by them.

use std::fmt::Write as _;

use crate::explain::{
    CLASSES, CODES, ELSEWHERE, FIRST, REGISTRY, RESPONSES, SECOND, SUBJECTS, UNSENT, Waits, Words,
};
use crate::language::Language;

/// Headings of this document.
struct Frame {
    title: &'static str,
    introduction: &'static str,
    codes: &'static str,
    codes_introduction: &'static str,
    enhanced: &'static str,
    enhanced_introduction: &'static str,
    pop3: &'static str,
    elsewhere: &'static str,
    elsewhere_introduction: &'static str,
    unsent: &'static str,
    unsent_introduction: &'static str,
    code: &'static str,
    meaning: &'static str,
    written: &'static str,
}

const ENGLISH: Frame = Frame {
    title: "Codes of mail servers",
    introduction: "<!-- Written by `cargo xtask replies` from crates/reply; edit the tables there. -->\n\n\
                   [日本語](CODES.ja.md) | [Replies of tegami](REPLIES.md)\n\n\
                   What a code in a bounce or a log means, whichever server sent it. `tegami explain` finds the codes in a\n\
                   pasted text and says the same.",
    codes: "Reply codes of SMTP",
    codes_introduction: "Three digits. The first says whether it worked, the second what it is about.",
    enhanced: "Enhanced codes",
    enhanced_introduction: "Three numbers with dots, behind the reply code. The first says whether it is for good, the second\n\
                            what it is about; the two behind it are registered with IANA.",
    pop3: "POP3",
    elsewhere: "What other servers mean",
    elsewhere_introduction: "Gathered from their documentation and from what they send; it may change any day. Where only three\n\
                             digits stand here (`550`), that server sends no enhanced code with them; where only an enhanced\n\
                             code stands (`5.7.1`), it comes behind more than one reply code.",
    unsent: "Codes that tegami does not send",
    unsent_introduction: "Codes of other servers, and codes of features that tegami has not got yet. The id in parentheses is\n\
                          for `tegami explain`, as in `tegami explain S-458`.",
    code: "Code",
    meaning: "Meaning",
    written: "Written in",
};

const JAPANESE: Frame = Frame {
    title: "メールサーバーのコード一覧",
    introduction: "<!-- Written by `cargo xtask replies` from crates/reply; edit the tables there. -->\n\n\
                   [English](CODES.md) | [tegami の応答一覧](REPLIES.ja.md)\n\n\
                   配送不能通知やログに現れるコードの意味を、送信したサーバーを問わずまとめています。`tegami explain` は、貼り付けた\
                   文章からコードを見つけて同じ説明を表示します。",
    codes: "SMTP の応答コード",
    codes_introduction: "3 桁の数字です。1 桁目は成否を、2 桁目は何に関するものかを表します。",
    enhanced: "拡張コード",
    enhanced_introduction: "応答コードの後に続く、ドットで区切られた 3 つの数字です。1 つ目は一時的か恒久的かを、2 つ目は何に関するものかを\
                   表します。2 つ目と 3 つ目の組は IANA に登録されています。",
    pop3: "POP3",
    elsewhere: "ほかのサーバーでの意味",
    elsewhere_introduction: "各サーバーの資料と実際の応答をもとに、独自にまとめたものです。内容は変わることがあります。",
    unsent: "tegami が送らない応答",
    unsent_introduction: "ほかのサーバーが使うコードと、tegami がまだ備えていない機能のコードです。かっこ内の ID は、\
                          `tegami explain S-458` のように指定できます。",
    code: "コード",
    meaning: "意味",
    written: "出典",
};

/// The document in this language.
pub(super) fn markdown(language: Language) -> String {
    let frame = match language {
        Language::English => &ENGLISH,
        Language::Japanese => &JAPANESE,
    };
    let mut page = Page {
        text: format!("# {}\n\n{}\n", frame.title, frame.introduction),
        language,
        frame,
    };
    page.contents();
    page.reply_codes();
    page.enhanced_codes();
    page.pop3();
    page.elsewhere();
    page.unsent();
    page.text
}

/// The document as far as it is written.
struct Page {
    text: String,
    language: Language,
    frame: &'static Frame,
}

impl Page {
    fn say(&self, words: &Words) -> &'static str {
        words.in_language(self.language)
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The chapters, with links.
    fn contents(&mut self) {
        self.line("");
        let chapters = [
            (self.frame.codes, "reply-codes"),
            (self.frame.enhanced, "enhanced-codes"),
            (self.frame.pop3, "pop3"),
            (self.frame.elsewhere, "elsewhere"),
            (self.frame.unsent, "unsent"),
        ];
        for (heading, anchor) in chapters {
            self.line(&format!("- [{heading}](#{anchor})"));
            if anchor == "elsewhere" {
                for server in servers() {
                    self.line(&format!("  - [{server}](#{})", slug(server)));
                }
            }
        }
    }

    fn chapter(&mut self, heading: &str, anchor: &str, introduction: &str) {
        let _ = write!(
            self.text,
            "\n<a id=\"{anchor}\"></a>\n\n## {heading}\n\n{introduction}\n"
        );
    }

    /// The head of a table, with a third column where the source is told.
    fn table(&mut self, with_source: bool) {
        let frame = self.frame;
        let _ = write!(self.text, "\n| {} | {} |", frame.code, frame.meaning);
        let _ = if with_source {
            write!(self.text, " {} |\n|---|---|---|\n", frame.written)
        } else {
            write!(self.text, "\n|---|---|\n")
        };
    }

    /// A row of a table; each may be linked to where it has an anchor.
    fn row(&mut self, anchor: Option<String>, code: &str, meaning: &str, source: Option<&str>) {
        let anchor = anchor.map_or_else(String::new, |id| format!("<a id=\"{id}\"></a>"));
        let source = source.map_or_else(String::new, |source| format!(" {source} |"));
        self.line(&format!("| {anchor}`{code}` | {meaning} |{source}"));
    }

    fn reply_codes(&mut self) {
        let frame = self.frame;
        self.chapter(frame.codes, "reply-codes", frame.codes_introduction);
        self.table(false);
        for (digit, words) in FIRST {
            self.row(None, &format!("{digit}yz"), self.say(words), None);
        }
        for (digit, words) in SECOND {
            self.row(None, &format!("x{digit}z"), self.say(words), None);
        }
        self.table(true);
        for (code, words, rfc) in CODES {
            let anchor = Some(code.to_string());
            self.row(anchor, &code.to_string(), self.say(words), Some(rfc));
        }
    }

    fn enhanced_codes(&mut self) {
        let frame = self.frame;
        self.chapter(
            frame.enhanced,
            "enhanced-codes",
            frame.enhanced_introduction,
        );
        self.table(false);
        for (class, words) in CLASSES {
            self.row(None, &format!("{class}.x.x"), self.say(words), None);
        }
        for (subject, words) in SUBJECTS {
            self.row(None, &format!("x.{subject}.x"), self.say(words), None);
        }
        self.table(true);
        for (subject, detail, words, rfc) in REGISTRY.iter().flat_map(|part| part.iter()) {
            let code = format!("x.{subject}.{detail}");
            self.row(Some(code.clone()), &code, self.say(words), Some(rfc));
        }
    }

    fn pop3(&mut self) {
        self.chapter(self.frame.pop3, "pop3", "");
        self.text.truncate(self.text.trim_end().len());
        self.line("");
        self.table(true);
        for (name, words, rfc) in RESPONSES {
            self.row(
                Some(slug(name)),
                &format!("-ERR [{name}]"),
                self.say(words),
                Some(rfc),
            );
        }
    }

    fn elsewhere(&mut self) {
        let frame = self.frame;
        self.chapter(frame.elsewhere, "elsewhere", frame.elsewhere_introduction);
        for server in servers() {
            let anchor = slug(server);
            let _ = write!(self.text, "\n<a id=\"{anchor}\"></a>\n\n### {server}\n");
            self.table(false);
            let all = ELSEWHERE.iter().flat_map(|part| part.iter());
            for other in all.filter(|other| other.server == server) {
                self.row(None, &other.shown(), self.say(&other.words), None);
            }
        }
    }

    fn unsent(&mut self) {
        self.chapter(self.frame.unsent, "unsent", self.frame.unsent_introduction);
        self.text.truncate(self.text.trim_end().len());
        self.line("");
        for waits in [Waits::Never, Waits::Policy] {
            let _ = writeln!(self.text, "\n{}", self.say(&waits.words()));
            self.table(false);
            for unsent in UNSENT.iter().filter(|unsent| unsent.waits == waits) {
                let code = match unsent.enhanced {
                    Some(enhanced) => format!("{} {enhanced}", unsent.code),
                    None => unsent.code.to_string(),
                };
                let meaning = format!("{} ({})", self.say(&unsent.words), unsent.id);
                self.row(Some(slug(unsent.id)), &code, &meaning, None);
            }
        }
    }
}

/// Whose servers they are, each once.
fn servers() -> Vec<&'static str> {
    let mut servers = Vec::new();
    for other in ELSEWHERE.iter().flat_map(|part| part.iter()) {
        if !servers.contains(&other.server) {
            servers.push(other.server);
        }
    }
    servers
}

/// The end of a link: small letters, digits and hyphens.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars()
        .map(plain)
        .collect::<String>()
        .to_ascii_lowercase()
}
