//! What messages are about.

use std::fmt;
use std::time::Duration;

/// Defines [`MessageKind`], its text forms and the list of all kinds from one table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a message is about. Its name is that of its templates.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum MessageKind {
            $($(#[$doc])* $name,)*
            /// A message of the application, by the name of its templates.
            Custom(String),
        }

        impl MessageKind {
            /// Every kind of Crossauth.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Custom(name) => name,
                }
            }
        }

        impl From<&str> for MessageKind {
            fn from(name: &str) -> Self {
                match name {
                    $($text => Self::$name,)*
                    _ => Self::Custom(name.to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// The link that verifies an e-mail address.
    EmailVerification = "email_verification",
    /// The link that resets a password.
    PasswordReset = "password_reset",
    /// An administrator created the account: the link by which its user chooses a password.
    Invitation = "invitation",
    /// A one-time code, by e-mail or SMS.
    LoginCode = "login_code",
    /// Someone tried to sign up with the address of an existing account.
    AccountExists = "account_exists",
    /// To the old address: the account has a new one. With a link that takes the change back.
    AddressChanged = "address_changed",
    /// The password was changed.
    PasswordChanged = "password_changed",
    /// A second factor was set up, changed or turned off.
    SecondFactorChanged = "second_factor_changed",
    /// A login from a new device.
    NewDevice = "new_device",
    /// A recovery code was used instead of the second factor.
    RecoveryCodeUsed = "recovery_code_used",
    /// An API key was created for the account.
    ApiKeyCreated = "api_key_created",
    /// The account was deleted.
    AccountDeleted = "account_deleted",
}

impl MessageKind {
    /// How long after it was composed sending it is of use: ten minutes for a code, a day for
    /// anything else.
    pub const fn lifetime(&self) -> Duration {
        match self {
            Self::LoginCode => Duration::from_mins(10),
            Self::EmailVerification
            | Self::PasswordReset
            | Self::Invitation
            | Self::AccountExists
            | Self::AddressChanged
            | Self::PasswordChanged
            | Self::SecondFactorChanged
            | Self::NewDevice
            | Self::RecoveryCodeUsed
            | Self::ApiKeyCreated
            | Self::AccountDeleted
            | Self::Custom(_) => Duration::from_hours(24),
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_back_from_its_name() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::from(kind.as_str()), *kind);
        }
        let custom = MessageKind::Custom("newsletter".to_owned());
        assert_eq!(MessageKind::from("newsletter"), custom);
    }
}
