//! Errors of the directory.

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};

/// Why options are invalid. Contains no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL of a server, or the number of servers.
    #[error("the URL {url:?} of a directory server is invalid: {problem}")]
    InvalidUrl {
        /// The URL, without a password.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// A distinguished name.
    #[error("{value:?} is not a distinguished name (RFC 4514) for {option}")]
    InvalidDn {
        /// What it is for.
        option: &'static str,
        /// The text.
        value: String,
    },
    /// The name of an attribute.
    #[error("{0:?} is not the name of an attribute")]
    InvalidAttribute(String),
    /// A filter.
    #[error("the filter {filter:?} is invalid (RFC 4515): {problem}")]
    InvalidFilter {
        /// The text.
        filter: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The certificates of the authorities.
    #[error("the authorities for directory servers cannot be used: {0}")]
    Authorities(String),
    /// Options that do not fit each other, or a limit of zero.
    #[error("the options of the directory are invalid: {0}")]
    Invalid(&'static str),
}

/// An unsuccessful result of an operation (RFC 4511 section 4.1.9) as an error. `what` says which
/// server and operation.
pub(crate) fn of_result(what: &str, code: u32, text: &str) -> DirectoryError {
    use DirectoryErrorKind::{Configuration, Protocol, ServiceAccount, TimedOut, Unreachable};
    let (kind, meaning) = match code {
        1 => (ServiceAccount, "operations error, such as a search before authentication"),
        3 => (TimedOut, "time limit exceeded"),
        4 => (Configuration, "size limit exceeded"),
        8 => (Configuration, "stronger authentication required"),
        10 => (Protocol, "a referral to another server, which is not followed"),
        11 => (Configuration, "administrative limit exceeded"),
        13 => (Configuration, "confidentiality required"),
        16 | 17 => (Configuration, "no such attribute"),
        18 => (Configuration, "inappropriate matching"),
        32 => (Configuration, "no such object"),
        34 => (Configuration, "invalid distinguished name"),
        48 => (ServiceAccount, "inappropriate authentication"),
        49 => (ServiceAccount, "invalid credentials"),
        50 => (ServiceAccount, "insufficient access rights"),
        51 => (Unreachable, "busy"),
        52 => (Unreachable, "unavailable"),
        53 => (Configuration, "unwilling to perform"),
        _ => (Protocol, "unexpected result"),
    };
    let separator = if text.is_empty() { "" } else { ": " };
    DirectoryError::new(kind, format!("{what}: {meaning} (result {code}){separator}{text}"))
}

/// Whether another server may be able to answer.
pub(crate) fn is_outage(error: &DirectoryError) -> bool {
    use DirectoryErrorKind::{Certificate, Protocol, ServiceAccount, TimedOut, Unreachable};
    matches!(error.kind, Unreachable | TimedOut | Certificate | Protocol | ServiceAccount)
}

/// A result that says that the server cannot answer now, whatever it is asked, as an error.
pub(crate) fn trouble(url: &str, code: u32, text: &str) -> Option<DirectoryError> {
    use DirectoryErrorKind::{Protocol, ServiceAccount, Unreachable};
    // Operations error, busy, unavailable, unwilling to perform, and other.
    let kind = match code {
        51 | 52 => Unreachable,
        1 => ServiceAccount,
        53 | 80 => Protocol,
        _ => return None,
    };
    Some(DirectoryError { kind, ..of_result(url, code, text) })
}

pub(crate) fn protocol(message: impl Into<String>) -> DirectoryError {
    DirectoryError::new(DirectoryErrorKind::Protocol, message)
}

pub(crate) fn too_large(message: impl Into<String>) -> DirectoryError {
    DirectoryError::new(DirectoryErrorKind::TooLarge, message)
}

pub(crate) fn configuration(message: impl Into<String>) -> DirectoryError {
    DirectoryError::new(DirectoryErrorKind::Configuration, message)
}
