//! States of accounts: what they allow, and their transitions.

mod event;

use std::sync::Once;

use serde::{Serialize, Serializer};

use crate::error::ErrorCode;

pub use event::StateEvent;

/// The state of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserState {
    /// Active: login is allowed.
    Active,
    /// Disabled by an administrator.
    Disabled,
    /// Signed up; the second factor is not set up yet.
    AwaitingTwoFactorSetup,
    /// Signed up; the second factor is not set up and the e-mail address is not verified yet.
    AwaitingTwoFactorSetupAndEmailVerification,
    /// Signed up; the e-mail address is not verified yet.
    AwaitingEmailVerification,
    /// The user must choose a new password at the next login.
    PasswordChangeNeeded,
    /// The user must reset the password by e-mail.
    PasswordResetNeeded,
    /// The user must set up the second factor again.
    Factor2ResetNeeded,
    /// The user must reset the password by e-mail, then set up the second factor again.
    PasswordAndFactor2ResetNeeded,
    /// A state of the application; treated as active.
    Custom(String),
}

impl UserState {
    /// The nine states of Crossauth.
    pub const KNOWN: [Self; 9] = [
        Self::Active,
        Self::Disabled,
        Self::AwaitingTwoFactorSetup,
        Self::AwaitingTwoFactorSetupAndEmailVerification,
        Self::AwaitingEmailVerification,
        Self::PasswordChangeNeeded,
        Self::PasswordResetNeeded,
        Self::Factor2ResetNeeded,
        Self::PasswordAndFactor2ResetNeeded,
    ];

    /// The name of the state in storage and in the API.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::AwaitingTwoFactorSetup => "awaitingtwofactorsetup",
            Self::AwaitingTwoFactorSetupAndEmailVerification => {
                "awaitingtwofactorsetupandemailverification"
            }
            Self::AwaitingEmailVerification => "awaitingemailverification",
            Self::PasswordChangeNeeded => "passwordchangeneeded",
            Self::PasswordResetNeeded => "passwordresetneeded",
            Self::Factor2ResetNeeded => "factor2resetneeded",
            Self::PasswordAndFactor2ResetNeeded => "passwordandfactor2resetneeded",
            Self::Custom(name) => name,
        }
    }

    /// Why this state does not allow login, if it does not.
    pub fn refusal(&self, checks: StateChecks) -> Option<Refusal> {
        let active = |refusal| checks.active.then_some(refusal);
        let verified = || checks.email_verified.then_some(Refusal::EmailNotVerified);
        match self {
            Self::Active | Self::Custom(_) => None,
            Self::Disabled => active(Refusal::NotActive),
            Self::AwaitingTwoFactorSetup => active(Refusal::TwoFactorIncomplete),
            Self::AwaitingTwoFactorSetupAndEmailVerification => {
                active(Refusal::TwoFactorIncomplete).or_else(verified)
            }
            Self::AwaitingEmailVerification => verified(),
            Self::PasswordChangeNeeded => active(Refusal::PasswordChangeNeeded),
            Self::PasswordResetNeeded | Self::PasswordAndFactor2ResetNeeded => {
                active(Refusal::PasswordResetNeeded)
            }
            Self::Factor2ResetNeeded => active(Refusal::Factor2ResetNeeded),
        }
    }

    /// Whether nothing has proved yet that the user owns the e-mail address, where addresses are
    /// verified.
    pub(crate) fn has_unproved_address(&self) -> bool {
        matches!(
            self,
            Self::AwaitingEmailVerification
                | Self::AwaitingTwoFactorSetup
                | Self::AwaitingTwoFactorSetupAndEmailVerification
        )
    }

    /// Whether the user must set up a second factor again, which needs one that is offered.
    pub(crate) fn demands_factor(&self) -> bool {
        matches!(self, Self::Factor2ResetNeeded | Self::PasswordAndFactor2ResetNeeded)
    }

    /// Whether a user in this state can log in with the own credentials, though perhaps only after
    /// a change of the password or the second factor.
    pub fn lets_log_in(&self) -> bool {
        match self {
            Self::Active
            | Self::Custom(_)
            | Self::PasswordChangeNeeded
            | Self::Factor2ResetNeeded => true,
            Self::Disabled
            | Self::AwaitingTwoFactorSetup
            | Self::AwaitingTwoFactorSetupAndEmailVerification
            | Self::AwaitingEmailVerification
            | Self::PasswordResetNeeded
            | Self::PasswordAndFactor2ResetNeeded => false,
        }
    }
}

/// [`UserState::KNOWN`] as a static, for comparison without allocation.
static KNOWN: [UserState; 9] = UserState::KNOWN;

/// Parses a stored state. Known names are compared ignoring case: an account that another program
/// stored as `Disabled` is disabled.
impl From<&str> for UserState {
    fn from(name: &str) -> Self {
        if let Some(known) = KNOWN.iter().find(|state| state.as_str() == name) {
            return known.clone();
        }
        match KNOWN.iter().find(|state| state.as_str().eq_ignore_ascii_case(name)) {
            Some(known) => {
                warn_of_spelling(name, known);
                known.clone()
            }
            None => Self::Custom(name.to_owned()),
        }
    }
}

/// Warns once per process: many rows may have this spelling.
fn warn_of_spelling(found: &str, known: &UserState) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!(found, read_as = known.as_str(), "a user's state is spelled unusually");
    });
}

impl Serialize for UserState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The state checks to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateChecks {
    /// Refuse accounts that are disabled, incomplete, or that require a change or reset.
    pub active: bool,
    /// Refuse accounts whose e-mail address is not verified.
    pub email_verified: bool,
}

impl StateChecks {
    /// All checks, as for every login and session.
    pub const ALL: Self = Self { active: true, email_verified: true };
}

/// Why the state of an account does not allow login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account is disabled.
    #[error("the account is not active")]
    NotActive,
    /// The e-mail address is not verified.
    #[error("the e-mail address has not been verified")]
    EmailNotVerified,
    /// The second factor is not set up.
    #[error("two-factor setup is not complete")]
    TwoFactorIncomplete,
    /// The password must be changed first.
    #[error("the password must be changed")]
    PasswordChangeNeeded,
    /// The password must be reset first.
    #[error("the password must be reset")]
    PasswordResetNeeded,
    /// The second factor must be set up again first.
    #[error("the second factor must be set up again")]
    Factor2ResetNeeded,
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotActive => Self::UserNotActive,
            Refusal::EmailNotVerified => Self::EmailNotVerified,
            Refusal::TwoFactorIncomplete => Self::TwoFactorIncomplete,
            Refusal::PasswordChangeNeeded => Self::PasswordChangeNeeded,
            Refusal::PasswordResetNeeded => Self::PasswordResetNeeded,
            Refusal::Factor2ResetNeeded => Self::Factor2ResetNeeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_and_custom_states_pass_every_check() {
        let passing: Vec<_> = UserState::KNOWN
            .into_iter()
            .filter(|state| state.refusal(StateChecks::ALL).is_none())
            .collect();
        assert_eq!(passing, [UserState::Active]);
        assert_eq!(UserState::from("onholiday").refusal(StateChecks::ALL), None);
    }

    #[test]
    fn each_check_can_be_skipped_on_its_own() {
        let both = UserState::AwaitingTwoFactorSetupAndEmailVerification;
        let no_active = StateChecks { active: false, ..StateChecks::ALL };
        let no_email = StateChecks { email_verified: false, ..StateChecks::ALL };
        assert_eq!(both.refusal(no_active), Some(Refusal::EmailNotVerified));
        assert_eq!(both.refusal(no_email), Some(Refusal::TwoFactorIncomplete));
        assert_eq!(UserState::AwaitingEmailVerification.refusal(no_email), None);
        assert_eq!(UserState::Disabled.refusal(no_active), None);
        assert_eq!(UserState::Disabled.refusal(no_email), Some(Refusal::NotActive));
    }

    #[test]
    fn names_survive_a_round_trip_and_unknown_ones_are_kept() {
        for state in UserState::KNOWN {
            assert_eq!(UserState::from(state.as_str()), state);
        }
        assert_eq!(UserState::from("onholiday").as_str(), "onholiday");
    }

    #[test]
    fn known_states_are_recognised_in_any_case() {
        for state in UserState::KNOWN {
            assert_eq!(UserState::from(state.as_str().to_uppercase().as_str()), state);
        }
        assert_eq!(UserState::from("Disabled").refusal(StateChecks::ALL), Some(Refusal::NotActive));
    }
}
