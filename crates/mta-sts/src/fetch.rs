//! What has to come over HTTPS (RFC 8461 section 3.3), and from whom. How it comes is for whoever implements [`Fetch`].

use address::Domain;

use crate::policy::{Policy, PolicyError};

/// More octets than this are no policy.
pub const LARGEST: usize = 64 * 1024;

/// Gets a policy over HTTPS.
pub trait Fetch: Send + Sync {
    /// What is at the [`url`] of `domain`, by one GET. The certificate must be one for that host name by a CA that is
    /// trusted; redirects are not followed, HTTP caches are not believed, and of the body no more than one octet above
    /// [`LARGEST`] is read. It takes no longer than a minute.
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] or [`FetchError::Certificate`]; whatever else is wrong is found by [`read`].
    fn fetch(&self, domain: &Domain) -> impl Future<Output = Result<Response, FetchError>> + Send;
}

/// What a web server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status code.
    pub status: u16,
    /// The Content-Type field, if there was one.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no policy to be had, though one is announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// There was no connection, or no answer in time.
    #[error("the web server of the policy cannot be reached")]
    Unreachable,
    /// The certificate is not one for the host name, or by nobody who is trusted.
    #[error("the web server of the policy has no certificate that can be trusted")]
    Certificate,
    /// Anything but 200; redirects too.
    #[error("the web server of the policy answered {0} instead of 200")]
    Status(u16),
    /// It is no `text/plain`.
    #[error("the policy is not sent as text/plain")]
    ContentType,
    /// It is longer than any policy.
    #[error("the policy has more than {LARGEST} octets")]
    TooLarge,
    /// It is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Where the policy of `domain` is.
#[must_use]
pub fn url(domain: &Domain) -> String {
    format!("https://mta-sts.{domain}/.well-known/mta-sts.txt")
}

/// The policy in an answer.
///
/// # Errors
/// Why there is none in it.
pub fn read(response: &Response) -> Result<Policy, FetchError> {
    // RFC 8461 section 3.3: a redirect is not followed.
    if response.status != 200 {
        return Err(FetchError::Status(response.status));
    }
    if !response.content_type.as_deref().is_some_and(is_plain_text) {
        return Err(FetchError::ContentType);
    }
    if response.body.len() > LARGEST {
        return Err(FetchError::TooLarge);
    }
    Ok(Policy::parse(&response.body)?)
}

/// Whatever parameters the type has, which may be none.
fn is_plain_text(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_plain_text_of_a_bounded_size_and_no_redirect() {
        let policy = b"version: STSv1\nmode: none\nmax_age: 1\n".to_vec();
        let long = [policy.clone(), vec![b'x'; LARGEST]].concat();
        let plain = Some("text/plain");
        for (status, content_type, body, expected) in [
            (200, plain, &policy, None),
            (200, Some("Text/Plain; charset=utf-8"), &policy, None),
            (301, plain, &policy, Some(FetchError::Status(301))),
            (404, plain, &policy, Some(FetchError::Status(404))),
            (
                200,
                Some("text/html"),
                &policy,
                Some(FetchError::ContentType),
            ),
            (
                200,
                Some("text/plainer"),
                &policy,
                Some(FetchError::ContentType),
            ),
            (200, None, &policy, Some(FetchError::ContentType)),
            (200, plain, &long, Some(FetchError::TooLarge)),
            (200, plain, &Vec::new(), Some(PolicyError::Line(1).into())),
        ] {
            let response = Response {
                status,
                content_type: content_type.map(str::to_owned),
                body: body.clone(),
            };
            assert_eq!(read(&response).err(), expected, "{status} {content_type:?}");
        }
    }

    #[test]
    fn the_policy_is_at_a_host_of_its_own() {
        let domain = Domain::parse("bücher.example").unwrap();
        assert_eq!(
            url(&domain),
            "https://mta-sts.xn--bcher-kva.example/.well-known/mta-sts.txt"
        );
    }
}
