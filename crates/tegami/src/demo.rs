//! `tegami demo`: a throwaway server on loopback that proves the main job in front of the reader's eyes.
//!
//! It runs the real server with a temporary data directory and talks to it only through its own ports, as any
//! client would. Nothing stays behind.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use address::{Domain, Mailbox};
use anyhow::{Context, Result, ensure};
use auth::{Secret, Wanted, encode_base64};
use mailstore::{Change, NewAccount};
use net::BindError;
use reply::{pop3, smtp};

use crate::cli::report::Stuck;
use crate::config::{Config, Listen};
use crate::host::House;
use crate::probe::{Pin, Probe, fingerprint};
use crate::serve::{self, Running};
use crate::telemetry::Telemetry;
use crate::terminal::print;

const DOMAIN: &str = "example.test";

/// How the demonstration runs.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// End after the round trip instead of serving until Ctrl-C.
    pub once: bool,
    /// Added to every port.
    pub port_offset: u16,
}

/// The two people of the demonstration, with their passwords.
struct Cast {
    alice: Person,
    bob: Person,
}

struct Person {
    address: String,
    password: Secret,
}

/// Runs the demonstration.
///
/// # Errors
/// A port is taken, or the letter did not arrive as it was sent.
pub fn run(options: DemoOptions) -> Result<()> {
    let directory = tempfile::Builder::new()
        .prefix("tegami-demo-")
        .tempdir()
        .context("cannot make a temporary directory")?;
    let config = config(directory.path().join("data"), options.port_offset)?;
    let _telemetry = Telemetry::start(&config.log)?;
    let outcome = serve::runtime()?.block_on(async {
        let mut signals = serve::Signals::new()?;
        let running = serve::start(&config, serve::Inherited::default())
            .await
            .map_err(|error| elsewhere(error, options.port_offset))?;
        let outcome = tokio::select! {
            outcome = show(&config, &running, options.once) => outcome.map(|()| true),
            () = signals.stop() => Ok(false),
        };
        if matches!(outcome, Ok(true)) && !options.once {
            signals.stop().await;
        }
        running.stop(&mut signals).await;
        outcome
    });
    directory
        .close()
        .context("cannot remove the temporary directory")?;
    outcome?;
    if options.once {
        Ok(())
    } else {
        print("Stopped; nothing is left behind.")
    }
}

/// A taken port is nothing to be hunted down for a demonstration.
fn elsewhere(error: anyhow::Error, offset: u16) -> anyhow::Error {
    match error.downcast_ref::<BindError>() {
        Some(BindError::Taken { .. }) => Stuck::new(
            format!("{error:#}"),
            format!(
                "move all ports: tegami demo --port-offset {}",
                offset.saturating_add(1000)
            ),
        )
        .into(),
        Some(
            BindError::NotAllowed { .. }
            | BindError::NotOurs { .. }
            | BindError::NotListening { .. }
            | BindError::Failed { .. },
        )
        | None => error,
    }
}

async fn show(config: &Config, running: &Running, once: bool) -> Result<()> {
    let cast = hire(running.house()).await?;
    let pin = Pin::new(fingerprint(&running.certificate()))?;
    print(&format!(
        "tegami demo: a mail server for {DOMAIN}, in {} until you stop it.\n",
        config.data_dir.display()
    ))?;
    let letter = Letter::new();
    print(&format!(
        "1. Alice sends Bob a letter: submission on {}, STARTTLS, then AUTH.",
        config.listen.submission[0]
    ))?;
    send(config.listen.submission[0], &pin, &cast, &letter)
        .await
        .context("the letter was not sent")?;
    print(&format!(
        "\n2. Bob fetches it: POP3 over TLS on {}.",
        config.listen.pop3s[0]
    ))?;
    let received = fetch(config.listen.pop3s[0], &pin, &cast)
        .await
        .context("the letter was not fetched")?;
    letter.check(&received)?;
    print("\nThe letter arrived unchanged, and it was on disk before Alice read 250.\n")?;
    if once {
        return Ok(());
    }
    print_settings(config, &cast)?;
    print(&format!(
        "\nServing until Ctrl-C; then everything in {} is removed.",
        config.data_dir.display()
    ))
}

fn config(data_dir: std::path::PathBuf, offset: u16) -> Result<Config> {
    let address = |port: u16| -> Result<Vec<SocketAddr>> {
        let port = port
            .checked_add(offset)
            .with_context(|| format!("--port-offset {offset} moves port {port} beyond 65535"))?;
        Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))])
    };
    let mut config = Config {
        hostname: Domain::parse("mail.example.test")?,
        domains: vec![Domain::parse(DOMAIN)?],
        data_dir,
        listen: Listen {
            smtp: address(2525)?,
            submission: address(2587)?,
            submissions: address(2465)?,
            pop3: address(2110)?,
            pop3s: address(2995)?,
            odmr: Vec::new(),
            web: address(2080)?,
        },
        ..Config::default()
    };
    config.relay.enabled = false;
    config.log.level = crate::config::LogLevel::warnings();
    Ok(config)
}

async fn hire(house: &House) -> Result<Cast> {
    let cast = Cast {
        alice: person("alice")?,
        bob: person("bob")?,
    };
    for (name, person) in [("Alice", &cast.alice), ("Bob", &cast.bob)] {
        let secret = person.password.clone();
        let address = Mailbox::parse_user(&person.address)?;
        let (keyring, owner) = (Arc::clone(&house.keyring), address.clone());
        let wanted = Wanted::by(&house.policy.load().mechanisms);
        let password =
            tokio::task::spawn_blocking(move || keyring.derive(&secret, &owner, wanted)).await??;
        let account = NewAccount {
            name: name.to_owned(),
            password: Some(password.hash),
            keys: password.keys,
            ..NewAccount::new(address)
        };
        house.store.change(Change::AddAccount(account)).await?;
    }
    Ok(cast)
}

fn person(name: &str) -> Result<Person> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random).context("the system gives no random numbers")?;
    let password = random
        .iter()
        .map(|octet| char::from(LETTERS[usize::from(octet % 32)]))
        .collect();
    Ok(Person {
        address: format!("{name}@{DOMAIN}"),
        password: Secret::new(password),
    })
}

/// What Alice writes; it has a line that begins with a dot, as every demonstration of SMTP should.
struct Letter {
    lines: Vec<&'static str>,
}

impl Letter {
    fn new() -> Self {
        Self {
            lines: vec![
                "From: Alice <alice@example.test>",
                "To: Bob <bob@example.test>",
                "Subject: Tegami",
                "",
                "Dear Bob,",
                "if you can read this, the server does its job.",
                ". This line began with a dot, and it still should.",
                "Alice",
            ],
        }
    }

    fn on_the_wire(&self) -> String {
        self.lines
            .iter()
            .map(|line| {
                if line.starts_with('.') {
                    format!(".{line}\r\n")
                } else {
                    format!("{line}\r\n")
                }
            })
            .collect()
    }

    /// The server adds lines in front and changes nothing else.
    fn check(&self, received: &[String]) -> Result<()> {
        ensure!(
            received.len() > self.lines.len(),
            "the letter arrived without trace fields"
        );
        let (trace, letter) = received.split_at(received.len() - self.lines.len());
        ensure!(
            trace[0].starts_with("Return-Path: <alice@example.test>"),
            "no Return-Path in front of the letter"
        );
        ensure!(
            letter == self.lines,
            "the letter was changed on its way: {letter:?}"
        );
        Ok(())
    }
}

async fn send(address: SocketAddr, pin: &Pin, cast: &Cast, letter: &Letter) -> Result<()> {
    let mut probe = Probe::connect(address).await?.printing();
    probe.greeted(&smtp::GREETING).await?;
    probe
        .command("EHLO alice.example.test", &smtp::EHLO)
        .await?;
    probe.command("STARTTLS", &smtp::START_TLS_NOW).await?;
    let mut probe = probe.secure(pin).await?;
    probe
        .command("EHLO alice.example.test", &smtp::EHLO)
        .await?;
    let login = encode_base64(
        format!("\0{}\0{}", cast.alice.address, cast.alice.password.expose()).as_bytes(),
    );
    probe
        .secret(
            &format!("AUTH PLAIN {login}"),
            "AUTH PLAIN (alice's password)",
            &smtp::LOGGED_IN,
        )
        .await?;
    probe
        .command("MAIL FROM:<alice@example.test>", &smtp::SENDER_ACCEPTED)
        .await?;
    probe
        .command("RCPT TO:<bob@example.test>", &smtp::RECIPIENT_ACCEPTED)
        .await?;
    probe.command("DATA", &smtp::SEND_MESSAGE).await?;
    probe.text(&letter.on_the_wire()).await?;
    probe.command(".", &smtp::STORED).await?;
    probe.command("QUIT", &smtp::GOODBYE).await?;
    Ok(())
}

async fn fetch(address: SocketAddr, pin: &Pin, cast: &Cast) -> Result<Vec<String>> {
    let mut probe = Probe::connect_tls(address, pin).await?.printing();
    probe.greeted(&pop3::GREETING).await?;
    probe
        .command(&format!("USER {}", cast.bob.address), &pop3::SEND_PASSWORD)
        .await?;
    probe
        .secret(
            &format!("PASS {}", cast.bob.password.expose()),
            "PASS (bob's password)",
            &pop3::MAILDROP_OPEN,
        )
        .await?;
    let stat = probe.command("STAT", &pop3::TOTALS).await?;
    ensure!(
        stat[0].split(' ').nth(1) == Some("1"),
        "Bob should have one letter, but STAT says {:?}",
        stat[0]
    );
    probe.command("RETR 1", &pop3::MESSAGE).await?;
    let letter = probe.listing().await?;
    probe.command("QUIT", &pop3::GOODBYE).await?;
    Ok(letter)
}

fn print_settings(config: &Config, cast: &Cast) -> Result<()> {
    let listen = &config.listen;
    print("\nTry it with your own mail program (accept the self-signed certificate):")?;
    print(&format!(
        "  incoming  POP3  127.0.0.1  port {}  SSL/TLS   (or {} with STARTTLS)",
        listen.pop3s[0].port(),
        listen.pop3[0].port()
    ))?;
    print(&format!(
        "  outgoing  SMTP  127.0.0.1  port {}  SSL/TLS   (or {} with STARTTLS)",
        listen.submissions[0].port(),
        listen.submission[0].port()
    ))?;
    for person in [&cast.alice, &cast.bob] {
        print(&format!(
            "  user {}  password {}",
            person.address,
            person.password.expose()
        ))?;
    }
    print("\nOr with curl:")?;
    print(&format!(
        "  curl -k --user {}:{} pop3s://127.0.0.1:{}/1\n",
        cast.bob.address,
        cast.bob.password.expose(),
        listen.pop3s[0].port()
    ))
}
