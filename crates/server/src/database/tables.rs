//! The table map of the settings.

use crossauth_settings::Settings;
use crossauth_settings::section::{self, Tables};
use crossauth_storage_sql::TableMap;

/// The map of the configured preset, with the configured names.
pub(super) fn table_map(settings: &Settings) -> TableMap {
    let map = match settings.database.tables {
        Tables::Crossauth => TableMap::crossauth(),
        Tables::PyCrossauth => TableMap::pycrossauth(),
        Tables::CrossauthJs => TableMap::crossauthjs(),
    };
    renamed(map, &settings.database)
}

/// The map with the names that upstream was configured with.
fn renamed(mut map: TableMap, database: &section::Database) -> TableMap {
    map.time_zone.clone_from(&database.time_zone);
    let rename = |target: &mut String, name: &Option<String>| {
        if let Some(name) = name {
            target.clone_from(name);
        }
    };
    rename(&mut map.users.table, &database.user_table);
    rename(&mut map.users.id, &database.id_column);
    rename(&mut map.secrets.table, &database.secrets_table);
    rename(&mut map.secrets.userid, &database.userid_column);
    rename(&mut map.keys.table, &database.key_table);
    rename(&mut map.keys.userid, &database.userid_column);
    if let Some(api_keys) = &mut map.api_keys {
        rename(&mut api_keys.table, &database.api_key_table);
        rename(&mut api_keys.userid, &database.userid_column);
    }
    let userid = map.secrets.userid.clone();
    map.joins =
        database.joined_tables.iter().map(|table| (table.clone(), userid.clone())).collect();
    map.force_id_to_number = database.force_id_to_number;
    for (_, userid) in &mut map.dependents {
        rename(userid, &database.userid_column);
    }
    map
}
