//! Keys: sessions, one-time tokens, API keys — anything found again by a value its holder knows.

mod data;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::user::{Patch, UserId};

pub use data::{DataChange, DataError, KeyData};

/// Defines [`KeyPrefix`], its texts and the list of all of them from one table.
macro_rules! key_prefixes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a key is for; stored as the beginning of its value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum KeyPrefix {
            $($(#[$doc])* $name,)*
        }

        impl KeyPrefix {
            /// Every prefix.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The prefix as it is stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

key_prefixes! {
    /// A session.
    Session = "s:",
    /// A password-reset token.
    PasswordReset = "p:",
    /// An e-mail verification token.
    EmailVerification = "e:",
    /// An API key.
    ApiKey = "api:",
    /// An OAuth authorization code.
    AuthorizationCode = "authz:",
    /// An OAuth access token.
    AccessToken = "access:",
    /// An OAuth refresh token.
    RefreshToken = "refresh:",
    /// An OAuth MFA token.
    MfaToken = "omfa:",
    /// An OAuth device code.
    DeviceCode = "dc:",
    /// An OAuth user code.
    UserCode = "uc:",
    /// A device on which the second factor was passed.
    KnownDevice = "kd:",
    /// The one-time link that creates the first administrator.
    Setup = "setup:",
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Prefix and hash of what the holder knows; never the thing itself.
    pub value: String,
    /// Whose it is; `None` for an anonymous one.
    pub userid: Option<UserId>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is void; `None` for never.
    pub expires: Option<Timestamp>,
    /// When it was last used, as far as that is recorded.
    pub lastactive: Option<Timestamp>,
    /// What belongs to it.
    pub data: KeyData,
    /// The application's own columns.
    pub extra: Map<String, Value>,
}

impl Key {
    /// A key without data that never expires.
    pub fn new(value: impl Into<String>, userid: Option<UserId>, created: Timestamp) -> Self {
        Self {
            value: value.into(),
            userid,
            created,
            expires: None,
            lastactive: None,
            data: KeyData::default(),
            extra: Map::new(),
        }
    }

    /// Whether the key is void at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// A partial update of a key: what is `None` or [`Patch::Keep`] stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyUpdate {
    /// New owner, or none any more.
    pub userid: Patch<UserId>,
    /// New expiry, or none any more.
    pub expires: Patch<Timestamp>,
    /// New time of last use, or none any more.
    pub lastactive: Patch<Timestamp>,
    /// Replaces the data.
    pub data: Option<KeyData>,
    /// Application columns to write; `null` clears one, absent ones stay.
    pub extra: Map<String, Value>,
}

/// Chooses keys: all given fields must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyFilter {
    /// Exactly this value.
    pub value: Option<String>,
    /// Exactly this owner; [`Patch::Clear`] chooses anonymous keys.
    pub userid: Patch<UserId>,
    /// Application columns with exactly these values; `null` chooses keys without one.
    pub extra: Map<String, Value>,
}
