//! What is thought of the sender's domain and of the client, in Japanese.

use crate::japanese::japanese;

japanese! {
    "X-16" {
        when: "`sender.require_domain` が有効で、MAIL のアドレスのドメインが DNS に存在しないか、MX レコードも IP アドレスもないときに、RCPT に対して送ります。",
        cause: "このメールには誰も返信できません。多くは差出人を偽った迷惑メールですが、機器の名前を差出人にするプログラムの場合もあります。",
        remedy: "メールソフトの差出人アドレスを修正してください。メールを送るドメインには、MX レコードまたは IP アドレスが必要です。管理者：自分の機器は `limits.exempt` に登録してください。",
    }
    "X-16b" {
        when: "`sender.require_domain` が有効で、MAIL のアドレスのドメインについて DNS の応答がないか、エラーのときに、RCPT に対して送ります。",
        cause: "差出人側またはこちら側のネームサーバーが、一時的に応答していません。",
        remedy: "メールサーバーは自動的に再送します。管理者：すべての差出人で起こる場合は、`dns.servers` または `/etc/resolv.conf` を確認してください。",
    }
    "X-02" {
        when: "`sender.reject_null_mx` が有効で、MAIL のアドレスのドメインの MX レコードが `0 .`（null MX）だけのときに、RCPT に対して送ります。",
        cause: "ドメイン自身がメールを受け付けないと宣言しているため、返信も配送通知も届けられません。",
        remedy: "メールを受信できるドメインの差出人アドレスを使ってください。ドメインの管理者：null MX を実際の MX レコードに置き換えてください。",
    }
    "X-05" {
        when: "`sender.require_reverse_dns` が有効で、接続元のアドレスに DNS の名前（PTR）がないか、その名前が元のアドレスに対応していないときに、RCPT に対して送ります。",
        cause: "メールサーバーには、元のアドレスに対応する名前があります。ウイルスに感染した家庭のパソコンには、ほとんどありません。",
        remedy: "送信サーバーの管理者：プロバイダーに依頼し、アドレスの PTR レコードをサーバーの名前に設定してください。利用者：ポート 465 または 587 でログインしてください。",
    }
    "X-05b" {
        when: "`sender.require_reverse_dns` が有効で、接続元のアドレスについて DNS の応答がないか、エラーのときに、RCPT に対して送ります。",
        cause: "接続元またはこちら側のネームサーバーが、一時的に応答していません。",
        remedy: "メールサーバーは自動的に再送します。管理者：すべての接続元で起こる場合は、`dns.servers` または `/etc/resolv.conf` を確認してください。",
    }
}
