//! Authentication factors besides the password.
//!
//! A [`Factor`] makes a challenge and verifies the response to it. It keeps nothing itself: what
//! must be remembered between the two is a [`State`], which the use cases store encrypted in the
//! session, and what is enrolled is in the user's record. So an authenticator application, a code
//! by e-mail and a passkey have the same shape.
//!
//! # Adding a factor
//!
//! Implement [`Factor`] and name it in [`FactorConfig::second`] as [`Configured::Custom`].

mod dummy;
mod image;
mod one_time;
mod registry;
mod totp;

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::{Channel, Message};
use crate::storage::{StorageError, Uses};
use crate::user::{FactorName, NewUser, SecretsUpdate, User, UserSecrets};

pub(crate) use one_time::email;
pub(crate) use registry::FactorDeps;
pub use registry::{Configured, Demand, FactorConfig, Factors, Offered, Unavailable};

/// Maximum length of a typed code, in bytes.
const MAX_CODE_LEN: usize = 64;

/// What a factor is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name in storage and in the API.
    pub name: FactorName,
    /// Its name for users.
    pub friendly_name: String,
    /// How the response comes to the user.
    pub kind: Kind,
    /// How a code is sent; `None` if none is.
    pub channel: Option<Channel>,
    /// The fields of a response. Nothing else of a request is read.
    pub response_fields: &'static [&'static str],
    /// Whether setting it up stores a secret of its own, which can be replaced.
    pub has_secrets: bool,
    /// Whether a correct response proves that the user reads the e-mail of the account.
    pub proves_email: bool,
    /// Where it may be used.
    pub roles: Roles,
    /// Whether a user may enrol it more than once.
    pub many_enrolments: bool,
    /// The field of the user that it depends on, such as `phone`. A change of that field needs the
    /// same proof as a change of the factor.
    pub bound_field: Option<&'static str>,
}

impl Description {
    /// A second factor whose response is one field `otp`, without secrets of its own.
    pub fn new(name: FactorName, friendly_name: impl Into<String>) -> Self {
        Self {
            name,
            friendly_name: friendly_name.into(),
            kind: Kind::Otp,
            channel: None,
            response_fields: &["otp"],
            has_secrets: false,
            proves_email: false,
            roles: Roles::Second,
            many_enrolments: false,
            bound_field: None,
        }
    }
}

/// How the response to a challenge comes to the user (upstream's `mfaType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not by a one-time code.
    None,
    /// A device of the user makes a code.
    Otp,
    /// The server sends a code.
    Oob,
}

impl Kind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Otp => "otp",
            Self::Oob => "oob",
        }
    }
}

/// Where a factor may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    /// Instead of a password.
    First,
    /// After a first factor.
    Second,
    /// Both.
    FirstOrSecond,
}

/// The account that a challenge is about. Its secrets are decrypted.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a User,
    /// What is enrolled.
    pub secrets: &'a UserSecrets,
}

/// What a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Setting the factor up. It is in force after the response was verified.
    SetUp,
    /// Logging in.
    Login,
    /// Confirming a request of a logged-in user.
    Confirmation,
}

/// What the server remembers between a challenge and its response. Stored encrypted; `Debug` is
/// redacted.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(pub Map<String, Value>);

impl State {
    /// The text of a field.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State(…)")
    }
}

/// A challenge.
#[derive(Clone, Default)]
pub struct Challenge {
    /// What the browser is shown, such as a QR code. Never contains a code that was sent.
    pub shown: Map<String, Value>,
    /// What the server remembers.
    pub state: State,
    /// Messages to send, in the transaction that stores the state.
    pub send: Vec<Message>,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("send", &self.send.len()).finish_non_exhaustive()
    }
}

/// The fields of a response. `Debug` is redacted.
#[derive(Clone, Default)]
pub struct Response(Map<String, Value>);

impl Response {
    /// Takes the fields of a factor from those of a request.
    pub fn of(factor: &Description, fields: &Map<String, Value>) -> Self {
        let taken = fields.iter().filter(|(name, _)| factor.response_fields.contains(&&***name));
        Self(taken.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Whether no field has a value.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|value| value.is_null() || value == "")
    }

    /// A field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The text of a code as typed, without white space, which phones and people add; empty if it
    /// is absent or too long for a code.
    pub fn code(&self, name: &str) -> String {
        let text = self.0.get(name).and_then(Value::as_str).unwrap_or_default();
        if text.len() > MAX_CODE_LEN {
            return String::new();
        }
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response(…)")
    }
}

/// The judgement of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The response is correct.
    Accepted(Acceptance),
    /// The response is wrong or missing.
    Wrong,
    /// The response was correct, but has expired.
    Expired,
}

/// What happens in the transaction that an accepted response permits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acceptance {
    /// Secrets that are stored when the factor is set up; the use case encrypts them.
    pub secrets: SecretsUpdate,
    /// What is used up.
    pub uses: Uses,
}

/// Why a factor cannot make a challenge or verify a response.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The account lacks what the factor needs, such as a secret.
    #[error("the factor is not set up")]
    NotEnrolled,
    /// The account has no valid e-mail address.
    #[error("the account has no valid e-mail address")]
    InvalidEmail,
    /// The account has no valid phone number.
    #[error("the account has no valid phone number: `+` and 8 to 15 digits")]
    InvalidPhone,
    /// The store failed, or a message cannot be composed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The factor failed.
    #[error("the factor failed: {0}")]
    Failed(Box<dyn Error + Send + Sync>),
}

/// An authentication factor.
#[async_trait]
pub trait Factor: Send + Sync {
    /// What the factor is like.
    fn describe(&self) -> &Description;

    /// Whether an account that is about to be created has what the factor is bound to, in a form
    /// that it accepts.
    fn can_reach(&self, user: &NewUser) -> bool {
        self.describe().bound_field.is_none_or(|field| user.extra.contains_key(field))
    }

    /// Makes a challenge. `previous` is the state of a challenge that this one continues: a set-up
    /// that was begun before shows the same secret.
    async fn challenge(
        &self,
        subject: &Subject<'_>,
        purpose: Purpose,
        previous: Option<&State>,
    ) -> Result<Challenge, FactorError>;

    /// Judges the response to a challenge. Changes nothing.
    async fn verify(
        &self,
        subject: &Subject<'_>,
        purpose: Purpose,
        state: &State,
        response: &Response,
    ) -> Result<Verdict, FactorError>;
}
