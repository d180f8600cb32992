//! Text messages.

use crossauth_core::secret::Password;
use crossauth_mail::{SetupError, Twilio, TwilioConfig};

use super::section;
use crate::kind::{List, Optional, SecretLine, Text};
use crate::rule::Rules;

/// The gateway for text messages.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Sms {
    /// The number or name that messages come from.
    pub from: Option<String>,
    /// The id of the account at Twilio.
    pub account_sid: Option<String>,
    /// Its token.
    pub auth_token: Option<Password>,
    /// The URL of the gateway.
    pub gateway: Option<String>,
    /// The beginnings of the numbers that codes are sent to; empty for every number.
    pub allowed_prefixes: Vec<String>,
    /// The file of the text.
    pub body: Option<String>,
}

section! { Sms {
    /// The number or name that text messages come from.
    "sms.from": Optional<Text> => from, upstream "SMS_AUTHENTICATOR_FROM";
    /// The id of the account at Twilio that sends text messages. If not set, none are sent.
    "sms.twilio_account_sid": Optional<Text> => account_sid, bare "TWILIO_ACCOUNT_SID";
    /// The token of that account.
    "sms.twilio_auth_token": Optional<SecretLine> => auth_token, bare "TWILIO_AUTH_TOKEN";
    /// The URL of the gateway: of a region of Twilio, or of another gateway with the same
    /// interface. If not set, `https://api.twilio.com`.
    "sms.twilio_url": Optional<Text> => gateway;
    /// The beginnings of the phone numbers that codes are sent to, such as `+43`: those of the
    /// countries where users live. If empty, codes are sent to every number, also to expensive ones
    /// that fraudsters request codes for because they earn by each message (SMS pumping).
    "sms.allowed_prefixes": List => allowed_prefixes;
    /// The file of the text with a login code in the directory `templates`, instead of
    /// `mail/login_code.sms.txt`.
    "sms.login_code_body": Optional<Text> => body, upstream "SMS_AUTHENTICATOR_BODY";
} }

impl Sms {
    /// Whether there is a gateway. An account alone is none: it may be for the application's own
    /// messages.
    pub(crate) fn can_send(&self) -> bool {
        self.from.is_some() && self.account_sid.is_some() && self.auth_token.is_some()
    }

    /// The transport; `None` if no gateway is set.
    pub(crate) fn transport(&self) -> Result<Option<Twilio>, SetupError> {
        let (Some(from), Some(sid), Some(token)) =
            (&self.from, &self.account_sid, &self.auth_token)
        else {
            return Ok(None);
        };
        let config = TwilioConfig::new(sid, token.clone(), from);
        let gateway = self.gateway.clone().unwrap_or_else(|| config.gateway.clone());
        Twilio::new(TwilioConfig { gateway, ..config }).map(Some)
    }

    pub(crate) fn check(&self, rules: &mut Rules<'_>) {
        let all: [(&'static str, bool); 3] = [
            ("sms.from", self.from.is_some()),
            ("sms.twilio_account_sid", self.account_sid.is_some()),
            ("sms.twilio_auth_token", self.auth_token.is_some()),
        ];
        let is_any = all.iter().any(|(_, is_set)| *is_set);
        // An application may use the account for its own messages.
        let is_shared = rules.is_only_in(
            &["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"],
            &["sms.from", "sms.twilio_account_sid", "sms.twilio_auth_token"],
        );
        for (key, is_set) in all {
            let given = all.iter().filter(|(_, is_set)| *is_set).map(|(key, _)| *key);
            let keys: Vec<_> = std::iter::once(key).chain(given).collect();
            let reason = "is missing: text messages need a sender, an account and its token";
            rules.require(is_set || !is_any || is_shared, &keys, reason);
        }
        let is_prefix = |prefix: &String| {
            prefix.strip_prefix('+').is_some_and(|digits| {
                (1..=15).contains(&digits.len())
                    && digits.bytes().all(|digit| digit.is_ascii_digit())
            })
        };
        rules.require(
            self.allowed_prefixes.iter().all(is_prefix),
            &["sms.allowed_prefixes"],
            "must be `+` and digits, such as `+43`",
        );
        if let Err(error) = self.transport() {
            let key = if error == SetupError::Gateway {
                "sms.twilio_url"
            } else {
                "sms.twilio_account_sid"
            };
            rules.require(false, &[key], &error.to_string());
        }
    }
}
