//! A web server that has one page.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::server::Certificate;

/// A running one; it ends when it is dropped.
pub struct Web {
    pub port: u16,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Web {
    pub async fn start(certificate: Certificate, page: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let (page, count) = (page.to_owned(), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(certificate.config());
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut octets = vec![0; 4096];
                let read = stream.read(&mut octets).await.unwrap_or(0);
                let asked = String::from_utf8_lossy(&octets[..read]).into_owned();
                assert!(
                    asked.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"),
                    "{asked}"
                );
                count.fetch_add(1, Ordering::Relaxed);
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{page}");
                let _told = stream.write_all(answer.as_bytes()).await;
                let _shut = stream.shutdown().await;
            }
        });
        Self { port, asked, task }
    }

    /// How often it was asked for the page.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}
