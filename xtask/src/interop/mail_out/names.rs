//! The names of the small world: a root of its own with signed and unsigned zones, served by Knot DNS, and Unbound, which
//! everybody asks and which looks at every signature.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::layer;
use super::world::{Host, LIMIT, Service, World};
use crate::process;

/// Where Knot answers.
const AUTHORITY: &str = "10.20.0.2";
/// Where Unbound answers.
pub const RESOLVER: &str = "10.20.0.3";
/// Where policies of MTA-STS are served.
pub const POLICIES: &str = "10.20.0.60";

/// The zones with their file names. What is signed has an anchor above it; that of `bogus.example.` is wrong.
const ZONES: [(&str, &str, Signed); 5] = [
    ("test.", "test", Signed::Not),
    ("plain.example.", "plain", Signed::Not),
    ("example.", "example", Signed::Hashed),
    ("bogus.example.", "bogus", Signed::Plainly),
    (".", "root", Signed::Plainly),
];

/// How it is shown that a name, or an anchor, is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Not,
    /// By NSEC.
    Plainly,
    /// By NSEC3 with opt-out, as large zones have it (RFC 5155).
    Hashed,
}

/// Every zone begins with this.
const APEX: &str = "$TTL 5\n@ IN SOA ns.nic. host.nic. 1 60 60 600 1\n@ IN NS ns.nic.\n";

/// What stands in `test.`, which is not signed, and `example.`, which is; mail exchangers and addresses.
pub struct Records {
    /// Lines of the zone `test.`.
    pub test: String,
    /// Lines of the zone `example.`.
    pub example: String,
    /// Lines of the zone `plain.example.`, which is not signed.
    pub plain: String,
    /// Lines of the zone `bogus.example.`.
    pub bogus: String,
}

/// The servers. The key of the root is in `names/root.key`, as in a zone file.
pub struct Names {
    host: Host,
    _knot: Service,
    _unbound: Service,
}

impl Names {
    /// Makes the keys, signs, serves.
    ///
    /// # Errors
    /// When a server does not start, or does not believe the zones.
    pub fn start(world: &World, place: &Path, records: &Records) -> Result<Self> {
        let place = place.join("names");
        for part in ["run", "db"] {
            fs::create_dir_all(place.join(part))?;
        }
        let host = world.host(
            "names",
            Some(&layer::NAMES),
            &[
                AUTHORITY, RESOLVER, POLICIES, "fd20::2", "fd20::3", "fd20::60",
            ],
        )?;
        let zones = Zones { host: &host, place };
        let anchor = zones.write(records)?;
        let configuration = zones.place.join("knot.conf").display().to_string();
        let knot = host
            .serve("knot", &format!("knotd -c {configuration}"))?
            .await_ready(|| {
                ask(AUTHORITY, "example.test. MX").is_ok_and(|said| !said.is_empty())
            })?;
        fs::write(zones.place.join("root.key"), &anchor)?;
        fs::write(zones.place.join("unbound.conf"), zones.unbound())?;
        let configuration = zones.place.join("unbound.conf").display().to_string();
        let unbound = host
            .serve("unbound", &format!("unbound -d -c {configuration}"))?
            .await_ready(|| ask(RESOLVER, "example.test. MX").is_ok_and(|said| !said.is_empty()))?;
        let names = Self {
            host,
            _knot: knot,
            _unbound: unbound,
        };
        names.check()?;
        Ok(names)
    }

    /// The host they run on, and policies of MTA-STS are served from.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What the resolver says of signed, unsigned and forged names.
    fn check(&self) -> Result<()> {
        for (question, wanted) in [
            ("example.test. MX", "NOERROR"),
            ("dane.example. MX", "NOERROR ad"),
            ("_25._tcp.mx.dane.example. TLSA", "NOERROR ad"),
            ("nowhere. MX", "NXDOMAIN ad"),
            // With opt-out nobody can say whether a name without signatures is there.
            ("nowhere.example. MX", "NXDOMAIN"),
            ("nowhere.test. MX", "NXDOMAIN"),
            ("plain.example. MX", "NOERROR"),
            ("bogus.example. MX", "SERVFAIL"),
        ] {
            let said = status(question)?;
            if said != wanted {
                bail!("{question}: unbound says {said}, and not {wanted}");
            }
        }
        Ok(())
    }
}

/// The records of an answer, one on each line.
///
/// # Errors
/// When there is no answer.
pub fn ask(server: &str, question: &str) -> Result<String> {
    let mut command = Command::new("dig");
    command
        .args(["+short", "+time=1", "+tries=1", &format!("@{server}")])
        .args(question.split(' '));
    Ok(String::from_utf8(
        process::succeed(&mut command, LIMIT)?.stdout,
    )?)
}

/// The code of unbound's answer, and `ad` if the signatures are good.
fn status(question: &str) -> Result<String> {
    let mut command = Command::new("dig");
    command
        .args(["+dnssec", "+time=5", "+tries=2", &format!("@{RESOLVER}")])
        .args(question.split(' '));
    let said = String::from_utf8(process::succeed(&mut command, LIMIT)?.stdout)?;
    let word = |before: &str| {
        said.split(before)
            .nth(1)
            .and_then(|rest| rest.split([',', ';']).next())
    };
    let code = word("status: ").context("an answer without a status")?;
    let proven = word(";; flags: ").is_some_and(|flags| flags.split(' ').any(|flag| flag == "ad"));
    Ok(if proven {
        format!("{code} ad")
    } else {
        code.to_owned()
    })
}

/// Zones in the making.
struct Zones<'a> {
    host: &'a Host,
    place: PathBuf,
}

impl Zones<'_> {
    /// Writes configuration, keys and zones; gives the root's key.
    fn write(&self, records: &Records) -> Result<String> {
        fs::write(self.place.join("knot.conf"), self.knot())?;
        for (zone, _, _) in ZONES.iter().filter(|(_, _, signed)| *signed != Signed::Not) {
            self.keymgr(&format!(
                "{zone} generate algorithm=ecdsap256sha256 ksk=yes zsk=yes"
            ))?;
        }
        let anchor = self.keymgr("example. ds")?;
        // The digest of no key.
        let wrong = format!("bogus.example. DS 4711 13 2 {}", "5a".repeat(32));
        let delegations = "test. NS ns.nic.\nexample. NS ns.nic.\nns.nic. A 10.20.0.2\n";
        self.zone("test", &records.test)?;
        self.zone(
            "example",
            &format!(
                "{}plain NS ns.nic.\nbogus NS ns.nic.\n{wrong}\n",
                records.example
            ),
        )?;
        self.zone("plain", &records.plain)?;
        self.zone("bogus", &records.bogus)?;
        self.zone("root", &format!("{delegations}{anchor}"))?;
        fs::write(
            self.place.join("hints"),
            ". 3600 NS ns.nic.\nns.nic. 3600 A 10.20.0.2\n",
        )?;
        let key = self.keymgr(". dnskey")?;
        Ok(key.replace("DNSKEY", "3600 IN DNSKEY"))
    }

    fn zone(&self, name: &str, lines: &str) -> Result<()> {
        fs::write(
            self.place.join(format!("{name}.zone")),
            format!("{APEX}{lines}"),
        )?;
        Ok(())
    }

    fn keymgr(&self, words: &str) -> Result<String> {
        let configuration = self.place.join("knot.conf");
        let said = self
            .host
            .succeed(&format!("keymgr -c {} {words}", configuration.display()))?;
        // Of the digests it knows, one is enough: the second type of every key, SHA-256.
        let said = String::from_utf8(said.stdout)?;
        let lines = said
            .lines()
            .filter(|line| !line.contains(" DS ") || line.contains(" 13 2 "));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }

    fn knot(&self) -> String {
        let place = self.place.display();
        let mut text = format!(
            "server:\n  listen: [{AUTHORITY}@53]\n  rundir: {place}/run\n  user: root:root\n\
             database:\n  storage: {place}/db\nlog:\n  - target: stderr\n    any: info\n\
             policy:\n  - id: here\n    manual: on\n    single-type-signing: on\n  - id: hashed\n    \
             manual: on\n    single-type-signing: on\n    nsec3: on\n    nsec3-iterations: 0\n    \
             nsec3-opt-out: on\n\
             zone:\n"
        );
        for (zone, file, signed) in ZONES {
            text.push_str(&format!(
                "  - domain: {zone}\n    file: {place}/{file}.zone\n    zonefile-sync: -1\n"
            ));
            let policy = match signed {
                Signed::Not => continue,
                Signed::Plainly => "here",
                Signed::Hashed => "hashed",
            };
            text.push_str(&format!(
                "    dnssec-signing: on\n    dnssec-policy: {policy}\n"
            ));
        }
        text
    }

    fn unbound(&self) -> String {
        let place = self.place.display();
        format!(
            "server:\n  interface: {RESOLVER}\n  interface: fd20::3\n  access-control: 0.0.0.0/0 allow\n  \
             access-control: ::/0 allow\n  username: \"\"\n  chroot: \"\"\n  directory: \"{place}\"\n  \
             pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  val-log-level: 2\n  root-hints: \"{}\"\n  \
             trust-anchor-file: \"{place}/root.key\"\n  local-zone: \"test.\" nodefault\n  \
             cache-max-ttl: 5\n  cache-max-negative-ttl: 1\n  module-config: \"validator iterator\"\n  \
             do-ip6: yes\n  num-threads: 1\nremote-control:\n  control-enable: no\n",
            self.place.join("hints").display()
        )
    }
}
