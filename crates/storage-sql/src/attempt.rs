//! Counters of attempts in SQL. Their table is ours in every database.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{AttemptStore, Charge, Charged, Exhausted, StorageError};

use crate::database::{Database, Dialect, Row, Statement, Transaction, Value};

/// [`AttemptStore`] over SQL.
pub(crate) struct SqlAttemptStore<D> {
    database: D,
    sql: Arc<AttemptSql>,
}

/// The statements.
pub(crate) struct AttemptSql {
    find: Statement,
    charge: ChargeSql,
    /// Deletes a counter that one attempt less makes idle.
    refund_last: Statement,
    refund: Statement,
    /// Limits how far ahead a counter is.
    clamp: Statement,
    purge_idle: Statement,
    purge_surplus: Statement,
}

/// Charges a counter, unless it has reached its limit.
enum ChargeSql {
    /// By one statement: its row is written or it is not.
    Once(Statement),
    /// Where a statement that inserts or updates does not tell if it did anything.
    InTwoSteps {
        /// Creates a counter that is idle if there is none, and locks it.
        create: Statement,
        update: Statement,
    },
}

impl ChargeSql {
    fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite | Dialect::Postgres => Self::Once(Statement::new(
                "INSERT INTO crossauth_attempts (subject, idle) VALUES (?, ?) \
                 ON CONFLICT (subject) DO UPDATE SET idle = \
                 CASE WHEN crossauth_attempts.idle > ? THEN crossauth_attempts.idle + ? \
                 ELSE excluded.idle END \
                 WHERE crossauth_attempts.idle <= ?",
            )),
            Dialect::Mysql => Self::InTwoSteps {
                create: Statement::new(
                    "INSERT INTO crossauth_attempts (subject, idle) VALUES (?, ?) \
                     ON DUPLICATE KEY UPDATE subject = VALUES(subject)",
                ),
                update: Statement::new(
                    "UPDATE crossauth_attempts SET idle = \
                     CASE WHEN idle > ? THEN idle + ? ELSE ? END \
                     WHERE subject = ? AND idle <= ?",
                ),
            },
        }
    }

    /// Returns whether it was charged.
    async fn execute(
        &self,
        transaction: &mut dyn Transaction,
        charge: &Charge,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let after = (now + charge.interval()).as_millis();
        let latest = (now + charge.capacity() - charge.interval()).as_millis();
        let now = now.as_millis();
        let interval = after.saturating_sub(now);
        let subject = Value::text(&charge.subject);
        let charged = match self {
            Self::Once(statement) => {
                let params = [subject, after.into(), now.into(), interval.into(), latest.into()];
                transaction.execute(statement, &params).await?
            }
            Self::InTwoSteps { create, update } => {
                transaction.execute(create, &[subject.clone(), now.into()]).await?;
                let params = [now.into(), interval.into(), after.into(), subject, latest.into()];
                transaction.execute(update, &params).await?
            }
        };
        Ok(charged > 0)
    }
}

impl AttemptSql {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let purge = |counters: &str| {
            let chosen = format!("SELECT subject FROM crossauth_attempts {counters}");
            dialect.delete_chosen("crossauth_attempts", "subject", &chosen)
        };
        Self {
            find: Statement::new("SELECT idle FROM crossauth_attempts WHERE subject = ?"),
            charge: ChargeSql::new(dialect),
            refund_last: Statement::new(
                "DELETE FROM crossauth_attempts WHERE subject = ? AND idle <= ?",
            ),
            refund: Statement::new(
                "UPDATE crossauth_attempts SET idle = idle - ? WHERE subject = ?",
            ),
            clamp: Statement::new(
                "UPDATE crossauth_attempts SET idle = ? WHERE subject = ? AND idle > ?",
            ),
            purge_idle: purge("WHERE idle <= ? LIMIT ?"),
            purge_surplus: purge("ORDER BY idle DESC LIMIT ? OFFSET ?"),
        }
    }

    async fn charge(
        &self,
        transaction: &mut dyn Transaction,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Charged, StorageError> {
        for (index, charge) in charges.iter().enumerate() {
            if charge.limit == 0 || !self.charge.execute(transaction, charge, now).await? {
                self.refund(transaction, &charges[..index], now).await?;
                return self.exhausted(transaction, (charges, charge), now).await;
            }
        }
        Ok(Charged::Ok)
    }

    /// The counter that is exhausted, and when all allow an attempt.
    async fn exhausted(
        &self,
        transaction: &mut dyn Transaction,
        (charges, refused): (&[Charge], &Charge),
        now: Timestamp,
    ) -> Result<Charged, StorageError> {
        let mut exhausted = Exhausted::default();
        for charge in charges {
            let (subject, latest) = (Value::text(&charge.subject), now + charge.capacity());
            let latest = latest.as_millis();
            let params = [latest.into(), subject.clone(), latest.into()];
            transaction.execute(&self.clamp, &params).await?;
            let idle = transaction.find(&self.find, &[subject], decode).await?;
            if let Err(allowed) = charge.admit(idle, now) {
                exhausted.add(charge, allowed);
            }
        }
        // Attempts may have been given back since.
        let (subject, retry_at) = (refused.subject.clone(), now);
        Ok(exhausted.into_charged().unwrap_or(Charged::Exhausted { subject, retry_at }))
    }

    async fn refund(
        &self,
        transaction: &mut dyn Transaction,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        for charge in charges {
            let subject = Value::text(&charge.subject);
            let last = (now + charge.interval()).as_millis();
            let deleted =
                transaction.execute(&self.refund_last, &[subject.clone(), last.into()]).await?;
            if deleted == 0 {
                let interval = last.saturating_sub(now.as_millis());
                transaction.execute(&self.refund, &[interval.into(), subject]).await?;
            }
        }
        Ok(())
    }

    async fn purge(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
        (keep, limit): (u32, u32),
    ) -> Result<u64, StorageError> {
        let params = [now.as_millis().into(), i64::from(limit).into()];
        let idle = transaction.execute(&self.purge_idle, &params).await?;
        let left = u64::from(limit).saturating_sub(idle);
        if left == 0 {
            return Ok(idle);
        }
        let left = i64::try_from(left).map_err(StorageError::bug)?;
        let params = [left.into(), i64::from(keep).into()];
        Ok(idle + transaction.execute(&self.purge_surplus, &params).await?)
    }
}

fn decode(row: &dyn Row) -> Result<Timestamp, StorageError> {
    row.value(0)?.integer().map(Timestamp::from_millis)
}

impl<D: Database> SqlAttemptStore<D> {
    pub(crate) fn new(database: D) -> Self {
        let sql = Arc::new(AttemptSql::new(database.dialect()));
        Self { database, sql }
    }

    /// The refusal, if a counter has reached its limit. A flood of refused attempts only reads.
    async fn refusal(
        &self,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Option<Charged>, StorageError> {
        let mut exhausted = Exhausted::default();
        for charge in charges {
            let params = [Value::text(&charge.subject)];
            let idle = self.database.find(&self.sql.find, &params, decode).await?;
            if idle.is_some_and(|idle| idle > now + charge.capacity()) {
                // From the future, which has to be mended.
                return Ok(None);
            }
            if let Err(allowed) = charge.admit(idle, now) {
                exhausted.add(charge, allowed);
            }
        }
        Ok(exhausted.into_charged())
    }
}

/// Charges in one order everywhere, so that two transactions never wait for each other.
fn in_order(charges: &[Charge]) -> Vec<Charge> {
    let mut charges = charges.to_vec();
    charges.sort_by(|a, b| a.subject.cmp(&b.subject));
    charges
}

#[async_trait]
impl<D: Database> AttemptStore for SqlAttemptStore<D> {
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError> {
        if let Some(refused) = self.refusal(charges, now).await? {
            return Ok(refused);
        }
        self.database
            .transaction(
                (Arc::clone(&self.sql), in_order(charges), now),
                |transaction, (sql, charges, now)| Box::pin(sql.charge(transaction, charges, *now)),
            )
            .await
    }

    async fn refund(&self, charges: &[Charge], now: Timestamp) -> Result<(), StorageError> {
        self.database
            .transaction(
                (Arc::clone(&self.sql), in_order(charges), now),
                |transaction, (sql, charges, now)| Box::pin(sql.refund(transaction, charges, *now)),
            )
            .await
    }

    async fn purge(&self, now: Timestamp, keep: u32, limit: u32) -> Result<u64, StorageError> {
        self.database
            .transaction(
                (Arc::clone(&self.sql), now, (keep, limit)),
                |transaction, (sql, now, bounds)| Box::pin(sql.purge(transaction, *now, *bounds)),
            )
            .await
    }
}

#[cfg(test)]
impl AttemptSql {
    /// Every statement except the insert, and the one that skips the counters that are kept.
    pub(crate) fn all(&self) -> Vec<Statement> {
        let Self { find, refund_last, refund, clamp, purge_idle, charge: _, purge_surplus: _ } =
            self;
        [find, refund_last, refund, clamp, purge_idle].map(Statement::clone).to_vec()
    }
}
