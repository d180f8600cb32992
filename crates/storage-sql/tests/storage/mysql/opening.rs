//! Opening a database.

use crossauth_core::storage::StorageErrorKind;
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::database::{Database as _, Statement};
use crossauth_storage_sql::mysql::{self, Mysql, Options};
use crossauth_storage_sql::{OpenError, TableMap};
use crossauth_testkit::mysql::server;
use crossauth_testkit::storage::create_user;

use super::MysqlDatabase;
use crate::opened::Driver as _;

/// Each statement that changes the schema commits.
#[tokio::test]
async fn interrupted_migration_is_resumed_at_the_next_start() {
    for left in [
        "DROP TABLE crossauth_audit_marks, crossauth_user_secrets, crossauth_keys;
         DELETE FROM crossauth_locks WHERE bucket > 100;
         DELETE FROM crossauth_schema WHERE tables IN ('audit', 'accounts', 'protection');",
        "DELETE FROM crossauth_schema WHERE tables = 'accounts';",
        "DELETE FROM crossauth_schema;",
        "DROP TABLE crossauth_schema;",
    ] {
        let opened = MysqlDatabase::open().await;
        let bob = NewUser::named("bob");
        create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
        opened.sql(left);
        let resumed = mysql::open(&opened.place).await.unwrap();
        resumed.ping().await.unwrap();
        let storage = resumed.storage();
        assert!(storage.users.find_by_username("bob").await.unwrap().is_some(), "{left}");
        assert!(storage.audit.marks().await.is_ok(), "{left}");
        create_user(&storage, &NewUser::named("eve"), &UserSecrets::default()).await;
    }
}

#[tokio::test]
async fn statement_of_a_migration_may_be_repeated() {
    let opened = MysqlDatabase::open().await;
    for statement in [
        "ALTER TABLE crossauth_users ADD COLUMN created BIGINT",
        "CREATE INDEX crossauth_users_by_admin ON crossauth_users (admin)",
        "CREATE TABLE crossauth_users (id BIGINT)",
        "ALTER TABLE crossauth_users DROP COLUMN nothing",
    ] {
        let again = opened
            .database
            .database()
            .transaction(Statement::new(statement), |transaction, statement| {
                transaction.execute(statement, &[])
            });
        assert_eq!(again.await.unwrap(), 0, "{statement}");
    }
}

#[tokio::test]
async fn plan_of_a_migration_says_what_it_changes_and_changes_nothing() {
    let url = server().empty_database();
    let plan = async || Options::default().plan(&url).await;
    let before = plan().await.unwrap();
    let names: Vec<_> = before.groups.iter().map(|group| group.name).collect();
    assert_eq!(names, ["schema", "outbox", "protection", "audit", "accounts"]);
    assert_eq!(plan().await.unwrap(), before);
    let opened = MysqlDatabase::open_at(url.clone(), TableMap::crossauth()).await;
    assert!(plan().await.unwrap().is_empty());
    opened.sql("DELETE FROM crossauth_schema WHERE tables = 'audit'");
    let interrupted = plan().await.unwrap();
    let [audit] = &*interrupted.groups else { panic!("{interrupted:?}") };
    assert_eq!((audit.name, audit.from), ("audit", 0));
    opened.sql("INSERT INTO crossauth_schema (tables, version) VALUES ('accounts', 1000)");
    let error = plan().await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
}

#[tokio::test]
async fn plan_of_a_migration_is_refused_to_users_who_may_not_make_it() {
    let url = server().empty_database();
    let database = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    let guest = format!("guest_{database}");
    server()
        .execute(&url, &format!("CREATE USER {guest}; GRANT SELECT ON {database}.* TO {guest}"));
    let as_guest = server().url(&guest, database);
    let error = Options::default().plan(&as_guest).await.unwrap_err().to_string();
    assert!(error.contains(&format!("the user {guest}@")), "{error}");
    assert!(error.ends_with(&format!("may not create tables in {database}")), "{error}");
    for granted in [format!("CREATE ON {database}.*"), "CREATE ON *.*".to_owned()] {
        server().execute(&url, &format!("GRANT {granted} TO {guest}"));
        assert!(!Options::default().plan(&as_guest).await.unwrap().is_empty());
        server().execute(&url, &format!("REVOKE {granted} FROM {guest}"));
    }
}

#[tokio::test]
async fn server_that_does_not_answer_is_unavailable() {
    let error = mysql::open("mysql://app@localhost/app?socket=/nowhere/socket").await.unwrap_err();
    let OpenError::Storage(error) = error else { panic!("{error}") };
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn ping_fails_on_a_read_only_database() {
    let opened = MysqlDatabase::of_upstream(&Mysql::CROSSAUTHJS).await;
    opened.database.ping().await.unwrap();
    let database = opened.place.split('?').next().unwrap().rsplit('/').next().unwrap();
    opened.sql(&format!(
        "CREATE USER reader_{database}; GRANT SELECT ON {database}.* TO reader_{database}"
    ));
    let url = server().url(&format!("reader_{database}"), database);
    let read_only = MysqlDatabase::open_at(url, TableMap::crossauthjs()).await;
    let error = read_only.database.ping().await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn pool_of_an_application_may_open_the_connections() {
    let opts = mysql_async::Opts::from_url(&server().empty_database()).unwrap();
    let pooled = |opts: mysql_async::OptsBuilder| {
        let pool = mysql_async::Pool::new(opts.prefer_socket(false));
        Options { connections: 1, ..Options::default() }.open_with(move || {
            let pool = pool.clone();
            async move { Ok(pool.get_conn().await?) }
        })
    };
    let opts = mysql_async::OptsBuilder::from_opts(opts);
    let opened = pooled(opts.clone().client_found_rows(true)).await.unwrap();
    create_user(&opened.storage(), &NewUser::named("bob"), &UserSecrets::default()).await;
    opened.ping().await.unwrap();
    let error = pooled(opts).await.unwrap_err();
    let OpenError::Storage(error) = error else { panic!("{error}") };
    assert_eq!(error.kind, StorageErrorKind::Bug, "they count changed rows, not matched ones");
}
