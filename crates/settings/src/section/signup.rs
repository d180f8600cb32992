//! Sign-up.

use crossauth_core::signup::{Registration, SignupConfig};

use super::section;
use crate::kind::{Choice, List, Usernames, words};

words! { Registration, "`true` or `false`" {
    "true" = Registration::Open;
    "false" = Registration::Closed;
    "1" = Registration::Open;
    "0" = Registration::Closed;
} }

section! { SignupConfig {
    /// Whether people may create accounts for themselves.
    "signup.enabled": Choice<Registration> => registration;
    /// The fields of their own account that users may set.
    "signup.editable_fields": List => editable_fields, upstream "USER_EDITABLE_FIELDS";
    /// Usernames that cannot be taken at sign-up, such as `admin`. Administrators can create them.
    "signup.reserved_names": Usernames => reserved_names;
} }
