//! Reserved names of user fields.

/// Fields of a user and of their secrets that belong to Crossauth.
const RESERVED: [&str; 15] = [
    "id",
    "userid",
    "username",
    "username_normalized",
    "email",
    "email_normalized",
    "state",
    "admin",
    "factor1",
    "factor2",
    "credential_epoch",
    "password",
    "totpsecret",
    "otp",
    "expiry",
];

/// Whether a field name belongs to Crossauth, ignoring case, so that no application field may have
/// it.
pub fn is_reserved_field(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}
