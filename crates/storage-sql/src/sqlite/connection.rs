//! Connections: how they are set up, and how statements run on them.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql, ffi, params_from_iter};

use super::unlocked::log_of;
use crate::database::{EachRow, MAX_SCAN_ROWS, Row, Statement, Transaction, Value};
use crate::time_encoding::{MILLIS_FUNCTION, Times};

/// How long to wait for the lock of another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// Maximum size of the write-ahead log file after a checkpoint, in bytes.
const MAX_LOG_SIZE: u32 = 4 << 20;

/// The connection that writes to a file.
pub(super) fn writer(path: &Path, times: &Times) -> Result<Connection, StorageError> {
    let connection = open(path, times)?;
    write_ahead(&connection)?;
    // No automatic checkpoints: the writer checkpoints after it has replied, so that an error of
    // the checkpoint is not reported as an error of the commit.
    let pragmas = format!(
        "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {MAX_LOG_SIZE}; \
         PRAGMA wal_autocheckpoint = 0; PRAGMA user_version"
    );
    connection.execute_batch(&pragmas).map_err(storage_error)?;
    Ok(connection)
}

/// A connection that reads a file.
pub(super) fn reader(path: &Path, times: &Times) -> Result<Connection, StorageError> {
    let connection = open(path, times)?;
    connection.execute_batch("PRAGMA query_only = ON").map_err(storage_error)?;
    Ok(connection)
}

/// A read-only connection that creates no other files.
pub(super) fn inspector(path: &Path, times: &Times) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if needs_locks(path) {
        Connection::open_with_flags(path, flags)
    } else {
        let uri = format!("file:{}?immutable=1", escape(path));
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
    };
    let connection = connection.map_err(storage_error)?;
    set_up(&connection, times).map_err(storage_error)?;
    Ok(connection)
}

/// Whether an [`inspector`] reads a file with locks. It does not if the file has write-ahead logging but
/// no log: no process has it open then, and SQLite would create a log to learn that.
pub(super) fn needs_locks(path: &Path) -> bool {
    log_of(path).exists() || !logs_ahead(path)
}

/// Whether a file uses write-ahead logging, by its header. Without it, a connection that reads creates
/// no files, and needs locks: another process may be writing.
fn logs_ahead(path: &Path) -> bool {
    const VERSIONS: usize = 18;
    let mut head = [0; VERSIONS + 2];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head[VERSIONS..] == [2, 2]
}

/// A path, encoded for a URI.
fn escape(path: &Path) -> String {
    let mut escaped = String::new();
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The only connection to a database without a file name: in memory or, if the path is empty, in a file
/// that is deleted when it is closed.
pub(super) fn unnamed(path: &str, times: &Times) -> Result<Connection, StorageError> {
    let connection = Connection::open(path).map_err(storage_error)?;
    set_up(&connection, times).map_err(storage_error)?;
    Ok(connection)
}

fn open(path: &Path, times: &Times) -> Result<Connection, StorageError> {
    // Each connection is behind our own lock.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(storage_error)?;
    set_up(&connection, times).map_err(storage_error)?;
    Ok(connection)
}

fn set_up(connection: &Connection, times: &Times) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise the query planner uses the values of parameters, and re-prepares some statements
    // every time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let times = times.clone();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(MILLIS_FUNCTION, 1, flags, move |context| {
        let time = times.decode(&value(context.get_raw(0))).unwrap_or(None);
        Ok(time.map(Timestamp::as_millis))
    })?;
    // No memory mapping: reading a mapped file that another program has truncated kills the process
    // with SIGBUS.
    connection
        .execute_batch("PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -8192")
}

/// Switches to write-ahead logging. Retries, because SQLite does not wait here if another process
/// does the same.
#[expect(clippy::disallowed_methods, reason = "the busy handler of SQLite does not wait here")]
fn write_ahead(connection: &Connection) -> Result<(), StorageError> {
    let start = Instant::now();
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result.map_err(storage_error),
        }
    }
}

/// Finds the first row of a statement and decodes it in place.
pub(super) fn find<T>(
    connection: &Connection,
    statement: &Statement,
    params: &[Value<'_>],
    decode: impl FnOnce(&dyn Row) -> Result<T, StorageError>,
) -> Result<Option<T>, StorageError> {
    let mut prepared = prepare_read(connection, statement)?;
    let mut rows = prepared.query(params_from_iter(params)).map_err(storage_error)?;
    // The remaining rows are not needed.
    rows.next().map_err(storage_error)?.map(|row| decode(row)).transpose()
}

/// Decodes all rows of a statement that only reads.
pub(super) fn scan<T>(
    connection: &Connection,
    statement: &Statement,
    params: &[Value<'_>],
    mut decode: impl FnMut(&dyn Row) -> T,
) -> Result<Vec<T>, StorageError> {
    let mut prepared = prepare_read(connection, statement)?;
    let mut rows = prepared.query(params_from_iter(params)).map_err(storage_error)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(storage_error)? {
        if found.len() == MAX_SCAN_ROWS {
            return Err(StorageError::bug("a scan returns too many rows: it needs a LIMIT"));
        }
        found.push(decode(row));
    }
    Ok(found)
}

/// Runs a statement and calls `each` with its rows.
pub(super) fn query(
    connection: &Connection,
    statement: &Statement,
    params: &[Value<'_>],
    each: &mut EachRow<'_>,
) -> Result<(), StorageError> {
    let mut prepared = prepare(connection, statement)?;
    let mut rows = prepared.query(params_from_iter(params)).map_err(storage_error)?;
    while let Some(row) = rows.next().map_err(storage_error)? {
        if each(row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Runs a statement that changes rows; returns the number of rows.
pub(super) fn execute(
    connection: &Connection,
    statement: &Statement,
    params: &[Value<'_>],
) -> Result<u64, StorageError> {
    let mut prepared = prepare(connection, statement)?;
    let changed = prepared.execute(params_from_iter(params)).map_err(storage_error)?;
    Ok(changed as u64)
}

fn prepare<'c>(
    connection: &'c Connection,
    statement: &Statement,
) -> Result<CachedStatement<'c>, StorageError> {
    connection.prepare_cached(statement.as_str()).map_err(storage_error)
}

fn prepare_read<'c>(
    connection: &'c Connection,
    statement: &Statement,
) -> Result<CachedStatement<'c>, StorageError> {
    let prepared = prepare(connection, statement)?;
    if !prepared.readonly() {
        return Err(StorageError::bug("a statement that writes was run outside a transaction"));
    }
    Ok(prepared)
}

/// Checks that the database is writable: writes the file's `user_version`, which belongs to the
/// application, with its current value.
pub(super) async fn probe(transaction: &mut dyn Transaction) -> Result<(), StorageError> {
    let read = Statement::new("PRAGMA user_version");
    let version = transaction.find(&read, &[], |row| row.value(0)?.integer()).await?;
    let version = version.unwrap_or(0);
    let write = Statement::new(format!("PRAGMA user_version = {version}"));
    transaction.execute(&write, &[]).await?;
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(boolean) => ValueRef::Integer(i64::from(*boolean)),
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Time(time) => ValueRef::Integer(time.as_millis()),
        }))
    }
}

impl Row for rusqlite::Row<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>, StorageError> {
        self.get_ref(column).map(value).map_err(storage_error)
    }

    fn width(&self) -> usize {
        self.as_ref().column_count()
    }
}

fn value(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::text(text),
            Err(_) => Value::bytes(bytes),
        },
        ValueRef::Blob(bytes) => Value::bytes(bytes),
    }
}

/// Classifies an error of SQLite.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(super) fn storage_error(error: rusqlite::Error) -> StorageError {
    let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
    let kind = match code {
        Some((
            _,
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID,
        )) => StorageErrorKind::Conflict,
        Some((
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::PermissionDenied
            // The whole file is damaged, not only the requested row.
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
            _,
        )) => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Corrupt,
    };
    StorageError { kind, source: describe(&error).into() }
}

/// The message of an error, without its sources, which repeat it.
pub(super) fn describe(error: &rusqlite::Error) -> String {
    let Some(code) = error.sqlite_error().map(|error| error.extended_code) else {
        return error.to_string();
    };
    let hint = match code {
        ffi::SQLITE_FULL | ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE => {
            "; is the disk full?"
        }
        ffi::SQLITE_CANTOPEN | ffi::SQLITE_READONLY | ffi::SQLITE_READONLY_DIRECTORY => {
            "; may this user write to the file and its directory?"
        }
        _ => "",
    };
    format!("{error} (SQLite error {code}{hint})")
}
