//! Lists of users.

use crossauth_core::account::Role;
use crossauth_core::storage::{MAX_MATCHED_ADDRESSES, UserPosition, UserQuery};
use crossauth_core::user::UserState;

use crate::Management;
use crate::column::select_list;
use crate::database::{Dialect, Statement, Value};
use crate::schema::Schema;

/// A condition with its parameters.
struct Condition<'v> {
    sql: String,
    params: Vec<Value<'v>>,
}

/// The statement that finds a page and one row more, with its parameters. Backward pages are found in
/// reverse order.
pub(crate) fn page<'v>(schema: &Schema, query: &'v UserQuery<'_>) -> (Statement, Vec<Value<'v>>) {
    let users = &schema.users;
    let skipped = if let UserPosition::Skip(number) = query.position { number } else { 0 };
    let limit = i64::from(query.limit) + 1;
    let columns = select_list(&users.selected, "u");
    let searched = query.search.filter(|text| !text.is_empty());
    let index = if searched.is_some() { Index::Avoided } else { Index::Allowed };
    let (mut conditions, mut params) = split(filters(schema, query, "u", index));
    if let Some(text) = searched {
        let found = search(schema, query, text, i64::from(skipped) + limit);
        conditions.push(found.sql);
        params.extend(found.params);
    }
    let condition = if conditions.is_empty() { "TRUE".into() } else { conditions.join(" AND ") };
    let order = order(schema, query, "u");
    params.extend([Value::Integer(limit), Value::Integer(skipped.into())]);
    let statement = Statement::new(format!(
        "SELECT {columns}, {} FROM {} AS u WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?",
        users.list_name(schema.dialect, "u"),
        users.table
    ));
    (statement, params)
}

/// Whether a condition may be evaluated with an index of its column.
#[derive(Clone, Copy)]
enum Index {
    Allowed,
    /// The rows are few already: those that a search has found.
    Avoided,
}

fn split(conditions: Vec<Condition<'_>>) -> (Vec<String>, Vec<Value<'_>>) {
    let (mut sql, mut params) = (Vec::new(), Vec::new());
    for condition in conditions {
        sql.push(condition.sql);
        params.extend(condition.params);
    }
    (sql, params)
}

fn order(schema: &Schema, query: &UserQuery<'_>, alias: &str) -> String {
    let direction = if query.position.is_backward() { " DESC" } else { "" };
    format!("{}{direction}", schema.users.list_name(schema.dialect, alias))
}

/// The conditions other than the searched text.
fn filters<'v>(
    schema: &Schema,
    query: &'v UserQuery<'_>,
    alias: &str,
    index: Index,
) -> Vec<Condition<'v>> {
    let expression = |expression: String| match index {
        Index::Allowed => expression,
        Index::Avoided => schema.dialect.without_index(&expression),
    };
    let column = |name: &str| expression(format!("{alias}.{name}"));
    let name = expression(schema.users.list_name(schema.dialect, alias));
    let position = match query.position {
        UserPosition::First | UserPosition::Last | UserPosition::Skip(_) => None,
        UserPosition::After(after) => Some((">", after)),
        UserPosition::Before(before) => Some(("<", before)),
    };
    let position = position.map(|(operator, name_there)| Condition {
        sql: format!("{name} {operator} ?"),
        params: vec![Value::text(name_there)],
    });
    let state = query.state.as_ref().and_then(|state| in_state(schema, state, column));
    let role = query.role.map(|role| has_role(schema, role));
    [state, role, position].into_iter().flatten().collect()
}

fn in_state<'v>(
    schema: &Schema,
    state: &'v UserState,
    column: impl Fn(&str) -> String,
) -> Option<Condition<'v>> {
    let column = column(schema.users.columns.state.as_ref()?.quoted());
    let (sql, name) = match schema.management {
        Management::Managed => (format!("{column} = ?"), Value::text(state.as_str())),
        // Other programs spell states in upper case, too; a null is an active user.
        Management::External => (
            format!("LOWER(COALESCE({}, 'active')) = ?", schema.dialect.as_text(&column)),
            Value::text(state.as_str().to_ascii_lowercase()),
        ),
    };
    Some(Condition { sql, params: vec![name] })
}

fn has_role(schema: &Schema, role: Role) -> Condition<'static> {
    let admin = schema.users.columns.admin.as_ref();
    let sql = match (admin.map(|admin| schema.dialect.is_true(&admin.column)), role) {
        (Some(is_admin), Role::Administrator) => is_admin,
        (Some(is_admin), Role::User) => format!("NOT COALESCE({is_admin}, FALSE)"),
        (None, Role::Administrator) => "FALSE".to_owned(),
        (None, Role::User) => "TRUE".to_owned(),
    };
    Condition { sql, params: Vec::new() }
}

/// Of the users whose name begins with the text, the first `limit`; and of those whose address
/// begins with it, the first ones by address. Each part is a range of an index.
fn search<'v>(schema: &Schema, query: &'v UserQuery<'_>, text: &str, limit: i64) -> Condition<'v> {
    let users = &schema.users;
    let (table, id) = (&users.table, users.id.quoted());
    let (mut conditions, mut params) = split(filters(schema, query, "n", Index::Allowed));
    let (range, bounds) =
        range(schema, users.lookup_name.quoted(), &users.lookup_username(text), "n");
    conditions.push(range);
    params.extend(bounds);
    params.push(Value::Integer(limit));
    let names = format!(
        "SELECT {id} FROM (SELECT n.{id} FROM {table} AS n WHERE {} ORDER BY {} LIMIT ?) AS names",
        conditions.join(" AND "),
        order(schema, query, "n"),
    );
    let Some(address) = users.lookup_address() else {
        return Condition { sql: format!("u.{id} IN ({names})"), params };
    };
    let address = address.quoted();
    let (range, bounds) = self::range(schema, address, &users.lookup_email(text), "a");
    params.extend(bounds);
    params.push(Value::Integer(MAX_MATCHED_ADDRESSES.into()));
    let addresses = format!(
        "SELECT {id} FROM (SELECT a.{id} FROM {table} AS a WHERE {range} \
         ORDER BY a.{address} LIMIT ?) AS addresses"
    );
    let sql = match schema.dialect {
        Dialect::Sqlite | Dialect::Postgres => format!("u.{id} IN ({names} UNION {addresses})"),
        // It would run the subquery for every user.
        Dialect::Mysql => {
            format!("u.{id} IN (SELECT {id} FROM ({names} UNION {addresses}) AS found)")
        }
    };
    Condition { sql, params }
}

/// A condition that a column begins with `text`.
fn range(schema: &Schema, column: &str, text: &str, alias: &str) -> (String, [Value<'static>; 2]) {
    let column = match (schema.dialect, schema.management) {
        // The order of the column may be that of a language.
        (Dialect::Postgres, Management::External) => {
            format!("CAST({alias}.{column} AS TEXT) COLLATE \"C\"")
        }
        (Dialect::Postgres, Management::Managed) | (Dialect::Sqlite | Dialect::Mysql, _) => {
            format!("{alias}.{column}")
        }
    };
    let bounds = [Value::text(text.to_owned()), Value::text(format!("{text}{}", char::MAX))];
    (format!("{column} >= ? AND {column} < ?"), bounds)
}
