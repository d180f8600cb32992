//! Unchanged databases of Crossauth for Python and for TypeScript.
//!
//! Hashes, signatures and stored keys were created by upstream from the known secret, session and
//! password; they are also in the vectors of `crossauth-core`.

mod engine;
mod import;
mod link;
mod state;
pub(crate) mod upstream;

use crossauth_testkit::server::{Program, Server};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Method, Response};
use rusqlite::Connection;
use serde_json::{Value, json};

use self::upstream::{CROSSAUTHJS, PASSWORD, PYCROSSAUTH, SECRET, UPSTREAMS, Upstream};
use crate::process::crossauth;

const DATABASE: &str = "upstream.db";

/// The server on a database of upstream.
fn server(upstream: &Upstream, settings: &[(&str, &str)]) -> Server {
    server_after(upstream, "", settings)
}

/// The server on a database of upstream after further statements.
fn server_after(upstream: &Upstream, statements: &str, settings: &[(&str, &str)]) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let database = Connection::open(directory.path().join(DATABASE)).unwrap();
    database.execute_batch(&upstream.database()).unwrap();
    database.execute_batch(statements).unwrap();
    drop(database);
    let program = crossauth()
        .variable("CROSSAUTH_SECRET", SECRET)
        .variable("CROSSAUTH_DATABASE_PATH", DATABASE)
        .variable("CROSSAUTH_DATABASE_TABLES", upstream.tables);
    let set = |program: Program, (name, value): &(&str, &str)| program.variable(name, value);
    settings.iter().fold(program, set).start_in(directory)
}

/// The first column of the one row of a query.
fn stored<T: rusqlite::types::FromSql>(server: &Server, query: &str) -> T {
    let database = Connection::open(server.directory().join(DATABASE)).unwrap();
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Sends JSON with a cookie, as the front end of upstream does.
async fn send(server: &Server, method: Method, path: &str, cookie: &str, body: &Value) -> Response {
    let client = Client::new();
    let url = server.url("/api/getcsrftoken");
    let response = client.get(url).header(COOKIE, cookie).send().await.unwrap();
    let mut set = response.headers().get_all(SET_COOKIE).iter().map(|set| set.to_str().unwrap());
    let csrf = set.find(|set| set.starts_with("CSRFTOKEN=")).unwrap();
    let csrf = csrf.split(';').next().unwrap().to_owned();
    let token = response.json::<Value>().await.unwrap()["csrfToken"].as_str().unwrap().to_owned();
    let request = client
        .request(method, server.url(path))
        .header(COOKIE, format!("{csrf}; {cookie}"))
        .header("X-CROSSAUTH-CSRF", token);
    request.json(body).send().await.unwrap()
}

async fn log_in(server: &Server, password: &str) -> Response {
    let body = json!({ "username": "Bob", "password": password });
    send(server, Method::POST, "/api/login", "", &body).await
}

#[test]
fn tables_of_upstream_stay_and_the_guide_names_those_beside_them() {
    let guide = include_str!("../../../../docs/how-to/move-from-upstream.md");
    for upstream in UPSTREAMS {
        let memory = Connection::open_in_memory().unwrap();
        memory.execute_batch(&upstream.database()).unwrap();
        let (theirs, ours) = tables(&memory);
        assert_eq!(ours, [""; 0]);
        let server = server(&upstream, &[]);
        let database = Connection::open(server.directory().join(DATABASE)).unwrap();
        let (after, ours) = tables(&database);
        assert_eq!(after, theirs);
        assert_eq!(ours.len(), 6, "{ours:?}");
        for table in ours {
            assert!(guide.contains(&format!("`{table}`")), "the guide does not name {table}");
        }
    }
}

/// The definitions of upstream's tables, and the names of ours.
fn tables(database: &Connection) -> (Vec<String>, Vec<String>) {
    let list = |query: &str| -> Vec<String> {
        let mut statement = database.prepare(query).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let schema = "FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name";
    (
        list(&format!("SELECT sql {schema} NOT LIKE 'crossauth%' ORDER BY name")),
        list(&format!("SELECT name {schema} LIKE 'crossauth%' AND type = 'table' ORDER BY name")),
    )
}

#[tokio::test]
async fn upstream_session_is_valid_until_logout() {
    for upstream in UPSTREAMS {
        // Application columns are shown to browsers only if they are listed.
        let server = server(&upstream, &[("CROSSAUTH_SIGNUP_EDITABLE_FIELDS", "phone")]);
        let session = format!("SESSIONID={}", upstream.cookie);
        let whose = async |cookie: &str| {
            let path = "/api/userforsessionkey";
            send(&server, Method::GET, path, cookie, &json!({}))
                .await
                .json::<Value>()
                .await
                .unwrap()
        };
        let response = whose(&session).await;
        assert_eq!(response["user"]["username"], "Bob", "{response}");
        assert_eq!(response["user"]["id"], 7, "{response}");
        assert_eq!(response["user"]["phone"], "+43 1 234", "{response}");
        // A signature with another secret is invalid.
        let response = whose(&session.replace('.', ".A")).await;
        assert!(response["user"].is_null(), "{response}");

        let sessions = format!("SELECT count(*) FROM {} WHERE value LIKE 's:%'", upstream.keys);
        assert_eq!(stored::<i64>(&server, &sessions), 1);
        let response = send(&server, Method::POST, "/api/logout", &session, &json!({})).await;
        assert_eq!(response.status(), 200);
        assert_eq!(stored::<i64>(&server, &sessions), 0);
        let response = whose(&session).await;
        assert!(response["user"].is_null(), "{response}");
    }
}

#[tokio::test]
async fn tables_and_columns_of_upstream_may_have_other_names() {
    for upstream in UPSTREAMS {
        let Upstream { users, secrets, keys, .. } = upstream;
        let statements = format!(
            "ALTER TABLE {users} RENAME TO people; ALTER TABLE {secrets} RENAME TO people_secrets; \
             ALTER TABLE {keys} RENAME TO people_keys; \
             ALTER TABLE people RENAME COLUMN id TO person; \
             ALTER TABLE people_secrets RENAME COLUMN userid TO owner; \
             ALTER TABLE people_keys RENAME COLUMN userid TO owner;"
        );
        let settings = [
            ("CROSSAUTH_USER_TABLE", "people"),
            ("CROSSAUTH_USER_SECRETS_TABLE", "people_secrets"),
            ("CROSSAUTH_KEY_STORAGE_TABLE", "people_keys"),
            ("CROSSAUTH_USER_ID_COLUMN", "person"),
            ("CROSSAUTH_USER_ID_FOREIGN_KEY_COLUMN", "owner"),
        ];
        let server = server_after(&upstream, &statements, &settings);
        assert_eq!(log_in(&server, PASSWORD).await.status(), 200);
        let keys = "SELECT count(*) FROM people_keys WHERE owner = 7 AND value LIKE 's:%'";
        assert_eq!(stored::<i64>(&server, keys), 2);
    }
}

#[tokio::test]
async fn upstream_password_logs_in_and_its_hash_is_upgraded() {
    for upstream in UPSTREAMS {
        let server = server(&upstream, &[]);
        let hash = format!("SELECT password FROM {} WHERE userid = 7", upstream.secrets);
        assert_eq!(log_in(&server, "BobPass123").await.status(), 401);
        assert_eq!(stored::<String>(&server, &hash), upstream.hash);
        for _ in 0..2 {
            let response = log_in(&server, PASSWORD).await;
            assert_eq!(response.status(), 200);
            let response: Value = response.json().await.unwrap();
            assert_eq!(response["user"]["username"], "Bob", "{response}");
            let renewed = stored::<String>(&server, &hash);
            assert!(renewed.starts_with("$argon2id$"), "{renewed}");
        }
        assert_eq!(log_in(&server, "BobPass123").await.status(), 401);
    }
}

#[tokio::test]
async fn shared_database_keeps_hashes_readable_by_upstream() {
    for upstream in [PYCROSSAUTH, CROSSAUTHJS] {
        let settings = [("CROSSAUTH_PASSWORD_HASH", "pbkdf2")];
        let server = server(&upstream, &settings);
        assert_eq!(log_in(&server, PASSWORD).await.status(), 200);
        let hash = format!("SELECT password FROM {} WHERE userid = 7", upstream.secrets);
        let hash = stored::<String>(&server, &hash);
        let parts: Vec<_> = hash.split(':').collect();
        assert_eq!(parts[..5], ["pbkdf2", "sha256", "32", "600000", "0"], "{hash}");
        assert_eq!(parts.len(), 7, "{hash}");
    }
}

#[tokio::test]
async fn new_account_has_the_format_of_upstream() {
    for upstream in UPSTREAMS {
        let server = server(&upstream, &[]);
        let password = "Correct-horse-7";
        let form = json!({
            "username": "Änne", "password": password, "repeat_password": password,
        });
        let response = send(&server, Method::POST, "/api/signup", "", &form).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let row = format!(
            "SELECT json_array(id, username, username_normalized, email, state, factor1, factor2)
             FROM {} WHERE id <> 7",
            upstream.users
        );
        let row: Value = serde_json::from_str(&stored::<String>(&server, &row)).unwrap();
        assert_eq!(row, json!([8, "Änne", "anne", null, "active", "localpassword", ""]));
        // A key of the new session: its times of creation and expiry, in the unit of upstream.
        let times = format!(
            "SELECT json_array(typeof(created), round((expires - created) / {0}),
                               created / {0} BETWEEN 1.7e9 AND 1e10)
             FROM {1} WHERE userid = 8",
            upstream.second, upstream.keys
        );
        let times: Value = serde_json::from_str(&stored::<String>(&server, &times)).unwrap();
        assert_eq!(times, json!([upstream.time, 2_592_000.0, 1]));
    }
}
