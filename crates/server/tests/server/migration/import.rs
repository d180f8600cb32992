//! Databases of upstream, imported: users log in, and their sessions and API keys are valid.

use std::path::Path;
use std::process::Child;

use crossauth_testkit::server::{Program, Server};
use crossauth_testkit::upstream::{Engine, KEYS, PASSWORD, Preset, SECRET, TOKENS, Upstream};
use crossauth_testkit::{mysql, postgres};
use reqwest::Client;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::crossauth;
use crate::visitor::Visitor;

/// Makes a database with all rows; returns its address.
fn database(upstream: Upstream, directory: &Path) -> String {
    let sql = format!("{}{}{}", upstream.schema(), upstream.rows(), upstream.odd_rows());
    match upstream.engine {
        Engine::Sqlite => {
            Connection::open(directory.join("old.db")).unwrap().execute_batch(&sql).unwrap();
            "sqlite:old.db".to_owned()
        }
        Engine::Postgres => {
            let address = postgres::server().empty_schema();
            postgres::server().execute(&address, &sql);
            address
        }
        Engine::Mysql => {
            let url = mysql::server().empty_database();
            mysql::server().execute(&url, &sql);
            url
        }
    }
}

/// The program, on the target and with the secret of upstream.
fn program(target: Option<&str>) -> Program {
    let program = crossauth()
        .variable("CROSSAUTH_SECRET", SECRET)
        .variable("CROSSAUTH_API_KEYS_ENABLED", "true")
        // Messages wait: there is no mail server.
        .variable("CROSSAUTH_EMAIL_FROM", "noreply@example.com")
        .variable("CROSSAUTH_SMTP_HOST", "127.0.0.1")
        .variable("CROSSAUTH_SMTP_PORT", "9")
        .variable("CROSSAUTH_SMTP_USE_TLS", "false");
    match target {
        Some(url) => program.variable("CROSSAUTH_DATABASE_URL", url),
        None => program,
    }
}

fn import(target: Option<&str>, preset: Preset, from: &str) -> Program {
    let arguments = ["migrate", "--from", from, "--preset", preset.name()];
    program(target).arguments(&arguments).arguments(&["--time-zone", preset.time_zone()])
}

async fn everything_is_valid(server: &Server, preset: Preset) {
    for (token, name) in [(&TOKENS[0], "Bob"), (&TOKENS[1], "Änne O'Brien")] {
        let cookie = format!("SESSIONID={}", token.cookie(preset));
        assert_eq!(Visitor::with_cookie(server, &cookie).user().await, name, "{preset:?}");
    }
    assert_eq!(Visitor::new(server).log_in("bob", PASSWORD).await.0, 200, "{preset:?}");
    assert_eq!(Visitor::new(server).log_in("bob", "bobPass124").await.0, 401, "{preset:?}");
    // It may not change its user, but is valid.
    for (token, status) in [(&TOKENS[0], 403), (&TOKENS[1], 403), (&TOKENS[2], 401)] {
        let key = token.api_key(preset);
        let request = Client::new().post(server.url("/api/updateuser"));
        let request = request.header("Authorization", format!("ApiKey {key}"));
        let response = request.json(&json!({})).send().await.unwrap();
        assert_eq!(response.status(), status, "{preset:?} {key}");
    }
    let link = server.url(&format!("/resetpassword/{}", TOKENS[0].token));
    assert_eq!(Client::new().get(link).send().await.unwrap().status(), 200, "{preset:?}");
}

#[tokio::test]
async fn users_of_imported_databases_log_in_and_stay_logged_in() {
    let sqlite = Upstream::on(Engine::Sqlite).map(|upstream| (upstream, None));
    let postgres = Upstream::on(Engine::Postgres)
        .map(|upstream| (upstream, Some(postgres::server().empty_schema())));
    let mysql = Upstream::on(Engine::Mysql)
        .map(|upstream| (upstream, Some(mysql::server().empty_database())));
    for (upstream, target) in sqlite.into_iter().chain(postgres).chain(mysql) {
        let directory = tempfile::tempdir().unwrap();
        let (preset, target) = (upstream.preset, target.as_deref());
        let from = database(upstream, directory.path());
        let import = import(target, preset, &from).arguments(&["--report", "report.jsonl"]);
        let dry = import.clone().argument("--dry-run").run_in(directory.path());
        let report = || std::fs::read_to_string(directory.path().join("report.jsonl")).unwrap();
        let dry_report = report();
        let output = import.run_in(directory.path());
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{upstream:?} {stdout} {stderr}");
        assert!(stdout.contains("API keys: 3 read, 3 taken, 0 not taken\n"), "{stdout}");
        assert!(stdout.contains("users 21: not taken: "), "{stdout}");

        let expected = format!("{stdout}this was a dry run: nothing was written\n");
        assert_eq!(String::from_utf8(dry.stdout).unwrap(), expected, "{upstream:?}");
        assert_eq!(report(), dry_report);
        for line in dry_report.lines() {
            serde_json::from_str::<Value>(line).unwrap();
        }
        for hidden in KEYS.iter().map(|key| key.hash).chain(["pbkdf2"]) {
            assert!(!stdout.contains(hidden) && !dry_report.contains(hidden), "{hidden}");
        }
        let server = program(target).start_in(directory);
        everything_is_valid(&server, preset).await;
    }
}

/// A file of Python with many users, each with two keys.
fn many(users: u32) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let upstream = Upstream { preset: Preset::Python, engine: Engine::Sqlite };
    let sql = format!(
        "{} BEGIN;
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {users})
         INSERT INTO User (id, username, username_normalized) SELECT n, 'user' || n, 'user' || n FROM n;
         INSERT INTO UserSecrets (userid, password) SELECT id, 'hash of ' || id FROM User;
         INSERT INTO Key (value, userid, created) SELECT 's:' || id, id, 1700000000.5 FROM User;
         INSERT INTO Key (value, userid, created) SELECT 'p:' || id, id, 1700000000.5 FROM User;
         COMMIT;",
        upstream.schema()
    );
    let old = directory.path().join("old.db");
    Connection::open(old).unwrap().execute_batch(&sql).unwrap();
    directory
}

/// The number of rows of a table of the target; none before it exists.
fn rows(directory: &Path, table: &str) -> u32 {
    let Ok(target) = Connection::open(directory.join("crossauth-data/crossauth.db")) else {
        return 0;
    };
    let count = format!("SELECT COUNT(*) FROM {table}");
    target.query_row(&count, [], |row| row.get(0)).unwrap_or(0)
}

/// Kills the process as soon as the table has this number of rows.
fn kill_at(mut process: Child, directory: &Path, (table, number): (&str, u32)) {
    while rows(directory, table) < number {
        assert!(process.try_wait().unwrap().is_none(), "the import was not killed in time");
        std::thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn killed_import_goes_on_without_duplicates_and_gaps() {
    const USERS: u32 = 6000;
    let directory = many(USERS);
    let import = import(None, Preset::Python, "old.db");
    let moments = [
        ("crossauth_users", 1),
        ("crossauth_users", 2000),
        ("crossauth_keys", 1),
        ("crossauth_keys", 7000),
    ];
    for moment in moments {
        let process = import.command(directory.path()).spawn().unwrap();
        kill_at(process, directory.path(), moment);
        let serve = program(None).arguments(&["--listen", "127.0.0.1:0"]).run_in(directory.path());
        let stderr = String::from_utf8(serve.stderr).unwrap();
        assert!(
            stderr.contains("is not complete: run `crossauth migrate --from` again"),
            "{stderr}"
        );
    }
    let output = import.run_in(directory.path());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout} {}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("users: 6000 read, 6000 taken, 0 not taken\n"), "{stdout}");
    assert!(stdout.contains("keys: 12000 read, 12000 taken, 0 not taken\n"), "{stdout}");
    assert_eq!(rows(directory.path(), "crossauth_users"), USERS);
    let whole = "crossauth_keys AS k JOIN crossauth_users AS u ON u.id = k.userid \
                 JOIN crossauth_user_secrets AS s ON s.userid = u.id \
                 WHERE substr(k.value, 3) = u.id AND u.username = 'user' || u.id \
                 AND s.password = 'hash of ' || u.id";
    assert_eq!(rows(directory.path(), whole), 2 * USERS);
    program(None).start_in(directory);
}

#[test]
fn imports_that_cannot_work_are_refused_before_anything_is_written() {
    let directory = many(3);
    let entries = || std::fs::read_dir(directory.path()).unwrap().count();
    let secretless = crossauth().arguments(&["migrate", "--from", "old.db"]);
    let python = || secretless.clone().arguments(&["--preset", "pycrossauth"]);
    for (program, expected) in [
        (secretless.clone(), "--preset"),
        (crossauth().arguments(&["migrate", "--preset", "pycrossauth", "--dry-run"]), "--from"),
        (python(), "set `secret` to that of the imported application"),
        (secretless.clone().arguments(&["--preset", "crossauthjs"]), "no table \"users\""),
        (python().arguments(&["--source", "user_table=people"]), "no table \"people\""),
        (python().arguments(&["--source", "nonsense=people"]), "nonsense"),
        (python().arguments(&["--time-zone", "Europe/Nowhere"]), "Europe/Nowhere"),
        (python().arguments(&["--report", "old.db"]), "it exists and is no report"),
    ] {
        let output = program.run_in(directory.path());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{expected}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
        assert_eq!(entries(), 1, "{expected}");
    }
    std::fs::write(directory.path().join("url"), "old.db\n").unwrap();
    let from_file = program(None).arguments(&["migrate", "--from-file", "url", "--preset"]);
    let output = from_file.argument("pycrossauth").run_in(directory.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
