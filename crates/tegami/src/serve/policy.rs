//! The configuration, as the hosts and the sessions want it.

use std::sync::Arc;
use std::time::Duration;

use address::Mailbox;

use super::DRAIN;
use super::devices;
use super::listeners::rate;
use super::trust::Trust;
use crate::config::{Config, OverQuota};
use crate::host::Policy;
use crate::host::doors::Doors;
use crate::host::outward::Outward;
use crate::host::pace::Pace;
use crate::host::sender::Rules;
use crate::web;

/// For how long users may have mail held back (RFC 4865): a month, in seconds.
const LONGEST_HOLD: u32 = 30 * 24 * 60 * 60;

/// How much sooner than the rest a message that is still coming in must end when the server stops, so that its client
/// is told.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything a session or its host may need to know of `config`, and of whom it trusts for their address.
pub fn of(config: &Config, trust: &Trust) -> Policy {
    let exempt = &trust.exempt;
    let smtp = smtp(config);
    Policy {
        hostname: config.hostname.to_string(),
        host: config.hostname.clone(),
        domains: config.domains.iter().cloned().collect(),
        postmaster: config.postmaster.clone(),
        usual_postmaster: usual_postmaster(config),
        accounts_file: config.accounts_file.clone(),
        full_is_final: match config.mailbox.over_quota {
            OverQuota::Tempfail => false,
            OverQuota::Reject => true,
        },
        default_quota: config.mailbox.quota.0,
        mechanisms: config.auth.mechanisms.clone(),
        apop: config.pop3.apop,
        disclosure: auth::Disclosure {
            disabled: config.auth.reveal_disabled,
            transition: config.auth.transition_hint,
        },
        cleartext: trust.cleartext.clone(),
        mail_rate: Pace::new(rate(config.limits.mail_rate), exempt.clone()),
        rcpt_rate: Pace::new(rate(config.limits.rcpt_rate), exempt.clone()),
        sender: Rules {
            require_domain: config.sender.require_domain,
            reject_null_mx: config.sender.reject_null_mx,
            require_reverse_dns: config.sender.require_reverse_dns,
            exempt: exempt.clone(),
        },
        bare_newline: config.smtp.bare_newline,
        normalize_from: trust.normalize.clone(),
        outward: Outward::new(&config.relay, trust.relay.clone(), trust.etrn.clone()),
        verify_local_sender: config.smtp.verify_local_sender,
        no_submission_from: config.smtp.no_submission_from.clone(),
        devices: devices::of(config, trust, &smtp),
        doors: Doors {
            refused: config.limits.refuse_from.clone(),
            proxies: trust.xclient.clone(),
            names_proxies: !config.proxy.xclient_from.is_empty(),
            suspended: config.suspended,
            no_mail: config.smtp.no_mail,
        },
        unsubscribe: config
            .web
            .url
            .as_ref()
            .map(|url| url.below(web::UNSUBSCRIBE)),
        smtp: Arc::new(smtp),
        pop3: Arc::new(pop3(config)),
    }
}

/// RFC 5321 section 4.5.1.
fn usual_postmaster(config: &Config) -> Mailbox {
    let domain = config.domains.first().unwrap_or(&config.hostname);
    #[expect(
        clippy::expect_used,
        reason = "a literal name, parsed by every test that makes a policy"
    )]
    let local = "postmaster".parse().expect("a local part");
    Mailbox::new(local, domain.clone().into())
}

fn smtp(config: &Config) -> smtp_server::Config {
    smtp_server::Config {
        max_message_size: config.smtp.max_message_size.0,
        max_recipients: config.smtp.max_recipients,
        over_recipients: config.smtp.over_recipients,
        max_transactions: match config.limits.messages_per_session {
            0 => None,
            most => Some(most),
        },
        submission_tls: config.tls.submission_min,
        max_received: config.smtp.max_received,
        command_timeout: config.smtp.command_timeout,
        last_call: DRAIN.saturating_sub(LAST_WORDS),
        // RFC 2852 section 3: at most nine digits.
        deliver_by_min: whole_seconds(config.smtp.deliver_by_min).min(999_999_999),
        future_release: config.relay.enabled.then_some(LONGEST_HOLD),
        etrn: !config.relay.etrn_domains.is_empty(),
        vrfy: config.smtp.vrfy,
        expn: config.smtp.expn,
        errors: config.limits.errors,
        login_on_exchange: config.auth.on_mx,
        verbose: config.reply.verbose,
        ..smtp_server::Config::new(config.hostname.to_string())
    }
}

/// A part of a second counts as a whole one.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

fn pop3(config: &Config) -> pop3_server::Config {
    pop3_server::Config {
        errors: config.limits.errors,
        login_delay: config.pop3.login_delay,
        ..pop3_server::Config::new(config.hostname.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Trust, of};
    use crate::config::{BareNewline, Config};

    #[test]
    fn line_ends_are_mended_for_listed_networks_only() {
        let mut config = Config::default();
        config.smtp.normalize_from = vec!["192.0.2.0/24".parse().unwrap()];
        let gateway = "192.0.2.254".parse().unwrap();
        let policy = |config: &Config| of(config, &Trust::new(config, &[gateway]));
        let bare_newline = |peer: &str| policy(&config).bare_newline(peer.parse().unwrap());
        assert_eq!(bare_newline("192.0.2.9"), BareNewline::Normalize);
        assert_eq!(bare_newline("192.0.3.9"), BareNewline::Reject);
        assert_eq!(bare_newline("2001:db8::1"), BareNewline::Reject);
        // Behind it may be anybody.
        assert_eq!(bare_newline("192.0.2.254"), BareNewline::Reject);
        config.smtp.bare_newline = BareNewline::Normalize;
        let everywhere = policy(&config).bare_newline("192.0.3.9".parse().unwrap());
        assert_eq!(everywhere, BareNewline::Normalize);
    }
}
