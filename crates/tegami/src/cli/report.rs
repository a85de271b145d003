//! Errors as the user reads them: what happened, why, and what to do, in a few lines.

use std::io::{self, ErrorKind};
use std::path::Path;

use admin::{ClientError, Refusal, SocketError};
use mailstore::OpenError;
use net::tls::CertificateError;

use crate::key_file::KeyFileError;

/// What to do about an error, carried along with it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Stuck {
    message: String,
    remedy: String,
}

impl Stuck {
    /// An error that knows its remedy.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

/// `error: what: why`, and where there is one a second line with the remedy.
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = String::from("error: ");
    for (depth, cause) in error.chain().enumerate() {
        let cause = cause.to_string();
        // Library errors often say their source themselves.
        if depth > 0 && text.contains(&cause) {
            continue;
        }
        if depth > 0 {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    if let Some(remedy) = error.chain().find_map(remedy) {
        text.push_str("\n  try: ");
        text.push_str(&remedy);
    }
    text
}

/// What to do about files that somebody else made there.
const THEIRS: &str =
    "data_dir and all in it have to belong to the user this runs as, and be writable for that user";

type Cause<'a> = &'a (dyn std::error::Error + 'static);

fn remedy(cause: Cause<'_>) -> Option<String> {
    if let Some(stuck) = cause.downcast_ref::<Stuck>() {
        return Some(stuck.remedy.clone());
    }
    if let Some(refusal) = cause.downcast_ref::<Refusal>() {
        return refusal.remedy.clone();
    }
    if let Some(error) = cause.downcast_ref::<ClientError>() {
        return Some(unreachable_server(error).to_owned());
    }
    match cause.downcast_ref::<OpenError>() {
        Some(OpenError::Io {
            path,
            doing,
            source,
        }) => return no_store(path, doing, source),
        Some(OpenError::InUse { .. }) => {
            return Some(
                "one server at a time; `tegami status` shows the one that runs".to_owned(),
            );
        }
        Some(
            OpenError::Newer { .. }
            | OpenError::UnknownKind { .. }
            | OpenError::Unfinished { .. }
            | OpenError::Index(_)
            | OpenError::Thread(_),
        )
        | None => {}
    }
    if let Some(KeyFileError::Io { source, .. }) = cause.downcast_ref::<KeyFileError>()
        && source.kind() == ErrorKind::PermissionDenied
    {
        return Some(THEIRS.to_owned());
    }
    if let Some(SocketError::Io { source, .. }) = cause.downcast_ref::<SocketError>()
        && source.kind() == ErrorKind::PermissionDenied
    {
        return Some(THEIRS.to_owned());
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return no_writing(error.kind()).map(str::to_owned);
    }
    if let Some(CertificateError::Unreadable { source, .. }) =
        cause.downcast_ref::<CertificateError>()
        && source.kind() == ErrorKind::PermissionDenied
    {
        return Some("the user the server runs as has to be able to read it".to_owned());
    }
    None
}

fn unreachable_server(error: &ClientError) -> &'static str {
    match error {
        ClientError::NotAllowed(_) => "run this as root or as the user the server runs as",
        ClientError::Silent { .. } => {
            "it may be stopped (Ctrl-Z, SIGSTOP, a paused container), starved, or waiting for a disk that hangs: look at its \
             log and at `ps`. Let it go on (`kill -CONT`, `docker unpause`) or end it and start it again: mail that it has \
             acknowledged is kept. What was asked for may still be done later, so look before repeating it"
        }
        ClientError::NoAnswer { .. } => {
            "look at the server's log; the change may have been made, so look before repeating it"
        }
        ClientError::Strange { .. } => {
            "restart the server after an update, so that both are the same program"
        }
    }
}

/// What to do about a data directory, or a file in it, that cannot be made or opened.
fn no_store(path: &Path, doing: &str, source: &io::Error) -> Option<String> {
    let making = doing == "making";
    let denied = source.kind() == ErrorKind::PermissionDenied;
    if making && denied {
        Some(format!(
            "make data_dir for the user this runs as, or choose another: sudo install -d -m 700 -o $USER {}",
            path.display()
        ))
    } else if making && source.kind() == ErrorKind::NotFound {
        Some(format!(
            "make the directory above it first: mkdir -p {}",
            path.parent().unwrap_or(path).display()
        ))
    } else if denied {
        Some(THEIRS.to_owned())
    } else if source.kind() == ErrorKind::NotADirectory {
        Some(
            "data_dir has to be a directory; choose another, or move away what is there".to_owned(),
        )
    } else {
        no_writing(source.kind()).map(str::to_owned)
    }
}

/// What to do about a file system that takes nothing, whoever found out.
fn no_writing(kind: ErrorKind) -> Option<&'static str> {
    if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        Some(
            "make room on that disk (`df -h` and `df -i` show what is free), then repeat; the mail that is there is whole",
        )
    } else if kind == ErrorKind::ReadOnlyFilesystem {
        Some(
            "mount it for writing; in a container make it a volume, under systemd name it in ReadWritePaths. \
             If it was writable before, the disk may be failing: see `dmesg`",
        )
    } else {
        None
    }
}
