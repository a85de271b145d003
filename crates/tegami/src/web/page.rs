//! What people read: small pages in their language, and plain sentences. Nothing in them is fetched from anywhere.

use reply::Language;

use super::form::{FIELD, VALUE};
use super::{About, Back};

/// The page with the button. It says nothing of who the member is: the address may have been passed on.
pub fn leave(language: Language, about: &About) -> String {
    let list = list(about);
    let (title, text, button, note) = match language {
        Language::English => (
            format!("Leave {}", about.address),
            format!(
                "The message that brought you here went to a member of the list {list}. With this button that member \
                 gets no more of its mail."
            ),
            "Leave the list",
            "Nothing has changed yet.",
        ),
        Language::Japanese => (
            format!("{} からの退会", about.address),
            format!(
                "このページへのリンクがあったメールは、メーリングリスト {list} の会員に送られたものです。\
                 下のボタンを押すと、その会員にはこのリストのメールが届かなくなります。"
            ),
            "退会する",
            "まだ何も変わっていません。",
        ),
    };
    // Without an action it goes to where the page came from, whatever that is called in the world.
    let form = format!(
        "<p>{text}</p>\n<form method=\"post\">\n<input type=\"hidden\" name=\"{FIELD}\" value=\"{VALUE}\">\n\
         <button>{button}</button>\n</form>\n<p>{note}</p>"
    );
    page(language, &title, &form)
}

/// The page of whoever is not on the list, or not any more.
pub fn left(language: Language, about: &About) -> String {
    let list = list(about);
    let (title, text) = match language {
        Language::English => (
            format!("You have left {}", about.address),
            format!("The member whom this page is about gets no mail of the list {list} any more."),
        ),
        Language::Japanese => (
            format!("{} から退会しました", about.address),
            format!("この会員には、メーリングリスト {list} のメールはもう届きません。"),
        ),
    };
    let back = match (language, &about.back) {
        (Language::English, Back::Subscribe(to)) => format!(
            "To come back, write to {} with the subject: subscribe",
            mailto(&to.to_string(), "?subject=subscribe")
        ),
        (Language::English, Back::Ask(owner)) => {
            format!("To come back, ask {}.", mailto(&owner.to_string(), ""))
        }
        (Language::Japanese, Back::Subscribe(to)) => format!(
            "また参加するには、件名を subscribe として {} にメールを送ってください。",
            mailto(&to.to_string(), "?subject=subscribe")
        ),
        (Language::Japanese, Back::Ask(owner)) => format!(
            "また参加するには、{} に連絡してください。",
            mailto(&owner.to_string(), "")
        ),
    };
    page(language, &title, &format!("<p>{text}</p>\n<p>{back}</p>"))
}

/// The page about a list that is gone.
pub fn no_list(language: Language) -> String {
    let (title, text) = match language {
        Language::English => (
            "This list is gone",
            "There is no such list any more, and no mail comes from it.",
        ),
        Language::Japanese => (
            "このリストはもうありません",
            "このメーリングリストはなくなりました。メールはもう届きません。",
        ),
    };
    page(language, title, &format!("<p>{text}</p>"))
}

/// What is said in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentence {
    /// The server serves.
    Ok,
    /// A listener takes no clients.
    NotServing,
    /// There is no such page.
    Nothing,
    /// The token is none of ours.
    Unknown,
    /// The method is none of those there are.
    Method,
    /// The body is not the form.
    NoForm,
    /// The body is too long for the form.
    TooLong,
    /// The body did not come whole.
    Cut,
    /// It cannot be done now.
    Later,
}

/// The sentence, with a line end.
pub fn sentence(language: Language, what: Sentence) -> &'static str {
    match (language, what) {
        (_, Sentence::Ok) => "ok\n",
        (_, Sentence::NotServing) => "a listener takes no clients; see the log of the server\n",
        (Language::English, Sentence::Nothing) => "There is nothing here.\n",
        (Language::Japanese, Sentence::Nothing) => "ここには何もありません。\n",
        (Language::English, Sentence::Unknown) => {
            "This address is not one of this server's, or not whole. Copy all of it out of the message, or write to the \
             list to leave it.\n"
        }
        (Language::Japanese, Sentence::Unknown) => {
            "このアドレスは、このサーバーのものではないか、一部が欠けています。メールにあるアドレス全体をコピーするか、\
             リストにメールを送って退会してください。\n"
        }
        (Language::English, Sentence::Method) => "This can only be opened, or its form be sent.\n",
        (Language::Japanese, Sentence::Method) => {
            "ここでできるのは、ページを開くことと、フォームを送ることだけです。\n"
        }
        (Language::English, Sentence::NoForm) => {
            "Nothing has changed: leaving takes the form List-Unsubscribe=One-Click.\n"
        }
        (Language::Japanese, Sentence::NoForm) => {
            "何も変わっていません。退会するには、フォーム List-Unsubscribe=One-Click を送ってください。\n"
        }
        (Language::English, Sentence::TooLong) => "Nothing has changed: so long a form is none.\n",
        (Language::Japanese, Sentence::TooLong) => {
            "何も変わっていません。送られたフォームが長すぎます。\n"
        }
        (Language::English, Sentence::Cut) => "Nothing has changed: the form did not come whole.\n",
        (Language::Japanese, Sentence::Cut) => {
            "何も変わっていません。フォームが途中で切れています。\n"
        }
        (Language::English, Sentence::Later) => {
            "Nothing has changed: this cannot be done now. Try again in a few minutes.\n"
        }
        (Language::Japanese, Sentence::Later) => {
            "何も変わっていません。今は処理できません。数分後にもう一度お試しください。\n"
        }
    }
}

fn list(about: &About) -> String {
    let address = format!("<strong>{}</strong>", escaped(&about.address.to_string()));
    if about.name.is_empty() {
        address
    } else {
        format!("{} ({address})", escaped(&about.name))
    }
}

/// Addresses of lists are such that they need no escapes in a URL.
fn mailto(address: &str, subject: &str) -> String {
    let address = escaped(address);
    format!("<a href=\"mailto:{address}{subject}\">{address}</a>")
}

fn page(language: Language, title: &str, body: &str) -> String {
    let (tag, title) = (language.tag(), escaped(title));
    format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
}

/// Text that is text and nothing else, also between quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(back: Back) -> About {
        About {
            name: "<script>alert('\"&')</script>".to_owned(),
            address: "staff@example.test".parse().unwrap(),
            back,
        }
    }

    #[test]
    fn a_name_is_text_whatever_is_in_it() {
        let back = Back::Ask("staff-owner@example.test".parse().unwrap());
        for language in Language::ALL {
            for page in [
                leave(language, &about(back.clone())),
                left(language, &about(back.clone())),
            ] {
                let shown = "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt; (<strong>staff@example.test</strong>)";
                assert!(page.contains(shown), "{page}");
                assert!(!page.contains("<script"), "{page}");
                assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())));
            }
        }
    }

    #[test]
    fn only_the_page_with_the_button_has_a_form_and_only_the_other_says_how_to_come_back() {
        let request = "staff-request@example.test".parse().unwrap();
        let owner = "staff-owner@example.test".parse().unwrap();
        for language in Language::ALL {
            for (back, expected) in [
                (
                    Back::Subscribe(Clone::clone(&request)),
                    "<a href=\"mailto:staff-request@example.test?subject=subscribe\">staff-request@example.test</a>",
                ),
                (
                    Back::Ask(Clone::clone(&owner)),
                    "<a href=\"mailto:staff-owner@example.test\">staff-owner@example.test</a>",
                ),
            ] {
                let before = leave(language, &about(back.clone()));
                let after = left(language, &about(back));
                let form = "<form method=\"post\">\n<input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">";
                assert!(
                    before.contains(form) && !before.contains("mailto:"),
                    "{before}"
                );
                assert!(
                    after.contains(expected) && !after.contains("<form"),
                    "{after}"
                );
            }
        }
    }
}
