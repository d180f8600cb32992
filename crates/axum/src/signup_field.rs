//! Additional fields of the sign-up form, described by the application.

mod kind;

use crossauth_core::form::{Field, FieldError, Rule, label};
use serde_json::{Map, Value};

pub use kind::FieldKind;

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

    /// The name of the user field.
    pub fn name(&self) -> &str {
        &self.name
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

    /// Validates a value and converts it to what is stored.
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
        // The use case validates the address of the account.
        if self.name == "email" {
            return Ok(Some(value.clone()));
        }
        self.kind.check(value).map(Some)
    }
}

/// Validates the described fields, and converts numbers and URLs. Removes invalid ones.
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
            Err(rule) => {
                // Reported here, so not again by the use case.
                entered.remove(&field.name);
                let wrong = match field.name.as_str() {
                    "email" => Field::Email,
                    name => Field::Extra(name.to_owned()),
                };
                errors.push(FieldError::new(wrong, rule));
            }
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
        let number = Rule::Custom("must be a number".into());
        assert_eq!(checked(bad), (vec![Rule::Missing, Rule::Choice, number], json!({})));
        let sparse = json!({"email": "a@b.example", "team": "", "age": ""});
        assert_eq!(checked(sparse), (vec![], json!({"email": "a@b.example"})));
    }
}
