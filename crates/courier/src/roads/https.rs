//! One GET over HTTPS, for policies of MTA-STS and nothing else (RFC 8461 section 3.3): HTTP/1.1 (RFC 9112) over a connection
//! that is closed behind the answer. No redirects, no caches, no cookies, no compression; every part of the answer is bounded.

use std::io;

use mta_sts::{FetchError, LARGEST, Response};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};

/// Octets of one line of a head, and of the line before a chunk.
const MOST_LINE: usize = 8 * 1024;
/// Lines of a head.
const MOST_LINES: usize = 128;

/// Answers before the answer.
const MOST_BEFORE: usize = 4;

/// How a body ends.
enum End {
    /// After so many octets.
    Length(u64),
    /// With a chunk of no octets (RFC 9112 section 7.1).
    Chunks,
    /// With the connection.
    Close,
}

/// The head of an answer, as far as it counts.
struct Head {
    status: u16,
    content_type: Option<String>,
    end: End,
}

/// Gets `path` of `host` over this stream.
///
/// # Errors
/// [`FetchError::Unreachable`]: there was no answer, or one that is not HTTP/1.1.
pub(super) async fn get<IO>(io: &mut IO, host: &str, path: &str) -> Result<Response, FetchError>
where
    IO: AsyncBufRead + AsyncWrite + Unpin,
{
    exchange(io, host, path).await.map_err(|error| {
        tracing::debug!(%error, host, "no answer over HTTPS");
        FetchError::Unreachable
    })
}

async fn exchange<IO>(io: &mut IO, host: &str, path: &str) -> io::Result<Response>
where
    IO: AsyncBufRead + AsyncWrite + Unpin,
{
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tegami\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    );
    io.write_all(request.as_bytes()).await?;
    io.flush().await?;
    let mut before = 0;
    let head = loop {
        let head = head(io).await?;
        // RFC 9110 section 15.2: others may come before the answer.
        if head.status >= 200 {
            break head;
        }
        before += 1;
        if before > MOST_BEFORE {
            return Err(wrong("no answer"));
        }
    };
    // A body that is not wanted is not read.
    let body = if head.status == 200 {
        body(io, &head.end).await?
    } else {
        Vec::new()
    };
    Ok(Response {
        status: head.status,
        content_type: head.content_type,
        body,
    })
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// ```text
/// status-line = "HTTP/1.1" SP 3DIGIT SP [ reason-phrase ]    ; RFC 9112 section 4
/// ```
async fn head<IO: AsyncBufRead + Unpin>(io: &mut IO) -> io::Result<Head> {
    let first = line(io).await?;
    let rest = first
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| first.strip_prefix("HTTP/1.0 "))
        .ok_or_else(|| wrong("no status line"))?;
    let (code, _) = rest.split_at_checked(3).ok_or_else(|| wrong("no status"))?;
    let status: u16 = code.parse().map_err(|_| wrong("no status"))?;
    if !(100..600).contains(&status) || !rest[3..].starts_with(' ') && rest.len() > 3 {
        return Err(wrong("no status"));
    }
    let mut head = Head {
        status,
        content_type: None,
        end: End::Close,
    };
    let mut lengths = 0;
    for _ in 0..MOST_LINES {
        let line = line(io).await?;
        if line.is_empty() {
            // RFC 9112 section 6.3: what says two things about its end says nothing.
            return if lengths > 1 {
                Err(wrong("two lengths"))
            } else {
                Ok(head)
            };
        }
        // RFC 9112 section 5.1: no space before the colon; section 5.2: no folding.
        let (name, value) = line.split_once(':').ok_or_else(|| wrong("no field"))?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return Err(wrong("no field name"));
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-type") {
            head.content_type.get_or_insert_with(|| value.to_owned());
        } else if name.eq_ignore_ascii_case("content-length") {
            lengths += 1;
            head.end = End::Length(number(value, 10).ok_or_else(|| wrong("no length"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            lengths += 1;
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(wrong("an encoding that was not asked for"));
            }
            head.end = End::Chunks;
        } else if name.eq_ignore_ascii_case("content-encoding")
            && !value.eq_ignore_ascii_case("identity")
        {
            return Err(wrong("an encoding that was not asked for"));
        }
    }
    Err(wrong("a head without end"))
}

/// At most one octet more than a policy may have.
async fn body<IO: AsyncBufRead + Unpin>(io: &mut IO, end: &End) -> io::Result<Vec<u8>> {
    let most = LARGEST as u64 + 1;
    let mut body = Vec::new();
    match end {
        End::Length(length) => {
            let wanted = (*length).min(most);
            io.take(wanted).read_to_end(&mut body).await?;
            if (body.len() as u64) < wanted {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        End::Close => {
            io.take(most).read_to_end(&mut body).await?;
        }
        End::Chunks => chunks(io, &mut body).await?,
    }
    Ok(body)
}

/// ```text
/// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF    ; RFC 9112 section 7.1
/// ```
/// Trailers are not waited for: nothing follows that counts.
async fn chunks<IO: AsyncBufRead + Unpin>(io: &mut IO, body: &mut Vec<u8>) -> io::Result<()> {
    while body.len() <= LARGEST {
        let line = line(io).await?;
        let size = line.split(';').next().unwrap_or_default();
        let size =
            number(size.trim_end_matches([' ', '\t']), 16).ok_or_else(|| wrong("no chunk"))?;
        if size == 0 {
            return Ok(());
        }
        let most = (LARGEST + 1 - body.len()) as u64;
        let before = body.len() as u64;
        (&mut *io).take(size.min(most)).read_to_end(body).await?;
        if size > most {
            return Ok(());
        }
        if body.len() as u64 != before + size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut end = [0; 2];
        io.read_exact(&mut end).await?;
        if end != *b"\r\n" {
            return Err(wrong("no end of a chunk"));
        }
    }
    Ok(())
}

/// A number of digits and nothing else.
fn number(text: &str, radix: u32) -> Option<u64> {
    let digits =
        !text.is_empty() && text.len() <= 15 && text.chars().all(|letter| letter.is_digit(radix));
    if digits {
        u64::from_str_radix(text, radix).ok()
    } else {
        None
    }
}

/// A line without its end.
async fn line<IO: AsyncBufRead + Unpin>(io: &mut IO) -> io::Result<String> {
    let mut line = Vec::new();
    (&mut *io)
        .take(MOST_LINE as u64)
        .read_until(b'\n', &mut line)
        .await?;
    let Some(text) = line.strip_suffix(b"\n") else {
        return Err(wrong("a line without end"));
    };
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.iter().any(|octet| matches!(octet, b'\r' | 0)) {
        return Err(wrong("a line with control characters"));
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these octets, as `status type body`, or `-`.
    async fn heard(answer: &[u8]) -> String {
        let (ours, mut theirs) = tokio::io::duplex(1024 * 1024);
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut ours = tokio::io::BufStream::new(ours);
        let found = get(&mut ours, "mta-sts.a.test", "/p").await;
        let mut asked = vec![0; 1024];
        let octets = theirs.read(&mut asked).await.unwrap();
        let asked = String::from_utf8_lossy(&asked[..octets]).into_owned();
        assert!(
            asked.starts_with("GET /p HTTP/1.1\r\nHost: mta-sts.a.test\r\n"),
            "{asked}"
        );
        assert!(asked.ends_with("\r\n\r\n"), "{asked}");
        found.map_or("-".to_owned(), |found| {
            let body = String::from_utf8_lossy(&found.body).into_owned();
            let kind = found.content_type.unwrap_or_default();
            format!("{} {kind} {body}", found.status)
        })
    }

    #[tokio::test]
    async fn answers_are_read_strictly() {
        for (answer, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi, more",
                "200 text/plain hi",
            ),
            (
                "HTTP/1.1 200\r\ncontent-type:text/plain \r\n\r\nhi",
                "200 text/plain hi",
            ),
            ("HTTP/1.0 200 OK\r\n\r\n", "200  "),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                "200  x",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n1\r\n!\r\n0\r\n\r\n",
                "200  hi!",
            ),
            (
                "HTTP/1.1 301 Moved\r\nLocation: https://b.test/\r\nContent-Length: 9999999\r\n\r\n",
                "301  ",
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\nno", "404  "),
            // Cut short, or not HTTP, or not as it was asked for.
            ("", "-"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "-"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhi\r\n",
                "-",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n",
                "-",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n",
                "-",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                "-",
            ),
            ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nhi", "-"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "-",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
                "-",
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi", "-"),
            ("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi", "-"),
            ("HTTP/1.1 200 OK\r\n folded: 2\r\n\r\nhi", "-"),
            ("HTTP/1.1 200 OK\r\nnothing\r\n\r\nhi", "-"),
            ("HTTP/2 200 OK\r\n\r\nhi", "-"),
            ("HTTP/1.1 20\r\n\r\nhi", "-"),
            ("HTTP/1.1 2000 OK\r\n\r\nhi", "-"),
            ("HTTP/1.1 999 OK\r\n\r\nhi", "-"),
            ("220 mx.a.test ESMTP\r\n", "-"),
        ] {
            assert_eq!(heard(answer.as_bytes()).await, expected, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn no_part_of_an_answer_is_without_a_bound() {
        let long = "x".repeat(LARGEST + 100);
        let expected = format!("200  {}", &long[..=LARGEST]);
        for answer in [
            format!("HTTP/1.1 200 OK\r\n\r\n{long}"),
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}",
                long.len()
            ),
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
                long.len()
            ),
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n5\r\nxxxxx\r\n",
                LARGEST,
                &long[..LARGEST]
            ),
        ] {
            assert_eq!(heard(answer.as_bytes()).await, expected);
        }
        let line = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\nhi", "x".repeat(MOST_LINE));
        assert_eq!(heard(line.as_bytes()).await, "-");
        let lines = format!("HTTP/1.1 200 OK\r\n{}\r\nhi", "x: y\r\n".repeat(MOST_LINES));
        assert_eq!(heard(lines.as_bytes()).await, "-");
    }
}
