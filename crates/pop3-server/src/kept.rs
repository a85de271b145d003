//! Unique ids that messages brought along from another server, so that clients do not fetch them again.

use std::collections::HashSet;
use std::sync::Arc;

use crate::ask::Message;

/// Unique ids given by other servers, by the index of their message. Most maildrops have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptIds {
    /// In the order of indices.
    ids: Arc<[(usize, Arc<str>)]>,
}

impl KeptIds {
    /// Those of `ids`, given in the order of indices, that can be told to a client. The others fall back to the id made
    /// of epoch and uid: what is no unique id, what an earlier message has, and what another message's own id is.
    ///
    /// RFC 1939 section 7: 1 to 70 characters from 0x21 to 0x7E, and no two messages with the same.
    #[must_use]
    pub fn of(messages: &[Message], ids: impl IntoIterator<Item = (usize, Arc<str>)>) -> Self {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_none() {
            return Self::default();
        }
        let own: HashSet<(u32, u64)> = messages
            .iter()
            .map(|message| (message.epoch, message.uid))
            .collect();
        let mut taken = HashSet::new();
        let mut kept: Vec<(usize, Arc<str>)> = Vec::new();
        for (index, id) in ids {
            let Some(message) = messages.get(index) else {
                continue;
            };
            // Its own id is what it falls back to, so that one may as well be told from here.
            let is_anothers = own_id(&id).is_some_and(|(epoch, uid)| {
                (epoch, uid) != (message.epoch, message.uid) && own.contains(&(epoch, uid))
            });
            if is_unique_id(&id) && !is_anothers && taken.insert(Arc::clone(&id)) {
                kept.push((index, id));
            }
        }
        Self { ids: kept.into() }
    }

    /// The one of this message, if it has one.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let at = self.ids.binary_search_by_key(&index, |(index, _)| *index);
        at.ok().map(|at| &*self.ids[at].1)
    }
}

fn is_unique_id(id: &str) -> bool {
    matches!(id.len(), 1..=70) && id.bytes().all(|octet| (0x21..=0x7E).contains(&octet))
}

/// Epoch and uid, if an id looks like one of ours.
fn own_id(id: &str) -> Option<(u32, u64)> {
    let (epoch, uid) = id.split_once('.')?;
    let (epoch, uid) = (
        u32::from_str_radix(epoch, 16).ok()?,
        u64::from_str_radix(uid, 16).ok()?,
    );
    // Leading zeros, capitals and signs are not ours.
    (format!("{epoch:x}.{uid:x}") == id).then_some((epoch, uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids offered for messages 1.1, 1.2, ... in order, and which of them are told.
    #[track_caller]
    fn check(offered: &[&str], told: &[Option<&str>]) {
        let messages: Vec<Message> = (1..=offered.len() as u64)
            .map(|uid| Message {
                octets: 1,
                needs_utf8: false,
                epoch: 1,
                uid,
            })
            .collect();
        let ids = offered.iter().map(|id| Arc::from(*id)).enumerate();
        let kept = KeptIds::of(&messages, ids);
        let got: Vec<_> = (0..offered.len()).map(|index| kept.get(index)).collect();
        assert_eq!(got, told);
    }

    #[test]
    fn ids_of_other_servers_are_told_as_they_were() {
        let longest = "x".repeat(70);
        let ids = ["000000015f3a7c21", "!~", "UID7-1109709855", &longest];
        check(&ids, &ids.map(Some));
    }

    #[test]
    fn what_is_no_unique_id_is_not_told() {
        let too_long = "x".repeat(71);
        check(&["", "a b", "\u{fc}", "\x7f", &too_long], &[None; 5]);
    }

    #[test]
    fn an_id_that_another_message_has_is_not_told_twice() {
        check(&["a", "b", "a"], &[Some("a"), Some("b"), None]);
    }

    #[test]
    fn an_id_that_is_another_message_s_own_is_not_told() {
        // 1.3 would be told twice if the third falls back to it.
        check(&["1.3", "1.2", "x"], &[None, Some("1.2"), Some("x")]);
        // No message has these.
        check(
            &["1.4", "2.1", "1.03"],
            &[Some("1.4"), Some("2.1"), Some("1.03")],
        );
    }

    #[test]
    fn ids_of_messages_that_are_not_there_are_ignored() {
        let ids = [(0, Arc::from("a"))];
        assert_eq!(KeptIds::of(&[], ids), KeptIds::default());
        assert_eq!(KeptIds::default().get(0), None);
    }
}
