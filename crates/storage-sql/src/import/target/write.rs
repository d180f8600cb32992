//! Rows of users and keys, and the checks against those that are there.

use std::collections::HashMap;

use crossauth_core::storage::StorageError;
use crossauth_core::user::{UserId, UserUpdate};
use serde_json::{Map, Value as Json};

use super::super::key::PreparedKey;
use super::super::rows::{Rows, find_among};
use super::super::state::State;
use super::super::user::PreparedUser;
use super::super::{Finding, Part};
use super::{IDS, KEYS, SECRETS, USERS};
use crate::database::{Transaction, Value};
use crate::record::UserChange;
use crate::schema::Schema;

/// A value as the key of a map.
pub(super) fn key_text(value: &Value<'_>) -> String {
    format!("{value:?}")
}

/// Who has a name, an address or an id: an id of the source.
type Owners = HashMap<String, String>;

/// What users have that are in the target already.
struct Existing {
    names: Owners,
    addresses: Owners,
    ids: Owners,
}

pub(super) async fn users(
    transaction: &mut dyn Transaction,
    schema: &Schema,
    state: &mut State,
    users: &[PreparedUser],
    has_other_ids: bool,
) -> Result<(Vec<Finding>, u64), StorageError> {
    let mut existing = existing(transaction, users, has_other_ids).await?;
    let mut findings = Vec::new();
    let mut rows = Rows { table: USERS, ..Rows::default() };
    let mut secrets = Rows::of(SECRETS, &["userid", "password", "totpsecret"]);
    let mut ids = Rows::of(IDS, &["source", "id"]);
    for user in users {
        let finding = |reason: String| {
            Finding::refused(Part::Users, user.id.to_string(), reason).naming(&user.user.username)
        };
        if let Some(reason) = existing.refusal(user) {
            findings.push(finding(reason));
            continue;
        }
        let id = match (&user.id, has_other_ids) {
            (UserId::Integer(id), false) => *id,
            (UserId::Text(_), false) => {
                findings.push(finding("its id is not an integer, as the others are".to_owned()));
                continue;
            }
            (id, true) => {
                state.assigned += 1;
                ids.values.push(vec![Value::text(id.to_string()), Value::Integer(state.assigned)]);
                state.assigned
            }
        };
        let differences = existing.differences(user);
        findings.extend(differences.map(|reason| Finding { taken: true, ..finding(reason) }));
        existing.add(user);
        let (columns, row) = row(schema, id, user);
        rows.columns = columns;
        rows.values.push(row);
        let [password, totp] = [&user.secrets.password, &user.secrets.totpsecret]
            .map(|secret| Value::optional_text(secret.clone()));
        if [&password, &totp].into_iter().any(|secret| *secret != Value::Null) {
            secrets.values.push(vec![Value::Integer(id), password, totp]);
        }
    }
    let taken = rows.values.len() as u64;
    rows.write(transaction).await?;
    secrets.write(transaction).await?;
    ids.write(transaction).await?;
    Ok((findings, taken))
}

/// The quoted columns of a user, the id first, and their values.
fn row(schema: &Schema, id: i64, user: &PreparedUser) -> (Vec<String>, Vec<Value<'static>>) {
    let users = &schema.users;
    let update = UserUpdate::from(&user.user);
    let new = Some(&user.user);
    let change = UserChange { update: &update, new, normalization: users.normalization };
    let mut columns = vec![users.id.quoted().to_owned()];
    let mut values = vec![Value::Integer(id)];
    for (column, value) in users.columns.write(&change) {
        columns.push(column.to_owned());
        values.push(value.into_owned());
    }
    columns.push("extra".to_owned());
    values.push(extra(&user.user.extra));
    (columns, values)
}

/// Application fields as they are stored in our own tables.
fn extra(fields: &Map<String, Json>) -> Value<'static> {
    if fields.is_empty() {
        return Value::Null;
    }
    Value::text(Json::Object(fields.clone()).to_string())
}

async fn existing(
    transaction: &mut dyn Transaction,
    users: &[PreparedUser],
    has_other_ids: bool,
) -> Result<Existing, StorageError> {
    let names = users.iter().map(|user| user.name.clone());
    let addresses = users.iter().filter_map(|user| user.address.clone());
    let texts: Vec<_> = names.chain(addresses).map(Value::text).collect();
    let id = |user: &PreparedUser| {
        if has_other_ids { Some(Value::text(user.id.to_string())) } else { integer(&user.id) }
    };
    let ids: Vec<_> = users.iter().filter_map(id).collect();
    let (table, id) = if has_other_ids { (IDS, "source") } else { (USERS, "id") };
    Ok(Existing {
        names: owners(transaction, USERS, ("username_normalized", "username"), &texts).await?,
        addresses: owners(transaction, USERS, ("email_normalized", "username"), &texts).await?,
        ids: owners(transaction, table, (id, id), &ids).await?,
    })
}

fn integer(id: &UserId) -> Option<Value<'static>> {
    match id {
        UserId::Integer(id) => Some(Value::Integer(*id)),
        UserId::Text(_) => None,
    }
}

async fn owners(
    transaction: &mut dyn Transaction,
    table: &str,
    (key, shown): (&str, &str),
    values: &[Value<'static>],
) -> Result<Owners, StorageError> {
    let rows = find_among(transaction, table, &[key, shown], key, values).await?;
    let text = |value: Value<'static>| value.into_text().ok().flatten().map(String::from);
    let owner = |row: Vec<Value<'static>>| {
        let mut cells = row.into_iter();
        Some((text(cells.next()?)?, text(cells.next()?)?))
    };
    Ok(rows.into_iter().filter_map(owner).collect())
}

impl Existing {
    /// Why a user cannot be taken.
    fn refusal(&self, user: &PreparedUser) -> Option<String> {
        if let Some(other) = self.names.get(&user.name) {
            return Some(format!(
                "the user {other:?} has the same name, as names are compared here"
            ));
        }
        if self.ids.contains_key(&user.id.to_string()) {
            return Some("there is a user with the same id".to_owned());
        }
        let address = user.address.as_ref()?;
        if let Some(other) = self.addresses.get(address) {
            return Some(format!("the user {other:?} has the same address"));
        }
        None
    }

    /// What is different for a user who is taken: a text that is a name and an address of two users
    /// means the one with the name.
    fn differences(&self, user: &PreparedUser) -> impl Iterator<Item = String> {
        let by_name = self.addresses.get(&user.name).map(|other| {
            format!("its name is the address of the user {other:?}, who can log in by name only")
        });
        let address = user.address.as_ref();
        let by_address = address.and_then(|address| self.names.get(address)).map(|other| {
            format!("its address is the name of the user {other:?}: it can log in by name only")
        });
        by_name.into_iter().chain(by_address)
    }

    fn add(&mut self, user: &PreparedUser) {
        let username = &user.user.username;
        self.names.insert(user.name.clone(), username.clone());
        self.ids.insert(user.id.to_string(), username.clone());
        if let Some(address) = &user.address {
            self.addresses.insert(address.clone(), username.clone());
        }
    }
}

pub(super) async fn keys(
    transaction: &mut dyn Transaction,
    schema: &Schema,
    state: &mut State,
    keys: &[PreparedKey],
    part: Part,
) -> Result<(Vec<Finding>, u64), StorageError> {
    let times = &schema.keys.times;
    let values: Vec<_> = keys.iter().map(|key| Value::text(key.key.value.clone())).collect();
    let mut existing = owners(transaction, KEYS, ("value", "value"), &values).await?;
    let mut rows = Rows::of(
        KEYS,
        &["value", "userid", "created", "expires", "lastactive", "data", "epoch", "extra"],
    );
    let (mut findings, mut placed) = (Vec::new(), 0);
    for PreparedKey { id, key, is_placed } in keys {
        if existing.insert(key.value.clone(), String::new()).is_some() {
            findings.push(Finding::refused(part, id.clone(), "there is a key with the same value"));
        } else if *is_placed {
            placed += 1;
        } else {
            rows.values.push(vec![
                Value::text(key.value.clone()),
                key.userid.as_ref().and_then(integer).unwrap_or(Value::Null),
                times.encode(&schema.keys.created, key.created),
                times.encode_optional(&schema.keys.expires, key.expires),
                times.encode_optional(&schema.keys.expires, key.lastactive),
                Value::text(key.data.as_text().to_owned()),
                Value::Integer(0),
                extra(&key.extra),
            ]);
        }
    }
    state.placed += placed;
    let taken = rows.values.len() as u64 + placed;
    rows.write(transaction).await?;
    Ok((findings, taken))
}
