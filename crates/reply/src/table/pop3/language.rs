//! UTF8 and LANG (RFC 6856), and what a client without UTF8 mode is refused.

use super::{ERR, err};
use crate::row::Status;

rows! {
    "X-P7a" UTF8_ON = Status::Ok, "UTF8 enabled" {
        ja: "UTF8 モードを有効にしました",
        rfc: "RFC 6856 section 2.1",
        when: "UTF8 before login.",
        cause: "The client reads international mail as it is, addresses and subjects in UTF-8.",
        remedy: "Nothing to do."
    }
    // RFC 6856 section 2.1 lets a server refuse this; without the refusal a client would believe in a mode that the
    // handshake made the server forget.
    "X-P7b" TLS_BEFORE_UTF8 = ERR, "STLS comes before UTF8; QUIT and connect again" {
        ja: "STLS は UTF8 より先に送信してください。QUIT の後、接続し直してください",
        rfc: "RFC 6856 section 2.1",
        when: "STLS after UTF8.",
        cause: "What was said before a handshake does not count after it, and UTF8 was said already.",
        remedy: "Send STLS first, then UTF8; or connect to port 995 with SSL/TLS."
    }
    "X-P7c" LANGUAGES = Status::Ok, "Languages follow" {
        ja: "利用できる言語は次のとおりです",
        rfc: "RFC 6856 section 3.2",
        when: "LANG without an argument; one language per line follows, ended by a dot.",
        cause: "The client asked in which languages texts like these can be given.",
        remedy: "Nothing to do.",
        shape: List
    }
    "X-P7d" LANGUAGE_CHOSEN = Status::Ok, "{language} Replies are in English from now on" {
        ja: "{language} これからは日本語で応答します",
        rfc: "RFC 6856 section 3.2",
        when: "LANG with a language we know, or with `*` for the usual one.",
        cause: "The client chose a language for the texts. Codes and numbers stay as they are.",
        remedy: "Nothing to do."
    }
    "X-P7e" LANGUAGE_UNKNOWN = ERR, "Language not known; LANG lists those that are" {
        ja: "その言語には対応していません。対応している言語は LANG でご確認ください",
        rfc: "RFC 6856 section 3.2",
        when: "LANG with anything else; the language stays as it was.",
        cause: "The texts have not been translated into that language.",
        remedy: "Choose one of those that LANG lists."
    }
    "X-P8" UTF8_NEEDED = err("UTF8"), "Message {message} needs UTF8 mode" {
        ja: "メッセージ {message} を読むには UTF8 モードが必要です",
        rfc: "RFC 6856 section 5",
        when: "LIST, RETR or TOP, without UTF8 mode, with an international message whose header cannot be rewritten in ASCII.",
        cause: "The header is longer than the 1 MiB that is rewritten for such clients.",
        remedy: "Read it with a mail program that knows UTF8 mode."
    }
}
