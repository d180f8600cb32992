//! Counters of attempts in SQL. Their table is ours in every database.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{AttemptStore, Charge, Charged, StorageError};

use crate::database::{Database, Row, Statement, Transaction, Value};

/// [`AttemptStore`] over SQL.
pub(crate) struct SqlAttemptStore<D> {
    database: D,
    sql: Arc<AttemptSql>,
}

/// The statements.
pub(crate) struct AttemptSql {
    /// Creates a counter, or restarts it where it has expired. Locks it.
    prepare: Statement,
    find: Statement,
    charge: Statement,
    refund: Statement,
    purge: Statement,
}

impl AttemptSql {
    pub(crate) fn new() -> Self {
        Self {
            prepare: Statement::new(
                "INSERT INTO crossauth_attempts (subject, count, expires) VALUES (?, 0, ?) \
                 ON CONFLICT (subject) DO UPDATE SET \
                 count = CASE WHEN crossauth_attempts.expires <= ? THEN 0 \
                 ELSE crossauth_attempts.count END, \
                 expires = CASE WHEN crossauth_attempts.expires <= ? \
                 OR crossauth_attempts.expires > excluded.expires THEN excluded.expires \
                 ELSE crossauth_attempts.expires END",
            ),
            find: Statement::new("SELECT count, expires FROM crossauth_attempts WHERE subject = ?"),
            charge: Statement::new(
                "UPDATE crossauth_attempts SET count = count + 1 WHERE subject = ?",
            ),
            refund: Statement::new(
                "UPDATE crossauth_attempts SET count = count - 1 WHERE subject = ? AND count > 0",
            ),
            purge: Statement::new(
                "DELETE FROM crossauth_attempts WHERE subject IN (SELECT subject FROM \
                 (SELECT subject FROM crossauth_attempts WHERE expires < ? LIMIT ?) AS expired)",
            ),
        }
    }

    async fn charge(
        &self,
        transaction: &mut dyn Transaction,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Charged, StorageError> {
        let mut retry_at = None;
        for charge in charges {
            let subject = Value::text(&charge.subject);
            let (latest, now) = ((now + charge.window).as_millis(), now.as_millis());
            let params = [subject.clone(), latest.into(), now.into(), now.into()];
            transaction.execute(&self.prepare, &params).await?;
            let decode = |row: &dyn Row| Ok((row.value(0)?.integer()?, row.value(1)?.integer()?));
            let found = transaction.find(&self.find, &[subject], decode).await?;
            let (count, expires) =
                found.ok_or_else(|| StorageError::corrupt("a new counter cannot be found"))?;
            if count >= i64::from(charge.limit) {
                retry_at = retry_at.max(Some(Timestamp::from_millis(expires)));
            }
        }
        if let Some(retry_at) = retry_at {
            return Ok(Charged::Exhausted { retry_at });
        }
        for charge in charges {
            transaction.execute(&self.charge, &[Value::text(&charge.subject)]).await?;
        }
        Ok(Charged::Ok)
    }
}

impl<D: Database> SqlAttemptStore<D> {
    pub(crate) fn new(database: D) -> Self {
        Self { database, sql: Arc::new(AttemptSql::new()) }
    }
}

#[async_trait]
impl<D: Database> AttemptStore for SqlAttemptStore<D> {
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError> {
        let mut charges = charges.to_vec();
        // In one order everywhere, so that two transactions never wait for each other.
        charges.sort_by(|a, b| a.subject.cmp(&b.subject));
        self.database
            .transaction(
                (Arc::clone(&self.sql), charges, now),
                |transaction, (sql, charges, now)| Box::pin(sql.charge(transaction, charges, *now)),
            )
            .await
    }

    async fn refund(&self, subjects: &[&str]) -> Result<(), StorageError> {
        let mut subjects: Vec<String> = subjects.iter().map(|&subject| subject.into()).collect();
        subjects.sort();
        self.database
            .transaction((Arc::clone(&self.sql), subjects), |transaction, (sql, subjects)| {
                Box::pin(async move {
                    for subject in subjects {
                        transaction.execute(&sql.refund, &[Value::text(subject)]).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        self.database
            .transaction((Arc::clone(&self.sql), now, limit), |transaction, (sql, now, limit)| {
                Box::pin(async move {
                    let params = [now.as_millis().into(), i64::from(*limit).into()];
                    transaction.execute(&sql.purge, &params).await
                })
            })
            .await
    }
}

#[cfg(test)]
impl AttemptSql {
    /// Every statement except the insert.
    pub(crate) fn all(&self) -> Vec<Statement> {
        [&self.find, &self.charge, &self.refund, &self.purge].map(Statement::clone).to_vec()
    }
}
