//! Validation errors of forms, per field.
//!
//! Use cases report all violated rules of a form at once, as [`FieldError`]s in the order of the
//! form's fields. Messages are generated when a response is written:
//!
//! ```
//! use crossauth_core::form::{Field, FieldError, Rule};
//!
//! let error = FieldError::new(Field::Extra("phone".into()), Rule::Missing);
//! assert_eq!(error.field.wire_name(), "user_phone");
//! assert_eq!(error.message(), "Phone is required");
//! ```

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::error::ErrorCode;

/// A rule that a field violates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field.
    pub field: Field,
    /// The violated rule.
    pub rule: Rule,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `username`
    Username,
    /// `user_email`
    Email,
    /// `password`
    Password,
    /// `new_password`
    NewPassword,
    /// `repeat_password`
    RepeatPassword,
    /// `old_password`
    OldPassword,
    /// `code`: a one-time code.
    Code,
    /// `user_<name>`: a field of the application's users.
    Extra(String),
}

/// A validation rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The field is empty or absent.
    Missing,
    /// Fewer characters than `min`.
    TooShort {
        /// Minimum number of characters.
        min: usize,
    },
    /// Longer than `max`.
    TooLong {
        /// Maximum length.
        max: usize,
        /// Unit of the length.
        unit: Unit,
    },
    /// The first character is not allowed there.
    Start,
    /// The last character is not allowed there.
    End,
    /// Contains a character that is not allowed.
    Character,
    /// Mixes letters of scripts that look alike.
    MixedScripts,
    /// Lacks a character of a class that the password policy requires.
    Lacks(CharacterClass),
    /// The password is a well-known or predictable one.
    Common,
    /// The password contains the username or e-mail address.
    ContainsName,
    /// The password contains a word that is easy to guess here, such as the site's name.
    ContainsWord(String),
    /// Has the wrong format.
    Format,
    /// Differs from the value that it repeats.
    Mismatch,
    /// Belongs to another user.
    Taken,
    /// Reserved: a name such as `admin`, or a field that only the system writes.
    Reserved,
    /// Not one of the choices offered.
    Choice,
    /// A rule of the application: the message after the field's label, such as
    /// `must begin with +`.
    Custom(String),
}

/// The unit of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode characters.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
}

/// A class of characters that a password policy can require.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharacterClass {
    /// `a` to `z`
    Lowercase,
    /// `A` to `Z`
    Uppercase,
    /// `0` to `9`
    Digit,
}

impl FieldError {
    /// A field and the rule that it violates.
    pub fn new(field: Field, rule: Rule) -> Self {
        Self { field, rule }
    }

    /// One English sentence for people, without a full stop. It begins with the field's label.
    pub fn message(&self) -> String {
        if self.rule == Rule::Mismatch {
            return ErrorCode::PasswordMatch.message().to_owned();
        }
        format!("{} {}", self.field.label(), self.rule.predicate(&self.field))
    }
}

impl Field {
    /// The name of the field in requests and in the `fieldErrors` of a response.
    pub fn wire_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Username => "username",
            Self::Email => "user_email",
            Self::Password => "password",
            Self::NewPassword => "new_password",
            Self::RepeatPassword => "repeat_password",
            Self::OldPassword => "old_password",
            Self::Code => "code",
            Self::Extra(name) => return Cow::Owned(format!("user_{name}")),
        })
    }

    /// The label of the field for people.
    pub fn label(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Username => "Username",
            Self::Email => "Email",
            Self::Password => "Password",
            Self::NewPassword => "New password",
            Self::RepeatPassword => "Repeated password",
            Self::OldPassword => "Current password",
            Self::Code => "Code",
            Self::Extra(name) => return Cow::Owned(label(name)),
        })
    }
}

/// Converts a name to a label: `favourite_colour` to `Favourite colour`.
pub fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl Rule {
    /// The message after the field's label.
    fn predicate(&self, field: &Field) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Missing => "is required",
            Self::TooShort { min } => {
                return Cow::Owned(format!("must be at least {}", count(*min, Unit::Characters)));
            }
            Self::TooLong { max, unit } => {
                return Cow::Owned(format!("must be at most {}", count(*max, *unit)));
            }
            Self::Start => "must start with a letter, a digit or _",
            Self::End => "must not end with a dot",
            Self::Character => match field {
                Field::Username => "may contain only letters, digits and . _ - + @ '",
                Field::Password | Field::NewPassword => "must not contain a NUL character",
                Field::Email
                | Field::RepeatPassword
                | Field::OldPassword
                | Field::Code
                | Field::Extra(_) => "must not contain control or invisible characters",
            },
            Self::MixedScripts => "must not mix letters of alphabets that look alike",
            Self::Lacks(class) => match class {
                CharacterClass::Lowercase => "must contain at least one lowercase character",
                CharacterClass::Uppercase => "must contain at least one uppercase character",
                CharacterClass::Digit => "must contain at least one digit",
            },
            Self::Common => "is too easy to guess",
            Self::ContainsName => "must not contain the username or email address",
            Self::ContainsWord(word) => {
                return Cow::Owned(format!("must not contain \u{201c}{word}\u{201d}"));
            }
            Self::Format => "is not in an allowed format",
            Self::Mismatch => "does not match",
            Self::Taken => match field {
                Field::Email => "is already in use",
                Field::Username
                | Field::Password
                | Field::NewPassword
                | Field::RepeatPassword
                | Field::OldPassword
                | Field::Code
                | Field::Extra(_) => "is already taken",
            },
            Self::Reserved => match field {
                Field::Username => "is reserved, please choose another",
                Field::Email
                | Field::Password
                | Field::NewPassword
                | Field::RepeatPassword
                | Field::OldPassword
                | Field::Code
                | Field::Extra(_) => "cannot be set",
            },
            Self::Choice => "must be one of the choices",
            Self::Custom(predicate) => return Cow::Owned(predicate.clone()),
        })
    }
}

fn count(length: usize, unit: Unit) -> String {
    let plural = if length == 1 { "" } else { "s" };
    match unit {
        Unit::Characters => format!("{length} character{plural}"),
        Unit::Bytes => {
            format!("{length} byte{plural} (letters other than a to z take more than one)")
        }
    }
}

/// The code of a response that reports `errors`: that of upstream if all are of one kind, otherwise
/// [`ErrorCode::FormEntry`].
///
/// Rules that only a new password violates are [`ErrorCode::PasswordFormat`]. Those that the
/// password of a new account violates are `FormEntry`, as in upstream's sign-up.
pub fn error_code(errors: &[FieldError]) -> ErrorCode {
    let all = |is: fn(&FieldError) -> bool| !errors.is_empty() && errors.iter().all(is);
    if all(|error| error.field == Field::Email && error.rule == Rule::Format) {
        ErrorCode::InvalidEmail
    } else if all(|error| error.rule == Rule::Mismatch) {
        ErrorCode::PasswordMatch
    } else if all(|error| matches!(error.field, Field::NewPassword | Field::RepeatPassword)) {
        ErrorCode::PasswordFormat
    } else if all(|error| error.rule == Rule::Taken) {
        ErrorCode::UserExists
    } else {
        ErrorCode::FormEntry
    }
}

/// The messages of a form by field, in the order of the form: the member `fieldErrors` of a
/// response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldMessages(Vec<(Cow<'static, str>, Vec<String>)>);

impl FieldMessages {
    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a message about the field of this wire name.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, message: String) {
        let name = name.into();
        match self.0.iter_mut().find(|(field, _)| *field == name) {
            Some((_, messages)) => messages.push(message),
            None => self.0.push((name, vec![message])),
        }
    }

    /// The wire name of the first invalid field, which should have the focus.
    pub fn first_field(&self) -> Option<&str> {
        self.0.first().map(|(name, _)| &**name)
    }
}

impl From<&[FieldError]> for FieldMessages {
    fn from(errors: &[FieldError]) -> Self {
        let mut fields = Self::default();
        for error in errors {
            fields.add(error.field.wire_name(), error.message());
        }
        fields
    }
}

impl Serialize for FieldMessages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, messages)| (name, messages)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(field: Field, rule: Rule) -> FieldError {
        FieldError::new(field, rule)
    }

    #[test]
    fn messages_begin_with_the_label_of_their_field() {
        let favourite = Field::Extra("favourite_colour".into());
        for (field, rule, message) in [
            (Field::Username, Rule::TooShort { min: 2 }, "Username must be at least 2 characters"),
            (Field::Username, Rule::Taken, "Username is already taken"),
            (Field::Email, Rule::Taken, "Email is already in use"),
            (Field::Email, Rule::Format, ErrorCode::InvalidEmail.message()),
            (Field::Password, Rule::TooShort { min: 1 }, "Password must be at least 1 character"),
            (favourite.clone(), Rule::Choice, "Favourite colour must be one of the choices"),
            (
                favourite,
                Rule::Custom("is not one of ours".into()),
                "Favourite colour is not one of ours",
            ),
            (Field::RepeatPassword, Rule::Mismatch, "Passwords do not match"),
        ] {
            assert_eq!(error(field, rule).message(), message);
        }
    }

    #[test]
    fn errors_of_one_kind_keep_the_code_of_upstream() {
        let email = error(Field::Email, Rule::Format);
        let mismatch = error(Field::RepeatPassword, Rule::Mismatch);
        let taken = [error(Field::Username, Rule::Taken), error(Field::Email, Rule::Taken)];
        assert_eq!(error_code(std::slice::from_ref(&email)), ErrorCode::InvalidEmail);
        assert_eq!(error_code(std::slice::from_ref(&mismatch)), ErrorCode::PasswordMatch);
        assert_eq!(error_code(&taken), ErrorCode::UserExists);
        assert_eq!(error_code(&[email, mismatch]), ErrorCode::FormEntry);
        assert_eq!(error_code(&[error(Field::Password, Rule::Common)]), ErrorCode::FormEntry);
        assert_eq!(error_code(&[error(Field::Username, Rule::Format)]), ErrorCode::FormEntry);
        let mut new = vec![error(Field::NewPassword, Rule::Common)];
        assert_eq!(error_code(&new), ErrorCode::PasswordFormat);
        new.push(error(Field::RepeatPassword, Rule::Mismatch));
        assert_eq!(error_code(&new), ErrorCode::PasswordFormat);
        new.push(error(Field::Email, Rule::Format));
        assert_eq!(error_code(&new), ErrorCode::FormEntry);
        assert_eq!(error_code(&[]), ErrorCode::FormEntry);
    }

    #[test]
    fn messages_are_grouped_by_field_in_the_order_of_the_form() {
        let messages = FieldMessages::from(
            &[
                error(Field::Username, Rule::Missing),
                error(Field::Password, Rule::Common),
                error(Field::Email, Rule::Format),
                error(Field::Password, Rule::ContainsName),
            ][..],
        );
        assert_eq!(messages.first_field(), Some("username"));
        assert_eq!(
            serde_json::to_string(&messages).unwrap(),
            "{\"username\":[\"Username is required\"],\"password\":[\"Password is too easy to \
             guess\",\"Password must not contain the username or email address\"],\
             \"user_email\":[\"Email is not in an allowed format\"]}"
        );
    }
}
