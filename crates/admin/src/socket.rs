//! The server's end of the admin socket.
//!
//! Whoever may connect may do everything, so the door is the file system (0600 in a 0700 directory) and the
//! peer's user id. One request and one answer per connection, each with a deadline; a few connections at a time.
//! Only whoever holds the store's files stays on, and is let go when the server stops.

use std::fs;
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mailstore::Hold;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::message::{Answer, Errand, Refusal, RefusalKind, Request, Response};
use crate::operations::Operations;
use crate::place::{Place, SOCKET_NAME};
use crate::wire;

/// How long a client may take to send its request, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a client that waits for its answer hears that it is worked on, so that it need not wait long for a server
/// that hangs.
const WORD: Duration = Duration::from_secs(2);
/// Requests served at the same time; more wait in the listen queue.
const AT_ONCE: usize = 8;
/// How long requests in hand may take after the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Why there is no admin socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something that is not a socket has its name.
    #[error("{} is in the way and is not a socket; move it away", .0.display())]
    InTheWay(PathBuf),
    /// The system refused.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The bound socket. Dropping it removes the file.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl AdminSocket {
    /// Binds `admin.sock` in the data directory, in place of one that a server left behind when it was killed.
    /// Call it only while holding the store, which makes this the one server there is. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn bind(data_dir: &Path) -> Result<Self, SocketError> {
        let path = data_dir.join(SOCKET_NAME);
        let io = |doing| {
            let path = path.clone();
            move |source| SocketError::Io {
                path,
                doing,
                source,
            }
        };
        match fs::symlink_metadata(&path) {
            Ok(there) if there.file_type().is_socket() => {
                fs::remove_file(&path).map_err(io("removing the old one"))?;
            }
            Ok(_) => return Err(SocketError::InTheWay(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io("looking")(error)),
        }
        let place = Place::of(data_dir).map_err(io("binding"))?;
        let listener = UnixListener::bind(place.path()).map_err(io("binding"))?;
        // Between bind and here the 0700 directory keeps others out.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(io("setting its mode"))?;
        let owner = fs::metadata(&path).map_err(io("looking"))?.uid();
        Ok(Self {
            listener,
            path,
            owner,
        })
    }

    /// Serves requests until `stop` is ready, then ends those in hand.
    pub async fn serve(self, operations: Arc<Operations>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut requests = JoinSet::new();
        let (stopping, stopped) = watch::channel(());
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = requests.join_next(), if !requests.is_empty() => {}
                accepted = self.listener.accept(), if requests.len() < AT_ONCE => match accepted {
                    Ok((stream, _)) => {
                        requests.spawn(serve_one(stream, self.owner, Arc::clone(&operations), stopped.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "admin socket");
                        // Out of descriptors, most likely: do not spin on it.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(stopping);
        let drained = async { while requests.join_next().await.is_some() {} };
        // Whatever is still running then is cut off; the store keeps what it has promised.
        let _ = timeout(DRAIN, drained).await;
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // A failure leaves a stale socket, which the next start replaces.
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve_one(
    mut stream: UnixStream,
    owner: u32,
    operations: Arc<Operations>,
    mut stopped: watch::Receiver<()>,
) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == owner || peer.uid() == 0 => {}
        Ok(peer) => {
            tracing::warn!(
                user = peer.uid(),
                "admin socket: a stranger was turned away"
            );
            return;
        }
        Err(error) => {
            tracing::warn!(%error, "admin socket: cannot tell who is there");
            return;
        }
    }
    let Ok(request) = timeout(PATIENCE, request(&mut stream)).await else {
        return;
    };
    if let Ok(Some(line)) = &request
        && let Ok(Request::Carry(errand)) = parse(line)
    {
        at_work(&stream);
        return carry(errand, stream, operations, stopped).await;
    }
    let (answer, hold) = match request {
        Ok(Some(line)) => tokio::select! {
            answered = saying_so(&stream, answer(&line, &operations)) => answered,
            // Counting takes its time; whoever waits for it is not waited for.
            _ = stopped.changed(), if asks_to_hold(&line) => return,
        },
        // A client that connects and says nothing asks whether the server is there.
        Ok(None) => return,
        Err(error) => {
            tracing::debug!(%error, "admin socket: reading");
            return;
        }
    };
    let sent = match wire::answer_line(answer) {
        Ok(line) => timeout(PATIENCE, stream.write_all(&line)).await,
        Err(error) => {
            tracing::error!(%error, "admin socket: an answer that cannot be written");
            return;
        }
    };
    if !matches!(sent, Ok(Ok(()))) {
        tracing::debug!("admin socket: the client did not take its answer");
        return;
    }
    if let Some(hold) = hold {
        tracing::info!("a backup or verification holds the files of the store");
        // Nothing more is expected: whatever comes ends it just as the end does.
        let mut more = [0];
        tokio::select! {
            _ = stream.read(&mut more) => {}
            _ = stopped.changed() => {}
        }
        drop(hold);
        tracing::info!("the files of the store are let go");
    }
}

/// Waits for `work`, and lets the client know that it is under way.
async fn saying_so<T>(stream: &UnixStream, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match timeout(WORD, &mut work).await {
            Ok(done) => return done,
            Err(_) => at_work(stream),
        }
    }
}

fn at_work(stream: &UnixStream) {
    // A client that does not read, or has gone, misses nothing; what it asked for is done all the same.
    let _ = stream.try_write(&[wire::AT_WORK]);
}

/// Does what takes a connection of its own, until that is done or the server stops.
async fn carry(
    errand: Errand,
    stream: UnixStream,
    operations: Arc<Operations>,
    mut stopped: watch::Receiver<()>,
) {
    let blocking = stream.into_std().and_then(|stream| {
        stream.set_nonblocking(false)?;
        Ok((stream.try_clone()?, stream))
    });
    let (stream, door) = match blocking {
        Ok(both) => both,
        Err(error) => {
            tracing::warn!(%error, "admin socket");
            return;
        }
    };
    let mut carrying = tokio::task::spawn_blocking(move || operations.carry(errand, &stream));
    let carried = tokio::select! {
        carried = &mut carrying => carried,
        _ = stopped.changed() => {
            // What was half done is undone before it ends.
            let _ = door.shutdown(Shutdown::Both);
            carrying.await
        }
    };
    match carried {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "admin socket: moving mail"),
        Err(error) => tracing::error!(%error, "admin socket: moving mail"),
    }
}

/// Does for a connection of this process's own what a running server does, when the request is to move mail. Blocks;
/// needs a tokio runtime around it.
///
/// # Errors
/// The connection ended before it was done.
pub fn carry_here(
    errand: Errand,
    stream: &net::UnixStream,
    operations: &Operations,
) -> io::Result<()> {
    operations.carry(errand, stream)
}

/// One line without its end; `None` when nothing came.
async fn request(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let limit = wire::MAX_REQUEST as u64 + 1;
    BufReader::new(stream.take(limit))
        .read_until(b'\n', &mut line)
        .await?;
    Ok((!line.is_empty()).then_some(line))
}

/// The answer, and what has to live as long as the connection.
async fn answer(line: &[u8], operations: &Operations) -> (Answer, Option<Hold>) {
    let request = match parse(line) {
        Ok(request) => request,
        Err(refusal) => return (Err(refusal), None),
    };
    if request != Request::Hold {
        return (operations.execute(request).await, None);
    }
    match operations.hold().await {
        Ok((hold, census)) => (Ok(Response::Held(census)), Some(hold)),
        Err(refusal) => (Err(refusal), None),
    }
}

fn asks_to_hold(line: &[u8]) -> bool {
    parse(line) == Ok(Request::Hold)
}

fn parse(line: &[u8]) -> Result<Request, Refusal> {
    match line.strip_suffix(b"\n") {
        Some(line) if line.len() < wire::MAX_REQUEST => wire::parse_request(line),
        Some(_) | None => {
            let message = format!(
                "a request is one line of at most {} octets",
                wire::MAX_REQUEST
            );
            Err(Refusal::new(RefusalKind::NotUnderstood, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_hears_every_two_seconds_that_its_answer_is_worked_on() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let work = async {
            tokio::time::sleep(Duration::from_secs(7)).await;
            "done"
        };
        assert_eq!(saying_so(&ours, work).await, "done");
        assert_eq!(saying_so(&ours, async { "at once" }).await, "at once");
        drop(ours);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, [wire::AT_WORK; 3]);
    }
}
