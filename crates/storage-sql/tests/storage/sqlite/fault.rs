//! Changes to the file while it is open.

use std::fs;
use std::path::{Path, PathBuf};

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyData};
use crossauth_core::storage::StorageErrorKind;

use super::SqliteFile;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn wal_path(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn remove_both(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::remove_file(wal_path(path)).unwrap();
}

fn replace_by_a_copy(path: &Path) {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    fs::rename(&copy, path).unwrap();
}

type Fault = fn(&Path);

#[tokio::test]
async fn replaced_file_stops_writes() {
    let faults: [(&str, Fault); 5] = [
        ("removed", remove_both),
        ("renamed", |path| fs::rename(path, path.with_extension("old")).unwrap()),
        ("replaced", replace_by_a_copy),
        ("log removed", |path| fs::remove_file(wal_path(path)).unwrap()),
        ("emptied", |path| drop(fs::File::create(path).unwrap())),
    ];
    for (name, fault) in faults {
        let opened = SqliteFile::open().await;
        let keys = opened.storage().keys;
        keys.insert(&Key::new("s:1", None, NOW)).await.unwrap();
        opened.database.ping().await.unwrap();
        fault(&opened.path());
        let error = keys.insert(&Key::new("s:2", None, NOW)).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Unavailable, "{name}");
        assert!(error.to_string().contains("was removed, replaced or emptied"), "{error}");
        assert!(opened.database.ping().await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn restored_file_is_written_again() {
    let opened = SqliteFile::open().await;
    let (path, away) = (opened.path(), opened.path().with_extension("away"));
    fs::rename(&path, &away).unwrap();
    assert!(opened.database.ping().await.is_err());
    fs::rename(&away, &path).unwrap();
    opened.database.ping().await.unwrap();
    opened.storage().keys.insert(&Key::new("s:1", None, NOW)).await.unwrap();
}

#[tokio::test]
async fn truncated_file_is_an_error_and_does_not_kill_the_process() {
    let opened = SqliteFile::with_readers(1).await;
    let keys = opened.storage().keys;
    for number in 0..50 {
        let data = KeyData::from_text("x".repeat(60_000));
        let key = Key { data, ..Key::new(format!("s:{number}"), None, NOW) };
        keys.insert(&key).await.unwrap();
    }
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    opened.connection().query_row(checkpoint, [], |_| Ok(())).unwrap();
    let file = fs::OpenOptions::new().write(true).open(opened.path()).unwrap();
    file.set_len(8192).unwrap();
    let mut failed = 0;
    for number in 0..50 {
        if let Err(error) = keys.find(&format!("s:{number}")).await {
            assert_eq!(error.kind, StorageErrorKind::Unavailable, "{error}");
            failed += 1;
        }
    }
    assert!(failed > 0);
}

#[tokio::test]
async fn ping_writes() {
    let opened = SqliteFile::open().await;
    let length = || fs::metadata(wal_path(&opened.path())).unwrap().len();
    let before = length();
    opened.database.ping().await.unwrap();
    assert!(length() > before);
}

#[tokio::test]
async fn write_ahead_log_is_truncated_after_a_long_read() {
    let opened = SqliteFile::open().await;
    let keys = opened.storage().keys;
    keys.insert(&Key::new("s:first", None, NOW)).await.unwrap();
    let reader = opened.connection();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM crossauth_keys").unwrap();
    for number in 0..200 {
        let data = KeyData::from_text("x".repeat(60_000));
        let key = Key { data, ..Key::new(format!("s:{number}"), None, NOW) };
        keys.insert(&key).await.unwrap();
    }
    let length = || fs::metadata(wal_path(&opened.path())).unwrap().len();
    assert!(length() > 8 << 20, "{}", length());
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    for number in 0..3 {
        keys.insert(&Key::new(format!("s:after{number}"), None, NOW)).await.unwrap();
    }
    assert!(length() <= 4 << 20, "{}", length());
}

#[tokio::test]
async fn errors_have_no_repeated_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    fs::write(&path, "This is no database. ".repeat(1000)).unwrap();
    let error = crossauth_storage_sql::sqlite::open(&path).await.unwrap_err();
    let mut chain = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        chain.push(error.to_string());
        source = error.source();
    }
    let chain = chain.join(": ");
    assert_eq!(chain.matches("file is not a database").count(), 1, "{chain}");
}
