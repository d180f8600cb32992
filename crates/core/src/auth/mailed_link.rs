//! Whether links are mailed: to verify addresses, and to reset passwords.

use super::AuthConfigError;
use crate::email_link::Activation;
use crate::email_verification::EmailVerificationConfig;
use crate::message::Channel;
use crate::outbox::Outbox;
use crate::password_reset::PasswordResetConfig;

/// Whether addresses are verified, and whether passwords are reset, by mail.
pub(super) fn mailed_links(
    (verification, reset): &(EmailVerificationConfig, PasswordResetConfig),
    outbox: &Outbox,
) -> Result<(bool, bool), AuthConfigError> {
    let can_send = outbox.can_send(Channel::Email);
    let verifies = is_on(verification.activation, can_send, "e-mail verification")?;
    Ok((verifies, is_on(reset.activation, can_send, "password reset")?))
}

/// Whether a feature that needs mail is on.
fn is_on(
    activation: Activation,
    can_send: bool,
    feature: &'static str,
) -> Result<bool, AuthConfigError> {
    match activation {
        Activation::WhereMailCanBeSent => Ok(can_send),
        Activation::On if can_send => Ok(true),
        Activation::On => Err(AuthConfigError::NoMail(feature)),
        Activation::Off => Ok(false),
    }
}
