//! Options about the addresses and fields of users, the audit log, and the sign-up form.

use crossauth_core::audit::AuditConfig;
use crossauth_core::email_link::Activation;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::message::Channel;
use crossauth_core::outbox::Delivery;
use crossauth_core::password_reset::PasswordResetConfig;
use crossauth_core::signup::SignupConfig;

use super::Builder;
use crate::signup_field::SignupField;

impl Builder {
    /// Fields of users, of the application or `email`, that administrators may set with the pages and
    /// endpoints of administration; any if not set.
    pub fn admin_editable_fields<F: Into<String>>(
        mut self,
        fields: impl IntoIterator<Item = F>,
    ) -> Self {
        let fields = fields.into_iter().map(Into::into).collect();
        self.site.admin_editable_fields = Some(fields);
        self
    }

    /// Whether e-mail addresses must be verified, by links that are valid for how long. If not set,
    /// wherever mail can be sent. The sign-up form then asks for an address.
    pub fn email_verification(mut self, config: EmailVerificationConfig) -> Self {
        self.email_verification = config;
        self
    }

    /// Whether passwords can be reset by e-mail, by links that are valid for how long. If not set,
    /// wherever mail can be sent.
    pub fn password_reset(mut self, config: PasswordResetConfig) -> Self {
        self.password_reset = config;
        self
    }

    /// How long the audit log is kept, and which acts need it.
    pub fn audit(mut self, config: AuditConfig) -> Self {
        self.audit = config;
        self
    }
}

/// Describes each field that users may set, and lets them set each that is described. Where
/// addresses must be verified, the form requires one.
pub(super) fn describe_fields(
    signup: &mut SignupConfig,
    fields: &mut Vec<SignupField>,
    verifies_email: bool,
) {
    for name in std::mem::take(&mut signup.editable_fields) {
        if !fields.iter().any(|field| field.name == name) {
            fields.push(SignupField::new(name));
        }
    }
    if verifies_email {
        match fields.iter_mut().find(|field| field.name == "email") {
            Some(field) => field.required = true,
            None => fields.insert(0, SignupField::new("email").required()),
        }
    }
    signup.editable_fields = fields.iter().map(|field| field.name.clone()).collect();
}

/// Whether addresses must be verified.
pub(super) fn verifies_email(activation: Activation, delivery: &Delivery) -> bool {
    match activation {
        Activation::WhereMailCanBeSent => delivery.can_send(Channel::Email),
        Activation::On => true,
        Activation::Off => false,
    }
}
