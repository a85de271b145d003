//! Whether mail of an account may leave: not while the account is disabled, and not behind its removal. What is in the
//! queue of it waits, for whoever took the account over may have sent it.

use courier::office::Nowhere;
use mailstore::{AccountId, Directory, Queued, Store, Waiting};
use reply::Enhanced;

const DISABLED: &str =
    "the account that sent it is disabled; it waits until the account is enabled again";
const REMOVED: &str = "the account that sent it was removed; it goes back to the sender when its time is over, and `tegami queue remove --from ADDRESS` removes it now";

/// Messages of the queue read at a time.
const PAGE: usize = 500;

/// Why mail of this account waits, if it does. Of class 4 (RFC 3463 section 3.8: X.7.1, not authorized).
pub(super) fn waits(directory: &Directory, account: AccountId) -> Option<Nowhere> {
    let words = match directory.account(account) {
        Some(account) if account.enabled => return None,
        Some(_) => DISABLED,
        None => REMOVED,
    };
    Some(Nowhere {
        status: Enhanced(4, 7, 1),
        row: None,
        words: words.to_owned(),
    })
}

/// Whether what was kept back of this account is to be looked at again: it leaves by now, or waits for another reason.
pub(super) fn is_to_be_told(directory: &Directory, account: AccountId) -> bool {
    directory
        .account(account)
        .is_none_or(|account| account.enabled)
}

/// Names the messages of this account that were kept back because it was disabled. May block.
pub(super) fn each_waiting(store: &Store, account: AccountId, mut each: impl FnMut(u64)) {
    let mut after = None;
    loop {
        let page = match store.queue_due(u64::MAX, after, PAGE) {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "mail of an account that is enabled again leaves later: the queue cannot be read");
                return;
            }
        };
        for queued in page.iter().filter(|one| is_kept_back(one, account)) {
            each(queued.id);
        }
        let last = page.last().filter(|_| page.len() == PAGE);
        after = last.and_then(|last| Some((last.due()?, last.id)));
        if after.is_none() {
            return;
        }
    }
}

fn is_kept_back(queued: &Queued, account: AccountId) -> bool {
    let kept_back = |one: &Waiting| {
        let heard = one.heard.as_ref();
        heard.is_some_and(|heard| heard.words().starts_with(DISABLED))
    };
    queued.account == Some(account) && queued.waiting.iter().any(kept_back)
}

#[cfg(test)]
mod tests {
    use mailstore::{Account, Change, Heard, NewAccount, Options};

    use super::*;

    async fn with_alice() -> (Store, Account) {
        let (store, _faults) = Store::with_faults(Options::default()).unwrap();
        let new = NewAccount::new("alice@example.test".parse().unwrap());
        store.change(Change::AddAccount(new)).await.unwrap();
        let directory = store.directory();
        let alice = directory.find_login("alice").unwrap().clone();
        (store, alice)
    }

    #[tokio::test]
    async fn mail_of_an_account_leaves_while_it_is_there_and_enabled() {
        let (store, alice) = with_alice().await;
        let id = alice.id;
        assert_eq!(waits(&store.directory(), id), None);
        let off = Account {
            enabled: false,
            ..alice.clone()
        };
        store.change(Change::PutAccount(off)).await.unwrap();
        let disabled = waits(&store.directory(), id).unwrap();
        assert_eq!(disabled.status, Enhanced(4, 7, 1));
        assert_eq!(disabled.words, DISABLED);
        store.change(Change::PutAccount(alice)).await.unwrap();
        assert_eq!(waits(&store.directory(), id), None);
        store.change(Change::RemoveAccount(id)).await.unwrap();
        let removed = waits(&store.directory(), id).unwrap();
        assert_eq!(removed.status, Enhanced(4, 7, 1));
        assert_eq!(removed.words, REMOVED);
        assert!(is_to_be_told(&store.directory(), id));
    }

    #[test]
    fn only_what_was_kept_back_of_that_account_is_tried_again() {
        let check = |sent_by: Option<AccountId>, words: &str, expected: bool| {
            let queued = Queued {
                id: 1,
                octets: 10,
                utf8: false,
                account: sent_by,
                received: 0,
                release: None,
                waiting: vec![Waiting {
                    heard: Some(Heard::new("", words, 0)),
                    ..Waiting::new(0, 0)
                }],
            };
            assert_eq!(is_kept_back(&queued, AccountId(7)), expected, "{words}");
        };
        // As the office writes it down: with the status behind the words.
        let words = format!("{DISABLED} (4.7.1)");
        check(Some(AccountId(7)), &words, true);
        check(Some(AccountId(8)), &words, false);
        check(None, &words, false);
        check(Some(AccountId(7)), "busy (4.3.2)", false);
    }
}
