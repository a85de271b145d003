//! A certificate authority of our own, for those who look closely at certificates: what it signs is in order in every
//! way, so that no finding has to be explained away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::LIMIT;
use crate::process;

/// What a server's certificate says of itself. Nobody asks for the list of what was revoked, but it must be named.
const EXTENSIONS: &str = "subjectAltName=DNS:localhost,DNS:mail.example.test\n\
    basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n\
    crlDistributionPoints=URI:http://authority.example.test/revoked.crl\n";

/// Files in PEM.
pub struct Issued {
    /// The authority's own certificate.
    pub authority: PathBuf,
    /// The server's certificate, with the authority's behind it.
    pub chain: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

/// Makes an authority in an empty directory, and has it sign a certificate for the test server.
///
/// # Errors
/// When openssl does not do it.
pub fn issue(place: &Path) -> Result<Issued> {
    fs::create_dir_all(place)?;
    fs::write(place.join("extensions"), EXTENSIONS)?;
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(place);
        process::succeed(&mut command, LIMIT)
    };
    openssl(
        "req -x509 -newkey rsa:3072 -nodes -keyout authority.key -out authority.pem -days 360 -subj /CN=Authority",
    )?;
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=localhost",
    )?;
    openssl(
        "x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 180 \
         -extfile extensions -out certificate.pem",
    )?;
    let mut chain = fs::read(place.join("certificate.pem"))?;
    chain.extend(fs::read(place.join("authority.pem"))?);
    fs::write(place.join("chain.pem"), chain)?;
    Ok(Issued {
        authority: place.join("authority.pem"),
        chain: place.join("chain.pem"),
        key: place.join("key.pem"),
    })
}
