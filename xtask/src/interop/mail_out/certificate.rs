//! The certificates of the small world: one authority that everybody believes, and one host that signed its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::world::LIMIT;
use crate::process;

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate alone.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Pair {
    /// Data of a TLSA record that means this key (RFC 7671 section 5.1: DANE-EE, SPKI, SHA-256).
    ///
    /// # Errors
    /// When openssl cannot read it.
    pub fn tlsa(&self) -> Result<String> {
        let script =
            "openssl x509 -in \"$0\" -noout -pubkey | openssl pkey -pubin -outform der | sha256sum";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&self.certificate);
        let said = process::succeed(&mut command, LIMIT)?.stdout;
        let digest = String::from_utf8(said)?;
        let digest = digest.split(' ').next().context("no digest")?;
        Ok(format!("3 1 1 {digest}"))
    }
}

/// Who signs.
pub struct Authority {
    place: PathBuf,
}

impl Authority {
    /// One that keeps its files in `place`.
    ///
    /// # Errors
    /// When openssl does not do it.
    pub fn create(place: &Path) -> Result<Self> {
        fs::create_dir_all(place)?;
        let authority = Self {
            place: place.to_owned(),
        };
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key \
             -out authority.pem -days 30 -subj /CN=Laboratory",
        )?;
        Ok(authority)
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.place.join("authority.pem")
    }

    /// A certificate for these names; the first names the files.
    ///
    /// # Errors
    /// When openssl does not do it.
    pub fn sign(&self, names: &[&str]) -> Result<Pair> {
        let name = names.first().context("a certificate without a name")?;
        let all: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        let extensions = format!(
            "subjectAltName={}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n",
            all.join(",")
        );
        fs::write(self.place.join("extensions"), extensions)?;
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out request.pem -subj /CN={name}"
        ))?;
        self.openssl(&format!(
            "x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 20 \
             -extfile extensions -out {name}.pem"
        ))?;
        Ok(self.pair(name))
    }

    /// A certificate that nobody else has signed.
    ///
    /// # Errors
    /// When openssl does not do it.
    pub fn self_signed(&self, name: &str) -> Result<Pair> {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem \
             -days 20 -subj /CN={name} -addext subjectAltName=DNS:{name}"
        ))?;
        Ok(self.pair(name))
    }

    /// Where the files for a name are, or will be.
    pub fn pair(&self, name: &str) -> Pair {
        Pair {
            certificate: self.place.join(format!("{name}.pem")),
            key: self.place.join(format!("{name}.key")),
        }
    }

    fn openssl(&self, words: &str) -> Result<()> {
        let mut command = Command::new("openssl");
        command
            .args(words.split_whitespace())
            .current_dir(&self.place);
        process::succeed(&mut command, LIMIT)?;
        Ok(())
    }
}
