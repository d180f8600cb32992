//! The configured factors, and the one place that judges which of them an account needs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::dummy::Dummy;
use super::one_time::SentCode;
use super::totp::Totp;
use super::{Description, Factor, Roles};
use crate::clock::Clock;
use crate::device::DEVICE_LIFETIME;
use crate::message::{Channel, Messages};
use crate::random::Random;
use crate::user::{FactorName, NewUser, User};

/// A factor to offer.
#[derive(Clone)]
#[non_exhaustive]
pub enum Configured {
    /// Codes of an authenticator application.
    Totp {
        /// The name of the site in the application.
        issuer: String,
    },
    /// Codes by e-mail.
    Email,
    /// Codes by SMS.
    Sms,
    /// A fixed code. For development and tests only: it protects nothing.
    DangerDummy {
        /// The code.
        code: String,
    },
    /// A factor of the application.
    Custom(Arc<dyn Factor>),
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Totp { .. } => "Totp",
            Self::Email => "Email",
            Self::Sms => "Sms",
            Self::DangerDummy { .. } => "DangerDummy",
            Self::Custom(_) => "Custom",
        })
    }
}

/// Configuration of the second factors.
#[derive(Debug, Clone)]
pub struct FactorConfig {
    /// The factors, in the order in which they are offered.
    pub second: Vec<Configured>,
    /// The names of those that users may have, `none` for no second factor (upstream's
    /// `allowed_factor2`). Empty for `none` and every configured one. Without `none`, every account
    /// needs a second factor.
    pub allowed: Vec<String>,
    /// Other names for users than the default ones.
    pub friendly_names: HashMap<FactorName, String>,
    /// The beginnings of the phone numbers that codes are sent to, such as `+43`; empty for every
    /// number. Without a limit, fraudsters request codes for expensive numbers to earn by each
    /// message (SMS pumping).
    pub phone_prefixes: Vec<String>,
    /// How long a code that was sent is valid; ten minutes at most.
    pub code_lifetime: Duration,
    /// How long a device is known on which a user passed the second factor; `None` if devices
    /// cannot be remembered.
    pub device_lifetime: Option<Duration>,
}

impl Default for FactorConfig {
    /// Authenticator applications; none is needed. Codes are valid for five minutes, and devices
    /// known for thirty days.
    fn default() -> Self {
        Self {
            second: vec![Configured::Totp { issuer: "Crossauth".into() }],
            allowed: Vec::new(),
            friendly_names: HashMap::new(),
            phone_prefixes: Vec::new(),
            code_lifetime: Duration::from_mins(5),
            device_lifetime: Some(DEVICE_LIFETIME),
        }
    }
}

/// The longest lifetime of a code that was sent.
const MAX_CODE_LIFETIME: Duration = Duration::from_mins(10);

/// What the factors need.
#[derive(Clone)]
pub(crate) struct FactorDeps {
    pub(crate) messages: Arc<Messages>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// The configured factors.
pub struct Factors {
    factors: Vec<Arc<dyn Factor>>,
    allowed: Vec<String>,
}

/// What an account must do beyond its first factor.
#[derive(Clone)]
pub enum Demand<'a> {
    /// Nothing.
    Nothing,
    /// Respond to a challenge of this factor.
    Factor(&'a Arc<dyn Factor>),
    /// Set up a factor first: the account has none and must have one, or has one that is not
    /// offered.
    Reset,
}

/// A choice of second factor (an element of `allowedFactor2` in the API).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Offered {
    /// The name; `none` for no factor.
    pub name: String,
    /// The name for users.
    pub friendly_name: String,
    /// Whether setting it up stores a secret of its own.
    pub has_secrets: bool,
}

impl Offered {
    /// Choices to check templates with.
    pub fn samples() -> Vec<Self> {
        let sample = |name: &str, friendly_name: &str| Self {
            name: name.into(),
            friendly_name: friendly_name.into(),
            has_secrets: name == "totp",
        };
        vec![sample(FactorName::NONE, "None"), sample("totp", "Authenticator app")]
    }
}

/// The factor is not configured or not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this second factor is not available")]
pub struct Unavailable;

impl Factors {
    pub(crate) fn new(config: &FactorConfig, deps: &FactorDeps) -> Self {
        let factors = config.second.iter().map(|factor| build(factor, config, deps)).collect();
        Self { factors, allowed: config.allowed.clone() }
    }

    /// The factor of this name, if it is configured and allowed as a second one.
    pub fn find(&self, name: &FactorName) -> Option<&Arc<dyn Factor>> {
        self.available().find(|factor| factor.describe().name == *name)
    }

    /// Whether accounts may have no second factor.
    pub fn allows_none(&self) -> bool {
        self.is_allowed(FactorName::NONE)
    }

    /// The factor that a form chooses; `None` for no factor, which is written `none` or empty.
    pub fn choose(&self, name: &str) -> Result<Option<&Arc<dyn Factor>>, Unavailable> {
        match FactorName::optional(name) {
            Some(name) => self.find(&name).map(Some).ok_or(Unavailable),
            None if self.allows_none() => Ok(None),
            None => Err(Unavailable),
        }
    }

    /// What a form that names no factor chooses: the first of the allowed ones.
    pub(crate) fn default_choice(&self) -> Option<&Arc<dyn Factor>> {
        match self.allowed.first() {
            Some(first) => self.choose(first).ok().flatten(),
            None => None,
        }
    }

    /// The choices, in the configured order; no factor comes first.
    pub fn offered(&self) -> Vec<Offered> {
        let none = Offered {
            name: FactorName::NONE.into(),
            friendly_name: "None".into(),
            has_secrets: false,
        };
        let factors = self.available().map(|factor| {
            let Description { name, friendly_name, has_secrets, .. } = factor.describe();
            Offered {
                name: name.to_string(),
                friendly_name: friendly_name.clone(),
                has_secrets: *has_secrets,
            }
        });
        self.allows_none().then_some(none).into_iter().chain(factors).collect()
    }

    /// Whether any second factor is offered.
    pub fn any(&self) -> bool {
        self.available().next().is_some()
    }

    /// What a user must do beyond the first factor.
    pub fn demand(&self, user: &User) -> Demand<'_> {
        match &user.factor2 {
            None if self.allows_none() => Demand::Nothing,
            None => Demand::Reset,
            Some(name) => self.find(name).map_or(Demand::Reset, Demand::Factor),
        }
    }

    /// The field of the user, such as `phone`, on which the second factor depends. It may be
    /// changed only as the factor is.
    pub fn bound_field(&self, user: &User) -> Option<&'static str> {
        self.find(user.factor2.as_ref()?)?.describe().bound_field
    }

    /// The field that a new user must fill in for a factor, if it is missing or invalid.
    pub(crate) fn missing_field(factor: &dyn Factor, user: &NewUser) -> Option<&'static str> {
        factor.describe().bound_field.filter(|_| !factor.can_reach(user))
    }

    fn available(&self) -> impl Iterator<Item = &Arc<dyn Factor>> {
        self.factors.iter().filter(|factor| {
            let description = factor.describe();
            description.roles != Roles::First && self.is_allowed(description.name.as_str())
        })
    }

    fn is_allowed(&self, name: &str) -> bool {
        self.allowed.is_empty()
            || self
                .allowed
                .iter()
                .any(|allowed| FactorName::optional(allowed) == FactorName::optional(name))
    }
}

impl fmt::Debug for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.factors.iter().map(|factor| &factor.describe().name);
        f.debug_list().entries(names).finish()
    }
}

impl fmt::Debug for Demand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Factor(factor) => f.debug_tuple("Factor").field(&factor.describe().name).finish(),
            Self::Reset => f.write_str("Reset"),
        }
    }
}

fn build(configured: &Configured, config: &FactorConfig, deps: &FactorDeps) -> Arc<dyn Factor> {
    let (clock, random) = (deps.clock.clone(), deps.random.clone());
    let friendly = |name: &FactorName, default: &str| {
        config.friendly_names.get(name).cloned().unwrap_or_else(|| default.to_owned())
    };
    let sent = |channel, name| {
        let lifetime = config.code_lifetime.min(MAX_CODE_LIFETIME);
        let messages = deps.messages.clone();
        let (clock, random) = (deps.clock.clone(), deps.random.clone());
        let prefixes = config.phone_prefixes.clone();
        Arc::new(SentCode::new(channel, name, lifetime, prefixes, messages, clock, random))
    };
    match configured {
        Configured::Totp { issuer } => {
            let name = friendly(&FactorName::TOTP, "Authenticator app");
            Arc::new(Totp::new(issuer.clone(), name, clock, random))
        }
        Configured::Email => sent(Channel::Email, friendly(&FactorName::EMAIL, "Code by email")),
        Configured::Sms => sent(Channel::Sms, friendly(&FactorName::SMS, "Code by text message")),
        Configured::DangerDummy { code } => {
            let name = friendly(&FactorName::DUMMY, "Dummy factor");
            Arc::new(Dummy::new(code.clone(), name, clock))
        }
        Configured::Custom(factor) => factor.clone(),
    }
}
