//! Users: in SQL, with the effects of their changes on sessions.

use async_trait::async_trait;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{
    Change, Changed, Created, Deleted, Effects, EndSessions, Guard, StorageError, StoredUser,
    UserPage, UserQuery, UserStore,
};
use crossauth_core::user::{NewUser, UserId, UserSecrets};

use super::beginning::Beginning;
use super::{Store, is_session};
use crate::session::Owned;

#[async_trait]
impl UserStore for Store {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        self.sql.users.find_by_id(id).await
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        self.sql.users.find_by_username(username).await
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        self.sql.users.find_by_email(email).await
    }

    async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError> {
        self.sql.users.find_id(name).await
    }

    async fn create(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError> {
        let (beginning, others) = self.prepare_issued(effects).await?;
        let create = async |end: Option<Key>| {
            let issue: Vec<Key> = others.iter().cloned().chain(end).collect();
            let effects = in_sql(effects, &issue);
            self.sql.users.create(user, secrets, guard, &effects).await
        };
        let mut created = create(beginning.end_of_replaced()).await;
        if self.end_conflicts(&beginning, created.as_ref().err()).await? {
            created = create(None).await;
        }
        if let Ok(Created::Done(stored)) = &created {
            self.confirm_of(&beginning, stored).await?;
        } else {
            self.cancel(&beginning).await;
        }
        created
    }

    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError> {
        let effects = &change.effects;
        let (beginning, others) = self.prepare_issued(effects).await?;
        if effects.must_replace && beginning.replaced.is_none() {
            self.cancel(&beginning).await;
            return Ok(Changed::SessionGone);
        }
        let apply = async |end: Option<Key>| {
            let issue: Vec<Key> = others.iter().cloned().chain(end).collect();
            let change = Change { effects: in_sql(effects, &issue), ..change.clone() };
            self.sql.users.change(id, &change).await
        };
        let mut changed = apply(beginning.end_of_replaced()).await;
        if self.end_conflicts(&beginning, changed.as_ref().err()).await? {
            changed =
                if effects.must_replace { Ok(Changed::SessionGone) } else { apply(None).await };
        }
        let epoch = if let Ok(Changed::Done(stored)) = &changed {
            // Before the others end.
            self.keep(stored, effects.sessions).await;
            self.confirm_of(&beginning, stored).await?;
            stored.epoch()
        } else {
            self.cancel(&beginning).await;
            None
        };
        let is_done = matches!(changed, Ok(Changed::Done(_) | Changed::DoneUnreadable));
        if is_done && effects.sessions != EndSessions::Keep {
            self.redis.end_older(id, epoch).await;
        }
        changed
    }

    async fn delete(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError> {
        let deleted = self.sql.users.delete(id, guard, effects).await?;
        if matches!(deleted, Deleted::Done(_) | Deleted::DoneUnreadable) {
            self.redis.end_older(id, None).await;
        }
        Ok(deleted)
    }

    async fn list(&self, query: &UserQuery<'_>) -> Result<UserPage, StorageError> {
        self.sql.users.list(query).await
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        self.sql.users.has_admin().await
    }
}

impl Store {
    /// Prepares the sessions that a change issues. Returns the other issued keys, too.
    async fn prepare_issued<'a>(
        &self,
        effects: &Effects<'a>,
    ) -> Result<(Beginning<'a>, Vec<Key>), StorageError> {
        if effects.revoke.contains(&KeyPrefix::Session) {
            return Err(StorageError::bug("sessions are ended by `EndSessions`, not revoked"));
        }
        let (sessions, others): (Vec<&Key>, Vec<&Key>) =
            effects.issue.iter().partition(|key| is_session(&key.value));
        let beginning = self.prepare(sessions, effects.replaces).await?;
        Ok((beginning, others.into_iter().cloned().collect()))
    }

    /// Whether a transaction failed because the session to replace has ended before.
    async fn end_conflicts(
        &self,
        beginning: &Beginning<'_>,
        error: Option<&StorageError>,
    ) -> Result<bool, StorageError> {
        match (error, &beginning.replaced) {
            (Some(error), Some(replaced)) if error.is_conflict() => self.has_ended(replaced).await,
            _ => Ok(false),
        }
    }

    /// Keeps a session of a user while the others end. It ends as well if that fails.
    async fn keep(&self, stored: &StoredUser, sessions: EndSessions<'_>) {
        let (EndSessions::AllBut(kept), Some(epoch)) = (sessions, stored.epoch()) else { return };
        if let Err(error) = self.redis.renew(kept, Owned { owner: stored.id(), epoch }).await {
            tracing::warn!(%error, "a session that should be kept has ended");
        }
    }
}

/// The effects in SQL: all but those on sessions that Redis has.
fn in_sql<'a>(effects: &Effects<'a>, issue: &'a [Key]) -> Effects<'a> {
    let Effects {
        consume,
        uses,
        sessions,
        revoke,
        replaces: _,
        must_replace: _,
        issue: _,
        send,
        audit,
    } = *effects;
    let (replaces, must_replace) = (None, false);
    Effects { consume, uses, sessions, revoke, replaces, must_replace, issue, send, audit }
}
