//! Ends what gives access to accounts, on behalf of an administrator or the application.

use super::plan::LINKS;
use super::{AccountError, AccountRef, Accounts};
use crate::audit::Act;
use crate::caller::Caller;
use crate::crypto::stored_value;
use crate::key::KeyPrefix;
use crate::session::SessionId;
use crate::storage::{Change, Effects, EndSessions};
use crate::user::UserId;

impl Accounts {
    /// Ends the sessions of a user: all, or all but one. Works even if the row of the account
    /// cannot be decoded.
    pub async fn end_sessions(
        &self,
        account: impl Into<AccountRef<'_>>,
        except: Option<&SessionId>,
    ) -> Result<UserId, AccountError> {
        let kept = except.map(|id| stored_value(KeyPrefix::Session, id.expose()));
        let sessions = kept.as_deref().map_or(EndSessions::All, EndSessions::AllBut);
        let id = self.resolve(account).await?;
        let is_own = Caller::current().actor.user() == Some(&id);
        let act = if is_own { Act::SessionEnded } else { Act::UserSessionsEnded };
        let audit = [self.event_about(act, &id).await?];
        let effects = Effects { sessions, audit: &audit, ..Effects::default() };
        let change = Change { effects, ..Change::default() };
        self.change(&id, &change).await?;
        Ok(id)
    }

    /// Ends the sessions of a user, makes links in e-mails to them invalid, and forgets their known
    /// devices: for an account whose database was restored to an earlier moment. Works even if the
    /// row of the account cannot be decoded.
    pub async fn revoke_access(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<UserId, AccountError> {
        let id = self.resolve(account).await?;
        let audit = [
            self.event_about(Act::UserSessionsEnded, &id).await?,
            self.event_about(Act::UserDevicesForgotten, &id).await?,
        ];
        let revoke = [LINKS, &[KeyPrefix::KnownDevice]].concat();
        let sessions = EndSessions::All;
        let effects = Effects { sessions, revoke: &revoke, audit: &audit, ..Effects::default() };
        self.change(&id, &Change { effects, ..Change::default() }).await?;
        Ok(id)
    }
}
