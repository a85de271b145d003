//! Which TLS a host has to have, by what DNS (DANE, RFC 7672) and the policy of the domain (MTA-STS, RFC 8461) promise. Here
//! it is decided; who keeps it is `tls.rs`.

use address::Domain;
use dane::Tlsa;
use mta_sts::Treatment;
use resolver::Dane;

use super::tls_report::Policy;

/// How a conversation with a host is guarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Not at all: TLS is not used.
    Plain,
    /// TLS if it is offered, with any certificate; without it if it comes to nothing. What is wrong with the certificate is
    /// noted where somebody wants to know.
    Opportunistic {
        /// MTA-STS in testing: the domain wants to hear how it went.
        testing: bool,
    },
    /// TLS, with any certificate.
    Encrypted,
    /// TLS, with a certificate that DNS promises.
    Promised {
        /// At least one.
        records: Vec<Tlsa>,
        /// Where they stand: the name that is asked for in the handshake.
        name: Domain,
    },
    /// TLS, with a certificate for the name of the host by an authority that is trusted.
    Verified,
}

/// Why nothing is sent to a host for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barred {
    /// DNSSEC says that what DNS says of its certificates is forged.
    Bogus,
    /// What DNS says of its certificates cannot be had.
    Unclear,
    /// The policy of the domain does not list it.
    NotListed,
}

/// What is wanted, and what is known of a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) opportunistic: bool,
    /// What DNS says of its certificates; nothing where that is not asked.
    pub(super) dane: Option<&'a Dane>,
    pub(super) treatment: Treatment,
}

impl Guard {
    /// What such a host has to have.
    ///
    /// # Errors
    /// Nothing may be sent to it now.
    pub(super) fn decide(known: Known<'_>) -> Result<Self, Barred> {
        let encrypted = match known.dane.unwrap_or(&Dane::Insecure) {
            // RFC 8461 section 2: a policy overrides nothing of this.
            Dane::Promised { records, name } => {
                return Ok(Self::Promised {
                    records: records.clone(),
                    name: name.clone(),
                });
            }
            // RFC 7672 section 2.1.2 and 2.2: for these it is not known that nothing is promised.
            Dane::Bogus => return Err(Barred::Bogus),
            Dane::Unclear => return Err(Barred::Unclear),
            Dane::Encrypted => true,
            Dane::None | Dane::Insecure => false,
        };
        let testing = match known.treatment {
            Treatment::Verified { enforced: true } => return Ok(Self::Verified),
            Treatment::NotListed { enforced: true } => return Err(Barred::NotListed),
            Treatment::Verified { enforced: false } | Treatment::NotListed { enforced: false } => {
                true
            }
            Treatment::Ordinary => false,
        };
        if encrypted {
            Ok(Self::Encrypted)
        } else if testing || known.opportunistic {
            Ok(Self::Opportunistic { testing })
        } else {
            Ok(Self::Plain)
        }
    }

    /// Without TLS nothing is sent.
    pub(super) fn is_strict(&self) -> bool {
        match self {
            Self::Plain | Self::Opportunistic { .. } => false,
            Self::Encrypted | Self::Promised { .. } | Self::Verified => true,
        }
    }

    /// Under which policy a report counts it.
    pub(super) fn policy(&self) -> Policy {
        match self {
            Self::Encrypted | Self::Promised { .. } => Policy::Tlsa,
            Self::Verified | Self::Opportunistic { testing: true } => Policy::Sts,
            Self::Plain | Self::Opportunistic { testing: false } => Policy::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of the table.
    #[test]
    fn what_dns_promises_goes_before_what_the_policy_says() {
        use Treatment::{NotListed, Ordinary, Verified};
        let name = Domain::parse("mx.a.test").unwrap();
        let records = vec![Tlsa::new(3, 1, 1, &[7; 32]).unwrap()];
        let promised = Dane::Promised {
            records: records.clone(),
            name: name.clone(),
        };
        let kept = Guard::Promised { records, name };
        let any = Ok(Guard::Opportunistic { testing: false });
        let noted = Ok(Guard::Opportunistic { testing: true });
        let (enforced, tested) = (true, false);
        for (dane, treatment, expected) in [
            (None, Ordinary, any.clone()),
            (None, Verified { enforced }, Ok(Guard::Verified)),
            (None, NotListed { enforced }, Err(Barred::NotListed)),
            (None, Verified { enforced: tested }, noted.clone()),
            (None, NotListed { enforced: tested }, noted.clone()),
            (Some(&Dane::None), Ordinary, any.clone()),
            (Some(&Dane::Insecure), Ordinary, any),
            (
                Some(&Dane::None),
                Verified { enforced },
                Ok(Guard::Verified),
            ),
            (Some(&Dane::Insecure), Verified { enforced: tested }, noted),
            (Some(&Dane::Encrypted), Ordinary, Ok(Guard::Encrypted)),
            (
                Some(&Dane::Encrypted),
                Verified { enforced },
                Ok(Guard::Verified),
            ),
            (
                Some(&Dane::Encrypted),
                NotListed { enforced },
                Err(Barred::NotListed),
            ),
            (
                Some(&Dane::Encrypted),
                NotListed { enforced: tested },
                Ok(Guard::Encrypted),
            ),
            (Some(&promised), Ordinary, Ok(kept.clone())),
            (Some(&promised), Verified { enforced }, Ok(kept.clone())),
            (Some(&promised), NotListed { enforced }, Ok(kept)),
            (Some(&Dane::Bogus), Ordinary, Err(Barred::Bogus)),
            (
                Some(&Dane::Bogus),
                Verified { enforced },
                Err(Barred::Bogus),
            ),
            (Some(&Dane::Unclear), Ordinary, Err(Barred::Unclear)),
            (
                Some(&Dane::Unclear),
                Verified { enforced },
                Err(Barred::Unclear),
            ),
        ] {
            for opportunistic in [true, false] {
                let found = Guard::decide(Known {
                    opportunistic,
                    dane,
                    treatment,
                });
                let plain =
                    !opportunistic && expected == Ok(Guard::Opportunistic { testing: false });
                let expected = if plain {
                    Ok(Guard::Plain)
                } else {
                    expected.clone()
                };
                assert_eq!(found, expected, "{dane:?} {treatment:?} {opportunistic}");
            }
        }
    }

    #[test]
    fn strict_guards_fall_back_to_nothing() {
        for (guard, strict, policy) in [
            (Guard::Plain, false, Policy::None),
            (Guard::Opportunistic { testing: false }, false, Policy::None),
            (Guard::Opportunistic { testing: true }, false, Policy::Sts),
            (Guard::Encrypted, true, Policy::Tlsa),
            (Guard::Verified, true, Policy::Sts),
        ] {
            assert_eq!(
                (guard.is_strict(), guard.policy()),
                (strict, policy),
                "{guard:?}"
            );
        }
    }
}
