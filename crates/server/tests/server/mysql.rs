//! The server on MariaDB.

use crossauth_testkit::mysql;

use crate::process::crossauth;

#[test]
fn accounts_and_sessions_are_stored_in_mariadb_only() {
    let url = mysql::server().empty_database();
    let on_mysql = |arguments: &[&str]| {
        let program = crossauth().arguments(arguments).variable("CROSSAUTH_DATABASE_URL", &url);
        program.variable("CROSSAUTH_SECRET", "sixteen bytes !!")
    };
    let directory = tempfile::tempdir().unwrap();
    let check = on_mysql(&["config", "check", "--connect"]).run_in(directory.path());
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let server = on_mysql(&[]).start();
    assert_eq!(server.status("/ready"), 200);
    let add = on_mysql(&["user", "add", "alice", "--admin", "--password-stdin"]);
    let added = add.input("Correct-horse-7\n").run_in(server.directory());
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let list = on_mysql(&["user", "list"]).run_in(server.directory());
    assert!(String::from_utf8(list.stdout).unwrap().contains("alice"));
    assert!(!server.directory().join("crossauth-data").exists());
}

#[test]
fn password_of_the_url_is_in_no_message() {
    let directory = tempfile::tempdir().unwrap();
    for url in ["mysql://user:canary@127.0.0.1:1/app", "mysql://user:canary@localhost:1/app?x=1"] {
        let check = crossauth().arguments(&["config", "check", "--connect"]);
        let output = check.variable("CROSSAUTH_DATABASE_URL", url).run_in(directory.path());
        let stderr = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("cannot open the database of the setting database.url"),
            "{stderr}"
        );
        assert!(!stderr.contains("canary"), "{stderr}");
    }
}
