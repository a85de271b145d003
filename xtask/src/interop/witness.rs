//! What the server says happened: its log is read along, so that a client that quietly took another way than it was
//! told to is found out.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::route::{Route, Security};

/// How long the log may be behind the client.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What can be seen in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody logged in.
    Login,
    /// Somebody was not let in.
    Refused,
    /// A SCRAM exchange ended because it was about another connection.
    Tampered,
    /// A message was taken.
    Delivered,
}

impl Event {
    const ALL: [Self; 4] = [Self::Login, Self::Refused, Self::Tampered, Self::Delivered];

    /// The message of its log line.
    fn message(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refused => "login refused",
            Self::Tampered => "login refused: the exchange was tampered with",
            Self::Delivered => "delivered",
        }
    }
}

/// Reads the log once, from its beginning to its end.
pub struct Witness {
    log: PathBuf,
    read: Cell<u64>,
}

impl Witness {
    /// A witness who has seen nothing yet.
    pub fn new(log: PathBuf) -> Self {
        Self {
            log,
            read: Cell::new(0),
        }
    }

    /// What has happened since the last question is `wanted`, each on this route, and nothing else.
    ///
    /// # Errors
    /// When it is not so, in a while.
    pub fn expect(&self, route: &Route, wanted: &[Event]) -> Result<()> {
        let wanted: Vec<(Event, &Route)> = wanted.iter().map(|event| (*event, route)).collect();
        self.expect_each(&wanted)
    }

    /// What has happened since the last question is `wanted`, each on its route, and nothing else.
    ///
    /// # Errors
    /// When it is not so, in a while.
    pub fn expect_each(&self, wanted: &[(Event, &Route)]) -> Result<()> {
        let wanted: Vec<String> = wanted
            .iter()
            .map(|(event, route)| describe(*event, route))
            .collect();
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            seen.extend(self.news()?.lines().filter_map(understand));
            if seen == wanted {
                return Ok(());
            }
            if seen.len() >= wanted.len() || Instant::now() >= deadline {
                bail!("the server was to see {wanted:?}, and saw {seen:?}");
            }
            thread::sleep(LOOK);
        }
    }

    /// What has happened since the last question is `event` on this route, once or more often, and nothing else.
    ///
    /// # Errors
    /// When it is not so, in a while.
    pub fn expect_some(&self, route: &Route, event: Event) -> Result<()> {
        let wanted = describe(event, route);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen: Vec<String> = self.news()?.lines().filter_map(understand).collect();
            if seen.iter().any(|one| *one != wanted) || Instant::now() >= deadline {
                bail!("the server was to see {wanted:?} and nothing else, and saw {seen:?}");
            }
            if !seen.is_empty() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
    }

    /// The whole lines that are new.
    fn news(&self) -> Result<String> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.read.get()))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text
            .iter()
            .rposition(|octet| *octet == b'\n')
            .map_or(0, |at| at + 1);
        text.truncate(whole);
        self.read.set(self.read.get() + u64::try_from(whole)?);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// How an event on a route is told.
fn describe(event: Event, route: &Route) -> String {
    let login = match event {
        Event::Login | Event::Refused | Event::Tampered => route.login,
        Event::Delivered => None,
    };
    let tls = route.security != Security::Plain;
    tell(event.message(), login, route.listener, tls)
}

/// What a line of the log tells, if it is about one of the events.
fn understand(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line["message"].as_str()?;
    if !Event::ALL.iter().any(|event| event.message() == message) {
        return None;
    }
    let connection = line["spans"]
        .as_array()?
        .iter()
        .find(|span| span["name"] == "connection")?;
    let listener = connection["listener"].as_str()?;
    let tls = connection["tls"].is_string();
    Some(tell(message, line["way"].as_str(), listener, tls))
}

fn tell(message: &str, login: Option<&str>, listener: &str, tls: bool) -> String {
    let by = login.map(|login| format!(" by {login}"));
    let under = if tls { "in TLS" } else { "in clear" };
    format!(
        "{message}{} at {listener} {under}",
        by.as_deref().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = r#"{"level":"DEBUG","message":"login","way":"APOP","spans":[{"listener":"pop3","name":"connection"}]}"#;
    const DELIVERED: &str = r#"{"message":"delivered","spans":[{"listener":"smtp","tls":"TLS1.3","name":"connection"}]}"#;

    #[track_caller]
    fn check(line: &str, told: Option<&str>) {
        assert_eq!(understand(line).as_deref(), told);
    }

    #[test]
    fn lines_about_events_are_told_with_login_listener_and_tls() {
        check(LOGIN, Some("login by APOP at pop3 in clear"));
        check(DELIVERED, Some("delivered at smtp in TLS"));
        check(r#"{"message":"ready","smtp":"127.0.0.1:25"}"#, None);
        check("login", None);
    }

    #[test]
    fn what_is_wanted_is_told_in_the_same_words() {
        let route = |login, security| Route {
            listener: "pop3",
            security,
            login,
        };
        let told = |line: &str| understand(line).unwrap();
        let clear = route(Some("APOP"), Security::Plain);
        assert_eq!(describe(Event::Login, &clear), told(LOGIN));
        for other in [
            route(Some("USER"), Security::Plain),
            route(Some("APOP"), Security::Upgrade),
        ] {
            assert_ne!(describe(Event::Login, &other), told(LOGIN));
        }
        assert_ne!(describe(Event::Refused, &clear), told(LOGIN));
    }
}
