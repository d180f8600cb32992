//! The port that a database driver implements.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;

/// A future without a name of its own, as transactions return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A database with its pool of connections; clones share it.
pub trait Database: Clone + Send + Sync + 'static {
    /// What is peculiar about its SQL.
    fn dialect(&self) -> Dialect;

    /// Runs one short statement that only reads, such as finding a row by its key.
    fn read(
        &self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<Row>, StorageError>> + Send;

    /// Runs `body` as one transaction: committed for good when this returns what `body` returned,
    /// rolled back if that is an error. Anything that reads many rows belongs here too.
    ///
    /// `body` may await its transaction only, and runs to its end even if the caller is gone.
    // An async closure would read better, but one cannot demand yet that its future be `Send`.
    fn transaction<T, F>(&self, body: F) -> impl Future<Output = Result<T, StorageError>> + Send
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + 'static;

    /// Returns when every transaction that was begun is done; later ones are
    /// [`Unavailable`](crossauth_core::storage::StorageErrorKind::Unavailable).
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A transaction in progress.
#[async_trait]
pub trait Transaction: Send {
    /// Runs a statement that changes rows. Returns how many it found to change, whether or not
    /// they already were as they should be.
    async fn execute(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> Result<u64, StorageError>;

    /// Runs a statement that returns rows.
    async fn query(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StorageError>;
}

/// SQL text for one database.
#[derive(Debug, Clone)]
pub struct Statement(Arc<str>);

impl Statement {
    /// A statement; `text` has a `?` for each parameter, and none elsewhere, so that a driver may
    /// put there what its database wants.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A row, its values in the order of the statement's columns.
pub type Row = Vec<Value>;

/// What a column or a parameter holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number, or a truth value as 0 or 1.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }
}

/// What is peculiar about a database's SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// An identifier in quotes. It must have passed [`is_identifier`].
    pub(crate) fn quote(self, identifier: &str) -> String {
        match self {
            Self::Sqlite => format!("\"{identifier}\""),
        }
    }

    /// What makes a `SELECT` lock its rows until the transaction ends.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            // There is one writer at a time anyway.
            Self::Sqlite => "",
        }
    }

    /// An expression for a new random id where ids are text.
    pub(crate) fn random_id(self) -> &'static str {
        match self {
            Self::Sqlite => "lower(hex(randomblob(16)))",
        }
    }

    /// Lists the columns of the table named by the parameter: name, type, whether null is
    /// forbidden.
    pub(crate) fn columns(self) -> Statement {
        match self {
            Self::Sqlite => {
                Statement::new("SELECT name, type, \"notnull\" FROM pragma_table_info(?)")
            }
        }
    }
}

/// Whether `name` may stand in SQL as the name of a table or column.
pub(crate) fn is_identifier(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=63).contains(&name.len()) && name.chars().all(allowed)
}
