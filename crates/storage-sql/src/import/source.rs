//! The database that is read.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::key::Key;
use crossauth_core::storage::StorageError;
use crossauth_core::user::{User, UserId, UserSecrets};

use super::Part;
use super::rows::{self, range};
use crate::column::select_list;
use crate::database::{BoxFuture, Database, Row, Statement, Value};
use crate::record::{Cells, IdKind, Keys};
use crate::schema::Schema;
use crate::{OpenError, OpenWarning, TableMap};

/// A database of upstream that is only read.
pub struct Source {
    reader: Box<dyn Read>,
    name: String,
    #[cfg(feature = "sqlite")]
    unlocked: Option<crate::sqlite::UnlockedFile>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A row of the source.
pub(super) struct SourceRow<T> {
    /// The key by which rows are read, as stored.
    pub(super) position: Value<'static>,
    /// What identifies the row in reports.
    pub(super) id: String,
    /// Columns whose values could not be read as they are.
    pub(super) lossy: Vec<String>,
    /// The record, or why it cannot be decoded.
    pub(super) record: Result<T, String>,
}

impl Source {
    // Boxed for the same reason as the opening of a database.
    pub(crate) fn new<'a, D: Database>(
        database: D,
        map: &'a TableMap,
        address: &'a str,
    ) -> BoxFuture<'a, Result<Self, OpenError>> {
        Box::pin(async move {
            let schema = Arc::new(Schema::find(&database, map).await?);
            let tables = [&map.users.table, &map.secrets.table, &map.keys.table];
            let name = format!("{address} ({})", tables.map(String::as_str).join(", "));
            Ok(Self {
                reader: Box::new(Tables { database, schema }),
                name,
                #[cfg(feature = "sqlite")]
                unlocked: None,
            })
        })
    }

    /// The same, in a file that is read without locks.
    #[cfg(feature = "sqlite")]
    pub(crate) fn of_file(self, unlocked: Option<crate::sqlite::UnlockedFile>) -> Self {
        Self { unlocked, ..self }
    }

    /// Whether a process has written to a file while it was read without locks.
    pub(super) fn is_mixed(&self) -> bool {
        #[cfg(feature = "sqlite")]
        return self.unlocked.as_ref().is_some_and(crate::sqlite::UnlockedFile::is_in_use);
        #[cfg(not(feature = "sqlite"))]
        false
    }

    /// What distinguishes it from others: the address without a password, and names of tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Problems to report to the operator.
    pub fn warnings(&self) -> &[OpenWarning] {
        self.reader.warnings()
    }

    /// Whether ids of users are not integers, so that the target has others.
    pub(super) fn has_other_ids(&self) -> bool {
        self.reader.has_other_ids()
    }

    /// The number of rows of a part.
    pub async fn count(&self, part: Part) -> Result<u64, StorageError> {
        self.reader.count(part).await
    }

    pub(super) async fn has_rows_without_key(&self, part: Part) -> Result<bool, StorageError> {
        self.reader.has_rows_without_key(part).await
    }

    pub(super) async fn users(
        &self,
        after: Option<&Value<'static>>,
        limit: u32,
    ) -> Result<Vec<SourceRow<(User, UserSecrets)>>, StorageError> {
        self.reader.users(after, limit).await
    }

    pub(super) async fn keys(
        &self,
        part: Part,
        after: Option<&Value<'static>>,
        limit: u32,
    ) -> Result<Vec<SourceRow<Key>>, StorageError> {
        self.reader.keys(part, after, limit).await
    }
}

/// A source on any engine.
#[async_trait]
trait Read: Send + Sync {
    fn warnings(&self) -> &[OpenWarning];

    fn has_other_ids(&self) -> bool;

    async fn count(&self, part: Part) -> Result<u64, StorageError>;

    async fn has_rows_without_key(&self, part: Part) -> Result<bool, StorageError>;

    async fn users(
        &self,
        after: Option<&Value<'static>>,
        limit: u32,
    ) -> Result<Vec<SourceRow<(User, UserSecrets)>>, StorageError>;

    async fn keys(
        &self,
        part: Part,
        after: Option<&Value<'static>>,
        limit: u32,
    ) -> Result<Vec<SourceRow<Key>>, StorageError>;
}

struct Tables<D> {
    database: D,
    schema: Arc<Schema>,
}

impl<D: Database> Tables<D> {
    /// The table of a part, and the column by which its rows are read; `None` if there is none.
    fn table(&self, part: Part) -> Option<(&str, &str)> {
        match part {
            Part::Users => Some((&self.schema.users.table, self.schema.users.id.quoted())),
            Part::Keys | Part::ApiKeys => {
                self.keys_of(part).map(|keys| (keys.table.as_str(), keys.value.quoted.as_str()))
            }
        }
    }

    fn keys_of(&self, part: Part) -> Option<&Keys> {
        match part {
            Part::Users => None,
            Part::Keys => Some(&self.schema.keys),
            Part::ApiKeys => self.schema.api_keys.as_ref(),
        }
    }
}

fn params(after: Option<&Value<'static>>, limit: u32) -> Vec<Value<'static>> {
    after.cloned().into_iter().chain([Value::Integer(limit.into())]).collect()
}

#[async_trait]
impl<D: Database> Read for Tables<D> {
    fn warnings(&self) -> &[OpenWarning] {
        &self.schema.warnings
    }

    fn has_other_ids(&self) -> bool {
        self.schema.users.id_kind != IdKind::Integer
    }

    async fn count(&self, part: Part) -> Result<u64, StorageError> {
        let Some((table, key)) = self.table(part) else { return Ok(0) };
        rows::count(&self.database, table, key).await
    }

    async fn has_rows_without_key(&self, part: Part) -> Result<bool, StorageError> {
        let Some((table, key)) = self.table(part) else { return Ok(false) };
        let select = format!("SELECT 1 FROM {table} WHERE {key} IS NULL LIMIT 1");
        Ok(rows::first(&self.database, select, &[]).await?.is_some())
    }

    async fn users(
        &self,
        after: Option<&Value<'static>>,
        limit: u32,
    ) -> Result<Vec<SourceRow<(User, UserSecrets)>>, StorageError> {
        let Schema { users, secrets, .. } = self.schema.as_ref();
        let id = format!("u.{}", users.id.quoted());
        let statement = format!(
            "SELECT {}, {} FROM {} AS u LEFT JOIN {} AS s ON s.{} = {id} {} LIMIT ?",
            select_list(&users.selected, "u"),
            select_list(&secrets.selected, "s"),
            users.table,
            secrets.table,
            secrets.userid.quoted,
            range(&id, after),
        );
        let schema = Arc::clone(&self.schema);
        let decode = move |row: &dyn Row| decode_user(&schema, row);
        let params = params(after, limit);
        let rows = self.database.scan(&Statement::new(statement), &params, decode).await?;
        rows.into_iter().collect()
    }

    async fn keys(
        &self,
        part: Part,
        after: Option<&Value<'static>>,
        limit: u32,
    ) -> Result<Vec<SourceRow<Key>>, StorageError> {
        let Some(keys) = self.keys_of(part) else { return Ok(Vec::new()) };
        let value = format!("k.{}", keys.value.quoted);
        let id = keys.id.as_ref().map_or("NULL".to_owned(), |id| format!("k.{}", id.quoted));
        let statement = format!(
            "SELECT {value}, {id}, {} FROM {} AS k {} LIMIT ?",
            select_list(&keys.selected, "k"),
            keys.table,
            range(&value, after),
        );
        let keys = keys.clone();
        let decode = move |row: &dyn Row| decode_key(&keys, row);
        let params = params(after, limit);
        let rows = self.database.scan(&Statement::new(statement), &params, decode).await?;
        rows.into_iter().collect()
    }
}

fn decode_user(
    schema: &Schema,
    row: &dyn Row,
) -> Result<SourceRow<(User, UserSecrets)>, StorageError> {
    let Schema { users, secrets, .. } = schema;
    let position = row.value(users.id.index)?.into_owned();
    let id = Cells::new(row, 0).user_id(&users.id).ok().flatten();
    let id = id.map_or_else(|| "?".to_owned(), |id: UserId| id.to_string());
    let decode = || {
        let user = users.decode(row, 0)?;
        let user = user.ok_or_else(|| StorageError::bad_row("its id is null"))?.user;
        Ok((user, secrets.decode(row, users.selected.len())?))
    };
    let record = decode().map_err(|error: StorageError| error.source.to_string());
    let lossy = users.extra.unrepresentable(Cells::new(row, 0));
    Ok(SourceRow { position, id, lossy, record })
}

fn decode_key(keys: &Keys, row: &dyn Row) -> Result<SourceRow<Key>, StorageError> {
    let position = row.value(0)?.into_owned();
    let id = row.value(1).ok().and_then(|id| id.into_text().ok().flatten()).map(String::from);
    let record = match position.clone().into_text() {
        Ok(Some(value)) => keys.decode_or_reason(&value, row, 2),
        Ok(None) => Err("its value is null".to_owned()),
        Err(problem) => Err(format!("its value {problem}")),
    };
    let id = id.unwrap_or_else(|| match position.clone().into_text() {
        // Not the value, which is in no report.
        Ok(Some(value)) => crossauth_core::crypto::hash(&value).chars().take(12).collect(),
        Ok(None) | Err(_) => "?".to_owned(),
    });
    let lossy = keys.extra.unrepresentable(Cells::new(row, 2));
    Ok(SourceRow { position, id, lossy, record })
}
