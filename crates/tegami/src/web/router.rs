//! What there is: `/healthz`, `/unsubscribe/TOKEN`, and nothing else.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use reply::Language;

use super::page::{self, Sentence};
use super::{Desk, Standing, form, language};

/// Where lists are left; a token follows.
pub const UNSUBSCRIBE: &str = "unsubscribe";
/// Octets of a form.
pub const BODY: usize = 1024;

/// On every answer. RFC 9110 has none of them; browsers obey them.
const FIELDS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // The address of the page is a secret of its member's.
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Answers one request.
pub async fn answer<D, B>(desk: &D, request: Request<B>) -> Response<Full<Bytes>>
where
    D: Desk,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let language = language::of(text(request.headers(), header::ACCEPT_LANGUAGE));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut response = match path.split('/').collect::<Vec<_>>()[..] {
        ["", "healthz"] => health(desk, &method, language),
        ["", UNSUBSCRIBE, token] => match method {
            Method::GET | Method::HEAD => shown(desk.standing(token), language),
            Method::POST => posted(desk, token, request, language).await,
            _ => wrong_method("GET, HEAD, POST", language),
        },
        _ => plain(StatusCode::NOT_FOUND, Sentence::Nothing, language),
    };
    // The path stays out of the log: a token is a secret of its member's.
    tracing::debug!(%method, status = response.status().as_u16(), "answered");
    for (name, value) in FIELDS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn health(desk: &impl Desk, method: &Method, language: Language) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return wrong_method("GET, HEAD", language);
    }
    if desk.is_serving() {
        plain(StatusCode::OK, Sentence::Ok, language)
    } else {
        later(Sentence::NotServing, language)
    }
}

/// RFC 8058 section 3.2: only a POST with the form leaves the list; whatever looks at links does no harm.
async fn posted<D, B>(
    desk: &D,
    token: &str,
    request: Request<B>,
    language: Language,
) -> Response<Full<Bytes>>
where
    D: Desk,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Forms of strangers are not even read.
    if desk.standing(token) == Standing::Unknown {
        return shown(Standing::Unknown, language);
    }
    let content_type = text(request.headers(), header::CONTENT_TYPE).map(str::to_owned);
    let body = request.into_body();
    if body.size_hint().lower() > BODY as u64 {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, Sentence::TooLong, language);
    }
    let body = match Limited::new(body, BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, Sentence::TooLong, language);
        }
        Err(_) => return plain(StatusCode::BAD_REQUEST, Sentence::Cut, language),
    };
    if !form::asks_to_leave(content_type.as_deref(), &body) {
        return plain(StatusCode::BAD_REQUEST, Sentence::NoForm, language);
    }
    shown(desk.leave(token).await, language)
}

fn shown(standing: Standing, language: Language) -> Response<Full<Bytes>> {
    let page = match standing {
        Standing::Member(about) => page::leave(language, &about),
        Standing::Left(about) => page::left(language, &about),
        Standing::NoList => page::no_list(language),
        Standing::Unknown => return plain(StatusCode::NOT_FOUND, Sentence::Unknown, language),
        Standing::Later => return later(Sentence::Later, language),
    };
    made(StatusCode::OK, "text/html; charset=utf-8", page.into())
}

fn later(what: Sentence, language: Language) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, what, language);
    let minute = HeaderValue::from_static("60");
    response.headers_mut().insert(header::RETRY_AFTER, minute);
    response
}

/// RFC 9110 section 15.5.6: it says which ones there are.
fn wrong_method(allowed: &'static str, language: Language) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, Sentence::Method, language);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn plain(status: StatusCode, what: Sentence, language: Language) -> Response<Full<Bytes>> {
    let text = Bytes::from_static(page::sentence(language, what).as_bytes());
    made(status, "text/plain; charset=utf-8", text)
}

fn made(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A field that stands there once and is text.
fn text(fields: &HeaderMap, name: HeaderName) -> Option<&str> {
    fields.get(name)?.to_str().ok()
}
