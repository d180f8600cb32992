//! Reset of passwords by e-mail.

use crossauth_core::email_link::Activation;
use crossauth_core::password_reset::PasswordResetConfig;

use super::{check_links, section};
use crate::kind::{Choice, Span};
use crate::rule::Rules;

section! { PasswordResetConfig {
    /// Whether a forgotten password can be reset by a link that is mailed. `auto` means: where mail
    /// can be sent, which is with a mail server and in development.
    "password_reset.enabled": Choice<Activation> => activation, upstream "ENABLE_PASSWORD_RESET";
    /// How long a link is valid.
    "password_reset.expires": Span => lifetime;
} }

pub(crate) fn check(config: &PasswordResetConfig, can_send: bool, rules: &mut Rules<'_>) {
    let enabled = (config.activation, "password_reset.enabled");
    check_links(enabled, (config.lifetime, "password_reset.expires"), can_send, rules);
}
