//! Opening a database: migrating or inspecting it, and building the stores.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crossauth_core::storage::{Storage, StorageError};

use crate::attempt::SqlAttemptStore;
use crate::audit::SqlAuditStore;
use crate::database::{BoxFuture, Database, Statement};
use crate::in_transaction::{InTransaction, run};
use crate::key::SqlKeyStore;
use crate::migration::{is_current, migrate};
use crate::outbox::{Enqueued, SqlOutboxStore};
use crate::schema::Schema;
use crate::session::SqlSessionStore;
use crate::user::SqlUserStore;
use crate::{Management, TableMap};

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be created or opened.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The database reports an error, for example because its file is damaged.
    #[error("cannot use the database")]
    Storage(#[from] StorageError),
    /// A later version of Crossauth has changed the schema.
    #[error(
        "the database has schema version {found}, but this program supports only versions up to {known}"
    )]
    Newer {
        /// The version in the database.
        found: i64,
        /// The latest version that this program supports.
        known: i64,
    },
    /// The user of the database may not make the changes of a migration. Only a
    /// [plan](crate::MigrationPlan) reports it; a migration fails with the error of the database.
    #[error("the migration is not permitted: {problem}")]
    NotPermitted {
        /// What is not permitted, and to whom.
        problem: String,
    },
    /// A table of the map does not exist.
    #[error("the database has no table {table:?}")]
    MissingTable {
        /// Its name.
        table: String,
    },
    /// A column that is not optional does not exist.
    #[error("the table {table:?} has no column {column:?}")]
    MissingColumn {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// The time zone of the table map is neither an offset nor in the system's time zone database.
    #[error("there is no time zone {name:?}")]
    TimeZone {
        /// Its name.
        name: String,
    },
    /// The URL of the database is invalid.
    #[error("the URL of the database is invalid: {problem}")]
    InvalidUrl {
        /// What is wrong with it.
        problem: String,
    },
    /// A name in the table map contains a character other than ASCII letters, digits and `_`.
    #[error("{name:?} is not a valid name of a table or column: use ASCII letters, digits and `_`")]
    Identifier {
        /// The name.
        name: String,
    },
}

/// A problem that an operator should know about, but that does not prevent opening the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenWarning {
    /// A column that is not set in every new row is `NOT NULL` and has no default: an application
    /// column, or that of the e-mail address.
    #[error(
        "column {column:?} of the table {table:?} is required and has no default: inserts that \
         do not set it fail"
    )]
    RequiredColumn {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// User ids are integers, and the database does not assign them to new rows.
    #[error(
        "the table {table:?} does not assign {column:?} to new rows: new users cannot be stored"
    )]
    IdNotAssigned {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// A column of a joined table has the name of a column of users, or of another joined table, so
    /// it is no field.
    #[error(
        "column {column:?} of the joined table {table:?} is not used: users have a field of this name"
    )]
    JoinedColumn {
        /// Name of the joined table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// A column of times has a type of MySQL that cannot store times from 2038 on.
    #[error(
        "column {column:?} of the table {table:?} cannot store times after 2038-01-19: change its \
         type from `timestamp` to `datetime`"
    )]
    Until2038 {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// Tables of ours are missing or of an earlier version. Only an inspection reports it: opening
    /// the database migrates them.
    #[error("tables are missing or of an earlier version; the next start creates or migrates them")]
    Outdated,
    /// Times are stored as text without a time zone, and the table map does not specify one.
    #[error(
        "times in the table {table:?} have no time zone and are read as UTC; if they are local \
         times, configure their time zone"
    )]
    TimeZone {
        /// Name of the table.
        table: String,
    },
}

/// Looks at the tables that `map` names without changing them, and returns warnings for the
/// operator. Missing or outdated tables of our schema are a warning: opening the database migrates
/// them.
pub(crate) async fn inspect(
    database: &impl Database,
    map: &TableMap,
) -> Result<Vec<OpenWarning>, OpenError> {
    let is_current = is_current(database, map).await?;
    let mut warnings = Vec::new();
    if is_current || map.management == Management::External {
        // Boxed: the nested futures are too many for the compiler otherwise.
        warnings = Box::pin(Schema::find(database, map)).await?.warnings;
    }
    if !is_current {
        warnings.push(OpenWarning::Outdated);
    }
    Ok(warnings)
}

/// An open database and its stores.
#[derive(Clone)]
pub struct SqlStorage<D> {
    database: D,
    storage: Storage,
    /// Fails if the users' table no longer exists.
    probe: Statement,
    schema: Arc<Schema>,
    enqueued: Enqueued,
}

/// The stores over a database with these tables.
pub(crate) fn stores<D: Database>(
    database: &D,
    schema: &Arc<Schema>,
    enqueued: &Enqueued,
) -> Storage {
    Storage {
        users: Arc::new(SqlUserStore::new(database.clone(), schema, enqueued)),
        keys: Arc::new(SqlKeyStore::new(database.clone(), schema, enqueued)),
        sessions: Arc::new(SqlSessionStore::new(database.clone(), schema, enqueued)),
        outbox: Arc::new(SqlOutboxStore::new(database.clone(), schema, enqueued)),
        attempts: Arc::new(SqlAttemptStore::new(database.clone())),
        audit: Arc::new(SqlAuditStore::new(database.clone(), schema)),
    }
}

impl<D> fmt::Debug for SqlStorage<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStorage").finish_non_exhaustive()
    }
}

impl<D: Database> SqlStorage<D> {
    /// Builds the stores over `database`: migrates our schema, or uses the existing tables that
    /// `map` names.
    // Boxed: in the application's code, where `D` is a concrete type, the compiler fails to prove
    // that the futures of the port are `Send`.
    pub fn open(database: D, map: TableMap) -> BoxFuture<'static, Result<Self, OpenError>> {
        Box::pin(async move {
            migrate(&database, &map).await?;
            let schema = Arc::new(Schema::find(&database, &map).await?);
            let enqueued = Enqueued::default();
            let storage = stores(&database, &schema, &enqueued);
            let users = &schema.users.table;
            let probe = Statement::new(format!("SELECT 1 FROM {users} LIMIT 1"));
            Ok(Self { database, storage, probe, schema, enqueued })
        })
    }

    /// The stores, for the use cases.
    pub fn storage(&self) -> Storage {
        self.storage.clone()
    }

    /// Runs `body` as one transaction in which the stores and statements of the application take
    /// part: all of it is committed when this returns what `body` returned, or nothing.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example(
    /// #     opened: crossauth_storage_sql::SqlStorage<crossauth_storage_sql::sqlite::Sqlite>,
    /// # ) -> Result<(), crossauth_core::storage::StorageError> {
    /// use crossauth_core::storage::{Effects, Guard};
    /// use crossauth_core::user::{NewUser, UserSecrets};
    /// use crossauth_storage_sql::database::{Statement, Value};
    ///
    /// let insert = Statement::new("INSERT INTO customers (name) VALUES (?)");
    /// let created = opened.transaction(insert, |transaction, insert| {
    ///     Box::pin(async move {
    ///         transaction.execute(insert, &[Value::text("Bob Ltd")]).await?;
    ///         let (bob, secrets) = (NewUser::named("bob"), UserSecrets::default());
    ///         let users = &transaction.storage().users;
    ///         users.create(&bob, &secrets, Guard::None, &Effects::default()).await
    ///     })
    /// });
    /// created.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What is different from calls of the stores outside of it:
    ///
    /// - The driver repeats `body` from the beginning after a deadlock, a serialization failure or a
    ///   lost connection, so it must have no other effects, and await nothing but its transaction
    ///   (in SQLite, anything else is [`Bug`](crossauth_core::storage::StorageErrorKind::Bug)). Use
    ///   the stores one after the other.
    /// - Once a change of a store has failed, nothing is committed, whatever `body` returns: the first
    ///   error is returned. A name that is taken may be such an error
    ///   ([`Conflict`](crossauth_core::storage::StorageErrorKind::Conflict)) instead of an outcome,
    ///   and an event that cannot be recorded stops the transaction even where the store would go
    ///   on without it.
    /// - What the stores return is final only when this returns. Audit events are chained and messages
    ///   sent after the commit.
    /// - `body` runs in another task or thread, where
    ///   [`Caller::current`](crossauth_core::caller::Caller::current) is not the caller of this. Make
    ///   audit events before, and pass them in `input`.
    /// - Locks are held until then. Keep it short.
    // Boxed, as `open` is.
    pub fn transaction<I, T, F>(
        &self,
        input: I,
        body: F,
    ) -> BoxFuture<'static, Result<T, StorageError>>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t InTransaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + Sync
            + 'static,
    {
        let (database, enqueued) = (self.database.clone(), self.enqueued.clone());
        let input = (Arc::clone(&self.schema), input, body);
        Box::pin(async move {
            let ran = database.transaction(input, |transaction, (schema, input, body)| {
                Box::pin(run(transaction, schema, input, body))
            });
            let value = ran.await?;
            enqueued.wake();
            Ok(value)
        })
    }

    /// Names of the application columns of the users' table. Their values become fields of each
    /// user, including where the user is sent to clients.
    pub fn user_columns(&self) -> Vec<&str> {
        self.schema.users.extra.column_names()
    }

    /// Problems to report to the operator.
    pub fn warnings(&self) -> &[OpenWarning] {
        &self.schema.warnings
    }

    /// The tables as found.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    /// The database that the stores use.
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Checks that the database is the one that was opened, is writable, and has our tables.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.database.ping().await?;
        self.database.scan(&self.probe, &[], |_| ()).await?;
        Ok(())
    }

    /// Waits for running transactions to complete. Writes fail afterwards.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl<D> From<SqlStorage<D>> for Storage {
    fn from(opened: SqlStorage<D>) -> Self {
        opened.storage
    }
}
