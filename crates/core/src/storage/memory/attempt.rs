//! Counters of attempts in memory.

use async_trait::async_trait;

use super::{MemoryStorage, State};
use crate::clock::Timestamp;
use crate::storage::{AttemptStore, Charge, Charged, StorageError, Uses};
use crate::user::UserId;

/// A counter of attempts.
#[derive(Clone, Copy)]
pub(super) struct Counter {
    count: u32,
    expires: Timestamp,
}

#[async_trait]
impl AttemptStore for MemoryStorage {
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError> {
        let mut state = self.state.lock();
        let mut counters = Vec::new();
        let mut retry_at = None;
        for charge in charges {
            let latest = now + charge.window;
            let mut counter = match state.attempts.get_mut(&charge.subject) {
                Some(counter) if counter.expires > now => {
                    counter.expires = counter.expires.min(latest);
                    *counter
                }
                _ => Counter { count: 0, expires: latest },
            };
            if counter.count >= charge.limit {
                retry_at = retry_at.max(Some(counter.expires));
            }
            counter.count += 1;
            counters.push((charge.subject.clone(), counter));
        }
        if let Some(retry_at) = retry_at {
            return Ok(Charged::Exhausted { retry_at });
        }
        state.attempts.extend(counters);
        Ok(Charged::Ok)
    }

    async fn refund(&self, subjects: &[&str]) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        for subject in subjects {
            if let Some(counter) = state.attempts.get_mut(*subject) {
                counter.count = counter.count.saturating_sub(1);
            }
        }
        Ok(())
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let mut left = limit;
        self.state.lock().attempts.retain(|_, counter| {
            let chosen = left > 0 && counter.expires < now;
            left -= u32::from(chosen);
            !chosen
        });
        Ok(u64::from(limit - left))
    }
}

impl State {
    /// Whether everything that is to be used up is there and unused.
    pub(super) fn is_unused(&self, id: &UserId, uses: Option<&Uses>) -> bool {
        let Some(uses) = uses else { return true };
        let has_key = uses.key.as_deref().is_none_or(|key| self.has_token(Some(key), Some(id)));
        let is_later = uses.totp_step.as_ref().is_none_or(|used| match self.totp_steps.get(id) {
            Some(last) => last.secret != used.secret || last.step < used.step,
            None => true,
        });
        has_key && is_later
    }

    /// Uses up what [`Self::is_unused`].
    pub(super) fn use_up(&mut self, id: &UserId, uses: Option<&Uses>) {
        let Some(uses) = uses else { return };
        if let Some(key) = &uses.key {
            self.keys.remove(key);
        }
        if let Some(step) = &uses.totp_step {
            self.totp_steps.insert(id.clone(), step.clone());
        }
    }
}
