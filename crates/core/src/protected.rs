//! Requests that need the second factor: the first is stored, and executed after the second one has
//! brought the code.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::audit::Act;
use crate::challenge::{
    Account, Challenges, Judged, Made, MakeError, PendingRequest, RECOVERY_CODE, Rejection, Resent,
};
use crate::clock::Timestamp;
use crate::crypto::encoding::{decode, encode};
use crate::factor::{Demand, FactorError, Purpose, Response};
use crate::key::{DataChange, Slot};
use crate::limit::Client;
use crate::session::{Session, Sessions, With, updated};
use crate::storage::{StorageError, UpdateDataError, Updated};
use crate::user::{FactorName, Refusal, UserId};
use crate::visitor::Visitor;

/// How long a request waits for the factor.
const LIFETIME: Duration = Duration::from_mins(15);

/// Maximum length of a stored body, in bytes.
pub const MAX_BODY: usize = 32 * 1024;

/// Maximum length of path and query together, in bytes.
const MAX_URL: usize = 4096;

/// A request that is stored until the factor is confirmed. `Debug` shows method and path only.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// Path and query as received.
    pub url: String,
    /// The content type with its parameters.
    pub content_type: Option<String>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

impl StoredRequest {
    /// A request without a content type and a body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            content_type: None,
            body: Zeroizing::default(),
        }
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        path(&self.url)
    }
}

impl fmt::Debug for StoredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredRequest({} {})", self.method, self.path())
    }
}

/// Proof that the second factor of an account was confirmed in this request. It has no public
/// constructor.
pub struct FactorProof {
    userid: UserId,
    credentials: String,
}

impl FactorProof {
    /// Whether the proof is for this account with its present credentials.
    pub(crate) fn is_of(&self, account: &Account) -> bool {
        self.userid == account.user.id && self.credentials == account.digest()
    }
}

impl fmt::Debug for FactorProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorProof").field("userid", &self.userid).finish_non_exhaustive()
    }
}

/// What to do with a request that needs the second factor.
#[derive(Debug)]
pub enum Protected {
    /// The account has no second factor: execute the request.
    Unprotected,
    /// The request is stored; ask for the factor.
    Challenged {
        /// The factor.
        factor: FactorName,
        /// What the browser is shown.
        shown: Map<String, Value>,
    },
    /// The factor is confirmed: execute this request instead, which was stored before.
    Confirmed {
        /// The stored request.
        request: StoredRequest,
        /// The proof, for use cases that demand it.
        proof: FactorProof,
    },
    /// The response is rejected. The stored request goes on waiting, unless it is
    /// [`Gone`](Rejection::Gone) or [`Expired`](Rejection::Expired).
    Rejected(Rejection),
    /// The request is too large to be stored: body, or path and query.
    TooLarge,
    /// The account's second factor must be set up again first.
    Refused(Refusal),
}

/// A request that waits in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingRequest {
    /// The factor.
    pub factor: FactorName,
    /// Path and query, to which the code is to be sent.
    pub url: String,
    /// When it expires.
    pub expires: Timestamp,
}

/// Demands the second factor for requests of logged-in users.
pub struct Protection {
    challenges: Arc<Challenges>,
    sessions: Arc<Sessions>,
}

impl Protection {
    pub(crate) fn new(challenges: Arc<Challenges>, sessions: Arc<Sessions>) -> Self {
        Self { challenges, sessions }
    }

    /// Judges a request of the user of a session, whose CSRF token was checked.
    ///
    /// `fields` are those of the request's body. If a request to the same method and path waits,
    /// and the fields have a code, only the code is read from this request, and the waiting one is
    /// returned to be executed. Otherwise this request is stored.
    pub async fn judge(
        &self,
        session: &Session,
        request: StoredRequest,
        fields: &Map<String, Value>,
    ) -> Result<Protected, FactorError> {
        let Some(user) = &session.user else { return Ok(Protected::Unprotected) };
        let Some(account) = self.challenges.account(&user.id).await? else {
            return Ok(Protected::Rejected(Rejection::Gone));
        };
        let factor = match self.challenges.factors.demand(&account.user) {
            Demand::Nothing => return Ok(Protected::Unprotected),
            Demand::Reset if account.user.factor2.is_none() => return Ok(Protected::Unprotected),
            Demand::Reset => return Ok(Protected::Refused(Refusal::Factor2ResetNeeded)),
            Demand::Factor(factor) => factor,
        };
        let has_code = !Response::of(factor.describe(), fields).is_empty()
            || fields.get(RECOVERY_CODE).is_some_and(|code| !code.is_null() && code != "");
        match self.slot(session) {
            Some(slot) if has_code && slot.is_same(&request) => {
                self.complete(session, &account, slot, fields).await
            }
            _ if has_code => Ok(Protected::Rejected(Rejection::Gone)),
            _ => self.begin(session, &account, request).await,
        }
    }

    /// The request that waits in a session.
    pub fn waiting(&self, session: &Session) -> Option<WaitingRequest> {
        let slot = self.slot(session)?;
        let expires = slot.pending.expires();
        Some(WaitingRequest { factor: slot.pending.factor2, url: slot.url, expires })
    }

    /// Sends another code to the user of a waiting request. The one before is not valid any more,
    /// and the count of wrong codes goes on.
    pub async fn resend(&self, session: &Session) -> Result<Resent, FactorError> {
        let (slot, purpose) = (self.slot(session), Purpose::Confirmation);
        let resent = self.challenges.resend(&self.sessions, &session.id, slot, purpose);
        resent.await
    }

    /// Whether a request to this path waits in a session.
    pub fn waits_at(&self, session: &Session, requested: &str) -> bool {
        self.slot(session).is_some_and(|slot| path(&slot.url) == requested)
    }

    /// Gives the waiting request up; returns whether there was one.
    pub async fn cancel(&self, session: &Session) -> Result<bool, FactorError> {
        if self.slot(session).is_none() {
            return Ok(false);
        }
        let change = DataChange::remove_slot::<PendingRequest>();
        let changed = self.sessions.change(&session.id, &[change], With::default()).await;
        Ok(updated(changed)?.is_some())
    }

    async fn begin(
        &self,
        session: &Session,
        account: &Account,
        request: StoredRequest,
    ) -> Result<Protected, FactorError> {
        if request.body.len() > MAX_BODY || request.url.len() > MAX_URL {
            return Ok(Protected::TooLarge);
        }
        let Demand::Factor(factor) = self.challenges.factors.demand(&account.user) else {
            return Ok(Protected::Unprotected);
        };
        let (purpose, visitor) = (Purpose::Confirmation, Visitor::default());
        let made = self.challenges.make(account, factor, purpose, None, LIFETIME, visitor);
        let Made { pending, shown, send } = match made.await {
            Ok(made) => made,
            Err(MakeError::TooMany { retry_at }) => {
                return Ok(Protected::Rejected(Rejection::TooMany { retry_at }));
            }
            Err(MakeError::Factor(FactorError::NotEnrolled)) => {
                return Ok(Protected::Refused(Refusal::Factor2ResetNeeded));
            }
            Err(MakeError::Factor(error)) => return Err(error),
        };
        let slot = PendingRequest {
            pending,
            method: request.method,
            url: request.url,
            content_type: request.content_type,
            body: self.challenges.vault.seal(&Zeroizing::new(encode(&*request.body)))?,
        };
        let change = DataChange::slot(&slot).map_err(StorageError::bug)?;
        let with = With { send: &send, ..With::default() };
        match self.sessions.change(&session.id, &[change], with).await {
            // The data of the application leaves too little space.
            Err(UpdateDataError::Data(_)) => Ok(Protected::TooLarge),
            other => Ok(match updated(other)? {
                Some(_) => Protected::Challenged { factor: slot.pending.factor2, shown },
                None => Protected::Rejected(Rejection::Gone),
            }),
        }
    }

    async fn complete(
        &self,
        session: &Session,
        account: &Account,
        slot: PendingRequest,
        fields: &Map<String, Value>,
    ) -> Result<Protected, FactorError> {
        let is_valid = slot.pending.userid == account.user.id
            && slot.pending.credentials == account.digest()
            && account.user.factor2.as_ref() == Some(&slot.pending.factor2);
        let body = self.challenges.vault.open(&slot.body).and_then(|body| decode(&body).ok());
        let Some(body) = body.filter(|_| is_valid) else {
            return Ok(Protected::Rejected(Rejection::Gone));
        };
        let body = Zeroizing::new(body);
        let purpose = Purpose::Confirmation;
        let client = Client::default();
        let judged = self.challenges.judge(account, &slot.pending, purpose, fields, client);
        let accepted = match judged.await? {
            Judged::Accepted(accepted) => accepted,
            Judged::Rejected(Rejection::Expired) => {
                self.cancel(session).await?;
                return Ok(Protected::Rejected(Rejection::Expired));
            }
            Judged::Rejected(rejection) => return Ok(Protected::Rejected(rejection)),
        };
        let user = &account.user;
        let notice = if accepted.by_recovery_code {
            self.challenges.recovery_notice(account).await?
        } else {
            None
        };
        // The request is executed once: of parallel codes, one finds the challenge.
        let challenge = format!("{}.challenge", PendingRequest::NAME);
        let audit = self.challenges.events_of(Act::FactorVerified, user, &accepted);
        let with = With {
            audit: &audit,
            expects: Some((&challenge, &slot.pending.challenge)),
            uses: Some((&user.id, &accepted.acceptance.uses)),
            send: notice.as_slice(),
        };
        let change = DataChange::remove_slot::<PendingRequest>();
        let changed = self.sessions.change(&session.id, &[change], with).await;
        let rejection = match updated(changed)? {
            Some(Updated::Done) => {
                self.challenges.succeeded(account, &accepted).await;
                let proof = FactorProof { userid: user.id.clone(), credentials: account.digest() };
                return Ok(Protected::Confirmed { request: slot.into_request(body), proof });
            }
            Some(Updated::AlreadyUsed) => {
                self.challenges.record_wrong_code(user, purpose).await?;
                Rejection::Wrong
            }
            Some(Updated::Unexpected | Updated::NoSuchUser) | None => Rejection::Gone,
        };
        Ok(Protected::Rejected(rejection))
    }

    fn slot(&self, session: &Session) -> Option<PendingRequest> {
        let slot = session.key.data.slot::<PendingRequest>().ok().flatten();
        slot.filter(|slot| !slot.pending.is_expired(self.challenges.now()))
    }
}

impl PendingRequest {
    /// Whether a request goes to the same method and path; the query does not count.
    fn is_same(&self, request: &StoredRequest) -> bool {
        self.method == request.method && path(&self.url) == request.path()
    }

    fn into_request(self, body: Zeroizing<Vec<u8>>) -> StoredRequest {
        let Self { method, url, content_type, .. } = self;
        StoredRequest { method, url, content_type, body }
    }
}

fn path(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}
