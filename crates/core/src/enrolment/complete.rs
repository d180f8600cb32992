//! Completing a change of the second factor: it comes into force with everything that belongs to
//! it, in one transaction.

use serde_json::{Map, Value};

use super::{Begun, Enrolment, EnrolmentError};
use crate::audit::{Act, AuditEvent};
use crate::challenge::{Accepted, Account, Judged, PendingFactor, Reason, Rejection};
use crate::factor::Purpose;
use crate::key::{Key, KeyPrefix};
use crate::limit::Client;
use crate::message::{Message, MessageKind};
use crate::recovery;
use crate::session::{BeginOptions, NewSession, Persistence, Replaced, Session, SessionId};
use crate::storage::{Change, Changed, Effects, EndSessions, Guard, StorageError};
use crate::user::{
    FactorName, Patch, Refusal, SecretsUpdate, StateChecks, StateEvent, User, UserUpdate,
};

/// The code of a factor that is set up.
#[derive(Debug)]
pub struct SetUpAttempt<'a> {
    /// The current session of the browser.
    pub session: &'a Session,
    /// The fields of the request. Only those of the factor are read.
    pub fields: &'a Map<String, Value>,
    /// Whether the cookie of the first session of a user outlives the browser; `None` for what the
    /// sign-up or the login said. A session that continues keeps its persistence.
    pub persist: Option<Persistence>,
}

impl<'a> SetUpAttempt<'a> {
    /// A code, with the persistence that the sign-up or the login said.
    pub fn new(session: &'a Session, fields: &'a Map<String, Value>) -> Self {
        Self { session, fields, persist: None }
    }
}

/// The outcome of completing a set-up.
#[derive(Debug)]
pub enum Completed {
    /// The factor is in force. All sessions of the user have ended.
    Done {
        /// The user.
        user: Box<User>,
        /// The new session.
        session: Box<NewSession>,
        /// Recovery codes, which are never shown again. Older ones are invalid.
        recovery_codes: Vec<String>,
    },
    /// The factor of a sign-up is in force. The e-mail address must be verified before the first
    /// login, and the link for that was sent. The session has ended. If another account has the
    /// address, its owner was notified instead.
    VerifyEmail {
        /// Recovery codes, which are never shown again.
        recovery_codes: Vec<String>,
    },
    /// The code is rejected. The factor goes on waiting, unless it is [`Gone`](Rejection::Gone).
    Rejected(Rejection),
    /// The account's state does not allow it.
    Refused(Refusal),
}

/// What a change of the factor stores besides.
struct Issued {
    session: Option<(SessionId, Key)>,
    keys: Vec<Key>,
}

/// Kinds of keys that a change of the factor deletes. A change of the e-mail address that waits for
/// its link was permitted by the factor before.
fn revoked(reason: Reason) -> &'static [KeyPrefix] {
    match reason {
        Reason::Change | Reason::Reset => {
            &[KeyPrefix::KnownDevice, KeyPrefix::RecoveryCode, KeyPrefix::EmailVerification]
        }
        Reason::Login | Reason::Signup => &[KeyPrefix::KnownDevice, KeyPrefix::RecoveryCode],
    }
}

impl Enrolment {
    /// Confirms the factor that waits in a session, which is in force from then on. Ends all
    /// sessions, known devices and recovery codes of the user, and begins a new session.
    pub async fn complete(&self, attempt: SetUpAttempt<'_>) -> Result<Completed, EnrolmentError> {
        let Some((slot, account)) = self.waiting_account(attempt.session).await? else {
            return Ok(Completed::Rejected(Rejection::Gone));
        };
        let fields = attempt.fields;
        let client = Client::default();
        let judged = self.challenges.judge(&account, &slot.pending, Purpose::SetUp, fields, client);
        match judged.await? {
            Judged::Rejected(rejection) => Ok(Completed::Rejected(rejection)),
            Judged::Accepted(accepted) => self.enrol(&attempt, &slot, &account, &accepted).await,
        }
    }

    async fn enrol(
        &self,
        attempt: &SetUpAttempt<'_>,
        slot: &PendingFactor,
        account: &Account,
        accepted: &Accepted,
    ) -> Result<Completed, EnrolmentError> {
        let Some(next) = account.user.state.after(StateEvent::TwoFactorSetUp) else {
            return Ok(not_allowed(account));
        };
        let (recovery_codes, keys) = recovery::make(&*self.random, &*self.clock);
        let logs_in = next.refusal(StateChecks::ALL).is_none();
        let persist = attempt.persist.or_else(|| slot.persistence());
        let next_session = || self.next_session(attempt.session, slot.reason, persist, account);
        let issued = Issued { session: logs_in.then(next_session), keys };
        let factor = &slot.pending.factor2;
        let (user, secrets) = (self.user_update(slot), self.secrets(account, accepted)?);
        let notice = self.notice(slot.reason, &account.user, Some(factor))?;
        let replaced = Replaced::from(&attempt.session.id).stored_value();
        let change = Change {
            user,
            secrets,
            event: Some(StateEvent::TwoFactorSetUp),
            guard: Guard::CredentialsAre(&account.credentials),
            effects: Effects {
                uses: Some(&accepted.acceptance.uses),
                sessions: EndSessions::All,
                revoke: revoked(slot.reason),
                replaces: Some(&replaced),
                must_replace: true,
                issue: &issued.all(),
                send: notice.as_slice(),
                audit: &self.events(&account.user, Some(factor), logs_in.then_some(slot.reason)),
                ..Effects::default()
            },
        };
        Ok(match self.users.change(&account.user.id, &change).await? {
            Changed::Done(stored) => {
                self.challenges.succeeded(account, accepted).await;
                tracing::info!(user = %stored.id(), %factor, "second factor set up");
                let user = stored.regardless_of_state().0;
                let Some((id, key)) = issued.session else {
                    self.verification.ensure_link(&user.id).await;
                    return Ok(Completed::VerifyEmail { recovery_codes });
                };
                let session = Box::new(self.sessions.prepared(id, &key, user.clone()));
                Completed::Done { user: Box::new(user), session, recovery_codes }
            }
            Changed::AlreadyUsed => Completed::Rejected(Rejection::Wrong),
            Changed::NotAllowed => not_allowed(account),
            Changed::NoSuchUser
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::SessionGone
            | Changed::DoneUnreadable
            | Changed::UsernameTaken
            | Changed::EmailTaken => Completed::Rejected(Rejection::Gone),
        })
    }

    /// The factor, and the new value of the field on which it depends.
    fn user_update(&self, slot: &PendingFactor) -> UserUpdate {
        let name = &slot.pending.factor2;
        let factor = self.challenges.factors.find(name);
        let field = factor.and_then(|factor| factor.describe().bound_field);
        let bound = field.zip(slot.bound.as_deref());
        let bound = bound.map(|(field, value)| (field.to_owned(), value.into()));
        UserUpdate {
            factor2: Patch::Set(name.clone()),
            extra: bound.into_iter().collect(),
            ..UserUpdate::default()
        }
    }

    /// The secrets of a new factor, encrypted; that of a factor before is deleted.
    fn secrets(
        &self,
        account: &Account,
        accepted: &Accepted,
    ) -> Result<SecretsUpdate, StorageError> {
        let mut secrets = accepted.acceptance.secrets.clone();
        if secrets.totpsecret == Patch::Keep && account.secrets.totpsecret.is_some() {
            secrets.totpsecret = Patch::Clear;
        }
        // Programs of upstream read their own tables, and no encrypted secrets.
        if account.is_ours { self.challenges.vault.seal_secrets(secrets) } else { Ok(secrets) }
    }

    /// Turns the second factor off. The caller has checked that this is permitted.
    pub(super) async fn turn_off(
        &self,
        session: &Session,
        account: &Account,
    ) -> Result<Begun, EnrolmentError> {
        let Some(next) = account.user.state.after(StateEvent::TwoFactorTurnedOff) else {
            return Ok(Begun::NotPermitted);
        };
        if let Some(refusal) = next.refusal(StateChecks::ALL) {
            return Ok(Begun::Refused(refusal));
        }
        let reason = if session.user.is_some() { Reason::Change } else { Reason::Reset };
        let issued = Issued {
            session: Some(self.next_session(session, reason, None, account)),
            keys: Vec::new(),
        };
        let notice = self.notice(reason, &account.user, None)?;
        let audit = self.events(&account.user, None, Some(reason));
        let replaced = Replaced::from(&session.id).stored_value();
        let change = Change {
            user: UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() },
            secrets: SecretsUpdate { totpsecret: Patch::Clear, ..SecretsUpdate::default() },
            event: Some(StateEvent::TwoFactorTurnedOff),
            guard: Guard::CredentialsAre(&account.credentials),
            effects: Effects {
                sessions: EndSessions::All,
                revoke: revoked(reason),
                replaces: Some(&replaced),
                must_replace: true,
                issue: &issued.all(),
                send: notice.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
        };
        let changed = self.users.change(&account.user.id, &change).await?;
        let (Changed::Done(stored), Some((id, key))) = (changed, issued.session) else {
            return Ok(Begun::NotPermitted);
        };
        let (user, _) = stored.regardless_of_state();
        tracing::info!(user = %user.id, "second factor turned off");
        let session = Box::new(self.sessions.prepared(id, &key, user));
        Ok(Begun::TurnedOff { session })
    }

    /// The session after a change of the factor: the same with a new id or, for a user who was not
    /// logged in, a new one.
    fn next_session(
        &self,
        session: &Session,
        reason: Reason,
        persist: Option<Persistence>,
        account: &Account,
    ) -> (SessionId, Key) {
        match reason {
            Reason::Change => self.sessions.prepare_rotated(session),
            Reason::Login | Reason::Signup | Reason::Reset => {
                let replaces = Replaced::new(&session.id, &session.key);
                let persist = persist.or_else(|| replaces.chosen_persistence());
                let replaces = Some(replaces);
                let beginning = BeginOptions { replaces, persist, ..BeginOptions::default() };
                self.sessions.prepare(&account.user.id, &beginning)
            }
        }
    }

    /// The events of a change, and of a login that follows for this reason.
    fn events(
        &self,
        user: &User,
        factor: Option<&FactorName>,
        logs_in: Option<Reason>,
    ) -> Vec<AuditEvent> {
        let log = &self.challenges.audit;
        let named = factor.or(user.factor2.as_ref()).map(ToString::to_string);
        let event = log.event(Act::FactorChanged).about(user);
        let changed = event.detail("action", action(user, factor)).detail("factor", named);
        let login = logs_in.filter(|reason| *reason != Reason::Change);
        let login = login.map(|_| log.event(Act::LoginSucceeded).about(user));
        std::iter::once(changed).chain(login).collect()
    }

    /// The notice of a change; a sign-up is none.
    fn notice(
        &self,
        reason: Reason,
        user: &User,
        factor: Option<&FactorName>,
    ) -> Result<Option<Message>, StorageError> {
        if reason == Reason::Signup {
            return Ok(None);
        }
        let action = action(user, factor);
        let named = factor.or(user.factor2.as_ref());
        let named = named.and_then(|factor| self.challenges.factors.find(factor));
        let named = named.map(|factor| factor.describe().friendly_name.as_str());
        let variables = [("action", action.into()), ("factor", named.into())];
        self.challenges.notices.compose(MessageKind::SecondFactorChanged, user, &variables)
    }
}

impl Issued {
    fn all(&self) -> Vec<Key> {
        self.session.iter().map(|(_, key)| key).chain(&self.keys).cloned().collect()
    }
}

/// What is done to the factor of a user.
fn action(user: &User, factor: Option<&FactorName>) -> &'static str {
    match (&user.factor2, factor) {
        (_, None) => "removed",
        (None, Some(_)) => "added",
        (Some(_), Some(_)) => "changed",
    }
}

fn not_allowed(account: &Account) -> Completed {
    let refusal = account.user.state.refusal(StateChecks::ALL);
    Completed::Refused(refusal.unwrap_or(Refusal::NotActive))
}
