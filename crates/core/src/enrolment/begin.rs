//! Beginning to change the second factor.

use std::sync::Arc;

use super::{Assurance, Begun, Enrolment, EnrolmentError, LIFETIME, waiting_slot};
use crate::challenge::{Account, Made, MakeError, PendingFactor, Reason};
use crate::factor::{Factor, FactorError, Purpose};
use crate::key::DataChange;
use crate::limit::TooMany;
use crate::reauthentication::PasswordRejection;
use crate::secret::Password;
use crate::session::{Session, With, updated};
use crate::storage::StorageError;
use crate::user::{FactorName, UserState};
use crate::visitor::Visitor;

/// The user who changes a factor, and why that is permitted.
struct Permitted {
    account: Account,
    reason: Reason,
    /// The new value of the field on which the factor depends, which the account here has already.
    bound: Option<String>,
}

impl Permitted {
    fn new(account: Account, reason: Reason) -> Self {
        Self { account, reason, bound: None }
    }
}

impl Enrolment {
    /// Begins to replace the secret of the present factor of the logged-in user.
    pub async fn configure(
        &self,
        session: &Session,
        assurance: Assurance<'_>,
    ) -> Result<Begun, EnrolmentError> {
        if session.user.is_none() {
            return Ok(Begun::NotPermitted);
        }
        let permitted = match self.permit(session, assurance).await? {
            Ok(permitted) => permitted,
            Err(refused) => return Ok(refused),
        };
        let name = permitted.account.user.factor2.as_ref();
        match name.and_then(|name| self.challenges.factors.find(name)) {
            Some(factor) if factor.describe().has_secrets => {
                self.begin(session, &permitted, factor).await
            }
            _ => Ok(Begun::NoSecret),
        }
    }

    /// Begins to set up the factor of this name or, for `none` or an empty name, turns the second
    /// factor off.
    ///
    /// For the logged-in user, or for the user of an anonymous session who
    /// [must set up a factor](crate::login::RequiredChange::Factor) before being logged in; the
    /// assurance does not matter then.
    pub async fn change(
        &self,
        session: &Session,
        factor: &str,
        assurance: Assurance<'_>,
    ) -> Result<Begun, EnrolmentError> {
        let Ok(choice) = self.challenges.factors.choose(factor) else {
            return Ok(Begun::Unavailable);
        };
        let permitted = match self.permit(session, assurance).await? {
            Ok(permitted) => permitted,
            Err(refused) => return Ok(refused),
        };
        if let Some(factor) = choice {
            return self.begin(session, &permitted, factor).await;
        }
        let Permitted { account, reason, .. } = &permitted;
        if *reason == Reason::Reset && account.user.state != UserState::Factor2ResetNeeded {
            // Its factor is not offered any more, which does not make the password enough.
            return Ok(Begun::Unavailable);
        }
        self.turn_off(session, account).await
    }

    /// Begins to set up the present factor with another value of the field on which it depends. The
    /// value is stored when the factor was confirmed with it. The caller has checked that the user
    /// may do this.
    pub(crate) async fn rebind(
        &self,
        session: &Session,
        account: &Account,
        value: String,
    ) -> Result<Begun, EnrolmentError> {
        let name = account.user.factor2.as_ref();
        let Some(factor) = name.and_then(|name| self.challenges.factors.find(name)) else {
            return Ok(Begun::Unavailable);
        };
        let account = with_bound(account.clone(), factor, &value);
        let permitted = Permitted { account, reason: Reason::Change, bound: Some(value) };
        self.begin(session, &permitted, factor).await
    }

    /// Sends another code for the factor that waits in a session, or shows its secret once more.
    pub async fn resend(&self, session: &Session) -> Result<Begun, EnrolmentError> {
        let Some((slot, account)) = self.waiting_account(session).await? else {
            return Ok(Begun::NotPermitted);
        };
        let Some(factor) = self.challenges.factors.find(&slot.pending.factor2) else {
            return Ok(Begun::Unavailable);
        };
        if let Err(TooMany { retry_at }) = self.challenges.charge_resending(&slot.pending).await? {
            return Ok(Begun::TooMany { retry_at });
        }
        let PendingFactor { reason, bound, .. } = slot;
        self.begin(session, &Permitted { account, reason, bound }, factor).await
    }

    async fn permit(
        &self,
        session: &Session,
        assurance: Assurance<'_>,
    ) -> Result<Result<Permitted, Begun>, EnrolmentError> {
        let Some(user) = &session.user else {
            return Ok(match self.login.factor_change_of(session).await? {
                Some(stored) => {
                    let account = self.challenges.open(stored)?;
                    Ok(Permitted::new(account, Reason::Reset))
                }
                None => Err(Begun::NotPermitted),
            });
        };
        let Some(account) = self.challenges.account(&user.id).await? else {
            return Ok(Err(Begun::NotPermitted));
        };
        let permitted = |account| Ok(Permitted::new(account, Reason::Change));
        if account.user.factor2.is_some() {
            let is_confirmed = assurance.factor.is_some_and(|proof| proof.is_of(&account));
            return Ok(if is_confirmed { permitted(account) } else { Err(Begun::NeedsFactor) });
        }
        match assurance.password {
            _ if self.reauthentication.is_fresh(session) => Ok(permitted(account)),
            None => Ok(Err(Begun::NeedsPassword)),
            Some(password) => Ok(match self.wrong_password(&account, password).await? {
                Some(PasswordRejection::Wrong | PasswordRejection::MustChange) => {
                    Err(Begun::WrongPassword)
                }
                Some(PasswordRejection::TooMany { retry_at }) => Err(Begun::TooMany { retry_at }),
                None => permitted(account),
            }),
        }
    }

    /// Checks the password of a logged-in user; `None` if it is correct.
    async fn wrong_password(
        &self,
        account: &Account,
        password: Password,
    ) -> Result<Option<PasswordRejection>, EnrolmentError> {
        self.reauthentication.check_account(account, password).await
    }

    /// Stores the factor in the session, where it waits for a correct code.
    async fn begin(
        &self,
        session: &Session,
        permitted: &Permitted,
        factor: &Arc<dyn Factor>,
    ) -> Result<Begun, EnrolmentError> {
        let Permitted { account, reason, bound } = permitted;
        let name = &factor.describe().name;
        // A second page shows the same secret: the user may have scanned the first.
        let previous = waiting_slot(session).filter(|slot| is_same(slot, account, name, *reason));
        let previous = previous.filter(|slot| !slot.pending.is_expired(self.clock.now()));
        let before = previous.as_ref().map(|slot| &slot.pending);
        let (purpose, visitor) = (Purpose::SetUp, Visitor::default());
        let made = self.challenges.make(account, factor, purpose, before, LIFETIME, visitor);
        let Made { pending, shown, send } = match made.await {
            Ok(made) => made,
            Err(error) => return refused(error),
        };
        let slot = PendingFactor {
            pending,
            reason: *reason,
            two_factor_initiated: false,
            persist: previous.and_then(|slot| slot.persist),
            bound: bound.clone(),
        };
        let change = DataChange::slot(&slot).map_err(StorageError::bug)?;
        let with = With { send: &send, ..With::default() };
        Ok(match updated(self.sessions.change(&session.id, &[change], with).await)? {
            Some(_) => Begun::Waiting { factor: slot.pending.factor2, shown },
            None => Begun::NotPermitted,
        })
    }
}

/// An account as it is after a change of the field on which a factor depends.
pub(super) fn with_bound(mut account: Account, factor: &Arc<dyn Factor>, value: &str) -> Account {
    if let Some(field) = factor.describe().bound_field {
        account.user.extra.insert(field.to_owned(), value.into());
    }
    account
}

fn is_same(slot: &PendingFactor, account: &Account, name: &FactorName, reason: Reason) -> bool {
    slot.reason == reason
        && slot.pending.factor2 == *name
        && slot.pending.credentials == account.digest()
}

/// The outcome where no challenge could be made.
pub(super) fn refused(error: MakeError) -> Result<Begun, EnrolmentError> {
    match error {
        MakeError::TooMany { retry_at } => Ok(Begun::TooMany { retry_at }),
        MakeError::Factor(FactorError::InvalidEmail) => Ok(Begun::InvalidEmail),
        MakeError::Factor(FactorError::InvalidPhone) => Ok(Begun::InvalidPhone),
        MakeError::Factor(error) => Err(error.into()),
    }
}
