//! What is done to the store as a whole or to what was removed from it, step by step over a connection.

use std::io::{self, Write};

use address::Mailbox;
use mailstore::{CompactError, StoreError, UndeleteError, Undeleted};
use tokio::runtime::Handle;

use super::Operations;
use crate::message::{Answer, Refusal, RefusalKind, Response};
use crate::parcel::Parcel;
use crate::wire;

impl Operations {
    /// Compacts the log and says how far it is. Whoever asked may go away meanwhile. Blocks.
    pub(super) fn compact(&self, force: bool, out: &mut impl Write) -> io::Result<()> {
        answer(out, Ok(Response::Allowed))?;
        let mut told = Ok(());
        let done = self.store.compact(force, &mut |done| {
            if told.is_ok() {
                told = tell(out, &Parcel::Compacted(done));
            }
        });
        match done {
            Ok(done) => {
                tell(out, &Parcel::Compacted(done))?;
                tell(out, &Parcel::End)
            }
            Err(error) => tell(out, &Parcel::Refused(not_compacted(&error))),
        }
    }

    /// Brings removed messages back, after saying how many there are. Blocks; needs a tokio runtime around it.
    pub(super) fn undelete(
        &self,
        address: &Mailbox,
        since: u64,
        dry_run: bool,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let account = match self.find(address) {
            Ok(account) => account,
            Err(refusal) => return answer(out, Err(refusal)),
        };
        match self.store.undeletable(account.id, since) {
            Ok(found) => answer(out, Ok(Response::Undeletable(found)))?,
            Err(error) => {
                let refusal = Refusal::new(RefusalKind::Store, error.to_string());
                return answer(out, Err(refusal));
            }
        }
        if !dry_run {
            let undeleted = Handle::current().block_on(self.store.undelete(account.id, since));
            match undeleted {
                Ok(done) => tell(out, &Parcel::Undeleted(done))?,
                Err(error) => {
                    return tell(out, &Parcel::Refused(not_undeleted(address, &error)));
                }
            }
        }
        tell(out, &Parcel::End)
    }
}

fn answer(out: &mut impl Write, answer: Answer) -> io::Result<()> {
    out.write_all(&wire::answer_line(answer)?)?;
    out.flush()
}

fn tell(out: &mut impl Write, parcel: &Parcel) -> io::Result<()> {
    parcel.write(out)?;
    out.flush()
}

fn not_compacted(error: &CompactError) -> Refusal {
    match error {
        CompactError::Held => Refusal::new(
            RefusalKind::InUse,
            "a backup or verification needs the files where they are",
        )
        .remedy("repeat it when that is done"),
        CompactError::Store(error) => Refusal::new(
            RefusalKind::Store,
            format!("{error}; what was done until then stands"),
        ),
    }
}

fn not_undeleted(address: &Mailbox, error: &UndeleteError) -> Refusal {
    match error {
        UndeleteError::InUse => Refusal::new(
            RefusalKind::InUse,
            format!("a POP3 session has the mailbox of {address} open"),
        )
        .remedy("close the mail program, or wait until it is done"),
        UndeleteError::NoRoom { done, low } => {
            let message = format!(
                "{} came back, then the disk was too full: {low}",
                done.messages
            );
            Refusal::new(RefusalKind::Full, message)
                .remedy("make room on the disk of data_dir, then repeat it: what has come back does not come twice")
        }
        UndeleteError::Store { done, error } => {
            let Undeleted { messages, .. } = done;
            let message = format!("{messages} came back, then: {error}");
            if let StoreError::MailboxFull { .. } = error {
                return Refusal::new(RefusalKind::Full, message).remedy(format!(
                    "give it more room with `tegami account quota {address}`, then repeat it: what has come back does not come twice"
                ));
            }
            Refusal::new(RefusalKind::Store, message)
                .remedy("repeat it when that is mended; what has come back does not come twice")
        }
    }
}
