//! `cargo xtask interop`: curl, swaks, Python's smtplib and poplib, Perl's Net::SMTP and Net::POP3, msmtp, mpop, fetchmail,
//! getmail, neomutt, s-nail, git send-email, and clients on libsasl2 and GNU SASL log in, send and fetch through every listener
//! of the built server, and try what must be refused. With `--all`, so do nodemailer, node-pop3 and Go's net/smtp, and strangers
//! of other kinds look at the server: scanners, a load generator and somebody at a desktop. Last, the server and three others
//! send each other mail in a small world of network namespaces (`mail-out`).
//!
//! Every sender sends every kind of message by every route; every fetcher then fetches them all, by each of its logins (with
//! `--all` by every route), and each must be, behind the trace fields the server adds, octet for octet what was sent; of
//! senders that write the header themselves, the body must. The server's log must say that the
//! route was the one that was meant. The first thing that is wrong ends the run.

mod authority;
mod client;
mod container;
mod cyrus;
mod desktop;
mod fetch;
mod gsasl;
mod mail_out;
mod message;
mod offers;
mod package;
mod postal;
mod refusal;
mod route;
mod scanners;
mod tools;
mod witness;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::server::{Running, Site};
use crate::{binary, process, workspace};
use client::{CLIENTS, Client, Trial};
use fetch::{Afterwards, FETCHERS, Fetcher};
use message::Sent;
use offers::Offers;
use route::{Attempt, Route};
use witness::{Event, Witness};

/// Any single command of a client.
const LIMIT: Duration = Duration::from_secs(180);
/// The account that sends with a login.
const ALICE: &str = "alice@example.test";
/// The account that everything is sent to.
const BOB: &str = "bob@example.test";
/// The password of both.
const PASSWORD: &str = "interop: plain words, and 7 digits";
/// The sender on port 25.
const STRANGER: &str = "carol@elsewhere.test";

/// What to try.
#[derive(clap::Args, Default)]
pub struct Options {
    /// The server to try; built first where none is named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also what takes long: every way of every client, those from npm and in Go, Claws Mail at a desktop, nmap and
    /// testssl.sh, ten minutes of Postal; then the container image, on a Docker Engine of its own, and the Debian package, on
    /// Debian systems of its own (both as root).
    #[arg(long)]
    all: bool,
    /// These clients alone, by their names.
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// nmap and testssl.sh alone.
    #[arg(long)]
    scanners: bool,
    /// Ten minutes of Postal alone.
    #[arg(long)]
    postal: bool,
    /// The container image alone.
    #[arg(long)]
    container: bool,
    /// The Debian package alone.
    #[arg(long)]
    package: bool,
    /// Of `mail-out`, these cases alone: by words of their features, or by a peer.
    #[arg(long, value_name = "WORDS")]
    case: Vec<String>,
    /// How this task starts itself in namespaces of its own.
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
    /// Only this part. mail-out: mail out and in between the server and Postfix, Exim and OpenSMTPD (as root).
    #[arg(value_name = "PART", value_parser = ["mail-out"])]
    part: Option<String>,
    /// A static binary for the image; built first where none is named.
    #[arg(long, value_name = "FILE")]
    static_binary: Option<PathBuf>,
}

/// Where the clients find the server, and where they may put files.
struct Ground {
    server: Running,
    witness: Witness,
    /// The one the server made itself.
    certificate: PathBuf,
    place: PathBuf,
    /// Whether the ways that take long are tried, too.
    all: bool,
    /// The clients to try; all where none is named.
    only: Vec<String>,
}

impl Ground {
    /// An empty directory.
    fn empty(&self, name: &str) -> Result<PathBuf> {
        let directory = self.place.join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Those of the routes that are tried.
    fn choose(&self, trial: Trial, routes: Vec<Route>) -> Vec<Route> {
        match trial {
            Trial::Turns if !self.all => Route::in_turn(routes),
            Trial::Full | Trial::Turns | Trial::All => routes,
        }
    }

    /// Whether the client of this name is tried at all.
    fn tries(&self, name: &str, trial: Trial) -> bool {
        let wanted = self.only.is_empty() || self.only.iter().any(|only| only == name);
        wanted && (self.all || trial != Trial::All)
    }

    /// The senders that are tried.
    fn clients(&self) -> impl Iterator<Item = &'static Client> {
        let tried = |client: &&Client| self.tries(client.name, client.trial);
        CLIENTS.iter().filter(tried)
    }

    /// The fetchers that are tried.
    fn fetchers(&self) -> impl Iterator<Item = &'static Fetcher> {
        let tried = |fetcher: &&Fetcher| self.tries(fetcher.name, fetcher.trial);
        FETCHERS.iter().filter(tried)
    }

    /// The route, as somebody who knows the password and the certificate takes it.
    fn attempt<'a>(&'a self, route: &'a Route) -> Attempt<'a> {
        Attempt {
            ground: self,
            route,
            password: PASSWORD,
            trust: &self.certificate,
        }
    }
}

/// Postfix's sink for load tests, installed beside this system: the program, and where its libraries are.
///
/// # Errors
/// When it cannot be installed.
pub fn smtp_sink() -> Result<(PathBuf, String)> {
    mail_out::smtp_sink()
}

/// Messages by their id.
type Messages = BTreeMap<String, Sent>;

/// Installs the clients where they are missing and tries everything.
///
/// # Errors
/// When a client cannot be installed, or anything is not as it must be.
pub fn run(options: &Options) -> Result<()> {
    if options.part.is_some() {
        return mail_out::run(options);
    }
    let binary = options.binary.as_deref();
    let one = options.scanners || options.postal || options.container || options.package;
    if !options.scanners && !options.postal {
        tools::install(options.all)?;
    }
    if !one {
        clients(options)?;
    }
    if !one && options.client.is_empty() {
        mail_out::run(options).context("mail-out")?;
    }
    let all = options.all && options.client.is_empty();
    if all || options.scanners {
        tools::install_scanners()?;
        scanners::run(binary).context("scanners")?;
    }
    if all || options.postal {
        tools::install_postal()?;
        postal::run(binary).context("postal")?;
    }
    if all || options.container {
        container::run(options.static_binary.as_deref()).context("container")?;
    }
    if all || options.package {
        package::run().context("package")?;
    }
    Ok(())
}

/// Every client against the built server.
fn clients(options: &Options) -> Result<()> {
    let binary = binary::release(options.binary.as_deref())?;
    let place = workspace::fresh("interop")?;
    let other = another_certificate(&binary, &place)?;
    let (site, mut ground) = start(&binary, place)?;
    ground.all = options.all;
    ground.only.clone_from(&options.client);
    let mut sent = Messages::new();
    if ground.clients().next().is_none() {
        sent = send(&ground, &CLIENTS[0], &Route::sending(true, &[])[0])?;
    }
    for client in ground.clients() {
        let routes = Route::sending(client.strangers, client.logins);
        for route in ground.choose(client.trial, routes) {
            let name = || format!("{} {route}", client.name);
            sent.extend(send(&ground, client, &route).with_context(name)?);
        }
    }
    for fetcher in ground.fetchers().filter(|fetcher| !fetcher.slow) {
        fetch_all(&ground, fetcher, &sent)?;
    }
    let mut deleting: Vec<&Fetcher> = ground.fetchers().filter(|one| one.deletes).collect();
    deleting.sort_by_key(|one| one.slow);
    for fetcher in deleting {
        delete(&ground, fetcher, &sent).with_context(|| fetcher.name.to_owned())?;
        sent = send(&ground, &CLIENTS[0], &Route::sending(true, &[])[0])?;
    }
    for fetcher in ground.fetchers().filter(|fetcher| fetcher.slow) {
        fetch_all(&ground, fetcher, &sent)?;
    }
    gsasl::run(&ground)?;
    if ground.tries(desktop::NAME, Trial::All) {
        tools::install_desktop()?;
        desktop::run(&ground)?;
    }
    refusal::run(&ground, &ground.place.join("message.eml"), &other)?;
    process::succeed(&mut site.command(&["healthcheck"]), LIMIT)?;
    println!("healthcheck: the server is well");
    ground.server.stop()?;
    println!("SIGTERM: a clean end");
    fs::remove_dir_all(&ground.place)?;
    Ok(())
}

/// One account is made while the server is stopped, the other while it runs; the same with what APOP and CRAM-MD5 need.
fn start(binary: &Path, place: PathBuf) -> Result<(Site, Ground)> {
    let site = Site::create(binary, &place, &place.join("data"), None)?
        .with("TEGAMI_AUTH__MECHANISMS", offers::MECHANISMS)
        .with("TEGAMI_POP3__APOP", "true")
        .with("TEGAMI_LOG__LEVEL", "info,tegami::host::login=debug");
    let password = place.join("password");
    fs::write(&password, format!("{PASSWORD}\n"))?;
    let password = password.to_string_lossy().into_owned();
    let account = |verb: &str, address: &str| {
        let arguments = ["account", verb, address, "--password-file", &password];
        process::succeed(&mut site.command(&arguments), LIMIT)
            .with_context(|| format!("account {verb} {address}"))
    };
    account("add", ALICE)?;
    account("allow-apop", ALICE)?;
    let server = site.start()?;
    account("add", BOB)?;
    let ground = Ground {
        server,
        witness: Witness::new(site.log()),
        certificate: certificate(&place),
        place,
        all: false,
        only: Vec::new(),
    };
    offers::check(&ground, Offers::WhatAllCan)?;
    account("allow-apop", BOB)?;
    offers::check(&ground, Offers::Everything)?;
    Ok((site, ground))
}

/// Where the server of a place keeps the certificate it makes itself.
fn certificate(place: &Path) -> PathBuf {
    place.join("data/tls/certificate.pem")
}

/// The certificate of some other server.
fn another_certificate(binary: &Path, place: &Path) -> Result<PathBuf> {
    let place = place.join("other");
    let site = Site::create(binary, &place, &place.join("data"), None)?;
    site.start()?.stop()?;
    Ok(certificate(&place))
}

/// Every kind of message by one route.
fn send(ground: &Ground, client: &Client, route: &Route) -> Result<Messages> {
    let mut sent = Messages::new();
    let mut wanted: Vec<Event> = route.login.map(|_| Event::Login).into_iter().collect();
    wanted.push(Event::Delivered);
    for (kind, body) in message::bodies_for(client.keeps) {
        let id = format!("{}.{route}.{kind}", client.name).replace(['/', ':', ' '], "-");
        let message = message::compose(&id, &body);
        let file = ground.place.join("message.eml");
        fs::write(&file, &message)?;
        let mut command = (client.send)(&ground.attempt(route), &file)?;
        let finished = process::capture(&mut command, LIMIT)?;
        ensure!(
            client.took.is_given(&finished),
            "{kind}: {}:\n{}",
            finished.status,
            finished.last_words()
        );
        ground.witness.expect(route, &wanted).context(kind)?;
        let keeps = client.keeps;
        sent.insert(
            id,
            Sent {
                octets: message,
                keeps,
            },
        );
    }
    println!("{} {route}: sent {} messages", client.name, sent.len());
    Ok(sent)
}

/// Everything that is there, by every route that is tried.
fn fetch_all(ground: &Ground, fetcher: &Fetcher, there: &Messages) -> Result<()> {
    for route in ground.choose(fetcher.trial, fetcher.routes()) {
        let name = || format!("{} {route}", fetcher.name);
        fetch(ground, fetcher, &route, there).with_context(name)?;
    }
    Ok(())
}

/// Everything that was sent, by one route; and nothing more for those who come again.
fn fetch(ground: &Ground, fetcher: &Fetcher, route: &Route, sent: &Messages) -> Result<()> {
    let attempt = ground.attempt(route);
    let fetched = fetcher.run(&attempt, Afterwards::Keep, sent.len())?;
    ground.witness.expect(route, &[Event::Login])?;
    message::compare(sent, &fetched)?;
    let mut again = "";
    if let Some(sign) = fetcher.nothing_new {
        fetcher.come_again(&attempt, sign, sent.len())?;
        ground.witness.expect(route, &[Event::Login])?;
        again = ", and then nothing new";
    }
    println!(
        "{} {route}: fetched {} messages as they were sent{again}",
        fetcher.name,
        fetched.len()
    );
    Ok(())
}

/// Everything that is there, by one route; afterwards there is nothing.
fn delete(ground: &Ground, fetcher: &Fetcher, sent: &Messages) -> Result<()> {
    let routes = fetcher.routes();
    let route = routes.last().context("no login")?;
    let attempt = ground.attempt(route);
    let fetched = fetcher.run(&attempt, Afterwards::Delete, sent.len())?;
    ground.witness.expect(route, &[Event::Login])?;
    message::compare(sent, &fetched)?;
    offers::nothing_left(ground)?;
    println!(
        "{} {route}: fetched and deleted {} messages",
        fetcher.name,
        fetched.len()
    );
    Ok(())
}
