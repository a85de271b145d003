//! The domains of the small world: who takes their mail, and what DNS says of them.

use anyhow::Result;

use super::certificate::Authority;
use super::names::{POLICIES, Records};

/// Where the server on trial is.
pub const SERVER: [&str; 2] = ["10.20.0.10", "fd20::10"];

/// What Postfix keeps for itself.
pub const OF_POSTFIX: [&str; 19] = [
    "postfix.test",
    "six.test",
    "selfsigned.test",
    "brokentls.test",
    "notls.test",
    "old.test",
    "down.test",
    "refuses.test",
    "firstdead.test",
    "backup.test",
    "office587.test",
    "office465.test",
    "sts.test",
    "stsbad.test",
    "stsnotls.test",
    "dane.example",
    "danebad.example",
    "bogus.example",
    "plain.example",
];

/// The zone `test.`: a line for each domain, its exchangers and their addresses.
const TEST: &str = "
example MX 10 mail.example
mail.example A 10.20.0.10
mail.example AAAA fd20::10
postfix MX 10 mx.postfix
mx.postfix A 10.20.0.20
six MX 10 six.postfix
six.postfix AAAA fd20::20
selfsigned MX 10 mx.selfsigned
mx.selfsigned A 10.20.0.21
brokentls MX 10 mx.brokentls
mx.brokentls A 10.20.0.22
notls MX 10 mx.notls
mx.notls A 10.20.0.23
old MX 10 mx.old
mx.old A 10.20.0.24
down MX 10 mx.down
mx.down A 10.20.0.29
refuses MX 10 mx.refuses
mx.refuses A 10.20.0.31
firstdead MX 10 mx.dead
firstdead MX 20 mx.postfix
mx.dead A 10.20.0.99
backup MX 10 mx.refuses
backup MX 20 mail.example
smtp.relay A 10.20.0.27
nullmx MX 0 .
loop MX 10 mx.postfix
spoke MX 10 mail.example
exim MX 10 mx.exim
mx.exim A 10.20.0.40
mx.exim AAAA fd20::40
opensmtpd MX 10 mx.opensmtpd
mx.opensmtpd A 10.20.0.50
mx.opensmtpd AAAA fd20::50
sts MX 10 mx.sts
mx.sts A 10.20.0.28
stsbad MX 10 mx.selfsigned
stsnotls MX 10 mx.notls
";

/// The zone `example.`, which is signed.
const EXAMPLE: &str = "
dane MX 10 mx.dane
mx.dane A 10.20.0.25
danebad MX 10 mx.danebad
mx.danebad A 10.20.0.26
";

/// The zone whose signatures nobody can believe.
const BOGUS: &str = "
@ MX 10 mx
mx A 10.20.0.30
";

/// The zone `plain.example.`, which is not signed, below one that is.
const PLAIN: &str = "
@ MX 10 mx
mx A 10.20.0.20
";

/// Domains that promise TLS (RFC 8461), with the exchanger their policies name.
pub const PROMISES: [(&str, &str); 3] = [
    ("sts.test", "mx.sts.test"),
    ("stsbad.test", "mx.selfsigned.test"),
    ("stsnotls.test", "mx.notls.test"),
];

/// All records, with those that follow from keys of `authority`.
///
/// # Errors
/// When the keys cannot be made.
pub fn records(authority: &Authority) -> Result<Records> {
    let mut test = TEST.to_owned();
    for (domain, _) in PROMISES {
        let name = domain.trim_end_matches(".test");
        test.push_str(&format!(
            "_mta-sts.{name} TXT \"v=STSv1; id=1\"\nmta-sts.{name} A {POLICIES}\n"
        ));
    }
    let good = authority.self_signed("mx.dane.example")?.tlsa()?;
    authority.self_signed("mx.danebad.example")?;
    // The key of another host.
    let example =
        format!("{EXAMPLE}_25._tcp.mx.dane TLSA {good}\n_25._tcp.mx.danebad TLSA {good}\n");
    Ok(Records {
        test,
        example,
        plain: PLAIN.to_owned(),
        bogus: BOGUS.to_owned(),
    })
}
