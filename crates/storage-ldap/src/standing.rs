//! Whether an entry is disabled, as far as its attributes show.

use crossauth_core::clock::Timestamp;

use crate::RawEntry;
use crate::certificate::generalized_time;

/// Whether a value disables an entry.
type Disables = fn(&str, Timestamp) -> bool;

/// The attributes that disable an entry, what is wrong with it then, and the values that do. A lock
/// after wrong passwords is none of them: else an attacker could end sessions of others.
const RULES: [(&str, &str, Disables); 10] = [
    ("userAccountControl", "userAccountControl has ACCOUNTDISABLE", is_disabled),
    ("accountExpires", "accountExpires has passed", has_expired_since_1601),
    ("shadowExpire", "shadowExpire has passed", has_expired_by_day),
    ("pwdStartTime", "pwdStartTime is in the future", is_in_future),
    ("pwdEndTime", "pwdEndTime has passed", has_passed),
    ("pwdAccountLockedTime", "pwdAccountLockedTime is for ever", is_locked_for_ever),
    ("krbPrincipalExpiration", "krbPrincipalExpiration has passed", has_passed),
    ("loginExpirationTime", "loginExpirationTime has passed", has_passed),
    ("nsAccountLock", "nsAccountLock is TRUE", is_true),
    ("loginDisabled", "loginDisabled is TRUE", is_true),
];

/// The attributes to read.
pub(crate) fn attributes<'a>() -> impl Iterator<Item = &'a str> {
    RULES.iter().map(|(attribute, _, _)| *attribute)
}

/// Why an entry is disabled; `None` if it is not. A value that cannot be understood disables it.
pub(crate) fn disabled(entry: &RawEntry, now: Timestamp) -> Option<&'static str> {
    let broken = RULES.iter().find(|(attribute, _, disables)| {
        let mut texts = entry.values(attribute).map(String::from_utf8_lossy);
        texts.any(|text| disables(text.trim(), now))
    });
    broken.map(|(_, problem, _)| *problem)
}

/// The flags of Active Directory.
fn is_disabled(flags: &str, _: Timestamp) -> bool {
    const ACCOUNT_DISABLE: i64 = 0x2;
    flags.parse::<i64>().map_or(true, |flags| flags & ACCOUNT_DISABLE != 0)
}

/// A time of Active Directory: a number of 100 nanoseconds since 1601, or one of two for never.
fn has_expired_since_1601(time: &str, now: Timestamp) -> bool {
    const FROM_1601_TO_1970: i64 = 11_644_473_600;
    match time.parse::<i64>() {
        Ok(0 | i64::MAX) => false,
        Ok(time) => Timestamp::from_secs(time / 10_000_000 - FROM_1601_TO_1970) <= now,
        Err(_) => true,
    }
}

/// A number of days since 1970, from whose beginning on the account has expired; a negative one for
/// never (RFC 2307, shadow(5)). Programs differ about 0; here it is a day, as for `pam_unix`.
fn has_expired_by_day(day: &str, now: Timestamp) -> bool {
    const SECONDS: i64 = 86_400;
    match day.parse::<i64>() {
        Ok(..0) => false,
        Ok(day) => Timestamp::from_secs(day.saturating_mul(SECONDS)) <= now,
        Err(_) => true,
    }
}

fn has_passed(time: &str, now: Timestamp) -> bool {
    generalized_time(time).is_none_or(|time| time <= now)
}

fn is_in_future(time: &str, now: Timestamp) -> bool {
    generalized_time(time).is_none_or(|time| time > now)
}

/// How an administrator of OpenLDAP locks an entry; other times are those of locks after wrong
/// passwords.
fn is_locked_for_ever(time: &str, _: Timestamp) -> bool {
    time == "000001010000Z"
}

fn is_true(value: &str, _: Timestamp) -> bool {
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01, in all counts.
    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
    const NOW_OF_1601: i64 = (1_767_225_600 + 11_644_473_600) * 10_000_000;
    const TODAY: i64 = 1_767_225_600 / 86_400;

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
            ("shadowExpire", &TODAY.to_string()),
            ("shadowExpire", "0"),
            ("shadowExpire", "1"),
            ("shadowExpire", "never"),
            ("pwdStartTime", "20260101000001Z"),
            ("pwdStartTime", "20260101000000-0100"),
            ("pwdStartTime", "soon"),
            ("pwdEndTime", "20260101000000Z"),
            ("pwdEndTime", "2026010101+0200"),
            ("pwdEndTime", "20250101000000.5Z"),
            ("pwdEndTime", ""),
            ("pwdAccountLockedTime", "000001010000Z"),
            ("krbPrincipalExpiration", "20251231235959Z"),
            ("loginExpirationTime", "20251231235959Z"),
            ("nsAccountLock", "TRUE"),
            ("nsAccountLock", "true"),
            ("loginDisabled", "TRUE"),
        ] {
            assert!(is_disabled(name, value), "{name}: {value}");
        }
        let values = vec![b"9999".to_vec(), vec![0xff]];
        let entry = RawEntry::new("dc=x", vec![("shadowExpire".into(), values)]);
        assert_eq!(disabled(&entry, Timestamp::from_secs(0)), Some("shadowExpire has passed"));
    }

    #[test]
    fn other_entries_are_not_disabled() {
        for (name, value) in [
            ("userAccountControl", "512"),
            ("userAccountControl", "528"),
            ("accountExpires", "0"),
            ("accountExpires", "9223372036854775807"),
            ("accountExpires", &(NOW_OF_1601 + 10_000_000).to_string()),
            ("shadowExpire", "-1"),
            ("shadowExpire", &(TODAY + 1).to_string()),
            ("shadowExpire", "9223372036854775807"),
            ("pwdStartTime", "20260101000000Z"),
            ("pwdStartTime", "20260101010000+0100"),
            ("pwdEndTime", "20260101000001Z"),
            ("pwdEndTime", "20260101000100+0000"),
            ("pwdAccountLockedTime", "20260101000000Z"),
            ("krbPrincipalExpiration", "20270101000000Z"),
            ("loginExpirationTime", "20270101000000Z"),
            ("nsAccountLock", "FALSE"),
            ("loginDisabled", "FALSE"),
            ("description", "TRUE"),
        ] {
            assert!(!is_disabled(name, value), "{name}: {value}");
        }
    }
}
