//! The port that a database driver implements.

mod dialect;
mod value;

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;

pub use dialect::Dialect;
pub(crate) use dialect::is_identifier;
pub use value::{Row, Value};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Most rows that [`Database::scan`] returns. Statements limit themselves to fewer; one that does
/// not is an error, because an unlimited result does not fit in memory.
pub const MAX_SCANNED: usize = 10_000;

/// What is wrong with a body that returns a value though one of its statements failed.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const WENT_ON: &str = "a transaction went on after one of its statements failed";

/// A database with its pool of connections; clones share it.
pub trait Database: Clone + Send + Sync + 'static {
    /// Its SQL dialect.
    fn dialect(&self) -> Dialect;

    /// Runs a short statement that only reads, and decodes its first row where the driver holds
    /// it. For finding one row by an index; anything longer belongs into [`scan`](Self::scan).
    fn find<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: F,
    ) -> impl Future<Output = Result<Option<T>, StorageError>> + Send
    where
        T: Send,
        F: FnOnce(&dyn Row) -> Result<T, StorageError> + Send;

    /// Runs a statement that only reads and may take long, off the threads of the runtime and off
    /// the connection that writes. Returns what `decode` makes of each row, of at most
    /// [`MAX_SCANNED`]. Let `decode` return a `Result` where one row that cannot be decoded must
    /// not hide the others.
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
    /// The driver runs `body` again, from the beginning, where the database asks for it (a
    /// deadlock, a serialization failure, another transaction that failed in the same group). So
    /// `body` has no effect but through its transaction. It awaits nothing but its transaction,
    /// returns an error once one of its statements has failed, and runs to its end even if the
    /// caller is gone.
    // An async closure would read better, but it cannot yet be required that its future be `Send`.
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

    /// Whether the database that was opened is still the one at its address, and takes a write.
    fn ping(&self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Returns when every transaction that was begun is done; later ones are
    /// [`Unavailable`](crossauth_core::storage::StorageErrorKind::Unavailable).
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// What [`Transaction::query`] calls for each row, until it breaks.
pub type EachRow<'f> = dyn FnMut(&dyn Row) -> Result<ControlFlow<()>, StorageError> + Send + 'f;

/// A transaction in progress.
#[async_trait]
pub trait Transaction: Send {
    /// Runs a statement that changes rows. Returns how many it found to change, whether or not
    /// they already were as they should be.
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError>;

    /// Runs a statement that returns rows and calls `each` with them.
    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError>;
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

/// SQL text for one database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement(Arc<str>);

impl Statement {
    /// A statement; `text` has a `?` for each parameter, and none elsewhere but in quotes, so that
    /// a driver may put there what its database wants.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
