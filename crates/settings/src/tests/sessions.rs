//! Rules about the server of sessions.

use super::{from_environment, from_file, messages};

#[test]
fn sessions_can_be_on_one_server_a_cluster_or_behind_sentinels() {
    for url in [
        "redis://localhost",
        "rediss://app:secret@redis.example:6380/2",
        "redis://one:6379, redis://two:6379",
        "redis+sentinel://one,two:26380/main",
    ] {
        let settings = from_file(&format!("sessions.url = '{url}'")).unwrap().settings;
        assert_eq!(settings.sessions.url.unwrap().expose(), url);
    }
    for url in ["localhost:6379", "http://canary@localhost", "redis://one,canary"] {
        let found = messages(from_file(&format!("sessions.url = '{url}'")));
        assert!(found.contains("sessions.url") && !found.contains("canary"), "{found}");
    }
}

#[test]
fn password_of_redis_is_read_from_a_file_and_hidden() {
    let file = super::written("canary\n");
    let path = file.path().to_str().unwrap();
    let variables =
        [("CROSSAUTH_SESSIONS_URL", "redis://x"), ("CROSSAUTH_SESSIONS_PASSWORD_FILE", path)];
    let configuration = from_environment(&variables).unwrap();
    let password = configuration.settings.sessions.password.clone().unwrap();
    assert_eq!(password.expose(), "canary");
    assert!(!format!("{configuration:?}").contains("canary"));
}

#[test]
fn password_of_the_database_is_read_from_a_file_and_hidden() {
    let file = super::written("canary\n");
    let path = file.path().to_str().unwrap();
    let password = ("CROSSAUTH_DATABASE_PASSWORD_FILE", path);
    let variables = [("CROSSAUTH_DATABASE_URL", "postgres://app@localhost/app"), password];
    let configuration = from_environment(&variables).unwrap();
    let password = configuration.settings.database.password.clone().unwrap();
    assert_eq!(password.expose(), "canary");
    assert!(!format!("{configuration:?}").contains("canary"));
    let unused = messages(from_file("database.password = 'canary'"));
    assert!(unused.contains("database.url") && !unused.contains("canary"), "{unused}");
}

#[test]
fn sessions_of_upstream_are_not_in_redis() {
    for tables in ["pycrossauth", "crossauthjs"] {
        let file = format!("sessions.url = 'redis://x'\ndatabase.tables = '{tables}'");
        let found = messages(from_file(&file));
        assert!(found.contains("`sessions.url`"), "{found}");
    }
    for unused in ["password = 'x'", "ca_file = '/x'"] {
        let found = messages(from_file(&format!("[sessions]\n{unused}")));
        assert!(found.contains("sessions.url"), "{found}");
    }
}
