//! The driver over an in-memory stream, with the toy protocol and a clock that stands still.

mod closing;
mod flow;
mod handed;
mod handshake;

use std::future::Future;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::task::JoinHandle;

use super::*;
use crate::driver::now;
use crate::stop::Level;
use crate::toy::{ToyService, Watch, said};

/// Every write the server made, with the number of hosts and places already gone at that moment.
type Writes = Arc<Mutex<Vec<Write>>>;

#[derive(Clone, Debug)]
pub(super) struct Write {
    octets: Vec<u8>,
    hosts_gone: usize,
    place_gone: bool,
}

/// A stream that writes down each write.
#[derive(Debug)]
pub(super) struct Noting {
    io: DuplexStream,
    read_at_most: usize,
    writes: Writes,
    watch: Arc<Watch>,
    place: std::sync::Weak<()>,
}

impl Noting {
    fn note(&self, octets: &[u8]) {
        self.writes.lock().unwrap().push(Write {
            octets: octets.to_vec(),
            hosts_gone: self.watch.hosts_dropped.load(Ordering::SeqCst),
            place_gone: self.place.strong_count() == 0,
        });
    }
}

impl Transport for Noting {}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let space = buf.remaining().min(self.read_at_most);
        let mut octets = vec![0; space];
        let mut some = ReadBuf::new(&mut octets);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut some);
        buf.put_slice(some.filled());
        polled
    }
}

impl AsyncWrite for Noting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, octets);
        if let Poll::Ready(Ok(written)) = &polled {
            self.note(&octets[..*written]);
        }
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A served connection and the client's end of it.
pub(super) struct Scene<C = DuplexStream> {
    client: C,
    service: ToyService,
    stop: Stop,
    writes: Writes,
    served: JoinHandle<()>,
    begun: Instant,
}

/// A connection whose wire holds `window` octets each way.
pub(super) fn open(window: usize, security: Security, admission: Admission) -> Scene {
    open_reading(usize::MAX, window, security, admission)
}

/// The same for a server whose every read brings it `read_at_most` octets.
fn open_reading(
    read_at_most: usize,
    window: usize,
    security: Security,
    admission: Admission,
) -> Scene {
    let (client, io) = tokio::io::duplex(window);
    let (service, stop, writes) = (ToyService::new(), Stop::new(), Writes::default());
    let held = Arc::new(());
    let io = Noting {
        io,
        read_at_most,
        writes: Arc::clone(&writes),
        watch: Arc::clone(&service.watch),
        place: Arc::downgrade(&held),
    };
    let place = if admission == Admission::Welcome {
        Ok(held)
    } else {
        Err(admission)
    };
    let meeting = Meeting {
        id: 1,
        peer: "[::ffff:192.0.2.1]:1025".parse().unwrap(),
        local: "[::ffff:192.0.2.2]:25".parse().unwrap(),
        place,
    };
    let endpoint = Endpoint {
        name: "toy".into(),
        protocol: Protocol::Smtp,
        security,
    };
    let (toy, watched) = (service.clone(), stop.clone());
    let served = tokio::spawn(async move { serve(io, &toy, &endpoint, &watched, meeting).await });
    Scene {
        client,
        service,
        stop,
        writes,
        served,
        begun: now(),
    }
}

pub(super) fn plain() -> Scene {
    open(1024 * 1024, Security::Plain, Admission::Welcome)
}

impl<C: AsyncRead + AsyncWrite + Unpin> Scene<C> {
    async fn send(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads exactly what the toy should say.
    #[track_caller]
    fn hears(&mut self, texts: &[&str]) -> impl Future<Output = ()> {
        let (expected, caller) = (said(texts), std::panic::Location::caller());
        async move {
            let mut heard = vec![0; expected.len()];
            let read = self.client.read_exact(&mut heard).await;
            assert!(
                read.is_ok(),
                "closed while waiting for {expected:?}, at {caller}"
            );
            assert_eq!(
                heard.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "at {caller}"
            );
        }
    }

    /// Reads to the end.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _reset = self.client.read_to_end(&mut rest).await;
        rest
    }

    fn writes(&self) -> Vec<Write> {
        self.writes.lock().unwrap().clone()
    }

    fn elapsed(&self) -> Duration {
        now() - self.begun
    }

    fn watch(&self) -> &Watch {
        &self.service.watch
    }

    /// The same scene seen through another client.
    fn with<D>(self, client: D) -> Scene<D> {
        let Self {
            client: _,
            service,
            stop,
            writes,
            served,
            begun,
        } = self;
        Scene {
            client,
            service,
            stop,
            writes,
            served,
            begun,
        }
    }

    /// Lets everything run that can run without time passing.
    async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}
