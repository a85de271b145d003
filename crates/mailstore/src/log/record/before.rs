//! Heads as format versions before ours wrote them, read for ever and written no more.

use std::sync::Arc;

use address::Mailbox;
use auth::{LoginKeys, PasswordHash};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{CopyHead, MessageHead};
use crate::account::{Account, AccountId, Alias, Decision, Declared, Terms};
use crate::engine::Addressee;
use crate::handling::Handling;
use crate::index::Kept;

/// The head of a message in versions 3 and 4.
#[derive(Deserialize)]
struct MessageHead4 {
    received: u64,
    addressees: Vec<Addressee>,
    utf8: bool,
    uidl: Option<Arc<str>>,
}

/// The same in version 2.
#[derive(Deserialize)]
struct MessageHead2 {
    received: u64,
    addressees: Vec<Addressee>,
    utf8: bool,
}

/// The same in version 1.
#[derive(Deserialize)]
struct MessageHead1 {
    received: u64,
    addressees: Vec<Addressee>,
}

/// Reads the head of a message of the given format version; gives what stands behind it, too.
pub(super) fn message_head(version: u8, head: &[u8]) -> Option<(MessageHead, &[u8])> {
    if version > 4 {
        return postcard::take_from_bytes(head).ok();
    }
    let (old, rest) = if version > 2 {
        postcard::take_from_bytes::<MessageHead4>(head).ok()?
    } else if version == 2 {
        let (old, rest) = postcard::take_from_bytes::<MessageHead2>(head).ok()?;
        let message = MessageHead4 {
            received: old.received,
            addressees: old.addressees,
            utf8: old.utf8,
            uidl: None,
        };
        (message, rest)
    } else {
        let (old, rest) = postcard::take_from_bytes::<MessageHead1>(head).ok()?;
        let message = MessageHead4 {
            received: old.received,
            addressees: old.addressees,
            utf8: false,
            uidl: None,
        };
        (message, rest)
    };
    let message = MessageHead {
        received: old.received,
        addressees: old.addressees,
        utf8: old.utf8,
        uidl: old.uidl,
        queue: None,
    };
    Some((message, rest))
}

/// The head of a message moved by compaction before version 5.
#[derive(Deserialize)]
struct CopyHead4 {
    received: u64,
    kept: Vec<Kept>,
    utf8: bool,
    uidl: Option<Arc<str>>,
    envelope: u8,
}

/// Reads the head of a message moved by compaction; gives what stands behind it, too.
pub(super) fn copy_head(version: u8, head: &[u8]) -> Option<(CopyHead, &[u8])> {
    if version > 4 {
        return postcard::take_from_bytes(head).ok();
    }
    let (old, rest) = postcard::take_from_bytes::<CopyHead4>(head).ok()?;
    let copy = CopyHead {
        received: old.received,
        kept: old.kept,
        utf8: old.utf8,
        uidl: old.uidl,
        envelope: old.envelope,
        queue: None,
    };
    Some((copy, rest))
}

/// Reads the decisions of a record of the given format version.
pub(super) fn decisions(version: u8, head: &[u8]) -> Option<Vec<Decision>> {
    if version > 4 {
        return postcard::from_bytes(head).ok();
    }
    if version == 4 {
        return old_decisions::<Account4>(head);
    }
    old_decisions::<Account3>(head)
}

fn old_decisions<A: DeserializeOwned + Into<Account>>(head: &[u8]) -> Option<Vec<Decision>> {
    let old: Vec<Decision4<A>> = postcard::from_bytes(head).ok()?;
    Some(old.into_iter().map(Decision::from).collect())
}

/// A decision up to version 4: there were no lists.
#[derive(Deserialize)]
enum Decision4<A> {
    Account(A),
    NoAccount(AccountId),
    Alias(Alias),
    NoAlias(Mailbox),
}

/// An account of version 4: all its mail went into its mailbox. What stands inside is written without a frame of its own.
#[derive(Deserialize)]
struct Account4 {
    before: Account3,
    terms: Terms,
}

/// An account up to version 3: it had no terms.
#[derive(Deserialize)]
struct Account3 {
    id: AccountId,
    address: Mailbox,
    name: String,
    enabled: bool,
    password: Option<PasswordHash>,
    keys: LoginKeys,
    quota: Option<u64>,
    declared: Option<Declared>,
    generation: u64,
    epoch: u32,
}

impl<A: Into<Account>> From<Decision4<A>> for Decision {
    fn from(old: Decision4<A>) -> Self {
        match old {
            Decision4::Account(account) => Self::account(account.into()),
            Decision4::NoAccount(id) => Self::NoAccount(id),
            Decision4::Alias(alias) => Self::Alias(alias),
            Decision4::NoAlias(address) => Self::NoAlias(address),
        }
    }
}

impl From<Account4> for Account {
    fn from(old: Account4) -> Self {
        Self {
            terms: old.terms,
            ..old.before.into()
        }
    }
}

impl From<Account3> for Account {
    fn from(old: Account3) -> Self {
        Self {
            id: old.id,
            address: old.address,
            name: old.name,
            enabled: old.enabled,
            password: old.password,
            keys: old.keys,
            quota: old.quota,
            declared: old.declared,
            generation: old.generation,
            epoch: old.epoch,
            terms: Terms::default(),
            handling: Handling::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, AccountId, Alias, Decision, Handling, Terms, decisions};
    use crate::handling::{Forward, StoredList};

    fn account() -> Account {
        Account {
            id: AccountId(7),
            address: "alice@example.test".parse().unwrap(),
            name: "Alice".to_owned(),
            enabled: true,
            password: None,
            keys: auth::LoginKeys::default(),
            quota: Some(5),
            declared: None,
            generation: 9,
            epoch: 8,
            terms: Terms::default(),
            handling: Handling::default(),
        }
    }

    /// An account without terms is held to nothing; what stands behind it in the same record is read where it is.
    #[test]
    fn accounts_of_version_3_have_no_terms() {
        let old = (
            AccountId(7),
            "alice@example.test",
            "Alice",
            true,
            None::<&str>,
            Vec::<u8>::new(),
            Some(5_u64),
            None::<u8>,
            9_u64,
            8_u32,
        );
        // Variants go by their place, and behind the account comes an alias.
        let alias = ("info@example.test", vec!["alice@example.test"]);
        let head = postcard::to_allocvec(&(2_u32, (0_u32, old), (2_u32, alias))).unwrap();
        let alias = Alias {
            address: "info@example.test".parse().unwrap(),
            targets: vec!["alice@example.test".parse().unwrap()],
        };
        for version in 1..=3 {
            let read = decisions(version, &head).unwrap();
            let expected = [Decision::account(account()), Decision::Alias(alias.clone())];
            assert_eq!(read, expected, "version {version}");
        }
        assert_eq!(decisions(4, &head), None, "it is no record of version 4");
    }

    fn held_to_much() -> Terms {
        Terms {
            suspended: true,
            mailbox: false,
            utf8: false,
            login: auth::Floor::Scram,
            send_to: vec!["example.test".parse().unwrap(), "a@b.test".parse().unwrap()],
        }
    }

    /// The same of an account of version 4, which had terms, and all of whose mail went into its mailbox.
    #[test]
    fn accounts_of_version_4_forward_nothing() {
        let terms = held_to_much();
        let old = (
            AccountId(7),
            "alice@example.test",
            "Alice",
            true,
            None::<&str>,
            Vec::<u8>::new(),
            Some(5_u64),
            None::<u8>,
            9_u64,
            8_u32,
            &terms,
        );
        let head = postcard::to_allocvec(&(2_u32, (0_u32, old), (1_u32, 3_u64))).unwrap();
        let account = Account {
            terms: terms.clone(),
            ..account()
        };
        let expected = [
            Decision::account(account),
            Decision::NoAccount(AccountId(3)),
        ];
        assert_eq!(decisions(4, &head).unwrap(), expected);
        assert_eq!(decisions(5, &head), None, "it is no record of version 5");
    }

    #[test]
    fn what_is_said_of_accounts_and_lists_is_kept_as_it_is() {
        let account = Account {
            terms: held_to_much(),
            handling: Handling {
                forward: Some(Forward {
                    to: vec!["a@b.test".parse().unwrap()],
                    keep: true,
                    disclosed: false,
                }),
                moved: None,
                vacation: Some("{}".to_owned()),
            },
            ..account()
        };
        let list = StoredList {
            address: "staff@example.test".parse().unwrap(),
            settings: "{\"owners\":[]}".to_owned(),
        };
        let written = vec![
            Decision::account(account),
            Decision::NoList(list.address.clone()),
            Decision::List(list),
        ];
        let head = postcard::to_allocvec(&written).unwrap();
        assert_eq!(decisions(5, &head), Some(written));
    }
}
