//! The fields of users that administrators may set.

use crossauth_core::user::is_reserved_field;

use crate::request::RequestInfo;
use crate::signup_field::SignupField;

/// Whether administrators may set a field of the application, or the address `email`.
pub(super) fn is_editable(info: &RequestInfo, name: &str) -> bool {
    let listed = &info.crossauth.config().admin_editable_fields;
    listed.as_ref().is_none_or(|listed| listed.iter().any(|field| field == name))
}

/// The described fields and those that the option lists, none of which an administrator must fill
/// in.
pub(super) fn described(info: &RequestInfo) -> Vec<SignupField> {
    let config = info.crossauth.config();
    let fields = config.signup_fields.iter().filter(|field| is_editable(info, &field.name));
    let mut fields: Vec<SignupField> =
        fields.map(|field| SignupField { required: false, ..field.clone() }).collect();
    for name in config.admin_editable_fields.iter().flatten() {
        let is_field = name == "email" || !is_reserved_field(name);
        if is_field && !fields.iter().any(|field| field.name == *name) {
            fields.push(SignupField::new(name));
        }
    }
    fields
}
