//! Counters of attempts in memory.

use async_trait::async_trait;

use super::{MemoryStorage, State};
use crate::clock::Timestamp;
use crate::storage::{AttemptStore, Charge, Charged, Exhausted, StorageError, Uses};
use crate::user::UserId;

/// Maximum number of counters.
const MAX_COUNTERS: usize = 100_000;

#[async_trait]
impl AttemptStore for MemoryStorage {
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError> {
        let mut state = self.state.lock();
        let (mut counters, mut exhausted) = (Vec::new(), Exhausted::default());
        for charge in charges {
            let counter = state.attempts.get_mut(&charge.subject).map(|idle| {
                *idle = (*idle).min(now + charge.capacity());
                *idle
            });
            match charge.admit(counter, now) {
                Ok(idle) => counters.push((charge.subject.clone(), idle)),
                Err(allowed) => exhausted.add(charge, allowed),
            }
        }
        if let Some(refused) = exhausted.into_charged() {
            return Ok(refused);
        }
        state.make_room(counters.len(), now);
        state.attempts.extend(counters);
        Ok(Charged::Ok)
    }

    async fn refund(&self, charges: &[Charge], now: Timestamp) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        for charge in charges {
            if let Some(idle) = state.attempts.get_mut(&charge.subject) {
                *idle = *idle - charge.interval();
                if *idle <= now {
                    state.attempts.remove(&charge.subject);
                }
            }
        }
        Ok(())
    }

    async fn purge(&self, now: Timestamp, keep: u32, limit: u32) -> Result<u64, StorageError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let mut state = self.state.lock();
        let mut left = limit;
        state.attempts.retain(|_, idle| {
            let chosen = left > 0 && *idle <= now;
            left -= usize::from(chosen);
            !chosen
        });
        let surplus = state.attempts.len().saturating_sub(keep).min(left);
        state.remove_first_idle(surplus);
        Ok(u64::try_from(limit - left + surplus).unwrap_or(u64::MAX))
    }
}

impl State {
    /// Makes room for new counters where there are too many: removes those that are idle and, of
    /// the others, those that are idle first. A counter at its limit is removed last, so a flood of
    /// other subjects does not reset it.
    fn make_room(&mut self, new: usize, now: Timestamp) {
        if self.attempts.len() + new <= MAX_COUNTERS {
            return;
        }
        self.attempts.retain(|_, idle| *idle > now);
        let surplus = (self.attempts.len() + new).saturating_sub(MAX_COUNTERS);
        if surplus > 0 {
            // Some more, so that this is not repeated for each new counter.
            self.remove_first_idle(surplus + MAX_COUNTERS / 4);
        }
    }

    /// Removes the counters that are idle first.
    fn remove_first_idle(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let mut counters: Vec<_> = self.attempts.drain().collect();
        let count = count.min(counters.len());
        if count < counters.len() {
            counters.select_nth_unstable_by_key(count, |(_, idle)| *idle);
        }
        self.attempts.extend(counters.drain(count..));
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
