//! What is charged at each door.

use std::net::IpAddr;
use std::time::Duration;

use super::{Limits, Loopback, Rate};
use crate::challenge::Pending;
use crate::crypto::hash;
use crate::factor::Purpose;
use crate::message::MessageKind;
use crate::storage::Charge;
use crate::user::{FactorName, UserId, skeleton};
use crate::visitor::Visitor;

/// Wrong codes for one challenge, and codes sent again for one. Each is allowed again after an hour,
/// when no challenge waits any more.
const PER_CHALLENGE: Rate = Rate { count: 5, window: Duration::from_hours(5) };
const RESENDINGS: Rate = Rate { count: 3, window: Duration::from_hours(3) };

/// Where a login comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginDoor<'a> {
    /// The account; `None` if there is none, and what was typed.
    pub(crate) account: Result<&'a UserId, &'a str>,
    /// The entry of the account in the cookie of a known browser.
    pub(crate) browser: Option<&'a str>,
    pub(crate) visitor: Visitor<'a>,
}

/// The client of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Client<'a> {
    /// The cookie of a known browser.
    pub(crate) browser: Option<&'a str>,
    pub(crate) visitor: Visitor<'a>,
}

/// A code that is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code<'a> {
    pub(crate) pending: &'a Pending,
    pub(crate) purpose: Purpose,
    /// Whether it is a recovery code in place of the factor.
    pub(crate) is_recovery: bool,
    pub(crate) client: Client<'a>,
}

impl Limits {
    /// A login: the same counters for an account by its name and by its address, and for names
    /// without an account as for others.
    pub(crate) fn login(&self, door: LoginDoor<'_>) -> Vec<Charge> {
        if let Some(entry) = door.browser {
            let subject = format!("login-browser:{}", hash(entry));
            return all([charge(self.config.logins_per_browser, subject)]);
        }
        let account = match door.account {
            Ok(id) => format!("login:{id}"),
            // The directory may find one entry by all spellings.
            Err(typed) => format!("login:?{}", self.names.code(&skeleton(typed))),
        };
        let network = self.network(door.visitor);
        let both = network.map(|network| format!("{account}@{network}"));
        all([
            charge(self.config.logins_per_account_and_address, both),
            charge(self.config.logins_per_account, account),
            charge(self.config.logins_per_address, network.map(at("login"))),
        ])
    }

    /// Of the charges of a login, those for the address from which it comes.
    pub(crate) fn of_address(mut charges: Vec<Charge>) -> Vec<Charge> {
        charges.retain(|charge| charge.subject.starts_with("login@"));
        charges
    }

    /// A password that a logged-in user types once more. A session that another person finds open
    /// must not allow them to guess it, and a flood of logins must not refuse its owner.
    pub(crate) fn password(&self, user: &UserId) -> Vec<Charge> {
        let subject = format!("reauthentication:{user}");
        all([charge(self.config.passwords_per_account, subject)])
    }

    /// A code of a second factor, or a recovery code.
    pub(crate) fn code(&self, code: Code<'_>) -> Vec<Charge> {
        let Code { pending, purpose, is_recovery, client } = code;
        let (user, factor) = (&pending.userid, &pending.factor2);
        let challenge = format!("challenge:{}", hash(&pending.challenge));
        let known = self.browsers.find(client.browser, user).filter(|_| purpose == Purpose::Login);
        let account = match (purpose, known) {
            // A mistake at set-up must not keep the user from logging in.
            (Purpose::SetUp, _) => format!("setup:{user}"),
            (_, Some(entry)) => format!("code-browser:{}", hash(entry)),
            _ if is_recovery => format!("recovery:{user}"),
            // An attacker who knows the password must not keep a logged-in user from confirming.
            (Purpose::Confirmation, None) => format!("confirmation:{factor}:{user}"),
            (Purpose::Login, None) => format!("factor:{factor}:{user}"),
        };
        let is_from_anywhere = purpose == Purpose::Login && known.is_none();
        let network = self.network(client.visitor).filter(|_| is_from_anywhere);
        all([
            charge(Some(PER_CHALLENGE), challenge),
            charge(self.config.codes_per_account, account),
            charge(self.config.codes_per_address, network.map(at("code"))),
        ])
    }

    /// A code that is sent again for one challenge.
    pub(crate) fn resending(pending: &Pending) -> Vec<Charge> {
        all([charge(Some(RESENDINGS), format!("resend:{}", hash(&pending.challenge)))])
    }

    /// A code that is sent. The first are given back when it is used.
    pub(crate) fn sending(
        &self,
        user: &UserId,
        recipient: Option<(&FactorName, &str)>,
        purpose: Purpose,
        visitor: Visitor<'_>,
    ) -> (Vec<Charge>, Vec<Charge>) {
        let recipient = recipient.map(|(factor, to)| hash(&format!("{factor} {to}")));
        let to = recipient.as_ref().map(|to| match purpose {
            // Anybody can sign up with any number, which must not keep its owner from logging in.
            Purpose::SetUp => format!("send-to:setup:{to}"),
            Purpose::Login | Purpose::Confirmation => format!("send-to:{to}"),
        });
        let network = self.network(visitor).map(at("send"));
        let subjects = [Some(format!("send:{user}")), to, network];
        let unused = subjects.into_iter().flatten().filter_map(|subject| self.sent(subject));
        let total = recipient.map(|to| format!("send-to:all:{to}"));
        (unused.collect(), all([charge(self.config.codes_sent_per_recipient, total)]))
    }

    /// A counter of [`sending`](Self::sending) that is given back, by its subject.
    pub(crate) fn sent(&self, subject: String) -> Option<Charge> {
        let is_of_address = subject.starts_with("send@");
        let config = &self.config;
        let rate = if is_of_address {
            config.codes_sent_per_address
        } else {
            config.codes_sent_per_account
        };
        charge(rate, subject)
    }

    /// The token of a link, given back if it exists.
    pub(crate) fn link(&self, visitor: Visitor<'_>) -> Vec<Charge> {
        let network = self.network(visitor).map(at("token"));
        all([charge(self.config.links_per_address, network)])
    }

    /// An API key that does not exist.
    pub(crate) fn api_key(&self, visitor: Visitor<'_>) -> Vec<Charge> {
        let network = self.network(visitor).map(at("api-key"));
        all([charge(self.config.keys_per_address, network)])
    }

    /// A sign-up.
    pub(crate) fn sign_up(&self, visitor: Visitor<'_>) -> Vec<Charge> {
        let network = self.network(visitor).map(at("signup"));
        all([charge(self.config.signups_per_address, network)])
    }

    /// A request for mail by a visitor who is not logged in.
    pub(crate) fn mail_request(&self, visitor: Visitor<'_>) -> Vec<Charge> {
        let network = self.network(visitor).map(at("mail"));
        all([charge(self.config.mails_per_address, network)])
    }

    /// A message of one kind to an account and, where its user has typed the address, to that: many
    /// accounts send no more to an address than one.
    pub(crate) fn mail(
        &self,
        kind: &MessageKind,
        user: &UserId,
        typed: Option<&str>,
    ) -> Vec<Charge> {
        let (rate, kind) = (self.config.mails_per_account, kind.as_str());
        let address = typed.map(|typed| format!("mail:{kind}:to:{}", hash(&typed.to_lowercase())));
        all([charge(rate, format!("mail:{kind}:{user}")), charge(rate, address)])
    }

    /// A message that is not sent because there is no account: how busy the store is must not reveal
    /// whether there is one.
    pub(crate) fn no_mail(&self) -> Vec<Charge> {
        all([charge(self.config.mails_per_account, "mail:none".to_owned())])
    }

    /// The network of a visitor; `None` if it is not known or not limited.
    fn network(&self, visitor: Visitor<'_>) -> Option<IpAddr> {
        let is_loopback = visitor.address?.to_canonical().is_loopback();
        let is_limited = !is_loopback || self.config.loopback == Loopback::Limited;
        visitor.network().filter(|_| is_limited)
    }
}

/// The subject of a network for one purpose.
fn at(purpose: &str) -> impl FnOnce(IpAddr) -> String {
    move |network| format!("{purpose}@{network}")
}

/// The charge of a counter; `None` without a limit or a subject.
fn charge(rate: Option<Rate>, subject: impl Into<Option<String>>) -> Option<Charge> {
    let Rate { count, window } = rate?;
    Some(Charge { subject: subject.into()?, limit: count, window })
}

fn all<const N: usize>(charges: [Option<Charge>; N]) -> Vec<Charge> {
    charges.into_iter().flatten().collect()
}
