//! Answers the questions of one POP3 session: logins, message octets, removal.

use std::net::IpAddr;
use std::sync::Arc;

use auth::{Credentials, Verdict};
use mailstore::{Maildrop, MaildropError, ReadError, ReadNow};
use pop3_server::{Answer, Ask, AuthVerdict, Listing, LoginVerdict, Message, ReadVerdict, Session};

use super::House;
use super::login::{self, Login, Progress, Sasl};

/// The host of one POP3 connection. Its maildrop is locked while it lives.
pub struct Pop3Host {
    house: Arc<House>,
    peer: IpAddr,
    sasl: Sasl,
    maildrop: Option<Arc<Maildrop>>,
}

impl Pop3Host {
    /// A host for a client at `peer` that has not logged in.
    pub fn new(house: Arc<House>, peer: IpAddr) -> Self {
        Self {
            house,
            peer,
            sasl: Sasl::default(),
            maildrop: None,
        }
    }

    async fn logged_in(&mut self, verdict: Verdict) -> LoginVerdict {
        match verdict {
            Verdict::Accepted(account) => self.open(Login::from(account)).await,
            Verdict::Rejected => LoginVerdict::BadCredentials,
            Verdict::Busy => LoginVerdict::Busy,
            Verdict::Throttled => LoginVerdict::Throttled,
        }
    }

    async fn proceed(&mut self, progress: Progress) -> AuthVerdict {
        match progress {
            Progress::Challenge(octets) => AuthVerdict::Challenge(octets),
            Progress::Malformed => AuthVerdict::Malformed,
            Progress::Checked(verdict) => AuthVerdict::Login(self.logged_in(verdict).await),
        }
    }

    /// RFC 1939 section 4: the maildrop is locked exclusively, or the login fails.
    async fn open(&mut self, login: Login) -> LoginVerdict {
        let store = self.house.store.clone();
        let opened = tokio::task::spawn_blocking(move || store.open_maildrop(login.account)).await;
        match opened {
            Ok(Ok(maildrop)) => {
                let messages = maildrop
                    .messages()
                    .iter()
                    .map(|entry| Message {
                        octets: entry.octets,
                        needs_utf8: false,
                        epoch: entry.epoch,
                        uid: entry.uid,
                    })
                    .collect();
                self.maildrop = Some(Arc::new(maildrop));
                LoginVerdict::Open {
                    login: login.address,
                    listing: Listing { messages },
                }
            }
            Ok(Err(MaildropError::InUse)) => LoginVerdict::InUse,
            Ok(Err(MaildropError::NoAccount)) => LoginVerdict::NoMaildrop,
            Ok(Err(error)) => {
                tracing::error!(account = %login.address, %error, "maildrop not opened");
                LoginVerdict::StoreFailed
            }
            Err(error) => {
                tracing::error!(account = %login.address, %error, "maildrop not opened");
                LoginVerdict::StoreFailed
            }
        }
    }

    /// The page cache first; what is not there is read where blocking harms nobody.
    async fn read(&self, message: usize, offset: u64) -> ReadVerdict {
        let Some(maildrop) = &self.maildrop else {
            return ReadVerdict::TryLater;
        };
        match maildrop.read_now(message, offset) {
            ReadNow::Chunk(chunk) => {
                return ReadVerdict::Chunk {
                    octets: chunk.octets,
                    last: chunk.last,
                };
            }
            ReadNow::WouldBlock => {}
            ReadNow::Failed(error) => return failed_read(message, &error),
        }
        let maildrop = Arc::clone(maildrop);
        match tokio::task::spawn_blocking(move || maildrop.read(message, offset)).await {
            Ok(Ok(chunk)) => ReadVerdict::Chunk {
                octets: chunk.octets,
                last: chunk.last,
            },
            Ok(Err(error)) => failed_read(message, &error),
            Err(error) => {
                tracing::error!(message, %error, "message not read");
                ReadVerdict::TryLater
            }
        }
    }

    /// RFC 1939 section 6: what was marked is removed, then the lock is released, then the client is told.
    async fn expunge(&mut self, messages: &[usize]) -> bool {
        let Some(maildrop) = self.maildrop.take() else {
            return false;
        };
        if messages.is_empty() {
            return true;
        }
        match maildrop.expunge(messages).await {
            Ok(()) => {
                tracing::info!(removed = messages.len(), "expunged");
                true
            }
            Err(error) => {
                tracing::error!(marked = messages.len(), %error, "not expunged");
                false
            }
        }
    }
}

fn failed_read(message: usize, error: &ReadError) -> ReadVerdict {
    tracing::error!(message, %error, "message not read");
    match error {
        ReadError::Damaged { .. } => ReadVerdict::Damaged,
        ReadError::Gone => ReadVerdict::Gone,
        ReadError::Io(_) => ReadVerdict::TryLater,
    }
}

impl net::Host for Pop3Host {
    type Session = Session;

    async fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Login { user, password } => {
                let credentials = Credentials::new(user, password);
                let verdict = login::verify(&self.house, &credentials, self.peer).await;
                Answer::Login(self.logged_in(verdict).await)
            }
            Ask::AuthStart { mechanism, initial } => {
                let progress = self
                    .sasl
                    .start(mechanism, initial.as_deref(), &self.house, self.peer)
                    .await;
                Answer::Auth(self.proceed(progress).await)
            }
            Ask::AuthRespond(response) => {
                let progress = self.sasl.respond(&response, &self.house, self.peer).await;
                Answer::Auth(self.proceed(progress).await)
            }
            Ask::AuthCancel => {
                self.sasl.cancel();
                Answer::Done
            }
            Ask::Utf8 => Answer::Done,
            Ask::Read { message, offset } => Answer::Read(self.read(message, offset).await),
            Ask::Expunge(messages) => Answer::Expunged(self.expunge(&messages).await),
            Ask::TlsReady => Answer::Tls(true),
        }
    }

    async fn body(&mut self, _octets: bytes::Bytes) {
        // A POP3 session takes in no messages.
    }
}
