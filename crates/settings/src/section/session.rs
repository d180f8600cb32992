//! Sessions.

use crossauth_core::session::{Persistence, SessionConfig};

use super::section;
use crate::kind::{Choice, OrNever, words};

words! { Persistence, "`true` or `false`" {
    "true" = Persistence::Persistent;
    "false" = Persistence::UntilBrowserCloses;
    "1" = Persistence::Persistent;
    "0" = Persistence::UntilBrowserCloses;
} }

section! { SessionConfig {
    /// How long a session lives at most; 0 for no end.
    "session.max_age": OrNever => max_age,
        upstream "SESSION_COOKIE_MAX_AGE" "SESSION_COOKIE_maxAge";
    /// How long a session lives without being used; 0 for no limit.
    "session.idle_timeout": OrNever => idle_timeout;
    /// Whether a session outlives the browser that holds it, where the login does not say.
    "session.persist": Choice<Persistence> => persist, upstream "PERSIST_SESSION_ID";
} }
