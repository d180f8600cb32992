//! What a login is attempted with, and from where.

use crate::secret::Password;
use crate::session::{Persistence, Replaced};
use crate::visitor::Visitor;

/// One attempt to log in.
#[derive(Debug)]
pub struct LoginAttempt<'a> {
    /// The username or e-mail address.
    pub username: &'a str,
    /// The password.
    pub password: Password,
    /// Whether the cookie outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The current session of the browser, which ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
    /// The value of the cookie of a [known device](crate::device).
    pub device: Option<&'a str>,
    /// The value of the cookie of a [known browser](crate::known_browser).
    pub browser: Option<&'a str>,
    /// The visitor.
    pub visitor: Visitor<'a>,
}

/// The browser that a login comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Door<'a> {
    /// Whether the cookie outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The current session of the browser, which ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
    /// The value of the cookie of a [known device](crate::device).
    pub device: Option<&'a str>,
    /// The value of the cookie of a [known browser](crate::known_browser).
    pub browser: Option<&'a str>,
    /// The visitor.
    pub visitor: Visitor<'a>,
}

impl<'a> LoginAttempt<'a> {
    /// An attempt from a browser without a session, with the configured persistence.
    pub fn new(username: &'a str, password: Password) -> Self {
        Self::at(Door::default(), username, password)
    }

    pub(super) fn at(door: Door<'a>, username: &'a str, password: Password) -> Self {
        let Door { persist, replaces, device, browser, visitor } = door;
        Self { username, password, persist, replaces, device, browser, visitor }
    }

    pub(super) fn door(&self) -> Door<'a> {
        let Self { persist, replaces, device, browser, visitor, .. } = *self;
        Door { persist, replaces, device, browser, visitor }
    }
}

impl Door<'_> {
    /// With the persistence of the login that an anonymous session belongs to, unless there is one.
    pub(super) fn as_chosen(self) -> Self {
        let chosen = || self.replaces.and_then(|old| old.chosen_persistence());
        Self { persist: self.persist.or_else(chosen), ..self }
    }
}
