//! What a list writes to people, in Japanese: the same as in English, and nothing that only one of them says.

use address::{Mailbox, ReversePath};
use delivery::list::{Action, CONFIRM_DAYS, Joining, List, Requested, Role};

use super::Words;

fn words(subject: String, text: String) -> Words {
    Words { subject, text }
}

/// The answer to a request; none where nobody hears anything.
pub(super) fn answer(list: &List, requested: &Requested) -> Option<Words> {
    let name = &list.settings().address;
    Some(match requested {
        Requested::Joined(to) => words(
            format!("{name} に登録されました"),
            format!(
                "今後、{name} への投稿が {to} に届きます。\n\n{}",
                leaving(list)
            ),
        ),
        Requested::Left(to) => words(
            format!("{name} から退会しました"),
            format!("今後、{name} への投稿は {to} に届きません。\n"),
        ),
        Requested::Confirm(action, to, word) => {
            words(format!("confirm {word}"), confirmation(list, *action, to))
        }
        Requested::AlreadyMember(to) => words(
            format!("すでに {name} に登録されています"),
            format!(
                "{name} への投稿は、すでに {to} に届いています。\n\n{}",
                leaving(list)
            ),
        ),
        Requested::NotMember(to) => words(
            format!("{name} に登録されていません"),
            format!(
                "{to} は {name} に登録されていません。\n\
                 別のアドレスで登録している場合は、そのアドレスから送信するか、\n\
                 {} にお問い合わせください。\n",
                list.mailbox(Role::Owner)
            ),
        ),
        Requested::Closed(to) => words(
            format!("{name} への登録は管理者が行います"),
            format!(
                "{to} を {name} に登録できるのは管理者だけです。\n\
                 {} にお問い合わせください。\n",
                list.mailbox(Role::Owner)
            ),
        ),
        Requested::WrongConfirmation(_) => words(
            "この確認は無効です".to_owned(),
            format!(
                "「confirm」の後の文字列が正しくないか、発行から {CONFIRM_DAYS} 日を過ぎているか、\n\
                 別のアドレスに送られたものです。何も変更されていません。\n\n{}",
                help(list)
            ),
        ),
        Requested::Help(_) => words(format!("{name} の使い方"), help(list)),
        Requested::Ignored(_) => return None,
    })
}

fn confirmation(list: &List, action: Action, to: &Mailbox) -> String {
    let name = &list.settings().address;
    let what = match action {
        Action::Join => format!("{to} を {name} に登録する"),
        Action::Leave => format!("{to} を {name} から退会させる"),
    };
    format!(
        "{what}ための申し込みがありました。\n\n\
         確認するには、件名を変えずに {CONFIRM_DAYS} 日以内にこのメールへ返信してください。\n\
         心当たりがない場合は、何もしないでください。何も変更されません。\n"
    )
}

fn leaving(list: &List) -> String {
    format!(
        "退会するには、件名を unsubscribe として {} に送信してください。\n",
        list.mailbox(Role::Request)
    )
}

fn help(list: &List) -> String {
    let settings = list.settings();
    let (name, request) = (&settings.address, list.mailbox(Role::Request));
    let mut text = format!("メーリングリスト {name} のご案内です。\n");
    if !settings.description.is_empty() {
        text.push_str(&format!("{}\n", settings.description));
    }
    text.push_str(&format!(
        "\n次のいずれかを件名にして {request} に送信してください。\n\n"
    ));
    if settings.joining == Joining::Open {
        text.push_str("    subscribe      登録する\n");
    }
    text.push_str("    unsubscribe    退会する\n    help           この案内\n");
    text.push_str(&format!(
        "\nお問い合わせ先：{}\n",
        list.mailbox(Role::Owner)
    ));
    text
}

/// What moderators are told of a post that waits: the words by which it is let through or turned away, and its number.
pub(super) fn waiting(
    list: &List,
    sender: &ReversePath,
    (approve, reject): (&str, &str),
    id: u64,
) -> Words {
    let name = &list.settings().address;
    let request = list.mailbox(Role::Request);
    words(
        format!("{name} への投稿が承認を待っています"),
        format!(
            "{sender} から {name} への投稿がありました。\n\
             投稿を添付します（長い場合はヘッダーのみ）。\n\
             管理人のだれかが決めるまで保留されます。\n\n\
             承認するには、次の件名で {request} に送信してください。\n\n    {approve}\n\n\
             却下するには、次の件名で {request} に送信してください。\n\n    {reject}\n\n\
             投稿者には通知されません。この件名を知る人はだれでも承認・却下できるため、\n\
             このメールを他の人に渡さないでください。\n\n\
             サーバーの管理者は `tegami queue release {id}` または\n\
             `tegami queue remove {id}` でも同じことができます。\n"
        ),
    )
}

/// There is nothing to decide any more.
pub(super) fn gone(name: &Mailbox) -> Words {
    words(
        format!("{name} へのその投稿は保留されていません"),
        "すでにだれかが決めたか、送信待ちから削除されています。\n".to_owned(),
    )
}

/// Nobody can tell what was decided.
pub(super) fn unknown(list: &List) -> Words {
    words(
        format!(
            "{} への投稿の承認・却下はできませんでした",
            list.settings().address
        ),
        format!(
            "「approve」または「reject」の後の文字列が正しくないか、すでに使われています。\n\
             何も変更されていません。\n\n\
             投稿をお知らせしたメールの行をそのままコピーし、件名として\n\
             {} に送信してください。\n",
            list.mailbox(Role::Request)
        ),
    )
}

/// A post goes out.
pub(super) fn approved(name: &Mailbox) -> Words {
    words(
        format!("{name} への投稿を承認しました"),
        "登録者に配信されます。\n".to_owned(),
    )
}

/// A post does not.
pub(super) fn rejected(name: &Mailbox) -> Words {
    words(
        format!("{name} への投稿を却下しました"),
        "だれにも配信されません。\n".to_owned(),
    )
}
