//! Codes sent by e-mail or SMS, which are used once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::totp::fields;
use super::{
    Acceptance, Challenge, Description, Factor, FactorError, Kind, Purpose, Response, State,
    Subject, Verdict,
};
use crate::clock::{Clock, Timestamp};
use crate::crypto::{equal, hash, one_time_code};
use crate::message::{Channel, MessageKind, Messages, Recipient};
use crate::random::Random;
use crate::user::{EmailAddress, FactorName, NewUser, User};

pub(super) struct SentCode {
    description: Description,
    channel: Channel,
    lifetime: Duration,
    /// Those of phone numbers; empty for every number.
    prefixes: Vec<String>,
    messages: Arc<Messages>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl SentCode {
    pub(super) fn new(
        channel: Channel,
        friendly_name: String,
        lifetime: Duration,
        prefixes: Vec<String>,
        messages: Arc<Messages>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let (name, bound_field) = match channel {
            Channel::Email => (FactorName::EMAIL, "email"),
            Channel::Sms => (FactorName::SMS, "phone"),
        };
        let description = Description {
            kind: Kind::Oob,
            channel: Some(channel),
            proves_email: channel == Channel::Email,
            bound_field: Some(bound_field),
            ..Description::new(name, friendly_name)
        };
        Self { description, channel, lifetime, prefixes, messages, clock, random }
    }

    fn recipient(&self, user: &User, purpose: Purpose) -> Result<Recipient, FactorError> {
        let (recipient, missing) = match self.channel {
            Channel::Email => (email(user).map(Recipient::Email), FactorError::InvalidEmail),
            Channel::Sms => {
                (self.phone(&user.extra).map(Recipient::Phone), FactorError::InvalidPhone)
            }
        };
        recipient.ok_or(match purpose {
            Purpose::SetUp => missing,
            Purpose::Login | Purpose::Confirmation => FactorError::NotEnrolled,
        })
    }

    /// The phone number of a user, if codes are sent to such numbers.
    fn phone(&self, fields: &Map<String, Value>) -> Option<String> {
        let is_allowed = |number: &String| {
            self.prefixes.is_empty()
                || self.prefixes.iter().any(|prefix| number.starts_with(&**prefix))
        };
        phone(fields).filter(is_allowed)
    }
}

#[async_trait]
impl Factor for SentCode {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn can_reach(&self, user: &NewUser) -> bool {
        match self.channel {
            Channel::Email => email_of(&user.username, user.email.as_deref()).is_some(),
            Channel::Sms => self.phone(&user.extra).is_some(),
        }
    }

    async fn challenge(
        &self,
        subject: &Subject<'_>,
        purpose: Purpose,
        _: Option<&State>,
    ) -> Result<Challenge, FactorError> {
        let user = subject.user;
        let to = self.recipient(user, purpose)?;
        let code = one_time_code(&*self.random);
        let mut shown = fields(json!({
            "username": user.username,
            "factor2": self.description.name,
            "sentTo": masked(&to),
        }));
        if purpose == Purpose::SetUp {
            let field = if self.channel == Channel::Email { "email" } else { "phone" };
            shown.insert(field.into(), to.address().into());
        }
        let mut variables = Map::new();
        variables.insert("otp".into(), code.as_str().into());
        variables.insert("username".into(), user.username.as_str().into());
        let minutes = self.lifetime.as_secs() / 60;
        variables.insert("minutes".into(), minutes.into());
        let sent_to = hash(to.address());
        let message =
            self.messages.compose(MessageKind::LoginCode, to, Some(&user.id), variables)?;
        let expiry = (self.clock.now() + self.lifetime).as_millis();
        let state = fields(json!({ "otp": code, "expiry": expiry, "to": sent_to }));
        Ok(Challenge { shown, state: State(state), send: vec![message] })
    }

    async fn verify(
        &self,
        subject: &Subject<'_>,
        purpose: Purpose,
        state: &State,
        response: &Response,
    ) -> Result<Verdict, FactorError> {
        let verdict = verify_code(state, response, self.clock.now());
        // The code proves the address or number that it was sent to, no later one.
        let is_recipient = match state.text("to") {
            Some(sent_to) => hash(self.recipient(subject.user, purpose)?.address()) == sent_to,
            None => true,
        };
        let accepts = matches!(verdict, Verdict::Accepted(_));
        Ok(if accepts && !is_recipient { Verdict::Expired } else { verdict })
    }
}

/// Compares a code with the one in a state.
pub(super) fn verify_code(state: &State, response: &Response, now: Timestamp) -> Verdict {
    let expected = state.text("otp").unwrap_or_default();
    let expiry = state.0.get("expiry").and_then(Value::as_i64);
    if expected.is_empty() || !equal(response.code("otp").as_bytes(), expected.as_bytes()) {
        return Verdict::Wrong;
    }
    match expiry {
        Some(expiry) if now < Timestamp::from_millis(expiry) => {
            Verdict::Accepted(Acceptance::default())
        }
        _ => Verdict::Expired,
    }
}

/// The address of a user: that of the account, or the username if it is one.
pub(crate) fn email(user: &User) -> Option<String> {
    email_of(&user.username, user.email.as_deref())
}

fn email_of(username: &str, email: Option<&str>) -> Option<String> {
    let address = email.unwrap_or(username);
    EmailAddress::parse(address).ok().map(EmailAddress::into_string)
}

/// The phone number of a user: `+`, then 8 to 15 digits, of which the first is not zero (E.164).
fn phone(fields: &Map<String, Value>) -> Option<String> {
    let number = fields.get("phone")?.as_str()?;
    let digits = number.strip_prefix('+')?;
    let is_number = (8..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    is_number.then(|| number.to_owned())
}

/// Enough of an address or number for its owner to recognise it.
fn masked(to: &Recipient) -> String {
    match to {
        Recipient::Email(address) => match address.rsplit_once('@') {
            Some((local, domain)) => {
                format!("{}…@{domain}", local.chars().next().unwrap_or('…'))
            }
            None => "…".into(),
        },
        Recipient::Phone(number) => {
            let last: String =
                number.chars().skip(number.chars().count().saturating_sub(3)).collect();
            format!("…{last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::user::{UserId, UserState};

    fn user(username: &str, email: Option<&str>, phone: Value) -> User {
        User {
            id: UserId::Integer(1),
            username: username.into(),
            email: email.map(str::to_owned),
            created: None,
            state: UserState::Active,
            factor1: FactorName::PASSWORD,
            factor2: None,
            admin: false,
            extra: Map::from_iter([("phone".to_owned(), phone)]),
        }
    }

    #[test]
    fn phone_numbers_have_a_country_code_and_8_to_15_digits() {
        for (number, valid) in [
            ("+4312345678", true),
            ("+12345678", true),
            ("+123456789012345", true),
            ("+1234567", false),
            ("+1234567890123456", false),
            ("+0123456789", false),
            ("0043123456789", false),
            ("+43 123 45678", false),
            ("+４３12345678", false),
            ("+12345678\n", false),
            ("", false),
        ] {
            let user = user("bob", None, json!(number));
            assert_eq!(phone(&user.extra).is_some(), valid, "{number:?}");
        }
        let number = user("bob", None, json!(4_312_345_678_u64));
        assert_eq!(phone(&number.extra), None);
    }

    #[test]
    fn address_is_that_of_the_account_or_the_username() {
        let of = |username, address| email(&user(username, address, json!(null)));
        assert_eq!(of("bob", Some("b@example.com")).as_deref(), Some("b@example.com"));
        assert_eq!(of("bob@example.com", None).as_deref(), Some("bob@example.com"));
        assert_eq!(of("bob", None), None);
        assert_eq!(of("bob", Some("not an address")), None);
    }

    #[test]
    fn masked_addresses_show_little() {
        assert_eq!(masked(&Recipient::Email("bob@example.com".into())), "b…@example.com");
        assert_eq!(masked(&Recipient::Phone("+43123456789".into())), "…789");
    }
}
