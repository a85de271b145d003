//! One connection: one request, one answer, and an end in time.
//!
//! hyper reads the request strictly (RFC 9112) and within bounds; what it asks for is not known here.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use net::{Level, Octets, Stop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use wire::Admission;

/// How long all of a request and its answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How much of that is left when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Octets of a request without its body.
pub const HEAD: usize = 8 * 1024;
/// Fields of a request.
const FIELDS: usize = 64;

/// How long, and for how many octets, a client is listened to that has its answer and still speaks: closed at once, its
/// system would throw the answer away (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: u64 = 256 * 1024;

/// Serves the one request of a connection.
pub(super) async fn serve<O, F, A>(mut line: O, stop: &Stop, answer: F)
where
    O: Octets,
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut http = http1::Builder::new();
    // A connection has one request: nobody holds a place by sending nothing, and nothing can be smuggled behind it.
    http.keep_alive(false).half_close(true);
    http.max_buf_size(HEAD).max_headers(FIELDS);
    // The limit in time is that of the whole connection, below.
    http.header_read_timeout(None);
    let served = http.serve_connection(TokioIo::new(&mut line), service);
    let mut alarm = stop.alarm();
    let hurry = async {
        alarm.at_least(Level::Draining).await;
        tokio::select! {
            () = sleep(LAST_WORDS) => {}
            () = alarm.at_least(Level::Dropping) => {}
        }
    };
    tokio::select! {
        served = served => match served {
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "no request"),
        },
        () = sleep(PATIENCE) => {
            tracing::debug!("too slow");
            return;
        }
        () = hurry => return,
    }
    part(line, stop).await;
}

/// Says why nobody is let in, without reading a request.
pub(super) async fn turn_away(mut line: impl Octets, stop: &Stop, why: Admission) {
    let (status, words) = match why {
        Admission::Refused => (
            StatusCode::FORBIDDEN,
            "Nobody may connect from your network.",
        ),
        Admission::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "The server stops."),
        Admission::Welcome
        | Admission::TooManySessions
        | Admission::TooManyFromAddress
        | Admission::TooFast
        | Admission::EarlyTalker => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many connections; try again in a minute.",
        ),
    };
    let length = words.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Retry-After: 60\r\nConnection: close\r\n\r\n{words}\n"
    );
    if let Ok(Ok(())) = timeout(LINGER, line.write_all(answer.as_bytes())).await {
        part(line, stop).await;
    }
}

/// Ends a connection so that the answer arrives.
async fn part(mut line: impl Octets, stop: &Stop) {
    let parting = async {
        line.shutdown().await?;
        let mut rest = line.take(LINGER_OCTETS);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let mut alarm = stop.alarm();
    tokio::select! {
        // A client that is gone needs no farewell.
        _ = timeout(LINGER, parting) => {}
        () = alarm.at_least(Level::Dropping) => {}
    }
}
