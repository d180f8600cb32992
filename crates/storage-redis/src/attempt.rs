//! Counters of attempts: one sorted set of when each counter is idle, so that a script charges all
//! counters of an attempt or none, in a cluster as well.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{AttemptStore, Charge, Charged, Exhausted, StorageError};

use crate::connection::Connection;
use crate::script::Scripts;

/// [`AttemptStore`] in Redis.
pub(crate) struct Attempts {
    connection: Connection,
    scripts: Arc<Scripts>,
    name: String,
}

impl Attempts {
    pub(crate) fn new(connection: Connection, scripts: Arc<Scripts>, prefix: &str) -> Self {
        Self { connection, scripts, name: format!("{prefix}attempts") }
    }
}

#[async_trait]
impl AttemptStore for Attempts {
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError> {
        if charges.is_empty() {
            return Ok(Charged::Ok);
        }
        let mut script = self.scripts.charge.key(&self.name);
        script.arg(now.as_millis());
        for charge in charges {
            script.arg(&charge.subject);
            script.arg(exact_millis(charge.interval())).arg(exact_millis(charge.capacity()));
        }
        let allowed: Vec<i64> = self.connection.run(&script).await?;
        let mut exhausted = Exhausted::default();
        for (charge, millis) in charges.iter().zip(allowed).filter(|(_, millis)| *millis >= 0) {
            exhausted.add(charge, Timestamp::from_millis(millis));
        }
        Ok(exhausted.into_charged().unwrap_or(Charged::Ok))
    }

    async fn refund(&self, charges: &[Charge], now: Timestamp) -> Result<(), StorageError> {
        if charges.is_empty() {
            return Ok(());
        }
        let mut script = self.scripts.refund.key(&self.name);
        script.arg(now.as_millis());
        for charge in charges {
            script.arg(&charge.subject).arg(exact_millis(charge.interval()));
        }
        self.connection.run(&script).await
    }

    async fn purge(&self, now: Timestamp, keep: u32, limit: u32) -> Result<u64, StorageError> {
        let mut script = self.scripts.purge.key(&self.name);
        script.arg(now.as_millis()).arg(keep).arg(limit);
        self.connection.run(&script).await
    }
}

/// Milliseconds that a number of Lua has exactly, together with the present.
fn exact_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).min(1 << 51)
}
