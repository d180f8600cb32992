//! Databases of upstream.

use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_storage_sql::postgres::Postgres;
use crossauth_testkit::storage::create_user;
use serde_json::json;

use super::PostgresSchema;
use crate::foreign::{Schema, ddl};
use crate::opened::Driver as _;

#[tokio::test]
async fn application_columns_of_many_types_are_fields() {
    let columns = "\"first name\" text, \"why?\" text, born date, seen timestamptz, rating numeric,
        profile jsonb, token uuid, photo bytea, address inet, tags text[], grid integer[],
        woken time, pause interval, mood mood, period daterange, spot point, few few,";
    let schema = Schema { columns, ..Postgres::CROSSAUTHJS };
    let types = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN few AS smallint[];";
    let ddl = format!("{types}{}", ddl::<Postgres>(&schema));
    let opened = PostgresSchema::mapped(TableMap::crossauthjs(), &ddl).await;
    let users = opened.storage().users;
    let extra = json!({
        "first name": "Bob", "why?": "because", "rating": 12_000_345,
        "profile": "{\"a\":1}", "token": "00112233-4455-6677-8899-aabbccddeeff",
    });
    let bob = NewUser { extra: extra.as_object().unwrap().clone(), ..NewUser::named("bob") };
    create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    opened.sql(
        "UPDATE users SET born = '2001-02-03', seen = '2026-01-01 00:00:00+00',
             photo = 'x', address = '::1', tags = '{a,\"b c\",NULL}', grid = '{{1,2},{3,4}}',
             woken = '07:00', pause = '1 day', mood = 'ok', period = '[2026-01-01,2026-02-01)',
             spot = '(1,2)', few = '{7}'",
    );
    let (bob, _) = users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
    let read = serde_json::Value::Object(bob.extra);
    let expected = json!({
        "first name": "Bob", "why?": "because", "rating": 12_000_345,
        "profile": "{\"a\": 1}", "token": "00112233-4455-6677-8899-aabbccddeeff",
        "born": "2001-02-03", "seen": "2026-01-01T00:00:00Z", "photo": "x",
        "address": "::1", "tags": ["a", "b c", null], "grid": [[1, 2], [3, 4]],
        "woken": "07:00:00", "pause": "1 day", "mood": "ok", "few": [7],
        "period": "[2026-01-01,2026-02-01)", "spot": "(1,2)",
    });
    assert_eq!(read, expected);
    let columns = opened.database.user_columns();
    assert!(columns.contains(&"address") && !columns.contains(&"username"), "{columns:?}");
}
