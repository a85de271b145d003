//! The ways into the server, and one attempt to take such a way. Which client takes it is not known here.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::{ALICE, Ground, STRANGER};
use crate::process::Finished;

/// How a connection is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// STARTTLS or STLS.
    Upgrade,
    /// TLS from the first octet.
    Tls,
}

/// A way into the server.
pub struct Route {
    /// The listener's name.
    pub listener: &'static str,
    /// How the connection is protected.
    pub security: Security,
    /// The login: a SASL mechanism, or `APOP`, or `USER` (and PASS); as the server's log names it.
    pub login: Option<&'static str>,
}

impl Route {
    /// The doors for strangers, then every door for users with every one of `logins`.
    pub fn sending(strangers: bool, logins: &[&'static str]) -> Vec<Self> {
        let open = [("smtp", Security::Plain), ("smtp", Security::Upgrade)];
        let closed = [
            ("submission", Security::Upgrade),
            ("submissions", Security::Tls),
        ];
        let mut routes = Vec::new();
        if strangers {
            routes.extend(open.map(|(listener, security)| Self {
                listener,
                security,
                login: None,
            }));
        }
        routes.extend(crossed(&closed, logins));
        routes
    }

    /// Every door to the maildrops with every one of `logins`; in clear only where no password is shown.
    pub fn fetching(logins: &[&'static str]) -> Vec<Self> {
        let doors = [
            ("pop3", Security::Plain),
            ("pop3", Security::Upgrade),
            ("pop3s", Security::Tls),
        ];
        let mut routes = crossed(&doors, logins);
        routes.retain(|route| route.security != Security::Plain || !route.shows_password());
        routes
    }

    /// Every login once, at its doors in turn.
    pub fn in_turn(routes: Vec<Self>) -> Vec<Self> {
        let mut by_login: Vec<Vec<Self>> = Vec::new();
        for route in routes {
            match by_login
                .iter_mut()
                .find(|same| same[0].login == route.login)
            {
                Some(same) => same.push(route),
                None => by_login.push(vec![route]),
            }
        }
        let numbered = by_login.into_iter().enumerate();
        numbered
            .map(|(turn, mut same)| same.swap_remove(turn % same.len()))
            .collect()
    }

    /// With a login one sends as oneself, without as a stranger.
    pub fn reverse_path(&self) -> &'static str {
        if self.login.is_some() {
            ALICE
        } else {
            STRANGER
        }
    }

    fn shows_password(&self) -> bool {
        matches!(self.login, Some("PLAIN" | "LOGIN" | "USER"))
    }
}

fn crossed(doors: &[(&'static str, Security)], logins: &[&'static str]) -> Vec<Route> {
    let route = |door: &(&'static str, Security), login: &&'static str| Route {
        listener: door.0,
        security: door.1,
        login: Some(login),
    };
    doors
        .iter()
        .flat_map(|door| logins.iter().map(move |login| route(door, login)))
        .collect()
}

impl fmt::Display for Route {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let security = match self.security {
            Security::Plain => "clear",
            Security::Upgrade => "upgraded",
            Security::Tls => "tls",
        };
        write!(out, "{}/{security}", self.listener)?;
        match self.login {
            Some(login) => write!(out, "/{login}"),
            None => Ok(()),
        }
    }
}

/// One use of a route.
pub struct Attempt<'a> {
    /// Where the server is.
    pub ground: &'a Ground,
    /// The way to take.
    pub route: &'a Route,
    /// What to log in with.
    pub password: &'a str,
    /// The certificate to believe, for clients that look at it.
    pub trust: &'a Path,
}

impl Attempt<'_> {
    /// Where the route's listener accepts.
    ///
    /// # Errors
    /// When the server does not listen there.
    pub fn address(&self) -> Result<SocketAddr> {
        self.ground.server.address(self.route.listener)
    }

    /// Its port alone; clients that verify the certificate use the name `localhost`, which it is also made for.
    ///
    /// # Errors
    /// When the server does not listen there.
    pub fn port(&self) -> Result<String> {
        Ok(self.address()?.port().to_string())
    }
}

/// How a client says what became of it.
#[derive(Clone, Copy)]
pub enum Sign {
    /// By its exit status.
    Status(i32),
    /// By words among its output, whatever its exit status.
    Says(&'static str),
}

impl Sign {
    /// Whether the client gave this sign.
    pub fn is_given(self, finished: &Finished) -> bool {
        match self {
            Self::Status(wanted) => finished.status.code() == Some(wanted),
            Self::Says(words) => {
                finished.stderr.contains(words)
                    || String::from_utf8_lossy(&finished.stdout).contains(words)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(routes: &[Route], wanted: &[&str]) {
        let names: Vec<String> = routes.iter().map(Route::to_string).collect();
        assert_eq!(names, wanted);
    }

    #[test]
    fn every_door_meets_every_login_that_may_pass_it() {
        check(
            &Route::sending(true, &["PLAIN", "CRAM-MD5"]),
            &[
                "smtp/clear",
                "smtp/upgraded",
                "submission/upgraded/PLAIN",
                "submission/upgraded/CRAM-MD5",
                "submissions/tls/PLAIN",
                "submissions/tls/CRAM-MD5",
            ],
        );
        check(
            &Route::sending(false, &["LOGIN"]),
            &["submission/upgraded/LOGIN", "submissions/tls/LOGIN"],
        );
        check(
            &Route::fetching(&["USER", "APOP"]),
            &[
                "pop3/clear/APOP",
                "pop3/upgraded/USER",
                "pop3/upgraded/APOP",
                "pop3s/tls/USER",
                "pop3s/tls/APOP",
            ],
        );
    }

    #[test]
    fn logins_take_the_doors_in_turn() {
        check(
            &Route::in_turn(Route::fetching(&["USER", "PLAIN", "APOP", "CRAM-MD5"])),
            &[
                "pop3/clear/APOP",
                "pop3/upgraded/CRAM-MD5",
                "pop3/upgraded/USER",
                "pop3s/tls/PLAIN",
            ],
        );
    }
}
