//! Another code for a challenge that waits.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Challenges, Made, MakeError, Pending, Rejection, Waiting};
use crate::factor::{FactorError, Purpose};
use crate::limit::TooMany;
use crate::session::{SessionId, Sessions};
use crate::visitor::Visitor;

/// The outcome of asking for a code once more.
#[derive(Debug, Clone, PartialEq)]
pub enum Resent {
    /// Another code was sent; the one before is not valid any more.
    Sent {
        /// What the browser is shown.
        shown: Map<String, Value>,
    },
    /// The factor sends no codes.
    NothingToSend,
    /// It was not sent: [`Rejection::TooMany`] or [`Rejection::Gone`].
    Rejected(Rejection),
}

impl Challenges {
    /// Sends another code to the user for whom `slot` waits in a session. The one before is not
    /// valid any more, and the count of wrong codes goes on.
    pub(crate) async fn resend<S: Waiting>(
        &self,
        sessions: &Sessions,
        id: &SessionId,
        slot: Option<S>,
        purpose: Purpose,
    ) -> Result<Resent, FactorError> {
        const GONE: Resent = Resent::Rejected(Rejection::Gone);
        let Some(mut slot) = slot else { return Ok(GONE) };
        let made = match self.remake(slot.pending(), purpose).await? {
            Ok(made) => made,
            Err(refused) => return Ok(refused),
        };
        let Made { pending, shown, send } = made;
        let challenge = pending.challenge.clone();
        *slot.pending() = pending;
        let waits = sessions.replace_slot(id, &slot, &challenge, &send).await?;
        Ok(if waits { Resent::Sent { shown } } else { GONE })
    }

    /// Makes a challenge with another code in place of `before`: with the same count of wrong
    /// codes, and valid no longer than that. Otherwise, says why not.
    async fn remake(
        &self,
        before: &Pending,
        purpose: Purpose,
    ) -> Result<Result<Made, Resent>, FactorError> {
        let refused = |rejection| Ok(Err(Resent::Rejected(rejection)));
        let Some(account) = self.account_of(before).await? else {
            return refused(Rejection::Gone);
        };
        let Some(factor) = self.factors.find(&before.factor2) else {
            return refused(Rejection::Gone);
        };
        if factor.describe().channel.is_none() {
            return Ok(Err(Resent::NothingToSend));
        }
        if let Err(TooMany { retry_at }) = self.charge_resending(before).await? {
            return refused(Rejection::TooMany { retry_at });
        }
        let visitor = Visitor::default();
        match self.make(&account, factor, purpose, Some(before), Duration::ZERO, visitor).await {
            Ok(mut made) => {
                made.pending.expires = before.expires;
                Ok(Ok(made))
            }
            Err(MakeError::TooMany { retry_at }) => refused(Rejection::TooMany { retry_at }),
            Err(MakeError::Factor(error)) => Err(error),
        }
    }
}
