//! The kinds of errors of MySQL and MariaDB, by their numbers.

use crossauth_core::storage::{StorageError, StorageErrorKind};
use mysql_async::{DriverError, Error};

use crate::pool::ServerError;

const DUPLICATE: [u16; 2] = [1062, 1586];

/// The transaction was rolled back, or waited too long for a lock; a retry may succeed: lock wait
/// timeout, deadlock, changed record.
const RETRIABLE: [u16; 3] = [1205, 1213, 1020];

/// The server has closed the connection or is about to: shutdown, killed, idle for too long; or it no
/// longer knows a prepared statement (a proxy may have prepared it on another connection).
const LOST: [u16; 7] = [1053, 1080, 1927, 3169, 4031, 1243, 1615];

/// The same statement may succeed later: too many connections or statements, no memory or space,
/// access denied, read-only server, network, interrupted, not a member of its cluster.
const OUTAGE: [u16; 29] = [
    1040, 1203, 1226, 1461, 1037, 1038, 1041, 1021, 1114, 1026, 1030, 1044, 1045, 1142, 1227, 1290,
    1792, 1836, 1158, 1159, 1160, 1161, 1317, 1969, 3024, 1047, 1180, 1129, 1152,
];

/// What a step of a migration finds that is already done: table, column, index exists; column or
/// index does not exist.
const DONE: [u16; 4] = [1050, 1060, 1061, 1091];

/// Their messages quote values of the row behind the first quotation mark.
const QUOTES_VALUES: [u16; 6] = [1062, 1586, 1292, 1366, 1411, 1525];

/// Classifies an error.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(super) fn storage_error(error: Error) -> StorageError {
    let is_outage =
        |code| [&RETRIABLE[..], &LOST[..], &OUTAGE[..]].iter().any(|codes| codes.contains(&code));
    let kind = match &error {
        Error::Server(mysql_async::ServerError { code, .. }) if DUPLICATE.contains(code) => {
            StorageErrorKind::Conflict
        }
        Error::Server(mysql_async::ServerError { code, .. }) if is_outage(*code) => {
            StorageErrorKind::Unavailable
        }
        Error::Io(_) | Error::Other(_) | Error::Driver(DriverError::ConnectionClosed) => {
            StorageErrorKind::Unavailable
        }
        Error::Server(_) | Error::Driver(_) | Error::Url(_) => StorageErrorKind::Corrupt,
    };
    StorageError { kind, source: describe(&error).into() }
}

/// The message of an error, without values of the row.
pub(super) fn describe(error: &Error) -> String {
    let Error::Server(mysql_async::ServerError { code, message, state }) = error else {
        return error.to_string();
    };
    let message = match message.split_once('\'') {
        Some((before, _)) if QUOTES_VALUES.contains(code) => before.trim_end(),
        Some(_) | None => message,
    };
    format!("{message} (error {code}, SQLSTATE {state})")
}

impl ServerError for Error {
    fn is_lost(&self) -> bool {
        let is_closed = matches!(
            self,
            Error::Io(_)
                | Error::Driver(DriverError::ConnectionClosed | DriverError::PacketOutOfOrder)
        );
        is_closed || has_code(self, &LOST)
    }

    fn is_retriable(&self) -> bool {
        has_code(self, &RETRIABLE)
    }

    fn into_storage_error(self) -> StorageError {
        storage_error(self)
    }
}

/// Whether a statement that changes the schema has been run before.
pub(super) fn is_done(error: &Error) -> bool {
    has_code(error, &DONE)
}

fn has_code(error: &Error, codes: &[u16]) -> bool {
    matches!(error, Error::Server(mysql_async::ServerError { code, .. }) if codes.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> Error {
        Error::Server(mysql_async::ServerError {
            code,
            message: message.into(),
            state: "HY000".into(),
        })
    }

    #[test]
    fn messages_contain_no_values() {
        let error = server(1062, "Duplicate entry 'bob@example.com' for key 'username'");
        let error = storage_error(error);
        assert_eq!(error.kind, StorageErrorKind::Conflict);
        assert_eq!(error.source.to_string(), "Duplicate entry (error 1062, SQLSTATE HY000)");
        let error = storage_error(server(1146, "Table 'app.users' doesn't exist"));
        assert_eq!(error.kind, StorageErrorKind::Corrupt);
        let expected = "Table 'app.users' doesn't exist (error 1146, SQLSTATE HY000)";
        assert_eq!(error.source.to_string(), expected);
    }
}
