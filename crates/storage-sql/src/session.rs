//! Sessions in SQL: the session check and starting a session.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::message::Message;
use crossauth_core::storage::{
    CredentialVersion, SessionStart, SessionStore, Started, StorageError, StoredSession,
};
use crossauth_core::user::StateChecks;

use crate::column::select_list;
use crate::database::{Database, Row, Statement, Transaction, Value};
use crate::key::KeySql;
use crate::outbox::{Enqueued, OutboxSql};
use crate::schema::Schema;
use crate::user::UserSql;

/// [`SessionStore`] over SQL.
pub(crate) struct SqlSessionStore<D> {
    database: D,
    sql: Arc<SessionSql>,
    enqueued: Enqueued,
}

pub(crate) struct SessionSql {
    /// Finds a key and its user in one statement.
    pub(crate) find: Statement,
    users: UserSql,
    keys: KeySql,
    outbox: OutboxSql,
}

impl SessionSql {
    pub(crate) fn new(schema: &Arc<Schema>) -> Self {
        let Schema { users, keys, .. } = schema.as_ref();
        let find = format!(
            "SELECT {}, {} FROM {} AS k LEFT JOIN {} AS u ON u.{} = k.{} WHERE k.{} = ?",
            select_list(&keys.selected, "k"),
            select_list(&users.selected, "u"),
            keys.table,
            users.table,
            users.id.quoted(),
            keys.userid.quoted(),
            keys.value.quoted
        );
        Self {
            find: Statement::new(find),
            users: UserSql::new(Arc::clone(schema)),
            keys: KeySql::new(Arc::clone(schema)),
            outbox: OutboxSql::new(schema),
        }
    }

    fn decode(&self, value: &str, row: &dyn Row) -> Result<Option<StoredSession>, StorageError> {
        let Schema { users, keys, .. } = self.keys.schema.as_ref();
        let key = keys.decode(value, row, 0)?;
        if key.userid.is_none() {
            return Ok(Some(StoredSession::anonymous(key)));
        }
        let before = keys.selected.len();
        let Some(user) = users.decode(row, before)? else { return Ok(None) };
        Ok(Some(StoredSession::of(key, user.user, user.epoch)))
    }

    async fn start(
        &self,
        transaction: &mut dyn Transaction,
        start: &OwnedStart,
    ) -> Result<Started, StorageError> {
        let ended = start.replaces.as_deref().map(|replaced| self.keys.deletion(replaced));
        let Some(id) = &start.key.userid else {
            let begun = self.keys.insertion(&start.key, None, None)?;
            let messages = self.outbox.insertions(&start.send, None);
            let writes: Vec<_> = std::iter::once(begun).chain(ended).chain(messages).collect();
            transaction.execute_all(&writes).await?;
            return Ok(Started::Begun(None));
        };
        let Some(stored) = self.users.lock(transaction, id).await?.into_user()? else {
            return Ok(Started::NoSuchUser);
        };
        if start.credentials.as_ref().is_some_and(|checked| *checked != stored.credentials()) {
            return Ok(Started::CredentialsChanged);
        }
        let epoch = stored.epoch();
        let user = match stored.admit(start.checks) {
            Ok((user, _)) => user,
            Err(refusal) => return Ok(Started::Refused(refusal)),
        };
        let mut writes = vec![self.keys.insertion(&start.key, Some(id), epoch)?];
        writes.extend(ended);
        for kind in &start.revoke {
            writes.push(self.keys.revocation(id, *kind, None)?);
        }
        writes.extend(self.outbox.insertions(&start.send, Some(id)));
        transaction.execute_all(&writes).await?;
        Ok(Started::Begun(Some(Box::new(user))))
    }
}

/// An owned [`SessionStart`], for a transaction.
struct OwnedStart {
    key: Key,
    replaces: Option<String>,
    credentials: Option<CredentialVersion>,
    checks: StateChecks,
    revoke: Vec<KeyPrefix>,
    send: Vec<Message>,
}

impl From<SessionStart<'_>> for OwnedStart {
    fn from(start: SessionStart<'_>) -> Self {
        let SessionStart { key, replaces, credentials, checks, revoke, send } = start;
        Self {
            key: key.clone(),
            replaces: replaces.map(str::to_owned),
            credentials: credentials.cloned(),
            checks,
            revoke: revoke.to_vec(),
            send: send.to_vec(),
        }
    }
}

impl<D: Database> SqlSessionStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>, enqueued: &Enqueued) -> Self {
        Self { database, sql: Arc::new(SessionSql::new(schema)), enqueued: enqueued.clone() }
    }
}

#[async_trait]
impl<D: Database> SessionStore for SqlSessionStore<D> {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        let decode = |row: &dyn Row| self.sql.decode(value, row);
        let found = self.database.find(&self.sql.find, &[Value::text(value)], decode).await?;
        Ok(found.flatten())
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let input = (Arc::clone(&self.sql), OwnedStart::from(start));
        let started = self
            .database
            .transaction(input, |transaction, (sql, start)| Box::pin(sql.start(transaction, start)))
            .await?;
        self.enqueued.note(start.send);
        Ok(started)
    }
}
