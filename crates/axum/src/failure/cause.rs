//! Conversion of the errors of use cases to public error codes.

use std::sync::Arc;

use crossauth_core::account::{AccountError, ListError};
use crossauth_core::csrf::CsrfError;
use crossauth_core::directory::{DirectoryError, LinkingError};
use crossauth_core::email_link::LinkError;
use crossauth_core::enrolment::EnrolmentError;
use crossauth_core::error::ErrorCode;
use crossauth_core::factor::FactorError;
use crossauth_core::form::{self, FieldError, FieldMessages};
use crossauth_core::login::LoginError;
use crossauth_core::password::HashError;
use crossauth_core::password_reset::{ResetError, ResetRequestError};
use crossauth_core::setup::SetupError;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossauth_core::user::Refusal;

use super::Failure;
use super::log::Cause;

const CHANGED_IN_DIRECTORY: &str = "Your password is changed already, but other devices may still be \
     logged in. To log them out, please change it once more in a moment";

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.into())
    }
}

impl From<CsrfError> for Failure {
    fn from(error: CsrfError) -> Self {
        let mut failure = Self::new(ErrorCode::InvalidCsrf);
        failure.0.csrf = Some(error);
        match error {
            CsrfError::Missing | CsrfError::Mismatch => failure,
            CsrfError::CrossSite => failure.message(
                "The request comes from another site. If this is the right address, it must be \
                 the server's configured base URL",
            ),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let failure = match error.kind {
            StorageErrorKind::Unavailable => Self::unavailable(),
            StorageErrorKind::Conflict
            | StorageErrorKind::Corrupt
            | StorageErrorKind::BadRow
            | StorageErrorKind::Bug => Self::internal(),
        };
        failure.caused_by(Cause::Storage(Arc::new(error)))
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::unavailable().caused_by(Cause::NoCapacity),
            HashError::Failed => Self::internal().caused_by(Cause::HashFailed),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        Self::unavailable()
            .message("The directory does not respond right now. Please try again in a moment")
            .caused_by(Cause::Directory(Arc::new(error)))
    }
}

impl From<LinkingError> for Failure {
    fn from(error: LinkingError) -> Self {
        match error {
            LinkingError::NoSuchUser | LinkingError::NotLinked => {
                Self::new(ErrorCode::Unauthorized)
            }
            LinkingError::NoSuchEntry
            | LinkingError::OtherName { .. }
            | LinkingError::OtherEntry { .. } => Self::new(ErrorCode::FormEntry)
                .field("username", "The directory has no user of this name who may log in".into()),
            LinkingError::Taken => Self::new(ErrorCode::UserExists).field(
                "username",
                "Another account has this username or is linked to this user of the directory"
                    .into(),
            ),
            LinkingError::Changed => Self::unavailable()
                .message("The account was changed in this moment. Please try again"),
            LinkingError::Account(error) => error.into(),
            LinkingError::Directory(error) => error.into(),
            LinkingError::Storage(error) => error.into(),
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Hash(error) => error.into(),
            LoginError::Directory(error) => error.into(),
            LoginError::Factor(error) => error.into(),
            LoginError::Storage(error) => error.into(),
        }
    }
}

impl From<EnrolmentError> for Failure {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Hash(error) => error.into(),
            EnrolmentError::Directory(error) => error.into(),
            EnrolmentError::Factor(error) => error.into(),
            EnrolmentError::Storage(error) => error.into(),
        }
    }
}

impl From<FactorError> for Failure {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::NotEnrolled => Self::new(ErrorCode::Factor2ResetNeeded),
            FactorError::InvalidEmail => Self::new(ErrorCode::InvalidEmail),
            FactorError::InvalidPhone => Self::new(ErrorCode::InvalidPhoneNumber),
            FactorError::Storage(error) => error.into(),
            FactorError::Failed(error) => Self::internal().caused_by(Cause::Factor(error.into())),
        }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Form(fields) => {
                let mut failure = Self::new(form::error_code(&fields));
                failure.0.messages = fields.iter().map(FieldError::message).collect();
                failure.0.fields = FieldMessages::from(&*fields);
                failure
            }
            AccountError::SignupClosed => {
                Self::new(ErrorCode::Forbidden).message("Sign-up is closed")
            }
            AccountError::NoSuchUser | AccountError::NotAllowed => {
                Self::new(ErrorCode::Unauthorized)
            }
            AccountError::LastAdmin => Self::new(ErrorCode::Forbidden)
                .message("This is the last administrator. Make another one first"),
            AccountError::FactorUnavailable => {
                Self::new(ErrorCode::Forbidden).message("This second factor is not available")
            }
            AccountError::FactorNeeded => Self::new(ErrorCode::FormEntry).message(
                "You began to sign up with a second step. Choose one to finish the sign-up",
            ),
            AccountError::NoFactorOffered => Self::new(ErrorCode::BadRequest).message(
                "No second factor is offered here: the user could not set one up, and could not log \
                 in",
            ),
            AccountError::ResetUnavailable => Self::new(ErrorCode::BadRequest)
                .message("No link to choose a password can be sent to this account"),
            AccountError::Factor(error) => error.into(),
            AccountError::TokenGone => {
                Self::new(ErrorCode::InvalidKey).message("This link has been used or is too old")
            }
            AccountError::DirectoryPassword => Self::new(ErrorCode::BadRequest).message(
                "The password of this account is that of the directory. Please change it there",
            ),
            AccountError::NoPassword => Self::new(ErrorCode::BadRequest)
                .message("This account has no password: it logs in with another first factor"),
            AccountError::ChangedInDirectory(None) => Self::new(ErrorCode::Unauthorized)
                .message("Your password is changed. Please log in with the new one"),
            AccountError::ChangedInDirectory(Some(error)) => {
                let mut failure = Self::unavailable().caused_by(Cause::Storage(Arc::new(error)));
                failure.0.messages = vec![CHANGED_IN_DIRECTORY.into()];
                failure
            }
            AccountError::Directory(error) => error.into(),
            AccountError::Hash(error) => error.into(),
            AccountError::Storage(error) => error.into(),
        }
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::TooFar => Self::new(ErrorCode::BadRequest).message(error.to_string()),
            ListError::Storage(error) => error.into(),
        }
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Invalid => Self::new(ErrorCode::InvalidKey)
                .message("This link is not valid: it has been used, or there is a newer one"),
            LinkError::Expired => Self::new(ErrorCode::Expired)
                .message("This link is too old. Please ask for a new one"),
            LinkError::NotActive => Self::new(ErrorCode::UserNotActive),
            LinkError::AddressTaken => {
                Self::new(ErrorCode::UserExists).message("Another account has this email address")
            }
            LinkError::TooMany { wait } => Self::too_many_for(wait),
            LinkError::Storage(error) => error.into(),
        }
    }
}

impl From<ResetRequestError> for Failure {
    fn from(error: ResetRequestError) -> Self {
        match error {
            ResetRequestError::InvalidEmail(error) => {
                Self::new(ErrorCode::InvalidEmail).field("email", error.to_string())
            }
            ResetRequestError::TooMany { wait } => Self::too_many_for(wait),
            ResetRequestError::Storage(error) => error.into(),
        }
    }
}

impl From<ResetError> for Failure {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Link(error) => error.into(),
            ResetError::Form(fields) => AccountError::Form(fields).into(),
            ResetError::Hash(error) => error.into(),
        }
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::InvalidLink => Self::new(ErrorCode::InvalidKey)
                .message("This link has been used or is too old. A restart makes a new one while there is no administrator"),
            SetupError::TooMany { wait } => Self::too_many_for(wait),
            SetupError::Account(error) => error.into(),
        }
    }
}
