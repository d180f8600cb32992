//! Additional fields of the sign-up form, described by the application.

use crossauth_core::form::{Field, FieldError, Rule, label};
use serde_json::{Map, Number, Value};

/// An additional field of the sign-up form and the account.
///
/// ```
/// use crossauth_axum::{FieldKind, SignupField};
///
/// let fields = [
///     SignupField::new("email").required(),
///     SignupField::new("phone").label("Mobile phone").hint("With country code"),
///     SignupField::new("team").choices([("red", "Red team"), ("blue", "Blue team")]),
///     SignupField::new("age").kind(FieldKind::Number),
/// ];
/// # let _ = crossauth_axum::Crossauth::builder().signup_fields(fields);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupField {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) kind: FieldKind,
    pub(crate) required: bool,
    pub(crate) choices: Vec<(String, String)>,
    pub(crate) autocomplete: Option<String>,
}

/// The type of a field and of its form control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// One line of text.
    Text,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A number, stored as a number.
    Number,
    /// A date.
    Date,
    /// The URL of a page.
    Url,
}

impl FieldKind {
    /// The `type` of the control.
    pub(crate) fn control(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Email => "email",
            Self::Phone => "tel",
            Self::Number => "number",
            Self::Date => "date",
            Self::Url => "url",
        }
    }

    /// The value for `autocomplete`.
    pub(crate) fn autocomplete(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "tel",
            Self::Url => "url",
            Self::Text | Self::Number | Self::Date => "on",
        }
    }
}

impl SignupField {
    /// An optional field with this name, which is also that of the user field. `email` is the
    /// address of the account, `phone` a telephone number, any other a line of text.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let kind = match name.as_str() {
            "email" => FieldKind::Email,
            "phone" => FieldKind::Phone,
            _ => FieldKind::Text,
        };
        let (label, hint, choices) = (label(&name), String::new(), Vec::new());
        Self { name, label, hint, kind, required: false, choices, autocomplete: None }
    }

    /// The label on the form; derived from the name if not set.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// A sentence below the field.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// The type of the field.
    #[must_use]
    pub fn kind(self, kind: FieldKind) -> Self {
        Self { kind, ..self }
    }

    /// Makes the field required.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The choices, each with its label.
    #[must_use]
    pub fn choices<V: Into<String>, L: Into<String>>(
        self,
        choices: impl IntoIterator<Item = (V, L)>,
    ) -> Self {
        let choices = choices.into_iter().map(|(value, label)| (value.into(), label.into()));
        Self { choices: choices.collect(), ..self }
    }

    /// The value of the control's `autocomplete`, such as `tel-national`, instead of one that
    /// follows from the kind.
    #[must_use]
    pub fn autocomplete(self, token: impl Into<String>) -> Self {
        Self { autocomplete: Some(token.into()), ..self }
    }

    /// Validates a value: text, or a number for a number field.
    fn check(&self, value: Option<&Value>) -> Result<Option<Value>, Rule> {
        let value = match value {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(value) => Some(value),
        };
        let Some(value) = value else {
            return if self.required { Err(Rule::Missing) } else { Ok(None) };
        };
        let is_chosen = |text: &str| self.choices.iter().any(|(choice, _)| choice == text);
        if !self.choices.is_empty() && !value.as_str().is_some_and(is_chosen) {
            return Err(Rule::Choice);
        }
        match (self.kind, value) {
            (FieldKind::Number, Value::String(text)) => {
                let number = text.trim().parse::<Number>().map_err(|_| Rule::Format)?;
                Ok(Some(Value::Number(number)))
            }
            (FieldKind::Number, value) if !value.is_number() => Err(Rule::Format),
            _ => Ok(Some(value.clone())),
        }
    }
}

/// Validates the described fields, and converts numbers.
pub(crate) fn check(fields: &[SignupField], entered: &mut Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in fields {
        match field.check(entered.get(&field.name)) {
            Ok(Some(value)) => {
                entered.insert(field.name.clone(), value);
            }
            Ok(None) => {
                entered.remove(&field.name);
            }
            Err(rule) if field.name == "email" => errors.push(FieldError::new(Field::Email, rule)),
            Err(rule) => errors.push(FieldError::new(Field::Extra(field.name.clone()), rule)),
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_violated_rule_of_the_fields_is_reported() {
        let fields = [
            SignupField::new("email").required(),
            SignupField::new("team").choices([("red", "Red")]),
            SignupField::new("age").kind(FieldKind::Number),
        ];
        let checked = |entered: Value| {
            let mut entered = entered.as_object().unwrap().clone();
            let errors = check(&fields, &mut entered);
            let rules: Vec<_> = errors.into_iter().map(|error| error.rule).collect();
            (rules, Value::Object(entered))
        };
        let good = json!({"email": "a@b.example", "team": "red", "age": " 7 "});
        let kept = json!({"email": "a@b.example", "team": "red", "age": 7});
        assert_eq!(checked(good), (vec![], kept));
        let bad = json!({"email": " ", "team": "blue", "age": "seven"});
        assert_eq!(checked(bad).0, [Rule::Missing, Rule::Choice, Rule::Format]);
        let sparse = json!({"email": "a@b.example", "team": "", "age": ""});
        assert_eq!(checked(sparse), (vec![], json!({"email": "a@b.example"})));
    }
}
