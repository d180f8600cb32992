//! Pending challenges: made, stored in a session, and answered within limits.

mod pending;
mod record;
mod resend;
mod taken;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::audit::Audit;
use crate::clock::{Clock, Timestamp};
use crate::crypto::{hash, random_token, stored_value};
use crate::deps::Deps;
use crate::factor::{
    Acceptance, Challenge, Description, Factor, FactorError, Factors, Purpose, Response, State,
    Subject, Verdict,
};
use crate::key::KeyPrefix;
use crate::limit::{Client, Code, Limits, TooMany};
use crate::message::{Message, MessageKind};
use crate::notice::Notices;
use crate::random::Random;
use crate::recovery::normalized;
use crate::storage::{
    Change, Charge, CredentialVersion, Guard, KeyStore, StorageError, StoredUser, UserStore, Uses,
};
use crate::user::{Patch, SecretsUpdate, User, UserId, UserSecrets};
use crate::vault::{Vault, is_encrypted};
use crate::visitor::Visitor;

pub(crate) use pending::{
    FactorChange, PasswordChange, Pending, PendingFactor, PendingRequest, Reason, Required,
    Waiting, without_waiting,
};
pub use resend::Resent;
pub(crate) use taken::TakenAddress;

/// The field of a response with a recovery code.
pub const RECOVERY_CODE: &str = "recovery_code";

/// More recovery codes than any user has.
const MAX_CODES: u32 = 100;

/// Why a response to a challenge is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The code is wrong, missing, or was used before.
    #[error("the code is wrong")]
    Wrong,
    /// The code was correct, but has expired.
    #[error("the code has expired")]
    Expired,
    /// Too many attempts were made. The response was not judged.
    #[error("there were too many attempts")]
    TooMany {
        /// When the next attempt is allowed.
        retry_at: Timestamp,
    },
    /// Nothing is pending in this session, or what was pending is not valid any more: it has
    /// expired or was completed, or the account has changed. It must be begun again.
    #[error("nothing is pending in this session")]
    Gone,
}

/// A user whose secrets are decrypted.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) secrets: UserSecrets,
    pub(crate) credentials: CredentialVersion,
    /// Whether the table of the secrets is ours: no other program reads it.
    pub(crate) is_ours: bool,
    /// Whether the stored TOTP secret is not encrypted.
    pub(crate) is_plain: bool,
    /// For a sign-up with an address that another account has.
    pub(crate) taken: Option<TakenAddress>,
}

impl Account {
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { user: &self.user, secrets: &self.secrets }
    }

    /// Identifies account and credentials, so that a pending challenge ends with either.
    pub(crate) fn digest(&self) -> String {
        digest(&self.user.id, &self.credentials)
    }
}

/// Identifies the credentials of an account, without revealing them.
pub(crate) fn digest(id: &UserId, credentials: &CredentialVersion) -> String {
    match credentials {
        CredentialVersion::Epoch(epoch) => hash(&format!("{id} epoch {epoch}")),
        CredentialVersion::Password(password) => {
            hash(&format!("{id} password {}", password.as_deref().unwrap_or_default()))
        }
    }
}

/// A challenge that was made, to be stored in a session.
pub(crate) struct Made {
    pub(crate) pending: Pending,
    pub(crate) shown: Map<String, Value>,
    pub(crate) send: Vec<Message>,
}

/// Making a challenge failed.
pub(crate) enum MakeError {
    TooMany { retry_at: Timestamp },
    Factor(FactorError),
}

impl From<FactorError> for MakeError {
    fn from(error: FactorError) -> Self {
        Self::Factor(error)
    }
}

impl From<StorageError> for MakeError {
    fn from(error: StorageError) -> Self {
        Self::Factor(error.into())
    }
}

/// A response that was judged.
pub(crate) enum Judged {
    Accepted(Box<Accepted>),
    Rejected(Rejection),
}

/// A correct response. What it permits must use up [`Acceptance::uses`] in the same transaction.
pub(crate) struct Accepted {
    pub(crate) acceptance: Acceptance,
    /// Whether a recovery code was used in place of the factor.
    pub(crate) by_recovery_code: bool,
    /// The charged counters, to be given back after success.
    charged: Vec<Charge>,
}

/// Makes challenges and judges responses.
pub(crate) struct Challenges {
    pub(crate) factors: Arc<Factors>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) notices: Notices,
    pub(crate) audit: Arc<Audit>,
    keys: Arc<dyn KeyStore>,
    users: Arc<dyn UserStore>,
    pub(crate) limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Challenges {
    pub(crate) fn new(deps: &Deps) -> Self {
        Self {
            factors: deps.factors.clone(),
            vault: deps.vault.clone(),
            notices: Notices::new(deps.messages.clone()),
            audit: deps.audit.clone(),
            keys: deps.storage.keys.clone(),
            users: deps.storage.users.clone(),
            limits: deps.limits.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Decrypts the secrets of a stored user.
    pub(crate) fn open(&self, stored: StoredUser) -> Result<Account, StorageError> {
        let (credentials, is_ours) = (stored.credentials(), stored.epoch().is_some());
        let (user, secrets) = stored.regardless_of_state();
        let is_plain = secrets.totpsecret.as_deref().is_some_and(|secret| !is_encrypted(secret));
        let secrets = self.vault.open_secrets(secrets)?;
        Ok(Account { user, secrets, credentials, is_ours, is_plain, taken: None })
    }

    /// The account of a user.
    pub(crate) async fn account(&self, id: &UserId) -> Result<Option<Account>, StorageError> {
        self.users.find_by_id(id).await?.map(|stored| self.open(stored)).transpose()
    }

    /// The account of a pending challenge; `None` if the challenge is not valid any more.
    pub(crate) async fn account_of(
        &self,
        pending: &Pending,
    ) -> Result<Option<Account>, StorageError> {
        if pending.is_expired(self.now()) {
            return Ok(None);
        }
        let account = self.account(&pending.userid).await?;
        let Some(account) = account.filter(|account| account.digest() == pending.credentials)
        else {
            return Ok(None);
        };
        let taken = match &pending.taken {
            None => None,
            Some(sealed) => match self.vault.open_json(sealed) {
                Some(taken) => Some(taken),
                None => return Ok(None),
            },
        };
        Ok(Some(account.with_taken_address(taken)))
    }

    /// Makes a challenge. One that continues `previous` keeps its count of attempts.
    pub(crate) async fn make(
        &self,
        account: &Account,
        factor: &Arc<dyn Factor>,
        purpose: Purpose,
        previous: Option<&Pending>,
        lifetime: Duration,
        visitor: Visitor<'_>,
    ) -> Result<Made, MakeError> {
        let description = factor.describe();
        let sent = self.charge_sending(account, description, purpose, visitor).await?;
        let state = previous.and_then(|pending| self.state(pending));
        let challenge = factor.challenge(&account.subject(), purpose, state.as_ref()).await?;
        let Challenge { shown, state, mut send } = challenge;
        if account.receives_nothing(description) {
            send.clear();
        }
        let taken = account.taken.as_ref().map(|taken| self.vault.seal_json(taken)).transpose()?;
        let new_id = || random_token(&*self.random);
        let pending = Pending {
            username: account.user.username.clone(),
            userid: account.user.id.clone(),
            factor2: description.name.clone(),
            secrets: self.vault.seal_json(&state)?,
            credentials: account.digest(),
            challenge: previous.map_or_else(new_id, |pending| pending.challenge.clone()),
            expires: (self.now() + lifetime).as_millis(),
            sent,
            taken,
        };
        Ok(Made { pending, shown, send })
    }

    /// How many recovery codes a user has left.
    pub(crate) async fn recovery_codes(&self, user: &UserId) -> Result<usize, StorageError> {
        let prefix = KeyPrefix::RecoveryCode;
        Ok(self.keys.list_for_user(Some(user), prefix, None, MAX_CODES).await?.len())
    }

    /// The notice that a recovery code is about to be used.
    pub(crate) async fn recovery_notice(
        &self,
        account: &Account,
    ) -> Result<Option<Message>, StorageError> {
        let left = self.recovery_codes(&account.user.id).await?.saturating_sub(1);
        let variables = [("left", left.into())];
        self.notices.compose(MessageKind::RecoveryCodeUsed, &account.user, &variables)
    }

    fn state(&self, pending: &Pending) -> Option<State> {
        self.vault.open_json(&pending.secrets)
    }

    /// Charges the counters, then judges the response, or the recovery code in its place.
    pub(crate) async fn judge(
        &self,
        account: &Account,
        pending: &Pending,
        purpose: Purpose,
        fields: &Map<String, Value>,
        client: Client<'_>,
    ) -> Result<Judged, FactorError> {
        let Some(factor) = self.factors.find(&pending.factor2) else {
            return Ok(Judged::Rejected(Rejection::Gone));
        };
        let response = Response::of(factor.describe(), fields);
        // Setting a factor up needs that factor.
        let typed = fields.get(RECOVERY_CODE).filter(|_| purpose != Purpose::SetUp);
        let typed = typed.and_then(Value::as_str).filter(|code| !code.is_empty());
        if response.is_empty() && typed.is_none() {
            return Ok(Judged::Rejected(Rejection::Wrong));
        }
        let is_recovery = typed.is_some() && response.is_empty();
        let counters = self.limits.code(Code { pending, purpose, is_recovery, client });
        let mut charged = match self.limits.charge(counters, Some(&pending.userid)).await? {
            Ok(admitted) => admitted.into_charges(),
            Err(TooMany { retry_at }) => {
                return Ok(Judged::Rejected(Rejection::TooMany { retry_at }));
            }
        };
        let (verdict, by_recovery_code) = match typed {
            Some(code) if is_recovery => (judge_recovery_code(code), true),
            _ if account.receives_nothing(factor.describe()) => (Verdict::Wrong, false),
            _ => {
                let Some(state) = self.state(pending) else {
                    return Ok(Judged::Rejected(Rejection::Gone));
                };
                let subject = account.subject();
                (factor.verify(&subject, purpose, &state, &response).await?, false)
            }
        };
        Ok(match verdict {
            Verdict::Accepted(acceptance) => {
                if !by_recovery_code {
                    let sent = pending.sent.iter().cloned();
                    charged.extend(sent.filter_map(|subject| self.limits.sent(subject)));
                }
                let accepted = Accepted { acceptance, by_recovery_code, charged };
                Judged::Accepted(Box::new(accepted))
            }
            Verdict::Wrong => {
                tracing::info!(user = %account.user.id, factor = %pending.factor2, "wrong code");
                self.record_wrong_code(&account.user, purpose).await?;
                Judged::Rejected(Rejection::Wrong)
            }
            Verdict::Expired => Judged::Rejected(Rejection::Expired),
        })
    }

    /// Gives back what a successful response was charged, and encrypts a secret that was stored in
    /// plain text where no other program reads it.
    pub(crate) async fn succeeded(&self, account: &Account, accepted: &Accepted) {
        self.limits.give_back(&accepted.charged).await;
        if account.is_plain
            && account.is_ours
            && let Err(error) = self.encrypt_secret(account).await
        {
            tracing::warn!(%error, user = %account.user.id, "cannot encrypt a TOTP secret");
        }
    }

    async fn encrypt_secret(&self, account: &Account) -> Result<(), StorageError> {
        let Some(secret) = account.secrets.totpsecret.clone() else { return Ok(()) };
        let totpsecret = Patch::Set(secret);
        let secrets = SecretsUpdate { totpsecret, ..SecretsUpdate::default() };
        let change = Change {
            secrets: self.vault.seal_secrets(secrets)?,
            guard: Guard::CredentialsAre(&account.credentials),
            ..Change::default()
        };
        self.users.change(&account.user.id, &change).await.map(drop)
    }

    /// Charges sending a code once more for the same challenge.
    pub(crate) async fn charge_resending(
        &self,
        pending: &Pending,
    ) -> Result<Result<(), TooMany>, StorageError> {
        let charges = Limits::resending(pending);
        Ok(self.limits.charge(charges, Some(&pending.userid)).await?.map(drop))
    }

    /// Charges sending a code, also one that is not sent because another account has the address.
    /// Returns the counters to give back when the code is used.
    async fn charge_sending(
        &self,
        account: &Account,
        factor: &Description,
        purpose: Purpose,
        visitor: Visitor<'_>,
    ) -> Result<Vec<String>, MakeError> {
        if factor.channel.is_none() {
            return Ok(Vec::new());
        }
        let recipient = recipient(&account.user, factor);
        let recipient = recipient.as_deref().map(|to| (&factor.name, to));
        let (unused, total) = self.limits.sending(&account.user.id, recipient, purpose, visitor);
        let sent = unused.iter().map(|charge| charge.subject.clone()).collect();
        let charges = unused.into_iter().chain(total).collect();
        match self.limits.charge(charges, Some(&account.user.id)).await? {
            Ok(_) => Ok(sent),
            Err(TooMany { retry_at }) => {
                tracing::warn!(user = %account.user.id, "too many codes were asked for");
                Err(MakeError::TooMany { retry_at })
            }
        }
    }
}

/// The verdict about a recovery code: whether it exists is found out when it is used up.
fn judge_recovery_code(typed: &str) -> Verdict {
    let Some(code) = normalized(typed) else { return Verdict::Wrong };
    let key = String::from(stored_value(KeyPrefix::RecoveryCode, &code));
    let uses = Uses { key: Some(key), ..Uses::default() };
    Verdict::Accepted(Acceptance { uses, ..Acceptance::default() })
}

/// The address or number to which a factor sends.
fn recipient(user: &User, factor: &Description) -> Option<String> {
    match factor.bound_field? {
        "email" => Some(user.email.as_deref().unwrap_or(&user.username).to_lowercase()),
        field => user.extra.get(field)?.as_str().map(str::to_owned),
    }
}
