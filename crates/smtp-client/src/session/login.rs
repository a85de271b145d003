//! Logging in (RFC 4954): the strongest mechanism that both sides have, and never the password itself without TLS.
//!
//! Wrong credentials are an ending of their own: no message is at fault, somebody has to look at the configuration.

use auth::{ClientExchange, ClientSetting, ClientStep, Derived, Distrust, Mechanism};

use super::context::Context;
use super::work::rest;
use super::{Output, State, parting};
use crate::config::Login;
use crate::ending::{Ending, Stage};
use crate::heard::{Class, Fault, Heard};

/// Longest command line with an initial response (RFC 4954 section 4, RFC 5321 section 4.5.3.1.4), without CRLF.
const MOST_COMMAND: usize = 510;

/// A login under way.
pub(super) struct LoggingIn {
    mechanism: Mechanism,
    exchange: ClientExchange,
    /// What may be tried if the server turns out not to do this one, strongest first.
    others: Vec<Mechanism>,
}

/// Begins with the best mechanism there is.
pub(super) fn begin(context: &mut Context) -> State {
    let usable = context
        .config
        .login
        .as_ref()
        .map_or_else(Vec::new, |login| usable(login, context));
    attempt(usable, context)
}

/// Strongest first (RFC 4954 section 4), without those that cannot be used here.
fn usable(login: &Login, context: &Context) -> Vec<Mechanism> {
    let binding = context.secured.as_ref().and_then(|tls| tls.facts.binding);
    let fits = |mechanism: &Mechanism| {
        let shared =
            context.features.auth.contains(*mechanism) && login.mechanisms.contains(*mechanism);
        // RFC 4616 section 6: the password does not cross a channel that others can read.
        let hidden = !mechanism.cleartext() || context.secured.is_some();
        shared && hidden && (!mechanism.binds_channel() || binding.is_some())
    };
    Mechanism::ALL.into_iter().filter(fits).collect()
}

fn attempt(mut usable: Vec<Mechanism>, context: &mut Context) -> State {
    let Some(login) = context.config.login.clone() else {
        return rest(context);
    };
    if usable.is_empty() {
        return parting::part(Ending::NoMechanism, context);
    }
    let mechanism = usable.remove(0);
    let binding = context.secured.as_ref().and_then(|tls| tls.facts.binding);
    let setting = ClientSetting {
        // Each mechanism is tried once, so no nonce is used twice.
        nonce: format!("{}{}", context.nonce, usable.len()),
        binding: binding.map(|binding| binding.0),
        binding_offered: context.features.auth.iter().any(Mechanism::binds_channel),
    };
    let mut exchange = ClientExchange::start(mechanism, login.credentials, setting);
    context.line(&command(mechanism, &mut exchange));
    context.allow(context.config.timeouts.command);
    State::LoggingIn(Box::new(LoggingIn {
        mechanism,
        exchange,
        others: usable,
    }))
}

/// AUTH with its initial response, unless that is too long and has to wait for an empty challenge.
fn command(mechanism: Mechanism, exchange: &mut ClientExchange) -> String {
    let bare = format!("AUTH {}", mechanism.name());
    let Some(initial) = exchange.peek() else {
        return bare;
    };
    let line = format!("{bare} {}", auth::encode_base64(initial));
    if line.len() > MOST_COMMAND {
        return bare;
    }
    exchange.initial();
    line
}

impl LoggingIn {
    pub(super) fn heard(mut self: Box<Self>, heard: &Heard, context: &mut Context) -> State {
        match heard.class() {
            Class::GoOn => self.challenged(heard, context),
            Class::Done if self.exchange.is_complete() => {
                context.logged_in = true;
                rest(context)
            }
            Class::Done => self.distrusted(Distrust::Unproven, context),
            Class::NotNow => {
                let said = heard.said();
                let at = Stage::Auth;
                parting::part(Ending::Refused { at, said }, context)
            }
            // RFC 4954 section 6: 504 is about the mechanism's name, 534 about its strength; neither is about us.
            Class::Never if matches!(heard.code, 504 | 534) && !self.others.is_empty() => {
                let others = std::mem::take(&mut self.others);
                attempt(others, context)
            }
            Class::Never => {
                let ending = Ending::LoginRefused {
                    mechanism: self.mechanism,
                    said: heard.said(),
                };
                parting::part(ending, context)
            }
        }
    }

    /// RFC 4954 section 4: a challenge is one line of base64.
    fn challenged(mut self: Box<Self>, heard: &Heard, context: &mut Context) -> State {
        let [line] = &heard.lines[..] else {
            return State::LoggingIn(self).unfit(Fault::Unfit(heard.said()), context);
        };
        let step = match auth::decode_base64(line.trim_ascii()) {
            Ok(challenge) => self.exchange.respond(&challenge),
            Err(_) => ClientStep::Distrust(Distrust::Unreadable),
        };
        self.step(step, context)
    }

    pub(super) fn derived(mut self: Box<Self>, derived: Derived, context: &mut Context) -> State {
        let step = self.exchange.derived(derived);
        self.step(step, context)
    }

    fn step(self: Box<Self>, step: ClientStep, context: &mut Context) -> State {
        match step {
            ClientStep::Respond(response) => {
                context.line(&auth::encode_base64(response));
                context.allow(context.config.timeouts.command);
                State::LoggingIn(self)
            }
            ClientStep::Derive(derivation) => {
                context.outputs.push_back(Output::Derive(derivation));
                context.allow(context.config.timeouts.command);
                State::Deriving(self)
            }
            ClientStep::Distrust(distrust) => {
                // RFC 4954 section 4: this cancels the exchange; the reply to it does not matter.
                context.line("*");
                context.allow(context.config.timeouts.quit);
                State::CancellingLogin(Ending::LoginDistrusted {
                    mechanism: self.mechanism,
                    distrust,
                })
            }
        }
    }

    fn distrusted(&self, distrust: Distrust, context: &mut Context) -> State {
        let ending = Ending::LoginDistrusted {
            mechanism: self.mechanism,
            distrust,
        };
        parting::part(ending, context)
    }
}
