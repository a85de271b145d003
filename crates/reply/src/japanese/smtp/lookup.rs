//! VRFY and EXPN, in Japanese.

use crate::japanese::japanese;

japanese! {
    "S-250k" {
        when: "`smtp.vrfy` = `verify` で、存在するメールボックスの VRFY に対して送ります。文面は `Full Name <user@domain>` の形です。",
        cause: "メールボックスが存在し、メールを受け付けます。",
        remedy: "対処は不要です。",
    }
    "S-250l" {
        when: "`smtp.expn` = `on` で、エイリアスの EXPN に対して送ります。1 行に 1 つのメールボックスを示します。",
        cause: "エイリアス宛てのメールは、これらのアドレスに届きます。",
        remedy: "対処は不要です。",
    }
    "S-252a" {
        when: "アカウントの有無を明かさない設定のときに、VRFY または EXPN に対して送ります。",
        cause: "どの名前にも同じ応答を返し、アドレスの収集を防いでいます。",
        remedy: "メールを送ってみてください。存在しないアドレスは RCPT で拒否されます。",
    }
    "S-502b" {
        when: "`smtp.vrfy` = `unimplemented` のときに、VRFY に対して送ります。",
        cause: "管理者がこのコマンドを無効にしています。",
        remedy: "代わりにメールを送ってみてください。管理者：標準が求めているのは `noncommittal` です。",
    }
    "S-502c" {
        when: "`smtp.expn` = `off`（既定値）のときに、EXPN に対して送ります。",
        cause: "エイリアスの構成は、外部に公開する情報ではありません。",
        remedy: "管理者：`tegami alias list` で確認できます。",
    }
    "S-501p" {
        when: "引数のない VRFY に対して送ります。",
        cause: "コマンドが不完全です。",
        remedy: "ユーザー名またはアドレスを指定してください。",
    }
    "X-24a" {
        when: "`smtp.vrfy` = `verify` で、複数のメールボックスに当てはまる名前の VRFY に対して送ります。",
        cause: "@ の前が同じアドレスが、複数のドメインにあります。",
        remedy: "ドメインまで含めたアドレスで問い合わせ直してください。",
    }
    "X-24c" {
        when: "SMTPUTF8 の付いていない VRFY または EXPN で、答えるべきアドレスに ASCII 以外の文字があるときに送ります。",
        cause: "UTF-8 を要求していないクライアントに、UTF-8 を送ることはできません。",
        remedy: "`VRFY name SMTPUTF8` のように、名前の後に SMTPUTF8 を付けてください。",
    }
    "X-24b" {
        when: "アカウントの有無を答える設定のときに、存在しない名前の VRFY または EXPN に対して送ります。",
        cause: "入力ミスか、アカウントがすでに削除されています。",
        remedy: "つづりを確認してください。",
    }
}
