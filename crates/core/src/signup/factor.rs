//! Sign-up with a second factor.

use std::sync::Arc;

use super::{Signup, SignupOutcome, SignupRequest, taken_name};
use crate::account::AccountError;
use crate::challenge::TakenAddress;
use crate::enrolment::Begun;
use crate::factor::{Factor, Factors};
use crate::form::{Field, FieldError, Rule};
use crate::login::Door;
use crate::storage::StoredUser;
use crate::user::{FactorName, NewUser, UserState};

impl Signup {
    /// The second factor that a form chooses, which the account can have.
    pub(super) fn chosen_factor(
        &self,
        request: &SignupRequest<'_>,
        user: &NewUser,
    ) -> Result<Option<&Arc<dyn Factor>>, AccountError> {
        let factor = match request.factor2 {
            Some(name) => self.factors.choose(name).map_err(|_| AccountError::FactorUnavailable)?,
            None => self.factors.default_choice(),
        };
        let missing = factor.and_then(|factor| Factors::missing_field(&**factor, user));
        match missing {
            None => Ok(factor),
            Some("email") => Err(form_error(Field::Email)),
            Some(field) => Err(form_error(Field::Extra(field.to_owned()))),
        }
    }

    /// Continues a sign-up that was left before its second factor was set up: with the chosen
    /// factor, or that of the account. It has none if its password was reset while the address was not
    /// verified.
    pub(super) async fn resume(
        &self,
        (stored, taken): (StoredUser, Option<TakenAddress>),
        chosen: Option<&str>,
        door: Door<'_>,
    ) -> Result<SignupOutcome, AccountError> {
        let own = stored.second_factor().cloned();
        let chosen = chosen.and_then(FactorName::optional).or_else(|| own.clone());
        let factor = chosen.ok_or(AccountError::FactorNeeded)?;
        let must_verify = self.verification.is_enabled()
            // One that is not offered any more may have been to prove the address.
            && self.proves_email(own.as_ref()).unwrap_or(true)
            && self.proves_email(Some(&factor)) == Some(false);
        if !must_verify {
            return self.set_up((stored, taken), &factor, door).await;
        }
        let changed = self.enrolment.choose_unproved(&stored, &factor).await?;
        let stored = changed.ok_or_else(taken_name)?;
        self.set_up((stored, taken), &factor, door).await
    }

    /// Whether a factor proves the e-mail address; `None` if it is not offered.
    fn proves_email(&self, factor: Option<&FactorName>) -> Option<bool> {
        let factor = self.factors.find(factor?)?;
        Some(factor.describe().proves_email)
    }

    /// Begins to set up a second factor of an account.
    pub(super) async fn set_up(
        &self,
        account: (StoredUser, Option<TakenAddress>),
        factor: &FactorName,
        door: Door<'_>,
    ) -> Result<SignupOutcome, AccountError> {
        match self.enrolment.begin_sign_up(account, factor, door).await? {
            Ok(waiting) => Ok(SignupOutcome::SetUpFactor(Box::new(waiting))),
            Err(Begun::TooMany { retry_at }) => Ok(SignupOutcome::TooMany { retry_at }),
            Err(Begun::InvalidEmail) => Err(form_error(Field::Email)),
            Err(Begun::InvalidPhone) => Err(form_error(Field::Extra("phone".into()))),
            Err(
                Begun::Waiting { .. }
                | Begun::TurnedOff { .. }
                | Begun::NeedsFactor
                | Begun::NeedsPassword
                | Begun::WrongPassword
                | Begun::Unavailable
                | Begun::NoSecret
                | Begun::NotPermitted
                | Begun::Refused(_),
            ) => Err(AccountError::FactorUnavailable),
        }
    }
}

fn form_error(field: Field) -> AccountError {
    AccountError::Form(vec![FieldError::new(field, Rule::Format)])
}

/// Makes a new account wait for its second factor. A factor that proves the address leaves no need
/// to verify it once more.
pub(super) fn expect_factor(user: &mut NewUser, factor: &dyn Factor) {
    let description = factor.describe();
    let must_verify = user.state == UserState::AwaitingEmailVerification;
    user.state = if must_verify && !description.proves_email {
        UserState::AwaitingTwoFactorSetupAndEmailVerification
    } else {
        UserState::AwaitingTwoFactorSetup
    };
    user.factor2 = Some(description.name.clone());
}
