//! The query of the guide to move from upstream.

use crossauth_storage_sql::database::{Database, Row, Statement, Value};

const GUIDE: &str = include_str!("../../../../docs/how-to/move-from-upstream.md");

/// Users whose names and addresses the query tells apart or does not, for `INSERT`: id, username
/// and address.
pub(crate) const USERS: [(u32, &str, &str); 5] = [
    (1, "ada", "'Ada@example.com'"),
    (2, "ada@EXAMPLE.com ", "'other@example.com'"),
    (3, "own@example.com", "'own@example.com'"),
    (4, "bob", "NULL"),
    (5, "free@example.com", "''"),
];

/// What the query finds in a database of upstream with this table of users.
pub(crate) async fn ambiguous_names(
    database: &impl Database,
    users: &str,
) -> Vec<(String, String)> {
    let query = GUIDE.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(query.matches("\"User\"").count(), 2, "{query}");
    let query = query.replace("\"User\"", users);
    let query = Statement::new(query.trim().trim_end_matches(';'));
    let text = |row: &dyn Row, column| match row.value(column) {
        Ok(Value::Text(text)) => text.into_owned(),
        other => format!("not text: {other:?}"),
    };
    database.scan(&query, &[], move |row| (text(row, 0), text(row, 1))).await.unwrap()
}

/// The row that it finds among [`USERS`].
pub(crate) fn expected() -> Vec<(String, String)> {
    vec![("ada@EXAMPLE.com ".to_owned(), "ada".to_owned())]
}
