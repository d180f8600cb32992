//! What is recorded.

use std::fmt;

/// Defines [`Act`], its text forms and the list of all acts from one table.
macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What was done, or refused. The text form is in the audit log.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Act {
            $($(#[$doc])* $name,)*
            /// An act of the application.
            Custom(String),
        }

        impl Act {
            /// Every act of Crossauth.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Custom(name) => name,
                }
            }
        }

        impl From<&str> for Act {
            fn from(name: &str) -> Self {
                match name {
                    $($text => Self::$name,)*
                    _ => Self::Custom(name.to_owned()),
                }
            }
        }
    };
}

acts! {
    /// A user logged in.
    LoginSucceeded = "login.succeeded",
    /// The password is correct, and the login waits for more: a second factor or a new password.
    LoginFirstFactor = "login.first_factor",
    /// The password is wrong, or there is no such account.
    LoginFailed = "login.failed",
    /// The response to the second factor of a login is wrong.
    LoginFactorFailed = "login.factor_failed",
    /// The password is correct, but the state of the account does not allow login.
    LoginRefused = "login.refused",
    /// A user logged out.
    LoggedOut = "logout",
    /// A limit refused an attempt.
    LimitRefused = "limit.refused",
    /// A logged-in user showed the password once more.
    ReauthenticationSucceeded = "reauthentication.succeeded",
    /// A logged-in user gave a wrong password.
    ReauthenticationFailed = "reauthentication.failed",
    /// A user ended sessions of their own.
    SessionEnded = "session.ended",
    /// A person signed up, or an entry of the directory logged in for the first time.
    AccountCreated = "account.created",
    /// A user changed their profile.
    AccountChanged = "account.changed",
    /// A user deleted their account.
    AccountDeleted = "account.deleted",
    /// An e-mail address was verified.
    EmailVerified = "email.verified",
    /// A user asked for another e-mail address.
    EmailChangeRequested = "email.change_requested",
    /// An e-mail address was changed.
    EmailChanged = "email.changed",
    /// The change of an e-mail address was taken back.
    EmailRestored = "email.restored",
    /// A link that verifies an address is sent.
    EmailLinkSent = "email.link_sent",
    /// A user changed their password.
    PasswordChanged = "password.changed",
    /// A link that resets a password is sent.
    PasswordResetRequested = "password.reset_requested",
    /// A password was reset by a link.
    PasswordReset = "password.reset",
    /// A second factor was set up, changed or turned off.
    FactorChanged = "factor.changed",
    /// A second factor was shown for a protected request.
    FactorVerified = "factor.verified",
    /// The response to the second factor of a protected request or of a set-up is wrong.
    FactorFailed = "factor.failed",
    /// A recovery code was used in place of a second factor.
    RecoveryCodeUsed = "recovery.used",
    /// The recovery codes were replaced.
    RecoveryCodesReplaced = "recovery.replaced",
    /// A device is not asked for the second factor any more.
    DeviceRemembered = "device.remembered",
    /// A known device was forgotten.
    DeviceForgotten = "device.forgotten",
    /// A user created an API key.
    ApiKeyCreated = "apikey.created",
    /// A user deleted an API key.
    ApiKeyDeleted = "apikey.deleted",
    /// A request had an API key that is not valid.
    ApiKeyFailed = "apikey.failed",
    /// The directory changed an account: an attribute, or whether it is an administrator.
    DirectoryChanged = "directory.changed",
    /// An account was disabled because its entry in the directory is gone or may not log in.
    DirectoryDisabled = "directory.disabled",
    /// An account was enabled again because its entry in the directory may log in again.
    DirectoryEnabled = "directory.enabled",
    /// The first administrator was created with the set-up link.
    FirstAdministrator = "user.first_administrator",
    /// An administrator created an account.
    UserCreated = "user.created",
    /// An administrator changed an account.
    UserChanged = "user.changed",
    /// An administrator made a user an administrator.
    UserPromoted = "user.promoted",
    /// An administrator made an administrator an ordinary user.
    UserDemoted = "user.demoted",
    /// An administrator disabled an account.
    UserDisabled = "user.disabled",
    /// An administrator enabled an account.
    UserEnabled = "user.enabled",
    /// An administrator changed the state of an account in another way.
    UserStateChanged = "user.state_changed",
    /// An administrator deleted an account.
    UserDeleted = "user.deleted",
    /// An administrator set a password.
    UserPasswordSet = "user.password_set",
    /// An administrator sent a link that resets the password.
    UserResetSent = "user.reset_sent",
    /// An administrator removed the second factor of an account.
    UserFactorReset = "user.factor_reset",
    /// An administrator linked an account to an entry of the directory.
    UserLinked = "user.linked",
    /// An administrator ended the link of an account to its entry of the directory.
    UserUnlinked = "user.unlinked",
    /// An administrator ended sessions of a user.
    UserSessionsEnded = "user.sessions_ended",
    /// An administrator forgot known devices of a user.
    UserDevicesForgotten = "user.devices_forgotten",
    /// An administrator created an API key for a user, or one without owner.
    UserApiKeyCreated = "user.apikey_created",
    /// An administrator deleted an API key of a user, or one without owner.
    UserApiKeyDeleted = "user.apikey_deleted",
    /// The accounts of another database were imported.
    UsersImported = "user.imported",
    /// The audit log was downloaded.
    AuditExported = "audit.exported",
    /// The personal data of a deleted user was erased from the audit log.
    AuditErased = "audit.erased",
}

impl Act {
    /// Whether it is the act of an administrator: its name begins with `user.` or `audit.`.
    pub fn is_administrative(&self) -> bool {
        let name = self.as_str();
        name.starts_with("user.") || name.starts_with("audit.")
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_is_read_back_from_its_name() {
        for act in Act::ALL {
            assert_eq!(Act::from(act.as_str()), *act);
        }
        assert_eq!(Act::from("invoice.paid"), Act::Custom("invoice.paid".to_owned()));
    }

    #[test]
    fn acts_of_administrators_are_recognised() {
        assert!(Act::UserDisabled.is_administrative());
        assert!(!Act::AccountDeleted.is_administrative());
    }
}
