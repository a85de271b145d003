//! Mail that is fetched from a provider (RFC 2645): who is asked, how, and with which words it ends.

use address::Domain;
use auth::{Credentials, Secret};
use courier::roads::{About, Fetched, NotFetched, Route, RouteTls};
use smtp_client::Login;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::server::{Authority, Manner, listeners};
use crate::world::{World, make};

/// A provider whose certificate is for this name, and the route there.
async fn provider(name: &str, manner: Manner) -> World {
    let authority = Authority::new();
    let manner = manner.with_tls(authority.signs(name));
    let making = make(listeners(1).await);
    let mut world = making
        .servers(vec![manner], authority, |_| Vec::new())
        .await;
    let credentials = Credentials::new("spoke", Secret::new("pencil".to_owned()));
    let route = Route {
        hosts: vec![("mx1.plain.test".parse().unwrap(), world.settings.port)],
        mx: false,
        tls: RouteTls::StartTls,
        ca: None,
        login: Some(Login::new(credentials)),
    };
    world.settings.routes = [("hub".into(), route)].into();
    world
}

fn hub() -> Manner {
    Manner::of("mx1")
        .lists("AUTH PLAIN")
        .lists("ATRN")
        .says("AUTH", "235 2.7.0 welcome")
}

fn domains() -> Vec<Domain> {
    ["a.test", "b.test"].map(|one| one.parse().unwrap()).into()
}

#[tokio::test]
async fn the_connection_changes_sides_under_tls_and_behind_a_login() {
    let world = provider("mx1.plain.test", hub().says("ATRN", "250 2.0.0 your turn")).await;
    let fetched = world.roads().fetch("hub", &domains()).await;
    let Ok(Fetched::Turned(turned)) = fetched else {
        panic!("{:?}", fetched.err());
    };
    assert_eq!(turned.host, "mx1.plain.test".parse().unwrap());
    assert_eq!(turned.address, world.servers[0].address);
    assert!(turned.tls.is_some());
    let mut stream = BufReader::new(turned.into_stream());
    // Nothing of what was said before is left, and what is said now arrives.
    stream.write_all(b"220 we.test ready\r\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    assert_eq!(answer, "250 2.1.0 fine\r\n");
    let heard = world.servers[0].heard();
    let last: Vec<&str> = heard.iter().rev().take(4).map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "220 we.test ready",
            "ATRN a.test,b.test",
            "AUTH PLAIN AHNwb2tlAHBlbmNpbA==",
            "EHLO we.test",
        ]
    );
    assert_eq!(world.servers[0].count("TLS"), 1);
}

#[tokio::test]
async fn no_domains_are_all_of_them_and_no_mail_is_no_failure() {
    let world = provider("mx1.plain.test", hub().says("ATRN", "453 4.3.0 nothing")).await;
    let fetched = world.roads().fetch("hub", &[]).await;
    assert!(matches!(fetched, Ok(Fetched::Nothing)));
    assert_eq!(
        world.servers[0]
            .heard()
            .iter()
            .filter(|one| *one == "ATRN")
            .count(),
        1
    );
    assert_eq!(world.servers[0].count("QUIT"), 1);
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_words() {
    for (name, manner, words, about, logins) in [
        (
            "mx1.plain.test",
            hub().says("ATRN", "450 4.7.1 not yours"),
            "refused to go on at ATRN: 450 4.7.1 not yours",
            About::Domains,
            1,
        ),
        (
            "mx1.plain.test",
            hub().says("AUTH PLAIN", "535 5.7.8 who are you?"),
            "refused our login (PLAIN)",
            About::Login,
            1,
        ),
        (
            "mx1.plain.test",
            Manner::of("mx1")
                .lists("AUTH PLAIN")
                .says("AUTH", "235 2.7.0 welcome"),
            "hands out no mail over a connection like this",
            About::Provider,
            1,
        ),
        // Nobody else is shown the password.
        (
            "other.test",
            hub(),
            "TLS is required with mx1.plain.test",
            About::Tls,
            0,
        ),
    ] {
        let world = provider(name, manner).await;
        let fetched = world.roads().fetch("hub", &domains()).await;
        let told = fetched.err().unwrap();
        assert!(told.words.contains(words), "{words}: {told}");
        assert_eq!(told.about, about, "{words}");
        assert_eq!(world.servers[0].count("AUTH"), logins, "{words}");
    }
    let world = provider("mx1.plain.test", hub()).await;
    let told = world.roads().fetch("gone", &[]).await.err();
    let words = "The route gone is not in the configuration any more.".to_owned();
    let about = About::Other;
    assert_eq!(told, Some(NotFetched { about, words }));
}
