//! Refusals of limits, of which one a minute is recorded for each subject.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;

/// How long a refusal stands for those after it.
const INTERVAL: Duration = Duration::from_mins(1);

/// Maximum number of remembered subjects.
const MAX_SUBJECTS: usize = 1024;

/// The refusals of the last minute.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Timestamp>>);

impl Refusals {
    /// Whether it is the first refusal of the subject in this minute.
    pub(super) fn is_first(&self, subject: &str, now: Timestamp) -> bool {
        let mut recorded = self.0.lock();
        if recorded.get(subject).is_some_and(|at| now >= *at && now < *at + INTERVAL) {
            return false;
        }
        if recorded.len() >= MAX_SUBJECTS {
            recorded.retain(|_, at| now >= *at && now < *at + INTERVAL);
        }
        if recorded.len() >= MAX_SUBJECTS {
            // An attack with many subjects: the log already shows it.
            return false;
        }
        recorded.insert(subject.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    #[test]
    fn one_refusal_a_minute_is_recorded_for_each_subject() {
        let refusals = Refusals::default();
        assert!(refusals.is_first("login:1", NOW));
        assert!(!refusals.is_first("login:1", NOW + Duration::from_secs(59)));
        assert!(refusals.is_first("login:2", NOW));
        assert!(refusals.is_first("login:1", NOW + INTERVAL));
    }

    #[test]
    fn number_of_recorded_refusals_is_bounded() {
        let refusals = Refusals::default();
        let recorded = (0..100_000).filter(|n| refusals.is_first(&format!("login:{n}"), NOW));
        assert_eq!(recorded.count(), MAX_SUBJECTS);
        assert!(refusals.is_first("login:next", NOW + INTERVAL));
        assert_eq!(refusals.0.lock().len(), 1);
    }
}
