//! Our tables, which are written.

use std::collections::HashMap;
use std::sync::Arc;

use crossauth_core::audit::AuditEvent;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::StorageError;
use crossauth_core::user::UserId;

use super::key::PreparedKey;
use super::prepared::Batch;
use super::rows::{self, Rows};
use super::state::{State, Step};
use super::user::PreparedUser;
use super::{Finding, ImportError, Part};
use crate::OpenError;
use crate::audit::AuditSql;
use crate::column::Table;
use crate::database::{BoxFuture, Database, Dialect, Row, Statement, Transaction, Value};
use crate::migration::migrate_import;
use crate::schema::Schema;

mod write;

pub(super) const USERS: &str = "crossauth_users";
pub(super) const SECRETS: &str = "crossauth_user_secrets";
pub(super) const KEYS: &str = "crossauth_keys";
/// Ids of users in the source, where those here differ.
pub(super) const IDS: &str = "crossauth_import_ids";
pub(super) const FINDINGS: &str = "crossauth_import_findings";

/// The database that an import writes.
pub(super) struct Target<D> {
    database: D,
    schema: Arc<Schema>,
}

/// What an import finds when it begins.
pub(super) struct Began {
    pub(super) was_resumed: bool,
    pub(super) was_complete: bool,
}

/// The row of the import in the target.
struct Stored {
    source: String,
    state: String,
    is_finished: bool,
}

/// What the body of a transaction writes; returns the findings and the number of rows that were
/// taken.
type Body<T> = for<'t> fn(
    &'t mut dyn Transaction,
    &'t Schema,
    &'t mut State,
    &'t T,
) -> BoxFuture<'t, Result<(Vec<Finding>, u64), StorageError>>;

impl<D: Database> Target<D> {
    pub(super) fn new(database: D, schema: Arc<Schema>) -> Self {
        Self { database, schema }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// Creates the tables of imports and finds or begins the one of this source.
    pub(super) async fn begin(
        &self,
        source: &str,
        now: Timestamp,
    ) -> Result<(State, Began), ImportError> {
        let is_first = Table::find_optional(&self.database, "crossauth_import").await?.is_none();
        if is_first && self.has_users().await? {
            return Err(ImportError::NotEmpty);
        }
        migrate_import(&self.database).await?;
        if let Some(stored) = self.stored().await? {
            if stored.source != source {
                return Err(ImportError::OtherSource { found: stored.source });
            }
            let state = State::from_text(&stored.state)?;
            let was_resumed = !state.is_new();
            return Ok((state, Began { was_resumed, was_complete: stored.is_finished }));
        }
        let keys_before = rows::count(&self.database, KEYS, "value").await?;
        let state = State::new(keys_before);
        let input = (source.to_owned(), now, state.to_text()?);
        let began = self.database.transaction(input, |transaction, (source, now, state)| {
            Box::pin(async move {
                let any = Statement::new(format!("SELECT 1 FROM {USERS} LIMIT 1"));
                if transaction.exists(&any, &[]).await? {
                    return Ok(false);
                }
                let insert = "INSERT INTO crossauth_import (id, source, started, state) \
                              VALUES (1, ?, ?, ?)";
                let params = [Value::text(source), now.as_millis().into(), Value::text(state)];
                transaction.execute(&Statement::new(insert), &params).await?;
                Ok(true)
            })
        });
        match began.await {
            Ok(true) => Ok((state, Began { was_resumed: false, was_complete: false })),
            Ok(false) => Err(ImportError::NotEmpty),
            Err(error) if error.is_conflict() => Err(ImportError::Concurrent),
            Err(error) => Err(error.into()),
        }
    }

    async fn has_users(&self) -> Result<bool, StorageError> {
        let any = format!("SELECT 1 FROM {USERS} LIMIT 1");
        Ok(rows::first(&self.database, any, &[]).await?.is_some())
    }

    async fn stored(&self) -> Result<Option<Stored>, StorageError> {
        let select = "SELECT source, state, finished FROM crossauth_import WHERE id = 1";
        let decode = |row: &dyn Row| {
            let text = |column| {
                let text = row.value(column)?.into_text().map_err(StorageError::corrupt)?;
                Ok::<_, StorageError>(text.unwrap_or_default().into_owned())
            };
            let is_finished = row.value(2)? != Value::Null;
            Ok(Stored { source: text(0)?, state: text(1)?, is_finished })
        };
        self.database.find(&Statement::new(select), &[], decode).await
    }

    pub(super) async fn unfinished(&self) -> Result<Option<String>, OpenError> {
        if Table::find_optional(&self.database, "crossauth_import").await?.is_none() {
            return Ok(None);
        }
        let stored = self.stored().await?;
        Ok(stored.filter(|stored| !stored.is_finished).map(|stored| stored.source))
    }

    pub(super) async fn findings(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Finding)>, StorageError> {
        let select = format!(
            "SELECT number, finding FROM {FINDINGS} WHERE number > ? ORDER BY number LIMIT ?"
        );
        let params = [after.into(), i64::from(limit).into()];
        let decode = |row: &dyn Row| {
            let text = row.value(1)?.into_text().map_err(StorageError::corrupt)?;
            let finding = serde_json::from_str(&text.unwrap_or_default());
            Ok((row.value(0)?.integer()?, finding.map_err(StorageError::corrupt)?))
        };
        self.database.scan(&Statement::new(select), &params, decode).await?.into_iter().collect()
    }

    /// The ids that these users of the source have here; those that were not taken are missing.
    pub(super) async fn owners(
        &self,
        owners: Vec<UserId>,
        has_other_ids: bool,
    ) -> Result<HashMap<UserId, i64>, StorageError> {
        let (table, columns, key) = if has_other_ids {
            (IDS, ["source", "id"], "source")
        } else {
            (USERS, ["id", "id"], "id")
        };
        let value = |id: &UserId| match id {
            _ if has_other_ids => Some(Value::text(id.to_string())),
            UserId::Integer(id) => Some(Value::Integer(*id)),
            UserId::Text(_) => None,
        };
        let values: Vec<_> = owners.iter().filter_map(value).collect();
        let mut found = HashMap::new();
        for row in rows::scan_among(&self.database, table, &columns, key, &values).await? {
            if let [source, id] = &*row {
                found.insert(write::key_text(source), id.integer()?);
            }
        }
        let id = |owner: UserId| {
            let id = value(&owner).and_then(|value| found.get(&write::key_text(&value)).copied());
            id.map(|id| (owner, id))
        };
        Ok(owners.into_iter().filter_map(id).collect())
    }

    pub(super) async fn take_users(
        &self,
        state: State,
        batch: Batch<PreparedUser>,
        has_other_ids: bool,
    ) -> Result<State, ImportError> {
        let (items, advance, findings) = split(batch);
        self.take(state, (items, has_other_ids), (advance, findings), |t, schema, state, input| {
            Box::pin(write::users(t, schema, state, &input.0, input.1))
        })
        .await
    }

    pub(super) async fn take_keys(
        &self,
        state: State,
        part: Part,
        batch: Batch<PreparedKey>,
    ) -> Result<State, ImportError> {
        let (items, advance, findings) = split(batch);
        self.take(state, (items, part), (advance, findings), |t, schema, state, input| {
            Box::pin(write::keys(t, schema, state, &input.0, input.1))
        })
        .await
    }

    /// Adds findings about rows that were not read.
    pub(super) async fn note_unread(
        &self,
        state: State,
        findings: Vec<Finding>,
    ) -> Result<State, ImportError> {
        self.take(state, (), (None, findings), |_, _, state, ()| {
            state.has_unread = true;
            Box::pin(async { Ok((Vec::new(), 0)) })
        })
        .await
    }

    /// Writes a batch and the state behind it, in one transaction.
    async fn take<T: Send + Sync + 'static>(
        &self,
        state: State,
        items: T,
        (advance, findings): (Option<Advance>, Vec<Finding>),
        body: Body<T>,
    ) -> Result<State, ImportError> {
        let input = (Arc::clone(&self.schema), (state, advance), items, findings, body);
        let taken = self.database.transaction(input, |transaction, input| {
            let (schema, (before, advance), items, findings, body) = input;
            Box::pin(async move {
                if !lock(transaction, schema.dialect, before).await? {
                    return Ok(None);
                }
                let mut state = before.clone();
                let (more, taken) = body(transaction, schema, &mut state, items).await?;
                let findings: Vec<_> = findings.iter().cloned().chain(more).collect();
                write_findings(transaction, &mut state, &findings).await?;
                if let Some(Advance { read, last }) = advance {
                    state.advance(Step { read: *read, taken, last: last.clone() })?;
                }
                let update = Statement::new("UPDATE crossauth_import SET state = ? WHERE id = 1");
                transaction.execute(&update, &[Value::text(state.to_text()?)]).await?;
                Ok(Some(state))
            })
        });
        taken.await?.ok_or(ImportError::Concurrent)
    }

    /// Compares the number of rows of each table with that of the rows that were written.
    pub(super) async fn check_counts(&self, state: &State) -> Result<(), ImportError> {
        let [users, keys, api_keys] = Part::ALL.map(|part| state.count(part).taken);
        let keys = state.keys_before + keys + api_keys - state.placed;
        for (table, key, expected) in [(USERS, "id", users), (KEYS, "value", keys)] {
            let found = rows::count(&self.database, table, key).await?;
            if found != expected {
                return Err(ImportError::Count { table, expected, found });
            }
        }
        Ok(())
    }

    /// Completes the import.
    pub(super) async fn finish(
        &self,
        state: &State,
        event: AuditEvent,
        now: Timestamp,
    ) -> Result<(), ImportError> {
        let event = state.counts().fold(event, |event, (part, count)| {
            event.detail(&part.as_str().replace(' ', "_").to_lowercase(), count.taken)
        });
        let audit = Arc::new(AuditSql::new(&self.schema));
        let input = (audit, (self.dialect(), state.clone()), event, now);
        let finished = self.database.transaction(input, |transaction, input| {
            let (audit, (dialect, state), event, now) = input;
            Box::pin(async move {
                if !lock(transaction, *dialect, state).await? {
                    return Ok(false);
                }
                if let Some(statement) = dialect.continue_ids(USERS) {
                    transaction.exists(&statement, &[]).await?;
                }
                audit.record(transaction, std::slice::from_ref(event), None).await?;
                let update =
                    Statement::new("UPDATE crossauth_import SET finished = ? WHERE id = 1");
                transaction.execute(&update, &[now.as_millis().into()]).await?;
                Ok(true)
            })
        });
        if finished.await? { Ok(()) } else { Err(ImportError::Concurrent) }
    }
}

/// How far a batch goes.
struct Advance {
    read: u64,
    last: Option<Value<'static>>,
}

fn split<T>(batch: Batch<T>) -> (Vec<T>, Option<Advance>, Vec<Finding>) {
    let Batch { items, read, last, findings } = batch;
    (items, Some(Advance { read, last }), findings)
}

/// Locks the row of the import; returns whether it is still in this state.
async fn lock(
    transaction: &mut dyn Transaction,
    dialect: Dialect,
    state: &State,
) -> Result<bool, StorageError> {
    let for_update = dialect.for_update();
    let select = format!("SELECT state FROM crossauth_import WHERE id = 1{for_update}");
    let decode = |row: &dyn Row| {
        let text = row.value(0)?.into_text().map_err(StorageError::corrupt)?;
        Ok(text.map(std::borrow::Cow::into_owned))
    };
    let found = transaction.find(&Statement::new(select), &[], decode).await?.flatten();
    Ok(found == Some(state.to_text()?))
}

async fn write_findings(
    transaction: &mut dyn Transaction,
    state: &mut State,
    findings: &[Finding],
) -> Result<(), StorageError> {
    let mut rows = Rows::of(FINDINGS, &["number", "finding"]);
    for finding in findings {
        state.findings += 1;
        let text = serde_json::to_string(finding).map_err(StorageError::bug)?;
        rows.values.push(vec![Value::Integer(state.findings), Value::text(text)]);
    }
    rows.write(transaction).await
}
