//! Policies good and bad, old and unreachable, kept over a restart and within a bound.

use std::sync::atomic::{AtomicUsize, Ordering};

use mta_sts::Response;

use super::*;

/// A web server that answers this, and counts.
#[derive(Clone)]
struct Scripted {
    answer: Result<Response, FetchError>,
    asked: Arc<AtomicUsize>,
}

impl Scripted {
    fn new(answer: Result<&str, FetchError>) -> Self {
        let answer = answer.map(|body| Response {
            status: 200,
            content_type: Some("text/plain".to_owned()),
            body: body.as_bytes().to_vec(),
        });
        Self {
            answer,
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Fetch for Scripted {
    async fn fetch(&self, _: &Domain) -> Result<Response, FetchError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.answer.clone()
    }
}

fn policy(host: &str, age: u64) -> String {
    format!("version: STSv1\nmode: enforce\nmx: {host}\nmax_age: {age}\n")
}

fn announced(id: &str) -> Announced {
    Announced::Id(Id::parse(id).unwrap())
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn shown(found: &Found) -> String {
    let host = found
        .policy
        .as_ref()
        .map(|policy| policy.mx()[0].to_string());
    format!("{} {:?}", host.unwrap_or("-".to_owned()), found.failure)
}

#[tokio::test]
async fn a_policy_is_fetched_once_and_kept_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("mta-sts");
    let a = domain("a.test");
    let web = Scripted::new(Ok(&policy("mx.a.test", 86400)));
    let policies = Arc::new(Policies::new(place.clone()));
    let none = policies.of(&a, &Announced::Nothing, web.clone()).await;
    assert_eq!(shown(&none), "- None");
    // Two at once ask once.
    let one = announced("1");
    let both = tokio::join!(
        policies.of(&a, &one, web.clone()),
        policies.of(&a, &one, web.clone())
    );
    assert_eq!(
        (shown(&both.0), shown(&both.1)),
        ("mx.a.test None".to_owned(), "mx.a.test None".to_owned())
    );
    assert_eq!(web.asked(), 1);
    assert!(policies.fetching.lock().unwrap().is_empty());

    let policies = Arc::new(Policies::new(place));
    // Neither a restart nor DNS makes it go away.
    for told in [announced("1"), Announced::Nothing, Announced::Unclear] {
        let found = policies.of(&a, &told, web.clone()).await;
        assert_eq!(shown(&found), "mx.a.test None", "{told:?}");
    }
    assert_eq!(web.asked(), 1);
    // A new id is another policy.
    let other = Scripted::new(Ok(&policy("mx.b.test", 86400)));
    let found = policies.of(&a, &announced("2"), other).await;
    assert_eq!(shown(&found), "mx.b.test None");
}

#[tokio::test]
async fn what_is_kept_holds_while_the_web_server_cannot_be_reached() {
    let directory = tempfile::tempdir().unwrap();
    let policies = Arc::new(Policies::new(directory.path().to_owned()));
    let a = domain("a.test");
    let good = Scripted::new(Ok(&policy("mx.a.test", 86400)));
    policies.of(&a, &announced("1"), good).await;
    let away = Scripted::new(Err(FetchError::Unreachable));
    let found = policies.of(&a, &announced("2"), away.clone()).await;
    assert_eq!(shown(&found), "mx.a.test Some(StsFetch)");
    // Not again at once.
    let found = policies.of(&a, &announced("2"), away.clone()).await;
    assert_eq!(shown(&found), "mx.a.test None");
    assert_eq!(away.asked(), 1);
}

#[tokio::test]
async fn what_is_over_does_not_hold() {
    let directory = tempfile::tempdir().unwrap();
    let policies = Arc::new(Policies::new(directory.path().to_owned()));
    let a = domain("a.test");
    let old = Kept {
        id: Id::parse("1").unwrap(),
        fetched: SystemTime::now() - Duration::from_secs(100),
        policy: Policy::parse(policy("mx.a.test", 99).as_bytes()).unwrap(),
    };
    policies.shelf.put(&a, &old).unwrap();
    let away = Scripted::new(Err(FetchError::Certificate));
    let found = policies.of(&a, &announced("1"), away).await;
    assert_eq!(shown(&found), "- Some(StsWebpki)");
    let bad = Scripted::new(Ok("<html>"));
    let found = policies.of(&a, &announced("2"), bad).await;
    assert_eq!(shown(&found), "- Some(StsInvalid)");
}

#[tokio::test]
async fn an_old_policy_is_fetched_anew_beside() {
    let directory = tempfile::tempdir().unwrap();
    let policies = Arc::new(Policies::new(directory.path().to_owned()));
    let a = domain("a.test");
    let old = Kept {
        id: Id::parse("1").unwrap(),
        fetched: SystemTime::now() - Duration::from_secs(60),
        policy: Policy::parse(policy("mx.a.test", 100).as_bytes()).unwrap(),
    };
    policies.shelf.put(&a, &old).unwrap();
    let web = Scripted::new(Ok(&policy("new.a.test", 86400)));
    let found = policies.of(&a, &announced("1"), web.clone()).await;
    assert_eq!(shown(&found), "mx.a.test None");
    // All permits back: the refresh is through.
    let permits = u32::try_from(REFRESHES).unwrap();
    drop(policies.refreshes.acquire_many(permits).await.unwrap());
    let found = policies.of(&a, &announced("1"), web.clone()).await;
    assert_eq!(
        (shown(&found), web.asked()),
        ("new.a.test None".to_owned(), 1)
    );
}

#[test]
fn files_are_bounded_and_believed_only_when_they_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let shelf = Shelf {
        directory: directory.path().to_owned(),
    };
    let kept = Kept {
        id: Id::parse("1").unwrap(),
        fetched: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_360_000),
        policy: Policy::parse(policy("mx.a.test", 99).as_bytes()).unwrap(),
    };
    shelf.put(&domain("a.test"), &kept).unwrap();
    assert_eq!(shelf.get(&domain("a.test")), Some(kept.clone()));
    let whole = fs::read_to_string(shelf.file(&domain("a.test"))).unwrap();
    for end in 0..whole.len() - 1 {
        fs::write(shelf.file(&domain("b.test")), &whole[..end]).unwrap();
        let found = shelf.get(&domain("b.test"));
        // A last line that is cut is another age, and still an age.
        assert!(
            found.is_none() || whole[end..].len() < 3,
            "{}",
            &whole[..end]
        );
    }
    for number in 0..MOST {
        fs::write(shelf.file(&domain(&format!("d{number}.test"))), &whole).unwrap();
    }
    shelf.put(&domain("new.test"), &kept).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), MOST);
    assert_eq!(shelf.get(&domain("new.test")), Some(kept));
}
