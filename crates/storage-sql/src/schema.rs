//! The tables as found in the database: the table map applied to the existing columns.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::StorageError;

use crate::column::{Column, Field, Table, UNTIL_2038};
use crate::database::{Database, Dialect, Row, Statement, Value};
use crate::extra::Extra;
use crate::record::{IdKind, Keys, Secrets, Users};
use crate::time_encoding::{MILLIS_FUNCTION, is_local};
use crate::{Management, OpenError, OpenWarning, TableMap};

/// A text with a date and time, to compare it as text with others: null if it begins with no date.
const TEXT_TIME: &str =
    "CASE WHEN {} LIKE '____-__-__%' THEN REPLACE(SUBSTR({}, 1, 19), 'T', ' ') END";

/// The schema that the stores use.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) dialect: Dialect,
    pub(crate) management: Management,
    pub(crate) users: Users,
    pub(crate) secrets: Secrets,
    pub(crate) keys: Keys,
    /// The table of the API keys, if it is not that of the other keys.
    pub(crate) api_keys: Option<Keys>,
    /// Quoted names: table, and its column with the user id.
    pub(crate) dependents: Vec<(String, String)>,
    pub(crate) warnings: Vec<OpenWarning>,
}

impl Schema {
    /// An expression for a time column that SQL can order by and compare with
    /// [`compared_time`](Self::compared_time). In a mapped table, some rows may have text and
    /// others numbers.
    pub(crate) fn comparable_time(&self, field: &Field, expression: &str) -> String {
        match (self.dialect, self.management) {
            (Dialect::Sqlite, Management::External) => format!("{MILLIS_FUNCTION}({expression})"),
            (Dialect::Postgres | Dialect::Mysql, Management::External)
                if field.column.is_text() =>
            {
                TEXT_TIME.replace("{}", expression)
            }
            (Dialect::Sqlite | Dialect::Postgres | Dialect::Mysql, _) => expression.to_owned(),
        }
    }

    /// The parameter for a comparison with [`comparable_time`](Self::comparable_time) of `field`.
    pub(crate) fn compared_time(&self, field: &Field, time: Timestamp) -> Value<'static> {
        let times = &self.keys.times;
        match (self.dialect, self.management) {
            (Dialect::Sqlite, Management::External) => Value::Integer(time.as_millis()),
            (Dialect::Postgres | Dialect::Mysql, Management::External)
                if field.column.is_text() =>
            {
                times.comparable_text(time)
            }
            (Dialect::Sqlite | Dialect::Postgres | Dialect::Mysql, _) => times.encode(field, time),
        }
    }

    /// The parameter that keys which have expired before `now` are less than. Text may be in another
    /// time zone than it seems, so it is kept for a day.
    pub(crate) fn purged_time(&self, field: &Field, now: Timestamp) -> Value<'static> {
        let is_text = field.column.is_text() && self.dialect != Dialect::Sqlite;
        self.compared_time(field, if is_text { now - Duration::from_hours(24) } else { now })
    }

    /// Applies `map` to the tables in `database`.
    pub(crate) async fn find(database: &impl Database, map: &TableMap) -> Result<Self, OpenError> {
        let users = Table::find(database, &map.users.table).await?;
        let secrets = Table::find(database, &map.secrets.table).await?;
        let keys = Table::find(database, &map.keys.table).await?;
        let api_keys = match &map.api_keys {
            Some(names) => Table::find_optional(database, &names.table).await?.zip(Some(names)),
            None => None,
        };
        let mut dependents = Vec::new();
        for (table, userid) in &map.dependents {
            if let Some(mut table) = Table::find_optional(database, table).await?
                && let Some(userid) = table.take_optional(userid)?
            {
                dependents.push((table.quoted, userid.quoted));
            }
        }
        let extra = |table: &mut Table| match map.management {
            Management::Managed => Ok(Extra::Json(table.select("extra")?)),
            Management::External => {
                Ok(Extra::Columns { own: table.select_rest(), joined: Vec::new() })
            }
        };
        let mut users = Users::new(users, map, extra)?;
        if users.id_kind != IdKind::Uuid {
            users.id_kind = stored_id_kind(database, &users).await?.unwrap_or(users.id_kind);
        }
        users.has_null_names = has_null_names(database, map, &users).await?;
        let mut keys = Keys::new(keys, &map.keys, map, extra)?;
        let api_keys = api_keys.map(|(table, names)| Keys::new(table, names, map, extra));
        let mut api_keys = api_keys.transpose()?;
        match_epochs(&mut users, &mut keys, api_keys.as_mut());
        let mut warnings = join(database, map, &mut users, &mut dependents).await?;
        warnings.extend(until_2038(map, &keys, api_keys.as_ref()));
        let email = users.columns.email.iter();
        warnings.extend(email.filter_map(|email| required_column(&map.users.table, email)));
        warnings.extend(required(&map.users.table, &users.extra));
        warnings.extend(required(&map.keys.table, &keys.extra));
        let assigned = database.dialect().assigns_integers(&users.id.column);
        if users.id_kind == IdKind::Integer && !assigned {
            let (table, column) = (map.users.table.clone(), map.users.id.clone());
            warnings.push(OpenWarning::IdNotAssigned { table, column });
        }
        if map.time_zone.is_none() && has_local_times(database, &keys).await? {
            warnings.push(OpenWarning::TimeZone { table: map.keys.table.clone() });
        }
        Ok(Self {
            dialect: database.dialect(),
            management: map.management,
            users,
            secrets: Secrets::new(secrets, map)?,
            keys,
            api_keys,
            dependents,
            warnings,
        })
    }
}

/// Leaves out the columns of credential epochs where they cannot be compared.
fn match_epochs(users: &mut Users, keys: &mut Keys, api_keys: Option<&mut Keys>) {
    if users.columns.credential_epoch.is_none() || keys.epoch.is_none() {
        // Each is useless without the other.
        users.columns.credential_epoch = None;
        keys.epoch = None;
    }
    if let Some(api_keys) = api_keys {
        api_keys.epoch = None;
    }
}

/// The kind of the stored user ids; `None` if there are no users.
async fn stored_id_kind(
    database: &impl Database,
    users: &Users,
) -> Result<Option<IdKind>, StorageError> {
    let (table, id) = (&users.table, users.id.quoted());
    let select = format!("SELECT {id} FROM {table} WHERE {id} IS NOT NULL LIMIT 1");
    let decode = |row: &dyn Row| row.value(0).map(|value| IdKind::of_value(&value));
    let stored = database.scan(&Statement::new(select), &[], decode).await?;
    Ok(stored.into_iter().next().transpose()?.flatten())
}

/// Whether some users have no name by which they can be looked up: in mapped tables, those from before
/// there was one.
async fn has_null_names(
    database: &impl Database,
    map: &TableMap,
    users: &Users,
) -> Result<bool, StorageError> {
    if map.management == Management::Managed {
        return Ok(false);
    }
    let (table, name) = (&users.table, users.lookup_name.quoted());
    let select = Statement::new(format!("SELECT 1 FROM {table} WHERE {name} IS NULL LIMIT 1"));
    Ok(!database.scan(&select, &[], |_| ()).await?.is_empty())
}

/// Whether a sample of the keys has times stored as text without a time zone.
async fn has_local_times(database: &impl Database, keys: &Keys) -> Result<bool, StorageError> {
    let (created, expires) = (keys.created.quoted(), keys.expires.quoted());
    let select = format!("SELECT {created}, {expires} FROM {} LIMIT 100", keys.table);
    let decode = |row: &dyn Row| {
        [0, 1].into_iter().any(|column| row.value(column).is_ok_and(|value| is_local(&value)))
    };
    let found = database.scan(&Statement::new(select), &[], decode).await?;
    Ok(found.contains(&true))
}

/// Adds the columns of joined tables to the users, whose deletion deletes their rows. Returns a
/// warning for each column that is left out.
async fn join(
    database: &impl Database,
    map: &TableMap,
    users: &mut Users,
    dependents: &mut Vec<(String, String)>,
) -> Result<Vec<OpenWarning>, OpenError> {
    let known = [&map.users.table, &map.secrets.table, &map.keys.table];
    let api_keys = map.api_keys.as_ref().map(|keys| &keys.table);
    let mut warnings = Vec::new();
    for (name, reference) in &map.joins {
        // Upstream has the secrets in the list, too.
        if known.into_iter().chain(api_keys).any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        let mut table = Table::find(database, name).await?;
        let quoted = table.quoted.clone();
        let skipped = users.join(&map.users, &mut table, reference)?;
        warnings.extend(
            skipped
                .into_iter()
                .map(|column| OpenWarning::JoinedColumn { table: name.clone(), column }),
        );
        dependents.push((quoted, database.dialect().quote(reference)));
    }
    Ok(warnings)
}

/// A warning for each time of keys whose type ends in 2038.
fn until_2038(map: &TableMap, keys: &Keys, api_keys: Option<&Keys>) -> Vec<OpenWarning> {
    let names = [Some(&map.keys), map.api_keys.as_ref()].into_iter().flatten();
    let tables = names.zip([Some(keys), api_keys].into_iter().flatten());
    let columns = tables.flat_map(|(names, keys)| {
        let times = [Some(&keys.created), Some(&keys.expires), keys.lastactive.as_ref()];
        times.into_iter().flatten().map(|field| (&names.table, &field.column))
    });
    let limited = columns.filter(|(_, column)| column.sql_type == UNTIL_2038);
    let warning = |(table, column): (&String, &Column)| OpenWarning::Until2038 {
        table: table.clone(),
        column: column.name.clone(),
    };
    limited.map(warning).collect()
}

/// A warning for each application column that every insert must set.
fn required<'t>(table: &'t str, extra: &'t Extra) -> impl Iterator<Item = OpenWarning> + 't {
    let fields = match extra {
        Extra::Json(_) => &[],
        Extra::Columns { own, .. } => own.as_slice(),
    };
    fields.iter().filter_map(move |field| required_column(table, field))
}

fn required_column(table: &str, field: &Field) -> Option<OpenWarning> {
    let Column { name, not_null, has_default, .. } = &field.column;
    (*not_null && !has_default)
        .then(|| OpenWarning::RequiredColumn { table: table.to_owned(), column: name.clone() })
}
