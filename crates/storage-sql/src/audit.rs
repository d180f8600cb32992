//! The audit log in SQL. Its tables are ours beside mapped tables, too.

mod statement;

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::audit::{AuditEntry, AuditEvent, Recording};
use crossauth_core::storage::{
    AuditFilter, AuditStore, Chained, Link, Mark, Marks, StorageError, UnreadableEvent,
};
use crossauth_core::user::UserId;

use crate::database::{Database, Row, Statement, Transaction, Value, Write};
use crate::schema::Schema;

pub(crate) use statement::AuditSql;
use statement::{integer, number};

/// The name of the mark where the chain begins.
const START: &str = "start";
/// The name of the mark where the chain ends.
const END: &str = "end";

/// [`AuditStore`] over SQL.
pub(crate) struct SqlAuditStore<D> {
    database: D,
    sql: Arc<AuditSql>,
}

/// Whether an operation is made once more without its events: the log failed, and none of them is
/// required. Logs the loss.
pub(crate) fn goes_on_without(events: &[AuditEvent], error: &StorageError) -> bool {
    let is_required = events.iter().any(|event| event.recording == Recording::Required);
    if !error.is_audit() || is_required {
        return false;
    }
    for AuditEvent { entry, .. } in events {
        let (act, user) = (&entry.act, entry.userid.as_ref().map(tracing::field::display));
        tracing::error!(%act, user, %error, "an event is missing from the audit log");
    }
    true
}

impl AuditSql {
    /// Stores events, those about no account as about `userid`.
    pub(crate) async fn record(
        &self,
        transaction: &mut dyn Transaction,
        events: &[AuditEvent],
        userid: Option<&UserId>,
    ) -> Result<(), StorageError> {
        if events.is_empty() {
            return Ok(());
        }
        let writes: Vec<_> =
            events.iter().map(|event| self.insertion(&event.entry, userid)).collect();
        transaction.execute_all(&writes).await.map_err(StorageError::audit)
    }

    /// The last statements of a transaction: `writes`, and those that store `events`, as
    /// [`record`](Self::record) does.
    pub(crate) async fn record_last<'e>(
        &self,
        transaction: &mut dyn Transaction,
        mut writes: Vec<Write<'e>>,
        events: &'e [AuditEvent],
        userid: Option<&UserId>,
    ) -> Result<(), StorageError> {
        let first = writes.len();
        writes.extend(events.iter().map(|event| self.insertion(&event.entry, userid)));
        let is_event = |position| (first..writes.len()).contains(&position);
        transaction.execute_last(&writes).await.map_err(|(position, error)| {
            if is_event(position) { StorageError::audit(error) } else { error }
        })
    }

    fn insertion<'e>(&self, entry: &'e AuditEntry, owner: Option<&UserId>) -> Write<'e> {
        let AuditEntry { id, created, act, actor, userid, request_id, detail, origin, about } =
            entry;
        let detail = if detail.is_empty() {
            String::new()
        } else {
            serde_json::Value::Object(detail.clone()).to_string()
        };
        let params = vec![
            Value::text(id),
            Value::Integer(created.as_millis()),
            Value::text(act.as_str()),
            Value::text(actor.kind()),
            Value::optional_text(actor.user().map(ToString::to_string)),
            Value::optional_text(actor.name()),
            Value::optional_text(userid.as_ref().or(owner).map(ToString::to_string)),
            Value::optional_text(request_id.as_deref()),
            Value::text(detail),
            Value::optional_text(origin.text()),
            Value::text(origin.digest()),
            Value::optional_text(about.text()),
            Value::text(about.digest()),
        ];
        Write { statement: self.insert.clone(), params }
    }

    /// Finds a mark and locks it.
    async fn lock_mark(
        &self,
        transaction: &mut dyn Transaction,
        name: &'static str,
    ) -> Result<Mark, StorageError> {
        let name = [Value::text(name)];
        let found = transaction.find(&self.lock_mark, &name, Self::mark).await?;
        found.ok_or_else(|| StorageError::corrupt("a mark of the audit log is missing"))
    }

    fn set_mark(&self, name: &'static str, mark: &Mark) -> Result<Write<'static>, StorageError> {
        let Mark { number, hash, key, seal } = mark.clone();
        let text = |text: String| Value::text(text);
        let params = vec![integer(number)?, text(hash), text(key), text(seal), Value::text(name)];
        Ok(Write { statement: self.set_mark.clone(), params })
    }

    async fn chain(
        &self,
        transaction: &mut dyn Transaction,
        (before, links, end): &(Mark, Vec<(String, Link)>, Mark),
    ) -> Result<bool, StorageError> {
        if self.lock_mark(transaction, END).await? != *before {
            return Ok(false);
        }
        let mut writes = Vec::with_capacity(links.len() + 1);
        for (id, Link { number, key, hash }) in links {
            let [key, hash, id] = [key, hash, id].map(Value::text);
            let params = vec![integer(*number)?, key, hash, id];
            writes.push(Write { statement: self.link.clone(), params });
        }
        writes.push(self.set_mark(END, end)?);
        transaction.execute_all(&writes).await?;
        Ok(true)
    }

    async fn purge(
        &self,
        transaction: &mut dyn Transaction,
        (before, start): &(Mark, Mark),
    ) -> Result<bool, StorageError> {
        if self.lock_mark(transaction, START).await? != *before {
            return Ok(false);
        }
        let params = vec![integer(start.number)?];
        let delete = Write { statement: self.purge.clone(), params };
        transaction.execute_all(&[delete, self.set_mark(START, start)?]).await?;
        Ok(true)
    }

    async fn erase(
        &self,
        transaction: &mut dyn Transaction,
        (user, limit): &(UserId, u32),
    ) -> Result<u64, StorageError> {
        let user = Value::text(user.to_string());
        let [a, b, c, d] = [user.clone(), user.clone(), user.clone(), user];
        let params = [a, b, c, d, i64::from(*limit).into()];
        transaction.execute(&self.erase, &params).await
    }

    fn mark(row: &dyn Row) -> Result<Mark, StorageError> {
        let text = |column| statement::text(row, column);
        Ok(Mark { number: number(row, 1)?, hash: text(2)?, key: text(3)?, seal: text(4)? })
    }
}

impl<D: Database> SqlAuditStore<D> {
    pub(crate) fn new(database: D, schema: &Schema) -> Self {
        Self { database, sql: Arc::new(AuditSql::new(schema)) }
    }

    async fn entries(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<Vec<Result<AuditEntry, UnreadableEvent>>, StorageError> {
        let sql = Arc::clone(&self.sql);
        self.database.scan(statement, params, move |row: &dyn Row| sql.readable(row)).await
    }
}

#[async_trait]
impl<D: Database> AuditStore for SqlAuditStore<D> {
    async fn append(&self, events: &[AuditEvent]) -> Result<(), StorageError> {
        let input = (Arc::clone(&self.sql), events.to_vec());
        self.database
            .transaction(input, |transaction, (sql, events)| {
                Box::pin(sql.record(transaction, events, None))
            })
            .await
    }

    async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StorageError> {
        let (mut listed, mut after) = (Vec::new(), after.map(str::to_owned));
        loop {
            let left = limit.saturating_sub(u32::try_from(listed.len()).unwrap_or(u32::MAX));
            let (statement, params) = AuditSql::list(filter, after.as_deref(), left);
            let page = self.entries(&statement, &params).await?;
            let last = page.last().map(|event| match event {
                Ok(entry) => entry.id.clone(),
                Err(unreadable) => unreadable.id.clone(),
            });
            let is_last = u32::try_from(page.len()) != Ok(left);
            for event in page {
                match event {
                    Ok(entry) => listed.push(entry),
                    Err(UnreadableEvent { id, reason, .. }) => {
                        tracing::warn!(id, reason, "left out of a list of the audit log");
                    }
                }
            }
            // What cannot be decoded makes no page shorter, which would then look like the last.
            after = last.filter(|id| !id.is_empty());
            if is_last || after.is_none() || u32::try_from(listed.len()) == Ok(limit) {
                return Ok(listed);
            }
        }
    }

    async fn unchained(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<AuditEntry, UnreadableEvent>>, StorageError> {
        let limit = i64::from(limit).into();
        match after {
            None => self.entries(&self.sql.unchained, &[limit]).await,
            Some(after) => {
                self.entries(&self.sql.unchained_after, &[Value::text(after), limit]).await
            }
        }
    }

    async fn chained(
        &self,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Result<Chained, UnreadableEvent>>, StorageError> {
        let sql = Arc::clone(&self.sql);
        // A forged number may be negative.
        let after = after.map_or(Ok(i64::MIN.into()), integer)?;
        let params = [after, i64::from(limit).into()];
        let decode = move |row: &dyn Row| sql.chained(row);
        self.database.scan(&self.sql.chained, &params, decode).await
    }

    async fn marks(&self) -> Result<Marks, StorageError> {
        let decode = |row: &dyn Row| Ok((statement::text(row, 0)?, AuditSql::mark(row)?));
        let found = self.database.scan(&self.sql.marks, &[], decode).await?;
        let found = found.into_iter().collect::<Result<Vec<_>, StorageError>>()?;
        let mark = |name: &str| {
            let found = found.iter().find(|(found, _)| found == name).map(|(_, mark)| mark.clone());
            found.ok_or_else(|| StorageError::corrupt("a mark of the audit log is missing"))
        };
        Ok(Marks { start: mark(START)?, end: mark(END)? })
    }

    async fn chain(
        &self,
        before: &Mark,
        links: &[(String, Link)],
        end: &Mark,
    ) -> Result<bool, StorageError> {
        let input = (Arc::clone(&self.sql), (before.clone(), links.to_vec(), end.clone()));
        self.database
            .transaction(input, |transaction, (sql, input)| Box::pin(sql.chain(transaction, input)))
            .await
    }

    async fn purge(&self, before: &Mark, start: &Mark) -> Result<bool, StorageError> {
        let input = (Arc::clone(&self.sql), (before.clone(), start.clone()));
        self.database
            .transaction(input, |transaction, (sql, input)| Box::pin(sql.purge(transaction, input)))
            .await
    }

    async fn erase(&self, user: &UserId, limit: u32) -> Result<u64, StorageError> {
        let input = (Arc::clone(&self.sql), (user.clone(), limit));
        self.database
            .transaction(input, |transaction, (sql, input)| Box::pin(sql.erase(transaction, input)))
            .await
    }
}
