//! SIGHUP: the configuration, the accounts file and the certificate are read again.
//!
//! Whatever cannot be used is said and left as it is; a reload never stops a server.

use std::path::Path;
use std::sync::Arc;

use mailstore::{AccountId, Store};

use super::{Running, devices, dns, listeners, open_files, outbound, reconcile, strangers, trust};
use crate::config::{self, Config, Loaded, Relay};
use crate::telemetry::Telemetry;

/// Reads everything again. `current` becomes what is in force.
pub async fn reload(
    running: &Running,
    telemetry: &Telemetry,
    current: &mut Config,
    explicit: Option<&Path>,
) {
    let Some(config) = read(running, current, explicit) else {
        return;
    };
    let mut kept = Vec::new();
    let relay = relay(current, config.relay.clone(), &config, &mut kept);
    let config = Config {
        listen: current.listen.clone(),
        data_dir: current.data_dir.clone(),
        relay: Relay {
            queue_size: current.relay.queue_size,
            queue_messages: current.relay.queue_messages,
            ..relay
        },
        devices: devices::keep_listening(&current.devices, &config.devices),
        ..config
    };
    telemetry.reload(&config.log);
    trust::apply(running, &config, trust::gateways());
    running.server.set_proxies(config.proxy.from.clone());
    dns::settle(&running.house.resolver, &config);
    running.house.store.set_limits(
        config.mailbox.quota.0,
        config.smtp.max_message_size.0,
        config.mailbox.undelete_window,
    );
    let stopped = disabled(&running.house.store);
    if let Some(file) = &config.accounts_file
        && let Err(error) =
            reconcile(&running.house.store, &running.house.keyring, &config, file).await
    {
        tracing::error!(
            error = format!("{error:#}"),
            "accounts file not reloaded; the accounts stay as they are"
        );
        kept.push("accounts_file");
    }
    running.outbound.reload(current, &config, &running.house);
    wake(running, stopped);
    strangers::mention(&running.house.store, &config);
    running.fetching.reload(&config);
    if !certificate(running, &config).await {
        kept.push("tls");
    }
    *current = config;
    if kept.is_empty() {
        tracing::info!("reloaded");
    } else {
        let kept = kept.join(", ");
        tracing::warn!(
            kept,
            "reloaded, but not what an error was said of: there everything stays as it was"
        );
    }
}

/// The configuration, if it can be read and taken on; otherwise that is said.
fn read(running: &Running, current: &Config, explicit: Option<&Path>) -> Option<Config> {
    let config = match config::load(explicit) {
        Ok(Loaded {
            config, warnings, ..
        }) => {
            if let Err(error) = devices::refuse_gateways(&config, &running.server.gateways()) {
                tracing::error!(%error, "configuration not reloaded");
                return None;
            }
            for warning in warnings.into_iter().chain(open_files::warning(&config)) {
                tracing::warn!(%warning, "configuration");
            }
            config
        }
        Err(error) => {
            tracing::error!(%error, "configuration not reloaded");
            return None;
        }
    };
    for key in needs_restart(current, &config) {
        tracing::warn!(key, "changed, but takes effect only with a restart");
    }
    Some(config)
}

/// `[relay]` as it is from now on: as it was, when a file it names cannot be used.
fn relay(current: &Config, new: Relay, config: &Config, kept: &mut Vec<&'static str>) -> Relay {
    let settings = outbound::settings(config, &current.data_dir);
    match courier::roads::examine(&settings) {
        Ok(()) => new,
        Err(error) => {
            tracing::error!(%error, "relay not reloaded; mail leaves as before");
            kept.push("relay");
            current.relay.clone()
        }
    }
}

/// Where one of these is enabled by now, its mail leaves.
fn wake(running: &Running, stopped: Vec<AccountId>) {
    for account in stopped {
        outbound::account_changed(&running.house, account);
    }
}

fn disabled(store: &Store) -> Vec<AccountId> {
    let directory = store.directory();
    let disabled = directory.accounts().filter(|account| !account.enabled);
    disabled.map(|account| account.id).collect()
}

/// Keys whose new value a running server cannot take on.
fn needs_restart(current: &Config, new: &Config) -> Vec<&'static str> {
    let mut keys = Vec::new();
    if current.listen != new.listen {
        keys.push("listen");
    }
    if current.data_dir != new.data_dir {
        keys.push("data_dir");
    }
    if (current.relay.queue_size, current.relay.queue_messages)
        != (new.relay.queue_size, new.relay.queue_messages)
    {
        keys.push("relay.queue_size, relay.queue_messages");
    }
    if devices::listen_elsewhere(&current.devices, &new.devices) {
        keys.push("device.listen");
    }
    keys
}

/// Whether it could be used.
async fn certificate(running: &Running, config: &Config) -> bool {
    let certificates = Arc::clone(&running.certificates);
    let source = listeners::certificate_source(config);
    match tokio::task::spawn_blocking(move || certificates.switch(source)).await {
        Ok(Ok(facts)) => {
            tracing::info!(names = ?facts.names, "certificate loaded");
            true
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "certificate not reloaded; the old one stays in use");
            false
        }
        Err(error) => {
            tracing::error!(%error, "certificate not reloaded; the old one stays in use");
            false
        }
    }
}
