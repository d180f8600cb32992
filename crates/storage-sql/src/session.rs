//! Sessions in SQL: the session check and starting a session.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::audit::AuditEvent;
use crossauth_core::key::{DataChange, Key, KeyPrefix};
use crossauth_core::message::Message;
use crossauth_core::storage::{
    CredentialVersion, KeyPlace, SessionStart, SessionStore, SessionUpdate, Started, StorageError,
    StoredSession, UpdateDataError, Updated, Uses,
};
use crossauth_core::user::{StateChecks, User, UserId};

use crate::audit::{AuditSql, goes_on_without};
use crate::column::select_list;
use crate::database::{Database, Row, Statement, Transaction, Value};
use crate::key::KeySql;
use crate::outbox::{Enqueued, OutboxSql};
use crate::record::{Keys, UserRow};
use crate::schema::Schema;
use crate::user::UserSql;
use crate::uses::{UsesSql, can_replace};

/// [`SessionStore`] over SQL.
pub(crate) struct SqlSessionStore<D> {
    database: D,
    sql: Arc<SessionSql>,
    enqueued: Enqueued,
}

pub(crate) struct SessionSql {
    /// Finds a key and its user in one statement.
    pub(crate) find: Statement,
    /// The same for API keys, if they have a table of their own.
    find_api_key: Option<Statement>,
    /// Finds a user if there is no key with a value.
    find_user: Statement,
    users: UserSql,
    keys: KeySql,
    outbox: OutboxSql,
    uses: UsesSql,
    audit: AuditSql,
}

impl SessionSql {
    pub(crate) fn new(schema: &Arc<Schema>) -> Self {
        Self {
            find: find(schema, &schema.keys),
            find_api_key: schema.api_keys.as_ref().map(|keys| find(schema, keys)),
            find_user: find_user(schema),
            users: UserSql::new(Arc::clone(schema)),
            keys: KeySql::new(Arc::clone(schema)),
            outbox: OutboxSql::new(schema),
            uses: UsesSql::new(schema.dialect),
            audit: AuditSql::new(schema),
        }
    }

    fn decode(&self, value: &str, row: &dyn Row) -> Result<Option<StoredSession>, StorageError> {
        let (users, keys) = (&self.keys.schema.users, &self.keys.of(value).keys);
        let Some(key) = keys.decode(value, row, 0)? else { return Ok(None) };
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
        let is_here = start.place == KeyPlace::Here;
        let replaced = start.replaces.as_deref().filter(|_| is_here);
        let ended = replaced.map(|replaced| self.keys.deletion(replaced));
        let Some(id) = &start.key.userid else {
            if !self.can_replace(transaction, start).await? {
                return Ok(Started::SessionGone);
            }
            let begun = match start.place {
                KeyPlace::Here => Some(self.keys.insertion(&start.key, None, None)?),
                KeyPlace::Elsewhere => None,
            };
            let messages = self.outbox.insertions(&start.send, None);
            let writes = begun.into_iter().chain(ended).chain(messages).collect();
            self.audit.record_last(transaction, writes, &start.audit, None).await?;
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
        if !self.can_replace(transaction, start).await? {
            return Ok(Started::SessionGone);
        }
        if !self.uses.are_unused(transaction, &self.keys, id, start.uses.as_ref()).await? {
            return Ok(Started::AlreadyUsed);
        }
        let mut writes = self.uses.writes(&self.keys, id, start.uses.as_ref())?;
        if is_here {
            writes.push(self.keys.insertion(&start.key, Some(id), epoch)?);
        }
        writes.extend(ended);
        for kind in &start.revoke {
            writes.push(self.keys.revocation(id, *kind, None)?);
        }
        for key in &start.issue {
            writes.push(self.keys.insertion(key, Some(id), epoch)?);
        }
        writes.extend(self.outbox.insertions(&start.send, Some(id)));
        self.audit.record_last(transaction, writes, &start.audit, Some(id)).await?;
        Ok(Started::Begun(Some(Box::new(user))))
    }

    async fn can_replace(
        &self,
        transaction: &mut dyn Transaction,
        start: &OwnedStart,
    ) -> Result<bool, StorageError> {
        if start.place == KeyPlace::Elsewhere {
            return Ok(true);
        }
        let replaced = start.replaces.as_deref();
        can_replace(transaction, &self.keys, replaced, start.must_replace).await
    }

    async fn update(
        &self,
        transaction: &mut dyn Transaction,
        update: &OwnedUpdate,
    ) -> Result<Result<Updated, UpdateDataError>, StorageError> {
        let uses = update.uses.as_ref();
        // The row of the user is locked before that of the key everywhere.
        if let Some((id, _)) = uses
            && self.users.lock(transaction, id).await?.into_user()?.is_none()
        {
            return Ok(Ok(Updated::NoSuchUser));
        }
        let Some(key) = self.keys.find_locked(transaction, &update.session).await? else {
            return Ok(Err(UpdateDataError::NotFound));
        };
        let expects = update.expects.as_ref().map(|(path, text)| (&**path, &**text));
        match key.data.has_text(expects) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(Updated::Unexpected)),
            Err(error) => return Ok(Err(error.into())),
        }
        if let Some((id, uses)) = uses
            && !self.uses.are_unused(transaction, &self.keys, id, Some(uses)).await?
        {
            return Ok(Ok(Updated::AlreadyUsed));
        }
        let (session, changes) = (&update.session, &update.changes);
        if let Err(error) = self.keys.update_data(transaction, session, changes).await? {
            return Ok(Err(error));
        }
        if let Some((id, uses)) = uses {
            self.uses.use_up(transaction, &self.keys, id, Some(uses)).await?;
        }
        self.outbox.insert(transaction, &update.send, None).await?;
        self.audit.record(transaction, &update.audit, uses.map(|(id, _)| id)).await?;
        Ok(Ok(Updated::Done))
    }
}

/// Finds a key of this table and its user.
fn find(schema: &Schema, keys: &Keys) -> Statement {
    let users = &schema.users;
    Statement::new(format!(
        "SELECT {}, {} FROM {} AS k LEFT JOIN {} AS u ON u.{} = k.{} WHERE k.{} = ?",
        select_list(&keys.selected, "k"),
        select_list(&users.selected, "u"),
        keys.table,
        users.table,
        users.id.quoted(),
        keys.userid.quoted(),
        keys.value.quoted
    ))
}

/// Finds a user if there is no key with a value, which is none of an API key.
fn find_user(schema: &Schema) -> Statement {
    let Schema { users, keys, .. } = schema;
    Statement::new(format!(
        "SELECT {} FROM {} AS u WHERE u.{} = ? AND NOT EXISTS (SELECT 1 FROM {} AS k WHERE k.{} = ?)",
        select_list(&users.selected, "u"),
        users.table,
        users.id.quoted(),
        keys.table,
        keys.value.quoted
    ))
}

/// An owned [`SessionStart`], for a transaction.
struct OwnedStart {
    key: Key,
    place: KeyPlace,
    replaces: Option<String>,
    must_replace: bool,
    uses: Option<Uses>,
    credentials: Option<CredentialVersion>,
    checks: StateChecks,
    revoke: Vec<KeyPrefix>,
    issue: Vec<Key>,
    send: Vec<Message>,
    audit: Vec<AuditEvent>,
}

/// An owned [`SessionUpdate`], for a transaction.
struct OwnedUpdate {
    session: String,
    changes: Vec<DataChange>,
    expects: Option<(String, String)>,
    uses: Option<(UserId, Uses)>,
    send: Vec<Message>,
    audit: Vec<AuditEvent>,
}

impl From<SessionUpdate<'_>> for OwnedUpdate {
    fn from(update: SessionUpdate<'_>) -> Self {
        let SessionUpdate { session, changes, expects, uses, send, audit } = update;
        Self {
            session: session.to_owned(),
            changes: changes.to_vec(),
            expects: expects.map(|(path, text)| (path.to_owned(), text.to_owned())),
            uses: uses.map(|(id, uses)| (id.clone(), uses.clone())),
            send: send.to_vec(),
            audit: audit.to_vec(),
        }
    }
}

impl From<SessionStart<'_>> for OwnedStart {
    fn from(start: SessionStart<'_>) -> Self {
        let SessionStart {
            key,
            place,
            replaces,
            must_replace,
            uses,
            credentials,
            checks,
            revoke,
            issue,
            send,
            audit,
        } = start;
        Self {
            key: key.clone(),
            place,
            replaces: replaces.map(str::to_owned),
            must_replace,
            uses: uses.cloned(),
            credentials: credentials.cloned(),
            checks,
            revoke: revoke.to_vec(),
            issue: issue.to_vec(),
            send: send.to_vec(),
            audit: audit.to_vec(),
        }
    }
}

impl<D: Database> SqlSessionStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>, enqueued: &Enqueued) -> Self {
        Self { database, sql: Arc::new(SessionSql::new(schema)), enqueued: enqueued.clone() }
    }

    async fn start_once(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let input = (Arc::clone(&self.sql), OwnedStart::from(start));
        self.database
            .transaction(input, |transaction, (sql, start)| Box::pin(sql.start(transaction, start)))
            .await
    }

    async fn update_once(&self, update: SessionUpdate<'_>) -> Result<Updated, UpdateDataError> {
        let input = (Arc::clone(&self.sql), OwnedUpdate::from(update));
        self.database
            .transaction(input, |transaction, (sql, update)| {
                Box::pin(sql.update(transaction, update))
            })
            .await?
    }
}

#[async_trait]
impl<D: Database> SessionStore for SqlSessionStore<D> {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        let decode = |row: &dyn Row| self.sql.decode(value, row);
        let is_api_key = value.starts_with(KeyPrefix::ApiKey.as_str());
        let of_api_key = self.sql.find_api_key.as_ref().filter(|_| is_api_key);
        let statement = of_api_key.unwrap_or(&self.sql.find);
        let found = self.database.find(statement, &[Value::text(value)], decode).await?;
        Ok(found.flatten())
    }

    async fn find_user(
        &self,
        id: &UserId,
        end: &str,
    ) -> Result<Option<(User, Option<u64>)>, StorageError> {
        let users = &self.sql.keys.schema.users;
        let decode = |row: &dyn Row| users.decode(row, 0);
        let params = [users.lookup_id(id), Value::text(end)];
        let found = self.database.find(&self.sql.find_user, &params, decode).await?;
        Ok(found.flatten().map(|UserRow { user, epoch }| (user, epoch)))
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let started = match self.start_once(start).await {
            Err(error) if goes_on_without(start.audit, &error) => {
                self.start_once(SessionStart { audit: &[], ..start }).await
            }
            outcome => outcome,
        };
        self.enqueued.note(start.send);
        started
    }

    async fn update(&self, update: SessionUpdate<'_>) -> Result<Updated, UpdateDataError> {
        let updated = match self.update_once(update).await {
            Err(UpdateDataError::Storage(error)) if goes_on_without(update.audit, &error) => {
                self.update_once(SessionUpdate { audit: &[], ..update }).await
            }
            outcome => outcome,
        };
        self.enqueued.note(update.send);
        updated
    }
}

#[cfg(test)]
impl SessionSql {
    /// The statements of a session check.
    pub(crate) fn look_ups(&self) -> Vec<Statement> {
        [&self.find, &self.find_user].map(Statement::clone).to_vec()
    }
}
