//! Second factors of accounts: set up, replace, change, turn off.
//!
//! A factor that is being set up waits in the session, and is not in force before a correct code
//! of it. Until then, the present factor is.

mod begin;
mod complete;
mod sign_up;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::challenge::{Account, Challenges, PendingFactor, Reason};
use crate::clock::{Clock, Timestamp};
use crate::deps::Deps;
use crate::directory::DirectoryError;
use crate::email_verification::EmailVerification;
use crate::factor::{FactorError, Kind, Purpose};
use crate::login::{Login, LoginError};
use crate::password::HashError;
use crate::protected::FactorProof;
use crate::random::Random;
use crate::reauthentication::Reauthentication;
use crate::secret::Password;
use crate::session::{NewSession, Session, Sessions};
use crate::storage::{StorageError, StoredUser, UserStore};
use crate::user::{FactorName, Refusal, User, UserId};

pub use complete::{Completed, SetUpAttempt};
pub use sign_up::SignupFactor;

/// How long a factor waits for its confirmation.
const LIFETIME: Duration = Duration::from_mins(30);

/// What a user has proved in this request, to change the second factor.
#[derive(Debug, Default)]
pub struct Assurance<'a> {
    /// The confirmed second factor, for accounts that have one.
    pub factor: Option<&'a FactorProof>,
    /// The password, for accounts without one whose login is not fresh.
    pub password: Option<Password>,
}

/// The outcome of beginning to change the second factor.
#[derive(Debug)]
pub enum Begun {
    /// The factor waits for a correct code of it.
    Waiting {
        /// The factor.
        factor: FactorName,
        /// What the browser is shown, once: it may have a secret.
        shown: Map<String, Value>,
    },
    /// The account has no second factor any more. The session has a new id.
    TurnedOff {
        /// The session.
        session: Box<NewSession>,
    },
    /// The present factor must be confirmed: see [`Protection`](crate::protected::Protection).
    NeedsFactor,
    /// The login is not fresh: the password must be typed once more.
    NeedsPassword,
    /// The password is wrong.
    WrongPassword,
    /// The factor is not offered.
    Unavailable,
    /// The present factor has no secret that could be replaced.
    NoSecret,
    /// The account has no valid e-mail address, which the factor needs.
    InvalidEmail,
    /// The account has no valid phone number, which the factor needs.
    InvalidPhone,
    /// Too many codes were sent, or the password was wrong too often.
    TooMany {
        /// When the next attempt is allowed.
        retry_at: Timestamp,
    },
    /// The session does not permit it, or not any more.
    NotPermitted,
    /// The account's state does not allow it.
    Refused(Refusal),
}

/// Changing the second factor failed for a technical reason.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// No capacity for hashing at the moment.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The directory, which verifies the password of the account, cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The factor failed.
    #[error(transparent)]
    Factor(FactorError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<FactorError> for EnrolmentError {
    fn from(error: FactorError) -> Self {
        match LoginError::from(error) {
            LoginError::Hash(error) => Self::Hash(error),
            LoginError::Directory(error) => Self::Directory(error),
            LoginError::Factor(error) => Self::Factor(error),
            LoginError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<LoginError> for EnrolmentError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Hash(error) => Self::Hash(error),
            LoginError::Directory(error) => Self::Directory(error),
            LoginError::Factor(error) => Self::Factor(error),
            LoginError::Storage(error) => Self::Storage(error),
        }
    }
}

/// A factor that waits for its confirmation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WaitingFactor {
    /// The username.
    pub username: String,
    /// The factor.
    pub factor: FactorName,
    /// What the browser is shown. A code is not sent once more for it.
    pub shown: Map<String, Value>,
}

/// Sets up, changes and turns off second factors.
pub struct Enrolment {
    challenges: Arc<Challenges>,
    users: Arc<dyn UserStore>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) login: Arc<Login>,
    pub(crate) verification: Arc<EmailVerification>,
    reauthentication: Arc<Reauthentication>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// The use cases that setting up a factor takes.
#[derive(Clone)]
pub(crate) struct EnrolmentParts {
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) login: Arc<Login>,
    pub(crate) verification: Arc<EmailVerification>,
    pub(crate) reauthentication: Arc<Reauthentication>,
}

impl Enrolment {
    pub(crate) fn new(deps: &Deps, parts: EnrolmentParts) -> Self {
        let EnrolmentParts { challenges, sessions, login, verification, reauthentication } = parts;
        Self {
            challenges,
            users: deps.storage.users.clone(),
            sessions,
            login,
            verification,
            reauthentication,
            clock: deps.clock.clone(),
            random: deps.random.clone(),
        }
    }

    /// The factor that waits in a session, to show the page of its set-up once more; `None` if none
    /// waits, or not any more.
    pub async fn waiting(
        &self,
        session: &Session,
    ) -> Result<Option<WaitingFactor>, EnrolmentError> {
        let Some((slot, account)) = self.waiting_account(session).await? else { return Ok(None) };
        let Some(factor) = self.challenges.factors.find(&slot.pending.factor2) else {
            return Ok(None);
        };
        let state = self.challenges.vault.open_json(&slot.pending.secrets);
        let shown = if factor.describe().kind == Kind::Oob {
            let mut shown = Map::new();
            shown.insert("username".into(), slot.pending.username.as_str().into());
            shown.insert("factor2".into(), slot.pending.factor2.as_str().into());
            shown
        } else {
            let subject = account.subject();
            factor.challenge(&subject, Purpose::SetUp, state.as_ref()).await?.shown
        };
        let (username, factor) = (slot.pending.username, slot.pending.factor2);
        Ok(Some(WaitingFactor { username, factor, shown }))
    }

    /// A user in any state.
    pub(crate) async fn account(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        self.users.find_by_id(id).await
    }

    /// What is being set up in a session, and for which account.
    async fn waiting_account(
        &self,
        session: &Session,
    ) -> Result<Option<(PendingFactor, Account)>, StorageError> {
        let Some(slot) = waiting_slot(session) else { return Ok(None) };
        let account = self.challenges.account_of(&slot.pending).await?;
        let factor = self.challenges.factors.find(&slot.pending.factor2);
        let account = match (account, factor, &slot.bound) {
            (Some(account), Some(factor), Some(value)) => {
                Some(begin::with_bound(account, factor, value))
            }
            (account, _, _) => account,
        };
        Ok(account.map(|account| (slot, account)))
    }

    /// Whether the user of a session must type the password to set up a first factor: the login is
    /// not fresh.
    pub fn needs_password(&self, session: &Session) -> bool {
        let has_factor = session.user.as_ref().is_none_or(|user| user.factor2.is_some());
        !has_factor && !self.reauthentication.is_fresh(session)
    }
}

/// What is being set up in a session. A set-up of the user of the session belongs to that user.
fn waiting_slot(session: &Session) -> Option<PendingFactor> {
    let slot = session.key.data.slot::<PendingFactor>().ok().flatten()?;
    let user: Option<&User> = session.user.as_ref();
    let is_permitted = match slot.reason {
        Reason::Login => false,
        Reason::Signup | Reason::Reset => user.is_none(),
        Reason::Change => user.is_some_and(|user| user.id == slot.pending.userid),
    };
    is_permitted.then_some(slot)
}
