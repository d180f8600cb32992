//! `config check --connect`: what it finds at the servers, in one line each, without writing.

use std::path::Path;

#[cfg(all(feature = "mysql", feature = "postgres"))]
use crossauth_testkit::authority::Authority;
use crossauth_testkit::mail::{SmtpOptions, SmtpServer};
#[cfg(feature = "mysql")]
use crossauth_testkit::mysql;
#[cfg(feature = "postgres")]
use crossauth_testkit::postgres;
#[cfg(feature = "redis")]
use crossauth_testkit::redis::Server as Redis;
use crossauth_testkit::server::Program;

use crate::process::crossauth;

/// Runs the check with settings from the environment. Returns the exit code and what it prints.
fn check_in(directory: &Path, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = crossauth().arguments(&["config", "check", "--connect"]);
    let set = |program: Program, (name, value): &(&str, &str)| program.variable(name, value);
    let output = variables.iter().fold(program, set).run_in(directory);
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

fn check(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    check_in(tempfile::tempdir().unwrap().path(), variables)
}

/// Checks that the output has a line with this severity and all of these texts.
fn assert_line(printed: &str, severity: &str, texts: &[&str]) {
    let mut lines = printed.lines().filter(|line| line.starts_with(severity));
    assert!(
        lines.any(|line| texts.iter().all(|text| line.contains(text))),
        "no {severity} {texts:?} in:\n{printed}"
    );
}

#[cfg(feature = "postgres")]
#[test]
fn postgresql_is_examined_and_nothing_written() {
    let server = postgres::server();
    let url = server.empty_schema();
    let settings = [("CROSSAUTH_DATABASE_URL", url.as_str())];
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(0), "{printed}");
    assert_line(&printed, "ok", &["database: PostgreSQL 1", "accepts the connection"]);
    assert_line(&printed, "warning", &["the next start creates or migrates them"]);
    // As the servers of tests are configured.
    assert_line(&printed, "warning", &["its setting fsync is off", "set it to on"]);
    server.execute(&url, "CREATE TABLE crossauth_users (only_one_can_exist integer)");
    server.execute(&url, "DROP TABLE crossauth_users");
    assert!(crossauth_migrate(&settings));
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(0), "{printed}");
    assert_line(&printed, "ok", &["database: its tables are those of this version"]);
    assert!(!printed.contains("migrates"), "{printed}");
}

fn crossauth_migrate(variables: &[(&str, &str)]) -> bool {
    let set = |program: Program, (name, value): &(&str, &str)| program.variable(name, value);
    let program = variables.iter().fold(crossauth().arguments(&["migrate"]), set);
    program.run_in(tempfile::tempdir().unwrap().path()).status.success()
}

#[cfg(feature = "postgres")]
#[test]
fn missing_rights_in_postgresql_are_named() {
    let server = postgres::server();
    let url = server.empty_schema();
    let schema = url.split("search_path=").nth(1).unwrap().split('\'').next().unwrap();
    let role = format!("reader_of_{schema}");
    let limited = url.replace("user=postgres", &format!("user={role}"));
    let settings = [("CROSSAUTH_DATABASE_URL", limited.as_str())];
    server.execute(&url, &format!("CREATE ROLE {role} LOGIN"));
    server.execute(&url, &format!("GRANT USAGE ON SCHEMA {schema} TO {role}"));
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(2), "{printed}");
    let grant = format!("GRANT CREATE ON SCHEMA {schema}");
    assert_line(&printed, "PROBLEM", &[&grant, "crossauth migrate"]);

    assert!(crossauth_migrate(&[("CROSSAUTH_DATABASE_URL", &url)]));
    let rights = format!("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO {role}");
    server.execute(&url, &rights);
    server.execute(&url, &format!("REVOKE UPDATE ON crossauth_keys FROM {role}"));
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["GRANT UPDATE ON crossauth_keys"]);
    assert_line(&printed, "PROBLEM", &["GRANT DELETE ON crossauth_audit"]);
    assert!(!printed.contains("INSERT") && !printed.contains("SELECT"), "{printed}");

    server.execute(&url, &format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}"));
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("GRANT"), "{printed}");
}

#[cfg(feature = "postgres")]
#[test]
fn read_only_and_unknown_databases_of_postgresql_are_problems() {
    let url = postgres::server().empty_schema();
    assert!(crossauth_migrate(&[("CROSSAUTH_DATABASE_URL", &url)]));
    let read_only = url.replace("search_path=", "default_transaction_read_only=on -c search_path=");
    let (code, printed) = check(&[("CROSSAUTH_DATABASE_URL", &read_only)]);
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["read-only", "the primary server"]);
    let unknown = url.replace("dbname=postgres", "dbname=nowhere");
    let (code, printed) = check(&[("CROSSAUTH_DATABASE_URL", &unknown)]);
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["nowhere", "create the database"]);
    assert_eq!(printed.lines().filter(|line| line.starts_with("PROBLEM")).count(), 1, "{printed}");
}

#[cfg(feature = "mysql")]
#[test]
fn mariadb_is_examined_with_a_password_from_a_file() {
    let server = mysql::server();
    let url = server.empty_database();
    let database = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let user = format!("user_of_{database}");
    server.execute(&url, &format!("CREATE USER {user}@localhost IDENTIFIED BY 'canary'"));
    server.execute(&url, &format!("GRANT SELECT, INSERT ON {database}.* TO {user}@localhost"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    let limited = server.url(&user, &database);
    let check = |password: &str| {
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let file = file.to_str().unwrap();
        check(&[("CROSSAUTH_DATABASE_URL", &limited), ("CROSSAUTH_DATABASE_PASSWORD_FILE", file)])
    };
    let (code, printed) = check("canary");
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "ok", &["database: MariaDB 1", "accepts the connection"]);
    assert_line(&printed, "warning", &["innodb_flush_log_at_trx_commit is 0", "set it to 1"]);
    assert_line(&printed, "PROBLEM", &["GRANT ALTER, CREATE, INDEX, REFERENCES ON the database"]);

    assert!(crossauth_migrate(&[("CROSSAUTH_DATABASE_URL", &url)]));
    let (code, printed) = check("canary");
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["GRANT UPDATE ON crossauth_users"]);
    assert_line(&printed, "PROBLEM", &["GRANT DELETE ON crossauth_outbox"]);
    assert!(!printed.contains("GRANT INSERT") && !printed.contains("GRANT SELECT"), "{printed}");

    server.execute(&url, &format!("GRANT UPDATE, DELETE ON {database}.* TO {user}@localhost"));
    let (code, printed) = check("canary");
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = check("wrong canary");
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["check the user and the password"]);
    assert!(!printed.contains("canary"), "{printed}");
}

#[cfg(all(feature = "mysql", feature = "postgres"))]
#[test]
fn certificates_that_are_not_trusted_are_problems() {
    let (mysql, postgres) = (mysql::server(), postgres::server());
    let database = mysql.empty_database();
    let database = database.split('?').next().unwrap().rsplit('/').next().unwrap();
    let ports = [mysql.port(), postgres.port()];
    let authority = [mysql.authority(), postgres.authority()].map(Authority::certificate);
    for (url, other) in [
        (format!("mysql://root@127.0.0.1:{}/{database}?require_ssl=true", ports[0]), &authority[1]),
        (
            format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=require", ports[1]),
            &authority[0],
        ),
    ] {
        let (code, printed) = check(&[
            ("CROSSAUTH_DATABASE_URL", &url),
            ("CROSSAUTH_DATABASE_CA_FILE", other.to_str().unwrap()),
        ]);
        assert_eq!(code, Some(2), "{url}: {printed}");
        assert_line(&printed, "PROBLEM", &["certificate", "set ca_file"]);
    }
}

#[cfg(feature = "redis")]
#[test]
fn redis_is_examined_with_its_settings_and_rights() {
    let redis = Redis::start(&["--save", "", "--maxmemory-policy", "allkeys-lru"]);
    let directory = tempfile::tempdir().unwrap();
    let check = |url: &str| check_in(directory.path(), &[("CROSSAUTH_SESSIONS_URL", url)]);
    let (code, printed) = check(&redis.url());
    assert_eq!(code, Some(0), "{printed}");
    assert_line(&printed, "ok", &["sessions: Redis ", "accepts the connection"]);
    assert_line(&printed, "warning", &["maxmemory-policy is allkeys-lru", "noeviction"]);
    assert_line(&printed, "warning", &["appendonly is no", "set it to yes"]);
    assert_eq!(redis.execute(&["DBSIZE"]), "0", "nothing is written");

    let guide = include_str!("../../../../docs/how-to/redis.md");
    let line = guide.lines().find(|line| line.starts_with("ACL SETUSER")).unwrap();
    redis.execute(&line.split_whitespace().collect::<Vec<_>>());
    let url = format!("redis://crossauth:password@127.0.0.1:{}", redis.port());
    let (code, printed) = check(&url);
    assert_eq!(code, Some(0), "{printed}");
    assert_line(&printed, "ok", &["sessions: Redis "]);
    redis.execute(&["ACL", "SETUSER", "crossauth", "-hset", "-evalsha", "-info"]);
    let (code, printed) = check(&url);
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["HSET, EVALSHA", "+hset +evalsha"]);
    assert_line(&printed, "warning", &["INFO"]);
    assert!(!printed.contains("password"), "{printed}");
    let (code, printed) = check(&url.replace(":password@", ":canary@"));
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["sessions.url", "check the user and the password"]);
    assert!(!printed.contains("canary"), "{printed}");
}

#[cfg(feature = "redis")]
#[test]
fn replicas_and_nodes_of_a_cluster_are_problems() {
    let master = Redis::start(&["--save", ""]);
    let port = master.port().to_string();
    let replica = Redis::start(&["--save", "", "--replicaof", "127.0.0.1", &port]);
    let node = Redis::start(&["--save", "", "--cluster-enabled", "yes"]);
    node.execute(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    for (server, texts) in
        [(&replica, ["is a replica", "name its master"]), (&node, ["node of a cluster", "commas"])]
    {
        let (code, printed) = check(&[("CROSSAUTH_SESSIONS_URL", &server.url())]);
        assert_eq!(code, Some(2), "{printed}");
        assert_line(&printed, "PROBLEM", &texts);
    }
}

#[test]
fn mail_server_is_tried_without_a_message() {
    let smtp = SmtpServer::start(SmtpOptions::default());
    let port = smtp.port().to_string();
    let mut settings = vec![
        ("CROSSAUTH_MAIL_FROM", "a@b.example"),
        ("CROSSAUTH_MAIL_SMTP_HOST", "127.0.0.1"),
        ("CROSSAUTH_MAIL_SMTP_TLS", "none"),
        ("CROSSAUTH_MAIL_SMTP_PORT", &port),
    ];
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(0), "{printed}");
    assert_line(&printed, "ok", &["mail: the server accepts the connection"]);
    assert_eq!(smtp.stop(), 0, "no message was sent");
    settings[3].1 = "1";
    let (code, printed) = check(&settings);
    assert_eq!(code, Some(2), "{printed}");
    assert_line(&printed, "PROBLEM", &["mail:", "does the server run"]);
}

/// A check of the settings alone works where the servers cannot be reached: in a build, for example.
#[test]
fn servers_are_tried_only_if_asked() {
    let directory = tempfile::tempdir().unwrap();
    let check = |variables: &[(&str, &str)]| {
        let program = crossauth().arguments(&["config", "check"]);
        let set = |program: Program, (name, value): &(&str, &str)| program.variable(name, value);
        variables.iter().fold(program, set).run_in(directory.path())
    };
    for (name, url) in [
        ("CROSSAUTH_DATABASE_URL", "postgres://app:canary@127.0.0.1:1/app"),
        ("CROSSAUTH_DATABASE_URL", "mysql://app:canary@127.0.0.1:1/app"),
        ("CROSSAUTH_SESSIONS_URL", "redis://:canary@127.0.0.1:1"),
    ] {
        let output = check(&[(name, url)]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{url}: {printed}");
        assert!(printed.contains("--connect"), "{printed}");
        let (code, printed) = check_in(directory.path(), &[(name, url)]);
        assert_eq!(code, Some(2), "{url}");
        assert_line(&printed, "PROBLEM", &["cannot open the", "does the server run"]);
        assert!(!printed.contains("canary"), "{printed}");
    }
    let wrong = check(&[("CROSSAUTH_DATABASE_URL", "mysql://app:canary@127.0.0.1/app?x=1")]);
    let printed = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(printed.contains("parameter `x'") && !printed.contains("canary"), "{printed}");
}
