//! Commands that came too early, too late or twice, in Japanese.

use crate::japanese::japanese;

japanese! {
    "S-503d" {
        when: "EHLO または HELO の前に MAIL、ETRN、ATRN が送られたときに送ります。最初からやり直しになる STARTTLS の直後も同じです。",
        cause: "クライアントが名乗っていません。",
        remedy: "クライアントの名前を付けて EHLO を送ってください。STARTTLS の後にも必要です。",
    }
    "S-503i" {
        when: "EHLO または HELO の前に AUTH が送られたときに送ります。",
        cause: "クライアントは、提供されている認証方式をまだ知らないはずです。",
        remedy: "クライアントの名前を付けて EHLO を送り、その後で AUTH を送ってください。",
    }
    "S-503a" {
        when: "MAIL の前に、RCPT、DATA、BDAT が送られたときに送ります。",
        cause: "差出人が決まっていません。直前の MAIL が拒否された場合がよくあります。",
        remedy: "MAIL への応答を確認し、MAIL FROM から始めてください。",
    }
    "S-503b" {
        when: "MAIL の後、RCPT を一度も送らずに DATA または BDAT が送られたときに送ります。",
        cause: "受信者が 1 人も指定されていません。",
        remedy: "RCPT TO で受信者を 1 人以上指定してください。",
    }
    "S-503c" {
        when: "送信処理（トランザクション）の途中で、再び MAIL が送られたときに送ります。最初の差出人が有効のまま残ります。",
        cause: "クライアントが、1 通目を終える前に 2 通目を始めました。",
        remedy: "DATA で送信を終えるか、RSET で取り消してください。",
    }
    "S-503" {
        when: "BDAT でメッセージを送り始めた後に、DATA または RCPT が送られたときに送ります。届いた部分はそのまま残ります。",
        cause: "BDAT で始めたメッセージは、最後まで BDAT で送る必要があります。",
        remedy: "LAST の付いた BDAT で送信を終えるか、RSET で取り消してください。",
    }
    "S-503e" {
        when: "MAIL の後に、AUTH、STARTTLS、ETRN、XCLIENT、XFORWARD が送られたときに送ります。送信処理（トランザクション）はそのまま残ります。",
        cause: "認証と暗号化は、メッセージの送信を始める前に済ませる必要があります。",
        remedy: "RSET を送り、AUTH、STARTTLS、ETRN の後に MAIL を送ってください。",
    }
    "S-503f" {
        when: "S-554b の応答の後に、QUIT 以外のコマンドが送られたときに送ります。",
        cause: "クライアントが最初の応答を読まずに、または待たずに送信しています。",
        remedy: "最初の応答を読んで QUIT を送り、別の手段でこのサーバーの管理者に問い合わせてください。",
    }
}
