//! Who is behind a reverse-path: servers put marks of their own into them, which change from day to day.
//!
//! Nothing is verified here. What comes out serves to know a sender again, never to trust one.

use address::{Host, Mailbox};

/// The address without the tag that its server put in front so as to know its own bounces.
///
/// ```text
/// prvs=KDDDSSSSSS=local       Bounce Address Tag Validation
/// btv1==MARK==local           what one maker of filters writes
/// ```
pub(crate) fn without_tag(sender: &Mailbox) -> Mailbox {
    let text = sender.local.as_str();
    let behind = |start: &str, separator: &str| {
        let head = text.get(..start.len())?;
        let (_, local) = text[start.len()..].split_once(separator)?;
        head.eq_ignore_ascii_case(start).then_some(local)
    };
    let local = behind("prvs=", "=").or_else(|| behind("btv1==", "=="));
    let plain = local
        .filter(|local| !local.is_empty())
        .and_then(|local| quoted(local).parse().ok());
    match plain {
        Some(local) => Mailbox::new(local, sender.host.clone()),
        None => sender.clone(),
    }
}

/// The address as its owner knows it: without tags, and without what forwarders made of it (SRS).
pub(crate) fn person(sender: &Mailbox) -> Mailbox {
    let sender = without_tag(sender);
    behind_srs(sender.local.as_str()).unwrap_or(sender)
}

/// ```text
/// SRS0=HHHH=TT=host=local
/// SRS1=HHHH=first==HHHH=TT=host=local
/// ```
fn behind_srs(local: &str) -> Option<Mailbox> {
    let (tag, words) = local.split_at_checked(4)?;
    let first = match tag.to_ascii_uppercase().as_str() {
        "SRS0" => words,
        "SRS1" => words.strip_prefix(['=', '+', '-'])?.splitn(3, '=').nth(2)?,
        _ => return None,
    };
    let mut parts = first.strip_prefix(['=', '+', '-'])?.splitn(4, '=').skip(2);
    let (host, local) = (parts.next()?, parts.next()?);
    Some(Mailbox::new(
        quoted(local).parse().ok()?,
        Host::parse(host).ok()?,
    ))
}

/// Any words in quotes, so that they are read as a local part whatever is in them.
pub(crate) fn quoted(words: &str) -> String {
    format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::{person, without_tag};

    #[track_caller]
    fn check(sender: &str, untagged: &str, person_behind: &str) {
        let sender = sender.parse().unwrap();
        assert_eq!(without_tag(&sender).to_string(), untagged, "{sender}");
        assert_eq!(person(&sender).to_string(), person_behind, "{sender}");
    }

    #[test]
    fn a_sender_is_known_behind_what_servers_add() {
        let plain = |sender| check(sender, sender, sender);
        plain("bob@example.net");
        plain("prvs=@example.net");
        plain("prvs=1234@example.net");
        plain("prvs=1234=@example.net");
        plain("SRS0@example.net");
        plain("SRS0=a=b=c@example.net");
        plain("SRS1=a=b=c@example.net");
        plain("SRS0=a=b=no_host=c@example.net");
        check(
            "prvs=0123abcdef=bob@example.net",
            "bob@example.net",
            "bob@example.net",
        );
        check(
            "PRVS=0123abcdef=Bob=x@example.net",
            "Bob=x@example.net",
            "Bob=x@example.net",
        );
        check(
            "btv1==123abc==bob@example.net",
            "bob@example.net",
            "bob@example.net",
        );
        check(
            "\"prvs=1=a b\"@example.net",
            "\"a b\"@example.net",
            "\"a b\"@example.net",
        );
        check(
            "SRS0=AB=CD=b.test=bob@f.test",
            "SRS0=AB=CD=b.test=bob@f.test",
            "bob@b.test",
        );
        check(
            "srs0+AB=CD=b.test=b=c@f.test",
            "srs0+AB=CD=b.test=b=c@f.test",
            "b=c@b.test",
        );
        check(
            "SRS1=XY=f.test==AB=CD=b.test=bob@g.test",
            "SRS1=XY=f.test==AB=CD=b.test=bob@g.test",
            "bob@b.test",
        );
    }
}
