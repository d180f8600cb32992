//! The port that a database driver implements.

mod dialect;
mod value;

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;

pub use dialect::Dialect;
#[cfg(feature = "postgres")]
pub(crate) use dialect::POSTGRES_MIGRATION_LOCK;
pub(crate) use dialect::is_identifier;
pub use value::{Row, Value};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The maximum number of rows that [`Database::scan`] returns. A statement that returns more is an
/// error: it needs a `LIMIT`, because an unlimited result may not fit in memory.
pub const MAX_SCAN_ROWS: usize = 10_000;

/// Error message for a body that returns a value although one of its statements failed.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) const CONTINUED_AFTER_ERROR: &str =
    "a transaction continued after one of its statements failed";

/// A database with its pool of connections; clones share it.
pub trait Database: Clone + Send + Sync + 'static {
    /// The SQL dialect of this database.
    fn dialect(&self) -> Dialect;

    /// Runs a short read-only statement and decodes its first row in place, without copying the
    /// row. For index look-ups of one row; use [`scan`](Self::scan) for longer statements.
    fn find<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: F,
    ) -> impl Future<Output = Result<Option<T>, StorageError>> + Send
    where
        T: Send,
        F: FnOnce(&dyn Row) -> Result<T, StorageError> + Send;

    /// Runs a read-only statement that may take long, without blocking the threads of the runtime
    /// or the connection that writes. Returns the decoded rows, at most [`MAX_SCAN_ROWS`]. Let
    /// `decode` return a `Result` where one row that cannot be decoded must not hide the others.
    fn scan<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: F,
    ) -> impl Future<Output = Result<Vec<T>, StorageError>> + Send
    where
        T: Send + 'static,
        F: FnMut(&dyn Row) -> T + Send + 'static;

    /// Runs `body` on `input` as one transaction: durably committed when this returns what `body`
    /// returned, rolled back if that is an error.
    ///
    /// The driver retries `body` from the beginning after a deadlock, a serialization failure, or
    /// the failure of another transaction in the same group. So `body` must have no effects other
    /// than through its transaction, await only its transaction, and return an error once one of
    /// its statements has failed. It runs to completion even if the caller's future is dropped.
    // Not an async closure: a bound that its future is `Send` is not yet possible.
    fn transaction<I, T, F>(
        &self,
        input: I,
        body: F,
    ) -> impl Future<Output = Result<T, StorageError>> + Send
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + Sync
            + 'static;

    /// Checks that the opened database is still the one at its address, and is writable.
    fn ping(&self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Waits until every transaction that was begun is complete; later ones fail with
    /// [`Unavailable`](crossauth_core::storage::StorageErrorKind::Unavailable).
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// The callback that [`Transaction::query`] calls for each row until it returns `Break`.
pub type EachRow<'f> = dyn FnMut(&dyn Row) -> Result<ControlFlow<()>, StorageError> + Send + 'f;

/// A statement that changes rows, with its parameters.
#[derive(Debug, Clone)]
pub struct Write<'a> {
    /// The statement.
    pub statement: Statement,
    /// Its parameters.
    pub params: Vec<Value<'a>>,
}

/// A transaction in progress.
#[async_trait]
pub trait Transaction: Send {
    /// Runs a statement that changes rows. Returns the number of rows that matched, including those
    /// that already had the new values.
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError>;

    /// Runs statements that change rows, in their order. A driver may send them all before it reads
    /// the first result. Returns the error of the first that fails.
    async fn execute_all(&mut self, writes: &[Write<'_>]) -> Result<(), StorageError> {
        for write in writes {
            self.execute(&write.statement, &write.params).await?;
        }
        Ok(())
    }

    /// Runs the last statements of a transaction, which change rows, in their order. A driver may
    /// send them all, and the commit, before it reads the first result. Afterwards the body only
    /// returns. The error has the position of the statement that failed, or the number of statements
    /// if the commit did, or maybe did.
    async fn execute_last(&mut self, writes: &[Write<'_>]) -> Result<(), (usize, StorageError)> {
        for (position, Write { statement, params }) in writes.iter().enumerate() {
            self.execute(statement, params).await.map_err(|error| (position, error))?;
        }
        Ok(())
    }

    /// Runs a statement that returns rows and calls `each` with them.
    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError>;

    /// Runs a statement that locks a row and returns it; if there is one, runs another with the same
    /// parameters, which reads what is committed by then, and calls `each` with its rows. Returns
    /// whether there is one. A driver may send both before it reads the first result, and the
    /// beginning of the transaction before them: neither may change rows.
    async fn lock_and_query(
        &mut self,
        lock: &Statement,
        read: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<bool, StorageError> {
        let mut is_locked = false;
        let mut note = |_: &dyn Row| {
            is_locked = true;
            Ok(ControlFlow::Break(()))
        };
        self.query(lock, params, &mut note).await?;
        if is_locked {
            self.query(read, params, each).await?;
        }
        Ok(is_locked)
    }
}

impl dyn Transaction + '_ {
    /// The first row of a statement, decoded.
    pub async fn find<T: Send>(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: impl FnOnce(&dyn Row) -> Result<T, StorageError> + Send,
    ) -> Result<Option<T>, StorageError> {
        let (mut decode, mut found) = (Some(decode), None);
        let mut each = |row: &dyn Row| {
            if let Some(decode) = decode.take() {
                found = Some(decode(row)?);
            }
            Ok(ControlFlow::Break(()))
        };
        self.query(statement, params, &mut each).await?;
        Ok(found)
    }

    /// Every row of a statement, decoded.
    pub async fn list<T: Send>(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        mut decode: impl FnMut(&dyn Row) -> Result<T, StorageError> + Send,
    ) -> Result<Vec<T>, StorageError> {
        let mut found = Vec::new();
        let mut each = |row: &dyn Row| {
            found.push(decode(row)?);
            Ok(ControlFlow::Continue(()))
        };
        self.query(statement, params, &mut each).await?;
        Ok(found)
    }

    /// Whether a statement returns a row.
    pub async fn exists(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<bool, StorageError> {
        Ok(self.find(statement, params, |_| Ok(())).await?.is_some())
    }
}

/// SQL text in the dialect of one database.
#[derive(Debug, Clone)]
pub struct Statement {
    text: Arc<str>,
    /// That of the text, which is long and looked up at each use.
    hash: u64,
}

impl Statement {
    /// A statement; `text` has a `?` for each parameter, and no other `?` outside quotes, so that a
    /// driver can substitute the placeholders of its database.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self { hash: hasher.finish(), text }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.text == other.text
    }
}

impl Eq for Statement {}

impl Hash for Statement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
