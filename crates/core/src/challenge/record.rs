//! The events of challenges.

use super::{Accepted, Challenges};
use crate::audit::{Act, AuditEvent};
use crate::factor::Purpose;
use crate::storage::StorageError;
use crate::user::User;

impl Challenges {
    /// Records that the response to a challenge was wrong.
    pub(crate) async fn record_wrong_code(
        &self,
        user: &User,
        purpose: Purpose,
    ) -> Result<(), StorageError> {
        let act = match purpose {
            Purpose::Login => Act::LoginFactorFailed,
            Purpose::SetUp | Purpose::Confirmation => Act::FactorFailed,
        };
        self.audit.record(self.audit.event(act).about(user)).await
    }

    /// The event of a factor that was shown, and that of a recovery code in its place.
    pub(crate) fn events_of(&self, act: Act, user: &User, accepted: &Accepted) -> Vec<AuditEvent> {
        let by = if accepted.by_recovery_code { Some(Act::RecoveryCodeUsed) } else { None };
        let acts = [Some(act), by].into_iter().flatten();
        acts.map(|act| self.audit.event(act).about(user)).collect()
    }
}
