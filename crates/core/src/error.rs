//! The public error codes: number, name, HTTP status and text of each.
//!
//! Each use case has its own error type, which is matched exhaustively into an [`ErrorCode`] where
//! a response is written.

mod body;

pub use body::ErrorBody;

/// An error code of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// No such user.
    UserNotExist = 1,
    /// Wrong password for a known user.
    PasswordInvalid = 2,
    /// No user with that address.
    EmailNotExist = 3,
    /// Wrong username or password, without saying which.
    UsernameOrPasswordInvalid = 4,
    /// No such OAuth client.
    InvalidClientId = 5,
    /// The OAuth client exists already.
    ClientExists = 6,
    /// Wrong client secret.
    InvalidClientSecret = 7,
    /// Wrong client or client secret.
    InvalidClientIdOrSecret = 8,
    /// The redirect URI is not registered.
    InvalidRedirectUri = 9,
    /// No such OAuth flow.
    InvalidOAuthFlow = 10,
    /// The account is disabled.
    UserNotActive = 11,
    /// The address is not verified.
    EmailNotVerified = 12,
    /// The second factor is not set up.
    TwoFactorIncomplete = 13,
    /// Not logged in.
    Unauthorized = 14,
    /// The client may not do this.
    UnauthorizedClient = 15,
    /// No such scope.
    InvalidScope = 16,
    /// The token lacks a scope.
    InsufficientScope = 17,
    /// Logged in, but not allowed; spelt as on the wire.
    InsufficientPriviledges = 18,
    /// Not allowed for any user.
    Forbidden = 19,
    /// No such key or token.
    InvalidKey = 20,
    /// The CSRF check failed.
    InvalidCsrf = 21,
    /// No such session.
    InvalidSession = 22,
    /// The token has expired.
    Expired = 23,
    /// A store or another server does not respond.
    Connection = 24,
    /// A hash or ciphertext is malformed.
    InvalidHash = 25,
    /// Unknown algorithm.
    UnsupportedAlgorithm = 26,
    /// The key exists already.
    KeyExists = 27,
    /// The password must be changed first.
    PasswordChangeNeeded = 28,
    /// The password must be reset first.
    PasswordResetNeeded = 29,
    /// The second factor must be set up again first.
    Factor2ResetNeeded = 30,
    /// The server is not configured for this.
    Configuration = 31,
    /// Not an e-mail address.
    InvalidEmail = 32,
    /// Not a phone number.
    InvalidPhoneNumber = 33,
    /// Not a username.
    InvalidUsername = 34,
    /// The two passwords differ.
    PasswordMatch = 35,
    /// The token or one-time code is wrong.
    InvalidToken = 36,
    /// A second factor is needed.
    MfaRequired = 37,
    /// The password breaks the rules.
    PasswordFormat = 38,
    /// A key's data has an unexpected format.
    DataFormat = 39,
    /// A request to another server failed.
    FetchError = 40,
    /// The name or address is taken.
    UserExists = 41,
    /// One or more fields are invalid.
    FormEntry = 42,
    /// The request is malformed or incomplete.
    BadRequest = 43,
    /// The user has not decided yet (OAuth device flow).
    AuthorizationPending = 44,
    /// The client polls too fast.
    SlowDown = 45,
    /// The token has expired (OAuth).
    ExpiredToken = 46,
    /// The change breaks a rule of the database.
    ConstraintViolation = 47,
    /// Not available here.
    NotImplemented = 48,
    /// A field is missing or of the wrong type.
    ValueError = 49,
    /// Any other error.
    UnknownError = 50,
}

/// How the codes are numbered on the wire. The names are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Numbering {
    /// That of the Python Crossauth: from 1.
    #[default]
    Python,
    /// That of the TypeScript Crossauth, which its browser library decodes: from 0.
    TypeScript,
}

struct Entry {
    code: ErrorCode,
    name: &'static str,
    status: u16,
    message: &'static str,
}

const fn entry(code: ErrorCode, name: &'static str, status: u16, message: &'static str) -> Entry {
    Entry { code, name, status, message }
}

/// In the order of the codes' numbers. Differences from upstream: `FormEntry` is the client's fault
/// (400), and RFC 8628 section 3.5 makes `AuthorizationPending` and `SlowDown` 400.
#[rustfmt::skip]
const ENTRIES: [Entry; 50] = {
    use ErrorCode as E;
    [
        entry(E::UserNotExist, "UserNotExist", 401, "User does not exist"),
        entry(E::PasswordInvalid, "PasswordInvalid", 401, "Password doesn't match"),
        entry(E::EmailNotExist, "EmailNotExist", 401, "No user exists with that email address"),
        entry(E::UsernameOrPasswordInvalid, "UsernameOrPasswordInvalid", 401, "Username or password incorrect"),
        entry(E::InvalidClientId, "InvalidClientId", 401, "Client id is invalid"),
        entry(E::ClientExists, "ClientExists", 500, "Client ID or name already exists"),
        entry(E::InvalidClientSecret, "InvalidClientSecret", 401, "Client secret is invalid"),
        entry(E::InvalidClientIdOrSecret, "InvalidClientIdOrSecret", 401, "Client id or secret is invalid"),
        entry(E::InvalidRedirectUri, "InvalidRedirectUri", 401, "Redirect Uri is not registered"),
        entry(E::InvalidOAuthFlow, "InvalidOAuthFlow", 500, "Invalid OAuth flow type"),
        entry(E::UserNotActive, "UserNotActive", 403, "Account is not active"),
        entry(E::EmailNotVerified, "EmailNotVerified", 403, "Email address has not been verified"),
        entry(E::TwoFactorIncomplete, "TwoFactorIncomplete", 403, "Two-factor setup is not complete"),
        entry(E::Unauthorized, "Unauthorized", 401, "Not authorized"),
        entry(E::UnauthorizedClient, "UnauthorizedClient", 401, "Client not authorized"),
        entry(E::InvalidScope, "InvalidScope", 403, "Invalid scope"),
        entry(E::InsufficientScope, "InsufficientScope", 403, "Insufficient scope"),
        entry(E::InsufficientPriviledges, "InsufficientPriviledges", 401, "You do not have the right privileges to access this resource"),
        entry(E::Forbidden, "Forbidden", 403, "You do not have permission to access this resource"),
        entry(E::InvalidKey, "InvalidKey", 401, "Key is invalid"),
        entry(E::InvalidCsrf, "InvalidCsrf", 401, "CSRF token is invalid"),
        entry(E::InvalidSession, "InvalidSession", 401, "Session cookie is invalid"),
        entry(E::Expired, "Expired", 401, "Token has expired"),
        entry(E::Connection, "Connection", 500, "Connection failure"),
        entry(E::InvalidHash, "InvalidHash", 500, "Hash is not in a valid format"),
        entry(E::UnsupportedAlgorithm, "UnsupportedAlgorithm", 500, "Algorithm not supported"),
        entry(E::KeyExists, "KeyExists", 500, "Attempt to create a key that already exists"),
        entry(E::PasswordChangeNeeded, "PasswordChangeNeeded", 403, "User must change password"),
        entry(E::PasswordResetNeeded, "PasswordResetNeeded", 403, "User must reset password"),
        entry(E::Factor2ResetNeeded, "Factor2ResetNeeded", 403, "User must reset 2FA"),
        entry(E::Configuration, "Configuration", 500, "There was an error in the configuration"),
        entry(E::InvalidEmail, "InvalidEmail", 400, "Email is not in an allowed format"),
        entry(E::InvalidPhoneNumber, "InvalidPhoneNumber", 400, "Phone number is not in an allowed format"),
        entry(E::InvalidUsername, "InvalidUsername", 400, "Username is not in an allowed format"),
        entry(E::PasswordMatch, "PasswordMatch", 401, "Passwords do not match"),
        entry(E::InvalidToken, "InvalidToken", 401, "Token is not valid"),
        entry(E::MfaRequired, "MfaRequired", 401, "MFA is required"),
        entry(E::PasswordFormat, "PasswordFormat", 401, "Password format was incorrect"),
        entry(E::DataFormat, "DataFormat", 500, "Session data has unexpected format"),
        entry(E::FetchError, "FetchError", 500, "Couldn't execute a fetch"),
        entry(E::UserExists, "UserExists", 400, "User already exists"),
        entry(E::FormEntry, "FormEntry", 400, "Some of the entries are not valid"),
        entry(E::BadRequest, "BadRequest", 400, "The request is invalid"),
        entry(E::AuthorizationPending, "AuthorizationPending", 400, "Waiting for authorization"),
        entry(E::SlowDown, "SlowDown", 400, "Slow polling down by 5 seconds"),
        entry(E::ExpiredToken, "ExpiredToken", 401, "Token has expired"),
        entry(E::ConstraintViolation, "ConstraintViolation", 500, "Database update/insert caused a constraint violation"),
        entry(E::NotImplemented, "NotImplemented", 500, "This method has not been implemented"),
        entry(E::ValueError, "ValueError", 500, "Field is missing or wrong type"),
        entry(E::UnknownError, "UnknownError", 500, "Unknown error"),
    ]
};

impl ErrorCode {
    /// Every code, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.code)
    }

    fn entry(self) -> &'static Entry {
        &ENTRIES[usize::from(self.number(Numbering::Python)) - 1]
    }

    /// The number on the wire (`errorCode`).
    ///
    /// TypeScript has no number for [`ErrorCode::ValueError`]; this returns that of
    /// [`ErrorCode::UnknownError`].
    pub fn number(self, numbering: Numbering) -> u16 {
        match (numbering, self) {
            (Numbering::Python, code) => code as u16,
            (Numbering::TypeScript, Self::ValueError) => Self::UnknownError.number(numbering),
            (Numbering::TypeScript, Self::UnknownError) => 48,
            (Numbering::TypeScript, code) => code as u16 - 1,
        }
    }

    /// The name on the wire (`errorCodeName`).
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The HTTP status of responses with this code.
    pub fn http_status(self) -> u16 {
        self.entry().status
    }

    /// The default message for people.
    pub fn message(self) -> &'static str {
        self.entry().message
    }

    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        ENTRIES.iter().find(|entry| entry.name == name).map(|entry| entry.code)
    }

    /// The code for the `error` member of an OAuth response (RFC 6749 5.2, RFC 6750 3.1, RFC 8628
    /// 3.5). Unknown names become [`ErrorCode::UnknownError`].
    pub fn from_oauth(error: &str) -> Self {
        match error {
            "invalid_request" | "unsupported_response_type" => Self::BadRequest,
            "unauthorized_client" => Self::UnauthorizedClient,
            "access_denied" => Self::Unauthorized,
            "invalid_scope" => Self::InvalidScope,
            "temporarily_unavailable" => Self::Connection,
            "invalid_token" => Self::InvalidToken,
            "expired_token" => Self::ExpiredToken,
            "insufficient_scope" => Self::InsufficientScope,
            "mfa_required" => Self::MfaRequired,
            "authorization_pending" => Self::AuthorizationPending,
            "slow_down" => Self::SlowDown,
            _ => Self::UnknownError,
        }
    }

    /// The `error` member of an OAuth response.
    #[expect(clippy::wildcard_enum_match_arm, reason = "OAuth has no code for the others")]
    pub fn oauth_name(self) -> &'static str {
        match self {
            Self::BadRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::Unauthorized => "access_denied",
            Self::InvalidScope => "invalid_scope",
            Self::InsufficientScope => "insufficient_scope",
            Self::Connection => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::MfaRequired => "mfa_required",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken | Self::Expired => "expired_token",
            _ => "server_error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typescript_counts_from_zero_and_has_no_value_error() {
        let number = |code: ErrorCode| code.number(Numbering::TypeScript);
        assert_eq!(number(ErrorCode::UserNotExist), 0);
        assert_eq!(number(ErrorCode::UserExists), 40);
        assert_eq!(number(ErrorCode::NotImplemented), 47);
        assert_eq!(number(ErrorCode::ValueError), 48);
        assert_eq!(number(ErrorCode::UnknownError), 48);
    }

    #[test]
    fn every_code_is_at_the_index_of_its_number() {
        for (index, code) in ErrorCode::all().enumerate() {
            assert_eq!(usize::from(code.number(Numbering::Python)), index + 1);
            assert_eq!(code.entry().code, code);
            assert_eq!(ErrorCode::from_name(code.name()), Some(code));
            assert_eq!(format!("{code:?}"), code.name());
        }
        assert_eq!(ErrorCode::UnknownError.number(Numbering::Python), 50);
        assert_eq!(ErrorCode::from_name("NoSuchName"), None);
    }

    #[test]
    fn statuses_distinguish_client_and_server_errors() {
        assert_eq!(ErrorCode::UsernameOrPasswordInvalid.http_status(), 401);
        assert_eq!(ErrorCode::UserExists.http_status(), 400);
        assert_eq!(ErrorCode::FormEntry.http_status(), 400);
        assert_eq!(ErrorCode::SlowDown.http_status(), 400);
        assert_eq!(ErrorCode::UserNotActive.http_status(), 403);
    }

    #[test]
    fn oauth_names_survive_a_round_trip() {
        for name in [
            "invalid_request",
            "unauthorized_client",
            "access_denied",
            "invalid_scope",
            "insufficient_scope",
            "temporarily_unavailable",
            "invalid_token",
            "mfa_required",
            "authorization_pending",
            "slow_down",
            "expired_token",
        ] {
            assert_eq!(ErrorCode::from_oauth(name).oauth_name(), name);
        }
        assert_eq!(ErrorCode::from_oauth("server_error"), ErrorCode::UnknownError);
        assert_eq!(ErrorCode::Configuration.oauth_name(), "server_error");
        assert_eq!(ErrorCode::Expired.oauth_name(), "expired_token");
    }
}
