//! Configured routes: where they lead, which TLS they have, and how they log in.

use auth::{Credentials, Secret};
use courier::carry::{Carry as _, Trip};
use courier::roads::{Line, Roads, Route, RouteTls};
use delivery::schedule::{Ending, NextHop};
use smtp_client::Login;

use crate::server::{Authority, Certificate, Manner, listeners};
use crate::world::{TEXT, Text, World, make, told, transaction, world};

fn route(world: &World, host: &str, tls: RouteTls) -> Route {
    Route {
        hosts: vec![(host.parse().unwrap(), world.settings.port)],
        mx: false,
        tls,
        ca: None,
        login: None,
    }
}

async fn send_by_route(world: &mut World, route: Route) -> Trip<Line> {
    world.settings.routes = [("out".into(), route)].into();
    // Only mail that finds its way by itself is kept out of private networks.
    world.settings.place.allowed = Vec::new();
    let roads = world.roads();
    let sent = transaction(&["a@elsewhere.test"], TEXT.len());
    let hop = NextHop::Route("out".into());
    roads.carry(&hop, None, sent, &mut Text::new(TEXT)).await
}

/// A world with one server that shows this certificate.
async fn smarthost(certificate: impl FnOnce(&Authority) -> Certificate, implicit: bool) -> World {
    let authority = Authority::new();
    let certificate = certificate(&authority);
    let manner = Manner::of("mx1");
    let manner = if implicit {
        manner.with_implicit_tls(certificate)
    } else {
        manner.with_tls(certificate)
    };
    make(listeners(1).await)
        .servers(vec![manner], authority, |_| Vec::new())
        .await
}

#[tokio::test]
async fn a_route_may_lead_anywhere_the_administrator_wants() {
    for host in ["[127.0.0.1]", "mx1.plain.test"] {
        let mut world = world(vec![Manner::of("mx1")]).await;
        let route = route(&world, host, RouteTls::None);
        let trip = send_by_route(&mut world, route).await;
        assert_eq!(
            trip.how,
            Ending::Finished { open: true },
            "{:?}",
            told(&trip)
        );
        assert_eq!(world.servers[0].count("MESSAGE"), 1);
    }
    // By the MX records of its domain.
    let mut world = world(vec![
        Manner::of("mx1").says("CONNECT", "421 busy"),
        Manner::of("mx2"),
    ])
    .await;
    let mut by_mx = route(&world, "plain.test", RouteTls::None);
    by_mx.mx = true;
    send_by_route(&mut world, by_mx).await;
    assert_eq!(world.servers[1].count("MESSAGE"), 1);
    // And where it leads nowhere, the mail waits for the administrator.
    for (host, words) in [
        (
            "missing.plain.test",
            "Deferred 4.3.5 The route out leads nowhere. The mail servers of missing.plain.test have no address that can be used.",
        ),
        (
            "fault.plain.test",
            "Deferred 4.4.3 DNS could not say where mail for fault.plain.test goes.",
        ),
    ] {
        let route = route(&world, host, RouteTls::None);
        let trip = send_by_route(&mut world, route).await;
        assert_eq!(
            (told(&trip), trip.how),
            (vec![words.to_owned()], Ending::Unreachable)
        );
    }
    let roads: Roads = world.roads();
    let sent = transaction(&["a@elsewhere.test"], TEXT.len());
    let trip = roads
        .carry(
            &NextHop::Route("gone".into()),
            None,
            sent,
            &mut Text::new(TEXT),
        )
        .await;
    assert_eq!(
        told(&trip),
        ["Deferred 4.3.5 The route gone is not in the configuration any more."]
    );
}

/// Every row of the table.
#[tokio::test]
async fn tls_is_what_the_route_says() {
    let good = |authority: &Authority| authority.signs("mx1.plain.test");
    let other = |authority: &Authority| authority.signs("other.test");
    let own = |_: &Authority| Certificate::self_signed("mx1.plain.test");
    let old = |authority: &Authority| authority.signed("mx1.plain.test");
    type Make = fn(&Authority) -> Certificate;
    let certificates: [(&str, Make); 4] =
        [("good", good), ("other", other), ("own", own), ("old", old)];
    for (name, certificate) in certificates {
        for (tls, implicit, expected) in [
            (RouteTls::None, false, (1, 0)),
            (RouteTls::Opportunistic, false, (1, 1)),
            (
                RouteTls::StartTls,
                false,
                if name == "good" { (1, 1) } else { (0, 0) },
            ),
            (
                RouteTls::Implicit,
                true,
                if name == "good" { (1, 1) } else { (0, 0) },
            ),
        ] {
            let mut world = smarthost(certificate, implicit).await;
            let route = route(&world, "mx1.plain.test", tls);
            let trip = send_by_route(&mut world, route).await;
            let server = &world.servers[0];
            let found = (
                server.count("MESSAGE"),
                server.count("TLS").min(server.count("MESSAGE")),
            );
            let words = told(&trip).concat();
            assert_eq!(found, expected, "{name} {tls:?} {words}");
            if expected == (0, 0) {
                let beginning = "Deferred 4.7.5 TLS is required with mx1.plain.test [127.0.0.1], and came to nothing: ";
                assert!(words.starts_with(beginning), "{words}");
                assert_eq!(trip.how, Ending::Unreachable);
            }
        }
    }
    // Without STARTTLS nothing is sent where it must be.
    let mut world = world(vec![Manner::of("mx1")]).await;
    let route = route(&world, "mx1.plain.test", RouteTls::StartTls);
    let trip = send_by_route(&mut world, route).await;
    assert_eq!(
        told(&trip),
        ["Deferred 4.7.10 TLS is required with mx1.plain.test [127.0.0.1], and it offers none."]
    );
}

/// A route's own authorities are the only ones for it.
#[tokio::test]
async fn a_route_may_have_an_authority_of_its_own() {
    let own = Authority::new();
    let pem = own.pem.clone();
    for (certificate, taken) in [
        (own.signs("mx1.plain.test"), 1),
        (Certificate::self_signed("mx1.plain.test"), 0),
    ] {
        let mut world = smarthost(|_| certificate, false).await;
        let mut by_own = route(&world, "mx1.plain.test", RouteTls::StartTls);
        let file = world.directory.path().join("own.pem");
        std::fs::write(&file, &pem).unwrap();
        by_own.ca = Some(file);
        send_by_route(&mut world, by_own).await;
        assert_eq!(world.servers[0].count("MESSAGE"), taken);
    }
    let mut world = smarthost(|authority| authority.signs("mx1.plain.test"), false).await;
    let mut by_own = route(&world, "mx1.plain.test", RouteTls::StartTls);
    let file = world.directory.path().join("own.pem");
    std::fs::write(&file, pem).unwrap();
    by_own.ca = Some(file);
    send_by_route(&mut world, by_own).await;
    assert_eq!(
        world.servers[0].count("MESSAGE"),
        0,
        "the usual ones do not count"
    );
}

/// The certificate itself may stand in the file, also one that says it is an authority: in its time, and for the name.
#[tokio::test]
async fn a_route_may_believe_one_certificate() {
    let stranger = Certificate::self_signed_authority("mx1.plain.test", false).pem();
    for (certificate, pem, words) in [
        (Certificate::self_signed("mx1.plain.test"), None, ""),
        (
            Certificate::self_signed_authority("mx1.plain.test", false),
            None,
            "",
        ),
        (
            Certificate::self_signed_authority("other.test", false),
            None,
            "its certificate is for another host",
        ),
        (
            Certificate::self_signed_authority("mx1.plain.test", true),
            None,
            "its certificate has expired",
        ),
        (
            Certificate::self_signed_authority("mx1.plain.test", false),
            Some(stranger),
            "smarthost_ca (or ca of the route) has to name a PEM file",
        ),
    ] {
        for (tls, implicit) in [(RouteTls::StartTls, false), (RouteTls::Implicit, true)] {
            let pem = pem.clone().unwrap_or_else(|| certificate.pem());
            let mut world = smarthost(|_| certificate.clone(), implicit).await;
            let mut by_own = route(&world, "mx1.plain.test", tls);
            let file = world.directory.path().join("own.pem");
            std::fs::write(&file, pem).unwrap();
            by_own.ca = Some(file);
            let trip = send_by_route(&mut world, by_own).await;
            let said = told(&trip).concat();
            let taken = world.servers[0].count("MESSAGE");
            assert_eq!(taken, usize::from(words.is_empty()), "{words} {said}");
            assert!(said.contains(words), "{said}");
        }
    }
}

fn login() -> Login {
    Login::new(Credentials::new("user", Secret::new("pencil".to_owned())))
}

#[tokio::test]
async fn a_login_shows_the_password_only_under_tls() {
    let plain = "AUTH PLAIN AHVzZXIAcGVuY2ls";
    for (tls, heard, words) in [
        (RouteTls::StartTls, 1, ""),
        (
            RouteTls::Opportunistic,
            0,
            "Deferred 4.7.8 mx1.plain.test [127.0.0.1] offers no way to log in that is safe here.",
        ),
        (
            RouteTls::None,
            0,
            "Deferred 4.7.8 mx1.plain.test [127.0.0.1] offers no way to log in that is safe here.",
        ),
    ] {
        let authority = Authority::new();
        let manner = Manner::of("mx1")
            .lists("AUTH PLAIN")
            .says("AUTH", "235 2.7.0 welcome");
        let manner = manner.with_tls(authority.signs("mx1.plain.test"));
        let mut world = make(listeners(1).await)
            .servers(vec![manner], authority, |_| Vec::new())
            .await;
        let mut with_login = route(&world, "mx1.plain.test", tls);
        with_login.login = Some(login());
        let trip = send_by_route(&mut world, with_login).await;
        assert_eq!(world.servers[0].count(plain), heard, "{:?}", told(&trip));
        assert_eq!(world.servers[0].count("MESSAGE"), heard);
        if !words.is_empty() {
            assert_eq!(
                (told(&trip), trip.how),
                (vec![words.to_owned()], Ending::Unreachable)
            );
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_says_what_to_look_at() {
    let authority = Authority::new();
    let manner = Manner::of("mx1")
        .lists("AUTH PLAIN")
        .says("AUTH", "535 5.7.8 wrong");
    let manner = manner.with_tls(authority.signs("mx1.plain.test"));
    let mut world = make(listeners(1).await)
        .servers(vec![manner], authority, |_| Vec::new())
        .await;
    let mut with_login = route(&world, "mx1.plain.test", RouteTls::StartTls);
    with_login.login = Some(login());
    let trip = send_by_route(&mut world, with_login).await;
    assert_eq!(trip.how, Ending::Unreachable);
    assert_eq!(
        told(&trip),
        [
            "Deferred 4.7.8 mx1.plain.test [127.0.0.1] refused our login (PLAIN); the name and the password in the configuration have to be looked at: 535 5.7.8 wrong"
        ]
    );
}

/// SCRAM is derived off the runtime, to the end; here the server is a fake that shows it cannot know the password.
#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_not_believed() {
    let authority = Authority::new();
    // r=<client nonce> is not known to the script, so the challenge answers another login.
    let manner = Manner::of("mx1")
        .lists("AUTH SCRAM-SHA-256")
        .says("AUTH", "334 cj14LHM9YWJjZCxpPTQwOTY=");
    let manner = manner.with_tls(authority.signs("mx1.plain.test"));
    let mut world = make(listeners(1).await)
        .servers(vec![manner], authority, |_| Vec::new())
        .await;
    let mut with_login = route(&world, "mx1.plain.test", RouteTls::StartTls);
    with_login.login = Some(login());
    let trip = send_by_route(&mut world, with_login).await;
    assert_eq!(
        told(&trip),
        [
            "Deferred 4.7.8 The login at mx1.plain.test [127.0.0.1] (SCRAM-SHA-256) was broken off, for its challenge answers another login."
        ]
    );
    assert_eq!(world.servers[0].count("*"), 1);
}
