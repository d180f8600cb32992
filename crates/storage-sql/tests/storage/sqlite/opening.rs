//! Opening a file.

use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::OpenError;
use crossauth_storage_sql::sqlite;
use crossauth_testkit::storage::create_user;
use rusqlite::Connection;

use super::SqliteFile;
use crate::{counter, created};

#[tokio::test]
async fn stored_data_survives_reopening() {
    let opened = SqliteFile::open().await;
    let bob = NewUser::named("bob");
    let bob = create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    opened.database.close().await;
    let again = sqlite::open(opened.path()).await.unwrap();
    let found = again.storage().users.find_by_id(&bob.id).await.unwrap().unwrap();
    assert_eq!(found.regardless_of_state().0, bob);
}

#[tokio::test]
async fn older_schema_gets_the_columns_that_it_lacks() {
    let opened = SqliteFile::open().await;
    opened.sql(created::OLDER);
    let migrated = sqlite::open(opened.path()).await.unwrap();
    created::is_known_of_new_accounts_only(&migrated.storage()).await;
}

#[tokio::test]
async fn counters_of_an_older_schema_go_on() {
    let opened = SqliteFile::open().await;
    opened.sql(counter::OLDER);
    let migrated = sqlite::open(opened.path()).await.unwrap();
    counter::attempts_before_the_migration_count(&migrated.storage()).await;
}

#[tokio::test]
async fn file_that_is_not_a_database_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    std::fs::write(&path, "This is no database. ".repeat(1000)).unwrap();
    let error = sqlite::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Storage(_)), "{error}");
    assert!(std::fs::read(&path).unwrap().starts_with(b"This is no database."));
}

#[tokio::test]
async fn damaged_database_is_refused() {
    let opened = SqliteFile::open().await;
    opened.database.close().await;
    let path = opened.path();
    drop(opened.database);
    // Copies the log into the file.
    let mode = "PRAGMA journal_mode = DELETE";
    Connection::open(&path).unwrap().query_row(mode, [], |_| Ok(())).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..4096].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    let error = sqlite::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Storage(_)), "{error}");
}

#[tokio::test]
async fn missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = sqlite::open(directory.path().join("absent/test.db")).await.unwrap_err();
    assert!(matches!(&error, OpenError::File { path, .. } if path.ends_with("absent/test.db")));
}

#[cfg(unix)]
#[tokio::test]
async fn new_file_and_its_log_are_readable_by_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let opened = SqliteFile::open().await;
    let bob = NewUser::named("bob");
    create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    let mut seen = 0;
    for entry in std::fs::read_dir(opened.place.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 3, "the database, its log and the index of that");
}

#[tokio::test]
async fn plan_of_a_migration_says_what_it_changes_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let plan = async || sqlite::Options::default().plan(&path).await;
    sqlite::open(&path).await.unwrap().close().await;
    assert!(plan().await.unwrap().is_empty());
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(created::OLDER).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let older = plan().await.unwrap();
    let [accounts] = &*older.groups else { panic!("{older:?}") };
    assert_eq!((accounts.name, accounts.from), ("accounts", 1));
    assert!(accounts.statements[0].ends_with("ADD COLUMN created INTEGER"), "{accounts:?}");
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    sqlite::open(&path).await.unwrap().close().await;
    assert!(plan().await.unwrap().is_empty());
}
