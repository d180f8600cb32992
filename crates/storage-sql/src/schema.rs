//! The tables as they are: the map, laid over the columns that exist.

use crossauth_core::storage::StorageError;
use crossauth_core::user::{Normalization, UserId};

use crate::database::{Database, Dialect, Value, is_identifier};
use crate::extra::Extra;
use crate::{Management, OpenError, TableMap, TimeEncoding};

/// Everything the stores know of the database.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) dialect: Dialect,
    pub(crate) normalization: Normalization,
    pub(crate) users: Users,
    pub(crate) secrets: Secrets,
    pub(crate) keys: Keys,
    /// Names in quotes: table and the column that names a user.
    pub(crate) dependents: Vec<(String, String)>,
}

/// The users' table; names are in quotes, those of missing columns `None`.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    pub(crate) table: String,
    pub(crate) id: String,
    pub(crate) id_kind: IdKind,
    pub(crate) username: String,
    pub(crate) username_normalized: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_normalized: Option<String>,
    pub(crate) state: String,
    pub(crate) factor1: String,
    pub(crate) factor2: Option<String>,
    pub(crate) admin: Option<String>,
    pub(crate) extra: Extra,
}

/// The secrets' table.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    pub(crate) table: String,
    pub(crate) userid: String,
    pub(crate) password: Column,
    pub(crate) totpsecret: Option<Column>,
}

/// The keys' table.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) table: String,
    pub(crate) value: String,
    pub(crate) userid: String,
    pub(crate) created: String,
    pub(crate) expires: String,
    pub(crate) lastactive: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) times: TimeEncoding,
    pub(crate) extra: Extra,
}

/// A column that exists.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) quoted: String,
    pub(crate) sql_type: String,
    pub(crate) not_null: bool,
}

impl Column {
    pub(crate) fn is_boolean(&self) -> bool {
        self.sql_type.to_ascii_lowercase().starts_with("bool")
    }

    /// What stands for "none" here.
    pub(crate) fn none(&self) -> Value {
        if self.not_null { Value::text("") } else { Value::Null }
    }
}

/// What identifies users in this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    Integer,
    Text,
}

impl IdKind {
    /// The id as a parameter to compare with; one of the other kind is equal to none.
    pub(crate) fn sought(self, id: &UserId) -> Value {
        self.stored(id).unwrap_or(Value::Null)
    }

    /// The id as a parameter to store.
    pub(crate) fn stored(self, id: &UserId) -> Result<Value, StorageError> {
        match (self, id) {
            (Self::Integer, UserId::Integer(id)) => Ok(Value::Integer(*id)),
            (Self::Text, UserId::Text(id)) => Ok(Value::text(id)),
            (Self::Integer, UserId::Text(_)) | (Self::Text, UserId::Integer(_)) => {
                Err(StorageError::corrupt("user ids are of another kind here"))
            }
        }
    }
}

impl Schema {
    /// Lays `map` over the tables in `database`.
    pub(crate) async fn find(database: &impl Database, map: &TableMap) -> Result<Self, OpenError> {
        let mut users = Table::find(database, &map.users.table).await?;
        let mut secrets = Table::find(database, &map.secrets.table).await?;
        let mut keys = Table::find(database, &map.keys.table).await?;
        let mut dependents = Vec::new();
        for (table, userid) in &map.dependents {
            if let Some(mut table) = Table::find_optional(database, table).await?
                && let Some(userid) = table.optional(userid)?
            {
                dependents.push((table.quoted, userid.quoted));
            }
        }
        keys.optional(&map.keys.id)?;
        Ok(Self {
            dialect: database.dialect(),
            normalization: map.normalization,
            users: users.users(map)?,
            secrets: secrets.secrets(map)?,
            keys: keys.keys(map)?,
            dependents,
        })
    }
}

/// A table, its columns not yet claimed by the map.
struct Table {
    name: String,
    quoted: String,
    columns: Vec<Column>,
}

impl Table {
    async fn find(database: &impl Database, name: &str) -> Result<Self, OpenError> {
        let table = Self::find_optional(database, name).await?;
        table.ok_or_else(|| OpenError::MissingTable { table: name.to_owned() })
    }

    async fn find_optional(
        database: &impl Database,
        name: &str,
    ) -> Result<Option<Self>, OpenError> {
        check(name)?;
        let dialect = database.dialect();
        let rows = database.read(&dialect.columns(), vec![Value::text(name)]).await?;
        let mut columns = Vec::new();
        for row in rows {
            if let [Value::Text(name), Value::Text(sql_type), not_null] = row.as_slice() {
                check(name)?;
                columns.push(Column {
                    name: name.clone(),
                    quoted: dialect.quote(name),
                    sql_type: sql_type.clone(),
                    not_null: *not_null == Value::Integer(1),
                });
            }
        }
        let table = Self { name: name.to_owned(), quoted: dialect.quote(name), columns };
        Ok(if table.columns.is_empty() { None } else { Some(table) })
    }

    fn optional(&mut self, name: &str) -> Result<Option<Column>, OpenError> {
        check(name)?;
        let place = self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
        Ok(place.map(|place| self.columns.remove(place)))
    }

    fn quoted_optional(&mut self, name: &str) -> Result<Option<String>, OpenError> {
        Ok(self.optional(name)?.map(|column| column.quoted))
    }

    fn needed(&mut self, name: &str) -> Result<Column, OpenError> {
        self.optional(name)?.ok_or_else(|| OpenError::MissingColumn {
            table: self.name.clone(),
            column: name.to_owned(),
        })
    }

    fn quoted(&mut self, name: &str) -> Result<String, OpenError> {
        Ok(self.needed(name)?.quoted)
    }

    fn users(&mut self, map: &TableMap) -> Result<Users, OpenError> {
        let names = &map.users;
        let id = self.needed(&names.id)?;
        let integer = id.sql_type.to_ascii_lowercase().contains("int");
        Ok(Users {
            table: self.quoted.clone(),
            id: id.quoted,
            id_kind: if integer { IdKind::Integer } else { IdKind::Text },
            username: self.quoted(&names.username)?,
            username_normalized: self.quoted_optional(&names.username_normalized)?,
            email: self.quoted_optional(&names.email)?,
            email_normalized: self.quoted_optional(&names.email_normalized)?,
            state: self.quoted(&names.state)?,
            factor1: self.quoted(&names.factor1)?,
            factor2: self.quoted_optional(&names.factor2)?,
            admin: self.quoted_optional(&names.admin)?,
            extra: self.extra(map.management)?,
        })
    }

    fn secrets(&mut self, map: &TableMap) -> Result<Secrets, OpenError> {
        let names = &map.secrets;
        Ok(Secrets {
            table: self.quoted.clone(),
            userid: self.quoted(&names.userid)?,
            password: self.needed(&names.password)?,
            totpsecret: self.optional(&names.totpsecret)?,
        })
    }

    fn keys(&mut self, map: &TableMap) -> Result<Keys, OpenError> {
        let names = &map.keys;
        Ok(Keys {
            table: self.quoted.clone(),
            value: self.quoted(&names.value)?,
            userid: self.quoted(&names.userid)?,
            created: self.quoted(&names.created)?,
            expires: self.quoted(&names.expires)?,
            lastactive: self.quoted_optional(&names.lastactive)?,
            data: self.quoted_optional(&names.data)?,
            times: map.times,
            extra: self.extra(map.management)?,
        })
    }

    fn extra(&mut self, management: Management) -> Result<Extra, OpenError> {
        match management {
            Management::Managed => Ok(Extra::Json(self.quoted("extra")?)),
            Management::AsFound => Ok(Extra::Columns(std::mem::take(&mut self.columns))),
        }
    }
}

fn check(name: &str) -> Result<(), OpenError> {
    if is_identifier(name) { Ok(()) } else { Err(OpenError::Identifier { name: name.to_owned() }) }
}
