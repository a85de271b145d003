//! The copies of a post: how many, for whom, and under which envelope.

use std::num::NonZeroUsize;

use address::{Envelope, ForwardPath, Mailbox, Recipient, ReversePath};

use super::one_click::UrlBase;
use super::{List, Role};
use crate::keys::Keys;

/// What it takes to give every member an address to leave by.
#[derive(Clone, Copy, Debug)]
pub struct OneClick<'a> {
    /// What it begins with.
    pub base: &'a UrlBase,
    /// What it is marked with.
    pub keys: &'a Keys,
}

/// One copy of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostCopy {
    /// From the list's `-bounces` address, to some of the members.
    pub envelope: Envelope,
    /// The address by which its one recipient leaves the list, for [`List::ours`].
    pub unsubscribe: Option<String>,
}

impl List {
    /// The copies of a post that came under `post`, for `most` members each. With `one_click` each member gets a copy
    /// of his own, as what is in it is for him alone.
    pub fn copies<'a>(
        &'a self,
        post: &'a Envelope,
        most: NonZeroUsize,
        one_click: Option<OneClick<'a>>,
    ) -> impl Iterator<Item = PostCopy> + 'a {
        let most = if one_click.is_some() { 1 } else { most.get() };
        let mut members = self.members().peekable();
        std::iter::from_fn(move || {
            let single = members.peek().copied()?;
            let unsubscribe =
                one_click.map(|click| click.base.with(&self.one_click(click.keys, single)));
            let group: Vec<&Mailbox> = members.by_ref().take(most).collect();
            Some(PostCopy {
                envelope: self.envelope(post, &group),
                unsubscribe,
            })
        })
    }

    /// RFC 5321 section 3.9.2: the reverse-path becomes the list's, so that bounces reach whoever looks after it; what
    /// the sender wished to hear about delivery ended with the delivery to the list (RFC 3461 section 5.2.7).
    fn envelope(&self, post: &Envelope, group: &[&Mailbox]) -> Envelope {
        let is_ascii = group.iter().all(|member| member.local.is_ascii());
        let recipient = |member: &&Mailbox| Recipient {
            path: ForwardPath::Mailbox((*member).clone()),
            notify: None,
            orcpt: None,
        };
        Envelope {
            reverse_path: ReversePath::Mailbox(self.mailbox(Role::Bounces)),
            body8bit: post.body8bit,
            smtputf8: post.smtputf8 || !is_ascii,
            requiretls: post.requiretls,
            recipients: group.iter().map(recipient).collect(),
            ..Envelope::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use address::Envelope;
    use address::dsn::Ret;

    use super::{OneClick, PostCopy};
    use crate::keys::{Key, Keys};
    use crate::list::{List, UrlBase, one_click_member, tests::settings};

    fn list(members: usize) -> List {
        let mut settings = settings();
        settings.members = (0..members)
            .map(|member| format!("m{member:04}@example.net").parse().unwrap())
            .collect();
        List::new(settings).unwrap()
    }

    fn sizes(list: &List, most: usize) -> Vec<usize> {
        let post = Envelope::default();
        let copies = list.copies(&post, NonZeroUsize::new(most).unwrap(), None);
        copies.map(|copy| copy.envelope.recipients.len()).collect()
    }

    #[test]
    fn members_are_served_in_groups() {
        assert_eq!(sizes(&list(0), 50), Vec::<usize>::new());
        assert_eq!(sizes(&list(1), 50), [1]);
        assert_eq!(sizes(&list(50), 50), [50]);
        assert_eq!(sizes(&list(51), 50), [50, 1]);
        assert_eq!(sizes(&list(5), 2), [2, 2, 1]);
    }

    #[test]
    fn every_member_gets_one_copy() {
        let list = list(123);
        let post = Envelope::default();
        let copies = list.copies(&post, NonZeroUsize::new(10).unwrap(), None);
        let seen: Vec<String> = copies
            .flat_map(|copy| copy.envelope.recipients)
            .map(|recipient| recipient.path.mailbox().unwrap().to_string())
            .collect();
        let members: Vec<String> = list.members().map(ToString::to_string).collect();
        assert_eq!(seen, members);
    }

    #[test]
    fn with_one_click_every_member_gets_his_own() {
        let keys = Keys::new(Key::new(&[1; 32]).unwrap(), Vec::new());
        let base = UrlBase::parse("https://lists.example.test/leave").unwrap();
        let list = list(3);
        let post = Envelope::default();
        let one_click = OneClick {
            base: &base,
            keys: &keys,
        };
        let copies: Vec<PostCopy> = list
            .copies(&post, NonZeroUsize::new(50).unwrap(), Some(one_click))
            .collect();
        assert_eq!(copies.len(), 3);
        for copy in copies {
            let [recipient] = copy.envelope.recipients.as_slice() else {
                panic!("one recipient");
            };
            let url = copy.unsubscribe.unwrap();
            let token = url
                .strip_prefix("https://lists.example.test/leave/")
                .unwrap();
            let (named, member) = one_click_member(&keys, token).unwrap();
            assert_eq!(named, list.settings().address);
            assert_eq!(Some(&member), recipient.path.mailbox());
        }
    }

    #[test]
    fn the_envelope_is_the_lists_and_carries_what_the_message_needs() {
        let post = Envelope {
            reverse_path: "<bob@example.net>".parse().unwrap(),
            ret: Some(Ret::Full),
            body8bit: true,
            requiretls: true,
            ..Envelope::default()
        };
        let copy = list(1)
            .copies(&post, NonZeroUsize::MIN, None)
            .next()
            .unwrap();
        let expected = Envelope {
            reverse_path: "<staff-bounces@example.test>".parse().unwrap(),
            body8bit: true,
            requiretls: true,
            recipients: copy.envelope.recipients.clone(),
            ..Envelope::default()
        };
        assert_eq!(copy.envelope, expected);
        let mut settings = settings();
        settings.members = vec!["jörg@example.net".parse().unwrap()];
        let list = List::new(settings).unwrap();
        let copy = list.copies(&post, NonZeroUsize::MIN, None).next().unwrap();
        assert!(copy.envelope.smtputf8);
    }
}
