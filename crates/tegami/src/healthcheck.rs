//! `tegami healthcheck`: is every listener of the running server answering, in clear and over TLS?
//!
//! It asks the admin socket where the server listens and shakes hands with each listener as a client would.
//! It sends no mail and logs in to no account, so the server's log stays quiet.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use admin::{Client, Request, Response, ServerFacts, Status};
use anyhow::{Context, Result, anyhow, bail};
use reply::{Row, pop3, smtp};

use crate::config::Config;
use crate::probe::{Pin, Probe};
use crate::serve;
use crate::terminal::print;

/// Checks the server that this configuration describes.
///
/// # Errors
/// No server runs, or a listener does not do what it should; the message names it.
pub fn run(config: &Config) -> Result<()> {
    let server = server(config)?;
    let suspended = server.suspended.is_some();
    let listeners = server.listeners;
    // Not the one on disk: the server takes over a renewed one a little later.
    let certificate = server
        .certificate
        .context("the server has no certificate")?;
    let pin = Pin::new(certificate.sha256)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            for listener in &listeners {
                check(&listener.service, listener.address, config, suspended, &pin)
                    .await
                    .with_context(|| {
                        format!("{} on {} does not work", listener.service, listener.address)
                    })?;
            }
            anyhow::Ok(())
        })?;
    print(&format!("{} listeners answer", listeners.len()))
}

fn server(config: &Config) -> Result<ServerFacts> {
    let Some(client) = Client::connect(&config.data_dir)? else {
        bail!(
            "no server runs on {}; start it with: tegami serve",
            config.data_dir.display()
        );
    };
    let Response::Status(Status {
        server: Some(server),
        ..
    }) = client.ask(&Request::Status)??
    else {
        bail!("the server gave no account of itself; is it of another version?");
    };
    Ok(server)
}

/// Where a client on this machine reaches a listener bound to every address. `[::]` takes IPv4 as well, and in many a
/// container there is no `::1`.
fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    let ipv4 = (Ipv4Addr::LOCALHOST, address.port()).into();
    let ipv6 = (Ipv6Addr::LOCALHOST, address.port()).into();
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => vec![ipv4],
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => vec![ipv6, ipv4],
        SocketAddr::V4(_) | SocketAddr::V6(_) => vec![address],
    }
}

/// Connects to the first of `addresses` that can be reached.
async fn connect(addresses: &[SocketAddr]) -> Result<(SocketAddr, Probe)> {
    let mut failure = None;
    for &address in addresses {
        match Probe::connect(address).await {
            Ok(probe) => return Ok((address, probe)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| anyhow!("no address to connect to")))
}

/// The greeting of an SMTP listener that does not take mail, because it is not to. It works all the same.
fn closed(service: &str, config: &Config, suspended: bool) -> Option<&'static Row> {
    match service {
        "smtp" if config.smtp.no_mail => Some(&smtp::NO_MAIL),
        "smtp" | "submission" | "submissions" if suspended => Some(&smtp::SUSPENDED),
        _ => None,
    }
}

async fn check(
    service: &str,
    address: SocketAddr,
    config: &Config,
    suspended: bool,
    pin: &Pin,
) -> Result<()> {
    let (address, mut probe) = connect(&reachable(address)).await?;
    // This machine may be one of the server's proxies; then a PROXY header is expected of us too.
    if service != serve::web::NAME && config.proxy.is_one(address.ip()) {
        probe.introduce_as_proxy().await?;
    }
    if let Some(greeting) = closed(service, config, suspended) {
        if service == "submissions" {
            probe = probe.secure(pin).await?;
        }
        return probe.greeted(greeting).await.map(drop);
    }
    match service {
        "smtp" | "submission" => {
            probe.greeted(&smtp::GREETING).await?;
            probe.command("EHLO localhost", &smtp::EHLO).await?;
            probe.command("STARTTLS", &smtp::START_TLS_NOW).await?;
            rest_of_smtp(probe.secure(pin).await?).await
        }
        "submissions" => {
            let mut probe = probe.secure(pin).await?;
            probe.greeted(&smtp::GREETING).await?;
            rest_of_smtp(probe).await
        }
        "pop3" => {
            probe.greeted(&pop3::GREETING).await?;
            probe.command("STLS", &pop3::START_TLS_NOW).await?;
            rest_of_pop3(probe.secure(pin).await?).await
        }
        "pop3s" => {
            let mut probe = probe.secure(pin).await?;
            probe.greeted(&pop3::GREETING).await?;
            rest_of_pop3(probe).await
        }
        serve::web::NAME => probe.get("/healthz").await,
        // This machine need not be in the device's networks; being turned away there is an answer, too.
        device if serve::devices::of_listener(device).is_some() => {
            let let_in = probe
                .greeted_or_refused(&smtp::GREETING, &smtp::NOT_A_DEVICE)
                .await?;
            if let_in {
                probe.command("QUIT", &smtp::GOODBYE).await?;
            }
            Ok(())
        }
        other => bail!("this program does not know a service called {other:?}"),
    }
}

async fn rest_of_smtp(mut probe: Probe) -> Result<()> {
    probe.command("EHLO localhost", &smtp::EHLO).await?;
    probe.command("QUIT", &smtp::GOODBYE).await?;
    Ok(())
}

async fn rest_of_pop3(mut probe: Probe) -> Result<()> {
    probe.command("CAPA", &pop3::CAPABILITIES).await?;
    probe.listing().await?;
    probe.command("QUIT", &pop3::GOODBYE).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bound: &str, expected: &[&str]) {
        let expected: Vec<SocketAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(reachable(bound.parse().unwrap()), expected);
    }

    #[test]
    fn a_listener_on_every_address_is_looked_for_on_loopback_of_either_family() {
        check("[::]:25", &["[::1]:25", "127.0.0.1:25"]);
        check("0.0.0.0:25", &["127.0.0.1:25"]);
        check("192.0.2.1:25", &["192.0.2.1:25"]);
        check("[2001:db8::1]:25", &["[2001:db8::1]:25"]);
    }
}
