//! The error members of a JSON response.

use serde::Serialize;

use super::{ErrorCode, Numbering};
use crate::form::{self, FieldError, FieldMessages};

/// The error members of a JSON response; the response adds `"ok": false`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ErrorBody {
    /// All messages, joined.
    pub error_message: String,
    /// The messages; never empty.
    pub error_messages: Vec<String>,
    /// The code's number; that of Python unless changed by [`Self::numbered`].
    pub error_code: u16,
    /// The code's name.
    pub error_code_name: &'static str,
    /// The messages about fields of a form; left out if there are none.
    #[serde(skip_serializing_if = "FieldMessages::is_empty")]
    pub field_errors: FieldMessages,
}

impl ErrorBody {
    /// A body with the given messages, or with the code's own text if there are none.
    pub fn new(code: ErrorCode, messages: Vec<String>) -> Self {
        let messages = if messages.is_empty() { vec![code.message().to_owned()] } else { messages };
        Self {
            error_message: messages.join(". "),
            error_messages: messages,
            error_code: code.number(Numbering::Python),
            error_code_name: code.name(),
            field_errors: FieldMessages::default(),
        }
    }

    /// The same body with messages about fields of a form.
    #[must_use]
    pub fn with_fields(self, field_errors: FieldMessages) -> Self {
        Self { field_errors, ..self }
    }

    /// The same body with its code in another numbering.
    #[must_use]
    pub fn numbered(self, numbering: Numbering) -> Self {
        let code = ErrorCode::from_name(self.error_code_name);
        let error_code = code.map_or(self.error_code, |code| code.number(numbering));
        Self { error_code, ..self }
    }
}

impl From<&[FieldError]> for ErrorBody {
    fn from(errors: &[FieldError]) -> Self {
        let messages = errors.iter().map(FieldError::message).collect();
        Self::new(form::error_code(errors), messages).with_fields(FieldMessages::from(errors))
    }
}

impl From<ErrorCode> for ErrorBody {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::{Field, Rule};

    #[test]
    fn body_is_numbered_as_asked() {
        let body = ErrorBody::from(ErrorCode::InvalidCsrf);
        assert_eq!(body.error_code, 21);
        let body = body.numbered(Numbering::TypeScript);
        assert_eq!((body.error_code, body.error_code_name), (20, "InvalidCsrf"));
    }

    #[test]
    fn body_always_has_a_message() {
        let body = serde_json::to_value(ErrorBody::from(ErrorCode::InvalidCsrf)).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "errorMessage": "CSRF token is invalid",
                "errorMessages": ["CSRF token is invalid"],
                "errorCode": 21,
                "errorCodeName": "InvalidCsrf",
            })
        );
        let two = ErrorBody::new(ErrorCode::FormEntry, vec!["a".into(), "b".into()]);
        assert_eq!(two.error_message, "a. b");
    }

    #[test]
    fn body_lists_the_messages_of_each_field() {
        let error = FieldError::new(Field::Email, Rule::Format);
        assert_eq!(
            serde_json::to_value(ErrorBody::from(&[error][..])).unwrap(),
            serde_json::json!({
                "errorMessage": "Email is not in an allowed format",
                "errorMessages": ["Email is not in an allowed format"],
                "errorCode": 32,
                "errorCodeName": "InvalidEmail",
                "fieldErrors": {"user_email": ["Email is not in an allowed format"]},
            })
        );
    }
}
