//! Whether a password is easy to guess. Nothing is refused for it: whoever sets one is told.

use auth::Secret;
use zxcvbn::Score;

/// Why it is easy to guess, in brackets to be put behind those words, or empty where no more can be said; `None` if it is
/// not. What belongs to the account's own address does not count as a secret.
pub fn of(password: &Secret, address: &str) -> Option<String> {
    let own: Vec<&str> = address.split(['@', '.']).chain([address]).collect();
    let entropy = zxcvbn::zxcvbn(password.expose(), &own);
    if entropy.score() >= Score::Three {
        return None;
    }
    let why = entropy.feedback().and_then(|feedback| feedback.warning());
    Some(
        why.map(|warning| format!(" ({})", warning.to_string().trim_end_matches('.')))
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_easy_to_guess_are_known() {
        for (password, weak) in [
            ("secret", true),
            ("alice", true),
            ("alice@example.test", true),
            ("12345678", true),
            ("correct horse battery staple", false),
            ("vq7-Rmd2-kLw9", false),
        ] {
            let why = of(&password.into(), "alice@example.test");
            assert_eq!(why.is_some(), weak, "{password:?}: {why:?}");
            assert!(
                !why.is_some_and(|why| why.contains(password)),
                "the password itself is not shown"
            );
        }
    }
}
