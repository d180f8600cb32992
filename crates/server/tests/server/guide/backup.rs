//! `docs/how-to/backup.md`: its commands, run.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{replace, snippets, succeed};
use crate::account::{PASSWORD, log_in, sign_up};
use crate::process::{start, start_in};

/// The commands of the guide, with the directories of a test.
fn run(script: &str, data: &Path, backups: &Path) {
    let script = replace(script, "/var/lib/crossauth", data.to_str().unwrap());
    let script = replace(&script, "/var/backups", backups.to_str().unwrap());
    succeed(Command::new("sh").args(["-e", "-c", &script]));
}

#[test]
fn backup_of_a_running_server_restores_it() {
    let backups = tempfile::tempdir().unwrap();
    let server = start(&[]);
    let data = server.directory().join("crossauth-data");
    let [back_up, restore] = snippets("backup.md", "sh").try_into().unwrap();
    assert_eq!(sign_up(&server, "before"), 200);
    run(&back_up, &data, backups.path());
    assert_eq!(sign_up(&server, "after"), 200);
    let secret = fs::read(data.join("secret")).unwrap();
    let directory = server.into_directory();
    fs::write(data.join("secret"), "another secret, which the backup replaces").unwrap();
    run(&restore, &data, backups.path());
    assert_eq!(fs::read(data.join("secret")).unwrap(), secret);
    let server = start_in(directory, &[]);
    assert_eq!(log_in(&server, "before", PASSWORD), 200);
    assert_eq!(log_in(&server, "after", PASSWORD), 401);
}

/// The reason for the warning of the guide.
#[test]
fn copy_of_the_database_file_alone_lacks_recent_changes() {
    let server = start(&[]);
    assert_eq!(sign_up(&server, "recent"), 200);
    let copy = server.directory().join("copy.db");
    fs::copy(server.directory().join("crossauth-data/crossauth.db"), &copy).unwrap();
    let copy = rusqlite::Connection::open(&copy).unwrap();
    let users = copy.query_row("SELECT count(*) FROM crossauth_users", [], |row| row.get(0));
    assert!(!users.is_ok_and(|users: i64| users == 1));
}
