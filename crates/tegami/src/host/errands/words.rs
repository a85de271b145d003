//! Messages that a list writes to people: answers to requests, and posts that wait for a moderator. They are in English, and
//! in Japanese besides where there are signs that it is read, as with delivery reports.

mod japanese;
pub(super) mod moderators;

use address::dsn::Notify;
use address::{Envelope, Mailbox, Recipient, ReversePath};
use delivery::list::{Action, CONFIRM_DAYS, Joining, List, Requested, Role};
use dsn::Languages;
use mime::transfer::Transfer;

use super::{date, path, random};
use crate::host::House;

/// What a list answers to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) text: String,
}

impl Words {
    /// These and the same in Japanese, as far as both are wanted.
    fn and(self, japanese: Self, languages: Languages) -> Self {
        match languages {
            Languages::English => self,
            Languages::Japanese => japanese,
            Languages::Both => Self {
                // A word that has to come back as it is stands there once.
                subject: if self.subject == japanese.subject {
                    self.subject
                } else {
                    format!("{} / {}", self.subject, japanese.subject)
                },
                text: format!("{}\n\n{}", self.text, japanese.text),
            },
        }
    }
}

/// The answer to a request, and to whom; none where nobody hears anything.
pub(super) fn answer(
    list: &List,
    requested: &Requested,
    languages: Languages,
) -> Option<(Mailbox, Words)> {
    let (to, english) = english(list, requested)?;
    let japanese = japanese::answer(list, requested)?;
    Some((to, english.and(japanese, languages)))
}

fn english(list: &List, requested: &Requested) -> Option<(Mailbox, Words)> {
    let name = &list.settings().address;
    let say =
        |to: &Mailbox, subject: String, text: String| Some((to.clone(), Words { subject, text }));
    match requested {
        Requested::Joined(to) => say(
            to,
            format!("You are on {name} now"),
            format!(
                "{to} gets what is posted to {name} from now on.\n\n{}",
                leaving(list)
            ),
        ),
        Requested::Left(to) => say(to, format!("You have left {name}"), having_left(list, to)),
        Requested::Confirm(action, to, word) => say(
            to,
            // What a mail program puts in front when this is answered is passed over.
            format!("confirm {word}"),
            confirmation(list, *action, to),
        ),
        Requested::AlreadyMember(to) => say(
            to,
            format!("You are on {name} already"),
            format!(
                "{to} gets what is posted to {name} already.\n\n{}",
                leaving(list)
            ),
        ),
        Requested::NotMember(to) => say(
            to,
            format!("You are not on {name}"),
            format!(
                "{to} is not on {name}.\nPerhaps you are on it under another address: then write from \
                 that one, or ask\n{}.\n",
                list.mailbox(Role::Owner)
            ),
        ),
        Requested::Closed(to) => say(
            to,
            format!("{name} is joined through its owner"),
            format!(
                "Only the owner adds people to {name}. Ask {}.\n",
                list.mailbox(Role::Owner)
            ),
        ),
        Requested::WrongConfirmation(to) => say(
            to,
            "This confirmation does not hold".to_owned(),
            format!(
                "The word behind \"confirm\" is not right, or more than {CONFIRM_DAYS} days old, or it was sent to\n\
                 another address. Nothing has changed.\n\n{}",
                help(list)
            ),
        ),
        Requested::Help(to) => say(to, format!("What {name} can do for you"), help(list)),
        Requested::Ignored(_) => None,
    }
}

fn confirmation(list: &List, action: Action, to: &Mailbox) -> String {
    let name = &list.settings().address;
    let what = match action {
        Action::Join => format!("put {to} on the list {name}"),
        Action::Leave => format!("take {to} from the list {name}"),
    };
    format!(
        "Somebody, perhaps you, asked to {what}.\n\n\
         To confirm it, answer this message and leave its subject as it is. That has to be within\n\
         {CONFIRM_DAYS} days. If it was not you, do nothing: then nothing changes.\n"
    )
}

fn leaving(list: &List) -> String {
    format!(
        "To leave it, write to {} with the subject: unsubscribe\n",
        list.mailbox(Role::Request)
    )
}

fn having_left(list: &List, member: &Mailbox) -> String {
    let name = &list.settings().address;
    let back = match list.settings().joining {
        Joining::Open => format!(
            "write to {} with the subject: subscribe",
            list.mailbox(Role::Request)
        ),
        Joining::Closed => format!("ask {}.", list.mailbox(Role::Owner)),
    };
    format!("{member} gets no more of what is posted to {name}.\n\nTo get it again, {back}\n")
}

fn help(list: &List) -> String {
    let settings = list.settings();
    let (name, request) = (&settings.address, list.mailbox(Role::Request));
    let mut text = format!("This is the list {name}.\n");
    if !settings.description.is_empty() {
        text.push_str(&format!("{}\n", settings.description));
    }
    text.push_str(&format!(
        "\nWrite to {request} with one of these as the subject:\n\n"
    ));
    if settings.joining == Joining::Open {
        text.push_str("    subscribe      to get what is posted\n");
    }
    text.push_str("    unsubscribe    to get it no more\n    help           for this text\n");
    text.push_str(&format!(
        "\nPeople answer at {}.\n",
        list.mailbox(Role::Owner)
    ));
    text
}

/// A message from a list to these people, from `<>`, and no report about it in any case.
pub(super) fn envelope(to: &[Mailbox]) -> Envelope {
    let recipient = |mailbox: &Mailbox| Recipient {
        path: path(mailbox),
        notify: Some(Notify::Never),
        orcpt: None,
    };
    let needs_utf8 = to.iter().any(|mailbox| !mailbox.local.is_ascii());
    Envelope {
        reverse_path: ReversePath::Null,
        smtputf8: needs_utf8,
        recipients: to.iter().map(recipient).collect(),
        ..Envelope::default()
    }
}

/// The header of such a message, up to where its type is said. Answers to it go to `-request`.
pub(super) fn header(house: &House, list: &List, to: &[Mailbox], subject: &str) -> String {
    let id = u128::from_le_bytes(random());
    let host = house.policy.load().hostname.clone();
    let mut header = String::with_capacity(1024);
    let mut add = |field: mime::Field| header.push_str(&field.finish());
    add(mime::Field::new("From").mailbox(&list.settings().name, &list.mailbox(Role::Request)));
    add(match to {
        [single] => mime::Field::new("To").mailbox("", single),
        // Moderators need not learn of each other.
        _ => mime::Field::new("To").mailbox("", &list.mailbox(Role::Owner)),
    });
    add(mime::Field::new("Subject").text(subject));
    add(mime::Field::new("Date").word(&date()));
    add(mime::Field::new("Message-ID").word(&format!("<{id:032x}@{host}>")));
    // RFC 3834 section 5; and no list of those who answer their mail with a program.
    add(mime::Field::new("Auto-Submitted").word("auto-replied"));
    add(mime::Field::new("MIME-Version").word("1.0"));
    header
}

/// A whole message of plain text.
pub(super) fn message(house: &House, list: &List, to: &Mailbox, words: &Words) -> Vec<u8> {
    let (transfer, body) = Transfer::suiting(&words.text.replace('\n', "\r\n"));
    let mut message = header(house, list, std::slice::from_ref(to), &words.subject);
    message.push_str(&part(transfer));
    message.push_str("\r\n");
    let mut message = message.into_bytes();
    message.extend_from_slice(&body);
    message
}

/// The fields of a text.
pub(super) fn part(transfer: Transfer) -> String {
    format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {}\r\n",
        transfer.name()
    )
}

#[cfg(test)]
mod tests;
