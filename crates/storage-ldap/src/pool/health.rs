//! Whether a server is worth a try.

use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// So long may users wait who could log in again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// From this number of failures in a row, callers do not wait for a slow server any more.
const SLOW_FAILURES: u32 = 3;

/// What happened to a server since it answered last.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    until: Option<Instant>,
    last: Option<DirectoryError>,
}

/// Whether a server is tried.
#[derive(Debug, PartialEq)]
pub(super) enum Admission {
    /// Before those that failed.
    First,
    /// After those that did not fail.
    Last,
    /// Not at all for now: it failed like this.
    Refused(DirectoryError),
}

impl Health {
    /// Decides about a call. After a pause, one call tries a slow server, while others go on to
    /// be refused for the time that it may take.
    pub(super) fn admit(&mut self, now: Instant, attempt: Duration) -> Admission {
        let Some((until, last)) = self.until.zip(self.last.as_ref()) else {
            return Admission::First;
        };
        let is_slow = last.kind == DirectoryErrorKind::TimedOut && self.failures >= SLOW_FAILURES;
        match (now < until, is_slow) {
            (true, true) => Admission::Refused(last.clone()),
            (true, false) => Admission::Last,
            (false, true) => {
                self.until = Some(now + attempt);
                Admission::Last
            }
            (false, false) => Admission::First,
        }
    }

    pub(super) fn fail(&mut self, now: Instant, error: &DirectoryError) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause.min(LONGEST_PAUSE));
        self.last = Some(error.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPT: Duration = Duration::from_secs(15);

    fn failure(kind: DirectoryErrorKind) -> DirectoryError {
        DirectoryError::new(kind, "down")
    }

    #[test]
    fn server_that_refuses_connections_is_tried_last_for_a_time() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert_eq!(health.admit(now, ATTEMPT), Admission::First);
        for _ in 0..10 {
            health.fail(now, &failure(DirectoryErrorKind::Unreachable));
            assert_eq!(health.admit(now, ATTEMPT), Admission::Last);
        }
        assert_eq!(health.admit(now + Duration::from_secs(4), ATTEMPT), Admission::Last);
        assert_eq!(health.admit(now + LONGEST_PAUSE, ATTEMPT), Admission::First);
    }

    #[test]
    fn slow_server_is_tried_by_one_call_at_a_time() {
        let (mut health, now) = (Health::default(), Instant::now());
        let slow = failure(DirectoryErrorKind::TimedOut);
        for _ in 0..2 {
            health.fail(now, &slow);
            assert_eq!(health.admit(now, ATTEMPT), Admission::Last);
        }
        health.fail(now, &slow);
        assert_eq!(health.admit(now, ATTEMPT), Admission::Refused(slow.clone()));
        let later = now + Duration::from_secs(4);
        assert_eq!(health.admit(later, ATTEMPT), Admission::Last);
        assert_eq!(health.admit(later, ATTEMPT), Admission::Refused(slow.clone()));
        assert_eq!(health.admit(later + ATTEMPT, ATTEMPT), Admission::Last);
    }
}
