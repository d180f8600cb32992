//! The second step of a login: begin, complete, send again, cancel.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Door, Login, LoginError, LoginOutcome};
use crate::audit::Act;
use crate::challenge::{
    Accepted, Account, Judged, Made, MakeError, PendingFactor, Reason, Rejection, Resent,
};
use crate::clock::Timestamp;
use crate::device::{MAX_NAME_LEN, NewDevice};
use crate::factor::{Factor, FactorError, Purpose};
use crate::key::{DataChange, KeyData, KeyPrefix, Owner, Slot};
use crate::limit::Client;
use crate::message::{Message, MessageKind};
use crate::session::{
    BeginOptions, Begun, NewSession, Persistence, Replaced, Session, With, updated,
};
use crate::storage::StorageError;
use crate::user::{FactorName, Refusal};
use crate::visitor::Visitor;

/// How long a login waits for its second factor.
const LIFETIME: Duration = Duration::from_mins(15);

/// A login that waits for the second factor.
#[derive(Debug)]
#[non_exhaustive]
pub struct SecondFactorNeeded {
    /// The anonymous session in which the login waits. `None` if it waits in the session of the
    /// user who is logged in, which goes on until the login is complete.
    pub session: Option<Box<NewSession>>,
    /// The factor.
    pub factor: FactorName,
    /// What the browser is shown.
    pub shown: Map<String, Value>,
}

/// A login that waits in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingLogin {
    /// The username.
    pub username: String,
    /// The factor.
    pub factor: FactorName,
    /// Whether the cookie of the session outlives the browser, if the login says.
    pub persist: Option<Persistence>,
    /// When it expires.
    pub expires: Timestamp,
}

/// The response to the challenge of the second factor.
#[derive(Debug)]
pub struct SecondFactorAttempt<'a> {
    /// The current session of the browser.
    pub session: &'a Session,
    /// The fields of the request. Only those of the factor and `recovery_code` are read.
    pub fields: &'a Map<String, Value>,
    /// Whether the cookie outlives the browser; `None` for what the login said.
    pub persist: Option<Persistence>,
    /// The name of the device, usually from its description of itself, if the second factor is not
    /// to be asked for on it again.
    pub remember: Option<&'a str>,
    /// The cookie of a [known browser](crate::known_browser).
    pub browser: Option<&'a str>,
    /// The visitor.
    pub visitor: Visitor<'a>,
}

impl<'a> SecondFactorAttempt<'a> {
    /// A response on a device that is not remembered, with the persistence that the login said.
    pub fn new(session: &'a Session, fields: &'a Map<String, Value>) -> Self {
        let visitor = Visitor::default();
        Self { session, fields, persist: None, remember: None, browser: None, visitor }
    }
}

/// The outcome of the second step of a login.
#[derive(Debug)]
pub enum SecondFactorOutcome {
    /// The session of the user has begun.
    LoggedIn {
        /// The session.
        session: Box<NewSession>,
        /// The cookie of the device, if it is remembered.
        device: Option<NewDevice>,
    },
    /// The response is rejected.
    Rejected(Rejection),
    /// The account's state does not allow login.
    Refused(Refusal),
}

impl Login {
    /// The login that waits in a session; `None` if there is none or it has expired.
    pub fn pending(&self, session: &Session) -> Option<PendingLogin> {
        let slot = self.pending_login(session)?;
        let (persist, expires) = (slot.persistence(), slot.pending.expires());
        let (username, factor) = (slot.pending.username, slot.pending.factor2);
        Some(PendingLogin { username, factor, persist, expires })
    }

    /// Verifies the second factor, or a recovery code in its place, and begins the session of the
    /// user in place of the one in which the login waited.
    pub async fn complete(
        &self,
        attempt: SecondFactorAttempt<'_>,
    ) -> Result<SecondFactorOutcome, LoginError> {
        const GONE: SecondFactorOutcome = SecondFactorOutcome::Rejected(Rejection::Gone);
        let Some(slot) = self.pending_login(attempt.session) else { return Ok(GONE) };
        let Some(account) = self.challenges.account_of(&slot.pending).await? else {
            return Ok(GONE);
        };
        if account.user.factor2.as_ref() != Some(&slot.pending.factor2) {
            return Ok(GONE);
        }
        let SecondFactorAttempt { fields, browser, visitor, .. } = attempt;
        let client = Client { browser, visitor };
        let judged = self.challenges.judge(&account, &slot.pending, Purpose::Login, fields, client);
        match judged.await? {
            Judged::Rejected(rejection) => Ok(SecondFactorOutcome::Rejected(rejection)),
            Judged::Accepted(accepted) => self.log_in(&attempt, &slot, &account, &accepted).await,
        }
    }

    async fn log_in(
        &self,
        attempt: &SecondFactorAttempt<'_>,
        slot: &PendingFactor,
        account: &Account,
        accepted: &Accepted,
    ) -> Result<SecondFactorOutcome, LoginError> {
        let device = attempt.remember.and_then(|name| self.devices.make(Some(name)));
        let remembered = attempt.remember.filter(|_| device.is_some());
        let send = self.notices_of_login(account, accepted, remembered).await?;
        let mut audit = self.challenges.events_of(Act::LoginSucceeded, &account.user, accepted);
        if device.is_some() {
            audit.push(self.audit().event(Act::DeviceRemembered).about(&account.user));
        }
        let beginning = BeginOptions {
            replaces: Some(Replaced::new(&attempt.session.id, &attempt.session.key)),
            must_replace: true,
            credentials: Some(&account.credentials),
            uses: Some(&accepted.acceptance.uses),
            revoke: &[KeyPrefix::PasswordReset],
            issue: device.as_ref().map_or(&[], |(_, key)| std::slice::from_ref(key)),
            send: &send,
            audit: &audit,
            persist: attempt.persist.or_else(|| slot.persistence()),
            ..BeginOptions::default()
        };
        let user = &account.user.id;
        Ok(match self.sessions.begin(Owner::User(user), beginning).await? {
            Begun::Session(session) => {
                self.challenges.succeeded(account, accepted).await;
                let factor = &slot.pending.factor2;
                tracing::info!(%user, %factor, session = %session.id.digest(), "logged in");
                SecondFactorOutcome::LoggedIn { session, device: device.map(|(device, _)| device) }
            }
            Begun::AlreadyUsed => {
                tracing::warn!(%user, "a code was presented again, or never existed");
                self.challenges.record_wrong_code(&account.user, Purpose::Login).await?;
                SecondFactorOutcome::Rejected(Rejection::Wrong)
            }
            Begun::NoSuchUser | Begun::CredentialsChanged | Begun::SessionGone => {
                SecondFactorOutcome::Rejected(Rejection::Gone)
            }
            Begun::Refused(refusal) => SecondFactorOutcome::Refused(refusal),
        })
    }

    async fn notices_of_login(
        &self,
        account: &Account,
        accepted: &Accepted,
        device: Option<&str>,
    ) -> Result<Vec<Message>, StorageError> {
        let mut send = Vec::new();
        if accepted.by_recovery_code {
            send.extend(self.challenges.recovery_notice(account).await?);
        }
        if let Some(name) = device {
            let name: String = name.chars().take(MAX_NAME_LEN).collect();
            let time = self.challenges.now().to_rfc3339();
            let device = [("device", name.into()), ("time", time.into())];
            let notices = &self.challenges.notices;
            send.extend(notices.compose(MessageKind::NewDevice, &account.user, &device)?);
        }
        Ok(send)
    }

    /// Sends another code to the user of a waiting login. The one before is not valid any more, and
    /// the count of wrong codes goes on.
    pub async fn resend(&self, session: &Session) -> Result<Resent, LoginError> {
        let (slot, purpose) = (self.pending_login(session), Purpose::Login);
        let resent = self.challenges.resend(&self.sessions, &session.id, slot, purpose);
        Ok(resent.await?)
    }

    /// Gives a waiting login up; returns whether there was one.
    pub async fn cancel(&self, session: &Session) -> Result<bool, LoginError> {
        if self.pending_login(session).is_none() {
            return Ok(false);
        }
        let change = DataChange::remove_slot::<PendingFactor>();
        let changed = self.sessions.change(&session.id, &[change], With::default()).await;
        Ok(updated(changed)?.is_some())
    }

    /// Begins to wait for the second factor: in an anonymous session or, if a user is logged in, in
    /// theirs, which ends only when the login is complete.
    pub(super) async fn begin_second_factor(
        &self,
        account: &Account,
        factor: &Arc<dyn Factor>,
        door: Door<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let made =
            self.challenges.make(account, factor, Purpose::Login, None, LIFETIME, door.visitor);
        let Made { pending, shown, send } = match made.await {
            Ok(made) => made,
            Err(MakeError::TooMany { retry_at }) => {
                return Ok(Some(LoginOutcome::TooMany { retry_at }));
            }
            Err(MakeError::Factor(FactorError::NotEnrolled)) => {
                tracing::error!(user = %account.user.id, "the second factor is not set up");
                return Ok(Some(LoginOutcome::Refused(Refusal::Factor2ResetNeeded)));
            }
            Err(MakeError::Factor(error)) => return Err(error.into()),
        };
        let slot = PendingFactor {
            pending,
            reason: Reason::Login,
            two_factor_initiated: true,
            persist: door.persist.map(|persist| persist == Persistence::Persistent),
            bound: None,
        };
        let event = self.audit().event(Act::LoginFirstFactor).about(&account.user);
        let with = With { send: &send, audit: slice::from_ref(&event), ..With::default() };
        let session = self.wait(&slot, with, door).await?;
        let factor = slot.pending.factor2;
        let needed = SecondFactorNeeded { session, factor, shown };
        Ok(Some(LoginOutcome::SecondFactor(Box::new(needed))))
    }

    /// Stores a login that waits; returns the session if it is a new one.
    async fn wait(
        &self,
        slot: &PendingFactor,
        with: With<'_>,
        door: Door<'_>,
    ) -> Result<Option<Box<NewSession>>, StorageError> {
        if let Some(id) = door.replaces.and_then(|old| old.users_session()) {
            let change = DataChange::slot(slot).map_err(StorageError::bug)?;
            if updated(self.sessions.change(id, &[change], with).await)?.is_some() {
                return Ok(None);
            }
            // It ended in this moment.
        }
        self.wait_in_new_session(slot, with, door, LIFETIME).await.map(Some)
    }

    /// Stores what waits for a factor in a new anonymous session, which replaces the present one.
    pub(crate) async fn wait_in_new_session(
        &self,
        slot: &PendingFactor,
        with: With<'_>,
        door: Door<'_>,
        lifetime: Duration,
    ) -> Result<Box<NewSession>, StorageError> {
        let change = DataChange::slot(slot).map_err(StorageError::bug)?;
        let kept = door.replaces.map(|old| old.application_data()).unwrap_or_default();
        let data = KeyData::from_object(&kept).changed(&[change]).map_err(StorageError::corrupt)?;
        let beginning = BeginOptions {
            replaces: door.replaces,
            visitor: door.visitor,
            send: with.send,
            audit: with.audit,
            lifetime: Some(lifetime),
            data,
            ..BeginOptions::default()
        };
        match self.sessions.begin(Owner::Anonymous, beginning).await? {
            Begun::Session(session) => Ok(session),
            Begun::NoSuchUser
            | Begun::CredentialsChanged
            | Begun::Refused(_)
            | Begun::AlreadyUsed
            | Begun::SessionGone => {
                Err(StorageError::bug("the store reports a user of an anonymous session"))
            }
        }
    }

    fn pending_login(&self, session: &Session) -> Option<PendingFactor> {
        let slot = session.key.data.slot::<PendingFactor>();
        let slot = slot.inspect_err(|error| {
            tracing::warn!(%error, slot = PendingFactor::NAME, "a pending login is unreadable");
        });
        slot.ok().flatten().filter(|slot| {
            slot.reason == Reason::Login
                && slot.two_factor_initiated
                && !slot.pending.is_expired(self.challenges.now())
        })
    }
}
