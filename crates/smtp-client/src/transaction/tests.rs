//! Lines of MAIL and RCPT for servers that offer this and that.

use address::Recipient;
use address::dsn::{Notify, Ret};

use super::*;

fn everything() -> Features {
    Features {
        starttls: true,
        pipelining: true,
        chunking: true,
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        requiretls: true,
        size: Some(None),
        deliver_by: Some(0),
        auth: [auth::Mechanism::Plain].into_iter().collect(),
        ..Features::default()
    }
}

fn demanding() -> Transaction {
    Transaction {
        envelope: Envelope {
            reverse_path: "<jörg@example.test>".parse().unwrap(),
            envid: Some("a+20b".parse().unwrap()),
            ret: Some(Ret::Full),
            body8bit: true,
            smtputf8: true,
            requiretls: true,
            deliver_by: Some("120;RT".parse().unwrap()),
            recipients: vec![Recipient {
                path: "<Big.Name@Example.ORG>".parse().unwrap(),
                notify: Some(Notify::Never),
                orcpt: Some("utf-8;jörg@example.test".parse().unwrap()),
            }],
        },
        size: 12,
        submitter: Some("jörg@example.test".parse().unwrap()),
    }
}

#[test]
fn a_server_that_offers_everything_hears_everything() {
    let transaction = demanding();
    assert_eq!(
        transaction.mail(&everything(), true, true),
        "MAIL FROM:<jörg@example.test> SIZE=12 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=FULL ENVID=a+20b BY=120;RT \
         AUTH=j+C3+B6rg@example.test"
    );
    assert_eq!(
        transaction.rcpt(0, &everything(), true),
        "RCPT TO:<Big.Name@example.org> NOTIFY=NEVER ORCPT=utf-8;jörg@example.test"
    );
}

#[test]
fn a_server_that_offers_nothing_hears_nothing() {
    let transaction = Transaction {
        envelope: Envelope {
            requiretls: false,
            reverse_path: "<a@b>".parse().unwrap(),
            ..demanding().envelope
        },
        ..demanding()
    };
    let nothing = Features::default();
    assert_eq!(transaction.mail(&nothing, false, true), "MAIL FROM:<a@b>");
    assert_eq!(
        transaction.rcpt(0, &nothing, false),
        "RCPT TO:<Big.Name@example.org>"
    );
}

#[test]
fn orcpt_is_ascii_where_the_command_is() {
    assert_eq!(
        demanding().rcpt(0, &everything(), false),
        "RCPT TO:<Big.Name@example.org> NOTIFY=NEVER ORCPT=utf-8;j\\x{F6}rg@example.test"
    );
    assert_eq!(in_ascii("utf-8;手@x", false), "utf-8;\\x{624B}@x");
    assert_eq!(in_ascii("rfc822;a+20b", false), "rfc822;a+20b");
}

/// RFC 4954 section 5: only servers that know us hear who submitted it, and in ASCII unless they take more.
#[test]
fn submitters() {
    let transaction = Transaction {
        submitter: Some("a=b@example.test".parse().unwrap()),
        ..Transaction::default()
    };
    let features = Features {
        size: None,
        deliver_by: None,
        ..everything()
    };
    for (logged_in, expected) in [
        (false, "MAIL FROM:<>"),
        (true, "MAIL FROM:<> AUTH=a+3Db@example.test"),
    ] {
        assert_eq!(transaction.mail(&features, false, logged_in), expected);
    }
    let international = Transaction {
        submitter: Some("jörg@example.test".parse().unwrap()),
        ..Transaction::default()
    };
    assert_eq!(
        international.mail(&features, false, true),
        "MAIL FROM:<> AUTH=<>"
    );
}

#[track_caller]
fn obstacle(change: impl FnOnce(&mut Features), expected: Option<Lack>) {
    let mut features = everything();
    change(&mut features);
    let secured = Secured {
        facts: wire::TlsFacts {
            version: "TLS1.3",
            cipher: String::new(),
            binding: None,
        },
        authenticated: true,
    };
    let found = demanding().obstacle(&features, Some(&secured), false);
    let expected = expected.map(|lack| Outcome::Failed(Reason::Lacks(lack)));
    assert_eq!(found, expected);
}

#[test]
fn what_a_message_needs() {
    obstacle(|_| {}, None);
    obstacle(
        |features| features.requiretls = false,
        Some(Lack::RequireTls),
    );
    obstacle(|features| features.smtputf8 = false, Some(Lack::SmtpUtf8));
    obstacle(
        |features| features.eight_bit_mime = false,
        Some(Lack::EightBitMime),
    );
    obstacle(|features| features.deliver_by = None, Some(Lack::DeliverBy));
    obstacle(
        |features| features.deliver_by = Some(121),
        Some(Lack::DeliverBy),
    );
    obstacle(|features| features.deliver_by = Some(120), None);
    obstacle(|features| features.dsn = false, None);
    obstacle(|features| features.size = Some(Some(12)), None);
    let tight = Features {
        size: Some(Some(11)),
        ..everything()
    };
    let plain = Transaction {
        size: 12,
        ..Transaction::default()
    };
    assert_eq!(
        plain.obstacle(&tight, None, false),
        Some(Outcome::Failed(Reason::TooLarge { limit: 11 }))
    );
    assert_eq!(plain.obstacle(&everything(), None, false), None);
}
