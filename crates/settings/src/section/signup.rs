//! Sign-up.

use crossauth_core::signup::{Door, SignupConfig};

use super::section;
use crate::kind::{Choice, List, Usernames, words};

words! { Door, "`true` or `false`" {
    "true" = Door::Open;
    "false" = Door::Shut;
    "1" = Door::Open;
    "0" = Door::Shut;
} }

section! { SignupConfig {
    /// Whether people may create accounts for themselves.
    "signup.enabled": Choice<Door> => open;
    /// The fields of their own account that users may set.
    "signup.editable_fields": List => editable_fields, upstream "USER_EDITABLE_FIELDS";
    /// Usernames that cannot be taken at sign-up, such as `admin`. Administrators can create them.
    "signup.reserved_names": Usernames => reserved_names;
} }
