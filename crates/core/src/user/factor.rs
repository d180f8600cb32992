//! Names of authentication factors.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of an authentication factor, such as `localpassword` or `totp`.
///
/// Parse with [`FactorName::from`] if a factor is required, and with [`FactorName::optional`] if
/// there may be none. Unknown names are preserved: an account with an unknown factor requires it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FactorName(Cow<'static, str>);

impl FactorName {
    /// A password that Crossauth verifies.
    pub const PASSWORD: Self = Self(Cow::Borrowed("localpassword"));

    /// Codes of an authenticator application.
    pub const TOTP: Self = Self(Cow::Borrowed("totp"));

    /// Codes by e-mail.
    pub const EMAIL: Self = Self(Cow::Borrowed("email"));

    /// Codes by SMS.
    pub const SMS: Self = Self(Cow::Borrowed("sms"));

    /// A password that a [directory](crate::directory) verifies.
    pub const LDAP: Self = Self(Cow::Borrowed("ldap"));

    /// A fixed code, for development.
    pub const DUMMY: Self = Self(Cow::Borrowed("dummyFactor2"));

    /// The text for "no factor" in forms and settings.
    pub const NONE: &'static str = "none";

    /// Another name of the password factor: the default of the column in upstream.s schemas, whose
    /// code uses [`Self::PASSWORD`].
    const PASSWORD_IN_SCHEMAS: &'static str = "password";

    /// The factor that a column, a form or a setting names; `None` where it is empty or `none`.
    pub fn optional(name: &str) -> Option<Self> {
        (!matches!(name, "" | Self::NONE)).then(|| name.into())
    }

    /// The inverse of [`Self::optional`], as stored and sent: empty for none.
    pub fn text(factor: Option<&Self>) -> &str {
        factor.map_or("", Self::as_str)
    }

    /// The name, as stored and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a password that Crossauth verifies.
    pub fn is_password(&self) -> bool {
        matches!(&*self.0, Self::PASSWORD_IN_SCHEMAS) || *self == Self::PASSWORD
    }
}

impl From<&str> for FactorName {
    fn from(name: &str) -> Self {
        match name {
            "localpassword" => Self::PASSWORD,
            Self::PASSWORD_IN_SCHEMAS => Self(Cow::Borrowed(Self::PASSWORD_IN_SCHEMAS)),
            "totp" => Self::TOTP,
            "email" => Self::EMAIL,
            "sms" => Self::SMS,
            "ldap" => Self::LDAP,
            "dummyFactor2" => Self::DUMMY,
            other => Self(Cow::Owned(other.to_owned())),
        }
    }
}

impl fmt::Display for FactorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FactorName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FactorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Cow::<str>::deserialize(deserializer)?.as_ref().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_none_are_no_factor_and_every_other_name_is_one() {
        for absent in ["", "none"] {
            assert_eq!(FactorName::optional(absent), None, "{absent:?}");
        }
        for name in ["totp", "email", "unknown", "None", " ", "null", "localpassword"] {
            let factor = FactorName::optional(name).unwrap();
            assert_eq!(factor.as_str(), name);
            assert_eq!(serde_json::to_value(&factor).unwrap(), name);
        }
    }

    #[test]
    fn password_factor_has_two_names() {
        for (name, expected) in [
            ("localpassword", true),
            ("password", true),
            ("Password", false),
            ("", false),
            ("none", false),
            ("ldap", false),
            ("oidc", false),
        ] {
            let factor = FactorName::from(name);
            assert_eq!((factor.is_password(), factor.as_str()), (expected, name));
        }
    }
}
