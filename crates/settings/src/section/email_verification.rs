//! Verification of e-mail addresses.

use crossauth_core::email_link::Activation;
use crossauth_core::email_verification::EmailVerificationConfig;

use super::{check_links, section};
use crate::kind::{Choice, Span, words};
use crate::rule::Rules;

words! { Activation, "`auto`, `true` or `false`" {
    "auto" = Activation::WhereMailCanBeSent;
    "true" = Activation::On;
    "false" = Activation::Off;
    "1" = Activation::On;
    "0" = Activation::Off;
} }

section! { EmailVerificationConfig {
    /// Whether the e-mail address of a new account, and a new address of an account, must be
    /// verified by a link. The sign-up form then asks for an address. `auto` means: where mail can
    /// be sent, which is with a mail server and in development.
    "email_verification.enabled": Choice<Activation> => activation,
        upstream "ENABLE_EMAIL_VERIFICATION";
    /// How long a link is valid.
    "email_verification.expires": Span => lifetime, upstream "VERIFY_EMAIL_EXPIRES";
} }

pub(crate) fn check(config: &EmailVerificationConfig, can_send: bool, rules: &mut Rules<'_>) {
    let enabled = (config.activation, "email_verification.enabled");
    check_links(enabled, (config.lifetime, "email_verification.expires"), can_send, rules);
}
