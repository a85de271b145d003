//! Many questions at once: who waits for whom, what is asked again, and what is not.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use resolver::{Asker, MailRoute, Resolver};
use tokio::task::JoinHandle;

use super::dns::{NameServer, Says};
use super::{US, asking, domain, exchangers};

/// The turns there are, and the share of a client.
const TURNS: usize = 64;
const SHARE: usize = 8;

fn client(number: usize) -> Asker {
    let number = u32::try_from(number).unwrap();
    Asker::Client(Ipv4Addr::from(0xC000_0200 + number).into())
}

fn ask(resolver: &Arc<Resolver>, name: &str, asker: Asker) -> JoinHandle<MailRoute> {
    let (resolver, name) = (Arc::clone(resolver), domain(name));
    tokio::spawn(async move { resolver.mail_route(&name, asker).await })
}

fn held(server: &NameServer, count: usize) {
    tokio::task::block_in_place(|| server.wait_until_holding(count));
}

/// A server that holds back what it knows of so many names, and knows `mx.example`.
fn holding(count: usize) -> (NameServer, Vec<String>) {
    let names: Vec<String> = (0..count)
        .map(|number| format!("{number}.example"))
        .collect();
    let known = names
        .iter()
        .flat_map(|name| [(name.as_str(), Says::Held), (name, Says::Mx(0, "."))]);
    let known: Vec<(&str, Says)> = known
        .chain([
            ("mx.example", Says::Mx(0, "a.example")),
            ("mx2.example", Says::Mx(0, "b.example")),
        ])
        .collect();
    (NameServer::start(&known), names)
}

/// A flood of questions costs a bounded number of sockets; the rest wait their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_questions_are_open_at_once() {
    let (server, names) = holding(100);
    let resolver = Arc::new(asking(&server));
    let questions: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| ask(&resolver, name, client(number)))
        .collect();
    for open in [TURNS, 100 - TURNS] {
        held(&server, open);
        assert_eq!(server.release(), open);
    }
    for question in questions {
        assert_eq!(question.await.unwrap(), MailRoute::NullMx);
    }
}

/// Somebody names domain after domain whose name servers never answer. He fills his own share, and whatever others ask is
/// answered at once, even what he waits for himself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn domains_with_silent_servers_hold_up_nobody_but_the_one_who_names_them() {
    let (server, names) = holding(TURNS);
    let resolver = Arc::new(asking(&server));
    let (attacker, other) = (client(1), client(2));
    let questions: Vec<_> = names
        .iter()
        .map(|name| ask(&resolver, name, attacker))
        .collect();
    held(&server, SHARE);
    let behind = ask(&resolver, "mx.example", attacker);
    let known = exchangers(&[(0, "a.example")]);
    assert_eq!(ask(&resolver, "mx.example", other).await.unwrap(), known);
    assert_eq!(behind.await.unwrap(), known);
    assert_eq!(server.asked_for("mx.example"), 1);
    for _ in 0..TURNS / SHARE {
        held(&server, SHARE);
        assert_eq!(server.release(), SHARE);
    }
    for question in questions {
        assert_eq!(question.await.unwrap(), MailRoute::NullMx);
    }
}

/// With every turn taken, what is known is still answered; only what is not has to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_needs_no_turn() {
    let (server, names) = holding(TURNS);
    let resolver = Arc::new(asking(&server));
    let known = exchangers(&[(0, "a.example")]);
    assert_eq!(ask(&resolver, "mx.example", US).await.unwrap(), known);
    let questions: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| ask(&resolver, name, client(number / SHARE)))
        .collect();
    held(&server, TURNS);
    let waits = ask(&resolver, "mx2.example", US);
    assert_eq!(ask(&resolver, "MX.example", US).await.unwrap(), known);
    assert_eq!(server.asked_for("mx2.example"), 0);
    assert_eq!(server.release(), TURNS);
    assert_eq!(waits.await.unwrap(), exchangers(&[(0, "b.example")]));
    for question in questions {
        assert_eq!(question.await.unwrap(), MailRoute::NullMx);
    }
}

#[tokio::test]
async fn answers_are_remembered_and_faults_only_for_a_short_time() {
    let server = NameServer::start(&[
        ("mx.example", Says::Mx(0, "mx.example")),
        ("fault.example", Says::Fault),
    ]);
    let resolver = asking(&server);
    let all = async || {
        for name in ["mx.example", "nothing.example", "fault.example"] {
            resolver.mail_route(&domain(name), US).await;
        }
    };
    all().await;
    let faults = server.asked_for("fault.example");
    assert!(faults > 0);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(29)).await;
    tokio::time::resume();
    all().await;
    assert_eq!(server.asked_for("fault.example"), faults);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    all().await;
    assert!(server.asked_for("fault.example") > faults);
    assert_eq!(server.asked_for("mx.example"), 1);
    assert_eq!(server.asked_for("nothing.example"), 1);
    // The server says 60 seconds for what does not exist, and 300 for what does.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    all().await;
    assert_eq!(server.asked_for("mx.example"), 1);
    assert_eq!(server.asked_for("nothing.example"), 2);
}

/// A mailing comes in over ten connections at once; its domain is asked for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_asked_by_many_is_one() {
    let (server, names) = holding(1);
    let resolver = Arc::new(asking(&server));
    let questions: Vec<_> = (0..10)
        .map(|number| ask(&resolver, &names[0], client(number)))
        .collect();
    held(&server, 1);
    server.release();
    for question in questions {
        assert_eq!(question.await.unwrap(), MailRoute::NullMx);
    }
    assert_eq!(server.asked_for(&names[0]), 1);
}

/// Whoever asked first hangs up before the answer comes; the others still hear it, and nobody asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_outlives_the_one_who_asked_it() {
    let (server, names) = holding(1);
    let resolver = Arc::new(asking(&server));
    let first = ask(&resolver, &names[0], client(1));
    held(&server, 1);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = ask(&resolver, &names[0], client(2));
    server.release();
    assert_eq!(second.await.unwrap(), MailRoute::NullMx);
    assert_eq!(server.asked_for(&names[0]), 1);
}
