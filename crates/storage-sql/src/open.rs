//! Opening a database: migrating or inspecting it, and building the stores.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crossauth_core::storage::{Storage, StorageError};

use crate::TableMap;
use crate::database::{BoxFuture, Database, Statement};
use crate::key::SqlKeyStore;
use crate::migration::{is_current, migrate};
use crate::schema::Schema;
use crate::session::SqlSessionStore;
use crate::user::SqlUserStore;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or opened.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database answers with an error; one that is damaged does.
    #[error("cannot use the database")]
    Storage(#[from] StorageError),
    /// A later version of Crossauth has changed the schema.
    #[error("the database has schema version {found}, and this program knows {known} only")]
    Newer {
        /// The version in the database.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// A table of the map does not exist.
    #[error("there is no table {table:?}")]
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
    /// The time zone of the table map is neither an offset nor known to the system.
    #[error("there is no time zone {name:?}")]
    TimeZone {
        /// Its name.
        name: String,
    },
    /// The address of the database server cannot be used.
    #[error("the address of the database server is wrong: {problem}")]
    Address {
        /// What is wrong with it.
        problem: String,
    },
    /// A name in the table map holds something else than ASCII letters, digits and `_`.
    #[error("{name:?} cannot be the name of a table or column")]
    Identifier {
        /// The name.
        name: String,
    },
}

/// What an operator should know about a database that was opened all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenWarning {
    /// A column that a new row may lack takes no null and has no default: one of the
    /// application's own, or that of the e-mail address.
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
    /// Integers identify users, and the database does not assign them to new ones.
    #[error(
        "the table {table:?} does not assign {column:?} to new rows: new users cannot be stored"
    )]
    IdNotAssigned {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// Times are stored as text without a time zone, and the table map names none.
    #[error(
        "times in the table {table:?} name no time zone and are taken as UTC; if they are local \
         times, configure their time zone"
    )]
    TimeZone {
        /// Name of the table.
        table: String,
    },
}

/// Looks at the tables that `map` names without changing them, and says what the operator should
/// be told. Tables of ours that are missing or old are fine: opening the database mends that.
pub(crate) async fn inspect(
    database: &impl Database,
    map: &TableMap,
) -> Result<Vec<OpenWarning>, OpenError> {
    if is_current(database, map).await? {
        return Ok(Schema::find(database, map).await?.warnings);
    }
    Ok(Vec::new())
}

/// An open database with the stores over it.
#[derive(Clone)]
pub struct SqlStorage<D> {
    database: D,
    storage: Storage,
    /// Fails if the users' table is gone.
    probe: Statement,
    schema: Arc<Schema>,
}

impl<D> fmt::Debug for SqlStorage<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStorage").finish_non_exhaustive()
    }
}

impl<D: Database> SqlStorage<D> {
    /// Builds the stores over `database`: migrates our own schema, takes any other as it is.
    // Boxed because the compiler cannot see in the application's code, where the driver is known,
    // that the futures of a port are `Send`.
    pub fn open(database: D, map: TableMap) -> BoxFuture<'static, Result<Self, OpenError>> {
        Box::pin(async move {
            migrate(&database, &map).await?;
            let schema = Arc::new(Schema::find(&database, &map).await?);
            let storage = Storage {
                users: Arc::new(SqlUserStore::new(database.clone(), &schema)),
                keys: Arc::new(SqlKeyStore::new(database.clone(), &schema)),
                sessions: Arc::new(SqlSessionStore::new(database.clone(), &schema)),
            };
            let users = &schema.users.table;
            let probe = Statement::new(format!("SELECT 1 FROM {users} LIMIT 1"));
            Ok(Self { database, storage, probe, schema })
        })
    }

    /// The stores, for the use cases.
    pub fn storage(&self) -> Storage {
        self.storage.clone()
    }

    /// Names of the application's own columns of the users' table. What they hold is part of the
    /// user and goes wherever an application sends it.
    pub fn user_columns(&self) -> Vec<&str> {
        self.schema.users.extra.column_names()
    }

    /// What the operator should be told.
    pub fn warnings(&self) -> &[OpenWarning] {
        &self.schema.warnings
    }

    /// The database under the stores.
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Whether the database is the one that was opened, takes a write, and has our tables.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.database.ping().await?;
        self.database.scan(&self.probe, &[], |_| ()).await?;
        Ok(())
    }

    /// Completes the transactions that were begun. Writes fail afterwards.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl<D> From<SqlStorage<D>> for Storage {
    fn from(opened: SqlStorage<D>) -> Self {
        opened.storage
    }
}
