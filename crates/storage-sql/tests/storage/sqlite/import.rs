//! Imports from SQLite.

use std::path::{Path, PathBuf};

use crossauth_core::key::Key;
use crossauth_core::storage::UserQuery;
use crossauth_core::user::{NewUser, UserId, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_storage_sql::import::{Finding, ImportError, Part, Source};
use crossauth_storage_sql::sqlite::{self, Options};
use crossauth_testkit::storage::create_user;
use crossauth_testkit::upstream::{Engine, Preset, Upstream};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::import::{count, everything_is_imported, findings, import, run};
use crate::upstream;

/// A file of upstream.
struct Old {
    directory: TempDir,
    tables: TableMap,
}

impl Old {
    fn with(tables: TableMap, sql: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Connection::open(directory.path().join("old.db")).unwrap().execute_batch(sql).unwrap();
        Self { directory, tables }
    }

    /// Tables of Python with these rows.
    fn python(rows: &str) -> Self {
        let upstream = Upstream { preset: Preset::Python, engine: Engine::Sqlite };
        Self::with(upstream::table_map(upstream), &format!("{}{rows}", upstream.schema()))
    }

    /// Tables with a number of users and twice as many sessions.
    fn large(users: u32) -> Self {
        Self::python(&format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {users})
             INSERT INTO User (id, username, username_normalized, email, email_normalized)
                 SELECT 3 * n, 'User' || n, 'user' || n, n || '@e.example', n || '@e.example' FROM n;
             INSERT INTO UserSecrets (userid, password) SELECT id, 'hash of ' || id FROM User;
             INSERT INTO Key (value, userid, created, data)
                 SELECT 's:' || id, id, 1700000000.5, '{{}}' FROM User;
             INSERT INTO Key (value, userid, created) SELECT 'p:' || id, id, 1700000000 FROM User;"
        ))
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("old.db")
    }

    async fn source(&self) -> Source {
        let options = Options { tables: self.tables.clone(), ..Options::default() };
        options.source(self.path()).await.unwrap()
    }
}

#[tokio::test]
async fn databases_of_upstream_are_imported_and_stay_as_they_are() {
    for upstream in Upstream::on(Engine::Sqlite) {
        let old = Old::with(upstream::table_map(upstream), &upstream::sql(upstream));
        let before = std::fs::read(old.path()).unwrap();
        let source = old.source().await;
        everything_is_imported(&sqlite::memory().await.unwrap(), &source, upstream).await;
        drop(source);
        assert!(std::fs::read(old.path()).unwrap() == before);
        assert_eq!(std::fs::read_dir(old.directory.path()).unwrap().count(), 1);
    }
}

fn log_ahead(path: &Path) {
    Connection::open(path).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
}

/// Such a file is read without locks, so a change could not be seen in the numbers of rows.
#[tokio::test]
async fn import_is_not_complete_if_a_file_with_write_ahead_logging_was_changed() {
    let old = Old::large(300);
    log_ahead(&old.path());
    let (path, source) = (old.path(), old.source().await);
    let target = sqlite::memory().await.unwrap();
    let mut change = |progress: crossauth_storage_sql::import::Progress| {
        if progress.read == 250 {
            let update = "UPDATE User SET state = 'disabled' WHERE id = 3";
            Connection::open(&path).unwrap().execute_batch(update).unwrap();
        }
    };
    let summary = target.import(import(&source), &mut change).await.unwrap();
    assert!(summary.has_unread && !summary.is_complete(), "{summary:?}");
    let found = findings(&target).await;
    assert!(found.iter().any(|it| it.reason.contains("written to while it was read")), "{found:?}");
}

#[tokio::test]
async fn file_with_write_ahead_logging_gets_no_log() {
    let old = Old::large(10);
    log_ahead(&old.path());
    let before = std::fs::read(old.path()).unwrap();
    let target = sqlite::temporary().await.unwrap();
    assert_eq!(count(&run(&target, &old.source().await).await, Part::Users), (10, 10));
    assert!(std::fs::read(old.path()).unwrap() == before);
    assert_eq!(std::fs::read_dir(old.directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn interrupted_import_goes_on_without_duplicates_and_gaps() {
    let old = Old::large(1100);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.db");
    // After each batch, until it is complete.
    let mut runs = 0;
    let summary = loop {
        let (new, tables, old) = (path.clone(), old.tables.clone(), old.path());
        let task = tokio::spawn(async move {
            let options = Options { tables, ..Options::default() };
            let source = options.source(old).await.unwrap();
            let target = sqlite::open(&new).await.unwrap();
            let mut batches = 0;
            let mut stop = |_| {
                batches += 1;
                assert!(batches < 2, "stopped");
            };
            let outcome = target.import(import(&source), &mut stop).await;
            target.close().await;
            outcome.unwrap()
        });
        match task.await {
            Ok(summary) => break summary,
            Err(_) => runs += 1,
        }
        let target = sqlite::open(&path).await.unwrap();
        assert!(target.unfinished_import().await.unwrap().unwrap().contains("old.db"));
        target.close().await;
        assert!(runs < 50, "the import makes no progress");
    };
    assert!(summary.was_resumed && summary.is_complete(), "{summary:?}");
    assert!(runs > 5, "{runs}");
    assert_eq!(count(&summary, Part::Users), (1100, 1100));
    assert_eq!(count(&summary, Part::Keys), (2200, 2200));
    let target = sqlite::open(&path).await.unwrap().storage();
    for number in [1, 250, 251, 1100] {
        let id = UserId::Integer(3 * number);
        let user = target.users.find_by_id(&id).await.unwrap().unwrap();
        assert_eq!(user.regardless_of_state().0.username, format!("User{number}"));
        let session = target.keys.find(&format!("s:{id}")).await.unwrap().unwrap();
        assert_eq!(session.userid, Some(id));
    }
    let stored = Connection::open(&path).unwrap();
    let count = |table: &str| -> u32 {
        stored.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("crossauth_users"), count("crossauth_keys")), (1100, 2200));
    assert_eq!(count("crossauth_audit"), 1);
}

#[tokio::test]
async fn rows_that_cannot_be_taken_are_reported_with_the_reason() {
    let long = "n".repeat(641);
    let old = Old::python(&format!(
        "INSERT INTO User (id, username, username_normalized, email, email_normalized) VALUES
             (1, 'fish', 'fish', 'a@e.example', 'a@e.example'),
             (2, '\u{fb01}sh', '\u{fb01}sh', NULL, NULL),
             (3, 'carol', 'carol', 'a\u{ff20}e.example', 'a\u{ff20}e.example'),
             (4, '{long}', '{long}', NULL, NULL),
             (5, ' ', ' ', NULL, NULL),
             (0, 'zero', 'zero', NULL, NULL),
             (6, 'a@e.example', 'a@e.example', 'six@e.example', 'six@e.example'),
             (7, 'seven', 'seven', 'eight@e.example', 'eight@e.example'),
             (8, 'eight@e.example', 'eight@e.example', NULL, NULL);
         INSERT INTO Key (value, userid, created) VALUES ('s:of-two', 2, 1), ('s:of-one', 1, 1);"
    ));
    let target = sqlite::memory().await.unwrap();
    let summary = run(&target, &old.source().await).await;
    assert_eq!(count(&summary, Part::Users), (9, 4), "{summary:?}");
    assert_eq!(count(&summary, Part::Keys), (2, 1), "{summary:?}");
    let found = findings(&target).await;
    for (part, id, taken, reason) in [
        (Part::Users, "0", false, "its id is 0"),
        (Part::Users, "2", false, "the user \"fish\" has the same name"),
        (Part::Users, "3", false, "the user \"fish\" has the same address"),
        (Part::Users, "4", false, "its name is longer than 640 characters"),
        (Part::Users, "5", false, "its name is empty"),
        (Part::Users, "6", true, "its name is the address of the user \"fish\""),
        (Part::Users, "8", true, "its name is the address of the user \"seven\""),
        (Part::Keys, "1", false, "its owner, the user 2, was not taken"),
    ] {
        let is_it = |it: &Finding| it.part == part && it.id.as_deref() == Some(id);
        let finding = found.iter().find(|it| is_it(it)).unwrap_or_else(|| panic!("{id}"));
        assert!(finding.taken == taken && finding.reason.starts_with(reason), "{finding:?}");
    }
    assert_eq!(found.len(), 8, "{found:?}");
}

#[tokio::test]
async fn ids_that_are_not_integers_are_replaced_and_listed() {
    let old = Old::with(
        TableMap::pycrossauth(),
        "CREATE TABLE User (id TEXT PRIMARY KEY, username TEXT, username_normalized TEXT, state TEXT,
                            factor1 TEXT);
         CREATE TABLE UserSecrets (userid TEXT UNIQUE, password TEXT);
         CREATE TABLE Key (id INTEGER PRIMARY KEY, value TEXT UNIQUE, userid TEXT, created REAL,
                           expires REAL);
         INSERT INTO User VALUES ('0b5c', 'bob', 'bob', 'active', 'localpassword'),
                                 ('ffee', 'eve', 'eve', 'active', 'localpassword');
         INSERT INTO UserSecrets VALUES ('ffee', 'hash');
         INSERT INTO Key VALUES (1, 's:1', 'ffee', 1.5, NULL), (2, 's:2', '2', 1.5, NULL);",
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.db");
    let target = sqlite::open(&path).await.unwrap();
    let summary = run(&target, &old.source().await).await;
    assert_eq!(count(&summary, Part::Users), (2, 2));
    // The owner of the other one is a text that looks like the new id of a user.
    assert_eq!(count(&summary, Part::Keys), (2, 1));
    let storage = target.storage();
    let eve = storage.users.find_by_username("eve").await.unwrap().unwrap();
    let session: Key = storage.keys.find("s:1").await.unwrap().unwrap();
    assert_eq!(session.userid.as_ref(), Some(eve.id()));
    let ids = Connection::open(&path).unwrap();
    let select = "SELECT id FROM crossauth_import_ids WHERE source = 'ffee'";
    let id: i64 = ids.query_row(select, [], |row| row.get(0)).unwrap();
    assert_eq!(*eve.id(), UserId::Integer(id));
}

#[tokio::test]
async fn target_with_other_accounts_is_refused() {
    let old = Old::large(3);
    let target = sqlite::memory().await.unwrap();
    let bob = NewUser::named("bob");
    create_user(&target.storage(), &bob, &UserSecrets::default()).await;
    let source = old.source().await;
    let error = target.import(import(&source), &mut |_| ()).await.unwrap_err();
    assert!(matches!(error, ImportError::NotEmpty), "{error}");
    assert_eq!(target.storage().users.list(&UserQuery::first(9)).await.unwrap().users.len(), 1);

    let target = sqlite::memory().await.unwrap();
    run(&target, &source).await;
    let other = Old::large(3);
    let source = other.source().await;
    let error = target.import(import(&source), &mut |_| ()).await.unwrap_err();
    assert!(matches!(&error, ImportError::OtherSource { found } if found.contains("old.db")));
}

#[tokio::test]
async fn rows_of_another_program_are_noticed() {
    let old = Old::large(300);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.db");
    let target = sqlite::open(&path).await.unwrap();
    let source = old.source().await;
    let mut add = |progress: crossauth_storage_sql::import::Progress| {
        if progress.read == 250 {
            let insert = "INSERT INTO crossauth_keys (value, created, data) VALUES ('s:x', 1, '')";
            Connection::open(&path).unwrap().execute_batch(insert).unwrap();
        }
    };
    let error = target.import(import(&source), &mut add).await.unwrap_err();
    let expected = matches!(error, ImportError::Count { expected: 600, found: 601, .. });
    assert!(expected, "{error}");
}

#[tokio::test]
async fn import_is_not_complete_if_rows_of_the_source_were_not_read() {
    let old = Old::large(300);
    let (path, source) = (old.path(), old.source().await);
    let target = sqlite::memory().await.unwrap();
    let mut add = |progress: crossauth_storage_sql::import::Progress| {
        if progress.read == 250 {
            let insert =
                "INSERT INTO User (id, username, username_normalized, email, email_normalized)
                          VALUES (1, 'late', 'late', NULL, NULL)";
            Connection::open(&path).unwrap().execute_batch(insert).unwrap();
        }
    };
    let summary = target.import(import(&source), &mut add).await.unwrap();
    assert!(summary.has_unread && !summary.is_complete(), "{summary:?}");
    let again = run(&target, &source).await;
    assert!(again.was_complete && !again.is_complete(), "{again:?}");
    let found = findings(&target).await;
    assert!(found.iter().any(|it| it.reason.contains("but there are 301")), "{found:?}");
}
