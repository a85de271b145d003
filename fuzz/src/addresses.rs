//! Addresses and DSN parameters: nothing is read that does not read again as the same, and nothing that is shown
//! breaks a line.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use address::dsn::{Envid, Notify, Orcpt, Ret};
use address::path::{forward_path, reverse_path, unbracketed};
use address::{
    DeliverBy, Destination, Domain, ForwardPath, Host, LocalPart, Mailbox, ReversePath, fold, xtext,
};

/// All of the input is one of everything.
pub fn check(input: &[u8]) {
    if let Ok((path, rest)) = reverse_path(input) {
        assert!(input.ends_with(rest), "what follows is not the rest");
        again::<ReversePath>(&path);
        path.mailbox().into_iter().for_each(mailbox);
    }
    if let Ok((path, rest)) = forward_path(input) {
        assert!(input.ends_with(rest), "what follows is not the rest");
        again::<ForwardPath>(&path);
        path.mailbox().into_iter().for_each(mailbox);
    }
    if let Ok((found, rest)) = unbracketed(input) {
        assert!(input.ends_with(rest), "what follows is not the rest");
        mailbox(&found);
    }
    if let Ok(host) = Host::from_ascii(input) {
        again(&host);
    }
    if let Ok(found) = Domain::from_ascii(input) {
        domain(&found);
    }
    parameters(input);
    if let Ok(text) = str::from_utf8(input) {
        words(text);
    }
}

fn words(text: &str) {
    if let Ok(found) = Mailbox::parse_user(text) {
        mailbox(&found);
    }
    if let Ok(host) = Host::parse(text) {
        again(&host);
    }
    if let Ok(found) = Domain::parse(text) {
        domain(&found);
    }
    if let Ok(destination) = text.parse::<Destination>() {
        again(&destination);
    }
    if let Ok(local) = text.parse::<LocalPart>() {
        again(&local);
    }
    let folded = fold(text);
    assert_eq!(fold(&folded), folded, "folding twice");
}

fn parameters(input: &[u8]) {
    if let Ok(ret) = Ret::parse(input) {
        assert_eq!(Ret::parse(ret.to_string().as_bytes()), Ok(ret));
    }
    if let Ok(notify) = Notify::parse(input) {
        assert_eq!(Notify::parse(notify.to_string().as_bytes()), Ok(notify));
    }
    if let Ok(envid) = Envid::parse(input) {
        again(&envid);
        shows_on_one_line(&envid.decoded());
    }
    if let Ok(orcpt) = Orcpt::parse(input) {
        again(&orcpt);
        shows_on_one_line(&orcpt.decoded());
    }
    if let Ok(by) = DeliverBy::parse(input) {
        again(&by);
    }
    assert_eq!(
        xtext::decode(xtext::encode(input).as_bytes()).as_deref(),
        Some(input)
    );
    if let Some(decoded) = xtext::decode(input) {
        let encoded = xtext::encode(&decoded);
        assert_eq!(xtext::decode(encoded.as_bytes()), Some(decoded));
    }
}

fn mailbox(mailbox: &Mailbox) {
    again(mailbox);
    again(&mailbox.local);
    again(&mailbox.host);
    let read: Mailbox = mailbox.to_string().parse().expect("read before");
    assert_eq!(read.key(), mailbox.key(), "its key");
    shows_on_one_line(&mailbox.unicode());
    mailbox.host.domain().into_iter().for_each(domain);
}

fn domain(domain: &Domain) {
    again(domain);
    let name = domain.as_str();
    assert!(name.len() <= 255 && !name.bytes().any(|octet| octet.is_ascii_uppercase()));
    let unicode = domain.unicode();
    shows_on_one_line(&unicode);
    assert_eq!(
        Domain::parse(&unicode).as_ref(),
        Ok(domain),
        "in its own letters: {unicode}"
    );
}

/// What is written reads as the same.
fn again<T>(value: &T)
where
    T: Display + FromStr + PartialEq + Debug,
    T::Err: Debug,
{
    let written = value.to_string();
    shows_on_one_line(&written);
    let read: T = written.parse().expect("what is written can be read");
    assert_eq!(&read, value, "written {written:?}");
}

fn shows_on_one_line(text: &str) {
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
}
