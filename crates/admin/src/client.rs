//! The command line's end of the admin socket. Blocking: it runs in a program that waits for the answer anyway.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailstore::Census;

use crate::message::{Answer, Errand, Refusal, Request, Response};
use crate::parcel::{Parcel, Tally};
use crate::place::{Place, SOCKET_NAME};
use crate::wire;

/// How long the answer may take; a busy disk may hold a change back for a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a piece of mail may take; the first one waits until an import that was cut off is undone.
const MOVING: Duration = Duration::from_secs(600);

/// Why a running server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket is there and this user may not use it.
    #[error("{} belongs to a server of another user", .0.display())]
    NotAllowed(PathBuf),
    /// It took the request, or should have, and no answer came.
    #[error("the server at {} does not answer: {source}", path.display())]
    NoAnswer {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What came is not an answer of this version.
    #[error("the server at {} answers in a way this program does not understand: {source}", path.display())]
    Strange {
        /// The socket.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// A connection to a running server.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
}

impl Client {
    /// Connects to the server of this data directory; `None` when there is none (no socket, or one that was left
    /// behind).
    ///
    /// # Errors
    /// Somebody else's server, or a system that refuses.
    pub fn connect(data_dir: &Path) -> Result<Option<Self>, ClientError> {
        let path = data_dir.join(SOCKET_NAME);
        let connected = Place::of(data_dir).and_then(|place| UnixStream::connect(place.path()));
        match connected {
            Ok(stream) => Ok(Some(Self { stream, path })),
            Err(error) if is_nobody(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(ClientError::NotAllowed(path))
            }
            Err(source) => Err(ClientError::NoAnswer { path, source }),
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// No answer within a minute, or one that is not understood. A refusal is an answer.
    pub fn ask(mut self, request: &Request) -> Result<Answer, ClientError> {
        self.ask_once(request)
    }

    /// Asks the server to keep its files from going away, for as long as what comes back lives.
    ///
    /// # Errors
    /// As [`Client::ask`]; a refusal is an answer.
    pub fn hold(mut self) -> Result<Result<(Held, Census), Refusal>, ClientError> {
        match self.ask_once(&Request::Hold)? {
            Ok(Response::Held(census)) => Ok(Ok((Held { client: self }, census))),
            Ok(_) => {
                let source = serde::de::Error::custom("another answer than was asked for");
                let path = self.path;
                Err(ClientError::Strange { path, source })
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Asks for what takes this connection for itself.
    ///
    /// # Errors
    /// As [`Client::ask`]; a refusal is an answer.
    pub fn carry(
        self,
        errand: &Errand,
    ) -> Result<Result<(Carrier, Response), Refusal>, ClientError> {
        let request = Request::Carry(errand.clone());
        Carrier::begin(self.stream, &self.path, Some(&request))
    }

    fn ask_once(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let line = match self.exchange(request) {
            Ok(line) => line,
            Err(source) => {
                return Err(ClientError::NoAnswer {
                    path: self.path.clone(),
                    source,
                });
            }
        };
        wire::parse_answer(&line).map_err(|source| ClientError::Strange {
            path: self.path.clone(),
            source,
        })
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Vec<u8>> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        self.stream.write_all(&wire::request_line(request)?)?;
        let mut line = Vec::new();
        BufReader::new((&self.stream).take(wire::MAX_ANSWER as u64))
            .read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection was closed",
            ));
        }
        Ok(line)
    }
}

/// A running server keeps its files where they are until this is dropped.
#[derive(Debug)]
pub struct Held {
    client: Client,
}

impl Held {
    /// Whether the server still holds. If it does not, it has stopped meanwhile, and its files may have gone since.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let stream = &self.client.stream;
        let looked = stream
            .set_nonblocking(true)
            .and_then(|()| (&*stream).read(&mut [0]));
        // The server says nothing more, so all that can be read is the end.
        matches!(looked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A connection over which mail moves.
#[derive(Debug)]
pub struct Carrier {
    input: BufReader<UnixStream>,
    out: BufWriter<UnixStream>,
    path: PathBuf,
}

impl Carrier {
    /// Takes the answer of somebody in this process who has the request already ([`carry_here`](crate::carry_here)); `path`
    /// is what errors call it.
    ///
    /// # Errors
    /// No answer, or one that is not understood. A refusal is an answer.
    pub fn begin_asked(
        stream: UnixStream,
        path: &Path,
    ) -> Result<Result<(Self, Response), Refusal>, ClientError> {
        Self::begin(stream, path, None)
    }

    fn begin(
        stream: UnixStream,
        path: &Path,
        request: Option<&Request>,
    ) -> Result<Result<(Self, Response), Refusal>, ClientError> {
        let no_answer = |source| ClientError::NoAnswer {
            path: path.to_owned(),
            source,
        };
        let mut carrier = Self::over(stream, path).map_err(no_answer)?;
        let line = carrier.answer(request).map_err(no_answer)?;
        let answer = wire::parse_answer(&line).map_err(|source| ClientError::Strange {
            path: path.to_owned(),
            source,
        })?;
        Ok(answer.map(|response| (carrier, response)))
    }

    fn over(stream: UnixStream, path: &Path) -> io::Result<Self> {
        stream.set_read_timeout(Some(MOVING))?;
        stream.set_write_timeout(Some(MOVING))?;
        Ok(Self {
            input: BufReader::with_capacity(128 << 10, stream.try_clone()?),
            out: BufWriter::with_capacity(128 << 10, stream),
            path: path.to_owned(),
        })
    }

    fn answer(&mut self, request: Option<&Request>) -> io::Result<Vec<u8>> {
        if let Some(request) = request {
            self.out.write_all(&wire::request_line(request)?)?;
            self.out.flush()?;
        }
        let mut line = Vec::new();
        (&mut self.input)
            .take(wire::MAX_ANSWER as u64)
            .read_until(b'\n', &mut line)?;
        line.pop_if(|octet| *octet == b'\n')
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(line)
    }

    /// The next parcel of letters that come.
    ///
    /// # Errors
    /// The connection broke.
    pub fn receive(&mut self) -> Result<Parcel, ClientError> {
        Parcel::read(&mut self.input).map_err(|source| ClientError::NoAnswer {
            path: self.path.clone(),
            source,
        })
    }

    /// Sends a parcel. The other side may have refused in the meantime: then this fails, and [`Carrier::end`] says why.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, parcel: &Parcel) -> io::Result<()> {
        parcel.write(&mut self.out)
    }

    /// After the last parcel, or one that could not be sent: what became of the letters.
    ///
    /// # Errors
    /// Nobody says so. A refusal is an answer.
    pub fn end(mut self, complete: bool) -> Result<Result<Tally, Refusal>, ClientError> {
        if complete {
            // When this fails there is a refusal to be read.
            let _ = self.send(&Parcel::End).and_then(|()| self.out.flush());
        }
        match self.receive()? {
            Parcel::Taken(tally) => Ok(Ok(tally)),
            Parcel::Refused(refusal) => Ok(Err(refusal)),
            Parcel::Letter(_)
            | Parcel::Octets(_)
            | Parcel::Complete
            | Parcel::End
            | Parcel::Compacted(_)
            | Parcel::Undeleted(_) => Err(ClientError::Strange {
                path: self.path,
                source: serde::de::Error::custom("letters, where none were asked for"),
            }),
        }
    }
}

/// No socket, or one whose server is gone.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory
    )
}
