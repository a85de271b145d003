//! Exim 4: takes mail for its own domain, and sends the rest of the small world's where DNS says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::certificate::Authority;
use super::layer;
use super::world::{Host, Service, World};

/// What it is called.
pub const HOST: &str = "mx.exim.test";

/// It, and where its mail goes.
pub struct Exim {
    host: Host,
    inbox: PathBuf,
    _service: Service,
}

impl Exim {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(world: &World, place: &Path, authority: &Authority) -> Result<Self> {
        let host = world.host("exim", Some(&layer::EXIM), &["10.20.0.40", "fd20::40"])?;
        let mail = place.join("mail/exim");
        fs::create_dir_all(&mail)?;
        let pair = authority.sign(&[HOST])?;
        let configuration = CONFIGURATION
            .replace("HOST", HOST)
            .replace("CERTIFICATE", &pair.certificate.display().to_string())
            .replace("KEY", &pair.key.display().to_string())
            .replace("INBOX", &mail.join("inbox").display().to_string());
        host.write("/etc/exim4/exim4.conf", &configuration)?;
        host.shell(&format!(
            "chown -R mail:mail {}; chgrp Debian-exim {1}; chmod 640 {1}",
            mail.display(),
            pair.key.display()
        ))?;
        let service = host
            .serve("exim", "exim4 -bdf -q5s")?
            .await_ready(|| super::answers("10.20.0.40:25"))?;
        Ok(Self {
            host,
            inbox: mail.join("inbox"),
            _service: service,
        })
    }

    /// The host it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The maildir all its mail goes to.
    pub fn inbox(&self) -> &Path {
        &self.inbox
    }

    /// Everything it logged up to now.
    pub fn log(&self) -> String {
        let said = self.host.shell("cat /var/log/exim4/mainlog");
        said.map_or_else(
            |_| String::new(),
            |said| String::from_utf8_lossy(&said.stdout).into_owned(),
        )
    }
}

/// Words in capitals are put in.
const CONFIGURATION: &str = "
primary_hostname = HOST
domainlist local_domains = exim.test
local_interfaces = <; 0.0.0.0 ; ::0
daemon_smtp_ports = 25
tls_advertise_hosts = *
tls_certificate = CERTIFICATE
tls_privatekey = KEY
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
prdr_enable = true
accept_8bitmime = true
acl_smtp_rcpt = rcpt
acl_smtp_data = data
log_selector = +tls_cipher +smtp_protocol_error +received_recipients +8bitmime
message_size_limit = 50M
never_users =
host_lookup =
ignore_bounce_errors_after = 1d
received_headers_max = 60
begin acl
rcpt:
  defer   local_parts = later
          message = Later, please
  deny    local_parts = refused
          message = Not to this one
  deny    domains = +local_domains
          local_parts = nobody : no-such
          message = No such user here
  accept
data:
  deny    condition = ${if eq{$h_Subject:}{no thanks}}
          message = We want no such subjects
  accept
begin routers
here:
  driver = accept
  domains = +local_domains
  transport = inbox
elsewhere:
  driver = dnslookup
  domains = ! +local_domains
  transport = out
  self = send
begin transports
inbox:
  driver = appendfile
  directory = INBOX
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = mail
  group = mail
out:
  driver = smtp
  hosts_try_chunking = *
  dnssec_request_domains = :
begin retry
*  *  F,1h,5s
";
