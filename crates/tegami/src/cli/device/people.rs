//! Whether those whom a new device names are there: the account it logs in as, its sender, whom its test goes to.
//!
//! They stand in the store, and not in the configuration; so when nobody can be asked, that is said, and the device is as
//! good as the configuration alone can tell.

use address::Mailbox;
use admin::{AccountFacts, AliasFacts, Request, Response};
use anyhow::{Result, bail};
use auth::Floor;

use crate::cli::access::ask;
use crate::cli::account::unexpected;
use crate::cli::report::Stuck;
use crate::config::{Config, DeviceLogin};

/// All accounts and aliases.
#[derive(Debug)]
pub struct People {
    accounts: Vec<AccountFacts>,
    aliases: Vec<AliasFacts>,
}

impl People {
    /// Asks for them.
    ///
    /// # Errors
    /// Nobody could be asked.
    pub fn of(config: &Config) -> Result<Self> {
        let Response::Accounts(accounts) = ask(config, &Request::AccountList)? else {
            return Err(unexpected());
        };
        let Response::Aliases(aliases) = ask(config, &Request::AliasList)? else {
            return Err(unexpected());
        };
        Ok(Self { accounts, aliases })
    }

    fn account(&self, address: &Mailbox) -> Option<&AccountFacts> {
        let key = address.key();
        self.accounts
            .iter()
            .find(|account| account.address.key() == key)
    }

    /// Whether mail for this address arrives somewhere; `+detail` is anybody's to make up.
    fn take_mail_for(&self, address: &Mailbox) -> bool {
        let local = address.local.base();
        // RFC 5321 section 4.5.1.
        if address::fold(local) == "postmaster" {
            return true;
        }
        let is = |one: &Mailbox| {
            one.key() == address.key()
                || (one.host == address.host
                    && address::fold(one.local.base()) == address::fold(local))
        };
        self.accounts
            .iter()
            .any(|account| account.enabled && account.mailbox && is(&account.address))
            || self.aliases.iter().any(|alias| is(&alias.address))
    }

    /// Refuses a login that cannot work.
    ///
    /// # Errors
    /// There is no such account, or none that a device can log in as.
    pub fn check_login(&self, login: Option<&DeviceLogin>) -> Result<()> {
        let address = match login {
            Some(DeviceLogin::Account(address)) => address,
            Some(DeviceLogin::Own { .. }) | None => return Ok(()),
        };
        let own = "give the device a password that opens nothing else, with --password-file";
        let Some(account) = self.account(address) else {
            bail!(Stuck::new(
                format!("--login {address}: there is no such account"),
                format!("see `tegami account list`; or {own}"),
            ));
        };
        let why = match (account.enabled, account.password, account.login) {
            (false, _, _) => "is disabled",
            (true, false, _) => "has no password",
            (true, true, Floor::Scram) => "logs in with SCRAM only, which no such device knows",
            (true, true, Floor::Any) => return Ok(()),
        };
        bail!(Stuck::new(
            format!("--login {address}: that account {why}"),
            own
        ))
    }

    /// What is odd about the sender, and whom the test goes to.
    pub fn notes(&self, sender: &Mailbox, to: Option<&Mailbox>) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.take_mail_for(sender) {
            notes.push(format!(
                "note: nobody gets mail for {sender}, so replies to what the device sends are refused; \
                 `tegami alias add {sender} ADDRESS` has somebody read them"
            ));
        }
        if let Some(to) = to.filter(|to| !self.take_mail_for(to)) {
            notes.push(format!(
                "warning: nobody gets mail for {to}, so the test would be refused (550)"
            ));
        }
        notes
    }
}

/// Refuses to send the test where the device may not write to.
///
/// # Errors
/// It is none of our domains.
pub fn check_recipient(config: &Config, to: Option<&Mailbox>) -> Result<()> {
    let Some(to) = to else {
        return Ok(());
    };
    let domain = to.host.domain();
    if domain.is_some_and(|domain| config.domains.contains(domain)) {
        return Ok(());
    }
    bail!(Stuck::new(
        format!("--to {to}: a device can write to addresses of this server only"),
        "name an address in one of the configured domains",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::tests::facts;

    fn mailbox(address: &str) -> Mailbox {
        Mailbox::parse_user(address).unwrap()
    }

    fn people() -> People {
        let account = |address: &str| AccountFacts {
            address: mailbox(address),
            login: Floor::Any,
            mailbox: true,
            ..facts()
        };
        People {
            accounts: vec![
                account("alice@a.test"),
                AccountFacts {
                    enabled: false,
                    ..account("off@a.test")
                },
                AccountFacts {
                    password: false,
                    ..account("bare@a.test")
                },
                AccountFacts {
                    login: Floor::Scram,
                    mailbox: false,
                    ..account("scram@a.test")
                },
            ],
            aliases: vec![AliasFacts {
                address: mailbox("info@a.test"),
                targets: vec![mailbox("alice@a.test")],
                elsewhere: Vec::new(),
            }],
        }
    }

    #[test]
    fn a_device_logs_in_as_an_account_that_is_there_and_can() {
        for (login, said) in [
            ("Alice@a.test", None),
            ("nosuch@a.test", Some("there is no such account")),
            ("info@a.test", Some("there is no such account")),
            ("off@a.test", Some("is disabled")),
            ("bare@a.test", Some("has no password")),
            ("scram@a.test", Some("SCRAM only")),
        ] {
            let login = DeviceLogin::Account(mailbox(login));
            let outcome = people().check_login(Some(&login));
            let error = outcome.err().map(|error| error.to_string());
            assert_eq!(error.is_some(), said.is_some(), "{error:?}");
            assert!(error.is_none_or(|error| said.is_some_and(|said| error.contains(said))));
        }
        assert!(people().check_login(None).is_ok());
    }

    #[test]
    fn addresses_that_nobody_reads_are_pointed_out() {
        for (address, read) in [
            ("alice@a.test", true),
            ("ALICE+scans@a.test", true),
            ("info@a.test", true),
            ("Postmaster@a.test", true),
            ("alice@b.test", false),
            ("off@a.test", false),
            ("scram@a.test", false),
            ("nosuch@a.test", false),
        ] {
            let address = mailbox(address);
            let notes = people().notes(&address, None);
            assert_eq!(notes.is_empty(), read, "{notes:?}");
            let alice = mailbox("alice@a.test");
            assert_eq!(people().notes(&alice, Some(&address)).is_empty(), read);
        }
    }

    #[test]
    fn the_test_goes_to_an_address_of_ours() {
        let config = Config {
            domains: vec!["a.test".parse().unwrap()],
            ..Config::default()
        };
        assert!(check_recipient(&config, None).is_ok());
        assert!(check_recipient(&config, Some(&mailbox("x@A.test"))).is_ok());
        assert!(check_recipient(&config, Some(&mailbox("x@b.test"))).is_err());
    }
}
