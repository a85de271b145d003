//! The configuration, as the hosts and the sessions want it.

use std::sync::Arc;

use super::listeners::rate;
use super::trust::Trust;
use crate::config::{Config, OverQuota};
use crate::host::Policy;
use crate::host::pace::Pace;

/// Everything a session or its host may need to know of `config`, and of whom it trusts for their address.
pub fn of(config: &Config, trust: &Trust) -> Policy {
    let exempt = &trust.exempt;
    Policy {
        hostname: config.hostname.to_string(),
        domains: config.domains.iter().cloned().collect(),
        postmaster: config.postmaster.clone(),
        full_is_final: match config.mailbox.over_quota {
            OverQuota::Tempfail => false,
            OverQuota::Reject => true,
        },
        default_quota: config.mailbox.quota.0,
        cleartext: trust.cleartext.clone(),
        mail_rate: Pace::new(rate(config.limits.mail_rate), exempt.clone()),
        rcpt_rate: Pace::new(rate(config.limits.rcpt_rate), exempt.clone()),
        smtp: Arc::new(smtp(config)),
        pop3: Arc::new(pop3(config)),
    }
}

fn smtp(config: &Config) -> smtp_server::Config {
    smtp_server::Config {
        max_message_size: config.smtp.max_message_size.0,
        max_recipients: config.smtp.max_recipients,
        max_received: config.smtp.max_received,
        command_timeout: config.smtp.command_timeout,
        vrfy: config.smtp.vrfy,
        expn: config.smtp.expn,
        errors: config.limits.errors,
        mechanisms: config.auth.offered(),
        ..smtp_server::Config::new(config.hostname.to_string())
    }
}

fn pop3(config: &Config) -> pop3_server::Config {
    pop3_server::Config {
        errors: config.limits.errors,
        login_delay: config.pop3.login_delay,
        mechanisms: config.auth.offered(),
        ..pop3_server::Config::new(config.hostname.to_string())
    }
}
