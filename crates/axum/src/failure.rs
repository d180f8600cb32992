//! What went wrong with a request, ready to be shown as a page or as JSON.

use crossauth_core::account::AccountError;
use crossauth_core::csrf::CsrfError;
use crossauth_core::error::{ErrorBody, ErrorCode};
use crossauth_core::form::{self, FieldError, FieldMessages};
use crossauth_core::login::LoginError;
use crossauth_core::password::HashError;
use crossauth_core::setup::SetupError;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossauth_core::user::Refusal;
use http::StatusCode;

/// How long clients are told to wait when there is no capacity, in seconds.
const RETRY_AFTER: u32 = 2;

/// An answer other than success: code, status and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    code: ErrorCode,
    status: StatusCode,
    messages: Vec<String>,
    fields: Vec<FieldError>,
    retry_after: Option<u32>,
}

impl Failure {
    /// A failure with the code's own status and text.
    pub(crate) fn new(code: ErrorCode) -> Self {
        let status = StatusCode::from_u16(code.http_status());
        Self {
            code,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            messages: Vec::new(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// Adds a message for people.
    #[must_use]
    pub(crate) fn message(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// Answers with another status than the code's own.
    #[must_use]
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Something that the server needs does not answer or has no capacity: 503, try again.
    fn unavailable() -> Self {
        let mut failure = Self::new(ErrorCode::Connection)
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .message("The server is busy or starting up. Please try again in a moment");
        failure.retry_after = Some(RETRY_AFTER);
        failure
    }

    /// Something is wrong on our side. What it is stands in the log only.
    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::UnknownError)
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// The error members of the answer.
    pub(crate) fn body(&self) -> ErrorBody {
        let messages = self.messages.iter().cloned();
        let of_fields = self.fields.iter().map(FieldError::message);
        ErrorBody {
            field_errors: FieldMessages::from(&*self.fields),
            ..ErrorBody::new(self.code, messages.chain(of_fields).collect())
        }
    }
}

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
        let failure = Self::new(ErrorCode::InvalidCsrf);
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
        tracing::error!(%error, "storage failed");
        match error.kind {
            StorageErrorKind::Unavailable => Self::unavailable(),
            StorageErrorKind::Conflict
            | StorageErrorKind::Corrupt
            | StorageErrorKind::BadRow
            | StorageErrorKind::Bug => Self::internal(),
        }
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => {
                tracing::warn!("no capacity for hashing passwords");
                Self::unavailable()
            }
            HashError::Failed => {
                tracing::error!("a password could not be hashed");
                Self::internal()
            }
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Hash(error) => error.into(),
            LoginError::Storage(error) => error.into(),
        }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Form(fields) => {
                let code = form::error_code(&fields);
                Self { fields, ..Self::new(code) }
            }
            AccountError::SignupClosed => {
                Self::new(ErrorCode::Forbidden).message("Sign-up is closed")
            }
            AccountError::NoSuchUser => Self::new(ErrorCode::Unauthorized),
            AccountError::Hash(error) => error.into(),
            AccountError::Storage(error) => error.into(),
        }
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::InvalidLink => Self::new(ErrorCode::InvalidKey)
                .message("This link has been used or is too old. A restart makes a new one while there is no administrator"),
            SetupError::Account(error) => error.into(),
        }
    }
}
