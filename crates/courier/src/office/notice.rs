//! Messages of the server itself to the postmaster. Here: and to the account, when an account has sent all it may within a
//! day.

mod outage;

use std::sync::Arc;

use address::dsn::Notify;
use address::{Envelope, ForwardPath, Mailbox, Recipient, ReversePath};
use bytes::Bytes;
use dsn::Languages;
use mailstore::AccountId;

use super::means::Means;
use super::post::{self, Unposted, Written};
use super::report::moment;

pub(super) use outage::outage;

/// Says it to both. What cannot be said is in the log.
pub(super) async fn stopped(means: Arc<Means>, account: AccountId, recipients: u32, limit: u32) {
    let owner = means.house.address(account);
    let name = owner.as_ref().map_or_else(
        || format!("the account with the number {account}"),
        Mailbox::to_string,
    );
    tracing::warn!(
        account = name,
        recipients,
        limit,
        "an account has sent all it may today"
    );
    let postmaster = means.house.postmaster();
    let to_both = [
        Some(&postmaster),
        owner.as_ref().filter(|owner| **owner != postmaster),
    ];
    for to in to_both.into_iter().flatten() {
        let mut text = english(&name, recipients, limit);
        let reader = ReversePath::Mailbox(to.clone());
        match means.house.languages(&reader, &[]) {
            Languages::English => (),
            Languages::Japanese | Languages::Both => {
                text.push_str(&japanese(&name, recipients, limit))
            }
        }
        let words = Words {
            subject: format!("Mail of {name} is waiting: today's limit is reached"),
            mark: "limit",
            text,
        };
        let written = compose(&means, to, &words);
        if let Err(error) = send(&means, to, &written).await {
            tracing::warn!(%to, %error, "the notice about an account that was stopped is not delivered");
        }
    }
}

/// What is to be said.
struct Words {
    subject: String,
    /// In the message id.
    mark: &'static str,
    /// Lines that end with CRLF.
    text: String,
}

async fn send(means: &Means, to: &Mailbox, written: &Written) -> Result<(), Unposted> {
    let parcel = post::parcel(means, to, written).await?;
    means.store.post(parcel).await?;
    Ok(())
}

fn compose(means: &Means, to: &Mailbox, words: &Words) -> Written {
    let (host, postmaster) = (means.house.hostname(), means.house.postmaster());
    let id = u128::from_be_bytes(means.house.random());
    let Words {
        subject,
        mark,
        text,
    } = words;
    let text = format!(
        "From: Mail system <{postmaster}>\r\n\
         To: {to}\r\n\
         Subject: {subject}\r\n\
         Date: {}\r\n\
         Message-ID: <{id:032x}.{mark}@{host}>\r\n\
         Auto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{text}",
        moment(means, means.now()),
    );
    let utf8 = !text.is_ascii();
    let in_header = !(subject.is_ascii() && to.local.is_ascii() && postmaster.local.is_ascii());
    Written {
        envelope: Envelope {
            reverse_path: ReversePath::Null,
            body8bit: utf8,
            smtputf8: in_header,
            recipients: vec![Recipient {
                path: ForwardPath::Mailbox(to.clone()),
                notify: Some(Notify::Never),
                orcpt: None,
            }],
            ..Envelope::default()
        },
        pieces: vec![Bytes::from(text)],
    }
}

/// What is typed where somebody may know the password, in that order.
fn commands(account: &str) -> String {
    format!(
        "\x20   tegami account disable {account}\r\n\
         \x20   tegami queue list --from {account}\r\n\
         \x20   tegami queue remove --from {account}\r\n\
         \x20   tegami account password {account}\r\n\
         \x20   tegami account enable {account}\r\n"
    )
}

fn english(account: &str, recipients: u32, limit: u32) -> String {
    format!(
        "{account} has written to {recipients} recipients at other servers today. The limit is\r\n\
         {limit} a day, so the rest of its mail waits in the queue and goes out from midnight\r\n\
         (UTC) on. Nothing is lost.\r\n\
         \r\n\
         If this mail is meant: wait, or raise the limit in the configuration.\r\n\
         If it is not: somebody may know the password. Whoever keeps this server stops the\r\n\
         account, whose mail then stays here, looks at what is waiting, removes what is not\r\n\
         meant, sets another password and lets the account go on:\r\n\
         \r\n\
         {}",
        commands(account)
    )
}

fn japanese(account: &str, recipients: u32, limit: u32) -> String {
    format!(
        "\r\n{account} から、本日、外部の宛先 {recipients} 件にメールを送信しました。\r\n\
         1 日の上限は {limit} 件です。残りのメールは送信待ちとなり、協定世界時の午前 0 時以降に\r\n\
         送信されます。メールが失われることはありません。\r\n\
         \r\n\
         心当たりがある場合は、そのままお待ちいただくか、設定で上限を引き上げてください。\r\n\
         心当たりがない場合は、パスワードが漏れているおそれがあります。サーバーの管理者は、\r\n\
         アカウントを無効にし（メールは送信待ちのまま残ります）、送信待ちのメールを確認して\r\n\
         不要なものを削除し、パスワードを変更してから、アカウントを有効に戻してください。\r\n\
         \r\n\
         {}",
        commands(account)
    )
}
