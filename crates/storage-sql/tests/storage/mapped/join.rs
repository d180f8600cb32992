//! Tables whose columns are further fields of users.

use crossauth_core::storage::{Change, Effects, Guard, StorageErrorKind, UserQuery};
use crossauth_core::user::{NewUser, StateChecks, User, UserId, UserSecrets, UserUpdate};
use crossauth_storage_sql::{OpenWarning, TableMap};
use crossauth_testkit::storage::{change_user, create_user};
use crossauth_testkit::upstream::{ACCOUNTS, Preset, TOKENS, Upstream};
use serde_json::{Map, Value, json};

use crate::opened::{Driver, Opened};
use crate::upstream;

/// Bob lives in one city, Änne is listed twice, the others have no row.
const PROFILES: &str = "
    CREATE TABLE profile (id integer, userid integer, city varchar(64), rank_in_club integer,
                          username varchar(64), admin integer);
    INSERT INTO profile VALUES (70, 7, 'Wien', 3, 'root', 1), (80, 8, 'Graz', NULL, NULL, NULL),
                               (81, 8, 'Graz', NULL, NULL, NULL);";

async fn open<D: Driver>() -> Opened<D> {
    let upstream = Upstream { preset: Preset::TypeScript, engine: D::ENGINE };
    let joins = ["profile", "usersecrets"].map(|table| (table.to_owned(), "userid".to_owned()));
    let map = TableMap { joins: joins.to_vec(), ..upstream::table_map(upstream) };
    Opened::<D>::mapped(map, &format!("{}{PROFILES}", upstream::sql(upstream))).await
}

async fn user(opened: &Opened<impl Driver>, id: i64) -> User {
    let found = opened.storage().users.find_by_id(&UserId::Integer(id)).await.unwrap().unwrap();
    found.regardless_of_state().0
}

fn fields(fields: &Value) -> Map<String, Value> {
    fields.as_object().unwrap().clone()
}

async fn set(opened: &Opened<impl Driver>, id: i64, extra: &Value) {
    let user = UserUpdate { extra: fields(extra), ..UserUpdate::default() };
    let change = Change { user, ..Change::default() };
    change_user(&opened.storage(), &UserId::Integer(id), &change).await;
}

pub(crate) async fn columns_of_joined_tables_are_fields<D: Driver>() {
    let opened = open::<D>().await;
    assert_eq!(user(&opened, 7).await.extra["city"], "Wien");
    assert_eq!(user(&opened, 8).await.extra["city"], "Graz");
    assert_eq!(user(&opened, 9).await.extra.get("city"), None);
    let session = format!("s:{}", TOKENS[0].hash);
    let session = opened.storage().sessions.find(&session).await.unwrap().unwrap();
    let (_, bob) = session.admit_in_any_epoch(StateChecks::ALL).unwrap();
    assert_eq!(bob.unwrap().extra["city"], "Wien");

    let query = UserQuery { limit: 50, ..UserQuery::default() };
    let listed = opened.storage().users.list(&query).await.unwrap().users;
    assert_eq!(listed.len(), ACCOUNTS.len(), "each user once");
    let query = UserQuery { search: Some("bob"), limit: 50, ..UserQuery::default() };
    let found = opened.storage().users.list(&query).await.unwrap().users;
    assert_eq!(found[0].extra["rank_in_club"], 3);

    set(&opened, 7, &json!({ "city": "Rom", "phone": "1" })).await;
    let bob = user(&opened, 7).await.extra;
    assert_eq!(
        (&bob["city"], &bob["phone"], &bob["rank_in_club"]),
        (&json!("Rom"), &json!("1"), &json!(3))
    );
    set(&opened, 9, &json!({ "rank_in_club": 9 })).await;
    assert_eq!(user(&opened, 9).await.extra["rank_in_club"], 9);
    set(&opened, 9, &json!({ "rank_in_club": null })).await;
    assert_eq!(user(&opened, 9).await.extra.get("rank_in_club"), None);
    let new = NewUser { extra: fields(&json!({ "city": "Oslo" })), ..NewUser::named("zoe") };
    let zoe = create_user(&opened.storage(), &new, &UserSecrets::default()).await;
    assert_eq!(zoe.extra["city"], "Oslo");

    let update = UserUpdate { extra: fields(&json!({ "zip": "1" })), ..UserUpdate::default() };
    let change = Change { user: update, ..Change::default() };
    let error = opened.storage().users.change(&zoe.id, &change).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Corrupt);
    let users = &opened.storage().users;
    users.delete(&zoe.id, Guard::None, &Effects::default()).await.unwrap();
    opened.sql("INSERT INTO users (id, username, username_normalized) VALUES (99, 'a', 'a')");
    opened
        .sql(&format!("UPDATE profile SET userid = 99 WHERE city = 'Oslo' OR userid = {}", zoe.id));
    assert_eq!(user(&opened, 99).await.extra.get("city"), None, "its row was deleted, too");
}

pub(crate) async fn joined_columns_never_replace_those_of_users<D: Driver>() {
    let opened = open::<D>().await;
    let bob = user(&opened, 7).await;
    assert_eq!((bob.username.as_str(), bob.admin), ("Bob", false));
    assert!(!bob.extra.contains_key("username") && !bob.extra.contains_key("admin"));
    assert_eq!(bob.id, UserId::Integer(7));
    for column in ["username", "admin"] {
        let expected = OpenWarning::JoinedColumn { table: "profile".into(), column: column.into() };
        assert!(opened.database.warnings().contains(&expected), "{:?}", opened.database.warnings());
    }
}
