//! Databases of upstream on each engine, with the rows that applications have.

use crossauth_testkit::server::Server;
use crossauth_testkit::upstream::{ACCOUNTS, Engine, PASSWORD, Password, SECRET, TOKENS, Upstream};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::process::crossauth;
use crate::visitor::Visitor;

fn serve(upstream: Upstream) -> Server {
    let sql = format!("{}{}{}", upstream.schema(), upstream.rows(), upstream.odd_rows());
    let directory = tempfile::tempdir().unwrap();
    let address = match upstream.engine {
        Engine::Sqlite => {
            let file = directory.path().join("upstream.db");
            Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
            ("CROSSAUTH_DATABASE_PATH", file.display().to_string())
        }
        Engine::Postgres => {
            let server = crossauth_testkit::postgres::server();
            let url = server.empty_schema();
            server.execute(&url, &sql);
            ("CROSSAUTH_DATABASE_URL", url)
        }
        Engine::Mysql => {
            let server = crossauth_testkit::mysql::server();
            let url = server.empty_database();
            server.execute(&url, &sql);
            ("CROSSAUTH_DATABASE_URL", url)
        }
    };
    crossauth()
        .variable("CROSSAUTH_SECRET", SECRET)
        .variable(address.0, &address.1)
        .variable("CROSSAUTH_DATABASE_TABLES", upstream.preset.name())
        .variable("CROSSAUTH_DATABASE_TIME_ZONE", upstream.preset.time_zone())
        .variable("CROSSAUTH_API_KEYS_ENABLED", "true")
        .start_in(directory)
}

async fn users_log_in_and_sessions_go_on(engine: Engine) {
    for upstream in Upstream::on(engine) {
        let server = serve(upstream);
        for (token, username) in TOKENS.iter().zip(["Bob", "Änne O'Brien", "dave"]) {
            let cookie = format!("SESSIONID={}", token.cookie(upstream.preset));
            let visitor = Visitor::with_cookie(&server, &cookie);
            assert_eq!(visitor.user().await, username, "{upstream:?}");
        }
        for account in ACCOUNTS {
            let has_password = matches!(account.password, Password::Known | Password::AsBytes);
            let is_free = matches!(account.state, "active" | "on holiday");
            let visitor = Visitor::new(&server);
            let (status, answer) = visitor.log_in(account.username, PASSWORD).await;
            let logs_in = has_password && is_free && account.normalized.is_some();
            assert_eq!(status == 200, logs_in, "{upstream:?} {account:?}: {answer}");
            let has_factor2 = account.factor2 == Some("totp");
            let expected =
                if logs_in && !has_factor2 { json!(account.username) } else { Value::Null };
            assert_eq!(visitor.user().await, expected, "{upstream:?} {account:?}: {answer}");
        }
        api_keys_go_on(&server, upstream).await;
        // Its row cannot be decoded.
        let (status, _) = Visitor::new(&server).log_in("odd1", PASSWORD).await;
        assert_eq!(status, 401);
        let (status, _) = Visitor::new(&server).log_in("bob@bob.com", PASSWORD).await;
        assert_eq!(status, 200);
    }
}

/// An invalid key is refused on every route.
async fn api_keys_go_on(server: &Server, upstream: Upstream) {
    for token in &TOKENS[..2] {
        let key = token.api_key(upstream.preset);
        for (key, expected) in [(key.to_owned(), 200), (format!("{key}A"), 401)] {
            let request = reqwest::Client::new().get(server.url("/api/getcsrftoken"));
            let request = request.header("Authorization", format!("ApiKey {key}"));
            let status = request.send().await.unwrap().status();
            assert_eq!(status, expected, "{upstream:?} {key}");
        }
    }
}

#[tokio::test]
async fn users_of_upstream_on_sqlite_log_in_and_their_sessions_go_on() {
    users_log_in_and_sessions_go_on(Engine::Sqlite).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn users_of_upstream_on_postgresql_log_in_and_their_sessions_go_on() {
    users_log_in_and_sessions_go_on(Engine::Postgres).await;
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn users_of_upstream_on_mariadb_log_in_and_their_sessions_go_on() {
    users_log_in_and_sessions_go_on(Engine::Mysql).await;
}
