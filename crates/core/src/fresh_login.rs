//! Fresh logins: acts of administrators, and of applications that ask for it, need a login that is
//! not older than [`fresh_for`](crate::session::SessionConfig::fresh_for). A user whose login is older
//! renews it with the password and the second factor, in a session with a new id.

use std::sync::Arc;

use crate::audit::Act;
use crate::challenge::{Challenges, without_waiting};
use crate::directory::PasswordSource;
use crate::enrolment::Assurance;
use crate::key::Owner;
use crate::login::LoginError;
use crate::reauthentication::{PasswordRejection, Reauthentication};
use crate::session::{BeginOptions, Begun, LoginKind, NewSession, Replaced, Session, Sessions};
use crate::visitor::Visitor;

/// The outcome of renewing a login.
#[derive(Debug)]
pub enum Renewal {
    /// The login is fresh, in this session, which has replaced the present one.
    Renewed(Box<NewSession>),
    /// The account has a second factor, which must be confirmed; see
    /// [`Protection`](crate::protected::Protection).
    NeedsFactor,
    /// The password is not accepted.
    Rejected(PasswordRejection),
    /// The session is anonymous or has ended, or the account may not log in any more.
    NotLoggedIn,
}

/// Judges how old logins are, and renews them.
pub struct FreshLogin {
    sessions: Arc<Sessions>,
    challenges: Arc<Challenges>,
    reauthentication: Arc<Reauthentication>,
}

impl FreshLogin {
    pub(crate) fn new(
        sessions: &Arc<Sessions>,
        challenges: &Arc<Challenges>,
        reauthentication: &Arc<Reauthentication>,
    ) -> Self {
        Self {
            sessions: sessions.clone(),
            challenges: challenges.clone(),
            reauthentication: reauthentication.clone(),
        }
    }

    /// Whether the user of a session has just logged in, or renewed the login. A login on a known
    /// device, which has not shown the second factor, is not fresh.
    pub fn is_fresh(&self, session: &Session) -> bool {
        session.user.is_some()
            && session.login_kind() == LoginKind::Complete
            && self.reauthentication.is_fresh(session)
    }

    /// Checks the password of the user of a session, and the second factor if there is one. The
    /// session is replaced by one with a new id and the same data, without a waiting request: a copy
    /// of the old cookie does not become fresh.
    pub async fn renew(
        &self,
        session: &Session,
        assurance: Assurance<'_>,
        visitor: Visitor<'_>,
    ) -> Result<Renewal, LoginError> {
        let Some(user) = &session.user else { return Ok(Renewal::NotLoggedIn) };
        let Some(account) = self.challenges.account(&user.id).await? else {
            return Ok(Renewal::NotLoggedIn);
        };
        let factor = assurance.factor.filter(|proof| proof.is_of(&account));
        if account.user.factor2.is_some() && factor.is_none() {
            return Ok(Renewal::NeedsFactor);
        }
        let source = self.reauthentication.passwords.source(&account.user, &account.secrets);
        // An account without password, such as one of another login system, has only the factor.
        if source != PasswordSource::None || factor.is_none() {
            let Some(password) = assurance.password else {
                return Ok(Renewal::Rejected(PasswordRejection::Wrong));
            };
            let checked = self.reauthentication.check::<LoginError>(&user.id, &source, password);
            if let Some(rejection) = checked.await? {
                return Ok(Renewal::Rejected(rejection));
            }
        }
        let log = &self.reauthentication.audit;
        let audit = [log.event(Act::ReauthenticationSucceeded).about(&account.user)];
        let beginning = BeginOptions {
            replaces: Some(Replaced::new(&session.id, &session.key)),
            must_replace: true,
            credentials: Some(&account.credentials),
            persist: session.persistence(),
            visitor,
            data: without_waiting(&session.key.data),
            extra: session.key.extra.clone(),
            audit: &audit,
            ..BeginOptions::default()
        };
        Ok(match self.sessions.begin(Owner::User(&user.id), beginning).await? {
            Begun::Session(session) => {
                tracing::info!(user = %user.id, "login renewed");
                Renewal::Renewed(session)
            }
            Begun::NoSuchUser
            | Begun::CredentialsChanged
            | Begun::Refused(_)
            | Begun::AlreadyUsed
            | Begun::SessionGone => Renewal::NotLoggedIn,
        })
    }
}
