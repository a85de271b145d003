//! In which language somebody is answered (RFC 9110 section 12.5.4).

use reply::Language;

/// Ranges that are looked at.
const MOST: usize = 32;

/// The one of ours that is liked best; English where none is named.
pub fn of(accept_language: Option<&str>) -> Language {
    let ranges = accept_language.unwrap_or_default().split(',').take(MOST);
    let mut best = (0, Language::English);
    for range in ranges {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let primary = tag.split('-').next().unwrap_or_default();
        let language = match primary.to_ascii_lowercase().as_str() {
            "en" => Language::English,
            "ja" => Language::Japanese,
            _ => continue,
        };
        let weight = parts.find_map(weight).unwrap_or(1000);
        if weight > best.0 {
            best = (weight, language);
        }
    }
    best.1
}

/// `q=0.8` in thousandths; what is no weight counts for nothing.
fn weight(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if !matches!(whole, "0" | "1") || part.len() > 3 || !digits(part) {
        return Some(0);
    }
    let thousandths: u32 = format!("{part:0<3}").parse().unwrap_or(0);
    let weight = if whole == "1" { 1000 } else { thousandths };
    Some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_liked_best_is_taken() {
        for (accept, japanese) in [
            (None, false),
            (Some(""), false),
            (Some("ja"), true),
            (Some("ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7"), true),
            (Some("en-GB,en;q=0.9,ja;q=0.8"), false),
            (Some("en;q=0.5, JA;q=0.51"), true),
            (Some("fr, ja;q=0.1"), true),
            (Some("fr, *"), false),
            (Some("ja;q=0"), false),
            (Some("ja;q=zero"), false),
            (Some("ja;q=1.0000"), false),
            (Some("jam"), false),
            (Some(";;;,,,q=;=,ja"), true),
        ] {
            let expected = if japanese {
                Language::Japanese
            } else {
                Language::English
            };
            assert_eq!(of(accept), expected, "{accept:?}");
        }
        let endless = "x,".repeat(10_000) + "ja";
        assert_eq!(of(Some(&endless)), Language::English);
    }
}
