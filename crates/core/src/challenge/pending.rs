//! What is pending in a session, under upstream's names.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::key::{DataChange, KeyData, Slot};
use crate::session::Persistence;
use crate::user::{FactorName, UserId};

/// A challenge that waits for its response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) username: String,
    pub(crate) userid: UserId,
    pub(crate) factor2: FactorName,
    /// The encrypted [`State`](crate::factor::State).
    pub(crate) secrets: String,
    /// The digest of account and credentials.
    pub(crate) credentials: String,
    /// Identifies the challenge among the counters of attempts.
    pub(crate) challenge: String,
    /// When it expires, in milliseconds of Unix time.
    pub(crate) expires: i64,
    /// The counters to give back when the code that was sent is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sent: Vec<String>,
    /// The encrypted [`TakenAddress`](super::TakenAddress) of a sign-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<String>,
}

impl Pending {
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires()
    }

    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.expires)
    }
}

/// Why a factor is challenged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    /// To log in.
    Login,
    /// To complete a sign-up.
    Signup,
    /// To replace a factor that must be reset.
    Reset,
    /// To set up or change the factor of the logged-in user.
    Change,
}

/// A login or a set-up that waits for a factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingFactor {
    #[serde(flatten)]
    pub(crate) pending: Pending,
    pub(crate) reason: Reason,
    /// Upstream's mark of a login.
    #[serde(rename = "twoFactorInitiated", default)]
    pub(crate) two_factor_initiated: bool,
    /// Whether the cookie of the session outlives the browser, if the login says.
    #[serde(default)]
    pub(crate) persist: Option<bool>,
    /// The new value of the field on which the factor depends, if that is changed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<String>,
}

impl PendingFactor {
    pub(crate) fn persistence(&self) -> Option<Persistence> {
        self.persist.map(|persists| {
            if persists { Persistence::Persistent } else { Persistence::UntilBrowserCloses }
        })
    }
}

impl Slot for PendingFactor {
    const NAME: &'static str = "2fa";
}

/// What waits in a session for a challenge to be met.
pub(crate) trait Waiting: Slot {
    /// The challenge.
    fn pending(&mut self) -> &mut Pending;
}

impl Waiting for PendingFactor {
    fn pending(&mut self) -> &mut Pending {
        &mut self.pending
    }
}

impl Waiting for PendingRequest {
    fn pending(&mut self) -> &mut Pending {
        &mut self.pending
    }
}

/// A request that waits for a factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingRequest {
    #[serde(flatten)]
    pub(crate) pending: Pending,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) url: String,
    #[serde(rename = "content-type")]
    pub(crate) content_type: Option<String>,
    /// The encrypted body, in base64url.
    pub(crate) body: String,
}

impl Slot for PendingRequest {
    const NAME: &'static str = "pre2fa";
}

/// The data of a session without anything that waits in it: a session with a new id must not
/// continue what was begun in the one before, such as a request with a password.
pub(crate) fn without_waiting(data: &KeyData) -> KeyData {
    let changes = [
        DataChange::remove_slot::<PendingFactor>(),
        DataChange::remove_slot::<PendingRequest>(),
        DataChange::remove_slot::<PasswordChange>(),
        DataChange::remove_slot::<FactorChange>(),
    ];
    // In data that cannot be read, nothing waits.
    data.changed(&changes).unwrap_or_else(|_| data.clone())
}

/// Something that a user, who proved the password, must do before logging in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Required {
    pub(crate) username: String,
    pub(crate) userid: UserId,
    /// The digest of account and credentials.
    pub(crate) credentials: String,
    /// When it expires, in milliseconds of Unix time.
    pub(crate) expires: i64,
}

/// The user must choose a new password.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PasswordChange(pub(crate) Required);

impl Slot for PasswordChange {
    const NAME: &'static str = "passwordchange";
}

/// The user must set up a second factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FactorChange(pub(crate) Required);

impl Slot for FactorChange {
    const NAME: &'static str = "factor2change";
}
