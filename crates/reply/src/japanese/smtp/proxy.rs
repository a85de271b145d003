//! XCLIENT and XFORWARD, in Japanese.

use crate::japanese::japanese;

japanese! {
    "C-XCL" {
        when: "`proxy.xclient_from` に登録されたネットワークから XFORWARD が送られたときに送ります。",
        cause: "次のメッセージの送信元をプロキシが伝えました。ログと Received フィールドに記録されます。",
        remedy: "対処は不要です。",
    }
    "S-501d" {
        when: "XCLIENT または XFORWARD の値が 255 オクテットを超えるときに送ります。",
        cause: "プロキシが、クライアントから届いたものを確認せずに渡しています。",
        remedy: "管理者：プロキシのログで、送信内容を確認してください。",
    }
    "S-501e" {
        when: "XCLIENT または XFORWARD に、`=` のない語、または `=` の前が空の語があるときに送ります。",
        cause: "プロキシの誤りです。",
        remedy: "管理者：プロキシのログで、送信内容を確認してください。",
    }
    "T-43" {
        when: "XCLIENT または XFORWARD の属性が、EHLO の一覧にないか、2 回指定されたか、値を解釈できないときに送ります。",
        cause: "プロキシがこのサーバーの対応しない機能を使っているか、クライアントから届いたものを確認せずに渡しています。",
        remedy: "管理者：EHLO の一覧にある属性だけを、xtext（RFC 3461 section 4）の形式で送るようにプロキシを設定してください。",
    }
    "S-554d" {
        when: "`proxy.xclient_from` にないアドレスから、または XCLIENT でクライアントのアドレスが伝えられた後に、XCLIENT か XFORWARD が送られたときに送ります。",
        cause: "別のクライアントを装おうとしています。代理であることを伝えられるのは登録されたプロキシだけで、1 回に限られます。",
        remedy: "管理者：自分のプロキシであれば、接続元のアドレスを `proxy.xclient_from` に登録してください。",
    }
}
