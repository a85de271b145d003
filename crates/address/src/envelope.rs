//! The envelope: whom a message is from and for, and what the sender wants to hear about it.

use serde::{Deserialize, Serialize};

use crate::deliver_by::DeliverBy;
use crate::dsn::{Envid, Notify, Orcpt, Ret};
use crate::path::{ForwardPath, ReversePath};

/// Everything MAIL and RCPT said that has to survive until delivery. The default is that of a message that came in some
/// other way: nobody is to hear about it, and nothing was wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// From MAIL; where delivery reports go.
    pub reverse_path: ReversePath,
    /// ENVID of MAIL (RFC 3461 section 4.4).
    pub envid: Option<Envid>,
    /// RET of MAIL (RFC 3461 section 4.3).
    pub ret: Option<Ret>,
    /// MAIL said `BODY=8BITMIME` (RFC 6152 section 3).
    pub body8bit: bool,
    /// MAIL said `SMTPUTF8` (RFC 6531 section 3.4): addresses and header fields may hold UTF-8.
    pub smtputf8: bool,
    /// MAIL said `REQUIRETLS` (RFC 8689 section 2): wherever it goes from here, it goes under TLS.
    #[serde(default)]
    pub requiretls: bool,
    /// BY of MAIL (RFC 2852 section 4), counted from the time the message was received.
    #[serde(default)]
    pub deliver_by: Option<DeliverBy>,
    /// From RCPT, in order.
    pub recipients: Vec<Recipient>,
}

/// One accepted RCPT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Whom the message is for.
    pub path: ForwardPath,
    /// NOTIFY (RFC 3461 section 4.1); absent means failures, and delays at our choice.
    pub notify: Option<Notify>,
    /// ORCPT (RFC 3461 section 4.2).
    pub orcpt: Option<Orcpt>,
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Recipient};
    use crate::dsn::{Envid, Notify, Orcpt, Ret};

    #[test]
    fn serialises_as_the_text_people_read() {
        let envelope = Envelope {
            reverse_path: "<\"Alice\"@Example.test>".parse().unwrap(),
            envid: Some(Envid::parse(b"a+20b").unwrap()),
            ret: Some(Ret::Headers),
            body8bit: true,
            smtputf8: false,
            requiretls: true,
            deliver_by: Some("120;R".parse().unwrap()),
            recipients: vec![
                Recipient {
                    path: "<postmaster>".parse().unwrap(),
                    notify: None,
                    orcpt: None,
                },
                Recipient {
                    path: "<bob@[192.0.2.1]>".parse().unwrap(),
                    notify: Some(Notify::Never),
                    orcpt: Some(Orcpt::parse(b"rfc822;b@c").unwrap()),
                },
            ],
        };
        let json = serde_json::to_string(&envelope).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"reverse_path":"<Alice@example.test>","envid":"a+20b","ret":"Headers","body8bit":true,"smtputf8":false,"#,
                r#""requiretls":true,"deliver_by":"120;R","#,
                r#""recipients":[{"path":"<Postmaster>","notify":null,"orcpt":null},"#,
                r#"{"path":"<bob@[192.0.2.1]>","notify":"Never","orcpt":"rfc822;b@c"}]}"#,
            )
        );
        assert_eq!(serde_json::from_str::<Envelope>(&json).unwrap(), envelope);
    }

    #[test]
    fn refuses_to_read_what_is_no_address() {
        for json in [r#""<a@b""#, r#""<a@b> ""#, r#""a@b""#, "1"] {
            assert!(
                serde_json::from_str::<crate::ReversePath>(json).is_err(),
                "{json}"
            );
        }
        assert!(serde_json::from_str::<crate::Domain>(r#""a..b""#).is_err());
        assert!(serde_json::from_str::<crate::Mailbox>(r#""a""#).is_err());
    }
}
