//! `tegami check`: what the configuration means, in the words of the configuration. Everything wrong with it has
//! been said before this is reached, except what stands in the files it names.

mod mail_out;
mod onward;
mod reload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use address::Domain;
use anyhow::Result;
use auth::Mechanism;
use net::tls::CertificateFacts;
use serde::Serialize;

use self::reload::Reload;
use super::device;
use super::table::{counted, pairs, quota, size};
use crate::config::{Config, HopTls, Loaded, Relay};
use crate::declared::{self, Declaration};
use crate::serve;
use crate::terminal::note;

/// What was understood.
#[derive(Serialize)]
struct Understood {
    file: Option<PathBuf>,
    hostname: String,
    domains: Vec<Domain>,
    data_dir: PathBuf,
    accounts_file: Option<PathBuf>,
    accounts_declared: Option<usize>,
    /// What a reload would change of the store.
    reload: Option<Reload>,
    listen: Vec<Listener>,
    devices: Vec<device::Facts>,
    certificate: Option<PathBuf>,
    mechanisms: Vec<&'static str>,
    apop: bool,
    /// Those of the accounts file that may log in with APOP and CRAM-MD5.
    apop_accounts: Vec<String>,
    /// The keys of `[sender]` that are on.
    sender: Vec<&'static str>,
    /// How mail for other servers leaves.
    mail_out: String,
    #[serde(flatten)]
    besides: mail_out::Besides,
    /// Who is asked for them.
    dns_servers: Vec<SocketAddr>,
    max_message_size: u64,
    quota: u64,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Listener {
    service: &'static str,
    addresses: Vec<SocketAddr>,
}

/// The result as text or JSON; warnings go to stderr, or into the JSON.
///
/// # Errors
/// The accounts file or the certificate is wrong.
pub fn show(loaded: &Loaded, json: bool) -> Result<String> {
    let understood = understand(loaded)?;
    if json {
        return Ok(serde_json::to_string_pretty(&understood)?);
    }
    for warning in &understood.warnings {
        note(&format!("warning: {warning}"));
    }
    Ok(describe(&understood))
}

fn understand(loaded: &Loaded) -> Result<Understood> {
    let Loaded {
        config,
        source,
        warnings,
    } = loaded;
    let mut warnings = warnings.clone();
    warnings.extend(surroundings(config)?);
    warnings.extend(onward::postmaster(config)?);
    let (mut accounts_declared, mut apop_accounts) = (None, Vec::new());
    let mut reload = None;
    if let Some(file) = &config.accounts_file {
        let declarations = declared::load(file, &config.domains)?;
        warnings.extend(declarations.warnings.clone());
        warnings.extend(declared::weak(&declarations.accounts));
        warnings.extend(unfetched(config, &declarations.accounts));
        warnings.extend(onward::declared(config, &declarations));
        accounts_declared = Some(declarations.accounts.len());
        let (may, may_not) = declarations
            .accounts
            .iter()
            .partition::<Vec<_>, _>(|declaration| declaration.apop);
        let names = |some: Vec<&Declaration>| -> Vec<String> {
            let names = some.iter().map(|one| one.address.unicode());
            names.collect()
        };
        apop_accounts = names(may);
        warnings.extend(about_apop(config, &apop_accounts, &names(may_not)));
        reload = Some(reload::compare(config, file)?);
    }
    // Without configured files, the server makes a pair of its own; that is not for us to do.
    if config.tls.files().is_some() {
        let facts = serve::certificates(config)?.facts();
        warnings.extend(about(&facts, config.hostname.as_str(), SystemTime::now()));
    }
    Ok(Understood {
        file: source.clone(),
        hostname: config.hostname.to_string(),
        domains: config.domains.clone(),
        data_dir: config.data_dir.clone(),
        accounts_file: config.accounts_file.clone(),
        accounts_declared,
        reload,
        listen: listeners(config),
        devices: device::facts(config),
        certificate: config
            .tls
            .files()
            .map(|(certificate, _)| certificate.to_owned()),
        mechanisms: mechanisms(config),
        apop: config.pop3.apop,
        apop_accounts,
        sender: sender(config),
        mail_out: mail_out(&config.relay),
        besides: mail_out::Besides::of(config),
        dns_servers: serve::dns::servers(config).unwrap_or_default(),
        max_message_size: config.smtp.max_message_size.0,
        quota: config.mailbox.quota.0,
        warnings,
    })
}

/// Accounts that are to fetch mail and are not declared.
fn unfetched(config: &Config, declared: &[Declaration]) -> Vec<String> {
    let is_declared = |key: &str| declared.iter().any(|one| one.address.key() == key);
    let holds = config.relay.holds.iter();
    let missing = holds.filter(|hold| !is_declared(&hold.account.key()));
    missing
        .map(|hold| {
            let message = format!(
                "{} is not in the accounts file; nobody can fetch this mail unless `tegami account add` has made that account",
                hold.account.unicode()
            );
            hold.problem("account", message).to_string()
        })
        .collect()
}

/// What this machine has to say to it.
fn surroundings(config: &Config) -> Result<Vec<String>> {
    let gateways = serve::gateways();
    serve::devices::refuse_gateways(config, &gateways)?;
    let mut warnings = serve::refused::warnings(config, &net::own_networks(), &gateways);
    warnings.extend(serve::open_files_warning(config));
    warnings.extend(serve::dns::warning(config));
    warnings.extend(mail_out::examine(config)?);
    Ok(warnings)
}

/// Those with which people may log in.
fn mechanisms(config: &Config) -> Vec<&'static str> {
    let all = config.auth.mechanisms.iter();
    all.map(|mechanism| mechanism.name()).collect()
}

/// The keys of `[sender]` that are on.
fn sender(config: &Config) -> Vec<&'static str> {
    let checks = [
        ("require_domain", config.sender.require_domain),
        ("reject_null_mx", config.sender.reject_null_mx),
        ("require_reverse_dns", config.sender.require_reverse_dns),
    ];
    let on = checks.into_iter().filter(|(_, on)| *on);
    on.map(|(name, _)| name).collect()
}

/// Those, and who is asked for them.
fn senders(checks: &[&str], servers: &[SocketAddr]) -> String {
    if checks.is_empty() {
        return "anybody; nothing is looked up in DNS".to_owned();
    }
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let asked = if servers.is_empty() {
        "no name server".to_owned()
    } else {
        servers.join(", ")
    };
    format!("{}; asked: {asked}", checks.join(", "))
}

/// How mail for other servers leaves, and who may send it.
fn mail_out(relay: &Relay) -> String {
    if !relay.enabled {
        return "off; users who write to other servers get 550".to_owned();
    }
    let mut text = match &relay.smarthost {
        Some(hop) => {
            let tls = match relay.smarthost_tls.at(hop.port) {
                HopTls::Auto | HopTls::StartTls => "STARTTLS, required and verified",
                HopTls::Implicit => "TLS from the start, verified",
                HopTls::Opportunistic => "TLS if offered, not verified",
                HopTls::None => "no TLS",
            };
            match &relay.smarthost_user {
                Some(user) => format!("by {hop} as {user}; {tls}"),
                None => format!("by {hop}; {tls}"),
            }
        }
        None => "directly, where DNS says".to_owned(),
    };
    if !relay.routes.is_empty() {
        text.push_str(&format!(
            "; {}",
            counted(relay.routes.len() as u64, "route")
        ));
    }
    for hold in &relay.holds {
        let (domains, account) = (domains(&hold.domains), hold.account.unicode());
        text.push_str(&format!("; mail for {domains} is kept for {account}"));
    }
    for network in &relay.networks {
        text.push_str(&format!("; {network} sends without a login"));
    }
    text
}

/// What keeps APOP from being offered to those who are to have it.
fn about_apop(config: &Config, may: &[String], may_not: &[String]) -> Option<String> {
    if config.pop3.apop && !may_not.is_empty() {
        Some(format!(
            "pop3.apop: not offered while an account may not use it: {} in the accounts file",
            may_not.join(", ")
        ))
    } else if !config.pop3.apop
        && !config.auth.mechanisms.contains(&Mechanism::CramMd5)
        && !may.is_empty()
    {
        Some(format!(
            "pop3.apop is off, and auth.mechanisms has no CRAM-MD5: `apop = true` in the accounts file does nothing for {}",
            may.join(", ")
        ))
    } else {
        None
    }
}

/// What mail programs will complain about.
fn about(facts: &CertificateFacts, hostname: &str, now: SystemTime) -> Vec<String> {
    let file = facts.file.display();
    let mut warnings = Vec::new();
    if facts.is_expired(now) {
        warnings.push(format!("{file} has expired; clients will refuse it"));
    }
    if !facts.names.iter().any(|name| covers(name, hostname)) {
        let names = if facts.names.is_empty() {
            "no name at all".to_owned()
        } else {
            facts.names.join(", ")
        };
        warnings.push(format!(
            "{file} is for {names}; clients that connect to {hostname} will refuse it"
        ));
    }
    warnings
}

/// RFC 6125 section 6.4.3: a wildcard stands for one label, the leftmost.
fn covers(name: &str, hostname: &str) -> bool {
    let above = |name: &str| name.split_once('.').map(|(_, above)| above.to_owned());
    let (name, hostname) = (name.to_ascii_lowercase(), hostname.to_ascii_lowercase());
    name == hostname || (name.starts_with("*.") && above(&name) == above(&hostname))
}

fn listeners(config: &Config) -> Vec<Listener> {
    let listen = &config.listen;
    [
        ("smtp", &listen.smtp),
        ("submission", &listen.submission),
        ("submissions", &listen.submissions),
        ("pop3", &listen.pop3),
        ("pop3s", &listen.pop3s),
        ("odmr", &listen.odmr),
        ("web", &listen.web),
    ]
    .map(|(service, addresses)| Listener {
        service,
        addresses: addresses.clone(),
    })
    .into_iter()
    .collect()
}

/// In their own letters, and as they go over the wire where that is something else.
fn domains(domains: &[Domain]) -> String {
    let shown = domains.iter().map(|domain| {
        let unicode = domain.unicode();
        if unicode == domain.as_str() {
            unicode
        } else {
            format!("{unicode} ({domain})")
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn limits(understood: &Understood) -> String {
    let largest = match understood.max_message_size {
        0 => "any size".to_owned(),
        octets => size(octets),
    };
    format!("message {largest}, quota {}", quota(understood.quota))
}

fn describe(understood: &Understood) -> String {
    let path = |path: &Option<PathBuf>, none: &str| {
        path.as_ref()
            .map_or_else(|| none.to_owned(), |path| path.display().to_string())
    };
    let accounts = match understood.accounts_declared {
        Some(number) => format!(
            "{} declared in {}",
            number,
            path(&understood.accounts_file, "-")
        ),
        None => "added with `tegami account add`".to_owned(),
    };
    let mut rows = vec![
        ("Configuration", path(&understood.file, "built-in defaults")),
        ("Hostname", understood.hostname.clone()),
        ("Domains", domains(&understood.domains)),
        ("Data", understood.data_dir.display().to_string()),
        ("Accounts", accounts),
    ];
    let reload = understood.reload.iter().flat_map(Reload::lines);
    for (index, line) in reload.enumerate() {
        rows.push((if index == 0 { "A reload" } else { "" }, line));
    }
    let made = "self-signed, made at the first start";
    rows.push(("Certificate", path(&understood.certificate, made)));
    for (index, listener) in understood.listen.iter().enumerate() {
        let addresses: Vec<String> = listener.addresses.iter().map(ToString::to_string).collect();
        let addresses = if addresses.is_empty() {
            "off".to_owned()
        } else {
            addresses.join(", ")
        };
        rows.push((
            if index == 0 { "Listen" } else { "" },
            format!("{} {addresses}", listener.service),
        ));
    }
    rows.extend(device::rows(&understood.devices));
    rows.push(("Logins", understood.mechanisms.join(" ")));
    let mut apop = if understood.apop {
        "offered over POP3 once every account may use it (`tegami account show ADDRESS` tells)"
    } else {
        "off"
    }
    .to_owned();
    if !understood.apop_accounts.is_empty() {
        let may = understood.apop_accounts.join(", ");
        apop.push_str(&format!("; declared for {may}"));
    }
    rows.push(("APOP", apop));
    let senders = senders(&understood.sender, &understood.dns_servers);
    rows.push(("Senders", senders));
    rows.push(("Mail out", understood.mail_out.clone()));
    rows.extend(understood.besides.rows());
    rows.push(("Limits", limits(understood)));
    let odd = counted(understood.warnings.len() as u64, "warning");
    format!("{}\nThe configuration is good; {odd}.", pairs(rows))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::DnsServer;

    #[test]
    fn international_domains_are_shown_in_both_forms() {
        let parsed = ["example.test", "bücher.example"].map(|name| Domain::parse(name).unwrap());
        assert_eq!(
            domains(&parsed),
            "example.test, bücher.example (xn--bcher-kva.example)"
        );
    }

    #[test]
    fn the_way_out_is_said_in_one_line() {
        let mut relay = Relay::default();
        assert_eq!(mail_out(&relay), "directly, where DNS says");
        relay.smarthost = Some(crate::config::Hop::parse("smart.test").unwrap());
        relay.smarthost_user = Some("me".to_owned());
        relay.networks = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(
            mail_out(&relay),
            "by smart.test:587 as me; STARTTLS, required and verified; 10.0.0.0/8 sends without a login"
        );
        relay.enabled = false;
        assert!(mail_out(&relay).starts_with("off"));
    }

    #[test]
    fn an_account_that_is_to_fetch_mail_and_is_not_declared_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tegami.toml");
        let tables = ["spoke", "nobody"].map(|name| {
            format!("[[relay.hold]]\ndomains = [\"{name}.test\"]\naccount = \"{name}@a.test\"\n")
        });
        let text = format!(
            "domains = [\"a.test\"]\naccounts_file = \"accounts.toml\"\n{}",
            tables.concat()
        );
        std::fs::write(&path, text).unwrap();
        let hash = auth::PasswordHash::hash(&"vq7-Rmd2-kLw9".into()).unwrap();
        let accounts = format!(
            "[[account]]\naddress = \"Spoke@a.test\"\npassword_hash = \"{}\"\n",
            hash.as_str()
        );
        std::fs::write(directory.path().join("accounts.toml"), accounts).unwrap();
        let sources = crate::config::Sources {
            explicit: Some(path),
            variables: Vec::new(),
            usual: "absent".into(),
        };
        let warnings = understand(&sources.load().unwrap()).unwrap().warnings;
        let about = |name: &str| {
            let said = format!("relay.hold.account: {name}@a.test is not in the accounts file");
            warnings.iter().filter(|one| one.contains(&said)).count()
        };
        assert_eq!((about("nobody"), about("spoke")), (1, 0), "{warnings:?}");
    }

    #[test]
    fn what_is_asked_of_senders_is_said_with_who_is_asked() {
        let mut config = Config::default();
        let said =
            |config: &Config| senders(&sender(config), &serve::dns::servers(config).unwrap());
        config.relay.enabled = false;
        assert_eq!(said(&config), "anybody; nothing is looked up in DNS");
        config.dns.servers = vec![DnsServer::parse("192.0.2.53").unwrap()];
        assert_eq!(said(&config), "anybody; nothing is looked up in DNS");
        config.sender.require_domain = true;
        config.sender.reject_null_mx = true;
        assert_eq!(
            said(&config),
            "require_domain, reject_null_mx; asked: 192.0.2.53:53"
        );
        assert_eq!(serve::dns::warning(&config), None);
    }

    #[test]
    fn what_keeps_apop_from_those_who_are_to_have_it_is_said() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (alice, bob) = (names(&["alice@b.test"]), names(&["bob@b.test"]));
        for (apop, cram_md5, may, may_not, said) in [
            (false, false, &[][..], &bob[..], None),
            (false, false, &alice, &bob, Some("pop3.apop is off")),
            (false, true, &alice, &bob, None),
            (true, false, &alice, &[], None),
            (
                true,
                false,
                &alice,
                &bob,
                Some("may not use it: bob@b.test"),
            ),
        ] {
            let mut config = Config::default();
            config.pop3.apop = apop;
            if cram_md5 {
                config.auth.mechanisms.push(Mechanism::CramMd5);
            }
            let warning = about_apop(&config, may, may_not);
            assert_eq!(warning.is_some(), said.is_some(), "{warning:?}");
            assert!(
                warning
                    .unwrap_or_default()
                    .contains(said.unwrap_or_default())
            );
        }
    }

    #[test]
    fn a_certificate_that_clients_will_refuse_is_warned_about() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (names, hostname, days, expected) in [
            (&["mail.example.test"][..], "mail.example.test", 1, &[][..]),
            (
                &["example.test", "*.Example.test"],
                "mail.example.test",
                1,
                &[],
            ),
            (
                &["*.example.test"],
                "a.mail.example.test",
                1,
                &[
                    "c.pem is for *.example.test; clients that connect to a.mail.example.test will refuse it",
                ],
            ),
            (
                &[],
                "mail.example.test",
                1,
                &[
                    "c.pem is for no name at all; clients that connect to mail.example.test will refuse it",
                ],
            ),
            (
                &["mail.example.test"],
                "mail.example.test",
                -1,
                &["c.pem has expired; clients will refuse it"],
            ),
        ] {
            let day = Duration::from_secs(24 * 60 * 60);
            let facts = CertificateFacts {
                names: names.iter().map(ToString::to_string).collect(),
                not_before: SystemTime::UNIX_EPOCH,
                not_after: if days > 0 { now + day } else { now - day },
                self_signed: false,
                file: "c.pem".into(),
            };
            assert_eq!(about(&facts, hostname, now), expected);
        }
    }
}
