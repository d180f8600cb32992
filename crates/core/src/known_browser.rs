//! Known browsers: those on which a user has logged in before.
//!
//! A login from such a browser is limited apart from all other logins of the account, so that an
//! attacker who exhausts the limits does not keep the owner out. Otherwise the cookie gives no
//! rights: password and second factor are asked for as ever. Nothing about it is stored.
//!
//! The cookie has an entry for each of the last users: a random number and its authentication code
//! with the user's id. So it names no user, and is of no use for another one.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::crypto::{InvalidKey, Mac, equal, random_value};
use crate::random::Random;
use crate::secret::ServerSecret;
use crate::user::UserId;

/// Name of the cookie.
pub const BROWSER_COOKIE: &str = "KNOWNBROWSER";

/// How long a browser is known after a login.
const LIFETIME: Duration = Duration::from_hours(365 * 24);

/// Maximum number of users of one browser.
const MAX_USERS: usize = 5;

/// Length of the random number, in bytes.
const NUMBER_LEN: usize = 12;

/// Length of an entry: the number and half of an HMAC-SHA256, in base64url.
const ENTRY_LEN: usize = 16 + 22;

/// The cookie of a known browser.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrowserCookie {
    /// Its value.
    pub value: String,
    /// When it expires.
    pub expires: Timestamp,
}

/// Makes and recognises the cookies of known browsers.
pub struct KnownBrowsers {
    mac: Mac,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl KnownBrowsers {
    pub(crate) fn new(
        secret: &ServerSecret,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, InvalidKey> {
        Ok(Self { mac: Mac::from_secret(secret, "known-browser")?, clock, random })
    }

    /// The cookie of a browser on which a user has just logged in; `cookie` is the one that it had.
    pub fn remember(&self, cookie: Option<&str>, user: &UserId) -> BrowserCookie {
        let number = random_value(&*self.random, NUMBER_LEN);
        let new = self.entry(&number, user);
        let others = entries(cookie).filter(|entry| !self.is_of(entry, user));
        let all: Vec<&str> = std::iter::once(new.as_str()).chain(others).take(MAX_USERS).collect();
        BrowserCookie { value: all.join("."), expires: self.clock.now() + LIFETIME }
    }

    /// The entry of a user in a cookie; `None` if the user has not logged in on this browser.
    pub(crate) fn find<'a>(&self, cookie: Option<&'a str>, user: &UserId) -> Option<&'a str> {
        entries(cookie).find(|entry| self.is_of(entry, user))
    }

    fn entry(&self, number: &str, user: &UserId) -> String {
        let mut entry = format!("{number}{}", self.mac.code(&format!("{number} {user}")));
        entry.truncate(ENTRY_LEN);
        entry
    }

    fn is_of(&self, entry: &str, user: &UserId) -> bool {
        let number = entry.get(..ENTRY_LEN - 22);
        number.is_some_and(|number| equal(self.entry(number, user).as_bytes(), entry.as_bytes()))
    }
}

/// The well-formed entries of a cookie, at most [`MAX_USERS`].
fn entries(cookie: Option<&str>) -> impl Iterator<Item = &str> {
    let entries = cookie.unwrap_or_default().split('.').take(MAX_USERS);
    entries.filter(|entry| {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        entry.len() == ENTRY_LEN && entry.bytes().all(is_base64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::random::SystemRandom;

    fn browsers(secret: &str) -> KnownBrowsers {
        let secret = ServerSecret::new(secret).unwrap();
        KnownBrowsers::new(&secret, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap()
    }

    #[test]
    fn browser_is_known_for_its_last_users_only() {
        let browsers = browsers("0123456789abcdef");
        let user = UserId::Integer;
        let mut cookie = None;
        for id in 1..=6 {
            cookie = Some(browsers.remember(cookie.as_deref(), &user(id)).value);
            cookie = Some(browsers.remember(cookie.as_deref(), &user(id)).value);
        }
        for id in 2..=6 {
            assert!(browsers.find(cookie.as_deref(), &user(id)).is_some(), "{id}");
        }
        for id in [1, 7] {
            assert_eq!(browsers.find(cookie.as_deref(), &user(id)), None);
        }
        assert!(cookie.unwrap().len() < 250);
    }

    #[test]
    fn altered_entries_and_those_of_another_secret_are_unknown() {
        let (ours, bob) = (browsers("0123456789abcdef"), UserId::Integer(1));
        let cookie = ours.remember(None, &bob).value;
        assert!(ours.find(Some(&cookie), &bob).is_some());
        assert_eq!(browsers("another 0123456789").find(Some(&cookie), &bob), None);
        for index in 0..cookie.len() {
            let mut altered = cookie.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(ours.find(Some(&altered), &bob), None, "{altered}");
        }
        for odd in ["", ".", "....", "ä", &cookie[1..], &format!("{cookie}A")] {
            assert_eq!(ours.find(Some(odd), &bob), None, "{odd}");
        }
    }
}
