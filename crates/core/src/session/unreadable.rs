//! Sessions that cannot be decoded: each is logged once.

use std::collections::HashSet;

use parking_lot::Mutex;

use super::SessionId;

/// Maximum number of remembered sessions. When it is reached, all are forgotten, and a session may
/// be logged again.
const MAX_SEEN: usize = 1000;

/// The sessions that have been logged, by their digests: a program that does not follow our
/// `Set-Cookie` sends the same cookie with every request.
#[derive(Default)]
pub(super) struct Unreadable(Mutex<HashSet<String>>);

impl Unreadable {
    /// Whether this session has not been seen before.
    pub(super) fn is_first(&self, id: &SessionId) -> bool {
        let mut seen = self.0.lock();
        if seen.len() >= MAX_SEEN {
            seen.clear();
        }
        seen.insert(id.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_first_only_once_and_memory_is_bounded() {
        let unreadable = Unreadable::default();
        assert!(unreadable.is_first(&SessionId::new("a")));
        assert!(!unreadable.is_first(&SessionId::new("a")));
        for number in 0..10 * MAX_SEEN {
            assert!(unreadable.is_first(&SessionId::new(&number.to_string())));
        }
        assert!(unreadable.0.lock().len() <= MAX_SEEN);
    }
}
