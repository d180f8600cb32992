//! The tables as they are: the map, laid over the columns that exist.

use crate::column::Table;
use crate::database::{Database, Dialect};
use crate::extra::Extra;
use crate::record::{Keys, Secrets, Users};
use crate::{Management, OpenError, OpenWarning, TableMap};

/// Everything the stores know of the database.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) dialect: Dialect,
    pub(crate) users: Users,
    pub(crate) secrets: Secrets,
    pub(crate) keys: Keys,
    /// Names in quotes: table and the column that names a user.
    pub(crate) dependents: Vec<(String, String)>,
    pub(crate) warnings: Vec<OpenWarning>,
}

impl Schema {
    /// Lays `map` over the tables in `database`.
    pub(crate) async fn find(database: &impl Database, map: &TableMap) -> Result<Self, OpenError> {
        let users = Table::find(database, &map.users.table).await?;
        let secrets = Table::find(database, &map.secrets.table).await?;
        let keys = Table::find(database, &map.keys.table).await?;
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
            Management::AsFound => Ok(Extra::Columns(table.select_rest())),
        };
        let users = Users::new(users, map, extra)?;
        let keys = Keys::new(keys, map, extra)?;
        let warnings = required(&map.users.table, &users.extra)
            .chain(required(&map.keys.table, &keys.extra))
            .collect();
        Ok(Self {
            dialect: database.dialect(),
            users,
            secrets: Secrets::new(secrets, map)?,
            keys,
            dependents,
            warnings,
        })
    }
}

/// A warning for each application column without which a row cannot be inserted.
fn required<'t>(table: &'t str, extra: &'t Extra) -> impl Iterator<Item = OpenWarning> + 't {
    let fields = match extra {
        Extra::Json(_) => &[],
        Extra::Columns(fields) => fields.as_slice(),
    };
    let required = fields.iter().filter(|field| field.column.not_null && !field.column.has_default);
    required.map(|field| OpenWarning::RequiredColumn {
        table: table.to_owned(),
        column: field.column.name.clone(),
    })
}
