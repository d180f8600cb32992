//! Common variables of all pages, and layers of variables.

use std::sync::Arc;

use crossauth_core::error::ErrorBody;
use crossauth_core::form::{Field, FieldError, FieldMessages, Rule};
use crossauth_core::user::{NewUser, User, UserId};
use minijinja::value::{Enumerator, Object, Value};
use serde::Serialize;

use crate::request_id::RequestId;
use crate::visible_user::VisibleUser;

/// The common variables of all pages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Common<'a> {
    /// Language of the page.
    pub(crate) lang: &'static str,
    /// The prefix of our paths; on pages of administration, the prefix of these.
    pub(crate) url_prefix: &'a str,
    /// The prefix of our paths, on pages of administration too.
    pub(crate) site_prefix: &'a str,
    /// The prefix of administration, if the user is an administrator and it is enabled.
    pub(crate) admin_prefix: Option<&'a str>,
    pub(crate) site_name: &'a str,
    pub(crate) csrf_token: String,
    pub(crate) csp_nonce: &'a str,
    pub(crate) request_id: RequestId,
    pub(crate) user: Option<VisibleUser<'a>>,
    /// A message about a successful action.
    pub(crate) message: Option<&'a str>,
    /// The footer links.
    pub(crate) links: &'a [FooterLink],
}

/// A link in the footer of every page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FooterLink {
    pub(crate) label: &'static str,
    pub(crate) href: String,
}

impl<'a> Common<'a> {
    pub(super) fn sample(user: Option<&'a User>, links: &'a [FooterLink]) -> Self {
        Self {
            lang: "en",
            url_prefix: "/auth/",
            site_prefix: "/auth/",
            admin_prefix: user.is_some_and(|user| user.admin).then_some("/auth/admin/"),
            site_name: "Northwind",
            csrf_token: "csrf-token".into(),
            csp_nonce: "nonce",
            request_id: RequestId::new(7),
            user: user.map(VisibleUser::bare),
            message: Some("Your details have been updated."),
            links,
        }
    }
}

/// The variables of a failure.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    first_wrong_field: Option<String>,
    #[serde(flatten)]
    error: ErrorBody,
}

impl Problem {
    pub(super) fn sample() -> Self {
        let errors = [
            FieldError::new(Field::Username, Rule::Taken),
            FieldError::new(Field::Email, Rule::Format),
            FieldError::new(Field::Password, Rule::Common),
            FieldError::new(Field::RepeatPassword, Rule::Mismatch),
        ];
        let mut fields = FieldMessages::from(&errors[..]);
        for name in ["email", "old_password", "new_password", "otp"] {
            fields.add(name, "This is not accepted".to_owned());
        }
        ErrorBody::from(&errors[..]).with_fields(fields).into()
    }
}

impl From<ErrorBody> for Problem {
    fn from(error: ErrorBody) -> Self {
        let first_wrong_field = error.field_errors.first_field().map(str::to_owned);
        Self { first_wrong_field, error }
    }
}

/// A sample user, to check templates.
pub(crate) fn sample_user() -> User {
    let email = Some("ada@example.com".into());
    NewUser { email, admin: true, ..NewUser::named("ada") }.with_id(UserId::Integer(1))
}

/// Layers of maps: a variable is looked up in the first map that has it.
#[derive(Debug)]
pub(super) struct Layers(pub(super) [Value; 3]);

impl Object for Layers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        // Asking a layer that is undefined makes an error, which allocates.
        let layers = self.0.iter().filter(|layer| !layer.is_undefined());
        let values = layers.filter_map(|layer| layer.get_attr(key).ok());
        values.into_iter().find(|value| !value.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let keys = self.0.iter().filter_map(|layer| layer.try_iter().ok()).flatten();
        Enumerator::Values(keys.collect())
    }
}
