//! Which tables and columns hold what.

use crossauth_core::user::Normalization;

use crate::TimeEncoding;

/// Names of tables and columns, and how values are stored in them.
///
/// Names may hold ASCII letters, digits and `_`. Where [`Management::AsFound`] opens a database,
/// columns that the documentation of their field calls optional may be missing; columns that the
/// map does not name become application fields of users and keys, whatever they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMap {
    /// Who makes the tables of users, secrets and keys.
    pub management: Management,
    /// Where users are.
    pub users: UserTable,
    /// Where their secrets are.
    pub secrets: SecretsTable,
    /// Where keys are.
    pub keys: KeyTable,
    /// Further tables, with their column that names a user, whose rows go when the user goes.
    /// They may be missing.
    pub dependents: Vec<(String, String)>,
    /// How moments are written.
    pub times: TimeEncoding,
    /// The time zone of moments that are stored as text without one: a name such as
    /// `Europe/Vienna`, or an offset such as `+01:00`. `None` is UTC, with a warning where such
    /// text is found.
    pub time_zone: Option<String>,
    /// How names are brought to their look-up form.
    pub normalization: Normalization,
}

/// Who makes a group of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// This crate makes and migrates them under the names of [`TableMap::crossauth`].
    /// Application fields are kept as JSON in one column.
    Managed,
    /// Another program does; they are used as they are found.
    AsFound,
}

/// The users' table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTable {
    /// Name of the table.
    pub table: String,
    /// Integers or text; the database makes integers, this crate makes random text.
    pub id: String,
    /// The name as typed.
    pub username: String,
    /// The look-up form of the name. Optional: without it, names are looked up as typed.
    pub username_normalized: String,
    /// Optional: without it, no user has an address.
    pub email: String,
    /// The look-up form of the address. Optional: without it, addresses are looked up as typed.
    pub email_normalized: String,
    /// The account's state.
    pub state: String,
    /// The first factor.
    pub factor1: String,
    /// The second factor. Optional.
    pub factor2: String,
    /// Whether the user may administer others. Optional: without it, no user may.
    pub admin: String,
    /// Counts the changes of the user's credentials. Optional.
    pub credential_epoch: String,
}

/// The table of the users' secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsTable {
    /// Name of the table.
    pub table: String,
    /// Whose they are; unique.
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
    /// The number of the row. Not used; named here so that it is not an application field.
    pub id: String,
    /// The key's value; unique.
    pub value: String,
    /// Whose it is.
    pub userid: String,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: String,
    /// When it was last used. Optional: without it, that is not recorded.
    pub lastactive: String,
    /// What belongs to it. Optional.
    pub data: String,
    /// The owner's credential epoch when the key was made. Optional.
    pub epoch: String,
}

impl TableMap {
    /// Our own schema.
    pub fn crossauth() -> Self {
        Self {
            management: Management::Managed,
            users: UserTable::named("crossauth_users"),
            secrets: SecretsTable::named("crossauth_user_secrets"),
            keys: KeyTable::named("crossauth_keys"),
            dependents: Vec::new(),
            times: TimeEncoding::Millis,
            time_zone: None,
            normalization: Normalization::Nfkc,
        }
    }

    /// A database of the Python Crossauth.
    pub fn pycrossauth() -> Self {
        Self {
            management: Management::AsFound,
            users: UserTable::named("User"),
            secrets: SecretsTable::named("UserSecrets"),
            keys: KeyTable::named("Key"),
            dependents: dependents(["ApiKey", "OAuthAuthorization"]),
            times: TimeEncoding::Seconds,
            time_zone: None,
            normalization: Normalization::Crossauth,
        }
    }

    /// A database of the TypeScript Crossauth.
    pub fn crossauthjs() -> Self {
        Self {
            management: Management::AsFound,
            users: UserTable::named("users"),
            secrets: SecretsTable::named("usersecrets"),
            keys: KeyTable::named("keys"),
            dependents: dependents(["apikey", "oauthauthorization"]),
            times: TimeEncoding::Millis,
            time_zone: None,
            normalization: Normalization::Crossauth,
        }
    }
}

fn dependents<const N: usize>(tables: [&str; N]) -> Vec<(String, String)> {
    tables.into_iter().map(|table| (table.into(), "userid".into())).collect()
}

impl UserTable {
    /// The usual columns in a table of this name.
    pub fn named(table: &str) -> Self {
        Self {
            table: table.into(),
            id: "id".into(),
            username: "username".into(),
            username_normalized: "username_normalized".into(),
            email: "email".into(),
            email_normalized: "email_normalized".into(),
            state: "state".into(),
            factor1: "factor1".into(),
            factor2: "factor2".into(),
            admin: "admin".into(),
            credential_epoch: "credential_epoch".into(),
        }
    }
}

impl SecretsTable {
    /// The usual columns in a table of this name.
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
    /// The usual columns in a table of this name.
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
