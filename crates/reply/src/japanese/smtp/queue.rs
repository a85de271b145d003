//! What depends on the queue, in Japanese.

use crate::japanese::japanese;

japanese! {
    "S-455" {
        when: "外部への配送を一時停止している間に、BY、HOLDFOR、HOLDUNTIL の付いた MAIL に対して送ります。",
        cause: "対応しているパラメーターですが、キューが止まっている間は、いつ送り出せるかを約束できません。",
        remedy: "後でもう一度試すか、このパラメーターなしで送ってください。管理者：`tegami queue resume` を実行してください。",
    }
}
