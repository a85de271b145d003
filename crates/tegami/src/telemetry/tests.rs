//! Rows: which events become which lines.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// A place for lines to go in a test.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `events` log in this format, without times.
pub fn logged(format: LogFormat, level: &str, events: impl FnOnce()) -> String {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = Registry::default()
        .with(targets(&LogLevel::parse(level).unwrap()))
        .with(layer(format, false, move || writer.clone()));
    tracing::subscriber::with_default(subscriber, events);
    let octets = page.0.lock().unwrap().clone();
    String::from_utf8(octets).unwrap()
}

/// One line of text, without its time.
#[track_caller]
fn text(events: impl FnOnce(), expected: &str) {
    let text = logged(LogFormat::Text, "info", events);
    let (_, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest.trim_start(), format!("{expected}\n"));
}

#[test]
fn text_is_one_line_of_name_and_fields() {
    text(
        || tracing::info!(smtp = "[::]:25", octets = 12, tls = true, "ready"),
        "INFO ready smtp=[::]:25 octets=12 tls=true",
    );
    text(
        || tracing::warn!(text = "two words", empty = "", "odd"),
        "WARN odd text=\"two words\" empty=\"\"",
    );
    text(
        || tracing::info!(error = %"reset by peer", "closed"),
        "INFO closed error=\"reset by peer\"",
    );
    text(
        || tracing::info!(from = %"a@b.test", list = ?["a", "b"], "x"),
        "INFO x from=a@b.test list=[\"a\", \"b\"]",
    );
    text(
        || {
            let span = tracing::info_span!("conn", proto = "smtp", peer = %"192.0.2.1");
            span.in_scope(|| tracing::info!(octets = 7, "stored"));
        },
        "INFO conn: stored octets=7 proto=smtp peer=192.0.2.1",
    );
}

/// What a hostile client may send as a name.
const HOSTILE: &str = "a\r\nINFO ready \x1b[2J\u{7f}\u{9b}31m\u{202e}x";

/// A value, in every way it can get into a line: none makes a second line or a control character.
#[track_caller]
fn harmless(format: LogFormat, event: impl Fn()) {
    let lines = logged(format, "info", event);
    assert_eq!(lines.matches('\n').count(), 1, "{lines:?}");
    assert!(lines.contains("31m"), "{lines:?}");
    let harmful: Vec<char> = lines
        .trim_end_matches('\n')
        .chars()
        .filter(|c| c.is_control())
        .collect();
    assert!(harmful.is_empty(), "{lines:?}");
}

#[test]
fn nothing_from_the_wire_makes_a_line_or_drives_a_terminal() {
    for format in [LogFormat::Text, LogFormat::Json] {
        harmless(format, || tracing::info!(helo = HOSTILE, "x"));
        harmless(format, || tracing::info!(helo = %HOSTILE, "x"));
        harmless(format, || tracing::info!(helo = ?HOSTILE, "x"));
        harmless(format, || tracing::info!("{HOSTILE}"));
        harmless(format, || {
            tracing::info!(
                error = &io::Error::other(HOSTILE) as &(dyn std::error::Error + 'static),
                "x"
            )
        });
        harmless(format, || {
            tracing::info_span!("conn", helo = %HOSTILE).in_scope(|| tracing::info!("x"))
        });
        harmless(format, || {
            tracing::info_span!("conn", helo = HOSTILE).in_scope(|| tracing::info!("x"))
        });
    }
}

#[test]
fn a_value_cannot_pass_for_another_field() {
    text(
        || tracing::info!(helo = %"[a] from=[b]", "x"),
        "INFO x helo=\"[a] from=[b]\"",
    );
    text(
        || tracing::info!(helo = %"a from=root@b.test", "x"),
        "INFO x helo=\"a from=root@b.test\"",
    );
    text(
        || tracing::info!(helo = %"a\" from=\"b", "x"),
        "INFO x helo=\"a\\\" from=\\\"b\"",
    );
}

#[test]
fn json_is_one_object_a_line() {
    let line = logged(LogFormat::Json, "info", || {
        let span = tracing::info_span!("conn", peer = %"192.0.2.1");
        span.in_scope(|| tracing::info!(octets = 7, from = HOSTILE, "stored"));
    });
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["level"], "INFO");
    assert_eq!(object["message"], "stored");
    assert_eq!(object["octets"], 7);
    assert_eq!(object["from"], HOSTILE);
    assert_eq!(object["spans"][0]["name"], "conn");
    assert_eq!(object["spans"][0]["peer"], "192.0.2.1");
    assert!(object["timestamp"].is_string());
}

#[test]
fn json_says_every_kind_of_value_as_json_does() {
    let line = logged(LogFormat::Json, "info", || {
        let span = tracing::error_span!(
            "connection",
            conn = 7_u64,
            peer = %"[::1]:25",
            tls = tracing::field::Empty
        );
        span.record("tls", "TLS1.3");
        let error = &io::Error::other("a \"b\"") as &(dyn std::error::Error + 'static);
        let _outer = span.enter();
        let _inner = tracing::info_span!("inner").entered();
        tracing::info!(
            whole = -3, half = 0.5, one = 1.0, none = f64::NAN, yes = true, big = u128::MAX, error,
            list = ?["x"], absent = None::<&str>, r#type = "t", "said"
        );
    });
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    for (name, expected) in [
        ("whole", "-3"),
        ("half", "0.5"),
        ("one", "1.0"),
        ("none", "null"),
        ("yes", "true"),
        ("error", r#""a \"b\"""#),
        ("list", r#""[\"x\"]""#),
        ("type", r#""t""#),
        ("target", r#""tegami::telemetry::tests""#),
    ] {
        assert_eq!(object[name].to_string(), expected, "{name}");
    }
    assert!(line.contains(&format!("\"big\":{}", u128::MAX)), "{line}");
    assert!(object.get("absent").is_none());
    let spans =
        r#"[{"conn":7,"name":"connection","peer":"[::1]:25","tls":"TLS1.3"},{"name":"inner"}]"#;
    assert_eq!(object["spans"].to_string(), spans);
}

#[test]
fn json_names_the_target_of_a_library_that_logs_otherwise() {
    let line = logged(LogFormat::Json, "info", || {
        tracing::info!(log.target = "sled::pagecache", "compacting");
    });
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["target"], "sled::pagecache");
    assert!(!line.contains("log.target"), "{line}");
}

#[track_caller]
fn passes(level: &str, target: &'static str, at: LevelFilter, expected: bool) {
    let at = at.into_level().unwrap();
    let would = targets(&LogLevel::parse(level).unwrap()).would_enable(target, &at);
    assert_eq!(would, expected, "{target} {at} at {level}");
}

#[test]
fn levels_are_as_configured_and_libraries_stay_quiet() {
    passes("info", "tegami::serve", LevelFilter::INFO, true);
    passes("info", "tegami::serve", LevelFilter::DEBUG, false);
    passes(
        "warn,mailstore=debug",
        "mailstore::log",
        LevelFilter::DEBUG,
        true,
    );
    passes("warn,mailstore=debug", "tegami", LevelFilter::INFO, false);
    passes("off", "tegami", LevelFilter::ERROR, false);
    passes("info", "rustls::conn", LevelFilter::WARN, false);
    passes("info", "hickory_net::dnssec", LevelFilter::WARN, false);
    passes("debug", "hickory_resolver", LevelFilter::WARN, false);
    passes("info", "resolver::client", LevelFilter::INFO, true);
    passes("info", "sled", LevelFilter::ERROR, true);
    passes("off", "sled", LevelFilter::ERROR, false);
    passes("debug", "net::driver", LevelFilter::DEBUG, true);
    passes("debug", "sled::pagecache", LevelFilter::DEBUG, false);
    passes("trace", "rustls::conn", LevelFilter::DEBUG, true);
    passes("info,rustls=warn", "rustls::conn", LevelFilter::WARN, true);
}
