//! Sessions.

use crossauth_core::session::{Persistence, SessionConfig};

use super::section;
use crate::kind::{Choice, OptionalSpan, Span, flag};

flag! { Persistence, Persistence::Persistent, Persistence::UntilBrowserCloses }

section! { SessionConfig {
    /// Maximum lifetime of a session; 0 for no limit.
    "session.max_age": OptionalSpan => max_age,
        upstream "SESSION_COOKIE_MAX_AGE" "SESSION_COOKIE_maxAge";
    /// Maximum idle time of a session; 0 for no limit.
    "session.idle_timeout": OptionalSpan => idle_timeout;
    /// How long a login is fresh: the time in which users need not show the password again, nor the
    /// second factor, to administer accounts, and without a second factor not the password to set one
    /// up, to change the e-mail address or to create an API key.
    "session.fresh_for": Span => fresh_for;
    /// Whether the session cookie is kept when the browser is closed, unless the login specifies
    /// it.
    "session.persist": Choice<Persistence> => persist, upstream "PERSIST_SESSION_ID";
} }
