//! A message to the postmaster when mail has not left by a configured server for a while.

use address::{Mailbox, ReversePath};
use dsn::Languages;
use reply::lines::{Room, set};

use super::{Words, compose, send};
use crate::office::means::Means;
use crate::office::outages::Outage;
use crate::office::report::moment;

/// Columns of what the server said.
const COLUMNS: usize = 72;

/// Says it. What cannot be said is in the log.
pub(in crate::office) async fn outage(means: &Means, outage: &Outage) {
    let postmaster = means.house.postmaster();
    let said = quoted(&outage.words);
    let since = moment(means, outage.since).to_string();
    let hop = &outage.hop;
    let mut text = english(hop, &since, &said);
    let reader = ReversePath::Mailbox(Mailbox::clone(&postmaster));
    match means.house.languages(&reader, &[]) {
        Languages::English => (),
        Languages::Japanese | Languages::Both => text.push_str(&japanese(hop, &since, &said)),
    }
    let words = Words {
        subject: format!("Mail is waiting: {hop} does not take it"),
        mark: "outage",
        text,
    };
    let written = compose(means, &postmaster, &words);
    if let Err(error) = send(means, &postmaster, &written).await {
        tracing::warn!(to = %postmaster, %error, "the notice about a server that takes no mail is not delivered");
    }
}

/// What the server said may be long, and of a stranger.
fn quoted(words: &str) -> String {
    let room = Room {
        first: COLUMNS,
        further: COLUMNS,
        word: COLUMNS,
    };
    let lines = set(words, room);
    let lines = lines.iter().map(|line| format!("    {line}\r\n"));
    lines.collect()
}

fn english(hop: &str, since: &str, said: &str) -> String {
    format!(
        "No mail has left by {hop} since\r\n\
         {since}:\r\n\
         \r\n\
         {said}\r\n\
         The mail waits in the queue and is tried again; nothing is lost. What waits for\r\n\
         days goes back to its senders. `tegami status` and `tegami queue list` say more.\r\n\
         \r\n\
         Look at the server, and at its name, its password and its certificate under\r\n\
         [relay] in the configuration. Then have the configuration read again (SIGHUP to\r\n\
         tegami), and what waits is tried at once. You hear of this once; that it works\r\n\
         again stands in the log.\r\n"
    )
}

fn japanese(hop: &str, since: &str, said: &str) -> String {
    format!(
        "\r\n次の日時から、{hop} を経由したメール送信ができていません。\r\n\
         {since}\r\n\
         \r\n\
         {said}\r\n\
         メールは送信待ちとなり、再試行されます。失われてはいませんが、数日続くと送信者に\r\n\
         返送されます。`tegami status` と `tegami queue list` で状況を確認できます。\r\n\
         \r\n\
         サーバーの状態と、設定の [relay] にあるサーバー名、パスワード、証明書を確認してください。\r\n\
         設定を再読み込みする（tegami に SIGHUP を送る）と、送信待ちのメールはすぐに再試行されます。\r\n\
         このお知らせは一度だけ送られます。復旧はログに記録されます。\r\n"
    )
}
