//! What moderators of a list read: that a post waits for them, and what came of what they decided.

use address::{Mailbox, ReversePath};
use delivery::list::{List, Role};
use dsn::Languages;

use super::{Words, japanese};

/// A post waits: the words by which it is let through or turned away, and its number in the queue.
pub fn waiting(
    list: &List,
    sender: &ReversePath,
    (approve, reject): (&str, &str),
    id: u64,
    languages: Languages,
) -> Words {
    let name = &list.settings().address;
    let request = list.mailbox(Role::Request);
    let english = Words {
        subject: format!("A post to {name} waits for you"),
        text: format!(
            "{sender} has written to {name}.\n\
             The message is attached; if it is long, only its header is. It waits until one of\n\
             the moderators decides.\n\n\
             To let it through, write to {request} with the subject\n\n    {approve}\n\n\
             To turn it away, write to {request} with the subject\n\n    {reject}\n\n\
             Its sender is not told. Keep this message to yourself: whoever has these words can\n\
             decide.\n\n\
             Whoever looks after the server can do the same with\n\
             `tegami queue release {id}` and `tegami queue remove {id}`.\n"
        ),
    };
    let japanese = japanese::waiting(list, sender, (approve, reject), id);
    english.and(japanese, languages)
}

/// There is nothing to decide any more.
pub fn gone(name: &Mailbox, languages: Languages) -> Words {
    let english = Words {
        subject: format!("That post to {name} waits no longer"),
        text: "Somebody has decided about it before, or it was removed from the queue.\n"
            .to_owned(),
    };
    english.and(japanese::gone(name), languages)
}

/// Nobody can tell what was decided.
pub fn unknown(list: &List, languages: Languages) -> Words {
    let name = &list.settings().address;
    let english = Words {
        subject: format!("Nothing was decided about a post to {name}"),
        text: format!(
            "The word behind \"approve\" or \"reject\" is wrong, or it is used up. Nothing has changed.\n\n\
             Copy the whole line from the message that told you of the post, and send it as the\n\
             subject to {}.\n",
            list.mailbox(Role::Request)
        ),
    };
    english.and(japanese::unknown(list), languages)
}

/// A post goes out.
pub fn approved(name: &Mailbox, languages: Languages) -> Words {
    let english = Words {
        subject: format!("The post to {name} goes out"),
        text: "The members get it now.\n".to_owned(),
    };
    english.and(japanese::approved(name), languages)
}

/// A post does not.
pub fn rejected(name: &Mailbox, languages: Languages) -> Words {
    let english = Words {
        subject: format!("The post to {name} is turned away"),
        text: "Nobody gets it.\n".to_owned(),
    };
    english.and(japanese::rejected(name), languages)
}
