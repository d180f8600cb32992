//! How times are stored.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_storage_sql::{TableMap, TimeEncoding};
use crossauth_testkit::upstream::Engine;

use crate::opened::{Driver, Opened};
use crate::upstream::purge;

/// 2026-01-01T00:00:00.123Z
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);
const DAY: Duration = Duration::from_hours(24);

async fn open<D: Driver>(sql_type: &str, encoding: TimeEncoding, rows: &str) -> Opened<D> {
    let keys = D::quoted("keys");
    let sql = format!(
        "CREATE TABLE users (
             id integer PRIMARY KEY, username varchar(128), state varchar(32), factor1 varchar(32)
         );
         CREATE TABLE usersecrets (userid integer, password varchar(255));
         CREATE TABLE {keys} (
             value varchar(128) UNIQUE, userid integer NULL, created {sql_type}, expires {sql_type},
             lastactive {sql_type}
         );
         {}",
        rows.replace("keys", &keys)
    );
    let zone = Some("Europe/Vienna".to_owned());
    let map = TableMap { times: encoding, time_zone: zone, ..TableMap::crossauthjs() };
    Opened::<D>::mapped(map, &sql).await
}

/// The types, with the form of their values and their precision in milliseconds.
fn types(engine: Engine) -> Vec<(&'static str, TimeEncoding, u64)> {
    use TimeEncoding::{Millis, Seconds};
    let mut types = vec![
        ("bigint", Millis, 1),
        ("bigint", Seconds, 1000),
        ("double precision", Seconds, 1),
        ("varchar(64)", Seconds, 1),
        ("varchar(64)", Millis, 1),
    ];
    match engine {
        Engine::Sqlite => types.extend([("datetime", Seconds, 1), ("datetime", Millis, 1)]),
        Engine::Postgres => types.extend([
            ("timestamp", Seconds, 1),
            ("timestamptz", Millis, 1),
            ("numeric(20, 3)", Millis, 1),
            ("text", Seconds, 1),
        ]),
        Engine::Mysql => types.extend([
            ("datetime(6)", Seconds, 1),
            ("datetime(3)", Millis, 1),
            ("timestamp(3) NULL", Millis, 1),
            ("longtext", Millis, 1),
        ]),
    }
    types
}

pub(crate) async fn times_in_every_form_are_compared_and_read_back<D: Driver>() {
    for (sql_type, encoding, precision) in types(D::ENGINE) {
        let opened = open::<D>(sql_type, encoding, "").await;
        let (keys, case) = (&opened.storage().keys, format!("{sql_type} {encoding:?}"));
        let about = |time: Option<Timestamp>, expected: Timestamp| {
            let time = time.unwrap();
            assert!(time <= expected, "{case}: {time:?} is later than {expected:?}");
            assert!(expected - Duration::from_millis(precision) < time, "{case}: {time:?}");
        };
        for (value, created) in [("s:1", NOW), ("s:2", NOW + DAY), ("s:3", NOW + DAY * 200)] {
            let expires = Some(created + DAY * 3);
            keys.insert(&Key { expires, ..Key::new(value, None, created) }).await.unwrap();
            let found = keys.find(value).await.unwrap().unwrap();
            about(Some(found.created), created);
            about(found.expires, created + DAY * 3);
        }
        let listed = keys.list_for_user(None, KeyPrefix::Session, None, 9).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|key| key.value.as_str()).collect();
        assert_eq!(listed, ["s:3", "s:2", "s:1"], "{case}");
        assert!(keys.any_created(NOW - DAY, NOW + DAY / 2).await.unwrap(), "{case}");
        assert!(!keys.any_created(NOW - DAY * 9, NOW - DAY).await.unwrap(), "{case}");
        keys.touch("s:1", NOW).await.unwrap();
        keys.touch("s:1", NOW + Duration::from_secs(90)).await.unwrap();
        keys.touch("s:1", NOW + Duration::from_mins(1)).await.unwrap();
        let touched = keys.find("s:1").await.unwrap().unwrap().lastactive;
        about(touched, NOW + Duration::from_secs(90));
        assert_eq!(keys.purge(NOW + DAY * 2, 9).await.unwrap(), 0, "{case}");
        // Text is kept for another day, because it may have a time zone of its own.
        assert_eq!(purge(&opened.storage(), NOW + DAY * 5 + DAY / 2).await, 2, "{case}");
        assert!(keys.find("s:3").await.unwrap().is_some(), "{case}");
    }
}

pub(crate) async fn local_times_follow_the_clock_changes_of_their_zone<D: Driver>() {
    let types: &[&str] = match D::ENGINE {
        Engine::Sqlite => &["datetime", "varchar(64)"],
        Engine::Postgres => &["timestamp", "varchar(64)"],
        Engine::Mysql => &["datetime(6)", "varchar(64)"],
    };
    let time = |text: &str| -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(instant.as_millisecond())
    };
    for sql_type in types {
        let cases = [
            ("2026-01-15 12:00:00", "2026-01-15T11:00:00Z"),
            ("2026-07-15 12:00:00.5", "2026-07-15T10:00:00.5Z"),
            ("2026-03-29 01:59:59", "2026-03-29T00:59:59Z"),
            // There is no such time of day: clocks go forward.
            ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
            ("2026-03-29 03:00:00", "2026-03-29T01:00:00Z"),
            // There are two such times: the first is meant.
            ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
            ("2026-10-25 03:00:00", "2026-10-25T02:00:00Z"),
        ];
        let row = |(local, _): &(&str, &str)| {
            format!("INSERT INTO keys (value, created) VALUES ('s:{local}', '{local}');")
        };
        let rows: Vec<String> = cases.iter().map(row).collect();
        let opened = open::<D>(sql_type, TimeEncoding::Seconds, &rows.concat()).await;
        let keys = &opened.storage().keys;
        for (local, utc) in cases {
            let found = keys.find(&format!("s:{local}")).await.unwrap().unwrap();
            assert_eq!(found.created, time(utc), "{sql_type} {local}");
        }
        // What is written on the day of a change, outside the hour that comes twice.
        for utc in ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-10-25T02:30:00Z"] {
            let key = Key::new(utc, None, time(utc));
            keys.insert(&key).await.unwrap();
            assert_eq!(keys.find(utc).await.unwrap(), Some(key), "{sql_type} {utc}");
        }
    }
}
