//! The log: events to stderr, one line each, as text or JSON.
//!
//! Events have fixed names as messages and data in fields. Control characters that come from the wire are escaped
//! in both forms, so that nobody outside can write a log line or drive a terminal. Lines go through a bounded buffer
//! to a thread of their own: a slow, stuck or closed stderr costs log lines, never mail. What is worth an event is
//! decided where it happens; secrets have no Display and a redacted Debug, so there is nothing to filter here.

mod escape;
mod json;
mod outlet;
mod stamp;

use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use std::time::Duration;

use thiserror::Error;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::{Log, LogFormat, LogLevel};

use outlet::Outlet;

/// How long a stop waits for stderr to take the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The running log. Dropping it writes out what is buffered.
pub struct Telemetry {
    outlet: Outlet,
    level: reload::Handle<Targets, Registry>,
    format: LogFormat,
}

/// Why there is no log.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The thread that writes lines did not start.
    #[error("cannot start the log's thread: {0}")]
    Thread(#[source] io::Error),
    /// It was started before.
    #[error("the log is running already: {0}")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Starts the log of this process. From here on panics are events too.
    ///
    /// # Errors
    /// When it cannot start, or has been started before.
    pub fn start(log: &Log) -> Result<Self, TelemetryError> {
        let stderr = io::stderr();
        let colours = stderr.is_terminal();
        let outlet = Outlet::start(stderr, say_dropped).map_err(TelemetryError::Thread)?;
        let (filter, level) = reload::Layer::new(targets(&log.level));
        Registry::default()
            .with(filter)
            .with(layer(log.format, colours, outlet.clone()))
            .try_init()
            .map_err(TelemetryError::Twice)?;
        panic::set_hook(Box::new(log_panic));
        Ok(Self {
            outlet,
            level,
            format: log.format,
        })
    }

    /// Takes over a new level. A new format waits for the next start, and is mentioned in the log.
    pub fn reload(&self, log: &Log) {
        if let Err(error) = self.level.reload(targets(&log.level)) {
            tracing::warn!(%error, "log level not changed");
        }
        if log.format != self.format {
            tracing::warn!("log.format takes effect at the next start");
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.outlet.flush(LAST_LINES);
    }
}

/// What passes. A client that talks nonsense makes rustls warn as often as it likes; whoever answers for a name in DNS makes
/// hickory do so, at length, where the resolver says it in a line; and sled chats about its housekeeping, more than the server
/// says itself: all of them are heard at `trace`, or when somebody names them.
fn targets(level: &LogLevel) -> Targets {
    let mut targets = Targets::new().with_default(level.default);
    if level.default < LevelFilter::TRACE {
        let quiet = level.default.min(LevelFilter::ERROR);
        targets = targets
            .with_target("rustls", quiet)
            .with_target("sled", quiet)
            .with_target("hickory_net", quiet)
            .with_target("hickory_resolver", quiet);
    }
    targets.with_targets(
        level
            .targets
            .iter()
            .map(|(target, level)| (target.clone(), *level)),
    )
}

fn say_dropped(lines: u64) {
    tracing::warn!(lines, "log lines dropped");
}

type Boxed<S> = Box<dyn Layer<S> + Send + Sync>;

/// Turns events into lines of `format`, each of which `writer` gets in one piece.
fn layer<S, W>(format: LogFormat, colours: bool, writer: W) -> Boxed<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer();
    match format {
        LogFormat::Text => layer
            .compact()
            .with_target(false)
            .with_ansi(colours)
            .fmt_fields(escape::fields())
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => layer
            .event_format(json::Lines)
            .fmt_fields(json::Fields)
            .with_writer(writer)
            .boxed(),
    }
}

/// A panic ends one connection; the log says which line of ours is to blame.
fn log_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        panic = message,
        place,
        thread = std::thread::current().name(),
        "panicked"
    );
}

#[cfg(test)]
pub mod tests;
