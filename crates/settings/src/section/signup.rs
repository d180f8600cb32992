//! Sign-up.

use crossauth_axum::SignupField;
use crossauth_core::signup::{Registration, SignupConfig};

use super::section;
use crate::kind::{Choice, List, SignupFields, Usernames, flag};

/// Who may sign up, and with which fields.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Signup {
    /// Who may sign up, and which fields users may set.
    pub config: SignupConfig,
    /// The fields of the form that are described.
    pub fields: Vec<SignupField>,
}

flag! { Registration, Registration::Open, Registration::Closed }

section! { Signup {
    /// Whether visitors may create accounts.
    "signup.enabled": Choice<Registration> => config.registration;
    /// The fields of their own account that users may set, beside those of `signup.fields`. They
    /// are optional lines of text on the sign-up form.
    "signup.editable_fields": List => config.editable_fields, upstream "USER_EDITABLE_FIELDS";
    /// Fields of the sign-up form, which users may set. Each is a table: `name`, such as `email`
    /// for the address of the account; and where the default is not right, `label`, `hint` (a
    /// sentence below the field), `type` (`text`, `email`, `phone`, `number`, `date`, `url`, whose
    /// values are checked), `required`, `choices` (values, or tables of `value` and `label`) and
    /// `autocomplete` (as in HTML).
    "signup.fields": SignupFields => fields;
    /// Usernames that cannot be taken at sign-up, such as `admin`. Administrators can create them.
    "signup.reserved_names": Usernames => config.reserved_names;
} }
