//! Second factors.

use std::collections::HashMap;
use std::time::Duration;

use crossauth_axum::ProtectedEndpoints;
use crossauth_core::factor::{Configured, FactorConfig};
use crossauth_core::signup::Registration;
use crossauth_core::user::FactorName;

use super::{Mail, Signup, Site, Sms, section, unknown_names};
use crate::kind::{List, Optional, Span, Text};
use crate::rule::Rules;

/// Upstream's names of `factor2.allowed`.
const UPSTREAM: &[&str] = &["CROSSAUTH_ALLOWED_FACTOR2"];

/// The longest lifetime of a code that is sent.
const MAX_CODE_LIFETIME: Duration = Duration::from_mins(10);

/// Which second factors users may have, and what demands them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SecondFactors {
    /// Their names, with `none` for no second factor; empty for `none` and every configured one.
    pub allowed: Vec<String>,
    /// The name of the site in authenticator applications. If not set, the name of the site.
    pub app_name: Option<String>,
    /// The name of authenticator applications for users.
    pub totp_name: Option<String>,
    /// The name of codes by e-mail for users.
    pub email_name: Option<String>,
    /// The name of codes by SMS for users.
    pub sms_name: Option<String>,
    /// How long a code that was sent is valid.
    pub code_lifetime: Duration,
    /// The code of the dummy factor, in development.
    pub dummy_code: Option<String>,
    /// The endpoints that demand the factor.
    pub protected: ProtectedEndpoints,
}

impl Default for SecondFactors {
    fn default() -> Self {
        let FactorConfig { code_lifetime, .. } = FactorConfig::default();
        Self {
            allowed: Vec::new(),
            app_name: None,
            totp_name: None,
            email_name: None,
            sms_name: None,
            code_lifetime,
            dummy_code: None,
            protected: ProtectedEndpoints::default(),
        }
    }
}

section! { SecondFactors {
    /// The second factors that users may have: `totp` (an authenticator application), `email` and
    /// `sms` (codes that are sent), and `none`. The first is the default at sign-up. Without
    /// `none`, every account needs a second factor. If not set, `none`, `totp`, and `email` and
    /// `sms` where such messages can be sent.
    "factor2.allowed": List => allowed, upstream "ALLOWED_FACTOR2";
    /// The name of the site in authenticator applications. If not set, `site_name`.
    "factor2.app_name": Optional<Text> => app_name;
    /// What users read for `totp`. If not set, `Authenticator app`.
    "factor2.totp_name": Optional<Text> => totp_name;
    /// What users read for `email`. If not set, `Code by email`.
    "factor2.email_name": Optional<Text> => email_name;
    /// What users read for `sms`. If not set, `Code by text message`.
    "factor2.sms_name": Optional<Text> => sms_name;
    /// How long a code that was sent is valid; ten minutes at most.
    "factor2.code_lifetime": Span => code_lifetime,
        upstream "EMAIL_AUTHENTICATOR_TOKEN_EXPIRES" "SMS_AUTHENTICATOR_TOKEN_EXPIRES";
    /// Danger: a second factor `dummyFactor2` with this fixed code, for development and tests. It
    /// protects nothing, and is refused unless `dev` is set.
    "factor2.danger_dummy_code": Optional<Text> => dummy_code;
    /// The pages whose forms demand the second factor of users who have one, as names after the
    /// prefix. Those that replace or remove an account, its factor or its recovery codes always do.
    "factor2.protected_pages": List => protected.pages,
        upstream "FACTOR2_PROTECTED_PAGE_ENDPOINTS";
    /// The same for JSON endpoints.
    "factor2.protected_api": List => protected.apis, upstream "FACTOR2_PROTECTED_API_ENDPOINTS";
} }

impl SecondFactors {
    /// The configuration of the use cases.
    pub(crate) fn config(&self, site: &Site, mail: &Mail, sms: &Sms) -> FactorConfig {
        let issuer = self.app_name.as_ref().unwrap_or(&site.config.name).clone();
        let mut second = vec![Configured::Totp { issuer }];
        if site.dev || mail.can_send() {
            second.push(Configured::Email);
        }
        if site.dev || sms.can_send() {
            second.push(Configured::Sms);
        }
        if let Some(code) = self.dummy_code.clone().filter(|_| site.dev) {
            second.push(Configured::DangerDummy { code });
        }
        let names = [
            (FactorName::TOTP, &self.totp_name),
            (FactorName::EMAIL, &self.email_name),
            (FactorName::SMS, &self.sms_name),
        ];
        let names = names.into_iter().filter_map(|(name, given)| Some((name, given.clone()?)));
        FactorConfig {
            second,
            allowed: self.allowed.clone(),
            friendly_names: names.collect::<HashMap<_, _>>(),
            phone_prefixes: sms.allowed_prefixes.clone(),
            code_lifetime: self.code_lifetime,
            ..FactorConfig::default()
        }
    }

    /// `has_email`: whether the sign-up form asks for an address where `signup` does not say so.
    pub(crate) fn check_signup(&self, signup: &Signup, has_email: bool, rules: &mut Rules<'_>) {
        let has = |name: &str| {
            signup.fields.iter().any(|field| field.name() == name)
                || signup.config.editable_fields.iter().any(|field| field == name)
        };
        let is_possible = |name: &String| match name.as_str() {
            "email" => has_email || has("email"),
            "sms" => has("phone"),
            _ => true,
        };
        let is_open = signup.config.registration == Registration::Open;
        let is_possible = self.allowed.is_empty() || self.allowed.iter().any(is_possible);
        let reason = "every account needs a second factor, but the sign-up form does not ask where \
                      to send its codes: add `email` or `phone` to `signup.fields`";
        let keys = ["factor2.allowed", "signup.fields", "signup.editable_fields"];
        rules.require_unless_in(UPSTREAM, !is_open || is_possible, &keys, reason);
    }

    pub(crate) fn check(&self, site: &Site, mail: &Mail, sms: &Sms, rules: &mut Rules<'_>) {
        const KEY: &str = "factor2.allowed";
        let mut is_any_usable = self.allowed.is_empty();
        for name in &self.allowed {
            let (is_usable, keys, reason): (_, &[_], _) = match name.as_str() {
                "" | "none" | "totp" => (true, &[KEY], ""),
                "email" => (
                    site.dev || mail.can_send(),
                    &[KEY, "mail.smtp_host"],
                    "`email` needs a mail server: set `mail.smtp_host`",
                ),
                "sms" => (
                    site.dev || sms.can_send(),
                    &[KEY, "sms.twilio_account_sid"],
                    "`sms` needs a gateway: set `sms.from` and `sms.twilio_account_sid`",
                ),
                "dummyFactor2" if self.dummy_code.is_some() => (true, &[KEY], ""),
                _ => (false, &[KEY], "may have `none`, `totp`, `email` and `sms`"),
            };
            is_any_usable |= is_usable;
            rules.require_unless_in(UPSTREAM, is_usable, keys, reason);
        }
        let fits = !self.code_lifetime.is_zero() && self.code_lifetime <= MAX_CODE_LIFETIME;
        let reason = "must be between one second and ten minutes";
        rules.require(fits, &["factor2.code_lifetime"], reason);
        let reason = "has no second factor that is set up, and no `none`: no user could log in";
        rules.require(is_any_usable, &[KEY], reason);
        rules.require(
            self.dummy_code.is_none() || site.dev,
            &["factor2.danger_dummy_code", "dev"],
            "protects nothing: it is for development only, with `dev = true`",
        );
        self.check_protected(&site.config.prefix, rules);
    }

    /// A misspelt name would protect nothing.
    fn check_protected(&self, prefix: &str, rules: &mut Rules<'_>) {
        let lists = [
            ("factor2.protected_pages", &self.protected.pages),
            ("factor2.protected_api", &self.protected.apis),
        ];
        for (key, list) in lists {
            let unknown = unknown_names(list.iter(), prefix, ProtectedEndpoints::known);
            rules.require(unknown.is_empty(), &[key, "prefix"], &unknown);
        }
    }
}
