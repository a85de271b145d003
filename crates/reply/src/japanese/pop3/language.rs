//! UTF8 and LANG, and what a client without UTF8 mode is refused, in Japanese.

use crate::japanese::japanese;

japanese! {
    "X-P7a" {
        when: "ログイン前の UTF8 に対して送ります。",
        cause: "クライアントは、アドレスや件名が UTF-8 の国際化メールをそのまま読めます。",
        remedy: "対処は不要です。",
    }
    "X-P7b" {
        when: "UTF8 の後に STLS が送られたときに送ります。",
        cause: "ハンドシェイクより前のやり取りは無効になりますが、UTF8 がすでに送られています。",
        remedy: "先に STLS、次に UTF8 を送ってください。または、ポート 995（SSL/TLS）に接続してください。",
    }
    "X-P7c" {
        when: "引数のない LANG に対して送ります。続いて言語を 1 行に 1 つずつ示し、ドットだけの行で終わります。",
        cause: "クライアントが、応答に使える言語を問い合わせました。",
        remedy: "対処は不要です。",
    }
    "X-P7d" {
        when: "対応している言語、または既定の言語を表す `*` を指定した LANG に対して送ります。",
        cause: "クライアントが応答の言語を選びました。コードと数値は変わりません。",
        remedy: "対処は不要です。",
    }
    "X-P7e" {
        when: "それ以外の LANG に対して送ります。言語は変わりません。",
        cause: "その言語への翻訳はありません。",
        remedy: "LANG で示される言語から選んでください。",
    }
    "X-P8" {
        when: "UTF8 モードではないときに、ヘッダーを ASCII に書き換えられない国際化メッセージの LIST、RETR、TOP に対して送ります。",
        cause: "ヘッダーが、書き換えの上限の 1 MiB を超えています。",
        remedy: "UTF8 モードに対応したメールソフトで受信してください。",
    }
}
