//! Scanners: nmap's scripts about mail servers, and testssl.sh on every port that can speak TLS. They look at a server
//! whose certificate an authority has signed, one that testssl.sh is told to believe.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{LIMIT, authority};
use crate::server::{Running, Site};
use crate::{binary, process, workspace};

/// nmap waits for the timing of every port.
const NMAP: Duration = Duration::from_secs(180);
/// testssl.sh makes hundreds of connections, one after the other.
const TESTSSL: Duration = Duration::from_secs(900);

/// What nmap must find: the script at the listener, and words of what it prints.
const FINDINGS: [(&str, &str, &[&str]); 5] = [
    (
        "smtp-open-relay",
        "smtp",
        &["doesn't seem to be an open relay, all tests failed"],
    ),
    (
        "smtp-open-relay",
        "submission",
        &["isn't an open relay, authentication needed"],
    ),
    (
        "smtp-commands",
        "smtp",
        &[
            "mail.example.test",
            "PIPELINING",
            "SIZE 40000000",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            "DSN",
            "STARTTLS",
            "HELP",
            "EHLO HELO MAIL RCPT DATA",
        ],
    ),
    (
        "pop3-capabilities",
        "pop3",
        &["TOP", "UIDL", "RESP-CODES", "PIPELINING", "STLS", "UTF8"],
    ),
    (
        "pop3-capabilities",
        "pop3s",
        &["TOP", "UIDL", "RESP-CODES", "PIPELINING", "USER", "PLAIN"],
    ),
];

/// The listeners that can speak TLS, and what testssl.sh must say first there.
const SECURED: [(&str, Option<&str>); 5] = [
    ("smtp", Some("smtp")),
    ("submission", Some("smtp")),
    ("submissions", None),
    ("pop3", Some("pop3")),
    ("pop3s", None),
];

/// What does not speak against a server. `WARN` is about what testssl.sh could not find out.
const HARMLESS: [&str; 4] = ["OK", "INFO", "DEBUG", "LOW"];

/// What may stay unknown: the openssl it uses knows no GOST, and it cannot tell behind STARTTLS whether a TLS 1.3 session is
/// resumed.
const UNKNOWN: [&str; 2] = ["engine_problem", "sessionresumption_ticket"];

/// Starts the server and has it looked at.
///
/// # Errors
/// When a scanner finds anything wrong, or does not find what must be there.
pub fn run(chosen: Option<&Path>) -> Result<()> {
    let binary = binary::release(chosen)?;
    let place = workspace::fresh("scanners")?;
    let issued = authority::issue(&place.join("authority"))?;
    let site = Site::create(&binary, &place, &place.join("data"), None)?
        .with("TEGAMI_TLS__CERTIFICATE", &issued.chain.to_string_lossy())
        .with("TEGAMI_TLS__KEY", &issued.key.to_string_lossy());
    let password = place.join("password");
    fs::write(&password, super::PASSWORD)?;
    let file = password.to_string_lossy();
    let account = ["account", "add", super::ALICE, "--password-file", &file];
    process::succeed(&mut site.command(&account), LIMIT)?;
    let server = site.start()?;
    for (script, listener, words) in FINDINGS {
        nmap(&server, script, listener, words)
            .with_context(|| format!("{script} at {listener}"))?;
    }
    for (listener, upgrade) in SECURED {
        testssl(&server, listener, upgrade, &issued.authority, &place)
            .with_context(|| format!("testssl.sh at {listener}"))?;
    }
    server.stop()?;
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// One script at one port; the plus sign has it run although the port is not the usual one.
fn nmap(server: &Running, script: &str, listener: &str, words: &[&str]) -> Result<()> {
    let mut command = Command::new("nmap");
    command
        .args(["-Pn", "-n", "--script", &format!("+{script}")])
        .args(["--script-args", "smtp.domain=interop.test"])
        .args(["-p", &server.address(listener)?.port().to_string()])
        .arg("127.0.0.1");
    let finished = process::succeed(&mut command, NMAP)?;
    let found = String::from_utf8_lossy(&finished.stdout);
    ensure!(found.contains(script), "it said nothing:\n{found}");
    if let Some(missing) = words.iter().find(|word| !found.contains(**word)) {
        bail!("it did not find {missing:?}:\n{found}");
    }
    println!("nmap {script} at {listener}: as it must be");
    Ok(())
}

/// Protocols, ciphers, forward secrecy, preferences, the certificate and the known holes; not what browsers would do.
fn testssl(
    server: &Running,
    listener: &str,
    upgrade: Option<&str>,
    authority: &Path,
    place: &Path,
) -> Result<()> {
    let report = place.join(format!("{listener}.json"));
    let mut command = Command::new("testssl");
    command
        .args(["--quiet", "--color", "0", "--warnings", "batch"])
        .args(["-p", "-s", "-f", "-P", "-S", "-U", "--ip", "127.0.0.1"])
        .arg("--add-ca")
        .arg(authority)
        .arg("--jsonfile")
        .arg(&report);
    if let Some(protocol) = upgrade {
        command.args(["--starttls", protocol]);
    }
    command.arg(format!("localhost:{}", server.address(listener)?.port()));
    // Its exit status counts what it found odd.
    process::capture(&mut command, TESTSSL)?;
    let findings = judge(&fs::read(&report)?)?;
    println!("testssl.sh at {listener}: {findings} findings, none above low");
    Ok(())
}

/// How many findings there are, if none speaks against the server.
fn judge(report: &[u8]) -> Result<usize> {
    let findings: Vec<Value> = serde_json::from_slice(report).context("its report")?;
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let bad: Vec<String> = findings
        .iter()
        .filter(|finding| {
            let harmless = HARMLESS.contains(&text(finding, "severity").as_str());
            let unknown = text(finding, "severity") == "WARN"
                && UNKNOWN.contains(&text(finding, "id").as_str());
            !harmless && !unknown
        })
        .map(Value::to_string)
        .collect();
    ensure!(bad.is_empty(), "it found:\n{}", bad.join("\n"));
    // What it looks at last: without it, it has not looked at everything.
    ensure!(
        findings.iter().any(|finding| text(finding, "id") == "RC4"),
        "it did not come to the end"
    );
    Ok(findings.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(findings: &[(&str, &str)], wrong: Option<&str>) {
        let list: Vec<Value> = findings
            .iter()
            .map(|(id, severity)| serde_json::json!({"id": id, "severity": severity}))
            .collect();
        let judged = judge(&serde_json::to_vec(&list).unwrap()).map_err(|e| e.to_string());
        match wrong {
            None => assert_eq!(judged, Ok(findings.len())),
            Some(words) => assert!(
                judged.as_ref().is_err_and(|error| error.contains(words)),
                "{judged:?}"
            ),
        }
    }

    #[test]
    fn what_is_above_low_or_unknown_is_wrong() {
        check(&[("SSLv2", "OK"), ("RC4", "OK")], None);
        check(&[("DNS_CAArecord", "LOW"), ("RC4", "OK")], None);
        check(&[("engine_problem", "WARN"), ("RC4", "OK")], None);
        check(&[("engine_problem", "HIGH"), ("RC4", "OK")], Some("engine"));
        for severity in ["MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN", ""] {
            check(&[("BEAST", severity), ("RC4", "OK")], Some("BEAST"));
        }
        check(&[("SSLv2", "OK")], Some("end"));
    }
}
