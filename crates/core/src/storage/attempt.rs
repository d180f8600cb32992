//! The port for counters of attempts, which limit the guessing of secrets and the sending of
//! messages.
//!
//! The algorithm is the generic cell rate algorithm (GCRA, ITU-T I.371): a counter is one time, at
//! which it is idle again. Each attempt moves that time by the interval at which attempts are
//! allowed; one that would move it too far ahead is refused. So an idle counter allows `limit`
//! attempts at once and then one in each interval, and a counter that is not used needs no row.

use std::time::Duration;

use async_trait::async_trait;

use super::StorageError;
use crate::clock::Timestamp;

/// One counter to charge with an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What is limited, such as `login:` and a user id. Contains no secret.
    pub subject: String,
    /// How many attempts an idle counter allows at once; with 0 it allows none.
    pub limit: u32,
    /// How long a counter that has reached its limit takes to be idle again.
    pub window: Duration,
}

impl Charge {
    /// The interval after which an attempt is allowed again: the window divided by the limit, in
    /// whole milliseconds.
    pub fn interval(&self) -> Duration {
        let millis = self.window.as_millis() / u128::from(self.limit.max(1));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX).max(1))
    }

    /// How far ahead of the present a counter may be.
    pub fn capacity(&self) -> Duration {
        self.interval().saturating_mul(self.limit)
    }

    /// Charges a counter that is idle at `idle`; `None` for one that is not stored. Returns when it
    /// is idle after this attempt.
    ///
    /// # Errors
    ///
    /// When the attempt is allowed, if it is not allowed at `now`. A counter that is further ahead
    /// than [`capacity`](Self::capacity), because a clock was wrong, counts as one at its limit.
    pub fn admit(&self, idle: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Timestamp> {
        let latest = now + self.capacity();
        let after = idle.map_or(now, |idle| idle.clamp(now, latest)) + self.interval();
        if after <= latest { Ok(after) } else { Err(after - self.capacity()) }
    }
}

/// The outcome of charging counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// Every counter was charged: the attempt may be made.
    Ok,
    /// A counter has reached its limit; none was charged.
    Exhausted {
        /// The subject of that counter; of several, of one that allows an attempt last.
        subject: String,
        /// When every counter allows an attempt.
        retry_at: Timestamp,
    },
}

/// For stores: which of several counters are exhausted.
#[derive(Debug, Default)]
pub struct Exhausted(Option<(String, Timestamp)>);

impl Exhausted {
    /// Adds a counter that allows an attempt at `allowed`.
    pub fn add(&mut self, charge: &Charge, allowed: Timestamp) {
        if self.0.as_ref().is_none_or(|(_, latest)| allowed > *latest) {
            self.0 = Some((charge.subject.clone(), allowed));
        }
    }

    /// The outcome; `None` if no counter is exhausted.
    pub fn into_charged(self) -> Option<Charged> {
        self.0.map(|(subject, retry_at)| Charged::Exhausted { subject, retry_at })
    }
}

/// Counters of attempts.
///
/// An attempt is charged and committed before it is made, so that neither parallel attempts nor a
/// crash avoid the count. A success gives the attempt back.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Charges every counter, or none if one has reached its limit, as [`Charge::admit`] specifies.
    /// Of concurrent calls for an idle counter, at most `limit` succeed. No two charges have the
    /// same subject.
    ///
    /// A counter from the future is stored as one at its limit, so that it is idle after its window.
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError>;

    /// Takes one attempt back from each counter: it is idle one interval earlier, and not before
    /// `now`. A counter that is then idle is deleted.
    async fn refund(&self, charges: &[Charge], now: Timestamp) -> Result<(), StorageError>;

    /// Deletes up to `limit` counters that are idle at `now`, or that are more than the `keep` that
    /// are idle last. Returns their number.
    async fn purge(&self, now: Timestamp, keep: u32, limit: u32) -> Result<u64, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    fn charge(limit: u32, window: Duration) -> Charge {
        Charge { subject: "a".into(), limit, window }
    }

    /// How many attempts are allowed from `NOW` on, one each `every`, within `span`.
    fn allowed(charge: &Charge, every: Duration, span: Duration) -> u32 {
        let (mut idle, mut count, mut now) = (None, 0, NOW);
        while now < NOW + span {
            if let Ok(after) = charge.admit(idle, now) {
                (idle, count) = (Some(after), count + 1);
            }
            now = now + every;
        }
        count
    }

    #[test]
    fn idle_counter_allows_its_limit_at_once_and_then_one_an_interval() {
        let charge = charge(10, Duration::from_hours(1));
        assert_eq!(charge.interval(), Duration::from_mins(6));
        let second = Duration::from_secs(1);
        assert_eq!(allowed(&charge, second, Duration::from_mins(5)), 10);
        assert_eq!(allowed(&charge, second, Duration::from_mins(6) + second), 11);
        assert_eq!(allowed(&charge, second, Duration::from_hours(24)), 10 + 239);
    }

    #[test]
    fn refused_attempt_is_allowed_at_the_time_that_it_is_told_and_not_before() {
        let charge = charge(3, Duration::from_secs(10));
        let mut idle = None;
        for _ in 0..3 {
            idle = Some(charge.admit(idle, NOW).unwrap());
        }
        let retry_at = charge.admit(idle, NOW).unwrap_err();
        let before = Timestamp::from_millis(retry_at.as_millis() - 1);
        assert_eq!(charge.admit(idle, before), Err(retry_at));
        assert!(charge.admit(idle, retry_at).is_ok());
    }

    #[test]
    fn odd_limits_and_windows_are_bounded() {
        assert!(charge(0, Duration::from_hours(1)).admit(None, NOW).is_err());
        assert!(charge(u32::MAX, Duration::from_secs(1)).admit(None, NOW).is_ok());
        assert!(charge(1, Duration::MAX).admit(None, NOW).is_ok());
        assert!(charge(1, Duration::ZERO).admit(None, NOW).is_ok());
    }
}
