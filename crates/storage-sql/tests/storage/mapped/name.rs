//! Names of tables and columns.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{Deleted, Effects, Guard};
use crossauth_core::user::{NewUser, UserId, UserSecrets};
use crossauth_testkit::storage::create_user;
use crossauth_testkit::upstream::{KEYS, Upstream};

use crate::opened::{Driver, Opened};
use crate::upstream;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Also names in another case than that of the tables, as where they are written without quotes.
pub(crate) async fn every_table_and_column_may_have_another_name<D: Driver>() {
    for upstream in Upstream::on(D::ENGINE) {
        let tables = upstream.tables();
        let new = ["People", "people_secrets", "people_KEYS", "ApiTokens"];
        let mut renames = Vec::new();
        for (table, new) in tables.iter().zip(new) {
            renames.push(format!("ALTER TABLE {table} RENAME TO {};", D::quoted(new)));
        }
        renames.push(format!("ALTER TABLE {} RENAME COLUMN id TO person;", D::quoted(new[0])));
        for table in &new[1..] {
            let table = D::quoted(table);
            renames.push(format!("ALTER TABLE {table} RENAME COLUMN userid TO owner;"));
        }
        let sql = format!("{}{}", upstream::sql(upstream), renames.concat());
        let mut map = upstream::table_map(upstream);
        map.users.table = "people".into();
        map.users.id = "PERSON".into();
        map.secrets.table = "people_secrets".into();
        map.secrets.userid = "owner".into();
        map.keys.table = "People_Keys".into();
        map.keys.userid = "owner".into();
        let api_keys = map.api_keys.as_mut().unwrap();
        api_keys.table = "apitokens".into();
        api_keys.userid = "owner".into();
        let opened = Opened::<D>::mapped(map, &sql).await;
        let (users, keys) = (&opened.storage().users, &opened.storage().keys);
        let bob = users.find_by_username("bob").await.unwrap().unwrap();
        let (bob, secrets) = bob.regardless_of_state();
        assert_eq!(bob.id, UserId::Integer(7));
        assert_eq!(secrets.password.as_deref(), Some(upstream.preset.password_hash()));
        let listed = keys.list_for_user(Some(&bob.id), KeyPrefix::ApiKey, None, 9).await.unwrap();
        let expected = KEYS.iter().filter(|key| key.owner == Some(7) && key.name.is_some());
        assert_eq!(listed.len(), expected.count());
        let zoe =
            create_user(&opened.storage(), &NewUser::named("zoe"), &UserSecrets::default()).await;
        keys.insert(&Key::new("s:1", Some(zoe.id.clone()), NOW)).await.unwrap();
        assert!(opened.storage().sessions.find("s:1").await.unwrap().is_some());
        let deleted = users.delete(&zoe.id, Guard::None, &Effects::default()).await.unwrap();
        assert!(matches!(deleted, Deleted::Done(_)), "{deleted:?}");
        assert_eq!(keys.find("s:1").await.unwrap(), None);
    }
}
