//! Databases of upstream, for every database.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::StorageErrorKind;
use crossauth_core::user::UserId;
use crossauth_storage_sql::{OpenWarning, TableMap};
use crossauth_testkit::conformance::{KEY_FIELDS, USER_FIELDS};

use crate::guide;
use crate::opened::{Driver, Opened};
use crate::server::Server;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

/// Differences between the schemas of upstream.
pub(crate) struct Schema {
    pub(crate) tables: fn() -> TableMap,
    pub(crate) names: [&'static str; 3],
    pub(crate) id: &'static str,
    pub(crate) userid: &'static str,
    pub(crate) time: &'static str,
    pub(crate) state: &'static str,
    pub(crate) email: &'static str,
    /// Further columns of users, each with a comma.
    pub(crate) columns: &'static str,
}

impl Schema {
    /// Tables of Crossauth for Python.
    pub(crate) const fn python(id: &'static str, time: &'static str) -> Self {
        Self {
            tables: TableMap::pycrossauth,
            names: ["User", "UserSecrets", "Key"],
            id,
            userid: "integer",
            time,
            state: "varchar(255) DEFAULT 'active'",
            email: "varchar(128) UNIQUE",
            columns: "admin boolean,",
        }
    }

    /// Tables of Crossauth for TypeScript.
    pub(crate) const fn typescript(
        id: &'static str,
        userid: &'static str,
        time: &'static str,
    ) -> Self {
        Self {
            tables: TableMap::crossauthjs,
            names: ["users", "usersecrets", "keys"],
            userid,
            ..Self::python(id, time)
        }
    }

    /// Without columns of users that upstream need not have.
    pub(crate) const fn minimal(self) -> Self {
        Self { columns: "", ..self }
    }
}

impl<D: Driver> Opened<D> {
    pub(crate) async fn of_upstream(schema: &Schema) -> Self {
        Self::mapped((schema.tables)(), &ddl::<D>(schema)).await
    }
}

pub(crate) fn ddl<D: Driver>(schema: &Schema) -> String {
    let Schema { id, userid, time, state, email, columns, .. } = schema;
    let [users, secrets, keys] = schema.names.map(D::quoted);
    let fields = |fields: &[(&str, &str)]| {
        fields.iter().fold(String::new(), |all, (name, ty)| format!("{all}, {name} {ty}"))
    };
    let (user_fields, key_fields) = (fields(&USER_FIELDS), fields(&KEY_FIELDS));
    let (serial, text, collate, options) = (D::SERIAL, D::TEXT, D::COLLATE, D::TABLE_OPTIONS);
    format!(
        "CREATE TABLE {users} (
            id {id}, {columns}
            username varchar(128) NOT NULL UNIQUE,
            username_normalized varchar(128) {collate} UNIQUE,
            email {email}, email_normalized varchar(128) UNIQUE,
            state {state},
            factor1 varchar(255) DEFAULT 'password', factor2 varchar(255) DEFAULT '' {user_fields}
        ) {options};
        CREATE TABLE {secrets} (
            userid {userid} UNIQUE,
            password varchar(256) NOT NULL, totpsecret varchar(256) DEFAULT '',
            FOREIGN KEY (userid) REFERENCES {users} (id)
        ) {options};
        CREATE TABLE {keys} (
            id {serial}, value {text} NOT NULL UNIQUE, userid {userid} NULL,
            created {time}, expires {time}, lastactive {time}, data text {key_fields},
            FOREIGN KEY (userid) REFERENCES {users} (id)
        ) {options};
        CREATE TABLE {api_keys} (
            id {serial}, name varchar(128) NOT NULL, value {text} NOT NULL UNIQUE,
            userid {userid} NULL, created {time}, expires {time}, data text, UNIQUE (userid, name),
            FOREIGN KEY (userid) REFERENCES {users} (id)
        ) {options};",
        api_keys = D::quoted("ApiKey"),
    )
}

pub(crate) async fn names_that_are_addresses_of_others_are_found_by_the_query_of_the_guide<
    D: Driver,
>() {
    for schema in [&D::PYCROSSAUTH, &D::CROSSAUTHJS] {
        let opened = Opened::<D>::of_upstream(schema).await;
        let users = &D::quoted(schema.names[0]);
        for (id, username, email) in guide::USERS {
            let id = match schema.userid {
                "uuid" => format!("'00000000-0000-0000-0000-00000000000{id}'"),
                _ => id.to_string(),
            };
            opened.sql(&format!(
                "INSERT INTO {users} (id, username, email) VALUES ({id}, '{username}', {email})"
            ));
        }
        let found = guide::ambiguous_names(opened.database.database(), users).await;
        assert_eq!(found, guide::expected());
    }
}

pub(crate) async fn local_times_are_in_the_zone_of_the_map<S: Server>() {
    let opened = Opened::<S>::of_upstream(&S::PYCROSSAUTH).await;
    opened.storage().keys.insert(&Key::new("s:1", None, NOW)).await.unwrap();
    let tables = TableMap::pycrossauth();
    let without = Opened::<S>::open_at(opened.place.clone(), tables.clone()).await;
    assert!(matches!(without.database.warnings(), [OpenWarning::TimeZone { .. }]));
    let tables = TableMap { time_zone: Some("+02:00".into()), ..tables };
    let with = Opened::<S>::open_at(opened.place.clone(), tables).await;
    assert_eq!(with.database.warnings(), []);
    let keys = with.storage().keys;
    let created = keys.find("s:1").await.unwrap().unwrap().created;
    assert_eq!(NOW.as_millis() - created.as_millis(), 2 * 3_600_000);
    keys.insert(&Key { expires: Some(NOW), ..Key::new("s:2", None, NOW) }).await.unwrap();
    assert_eq!(keys.find("s:2").await.unwrap().unwrap().created, NOW);
    assert_eq!(keys.purge(NOW, 10).await.unwrap(), 0);
    let later = Timestamp::from_millis(NOW.as_millis() + 1);
    assert_eq!(keys.purge(later, 10).await.unwrap(), 1);
}

pub(crate) async fn invalid_uuid_identifies_no_user<S: Server>() {
    let opened = Opened::<S>::of_upstream(&S::CROSSAUTHJS).await;
    let users = opened.storage().users;
    for id in [UserId::Text("bob".into()), UserId::Text(String::new()), UserId::Integer(7)] {
        assert_eq!(users.find_by_id(&id).await.unwrap(), None);
        let key = Key::new("s:1", Some(id), NOW);
        let error = opened.storage().keys.insert(&key).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Corrupt);
    }
}

pub(crate) async fn numeric_ids_identify_users<S: Server>() {
    let schema = Schema { id: "numeric(20) PRIMARY KEY", userid: "numeric(20)", ..S::CROSSAUTHJS };
    let opened = Opened::<S>::of_upstream(&schema).await;
    opened.sql(
        "INSERT INTO users (id, username, username_normalized)
             VALUES (12345678901234567, 'Bob', 'bob')",
    );
    let opened = Opened::<S>::open_at(opened.place, TableMap::crossauthjs()).await;
    let key = Key::new("s:1", Some(UserId::Integer(12_345_678_901_234_567)), NOW);
    opened.storage().keys.insert(&key).await.unwrap();
    assert!(opened.storage().sessions.find("s:1").await.unwrap().is_some());
}
