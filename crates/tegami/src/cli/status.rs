//! `tegami status`: is it up, where does it listen, what does it hold.

use std::time::Duration;

use admin::{
    CertificateFacts, FetchFacts, IndexFacts, Request, Response, ServerFacts, Status, StoreFacts,
    Suspended,
};
use anyhow::Result;

use super::access::ask;
use super::account::unexpected;
use super::print_json;
use super::queue::{coming, now, span};
use super::table::{counted, pairs, size};
use crate::config::Config;
use crate::terminal::print;

/// A certificate that ends within so many days is pointed out.
const SOON: i64 = 14;

/// Shows how things are.
///
/// # Errors
/// Nobody could be asked.
pub fn run(config: &Config, json: bool) -> Result<()> {
    let Response::Status(status) = ask(config, &Request::Status)? else {
        return Err(unexpected());
    };
    if json {
        return print_json(&status);
    }
    print(&describe(&status))
}

fn describe(status: &Status) -> String {
    let mut rows = match &status.server {
        Some(server) => server_rows(server),
        None => vec![("Server", "not running; this is the store itself".to_owned())],
    };
    rows.extend(store_rows(&status.store));
    pairs(rows)
}

fn server_rows(server: &ServerFacts) -> Vec<(&'static str, String)> {
    let uptime = humantime::format_duration(Duration::from_secs(server.uptime));
    let ServerFacts {
        version,
        hostname,
        process,
        ..
    } = server;
    let mut rows = vec![(
        "Server",
        format!("tegami {version} is up as {hostname} (process {process}) for {uptime}"),
    )];
    if let Some(suspended) = server.suspended {
        rows.push(("Suspended", describe_suspended(suspended).to_owned()));
    }
    for (index, listener) in server.listeners.iter().enumerate() {
        let name = if index == 0 { "Listening" } else { "" };
        let sessions = counted(listener.sessions, "session");
        rows.push((
            name,
            format!("{} on {}, {sessions}", listener.service, listener.address),
        ));
    }
    if let Some(certificate) = &server.certificate {
        rows.push(("Certificate", describe_certificate(certificate)));
        if certificate.self_signed {
            // What people are shown when their mail program asks whether to accept it.
            rows.push(("", format!("SHA-256 {}", certificate.sha256)));
        }
    }
    for (index, fetch) in server.fetches.iter().enumerate() {
        let name = if index == 0 { "Fetching" } else { "" };
        let mut lines = describe_fetch(fetch, now()).into_iter();
        rows.extend(lines.next().map(|line| (name, line)));
        rows.extend(lines.map(|line| ("", line)));
    }
    rows
}

/// How mail is fetched from one server, as things are at `now`; a line of its own for what is wrong.
fn describe_fetch(fetch: &FetchFacts, now: u64) -> Vec<String> {
    let whose = match fetch.domains.as_slice() {
        [] => String::new(),
        domains => format!(" for {}", domains.join(", ")),
    };
    let success = match fetch.success {
        Some(at) => format!("last went well {} ago", span(now.saturating_sub(at))),
        None => "has not gone well since the start".to_owned(),
    };
    let next = match fetch.next {
        Some(at) => format!("next {}", coming(at, now)),
        None => "going on now".to_owned(),
    };
    let FetchFacts { from, user, .. } = fetch;
    let mut lines = vec![format!("from {from} as {user}{whose}: {success}, {next}")];
    if let Some(trouble) = &fetch.trouble {
        let since = span(now.saturating_sub(trouble.since));
        lines.push(format!("FAILS for {since}: {}", trouble.words));
    }
    lines
}

fn describe_suspended(suspended: Suspended) -> &'static str {
    match suspended {
        Suspended::Command => "NO MAIL IS TAKEN until `tegami resume` or a restart; POP3 goes on",
        Suspended::Configuration => {
            "NO MAIL IS TAKEN while the configuration says `suspended = true`; POP3 goes on"
        }
    }
}

fn describe_certificate(certificate: &CertificateFacts) -> String {
    let until = match certificate.days_left {
        ..0 => format!("EXPIRED on {}", certificate.expires),
        days @ 0..=SOON => format!("ends SOON, in {days} days, on {}", certificate.expires),
        days => format!("good for {days} days, until {}", certificate.expires),
    };
    let made = if certificate.self_signed {
        "self-signed, "
    } else {
        ""
    };
    format!("{made}for {}; {until}", certificate.names.join(", "))
}

fn store_rows(store: &StoreFacts) -> Vec<(&'static str, String)> {
    let apart = [
        (store.disabled, "disabled"),
        (store.suspended, "suspended"),
        (store.without_mailbox, "without a mailbox"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, how)| format!("{number} {how}"))
    .collect::<Vec<_>>();
    let apart = match apart.join(", ") {
        none if none.is_empty() => none,
        some => format!(" ({some})"),
    };
    let mut rows = vec![
        (
            "Accounts",
            format!("{}{apart}, aliases: {}", store.accounts, store.aliases),
        ),
        (
            "Mail",
            format!(
                "{}, {}",
                counted(store.messages, "message"),
                size(store.octets)
            ),
        ),
    ];
    rows.push(("Queue", super::queue::summary(&store.queue)));
    for outage in &store.queue.outages {
        rows.push((
            "Mail out",
            format!(
                "NOTHING LEAVES by {} since {}: {}",
                outage.server,
                super::queue::date(outage.since),
                outage.words
            ),
        ));
    }
    let free = store.free.map_or_else(|| "unknown".to_owned(), size);
    let taking = if store.takes_mail {
        format!("new mail is taken while {} are free", size(store.reserve))
    } else {
        format!(
            "TOO LITTLE: new mail waits until {} are free",
            size(store.reserve)
        )
    };
    rows.push((
        "Disk",
        format!("log {}, free {free}; {taking}", size(store.log)),
    ));
    rows.push(("Index", describe_index(store.index).to_owned()));
    if let Some(failure) = &store.write_failure {
        rows.push(("Trouble", format!("nothing can be written: {failure}")));
    }
    rows
}

fn describe_index(index: IndexFacts) -> &'static str {
    match index {
        IndexFacts::Ready => "ready",
        IndexFacts::Checking => "ready, being checked after an unclean stop",
        IndexFacts::Rebuilding => "being rebuilt from the log; mailboxes open when it is done",
        IndexFacts::InMemory => {
            "kept in memory until the next start, because the one on disk stalled"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> StoreFacts {
        StoreFacts {
            accounts: 3,
            disabled: 1,
            suspended: 0,
            without_mailbox: 2,
            aliases: 2,
            queue: Box::default(),
            messages: 1200,
            octets: 34_500_000,
            free: Some(9_000_000_000),
            reserve: 104_608_864,
            takes_mail: true,
            log: 36_000_000,
            removed_messages: 0,
            removed_octets: 0,
            undelete_window: 604_800,
            index: IndexFacts::Ready,
            write_failure: None,
        }
    }

    #[track_caller]
    fn check(status: &Status, lines: &[&str]) {
        assert_eq!(describe(status).lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_stopped_server_shows_its_store() {
        check(
            &Status {
                server: None,
                store: store(),
            },
            &[
                "Server    not running; this is the store itself",
                "Accounts  3 (1 disabled, 2 without a mailbox), aliases: 2",
                "Mail      1200 messages, 34.5 MB",
                "Queue     empty",
                "Disk      log 36.0 MB, free 9.0 GB; new mail is taken while 104.6 MB are free",
                "Index     ready",
            ],
        );
    }

    #[test]
    fn a_running_server_shows_listeners_certificate_and_trouble() {
        let server = ServerFacts {
            version: "0.1.0".to_owned(),
            hostname: "mail.example.test".to_owned(),
            process: 123,
            uptime: 3 * 3600 + 5,
            suspended: Some(Suspended::Command),
            listeners: ["smtp", "pop3s"]
                .map(|service| admin::ListenerFacts {
                    service: service.to_owned(),
                    address: "[::1]:25".parse().unwrap(),
                    sessions: u64::from(service == "smtp"),
                })
                .to_vec(),
            certificate: Some(CertificateFacts {
                names: vec!["mail.example.test".to_owned()],
                expires: "2030-01-02T03:04:05Z".to_owned(),
                days_left: 3,
                self_signed: true,
                sha256: "11:93:25".to_owned(),
            }),
            fetches: Vec::new(),
        };
        let store = StoreFacts {
            disabled: 0,
            suspended: 1,
            without_mailbox: 0,
            free: None,
            takes_mail: false,
            index: IndexFacts::Rebuilding,
            write_failure: Some("Input/output error".to_owned()),
            queue: Box::new(admin::QueueFacts {
                messages: 3,
                octets: 12_000,
                held: 1,
                tried: 1,
                oldest: None,
                paused: vec!["everything".to_owned()],
                outages: vec![admin::OutageFacts {
                    server: "smart.test:587".to_owned(),
                    since: 0,
                    words: "it refused our login: 535 5.7.8 wrong".to_owned(),
                }],
            }),
            ..store()
        };
        check(
            &Status {
                server: Some(server),
                store,
            },
            &[
                "Server       tegami 0.1.0 is up as mail.example.test (process 123) for 3h 5s",
                "Suspended    NO MAIL IS TAKEN until `tegami resume` or a restart; POP3 goes on",
                "Listening    smtp on [::1]:25, 1 session",
                "             pop3s on [::1]:25, 0 sessions",
                "Certificate  self-signed, for mail.example.test; ends SOON, in 3 days, on 2030-01-02T03:04:05Z",
                "             SHA-256 11:93:25",
                "Accounts     3 (1 suspended), aliases: 2",
                "Mail         1200 messages, 34.5 MB",
                "Queue        3 messages, 12.0 kB, 1 tried in vain, 1 held; PAUSED: everything",
                &format!(
                    "Mail out     NOTHING LEAVES by smart.test:587 since {}: it refused our login: 535 5.7.8 wrong",
                    crate::cli::queue::date(0)
                ),
                "Disk         log 36.0 MB, free unknown; TOO LITTLE: new mail waits until 104.6 MB are free",
                "Index        being rebuilt from the log; mailboxes open when it is done",
                "Trouble      nothing can be written: Input/output error",
            ],
        );
    }

    #[test]
    fn what_is_fetched_is_shown_with_its_last_success_its_trouble_and_the_next_time() {
        let minute = 60_000;
        let now = 1000 * minute;
        let fetch = FetchFacts {
            from: "hub.example:366".to_owned(),
            user: "spoke@hub.example".to_owned(),
            domains: vec!["a.test".to_owned(), "b.test".to_owned()],
            success: Some(now - 3 * minute),
            trouble: None,
            next: Some(now + 2 * minute),
        };
        assert_eq!(
            describe_fetch(&fetch, now),
            [
                "from hub.example:366 as spoke@hub.example for a.test, b.test: last went well 3m ago, next in 2m"
            ]
        );
        let fetch = FetchFacts {
            domains: Vec::new(),
            success: None,
            trouble: Some(admin::FetchTrouble {
                since: now - 90 * minute,
                words: "Nobody answered.".to_owned(),
            }),
            next: None,
            ..fetch
        };
        assert_eq!(
            describe_fetch(&fetch, now),
            [
                "from hub.example:366 as spoke@hub.example: has not gone well since the start, going on now",
                "FAILS for 1h 30m: Nobody answered."
            ]
        );
    }
}
