//! How often each act was to be recorded.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Act;

/// The name under which all acts of the application are counted: theirs have no bound.
const CUSTOM: &str = "custom";

/// A counter for each act of Crossauth, and one for those of the application.
pub(super) struct Counters(Box<[AtomicU64]>);

impl Default for Counters {
    fn default() -> Self {
        Self((0..=Act::ALL.len()).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Counters {
    pub(super) fn count(&self, act: &Act) {
        let place = Act::ALL.iter().position(|it| it == act).unwrap_or(Act::ALL.len());
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Vec<(&'static str, u64)> {
        let names = Act::ALL.iter().map(Act::as_str).chain([CUSTOM]);
        names.zip(&self.0).map(|(name, count)| (name, count.load(Ordering::Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_has_a_counter_and_those_of_the_application_share_one() {
        let counters = Counters::default();
        let all = Act::ALL.iter().cloned();
        let custom = ["a.b", "c.d"].map(|name| Act::Custom(name.to_owned()));
        all.chain(custom).for_each(|act| counters.count(&act));
        let read = counters.read();
        assert_eq!(read.len(), Act::ALL.len() + 1);
        assert_eq!(
            read.iter().find(|(name, _)| *name == "login.failed"),
            Some(&("login.failed", 1))
        );
        assert_eq!(read.last(), Some(&("custom", 2)));
        assert!(read.iter().all(|(name, count)| *count == 1 || *name == "custom"), "{read:?}");
    }
}
