//! The index of the sessions of a user, and the time to live of what is in Redis.

use std::time::Duration;

use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{Effects, Guard, Storage};
use crossauth_core::user::UserId;
use crossauth_testkit::redis::Server;

use crate::site::{HOUR, NOW, Site, begin, create_bob, session, start};

async fn listed(storage: &Storage, owner: &UserId) -> Vec<String> {
    let keys = storage.keys.list_for_user(Some(owner), KeyPrefix::Session, None, 100).await;
    keys.unwrap().into_iter().map(|key| key.value).collect()
}

fn own_server() -> Server {
    Server::start(&["--save", "", "--appendonly", "no"])
}

fn seconds_left(server: &Server, name: &str) -> i64 {
    server.execute(&["TTL", name]).parse().unwrap()
}

#[tokio::test]
async fn everything_in_redis_ends_by_itself() {
    let server = own_server();
    let site = Site::open(&server.url(), "crossauth:").await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    storage.keys.insert(&session("s:2", None)).await.unwrap();
    let index = format!("crossauth:u:i{}", bob.id);
    for name in ["crossauth:s:1", "crossauth:s:2", &index] {
        let left = seconds_left(&server, name);
        assert!((3500..=3600).contains(&left), "{name}: {left}");
    }
    // One that lives longer keeps the index; one that never expires keeps it for good.
    let long = Key { expires: Some(NOW + 2 * HOUR), ..session("s:3", Some(&bob.id)) };
    storage.sessions.start(start(&long, None)).await.unwrap();
    begin(&storage, "s:4", &bob.id).await;
    assert!(seconds_left(&server, &index) > 7000);
    let endless = Key { expires: None, ..session("s:5", Some(&bob.id)) };
    storage.sessions.start(start(&endless, None)).await.unwrap();
    begin(&storage, "s:6", &bob.id).await;
    assert_eq!(seconds_left(&server, &index), -1);
    assert_eq!(seconds_left(&server, "crossauth:s:5"), -1);
}

#[tokio::test]
async fn index_has_no_sessions_that_have_ended() {
    let server = own_server();
    let site = Site::open(&server.url(), "crossauth:").await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    let index = format!("crossauth:u:i{}", bob.id);
    let entries = || server.execute(&["ZCARD", &index]);
    for value in ["s:1", "s:2", "s:3"] {
        begin(&storage, value, &bob.id).await;
    }
    assert_eq!(listed(&storage, &bob.id).await, ["s:3", "s:2", "s:1"]);
    storage.keys.delete("s:1").await.unwrap();
    let key = session("s:4", Some(&bob.id));
    storage.sessions.start(start(&key, Some("s:2"))).await.unwrap();
    assert_eq!(entries(), "2");
    // One that Redis has deleted.
    server.execute(&["DEL", "crossauth:s:3"]);
    assert_eq!(listed(&storage, &bob.id).await, ["s:4"]);
    assert_eq!(entries(), "1");
    // A session that begins later removes those that have expired by then.
    let later = Key::new("s:5", Some(bob.id.clone()), NOW + 2 * HOUR);
    storage.sessions.start(start(&later, None)).await.unwrap();
    assert_eq!(entries(), "1");
    storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    assert_eq!(server.execute(&["EXISTS", &index, "crossauth:s:5"]), "0");
}

#[tokio::test]
async fn many_sessions_are_listed_in_pages() {
    let server = own_server();
    let site = Site::open(&server.url(), "crossauth:").await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    for number in 0..250_u64 {
        let created = NOW + Duration::from_millis(number / 3);
        let key = Key { created, ..session(&format!("s:{number:03}"), Some(&bob.id)) };
        storage.keys.insert(&key).await.unwrap();
    }
    let (mut seen, mut last): (Vec<String>, Option<Key>) = (Vec::new(), None);
    loop {
        let after = last.as_ref().map(Into::into);
        let keys = storage.keys.list_for_user(Some(&bob.id), KeyPrefix::Session, after, 60).await;
        let page = keys.unwrap();
        let Some(end) = page.last() else { break };
        last = Some(end.clone());
        seen.extend(page.into_iter().map(|key| key.value));
    }
    let all: Vec<String> = (0..250).rev().map(|number| format!("s:{number:03}")).collect();
    assert_eq!(seen, all);
}
