//! The part for people: what happened to whom, what the other server said in its own words, what can be done, and
//! whether and until when we keep trying.

use std::collections::HashMap;

use address::{ForwardPath, Host, Mailbox};
use reply::explain::{self, Source, Words};
use reply::{Enhanced, Language, Status};

use crate::advice;
use crate::facts::{Action, Facts, OfList, Outcome, Said, Why};
use crate::harmless;
use crate::page::Page;
use crate::status;
use crate::whom::{Whom, whom};
use crate::words::{self, fill};

/// In front of addresses.
const ADDRESS: &str = "  ";
/// In front of what is said about them.
const TEXT: &str = "    ";
/// In front of the words of others.
const QUOTE: &str = "      | ";
/// Between the languages.
const RULE: &str = "------------------------------------------------------------------------";
/// Where a remedy turns to the administrator, in the rows of the catalogue.
const TO_ADMINISTRATOR: [&str; 2] = ["Administrator:", "管理者："];

/// Services whose words are known, and the domains of their hosts. The other names are those of programs.
const SERVICES: &[(&str, &[&str])] = &[
    ("Gmail", &["google.com", "googlemail.com"]),
    ("Exchange Online", &["outlook.com", "office365.us"]),
    ("Outlook.com", &["outlook.com", "hotmail.com"]),
    ("iCloud", &["icloud.com", "apple.com"]),
    (
        "Yahoo",
        &["yahoodns.net", "yahoo.com", "yahoo.co.jp", "aol.com"],
    ),
];

/// What a report is about, once it is known who gets it.
#[derive(Clone, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) whom: Whom,
    /// Only those that are reported; at least one.
    pub(crate) outcomes: Vec<&'a Outcome<'a>>,
    pub(crate) returned: Returned,
}

/// How much of the original comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    Whole,
    Header,
    Nothing,
}

impl Told<'_> {
    /// The gravest thing that happened.
    pub(crate) fn gravest(&self) -> Action {
        let actions = self.outcomes.iter().map(|outcome| outcome.action);
        actions.min().unwrap_or(Action::Failed)
    }

    /// The subject.
    pub(crate) fn subject(&self) -> Words {
        if self.untold().is_some() {
            return words::SUBJECT_UNTOLD;
        }
        let gravest = self.gravest();
        let of_list = self.list().and_then(|_| words::list_subject(gravest));
        of_list.unwrap_or(words::subject(self.whom, gravest))
    }

    /// The text, in the languages that are wished for.
    pub(crate) fn text(&self) -> String {
        let mut page = Page::default();
        for language in self.facts.languages.each() {
            if page.is_begun() {
                page.gap();
                page.paragraph("", RULE);
                page.gap();
            }
            self.write(*language, &mut page);
        }
        page.finish()
    }

    fn write(&self, language: Language, page: &mut Page) {
        self.opening(language, page);
        if let (Whom::Sender, Some(envid)) = (self.whom, &self.facts.envelope.envid) {
            let envid = harmless::one(&envid.decoded());
            page.paragraph("", &fill(words::REFERENCE, language, &[&envid]));
        }
        for action in Action::ALL {
            self.action(action, language, page);
        }
        if let Some(of) = self.list() {
            take_off(of, language, page);
        }
        if self.whom == Whom::Postmaster {
            page.gap();
            let remedy = match self.untold() {
                Some(_) => words::UNTOLD_REMEDY,
                None => words::POSTMASTER_REMEDY,
            };
            page.paragraph("", &fill(remedy, language, &[]));
        }
        let theirs = self.whom != Whom::Postmaster && self.list().is_none();
        let attached = match (self.returned, theirs) {
            (Returned::Nothing, _) => return,
            (Returned::Whole, false) => words::WHOLE_POSTMASTER,
            (Returned::Header, false) => words::HEADER_POSTMASTER,
            (Returned::Whole, true) => words::WHOLE,
            (Returned::Header, true) => words::HEADER,
        };
        page.gap();
        page.paragraph("", &fill(attached, language, &[]));
    }

    /// The list whose owners read it.
    fn list(&self) -> Option<OfList<'_>> {
        self.facts.list.filter(|_| self.whom == Whom::Sender)
    }

    /// The sender whom nothing reaches, where the postmaster is told instead.
    fn untold(&self) -> Option<&Mailbox> {
        self.facts.untold.filter(|_| self.whom == Whom::Postmaster)
    }

    fn opening(&self, language: Language, page: &mut Page) {
        let arrived = self.facts.arrived.in_language(language);
        let host = host(self.facts.reporting);
        let text = match (self.list(), self.whom) {
            (Some(of), _) => {
                let list = harmless::one(&of.list.unicode());
                fill(words::OPENING_LIST, language, &[&host, &list, &arrived])
            }
            (None, Whom::Postmaster) => match self.untold() {
                Some(sender) => {
                    let sender = harmless::one(&sender.unicode());
                    fill(words::OPENING_UNTOLD, language, &[&host, &sender, &arrived])
                }
                None => fill(words::OPENING_POSTMASTER, language, &[&host, &arrived]),
            },
            (None, Whom::Sender | Whom::Nobody) => {
                fill(words::OPENING, language, &[&host, &arrived])
            }
        };
        page.paragraph("", &text);
    }

    /// Everything about those with this action. Those of whom the same is to be said stand together.
    fn action(&self, action: Action, language: Language, page: &mut Page) {
        let mut groups: Vec<(Vec<String>, String)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for outcome in self.outcomes.iter().filter(|one| one.action == action) {
            let story = self.story(outcome, language);
            let at = *known.entry(story).or_insert_with_key(|story| {
                groups.push((Vec::new(), story.clone()));
                groups.len() - 1
            });
            groups[at].0.push(self.addressed(outcome, language));
        }
        if groups.is_empty() {
            return;
        }
        page.gap();
        let of_list = self.list().and_then(|_| words::list_heading(action));
        let heading = of_list.unwrap_or(words::heading(self.whom, action));
        page.paragraph("", &fill(heading, language, &[]));
        for (addresses, story) in groups {
            page.gap();
            for address in addresses {
                page.paragraph(ADDRESS, &address);
            }
            page.append(&story);
        }
    }

    /// What is to be said of a recipient, below its address.
    fn story(&self, outcome: &Outcome<'_>, language: Language) -> String {
        let mut page = Page::inside();
        match outcome.action {
            Action::Failed | Action::Delayed => {
                causes(outcome, language, &mut page);
                remote(outcome, language, &mut page);
            }
            Action::Delivered | Action::Relayed | Action::Expanded => {
                remote(outcome, language, &mut page);
            }
        }
        match outcome.action {
            // Whoever looks after a list did not write to the member.
            Action::Failed if self.whom == Whom::Sender && self.list().is_none() => {
                let remedy = remedy(outcome, language);
                said(words::REMEDY, language, &[&remedy], &mut page);
            }
            Action::Delayed => self.prospect(outcome, language, &mut page),
            Action::Failed | Action::Delivered | Action::Relayed | Action::Expanded => {}
        }
        page.finish()
    }

    /// Whether and until when we keep trying, and whether the sender hears of the end.
    fn prospect(&self, outcome: &Outcome<'_>, language: Language, page: &mut Page) {
        let mut text = match outcome.until {
            Some(until) => fill(words::UNTIL, language, &[&until.in_language(language)]),
            None => fill(words::ON, language, &[]),
        };
        let failed = Outcome {
            action: Action::Failed,
            // BY asks for this report, not for the next.
            deliver_by: false,
            ..*outcome
        };
        if whom(&self.facts.envelope.reverse_path, &failed) == Whom::Sender {
            if language == Language::English {
                text.push(' ');
            }
            text.push_str(&fill(words::TOLD, language, &[]));
        }
        page.gap();
        page.paragraph(TEXT, &text);
    }

    /// The final address, and the one the sender wrote where it is another.
    fn addressed(&self, outcome: &Outcome<'_>, language: Language) -> String {
        let recipient = outcome.recipient;
        let mut text = match &recipient.path {
            ForwardPath::Mailbox(mailbox) => harmless::one(&mailbox.unicode()),
            ForwardPath::Postmaster => "Postmaster".to_owned(),
        };
        if let Some(orcpt) = &recipient.orcpt {
            let wrote = harmless::one(&crate::machine::original(orcpt));
            let same = recipient.path.mailbox().is_some_and(|mailbox| {
                [mailbox.to_string(), mailbox.unicode()]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&wrote))
            });
            if !same {
                text.push(' ');
                let theirs = self.whom != Whom::Postmaster && self.list().is_none();
                let words = if theirs {
                    words::WROTE_TO
                } else {
                    words::WRITTEN_TO
                };
                text.push_str(&fill(words, language, &[&wrote]));
            }
        }
        text
    }
}

/// How members are taken off their list.
fn take_off(of: OfList<'_>, language: Language, page: &mut Page) {
    if of.members.is_empty() {
        return;
    }
    page.gap();
    page.paragraph("", &fill(words::LIST_REMEDY, language, &[]));
    page.gap();
    let list = typed(of.list);
    for member in of.members {
        let member = typed(member);
        // It is no option, either.
        let end = if member.starts_with('-') { "-- " } else { "" };
        page.command(
            TEXT,
            &format!("tegami list member remove {list} {end}{member}"),
        );
    }
}

/// An address as a shell takes it, and nothing else: whoever joins a list chooses what stands in his.
fn typed(mailbox: &Mailbox) -> String {
    let address = harmless::one(&mailbox.unicode());
    let plain = |one: char| one.is_alphanumeric() || "@.-_+".contains(one);
    if address.chars().all(plain) {
        return address;
    }
    format!("'{}'", address.replace('\'', r"'\''"))
}

/// A paragraph about a recipient.
fn said(words: Words, language: Language, given: &[&str], page: &mut Page) {
    page.gap();
    page.paragraph(TEXT, &fill(words, language, given));
}

/// A host as people read it.
fn host(host: &Host) -> String {
    match host {
        Host::Domain(domain) => domain.unicode(),
        Host::Literal(_) => host.to_string(),
    }
}

/// What happened, and what was behind it.
fn causes(outcome: &Outcome<'_>, language: Language, page: &mut Page) {
    let code = status::beside(outcome.action, outcome.status);
    let said_by = outcome.remote.and_then(|remote| remote.said);
    let cause = match outcome.why {
        Why::Row(row) => row.reasons(language).cause.to_owned(),
        // What has run out of time says so first.
        Why::Allowance if !is_out_of_time(code) => {
            words::ALLOWANCE.in_language(language).to_owned()
        }
        Why::Status | Why::Behind(_) | Why::Allowance => meaning(code, said_by, language),
    };
    said(
        words::HAPPENED,
        language,
        &[&cause, &code.to_string()],
        page,
    );
    if let Why::Behind(behind) = outcome.why {
        let cause = meaning(behind, said_by, language);
        let behind = behind.to_string();
        said(words::BEHIND, language, &[&cause, &behind], page);
    }
    if outcome.why == Why::Allowance && is_out_of_time(code) {
        page.gap();
        page.paragraph(TEXT, words::ALLOWANCE.in_language(language));
    }
    if let Some(tried) = outcome.tried {
        let tried = tried.in_language(language);
        said(words::TRIED, language, &[&tried], page);
    } else if is_out_of_time(code) && outcome.remote.is_none() {
        said(words::UNTRIED, language, &[], page);
    }
}

/// RFC 3463 section 3.5: X.4.7, time ran out.
fn is_out_of_time(code: Enhanced) -> bool {
    (code.1, code.2) == (4, 7)
}

/// Whether a server puts off, for now, whoever it does not know yet. No code says so, only words do.
fn is_greylisting(status: Enhanced, said: Option<Said<'_>>) -> bool {
    let Enhanced(class, subject, _) = status;
    let says = |said: Said<'_>| {
        let text = String::from_utf8_lossy(said.text).to_ascii_lowercase();
        text.contains("greylist") || text.contains("graylist")
    };
    class == 4 && subject != 4 && said.is_some_and(says)
}

/// What a status says, in the words of the registry; where it says nothing, what the reply code says.
fn meaning(status: Enhanced, said: Option<Said<'_>>, language: Language) -> String {
    if is_greylisting(status, said) {
        return words::GREYLISTED.in_language(language).to_owned();
    }
    let Enhanced(_, subject, detail) = status;
    if (subject, detail) != (0, 0) {
        let mut registered = explain::REGISTRY.iter().flat_map(|part| part.iter());
        let exact = registered.find(|known| (known.0, known.1) == (subject, detail));
        let general = || explain::SUBJECTS.iter().find(|known| known.0 == subject);
        let words = exact
            .map(|known| known.2)
            .or_else(|| general().map(|known| known.1));
        if let Some(words) = words {
            return words.in_language(language).to_owned();
        }
    }
    let code = said.map(|said| said.code);
    let known = explain::CODES
        .iter()
        .find(|known| known.0 >= 400 && Some(known.0) == code);
    let words = known.map_or(words::UNKNOWN, |known| known.1);
    words.in_language(language).to_owned()
}

/// The other server and its words, as they came but for what could do harm.
fn remote(outcome: &Outcome<'_>, language: Language, page: &mut Page) {
    let Some(remote) = outcome.remote else {
        return;
    };
    let mut name = host(remote.host);
    if let (Some(address), Host::Domain(_)) = (remote.address, remote.host) {
        name.push(' ');
        name.push_str(&Host::Literal(address.to_canonical()).to_string());
    }
    let Some(reply) = remote.said else {
        said(words::SILENT, language, &[&name], page);
        return;
    };
    said(words::SAID, language, &[&name], page);
    let lines = harmless::lines(reply.text);
    for line in &lines {
        page.quote(
            QUOTE,
            format!("{:03} {line}", reply.code.min(999)).trim_end(),
        );
    }
    // Where the code is neither a general one nor about policy, it has said enough already.
    if let Enhanced(_, 1..=6, 1..) = telling(outcome) {
        return;
    }
    if let Some((server, meant)) = known_elsewhere(remote.host, reply.code, &lines) {
        let meant = meant.in_language(language);
        said(words::MEANT, language, &[server, meant], page);
    }
}

/// The code that says most about why.
fn telling(outcome: &Outcome<'_>) -> Enhanced {
    match outcome.why {
        Why::Behind(behind) => behind,
        Why::Row(_) | Why::Status | Why::Allowance => outcome.status,
    }
}

/// What servers of this kind are known to mean by these very words. What a service means only counts when its own hosts
/// say it.
fn known_elsewhere(host: &Host, code: u16, lines: &[String]) -> Option<(&'static str, Words)> {
    let text = format!("{code} {}", lines.join(" "));
    let found = explain::find(&text, Source::Pasted);
    let explanation = explain::explain(found.first()?);
    let mut known = explanation.elsewhere.iter().filter(|(_, quoted)| *quoted);
    let (meant, _) = known.find(|(meant, _)| may_be(host, meant.server))?;
    Some((meant.server, meant.words))
}

/// Whether this host may be such a server: one of the service's own, or any where the name is that of a program.
fn may_be(host: &Host, server: &str) -> bool {
    let name = host.to_string();
    let within = |domain: &str| {
        let before = name.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let mut services = SERVICES.iter();
    services
        .find(|(service, _)| *service == server)
        .is_none_or(|(_, domains)| domains.iter().any(|domain| within(domain)))
}

/// What the sender can do: the remedy of our row where it has one for them, else what follows from the status.
fn remedy(outcome: &Outcome<'_>, language: Language) -> String {
    let status = match outcome.why {
        Why::Row(row) => {
            let remedy = row.reasons(language).remedy;
            let end = TO_ADMINISTRATOR.iter().filter_map(|turn| remedy.find(turn));
            let theirs = remedy[..end.min().unwrap_or(remedy.len())].trim_end();
            if !theirs.is_empty() {
                return theirs.to_owned();
            }
            match row.status {
                Status::Smtp(_, Some(enhanced)) => enhanced,
                Status::Smtp(_, None) | Status::Ok | Status::Err(_) | Status::Continue => {
                    outcome.status
                }
            }
        }
        Why::Allowance => return words::ALLOWANCE_REMEDY.in_language(language).to_owned(),
        Why::Behind(_) | Why::Status => telling(outcome),
    };
    advice::for_sender(status).in_language(language).to_owned()
}

#[cfg(test)]
mod tests {
    use reply::explain::ELSEWHERE;

    use super::{SERVICES, known_elsewhere, may_be};
    use crate::harmless;

    #[test]
    fn every_known_server_is_a_service_or_a_program() {
        const PROGRAMS: [&str; 6] = [
            "Postfix",
            "Exim",
            "qmail",
            "Sendmail",
            "Dovecot",
            "milter-greylist",
        ];
        for known in ELSEWHERE.iter().flat_map(|server| server.iter()) {
            let service = SERVICES.iter().any(|(service, _)| *service == known.server);
            assert!(
                service != PROGRAMS.contains(&known.server),
                "{} has no place in SERVICES",
                known.server
            );
        }
    }

    #[test]
    fn a_service_is_known_by_its_hosts() {
        let may = |host: &str, server| may_be(&host.parse().unwrap(), server);
        assert!(may("gmail-smtp-in.l.google.com", "Gmail"));
        assert!(may("google.com", "Gmail"));
        assert!(!may("notgoogle.com", "Gmail"));
        assert!(!may("google.com.example", "Gmail"));
        assert!(!may("[192.0.2.7]", "Gmail"));
        assert!(may("mx.example.org", "Postfix"));
    }

    #[test]
    fn words_of_others_are_explained_where_they_are_known() {
        #[track_caller]
        fn check(host: &str, code: u16, text: &str, server: Option<&str>) {
            let lines = harmless::lines(text.as_bytes());
            let known = known_elsewhere(&host.parse().unwrap(), code, &lines);
            assert_eq!(known.map(|(server, _)| server), server, "{text:?}");
        }
        let relay = "5.7.1 <bob@example.org>: Relay access denied";
        check("mx.example.org", 554, relay, Some("Postfix"));
        let quota = "4.2.2 Over quota";
        check("gmail-smtp-in.l.google.com", 452, quota, Some("Gmail"));
        check("mx.example.org", 452, quota, None);
        let spf = "4.7.0 unusual rate of unsolicited mail originating from your IP";
        check("gmail-smtp-in.l.google.com", 421, spf, Some("Gmail"));
        check("mx.example.org", 421, spf, None);
        check("mx.example.org", 550, "", None);
    }
}
