//! The status of a recipient (RFC 3463): read from a reply, and made to agree with what happened.

use reply::Enhanced;

use crate::facts::Action;

/// Largest subject and detail: three digits (RFC 3463 section 2).
const MOST: u16 = 999;

/// The status a reply of another server stands for: its enhanced code where it has one of the same class, else the
/// class alone (RFC 3464 section 2.3.4). `text` is what stood behind the code.
///
/// A code that is neither 2yz, 4yz nor 5yz counts as a temporary failure.
///
/// ```
/// use reply::Enhanced;
/// assert_eq!(dsn::of_reply(550, b"5.1.1 No such user"), Enhanced(5, 1, 1));
/// assert_eq!(dsn::of_reply(541, b"No"), Enhanced(5, 0, 0));
/// ```
#[must_use]
pub fn of_reply(code: u16, text: &[u8]) -> Enhanced {
    let class = match code / 100 {
        2 => 2,
        5 => 5,
        _ => 4,
    };
    match leading(text) {
        Some(found) if found.0 == class => found,
        Some(_) | None => Enhanced(class, 0, 0),
    }
}

/// ```text
/// status-code = class "." subject "." detail       ; RFC 3463 section 2
/// class       = "2" / "4" / "5"
/// subject     = 1*3digit
/// detail      = 1*3digit
/// ```
fn leading(text: &[u8]) -> Option<Enhanced> {
    let end = text
        .iter()
        .position(|octet| !octet.is_ascii_digit() && *octet != b'.');
    let (code, rest) = text.split_at(end.unwrap_or(text.len()));
    if !matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n')) {
        return None;
    }
    let mut numbers = str::from_utf8(code).ok()?.split('.').map(number);
    let class = u8::try_from(numbers.next()??).ok()?;
    let (subject, detail) = (numbers.next()??, numbers.next()??);
    numbers
        .next()
        .is_none()
        .then_some(Enhanced(class, subject, detail))
}

fn number(digits: &str) -> Option<u16> {
    (1..=3).contains(&digits.len()).then_some(())?;
    digits.parse().ok()
}

/// The status as it may stand beside this action: RFC 3464 section 2.3.4 wants both to say the same.
///
/// A failure may keep class 4, for what went wrong for a while until time ran out.
pub(crate) fn beside(action: Action, Enhanced(class, subject, detail): Enhanced) -> Enhanced {
    let class = match (action, class) {
        (Action::Failed, 4) | (Action::Delayed, _) => 4,
        (Action::Failed, _) => 5,
        (Action::Delivered | Action::Relayed | Action::Expanded, _) => 2,
    };
    let within = |number| if number > MOST { 0 } else { number };
    Enhanced(class, within(subject), within(detail))
}

#[cfg(test)]
mod tests {
    use reply::Enhanced;

    use super::{beside, of_reply};
    use crate::facts::Action;

    #[track_caller]
    fn check(code: u16, text: &[u8], expected: &str) {
        let status = of_reply(code, text);
        assert_eq!(status.to_string(), expected, "{}", text.escape_ascii());
    }

    // DSN-14
    #[test]
    fn a_reply_gives_its_own_code_or_its_class() {
        check(550, b"5.1.1 No such user", "5.1.1");
        check(550, b"5.7.509 no", "5.7.509");
        check(550, b"5.1.1", "5.1.1");
        check(550, b"5.1.1\r\n5.1.1 more", "5.1.1");
        check(541, b"no", "5.0.0");
        check(450, b"4.2.0 later", "4.2.0");
        check(450, b"5.2.0 later", "4.0.0");
        check(250, b"2.1.5 fine", "2.1.5");
        check(550, b"5.1.1: no", "5.0.0");
        check(550, b"5.1.1.1 no", "5.0.0");
        check(550, b"5.1 no", "5.0.0");
        check(550, b"5..1 no", "5.0.0");
        check(550, b"5.1000.1 no", "5.0.0");
        check(550, b"5.1.\xff no", "5.0.0");
        check(550, b"", "5.0.0");
        check(354, b"go on", "4.0.0");
        check(0, b"", "4.0.0");
        check(65_535, b"6.5.5 x", "4.0.0");
    }

    #[test]
    fn status_and_action_say_the_same() {
        let shown = |action, status| beside(action, status).to_string();
        assert_eq!(shown(Action::Failed, Enhanced(5, 1, 1)), "5.1.1");
        assert_eq!(shown(Action::Failed, Enhanced(4, 4, 7)), "4.4.7");
        assert_eq!(shown(Action::Failed, Enhanced(2, 1, 5)), "5.1.5");
        assert_eq!(shown(Action::Delayed, Enhanced(5, 4, 1)), "4.4.1");
        assert_eq!(shown(Action::Delivered, Enhanced(0, 1000, 65_535)), "2.0.0");
        assert_eq!(shown(Action::Relayed, Enhanced(2, 1, 9)), "2.1.9");
        assert_eq!(shown(Action::Expanded, Enhanced(9, 999, 999)), "2.999.999");
    }
}
