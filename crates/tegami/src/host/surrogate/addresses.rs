//! Fields that hold addresses (RFC 5322 section 3.4) with something beyond ASCII in them.
//!
//! It reads leniently, for what cannot be read is still shown, and writes strictly.

use address::Domain;

/// Stands for an address that ASCII cannot write (RFC 6858 section 2.1). Nobody can register it (RFC 2606), so no
/// reply ever goes to a stranger.
const STAND_IN: &str = "<invalid@internationalized-address.invalid>";

/// The addresses in ASCII, word by word; the first may stand behind a name that has taken so many octets of its line.
pub(super) fn words(value: &str, taken: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut item = Item::default();
    let mut state = State::default();
    for c in value.chars() {
        if let Some(separator) = state.take(c, &mut item) {
            end(std::mem::take(&mut item), separator, taken, &mut words);
        }
    }
    end(item, Separator::None, taken, &mut words);
    // A comma with nothing behind it.
    if let Some(last) = words.last_mut()
        && last.ends_with(',')
    {
        last.pop();
    }
    words
}

/// One mailbox, or the name of a group, as far as it has been read.
#[derive(Debug, Default)]
struct Item {
    /// Everything outside of angle brackets and comments, without quotes.
    text: String,
    /// The same as it is written, for a quoted local part.
    written: String,
    /// What stands between angle brackets.
    angle: Option<String>,
    comment: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    /// The end.
    None,
    Comma,
    /// The text before it is the name of a group.
    Colon,
    /// The group ends.
    Semicolon,
}

#[derive(Debug, Default)]
struct State {
    quoted: bool,
    escaped: bool,
    angle: bool,
    comments: u32,
}

impl State {
    /// Puts `c` where it belongs, or says that it ends the item.
    fn take(&mut self, c: char, item: &mut Item) -> Option<Separator> {
        if std::mem::take(&mut self.escaped) {
            self.put(c, item);
            return None;
        }
        match c {
            '\\' if self.quoted || self.comments > 0 => {
                self.escaped = true;
                self.mark(c, item);
            }
            '"' if self.comments == 0 => {
                self.quoted = !self.quoted;
                self.mark(c, item);
            }
            _ if self.quoted => self.put(c, item),
            '(' => self.comments += 1,
            ')' if self.comments > 0 => self.comments -= 1,
            _ if self.comments > 0 => self.put(c, item),
            '<' => {
                self.angle = true;
                item.angle = Some(String::new());
            }
            '>' => self.angle = false,
            _ if self.angle => self.put(c, item),
            ',' => return Some(Separator::Comma),
            ':' => return Some(Separator::Colon),
            ';' => return Some(Separator::Semicolon),
            c => self.put(c, item),
        }
        None
    }

    /// Quotes and backslashes belong to an address and to no name.
    fn mark(&self, c: char, item: &mut Item) {
        if self.comments > 0 {
            return;
        }
        match item.angle.as_mut().filter(|_| self.angle) {
            Some(address) => address.push(c),
            None => item.written.push(c),
        }
    }

    fn put(&self, c: char, item: &mut Item) {
        if self.comments > 0 {
            item.comment.push(c);
        } else if let Some(address) = item.angle.as_mut().filter(|_| self.angle) {
            address.push(c);
        } else {
            item.text.push(c);
            item.written.push(c);
        }
    }
}

/// Writes an item and what ended it.
fn end(item: Item, separator: Separator, taken: usize, words: &mut Vec<String>) {
    let before = words.len();
    let taken = if words.is_empty() { taken } else { 0 };
    match separator {
        Separator::Colon => words.extend(phrase(item.text.trim(), taken)),
        Separator::None | Separator::Comma | Separator::Semicolon => mailbox(&item, taken, words),
    }
    let mark = match separator {
        Separator::None => return,
        // Nothing between two commas.
        Separator::Comma if words.len() == before => return,
        Separator::Comma => ',',
        Separator::Colon => ':',
        Separator::Semicolon => ';',
    };
    match words.last_mut() {
        Some(last) => {
            if mark == ';' && last.ends_with(',') {
                last.pop();
            }
            last.push(mark);
        }
        None => words.push(mark.to_string()),
    }
}

fn mailbox(item: &Item, taken: usize, words: &mut Vec<String>) {
    let (name, address) = match &item.angle {
        Some(address) => (item.text.trim(), address.trim()),
        None => (item.comment.trim(), item.written.trim()),
    };
    if item.angle.is_none() && !address.contains('@') {
        // No address at all; whatever it is, it is shown.
        return words.extend(phrase(address, taken));
    }
    match ascii(address) {
        Some(address) => {
            words.extend(phrase(name, taken));
            words.push(format!("<{address}>"));
        }
        // RFC 6858 section 2.1: the name says whom it was.
        None => {
            let shown = if name.is_empty() {
                address.to_owned()
            } else {
                format!("{name} <{address}>")
            };
            words.extend(mime::encoded(&shown, taken));
            words.push(STAND_IN.to_owned());
        }
    }
}

/// The address if it can be written in ASCII, with A-labels for the domain where that is all it takes.
fn ascii(address: &str) -> Option<String> {
    let safe = |text: &str| {
        text.bytes()
            .all(|octet| octet.is_ascii_graphic() || octet == b' ')
    };
    if address.is_ascii() {
        return safe(address).then(|| address.to_owned());
    }
    let (local, domain) = address.rsplit_once('@')?;
    let domain = Domain::parse(domain).ok()?;
    safe(local).then(|| format!("{local}@{}", domain.as_str()))
}

/// A display name. Encoded words that are in it stay: they are no different from other atoms.
fn phrase(name: &str, taken: usize) -> Vec<String> {
    if name
        .bytes()
        .all(|octet| octet == b' ' || mime::is_atext(octet))
    {
        name.split_ascii_whitespace().map(str::to_owned).collect()
    } else {
        mime::phrase(name, taken)
    }
}
