//! The server on PostgreSQL.

use crossauth_testkit::postgres;

use crate::process::crossauth;

#[test]
fn accounts_and_sessions_are_stored_in_postgresql_only() {
    let url = postgres::server().empty_schema();
    let on_postgres = |arguments: &[&str]| {
        let program = crossauth().arguments(arguments).variable("CROSSAUTH_DATABASE_URL", &url);
        program.variable("CROSSAUTH_SECRET", "sixteen bytes !!")
    };
    let server = on_postgres(&[]).start();
    assert_eq!(server.status("/ready"), 200);
    let add = on_postgres(&["user", "add", "alice", "--admin", "--password-stdin"]);
    let added = add.input("Correct-horse-7\n").run_in(server.directory());
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let list = on_postgres(&["user", "list"]).run_in(server.directory());
    assert!(String::from_utf8(list.stdout).unwrap().contains("alice"));
    assert!(!server.directory().join("crossauth-data").exists());
}

#[test]
fn database_url_is_redacted() {
    let directory = tempfile::tempdir().unwrap();
    let url = "postgres://user:canary@db.example/app";
    let show = crossauth().arguments(&["config", "show"]).variable("CROSSAUTH_DATABASE_URL", url);
    let stdout = String::from_utf8(show.run_in(directory.path()).stdout).unwrap();
    assert!(stdout.contains("database.url = (hidden)  # CROSSAUTH_DATABASE_URL\n"), "{stdout}");
    let start = crossauth().arguments(&["--listen", "0"]).variable("CROSSAUTH_DATABASE_URL", url);
    let start = start.run_in(directory.path());
    assert_eq!(start.status.code(), Some(1));
    let stderr = String::from_utf8(start.stderr).unwrap();
    assert!(stderr.contains("cannot open the database of the setting database.url"), "{stderr}");
    assert!(!stdout.contains("canary") && !stderr.contains("canary"), "{stderr}");
}
