//! Setting up the second factor of a new account.

use serde_json::{Map, Value};

use super::begin::refused;
use super::{Begun, Enrolment, EnrolmentError, LIFETIME};
use crate::challenge::{Made, PendingFactor, Reason, TakenAddress};
use crate::factor::Purpose;
use crate::login::Door;
use crate::session::{NewSession, Persistence, With};
use crate::storage::{Change, Changed, Guard, StorageError, StoredUser};
use crate::user::{FactorName, Patch, Refusal, StateChecks, StateEvent, UserUpdate};

/// A sign-up that waits for its second factor.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignupFactor {
    /// The anonymous session in which it waits.
    pub session: Box<NewSession>,
    /// The factor.
    pub factor: FactorName,
    /// What the browser is shown.
    pub shown: Map<String, Value>,
    /// Whether the e-mail address must be verified after it.
    pub email_verification_needed: bool,
}

impl Enrolment {
    /// Begins to set up a factor of an account that was created before, whose password the caller
    /// has checked: the first time, or where a sign-up was left. `taken` if the address has another
    /// account.
    pub(crate) async fn begin_sign_up(
        &self,
        (stored, taken): (StoredUser, Option<TakenAddress>),
        factor: &FactorName,
        door: Door<'_>,
    ) -> Result<Result<SignupFactor, Begun>, EnrolmentError> {
        let Some(factor) = self.challenges.factors.find(factor) else {
            return Ok(Err(Begun::Unavailable));
        };
        let account = self.challenges.open(stored)?.with_taken_address(taken);
        let (purpose, visitor) = (Purpose::SetUp, door.visitor);
        let made = self.challenges.make(&account, factor, purpose, None, LIFETIME, visitor);
        let Made { pending, shown, send } = match made.await {
            Ok(made) => made,
            Err(error) => return refused(error).map(Err),
        };
        let slot = PendingFactor {
            pending,
            reason: Reason::Signup,
            two_factor_initiated: false,
            persist: door.persist.map(|persist| persist == Persistence::Persistent),
            bound: None,
        };
        let with = With { send: &send, ..With::default() };
        let session = self.login.wait_in_new_session(&slot, with, door, LIFETIME).await?;
        let next = account.user.state.after(StateEvent::TwoFactorSetUp);
        let refusal = next.and_then(|state| state.refusal(StateChecks::ALL));
        Ok(Ok(SignupFactor {
            session,
            factor: slot.pending.factor2,
            shown,
            email_verification_needed: refusal == Some(Refusal::EmailNotVerified),
        }))
    }

    /// Chooses another factor for a sign-up that waits for a factor that proves the e-mail address.
    /// The new one does not, so the address must be verified. `None` if the account has changed in
    /// this moment.
    pub(crate) async fn choose_unproved(
        &self,
        stored: &StoredUser,
        factor: &FactorName,
    ) -> Result<Option<StoredUser>, StorageError> {
        let credentials = stored.credentials();
        let change = Change {
            user: UserUpdate { factor2: Patch::Set(factor.clone()), ..UserUpdate::default() },
            event: Some(StateEvent::EmailVerificationRequired),
            guard: Guard::CredentialsAre(&credentials),
            ..Change::default()
        };
        match self.users.change(stored.id(), &change).await? {
            Changed::Done(stored) => Ok(Some(*stored)),
            Changed::NoSuchUser
            | Changed::NotAllowed
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::DoneUnreadable
            | Changed::UsernameTaken
            | Changed::EmailTaken => Ok(None),
        }
    }
}
