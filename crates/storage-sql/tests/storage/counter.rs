//! Counters of attempts in the form of older databases. For every database.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{Charge, Charged, Storage};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const HOUR: Duration = Duration::from_hours(1);

/// Makes a database of the version before, with counters that were begun at [`NOW`]: of messages of
/// which three and five of five were sent, and of a challenge with four of five wrong codes.
pub(crate) const OLDER: &str = "
    ALTER TABLE crossauth_attempts ADD COLUMN count BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE crossauth_attempts RENAME COLUMN idle TO expires;
    DELETE FROM crossauth_schema WHERE tables = 'protection' AND version = 2;
    INSERT INTO crossauth_attempts (subject, count, expires) VALUES
        ('mail:a', 3, 1767229200000), ('mail:b', 5, 1767229200000),
        ('challenge:a', 4, 1767229200000);";

/// After the migration of [`OLDER`], the counters go on.
pub(crate) async fn attempts_before_the_migration_count(storage: &Storage) {
    let charge = async |subject: &str, window, minutes| {
        let charge = Charge { subject: subject.to_owned(), limit: 5, window };
        let now = NOW + Duration::from_mins(minutes);
        storage.attempts.charge(&[charge], now).await.unwrap()
    };
    for expected in [Charged::Ok, Charged::Ok] {
        assert_eq!(charge("mail:a", HOUR, 1).await, expected);
    }
    let exhausted =
        |subject: &str, retry_at| Charged::Exhausted { subject: subject.to_owned(), retry_at };
    let retry_at = NOW + Duration::from_mins(12);
    assert_eq!(charge("mail:a", HOUR, 1).await, exhausted("mail:a", retry_at));
    assert_eq!(charge("mail:b", HOUR, 1).await, exhausted("mail:b", retry_at));
    assert_eq!(charge("mail:b", HOUR, 12).await, Charged::Ok);
    assert_eq!(charge("challenge:a", 5 * HOUR, 1).await, Charged::Ok);
    let refused = charge("challenge:a", 5 * HOUR, 15).await;
    assert_eq!(refused, exhausted("challenge:a", NOW + HOUR));
}
