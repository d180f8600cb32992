//! Names of tables and columns.

use crossauth_core::user::Normalization;

use crate::TimeEncoding;
use crate::record::UserTable;

/// Names of tables and columns, and how values are stored in them.
///
/// Names may contain ASCII letters, digits and `_`. With [`Management::External`], columns that are
/// documented as optional may be missing, and all columns that the map does not name become
/// application fields of users and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMap {
    /// Which program creates and migrates the tables.
    pub management: Management,
    /// The users' table.
    pub users: UserTable,
    /// The table of the users' secrets.
    pub secrets: SecretsTable,
    /// The keys' table.
    pub keys: KeyTable,
    /// A table of its own for API keys. `None`, or a table that is missing, for the keys' table.
    pub api_keys: Option<KeyTable>,
    /// Other tables, with their user id column, whose columns are further fields of users. They are
    /// read with the user, written if a change names one of their fields, and their rows are deleted
    /// together with the user. Of several rows of a user, any is read.
    pub joins: Vec<(String, String)>,
    /// Whether an id that is given as text is looked up as a number if ids are numbers, and a number as
    /// text if ids are text. Otherwise, an id of another type is that of no user.
    pub force_id_to_number: bool,
    /// Other tables, with their user id column, whose rows are deleted together with the user. They
    /// may be missing.
    pub dependents: Vec<(String, String)>,
    /// How times are written.
    pub times: TimeEncoding,
    /// The time zone of times that are stored as text without one: a name such as
    /// `Europe/Vienna`, or an offset such as `+01:00`. `None` is UTC, with a warning if such text
    /// is found.
    pub time_zone: Option<String>,
    /// How the normalized forms of usernames and e-mail addresses are computed.
    pub normalization: Normalization,
}

/// Which program creates and migrates the tables of users, secrets and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Management {
    /// This crate, under the names of [`TableMap::crossauth`]. Application fields are stored as
    /// JSON in one column.
    Managed,
    /// Another program; the tables are used as found.
    External,
}

/// The table of the users' secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsTable {
    /// Name of the table.
    pub table: String,
    /// The id of the user; unique.
    pub userid: String,
    /// The password hash.
    pub password: String,
    /// The TOTP secret. Optional.
    pub totpsecret: String,
}

/// The keys' table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTable {
    /// Name of the table.
    pub table: String,
    /// Row number. Not used; named here so that it does not become an application field.
    pub id: String,
    /// The key's value; unique.
    pub value: String,
    /// The id of the owner; null for none.
    pub userid: String,
    /// Time of creation.
    pub created: String,
    /// Time of expiry; null for none.
    pub expires: String,
    /// Time of last use. Optional: without it, last use is not recorded.
    pub lastactive: String,
    /// Data of the key, as text. Optional.
    pub data: String,
    /// The owner's credential epoch when the key was created. Optional.
    pub epoch: String,
}

impl TableMap {
    /// Our schema.
    pub fn crossauth() -> Self {
        Self {
            management: Management::Managed,
            users: UserTable::named("crossauth_users"),
            secrets: SecretsTable::named("crossauth_user_secrets"),
            keys: KeyTable::named("crossauth_keys"),
            api_keys: None,
            joins: Vec::new(),
            force_id_to_number: false,
            dependents: Vec::new(),
            times: TimeEncoding::Millis,
            time_zone: None,
            normalization: Normalization::Nfkc,
        }
    }

    /// The schema of the Python Crossauth.
    pub fn pycrossauth() -> Self {
        Self {
            management: Management::External,
            users: UserTable::named("User"),
            secrets: SecretsTable::named("UserSecrets"),
            keys: KeyTable::named("Key"),
            api_keys: Some(KeyTable::named("ApiKey")),
            joins: Vec::new(),
            force_id_to_number: false,
            dependents: dependents(["OAuthAuthorization"]),
            times: TimeEncoding::Seconds,
            time_zone: None,
            normalization: Normalization::Crossauth,
        }
    }

    /// The schema of the TypeScript Crossauth.
    pub fn crossauthjs() -> Self {
        Self {
            management: Management::External,
            users: UserTable::named("users"),
            secrets: SecretsTable::named("usersecrets"),
            keys: KeyTable::named("keys"),
            api_keys: Some(KeyTable::named("apikey")),
            joins: Vec::new(),
            force_id_to_number: false,
            dependents: dependents(["oauthauthorization"]),
            times: TimeEncoding::Millis,
            time_zone: None,
            normalization: Normalization::Crossauth,
        }
    }
}

fn dependents<const N: usize>(tables: [&str; N]) -> Vec<(String, String)> {
    tables.into_iter().map(|table| (table.into(), "userid".into())).collect()
}

impl SecretsTable {
    /// A table of this name with the usual column names.
    pub fn named(table: &str) -> Self {
        Self {
            table: table.into(),
            userid: "userid".into(),
            password: "password".into(),
            totpsecret: "totpsecret".into(),
        }
    }
}

impl KeyTable {
    /// A table of this name with the usual column names.
    pub fn named(table: &str) -> Self {
        Self {
            table: table.into(),
            id: "id".into(),
            value: "value".into(),
            userid: "userid".into(),
            created: "created".into(),
            expires: "expires".into(),
            lastactive: "lastactive".into(),
            data: "data".into(),
            epoch: "epoch".into(),
        }
    }
}
