//! Messages that wait to be sent, in SQL. Their table is ours beside mapped tables, too.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::message::{Message, MessageKind};
use crossauth_core::storage::{
    ListedMessage, MessagePosition, MessageState, OutboxStore, Queued, Settlement, StorageError,
};
use crossauth_core::user::UserId;
use tokio::sync::Notify;

use crate::database::{Database, Row, Statement, Transaction, Value, Write};
use crate::key::skip_bad_rows;
use crate::record::IdKind;
use crate::schema::Schema;

/// Columns of a message, in the order of their decoding.
const MESSAGE: &str = "id, kind, userid, created, due, expires, payload, attempts";

/// Columns of a listed message, in the order of their decoding.
const LISTED: &str = "id, kind, userid, created, due, died, attempts, error";

/// The statements on messages.
pub(crate) struct OutboxSql {
    /// The kind of user ids, which are stored as text.
    id_kind: IdKind,
    insert: Statement,
    is_any_due: Statement,
    lock_due: Statement,
    lease: Statement,
    delete: Statement,
    retry: Statement,
    bury: Statement,
    waiting: List,
    dead: List,
    requeue: Statement,
    purge: Statement,
}

/// A list of messages.
struct List {
    first: Statement,
    after: Statement,
    count: Statement,
}

impl OutboxSql {
    pub(crate) fn new(schema: &Schema) -> Self {
        let statement = |text: &str| Statement::new(text.to_owned());
        let due = "FROM crossauth_outbox WHERE died IS NULL AND due <= ? AND lease <= ?";
        let skip_locked = schema.dialect.skip_locked();
        let settle = "WHERE id = ? AND attempts = ? AND died IS NULL";
        Self {
            id_kind: schema.users.id_kind,
            insert: statement(
                "INSERT INTO crossauth_outbox \
                 (id, kind, userid, created, due, expires, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ),
            is_any_due: Statement::new(format!("SELECT 1 {due} LIMIT 1")),
            lock_due: Statement::new(format!(
                "SELECT {MESSAGE} {due} ORDER BY due LIMIT ?{skip_locked}"
            )),
            lease: statement(
                "UPDATE crossauth_outbox SET lease = ?, attempts = attempts + 1 WHERE id = ?",
            ),
            delete: statement("DELETE FROM crossauth_outbox WHERE id = ?"),
            retry: Statement::new(format!(
                "UPDATE crossauth_outbox SET lease = 0, error = ?, due = ? {settle}"
            )),
            bury: Statement::new(format!(
                "UPDATE crossauth_outbox SET lease = 0, error = ?, died = ? {settle}"
            )),
            waiting: List::new("died IS NULL"),
            dead: List::new("died IS NOT NULL"),
            requeue: statement(
                "UPDATE crossauth_outbox SET due = ?, expires = ?, died = NULL WHERE id = ?",
            ),
            purge: schema.dialect.delete_chosen(
                "crossauth_outbox",
                "id",
                "SELECT id FROM crossauth_outbox WHERE died IS NOT NULL AND died < ? LIMIT ?",
            ),
        }
    }

    fn list(&self, state: MessageState) -> &List {
        match state {
            MessageState::Waiting => &self.waiting,
            MessageState::Dead => &self.dead,
        }
    }

    /// Stores messages, those about no account as about `userid`.
    pub(crate) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        messages: &[Message],
        userid: Option<&UserId>,
    ) -> Result<(), StorageError> {
        let writes: Vec<_> = self.insertions(messages, userid).collect();
        if writes.is_empty() { Ok(()) } else { transaction.execute_all(&writes).await }
    }

    /// The statements of [`insert`](Self::insert).
    pub(crate) fn insertions<'m>(
        &'m self,
        messages: &'m [Message],
        userid: Option<&'m UserId>,
    ) -> impl Iterator<Item = Write<'m>> {
        messages.iter().map(move |message| {
            let userid = message.userid.as_ref().or(userid).map(ToString::to_string);
            let params = vec![
                Value::text(&message.id),
                Value::text(message.kind.as_str()),
                Value::optional_text(userid),
                moment(message.created),
                moment(message.due),
                moment(message.expires),
                Value::text(&message.payload),
            ];
            Write { statement: self.insert.clone(), params }
        })
    }

    async fn claim(
        &self,
        transaction: &mut dyn Transaction,
        claim: &Claim,
    ) -> Result<Vec<Queued>, StorageError> {
        let now = moment(claim.now);
        let params = [now.clone(), now, Value::from(i64::from(claim.limit))];
        let decode = |row: &dyn Row| Ok(self.queued(row));
        let due = skip_bad_rows(transaction.list(&self.lock_due, &params, decode).await?)?;
        let lease = |queued: &Queued| {
            let id = Value::text(queued.message.id.clone());
            Write { statement: self.lease.clone(), params: vec![moment(claim.lease_until), id] }
        };
        transaction.execute_all(&due.iter().map(lease).collect::<Vec<_>>()).await?;
        Ok(due)
    }

    fn queued(&self, row: &dyn Row) -> Result<Queued, StorageError> {
        let message = Message {
            id: text(row, 0)?,
            kind: MessageKind::from(&*text(row, 1)?),
            userid: self.userid(row)?,
            created: time(row, 3)?,
            due: time(row, 4)?,
            expires: time(row, 5)?,
            payload: text(row, 6)?,
        };
        // The lease that is about to begin counts.
        Ok(Queued { message, attempts: count(row, 7)?.saturating_add(1) })
    }

    fn listed(&self, row: &dyn Row) -> Result<ListedMessage, StorageError> {
        Ok(ListedMessage {
            id: text(row, 0)?,
            kind: MessageKind::from(&*text(row, 1)?),
            userid: self.userid(row)?,
            created: time(row, 3)?,
            due: time(row, 4)?,
            died: if row.value(5)? == Value::Null { None } else { Some(time(row, 5)?) },
            attempts: count(row, 6)?,
            error: optional_text(row, 7)?,
        })
    }

    fn userid(&self, row: &dyn Row) -> Result<Option<UserId>, StorageError> {
        Ok(optional_text(row, 2)?.map(|id| self.id_kind.read_text(id)))
    }
}

impl List {
    fn new(condition: &str) -> Self {
        let list = |after: &str| {
            Statement::new(format!(
                "SELECT {LISTED} FROM crossauth_outbox WHERE {condition}{after} \
                 ORDER BY created DESC, id DESC LIMIT ?"
            ))
        };
        let count = format!("SELECT COUNT(*) FROM crossauth_outbox WHERE {condition}");
        Self {
            first: list(""),
            after: list(" AND (created < ? OR created = ? AND id < ?)"),
            count: Statement::new(count),
        }
    }
}

struct Claim {
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
}

/// [`OutboxStore`] over SQL.
pub(crate) struct SqlOutboxStore<D> {
    database: D,
    sql: Arc<OutboxSql>,
    enqueued: Enqueued,
}

/// Wakes the worker of this process.
#[derive(Clone, Default)]
pub(crate) struct Enqueued(Arc<Notify>);

impl Enqueued {
    /// Wakes the worker to look if there is something to send.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    /// Wakes the worker if there is something to send.
    pub(crate) fn note(&self, messages: &[Message]) {
        if !messages.is_empty() {
            self.0.notify_one();
        }
    }
}

impl<D: Database> SqlOutboxStore<D> {
    pub(crate) fn new(database: D, schema: &Schema, enqueued: &Enqueued) -> Self {
        Self { database, sql: Arc::new(OutboxSql::new(schema)), enqueued: enqueued.clone() }
    }

    async fn execute(
        &self,
        statement: &Statement,
        params: Vec<Value<'static>>,
    ) -> Result<u64, StorageError> {
        self.database
            .transaction((statement.clone(), params), |transaction, (statement, params)| {
                transaction.execute(statement, params)
            })
            .await
    }
}

#[async_trait]
impl<D: Database> OutboxStore for SqlOutboxStore<D> {
    async fn enqueue(&self, messages: &[Message]) -> Result<(), StorageError> {
        let input = (Arc::clone(&self.sql), messages.to_vec());
        self.database
            .transaction(input, |transaction, (sql, messages)| {
                Box::pin(sql.insert(transaction, messages, None))
            })
            .await?;
        self.enqueued.note(messages);
        Ok(())
    }

    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Queued>, StorageError> {
        // Mostly there is nothing to send, which takes no transaction to find out.
        let params = [moment(now), moment(now)];
        if self.database.find(&self.sql.is_any_due, &params, |_| Ok(())).await?.is_none() {
            return Ok(Vec::new());
        }
        let input = (Arc::clone(&self.sql), Claim { now, lease_until, limit });
        self.database
            .transaction(input, |transaction, (sql, claim)| Box::pin(sql.claim(transaction, claim)))
            .await
    }

    async fn settle(
        &self,
        id: &str,
        attempts: u32,
        settlement: &Settlement,
    ) -> Result<bool, StorageError> {
        let id = Value::text(id.to_owned());
        let (statement, error, at) = match settlement {
            Settlement::Sent => {
                return Ok(self.execute(&self.sql.delete, vec![id]).await? > 0);
            }
            Settlement::Retry { due, error } => (&self.sql.retry, error, *due),
            Settlement::Dead { at, error } => (&self.sql.bury, error, *at),
        };
        let error = Value::text(error.clone());
        let params = vec![error, moment(at), id, Value::from(i64::from(attempts))];
        Ok(self.execute(statement, params).await? > 0)
    }

    async fn list(
        &self,
        state: MessageState,
        after: Option<MessagePosition<'_>>,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StorageError> {
        let list = self.sql.list(state);
        let sql = Arc::clone(&self.sql);
        let decode = move |row: &dyn Row| sql.listed(row);
        let limit = Value::from(i64::from(limit));
        let rows = match after {
            None => self.database.scan(&list.first, &[limit], decode).await?,
            Some(MessagePosition { created, id }) => {
                let created = moment(created);
                let params = [created.clone(), created, Value::text(id), limit];
                self.database.scan(&list.after, &params, decode).await?
            }
        };
        skip_bad_rows(rows)
    }

    async fn count(&self, state: MessageState) -> Result<u64, StorageError> {
        let decode = |row: &dyn Row| row.value(0)?.integer();
        let count = self.database.find(&self.sql.list(state).count, &[], decode).await?;
        u64::try_from(count.unwrap_or_default()).map_err(StorageError::bad_row)
    }

    async fn requeue(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<bool, StorageError> {
        let params = vec![moment(now), moment(expires), Value::text(id.to_owned())];
        let is_found = self.execute(&self.sql.requeue, params).await? > 0;
        self.enqueued.0.notify_one();
        Ok(is_found)
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let params = vec![moment(before), Value::from(i64::from(limit))];
        self.execute(&self.sql.purge, params).await
    }

    async fn enqueued(&self) {
        self.enqueued.0.notified().await;
    }
}

#[cfg(test)]
impl OutboxSql {
    /// Every statement but the insert and the lists.
    pub(crate) fn all(&self) -> Vec<Statement> {
        let all = [
            &self.is_any_due,
            &self.lock_due,
            &self.lease,
            &self.delete,
            &self.retry,
            &self.bury,
            &self.requeue,
            &self.purge,
        ];
        all.into_iter().cloned().collect()
    }
}

fn moment(at: Timestamp) -> Value<'static> {
    Value::Integer(at.as_millis())
}

fn time(row: &dyn Row, column: usize) -> Result<Timestamp, StorageError> {
    row.value(column)?.integer().map(Timestamp::from_millis)
}

fn count(row: &dyn Row, column: usize) -> Result<u32, StorageError> {
    u32::try_from(row.value(column)?.integer()?).map_err(StorageError::bad_row)
}

fn optional_text(row: &dyn Row, column: usize) -> Result<Option<String>, StorageError> {
    let text = row.value(column)?.into_text().map_err(StorageError::bad_row)?;
    Ok(text.map(std::borrow::Cow::into_owned))
}

fn text(row: &dyn Row, column: usize) -> Result<String, StorageError> {
    optional_text(row, column)?.ok_or_else(|| StorageError::bad_row("a message has a null column"))
}
