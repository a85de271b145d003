//! OpenSMTPD: takes mail for its own domain, and sends the rest of the small world's where DNS says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::certificate::Authority;
use super::layer;
use super::world::{Service, World};

/// What it is called.
pub const HOST: &str = "mx.opensmtpd.test";

/// It, and where its mail goes.
pub struct Opensmtpd {
    inbox: PathBuf,
    log: PathBuf,
    _service: Service,
}

impl Opensmtpd {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(world: &World, place: &Path, authority: &Authority) -> Result<Self> {
        let host = world.host(
            "opensmtpd",
            Some(&layer::OPENSMTPD),
            &["10.20.0.50", "fd20::50"],
        )?;
        let mail = place.join("mail/opensmtpd");
        fs::create_dir_all(&mail)?;
        let pair = authority.sign(&[HOST])?;
        // It insists on a key that only root can read.
        host.shell(&format!(
            "chown -R mail:mail {}; install -m 600 {} /key.pem",
            mail.display(),
            pair.key.display()
        ))?;
        let configuration = CONFIGURATION
            .replace("HOST", HOST)
            .replace("CERTIFICATE", &pair.certificate.display().to_string())
            .replace("INBOX", &mail.join("inbox").display().to_string());
        host.write("/etc/smtpd.conf", &configuration)?;
        let service = host
            .serve("opensmtpd", "smtpd -d -f /etc/smtpd.conf")?
            .await_ready(|| super::answers("10.20.0.50:25"))?;
        Ok(Self {
            inbox: mail.join("inbox"),
            log: place.join("opensmtpd.log"),
            _service: service,
        })
    }

    /// The maildir all its mail goes to.
    pub fn inbox(&self) -> &Path {
        &self.inbox
    }

    /// Everything it logged up to now.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// Words in capitals are put in.
const CONFIGURATION: &str = "
pki HOST cert \"CERTIFICATE\"
pki HOST key \"/key.pem\"
table known { \"user@opensmtpd.test\" = \"mail\" }
smtp max-message-size 50M
listen on 10.20.0.50 tls pki HOST hostname HOST
listen on fd20::50 tls pki HOST hostname HOST
action in maildir \"INBOX\" virtual <known>
action out relay helo HOST
match from any for domain \"opensmtpd.test\" action in
match from any for any action out
";
