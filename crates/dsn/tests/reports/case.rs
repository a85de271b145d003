//! Facts that own what they are made of, so that tests can change one thing and leave the rest.

use std::net::IpAddr;

use address::dsn::{Envid, Notify, Orcpt};
use address::{Envelope, Host, Mailbox, Recipient};
use dsn::{
    Action, Facts, Languages, Limits, MessageId, Moment, OfList, Original, Outcome, Remote, Report,
    Said, Survey, Why, compose,
};
use reply::Enhanced;

/// 2026-11-22 22:43:12 in Japan.
pub const ARRIVED: i64 = 1_795_354_992;
/// The sender of most messages.
pub const ALICE: &str = "<alice@example.test>";

/// What became of one recipient.
#[derive(Clone, Debug)]
pub struct Fate {
    pub recipient: Recipient,
    pub action: Action,
    pub status: Enhanced,
    pub why: Why,
    pub host: Option<Host>,
    pub address: Option<IpAddr>,
    pub said: Option<(u16, Vec<u8>)>,
    pub tried: Option<Moment>,
    pub until: Option<Moment>,
    pub deliver_by: bool,
}

/// A message, and what became of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub reporting: Host,
    pub postmaster: Mailbox,
    pub envelope: Envelope,
    pub fates: Vec<Fate>,
    pub languages: Languages,
    pub original: Option<Vec<u8>>,
    pub message_id: Option<MessageId>,
    pub list: Option<(Mailbox, Vec<Mailbox>)>,
    pub limits: Limits,
    pub random: [u8; 16],
}

impl Fate {
    pub fn new(path: &str, action: Action, status: Enhanced) -> Self {
        Self {
            recipient: Recipient {
                path: path.parse().unwrap(),
                notify: None,
                orcpt: None,
            },
            action,
            status,
            why: Why::Status,
            host: None,
            address: None,
            said: None,
            tried: None,
            until: None,
            deliver_by: false,
        }
    }

    pub fn notify(mut self, value: &str) -> Self {
        self.recipient.notify = Some(Notify::parse(value.as_bytes()).unwrap());
        self
    }

    pub fn orcpt(mut self, value: &str) -> Self {
        self.recipient.orcpt = Some(Orcpt::parse(value.as_bytes()).unwrap());
        self
    }

    pub fn at(mut self, host: &str, address: &str) -> Self {
        self.host = Some(host.parse().unwrap());
        self.address = Some(address.parse().unwrap());
        self
    }

    pub fn said(mut self, code: u16, text: &[u8]) -> Self {
        self.said = Some((code, text.to_vec()));
        self
    }

    pub fn tried(mut self) -> Self {
        self.tried = Some(Moment::new(ARRIVED + 3_600, 540));
        self
    }

    pub fn until(mut self) -> Self {
        self.until = Some(Moment::new(ARRIVED + 5 * 86_400, 540));
        self
    }

    pub fn why(mut self, why: Why) -> Self {
        self.why = why;
        self
    }

    fn outcome(&self) -> Outcome<'_> {
        let said = self.said.as_ref();
        let said = said.map(|(code, text)| Said { code: *code, text });
        Outcome {
            recipient: &self.recipient,
            action: self.action,
            status: self.status,
            why: self.why,
            remote: self.host.as_ref().map(|host| Remote {
                host,
                address: self.address,
                said,
            }),
            tried: self.tried,
            until: self.until,
            deliver_by: self.deliver_by,
        }
    }
}

impl Case {
    pub fn new(fates: Vec<Fate>) -> Self {
        Self {
            reporting: "mail.example.test".parse().unwrap(),
            postmaster: "postmaster@example.test".parse().unwrap(),
            envelope: Envelope {
                reverse_path: ALICE.parse().unwrap(),
                ..Envelope::default()
            },
            fates,
            languages: Languages::English,
            original: None,
            message_id: None,
            list: None,
            limits: Limits {
                octets: 65_536,
                eight_bit: true,
            },
            random: *b"0123456789abcdef",
        }
    }

    pub fn from(mut self, path: &str) -> Self {
        self.envelope.reverse_path = path.parse().unwrap();
        self
    }

    pub fn envid(mut self, value: &str) -> Self {
        self.envelope.envid = Some(Envid::parse(value.as_bytes()).unwrap());
        self
    }

    pub fn of_list(mut self, list: &str, members: &[&str]) -> Self {
        let mailbox = |address: &&str| Mailbox::parse_user(address).unwrap();
        self.list = Some((mailbox(&list), members.iter().map(mailbox).collect()));
        self
    }

    pub fn original(mut self, message: &[u8]) -> Self {
        self.message_id = MessageId::find(message);
        self.original = Some(message.to_vec());
        self
    }

    pub fn languages(mut self, languages: Languages) -> Self {
        self.languages = languages;
        self
    }

    pub fn survey(&self) -> Option<Original> {
        let message = self.original.as_ref()?;
        let mut survey = Survey::new();
        survey.read(message);
        Some(survey.finish())
    }

    pub fn compose(&self) -> Option<Report> {
        let outcomes: Vec<Outcome<'_>> = self.fates.iter().map(Fate::outcome).collect();
        compose(&Facts {
            reporting: &self.reporting,
            postmaster: &self.postmaster,
            envelope: &self.envelope,
            arrived: Moment::new(ARRIVED, 540),
            now: Moment::new(ARRIVED + 7_200, 540),
            outcomes: &outcomes,
            languages: self.languages,
            original: self.survey().as_ref(),
            message_id: self.message_id.as_ref(),
            untold: None,
            list: self
                .list
                .as_ref()
                .map(|(list, members)| OfList { list, members }),
            limits: self.limits,
            random: self.random,
        })
    }

    /// The report with what belongs between its halves, as a queue would send it: in pieces.
    pub fn message(&self) -> Vec<u8> {
        self.sent(&self.compose().unwrap())
    }

    pub fn sent(&self, report: &Report) -> Vec<u8> {
        let mut message = report.front.clone();
        if let Some(between) = &report.between {
            let original = self.original.as_ref().unwrap();
            let range = usize::try_from(between.octets.start).unwrap()
                ..usize::try_from(between.octets.end).unwrap();
            let mut encoder = between.transfer.encoder();
            for piece in original[range].chunks(7) {
                encoder.push(piece, &mut message);
            }
            encoder.finish(&mut message);
        }
        message.extend_from_slice(&report.back);
        message
    }
}
