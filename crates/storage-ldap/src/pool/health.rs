//! Whether a server is worth a try.

use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use tokio::time::Instant;

use crate::dn::Key;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// So long may users wait who could log in again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// From this number of failures in a row, callers do not wait for a slow server any more. Those of calls
/// about one entry count as one: the server may be slow with it alone.
const SLOW_FAILURES: u32 = 3;

/// What happened to a server since it answered last.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    /// How many of them count as those of the server.
    counted: u32,
    /// The entries among them.
    entries: Vec<Key>,
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
        let is_slow = last.kind == DirectoryErrorKind::TimedOut && self.counted >= SLOW_FAILURES;
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

    /// Notes a failure: that of a call about an entry, or of the server.
    pub(super) fn fail(&mut self, now: Instant, error: &DirectoryError, about: Option<&Key>) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        if !about.is_some_and(|entry| self.entries.contains(entry)) && self.counted < SLOW_FAILURES
        {
            self.counted += 1;
            self.entries.extend(about.cloned());
        }
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
            health.fail(now, &failure(DirectoryErrorKind::Unreachable), None);
            assert_eq!(health.admit(now, ATTEMPT), Admission::Last);
        }
        assert_eq!(health.admit(now + Duration::from_secs(4), ATTEMPT), Admission::Last);
        assert_eq!(health.admit(now + LONGEST_PAUSE, ATTEMPT), Admission::First);
    }

    #[test]
    fn server_that_is_slow_with_one_entry_is_not_slow_with_others() {
        let (mut health, now) = (Health::default(), Instant::now());
        let slow = failure(DirectoryErrorKind::TimedOut);
        let [one, two, three] = ["uid=a,dc=x", "uid=b,dc=x", "uid=c,dc=x"].map(Key::of);
        for _ in 0..10 {
            health.fail(now, &slow, Some(&one));
            assert_eq!(health.admit(now, ATTEMPT), Admission::Last);
        }
        for entry in [two, one] {
            health.fail(now, &slow, Some(&entry));
            assert_eq!(health.admit(now, ATTEMPT), Admission::Last);
        }
        health.fail(now, &slow, Some(&three));
        assert_eq!(health.admit(now, ATTEMPT), Admission::Refused(slow));
    }

    #[test]
    fn slow_server_is_tried_by_one_call_at_a_time() {
        let (mut health, now) = (Health::default(), Instant::now());
        let slow = failure(DirectoryErrorKind::TimedOut);
        for _ in 0..2 {
            health.fail(now, &slow, None);
            assert_eq!(health.admit(now, ATTEMPT), Admission::Last);
        }
        health.fail(now, &slow, None);
        assert_eq!(health.admit(now, ATTEMPT), Admission::Refused(slow.clone()));
        let later = now + Duration::from_secs(4);
        assert_eq!(health.admit(later, ATTEMPT), Admission::Last);
        assert_eq!(health.admit(later, ATTEMPT), Admission::Refused(slow.clone()));
        assert_eq!(health.admit(later + ATTEMPT, ATTEMPT), Admission::Last);
    }
}
