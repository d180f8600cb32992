//! Keys: sessions, one-time tokens, API keys, and other records that are looked up by a secret
//! value.

mod data;
mod slot;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::user::UserId;

pub use data::{DataChange, DataError, KeyData};
pub use slot::{Slot, is_reserved_slot};

/// Longer than any key is used: the lifetime of keys that never expire, in tables that cannot say so.
pub const PERMANENT: Duration = Duration::from_hours(100 * 365 * 24);

/// Defines [`KeyPrefix`], its text forms and the list of all prefixes from one table.
macro_rules! key_prefixes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The kind of a key, stored as the prefix of its value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
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

            /// Whether keys of this kind can have an owner; set-up links never have one.
            pub const fn has_owner(self) -> bool {
                !matches!(self, Self::Setup)
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
    /// A device that has passed the second factor.
    KnownDevice = "kd:",
    /// A recovery code, which stands in for the second factor once.
    RecoveryCode = "rc:",
    /// The link that takes a change of the e-mail address back.
    AddressRestore = "ra:",
    /// A one-time token of the application.
    ApplicationToken = "app:",
    /// Name and address of a sign-up whose address another account has.
    TakenAddress = "ta:",
    /// The one-time link that creates the first administrator.
    Setup = "setup:",
    /// A session of another store that has ended, and must not be accepted even if that store finds
    /// it again.
    EndedSession = "es:",
    /// What waited in a session of another store and was completed, which works once.
    CompletedStep = "cs:",
    /// The account of an entry of the directory.
    DirectoryEntry = "de:",
}

/// The owner of a session or another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A user.
    User(&'a UserId),
    /// A user who is created in the same step, and whose id is not known before it.
    NewUser,
    /// No user.
    Anonymous,
}

/// The application field of a key that has its name.
pub const NAME_FIELD: &str = "name";

/// Maximum difference between the clocks of servers that share a store.
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Prefix and hash of the secret value; never the secret itself.
    pub value: String,
    /// The owner; `None` for a key without one.
    pub userid: Option<UserId>,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
    /// When it was last used; `None` if not recorded.
    pub lastactive: Option<Timestamp>,
    /// Its data.
    pub data: KeyData,
    /// The credential epoch of the owner when the key was stored; set by the store, `None` for keys
    /// without owner and in databases that keep no epochs.
    pub epoch: Option<u64>,
    /// Columns of the application.
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
            epoch: None,
            extra: Map::new(),
        }
    }

    /// A key without data that expires in a hundred years, because upstream's Prisma schema has no
    /// keys that never expire.
    pub(crate) fn permanent(value: impl Into<String>, created: Timestamp) -> Self {
        let expires = Some(created + PERMANENT);
        Self { expires, ..Self::new(value, None, created) }
    }

    /// The name of an API key; `None` if it has none.
    pub fn name(&self) -> Option<&str> {
        self.extra.get(NAME_FIELD)?.as_str()
    }

    /// Whether the key has expired at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_formats_document_every_prefix() {
        let document = include_str!("../../../docs/reference/wire-formats.md");
        let (_, listed) = document.split_once("Prefixes of stored keys:").unwrap();
        let (listed, _) = listed.split_once("\n\n").unwrap();
        for prefix in KeyPrefix::ALL {
            let text = format!("`{}`", prefix.as_str());
            assert!(listed.contains(&text), "{text} is not documented");
        }
        assert_eq!(listed.matches(":`").count(), KeyPrefix::ALL.len());
    }
}
