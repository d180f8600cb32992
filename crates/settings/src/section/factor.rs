//! Second factors.

use crossauth_core::factor::{Configured, FactorConfig};

use super::{Mail, Site, Sms, section};
use crate::kind::List;
use crate::rule::Rules;

/// Which second factors users may have.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SecondFactors {
    /// Their names, with `none` for no second factor; empty for `none` and every configured one.
    pub allowed: Vec<String>,
}

section! { SecondFactors {
    /// The second factors that users may have: `totp` (an authenticator application), `email` and
    /// `sms` (codes that are sent), and `none`. The first is the default at sign-up. Without
    /// `none`, every account needs a second factor. If not set, `none`, `totp`, and `email` and
    /// `sms` where such messages can be sent.
    "factor2.allowed": List => allowed, upstream "ALLOWED_FACTOR2";
} }

impl SecondFactors {
    /// The configuration of the use cases.
    pub(crate) fn config(&self, site: &Site, mail: &Mail, sms: &Sms) -> FactorConfig {
        let mut second = vec![Configured::Totp { issuer: site.config.name.clone() }];
        if site.dev || mail.host.is_some() {
            second.push(Configured::Email);
        }
        if site.dev || sms.account_sid.is_some() {
            second.push(Configured::Sms);
        }
        FactorConfig { second, allowed: self.allowed.clone(), ..FactorConfig::default() }
    }

    pub(crate) fn check(&self, site: &Site, mail: &Mail, sms: &Sms, rules: &mut Rules<'_>) {
        const KEY: &str = "factor2.allowed";
        let upstream = ["CROSSAUTH_ALLOWED_FACTOR2"];
        for name in &self.allowed {
            let (can_be_had, keys, reason): (_, &[_], _) = match name.as_str() {
                "" | "none" | "totp" => continue,
                "email" => (
                    site.dev || mail.host.is_some(),
                    &[KEY, "mail.smtp_host"],
                    "`email` needs a mail server: set `mail.smtp_host`",
                ),
                "sms" => (
                    site.dev || sms.account_sid.is_some(),
                    &[KEY, "sms.twilio_account_sid"],
                    "`sms` needs a gateway: set `sms.twilio_account_sid`",
                ),
                _ => (false, &[KEY], "may have `none`, `totp`, `email` and `sms`"),
            };
            rules.require_unless_in(&upstream, can_be_had, keys, reason);
        }
        let is_usable = |name: &String| match name.as_str() {
            "" | "none" | "totp" => true,
            "email" => site.dev || mail.host.is_some(),
            "sms" => site.dev || sms.account_sid.is_some(),
            _ => false,
        };
        let reason = "has no second factor that is set up, and no `none`: nobody could log in";
        rules.require(
            self.allowed.is_empty() || self.allowed.iter().any(is_usable),
            &[KEY],
            reason,
        );
    }
}
