//! Copies the users and keys of a database of upstream into our own tables.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example(event: crossauth_core::audit::AuditEvent)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use crossauth_core::clock::{Clock as _, SystemClock};
//! use crossauth_storage_sql::import::Import;
//! use crossauth_storage_sql::{TableMap, sqlite};
//!
//! let tables = TableMap::pycrossauth();
//! let old = sqlite::Options { tables, ..Default::default() }.source("app.db").await?;
//! let new = sqlite::open("crossauth.db").await?;
//! let import = Import::new(&old, SystemClock.now(), event);
//! let summary = new.import(import, &mut |_| ()).await?;
//! assert!(summary.is_complete());
//! # Ok(())
//! # }
//! ```
//!
//! The source is only read, by ranges of its keys. The rows of a range are written in one
//! transaction, with the position behind them; each is read back and compared in it. An import that
//! was interrupted at any point goes on from the last position, without rows that are there twice or
//! not at all.
//!
//! Ids of users that are integers stay the same. Others are replaced by integers; the table
//! `crossauth_import_ids` has both. What cannot be taken is in `crossauth_import_findings`.

mod finding;
mod key;
mod prepared;
mod rows;
mod source;
mod state;
mod target;
mod user;

use std::fmt;
use std::sync::Arc;

use crossauth_core::audit::AuditEvent;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{KeyStore, StorageError};
use crossauth_core::user::UserSecrets;

use crate::database::{BoxFuture, Database, Dialect};
use crate::{Management, OpenError, SqlStorage};

pub use finding::Finding;
pub use source::Source;
use state::State;
pub use state::{Count, Part};
use target::Target;

/// How many rows are read and written at once.
const BATCH: u32 = 250;

/// Encrypts the secrets of a user as they are stored here.
pub type Seal<'a> = dyn Fn(UserSecrets) -> Result<UserSecrets, StorageError> + Send + Sync + 'a;

/// An import.
pub struct Import<'a> {
    source: &'a Source,
    now: Timestamp,
    event: AuditEvent,
    seal: Option<&'a Seal<'a>>,
    sessions: Option<Arc<dyn KeyStore>>,
    refuses_nul: bool,
}

impl fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<'a> Import<'a> {
    /// An import of `source`. Its end is recorded as `event`, to which the numbers are added.
    pub fn new(source: &'a Source, now: Timestamp, event: AuditEvent) -> Self {
        Self { source, now, event, seal: None, sessions: None, refuses_nul: false }
    }

    /// Encrypts secrets with this function.
    #[must_use]
    pub fn seal(self, seal: &'a Seal<'a>) -> Self {
        Self { seal: Some(seal), ..self }
    }

    /// Stores sessions here rather than in the database.
    #[must_use]
    pub fn sessions(self, keys: Arc<dyn KeyStore>) -> Self {
        Self { sessions: Some(keys), ..self }
    }

    /// Takes no text with a NUL character, as if the target were PostgreSQL.
    #[must_use]
    pub fn refuse_nul(self) -> Self {
        Self { refuses_nul: true, ..self }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being read.
    pub part: Part,
    /// The rows of all parts that were read, also before an interruption.
    pub read: u64,
    /// The rows of all parts.
    pub total: u64,
}

/// The outcome of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The numbers of each part, in the order of [`Part::ALL`].
    pub counts: Vec<(Part, Count)>,
    /// Whether it went on with an import that was interrupted.
    pub was_resumed: bool,
    /// Whether there was nothing to do, because the import was complete before.
    pub was_complete: bool,
    /// Whether the source has rows that were not read, or had others when they were read. Findings
    /// name the parts.
    pub has_unread: bool,
}

impl Summary {
    /// Whether every row was taken.
    pub fn is_complete(&self) -> bool {
        !self.has_unread && self.counts.iter().all(|(_, count)| count.read == count.taken)
    }
}

/// Why an import failed. What was written before stays, and the import can be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A database reports an error, or a row is not what was written.
    #[error("the import failed")]
    Storage(#[from] StorageError),
    /// A database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tables of the target are not ours.
    #[error("an import needs our own tables as its target")]
    MappedTarget,
    /// The target has accounts that are not of an import.
    #[error("the database has accounts already: an import needs one without any")]
    NotEmpty,
    /// The target has an import of another source.
    #[error(
        "the database has an import of another source, {found}: complete that one, or use an empty database"
    )]
    OtherSource {
        /// The other source, without its password.
        found: String,
    },
    /// The state of the import was changed by another process.
    #[error("another process imports into the same database")]
    Concurrent,
    /// A table does not have as many rows as were written.
    #[error(
        "{expected} rows were written to {table}, but it has {found}: another program has written to it"
    )]
    Count {
        /// Its name.
        table: &'static str,
        /// The number of rows that were written.
        expected: u64,
        /// The number of rows that it has.
        found: u64,
    },
}

impl<D: Database> SqlStorage<D> {
    /// Imports users and keys, or goes on with an import of the same source. Calls `progress` after
    /// each batch.
    // Boxed: in the application's code, where `D` is a concrete type, the compiler fails to prove
    // that the futures of the port are `Send`.
    pub fn import<'a>(
        &'a self,
        import: Import<'a>,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> BoxFuture<'a, Result<Summary, ImportError>> {
        Box::pin(self.run_import(import, progress))
    }

    async fn run_import(
        &self,
        import: Import<'_>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Summary, ImportError> {
        if self.schema().management != Management::Managed {
            return Err(ImportError::MappedTarget);
        }
        let target = Target::new(self.database().clone(), self.schema());
        let (mut state, began) = target.begin(import.source.name(), import.now).await?;
        if began.was_complete {
            return Ok(summary(&state, began.was_resumed, true));
        }
        let mut total = 0;
        for part in Part::ALL {
            total += import.source.count(part).await?;
        }
        while let Some(part) = state.part() {
            let next = step(&target, &import, state, part).await?;
            let read = next.counts().map(|(_, count)| count.read).sum();
            progress(Progress { part, read, total });
            state = next;
        }
        for part in Part::ALL {
            check_source(&target, &import, &mut state, part).await?;
        }
        target.check_counts(&state).await?;
        target.finish(&state, import.event, import.now).await?;
        Ok(summary(&state, began.was_resumed, false))
    }

    /// What an import did not take, or not as it was, in the order in which it was found: up to
    /// `limit` findings after the number `after`, each with its number.
    pub fn import_findings(
        &self,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(i64, Finding)>, StorageError>> {
        let target = Target::new(self.database().clone(), self.schema());
        Box::pin(async move { target.findings(after, limit).await })
    }

    /// The source of an import that is not complete, without its password.
    pub fn unfinished_import(&self) -> BoxFuture<'_, Result<Option<String>, OpenError>> {
        let target = Target::new(self.database().clone(), self.schema());
        Box::pin(async move { target.unfinished().await })
    }
}

fn summary(state: &State, was_resumed: bool, was_complete: bool) -> Summary {
    let has_unread = state.has_unread;
    Summary { counts: state.counts().collect(), was_resumed, was_complete, has_unread }
}

/// Takes one batch.
async fn step<D: Database>(
    target: &Target<D>,
    import: &Import<'_>,
    state: State,
    part: Part,
) -> Result<State, ImportError> {
    let after = state.position();
    let refuses_nul = import.refuses_nul || target.dialect() == Dialect::Postgres;
    if part == Part::Users {
        let rows = import.source.users(after.as_ref(), BATCH).await?;
        let users = user::prepare(rows, import.seal, refuses_nul)?;
        return target.take_users(state, users, import.source.has_other_ids()).await;
    }
    let rows = import.source.keys(part, after.as_ref(), BATCH).await?;
    let owners = rows.iter().filter_map(|row| row.record.as_ref().ok()?.userid.clone());
    let owners = target.owners(owners.collect(), import.source.has_other_ids()).await?;
    let mut keys = key::prepare(rows, &owners, part, refuses_nul)?;
    if let Some(sessions) = &import.sessions {
        key::place_sessions(&mut keys, &**sessions).await?;
    }
    target.take_keys(state, part, keys).await
}

/// Compares the number of rows that the source has with that of the rows that were read.
async fn check_source<D: Database>(
    target: &Target<D>,
    import: &Import<'_>,
    state: &mut State,
    part: Part,
) -> Result<(), ImportError> {
    let read = state.count(part).read;
    let found = import.source.count(part).await?;
    let mut findings = Vec::new();
    if found != read {
        let reason = format!("{read} rows were read, but there are {found}: the source was in use");
        findings.push(Finding::of_part(part, reason));
    }
    if part == Part::Users && import.source.is_mixed() {
        let reason = "the file was written to while it was read, so rows may be missing or old";
        findings.push(Finding::of_part(part, reason));
    }
    if import.source.has_rows_without_key(part).await? {
        findings.push(Finding::of_part(part, "rows whose key column is null were not read"));
    }
    if !findings.is_empty() {
        *state = target.note_unread(state.clone(), findings).await?;
    }
    Ok(())
}
