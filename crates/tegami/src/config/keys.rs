//! The table of every key: its name, its place in [`Config`], and the feature it waits for.
//!
//! A key that is not in this table does not exist. One whose feature is not there yet parses, so that a
//! configuration can be prepared, and is refused by name when it asks for that feature.

use std::path::PathBuf;

use super::Config;
use super::problem::nearest;
use super::setting::Slot;

/// One key of the configuration.
pub struct Key {
    /// With its section: `smtp.vrfy`.
    pub name: &'static str,
    /// Its place in the configuration.
    pub slot: fn(&mut Config) -> &mut dyn Slot,
}

const fn live(name: &'static str, slot: fn(&mut Config) -> &mut dyn Slot) -> Key {
    Key { name, slot }
}

/// Every key, in the order of the reference file.
pub static KEYS: &[Key] = &[
    live("hostname", |c| &mut c.hostname),
    live("domains", |c| &mut c.domains),
    live("data_dir", |c| &mut c.data_dir),
    live("accounts_file", |c| &mut c.accounts_file),
    live("postmaster", |c| &mut c.postmaster),
    live("suspended", |c| &mut c.suspended),
    live("listen.smtp", |c| &mut c.listen.smtp),
    live("listen.submission", |c| &mut c.listen.submission),
    live("listen.submissions", |c| &mut c.listen.submissions),
    live("listen.pop3", |c| &mut c.listen.pop3),
    live("listen.pop3s", |c| &mut c.listen.pop3s),
    live("listen.odmr", |c| &mut c.listen.odmr),
    live("listen.web", |c| &mut c.listen.web),
    live("proxy.from", |c| &mut c.proxy.from),
    live("proxy.xclient_from", |c| &mut c.proxy.xclient_from),
    live("tls.certificate", |c| &mut c.tls.certificate),
    live("tls.key", |c| &mut c.tls.key),
    live("tls.submission_min", |c| &mut c.tls.submission_min),
    live("smtp.max_message_size", |c| &mut c.smtp.max_message_size),
    live("smtp.max_recipients", |c| &mut c.smtp.max_recipients),
    live("smtp.over_recipients", |c| &mut c.smtp.over_recipients),
    live("smtp.max_received", |c| &mut c.smtp.max_received),
    live("smtp.command_timeout", |c| &mut c.smtp.command_timeout),
    live("smtp.bare_newline", |c| &mut c.smtp.bare_newline),
    live("smtp.normalize_from", |c| &mut c.smtp.normalize_from),
    live("smtp.verify_local_sender", |c| {
        &mut c.smtp.verify_local_sender
    }),
    live("smtp.no_submission_from", |c| {
        &mut c.smtp.no_submission_from
    }),
    live("smtp.deliver_by_min", |c| &mut c.smtp.deliver_by_min),
    live("smtp.vrfy", |c| &mut c.smtp.vrfy),
    live("smtp.expn", |c| &mut c.smtp.expn),
    live("smtp.no_mail", |c| &mut c.smtp.no_mail),
    live("sender.require_domain", |c| &mut c.sender.require_domain),
    live("sender.reject_null_mx", |c| &mut c.sender.reject_null_mx),
    live("sender.require_reverse_dns", |c| {
        &mut c.sender.require_reverse_dns
    }),
    live("dns.servers", |c| &mut c.dns.servers),
    live("dns.trust_anchors", |c| &mut c.dns.trust_anchors),
    live("pop3.apop", |c| &mut c.pop3.apop),
    live("pop3.login_delay", |c| &mut c.pop3.login_delay),
    live("reply.verbose", |c| &mut c.reply.verbose),
    live("auth.mechanisms", |c| &mut c.auth.mechanisms),
    live("auth.allow_cleartext_from", |c| {
        &mut c.auth.allow_cleartext_from
    }),
    live("auth.on_mx", |c| &mut c.auth.on_mx),
    live("auth.reveal_disabled", |c| &mut c.auth.reveal_disabled),
    live("auth.transition_hint", |c| &mut c.auth.transition_hint),
    live("mailbox.quota", |c| &mut c.mailbox.quota),
    live("mailbox.over_quota", |c| &mut c.mailbox.over_quota),
    live("mailbox.undelete_window", |c| {
        &mut c.mailbox.undelete_window
    }),
    live("limits.sessions", |c| &mut c.limits.sessions),
    live("limits.sessions_per_ip", |c| &mut c.limits.sessions_per_ip),
    live("limits.connect_rate", |c| &mut c.limits.connect_rate),
    live("limits.mail_rate", |c| &mut c.limits.mail_rate),
    live("limits.rcpt_rate", |c| &mut c.limits.rcpt_rate),
    live("limits.messages_per_session", |c| {
        &mut c.limits.messages_per_session
    }),
    live("limits.errors", |c| &mut c.limits.errors),
    live("limits.exempt", |c| &mut c.limits.exempt),
    live("limits.refuse_from", |c| &mut c.limits.refuse_from),
    live("relay.enabled", |c| &mut c.relay.enabled),
    live("relay.smarthost", |c| &mut c.relay.smarthost),
    live("relay.smarthost_user", |c| &mut c.relay.smarthost_user),
    live("relay.smarthost_password", |c| {
        &mut c.relay.smarthost_password
    }),
    live("relay.smarthost_password_file", |c| {
        &mut c.relay.smarthost_password_file
    }),
    live("relay.smarthost_tls", |c| &mut c.relay.smarthost_tls),
    live("relay.smarthost_ca", |c| &mut c.relay.smarthost_ca),
    live("relay.networks", |c| &mut c.relay.networks),
    live("relay.backup_domains", |c| &mut c.relay.backup_domains),
    live("relay.etrn_domains", |c| &mut c.relay.etrn_domains),
    live("relay.etrn_from", |c| &mut c.relay.etrn_from),
    live("relay.etrn_reply", |c| &mut c.relay.etrn_reply),
    live("relay.allow_to", |c| &mut c.relay.allow_to),
    live("relay.source", |c| &mut c.relay.source),
    live("relay.families", |c| &mut c.relay.families),
    live("relay.dane", |c| &mut c.relay.dane),
    live("relay.mta_sts", |c| &mut c.relay.mta_sts),
    live("relay.retry", |c| &mut c.relay.retry),
    live("relay.give_up_after", |c| &mut c.relay.give_up_after),
    live("relay.delay_notice", |c| &mut c.relay.delay_notice),
    live("relay.connections", |c| &mut c.relay.connections),
    live("relay.connections_per_host", |c| {
        &mut c.relay.connections_per_host
    }),
    live("relay.recipients_per_day", |c| {
        &mut c.relay.recipients_per_day
    }),
    live("relay.queue_size", |c| &mut c.relay.queue_size),
    live("relay.queue_messages", |c| &mut c.relay.queue_messages),
    live("web.url", |c| &mut c.web.url),
    live("log.level", |c| &mut c.log.level),
    live("log.format", |c| &mut c.log.format),
];

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether `name` is a section, such as `smtp`.
pub fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter_map(|key| key.name.split_once('.'))
        .map(|(section, _)| section)
}

/// The key that was probably meant by `unknown`: the one spelled nearly like it, or the one that has the same
/// last word in another section.
pub fn meant(unknown: &str) -> Option<&'static str> {
    let names = || KEYS.iter().map(|key| key.name);
    let word = last_word(unknown);
    names()
        .find(|name| last_word(name) == word)
        .or_else(|| nearest(unknown, names()))
}

/// The section that was probably meant by `unknown`.
pub fn meant_section(unknown: &str) -> Option<&'static str> {
    nearest(
        unknown,
        sections().chain([
            super::device::SECTION,
            super::relay::ROUTES,
            super::relay::FETCHES,
            super::relay::HOLDS,
        ]),
    )
}

fn last_word(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The path behind a key that holds one. A relative path in a file is relative to that file.
pub fn path<'a>(config: &'a mut Config, name: &str) -> Option<&'a mut PathBuf> {
    match name {
        "data_dir" => Some(&mut config.data_dir),
        "accounts_file" => config.accounts_file.as_mut(),
        "tls.certificate" => config.tls.certificate.as_mut(),
        "tls.key" => config.tls.key.as_mut(),
        "dns.trust_anchors" => config.dns.trust_anchors.as_mut(),
        "relay.smarthost_password_file" => config.relay.smarthost_password_file.as_mut(),
        "relay.smarthost_ca" => config.relay.smarthost_ca.as_mut(),
        _ => None,
    }
}
