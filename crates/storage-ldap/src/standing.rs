//! Whether an entry is disabled, as far as its attributes show.

use crossauth_core::clock::Timestamp;

use crate::RawEntry;

/// The attributes that tell.
pub(crate) const ATTRIBUTES: [&str; 5] = [
    "userAccountControl",
    "accountExpires",
    "pwdAccountLockedTime",
    "nsAccountLock",
    "loginDisabled",
];

/// Why an entry is disabled; `None` if it is not. A lock after wrong passwords does not count: else an
/// attacker could end sessions of others.
pub(crate) fn disabled(entry: &RawEntry, now: Timestamp) -> Option<&'static str> {
    /// How an administrator of OpenLDAP locks an entry for ever.
    const LOCKED_FOR_EVER: &str = "000001010000Z";
    let is_true = |name| entry.texts(name).any(|value| value.eq_ignore_ascii_case("true"));
    let is_locked = entry.texts("pwdAccountLockedTime").any(|time| time == LOCKED_FOR_EVER);
    if entry.texts("userAccountControl").any(is_disabled) {
        Some("userAccountControl has ACCOUNTDISABLE")
    } else if entry.texts("accountExpires").any(|time| has_expired(time, now)) {
        Some("accountExpires has passed")
    } else if is_locked {
        Some("pwdAccountLockedTime is for ever")
    } else if is_true("nsAccountLock") {
        Some("nsAccountLock is TRUE")
    } else if is_true("loginDisabled") {
        Some("loginDisabled is TRUE")
    } else {
        None
    }
}

/// Whether the flags of Active Directory disable an entry. What is no number does, too.
fn is_disabled(flags: &str) -> bool {
    const ACCOUNT_DISABLE: i64 = 0x2;
    flags.parse::<i64>().map_or(true, |flags| flags & ACCOUNT_DISABLE != 0)
}

/// Whether a time of Active Directory has passed: a number of 100 nanoseconds since 1601. What is no
/// number has.
fn has_expired(time: &str, now: Timestamp) -> bool {
    const FROM_1601_TO_1970: i64 = 11_644_473_600;
    match time.parse::<i64>() {
        Ok(0 | i64::MAX) => false,
        Ok(time) => Timestamp::from_secs(time / 10_000_000 - FROM_1601_TO_1970) <= now,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01, in both counts.
    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
    const NOW_OF_1601: i64 = (1_767_225_600 + 11_644_473_600) * 10_000_000;

    fn is_disabled(name: &str, value: &str) -> bool {
        let values = vec![value.as_bytes().to_vec()];
        disabled(&RawEntry::new("dc=x", vec![(name.into(), values)]), NOW).is_some()
    }

    #[test]
    fn disabled_and_expired_entries_are_recognized() {
        for (name, value) in [
            ("userAccountControl", "514"),
            ("useraccountcontrol", "66050"),
            ("userAccountControl", "no number"),
            ("accountExpires", &NOW_OF_1601.to_string()),
            ("accountExpires", "1"),
            ("accountExpires", ""),
            ("pwdAccountLockedTime", "000001010000Z"),
            ("nsAccountLock", "TRUE"),
            ("nsAccountLock", "true"),
            ("loginDisabled", "TRUE"),
        ] {
            assert!(is_disabled(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn other_entries_are_not_disabled() {
        for (name, value) in [
            ("userAccountControl", "512"),
            ("userAccountControl", "528"),
            ("accountExpires", "0"),
            ("accountExpires", "9223372036854775807"),
            ("accountExpires", &(NOW_OF_1601 + 10_000_000).to_string()),
            ("pwdAccountLockedTime", "20260101000000Z"),
            ("nsAccountLock", "FALSE"),
            ("loginDisabled", "FALSE"),
            ("description", "TRUE"),
        ] {
            assert!(!is_disabled(name, value), "{name}: {value}");
        }
    }
}
