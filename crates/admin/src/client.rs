//! The command line's end of the admin socket. Blocking: it runs in a program that waits for the answer anyway.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mailstore::Census;
use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::message::{Answer, Errand, Refusal, Request, Response};
use crate::parcel::{Parcel, Tally};
use crate::place::{Place, SOCKET_NAME};
use crate::wire;

/// How long nothing may come. A server that works on an answer says every two seconds that it is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may take of a server that says it is there: as long as a busy disk holds a change back, and as
/// counting everything takes.
const LONGEST: Duration = Duration::from_secs(600);

/// How long a piece of mail may take; the first one waits until an import that was cut off is undone.
const MOVING: Duration = Duration::from_secs(600);

/// Why a running server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket is there and this user may not use it.
    #[error("{} belongs to a server of another user", .0.display())]
    NotAllowed(PathBuf),
    /// It is there, and not a word comes from it.
    #[error("the server that holds {} does not answer: nothing came for {} seconds", directory.display(), silence.as_secs())]
    Silent {
        /// The data directory.
        directory: PathBuf,
        /// How long it was waited for.
        silence: Duration,
    },
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
    patience: Patience,
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For any octet.
    silence: Duration,
    /// For all of an answer.
    longest: Duration,
    /// For any octet, while mail moves.
    moving: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: PATIENCE,
            longest: LONGEST,
            moving: MOVING,
        }
    }
}

impl Client {
    /// Connects to the server of this data directory; `None` when there is none (no socket, or one that was left
    /// behind).
    ///
    /// # Errors
    /// Somebody else's server, one that does not answer, or a system that refuses.
    pub fn connect(data_dir: &Path) -> Result<Option<Self>, ClientError> {
        Self::connect_within(data_dir, Patience::default())
    }

    fn connect_within(data_dir: &Path, patience: Patience) -> Result<Option<Self>, ClientError> {
        let path = data_dir.join(SOCKET_NAME);
        let connected = Place::of(data_dir).and_then(|place| reach(place.path(), patience.silence));
        match connected {
            Ok(stream) => Ok(Some(Self {
                stream,
                path,
                patience,
            })),
            Err(error) if is_nobody(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(ClientError::NotAllowed(path))
            }
            Err(source) => Err(not_answered(&path, patience.silence, source)),
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// Nothing within ten seconds, or what is not understood. A refusal is an answer.
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
        let alive = self.wait_for_word(&request);
        alive.map_err(|source| not_answered(&self.path, self.patience.silence, source))?;
        Carrier::begin(self.stream, &self.path, self.patience.moving)
    }

    /// Asks, and waits for a sign that somebody works on it.
    fn wait_for_word(&self, request: &Request) -> io::Result<()> {
        self.send(request)?;
        // It stays there: before an answer it means nothing.
        rustix::net::recv(&self.stream, &mut [0][..], RecvFlags::PEEK)?;
        Ok(())
    }

    fn ask_once(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let line = self
            .exchange(request)
            .map_err(|source| not_answered(&self.path, self.patience.silence, source))?;
        wire::parse_answer(&line).map_err(|source| ClientError::Strange {
            path: self.path.clone(),
            source,
        })
    }

    fn send(&self, request: &Request) -> io::Result<()> {
        self.stream.set_read_timeout(Some(self.patience.silence))?;
        self.stream.set_write_timeout(Some(self.patience.silence))?;
        (&self.stream).write_all(&wire::request_line(request)?)
    }

    fn exchange(&self, request: &Request) -> io::Result<Vec<u8>> {
        self.send(request)?;
        let until = Instant::now() + self.patience.longest;
        let mut input = BufReader::new((&self.stream).take(wire::MAX_ANSWER as u64));
        // All that comes before the answer.
        while input.fill_buf()?.first() == Some(&wire::AT_WORK) {
            input.consume(1);
            if Instant::now() > until {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "it is there, and has worked on this for ten minutes",
                ));
            }
        }
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection was closed",
            ));
        }
        Ok(line)
    }
}

/// Connects, though not longer than that: where nobody takes connections, those of others fill the queue.
fn reach(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    rustix::net::sockopt::set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// Why there is no answer. `WouldBlock` is what the system calls a time that is over.
fn not_answered(path: &Path, silence: Duration, source: io::Error) -> ClientError {
    if source.kind() == io::ErrorKind::WouldBlock {
        return ClientError::Silent {
            directory: path.parent().unwrap_or(path).to_owned(),
            silence,
        };
    }
    ClientError::NoAnswer {
        path: path.to_owned(),
        source,
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
    patience: Duration,
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
        Self::begin(stream, path, MOVING)
    }

    /// Takes the answer to what was asked already.
    fn begin(
        stream: UnixStream,
        path: &Path,
        patience: Duration,
    ) -> Result<Result<(Self, Response), Refusal>, ClientError> {
        let no_answer = |source| not_answered(path, patience, source);
        let mut carrier = Self::over(stream, path, patience).map_err(no_answer)?;
        let line = carrier.answer().map_err(no_answer)?;
        let answer = wire::parse_answer(&line).map_err(|source| ClientError::Strange {
            path: path.to_owned(),
            source,
        })?;
        Ok(answer.map(|response| (carrier, response)))
    }

    fn over(stream: UnixStream, path: &Path, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self {
            input: BufReader::with_capacity(128 << 10, stream.try_clone()?),
            out: BufWriter::with_capacity(128 << 10, stream),
            path: path.to_owned(),
            patience,
        })
    }

    fn answer(&mut self) -> io::Result<Vec<u8>> {
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
        Parcel::read(&mut self.input)
            .map_err(|source| not_answered(&self.path, self.patience, source))
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

#[cfg(test)]
mod tests;
