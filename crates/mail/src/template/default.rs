//! The default templates, and samples of their variables.

use crossauth_core::message::MessageKind;
use serde_json::{Map, Value, json};

/// A template in the binary.
pub(super) struct Default {
    /// Its name below the directory of templates.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) text: &'static str,
}

macro_rules! defaults {
    ($($name:literal)+) => {
        &[$(Default {
            name: concat!("mail/", $name),
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $name)),
        }),+]
    };
}

/// All of them.
pub(super) const ALL: &[Default] = defaults! {
    "account_deleted.html" "account_deleted.txt"
    "account_exists.html" "account_exists.txt"
    "address_changed.html" "address_changed.txt"
    "api_key_created.html" "api_key_created.txt"
    "button.html"
    "email_verification.html" "email_verification.txt"
    "invitation.html" "invitation.txt"
    "layout.html"
    "login_code.html" "login_code.sms.txt" "login_code.txt"
    "new_device.html" "new_device.txt"
    "password_changed.html" "password_changed.txt"
    "password_reset.html" "password_reset.txt"
    "recovery_code_used.html" "recovery_code_used.txt"
    "second_factor_changed.html" "second_factor_changed.txt"
};

/// A value for each variable of a message.
pub(super) fn sample(kind: &MessageKind) -> Map<String, Value> {
    let own = match kind {
        MessageKind::EmailVerification | MessageKind::PasswordReset => {
            json!({"token": "Z4tSjq8hQ2mJ3kL5nP7rTw"})
        }
        MessageKind::Invitation => json!({"username": "ada", "token": "Z4tSjq8hQ2mJ3kL5nP7rTw"}),
        MessageKind::LoginCode => json!({"otp": "123456"}),
        MessageKind::AccountExists => {
            json!({"username": "ada", "unfinished": "true", "passwordResetEnabled": "true"})
        }
        MessageKind::PasswordChanged | MessageKind::AccountDeleted => json!({"username": "ada"}),
        MessageKind::AddressChanged => {
            let token = "Z4tSjq8hQ2mJ3kL5nP7rTw";
            json!({"username": "ada", "newEmail": "ada@new.example", "token": token})
        }
        MessageKind::SecondFactorChanged => {
            json!({"username": "ada", "action": "added", "factor": "Authenticator app"})
        }
        MessageKind::NewDevice => json!({
            "username": "ada",
            "device": "Firefox on Linux",
            "address": "192.0.2.7",
            "time": "1 March 2026, 14:05 UTC",
        }),
        MessageKind::RecoveryCodeUsed => json!({"username": "ada", "left": 7}),
        MessageKind::ApiKeyCreated => {
            json!({"username": "ada", "key": "Nightly backup", "scope": "read, write"})
        }
        MessageKind::Custom(_) => json!({}),
    };
    let mut variables = own.as_object().cloned().unwrap_or_default();
    let site =
        [("siteName", "Northwind"), ("siteUrl", "https://northwind.example"), ("prefix", "/auth/")];
    variables.extend(site.map(|(name, value)| (name.to_owned(), json!(value))));
    variables
}
